"""The charter: nothing is in force that is not proven, by the floors of this package, and what its signers signed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
import sqlalchemy as sa

from rambarde.guard.policy.bundle import Bundle
from rambarde.guard.policy.catalogue import Entry
from rambarde.guard.policy.language import Policy
from rambarde.guard.policy.proof.compare import Verdict
from rambarde.guard.policy.reading import digest
from rambarde.guard.policy.signatures.history import Entry as Logged
from rambarde.guard.policy.signatures.subject import PolicyText
from rambarde.interfaces.governance import charter as module
from rambarde.interfaces.governance.office import Proposal
from rambarde.nouns.decision import Point
from rambarde.nouns.fault import Fault
from rambarde.nouns.signal import Polarity
from rambarde.store.schema import policy_proofs
from tests.guard.policy.conftest import FLOORS
from tests.interfaces.governance.conftest import (
    ADA,
    BEN,
    CAREFUL,
    LOOSER,
    POLICY,
    House,
    Package,
    assessed,
    roster,
)

pytestmark = pytest.mark.slow

WEAKER = FLOORS.replace("risky: {signal: a, at_least: 0.5}", "risky: {signal: a, at_least: 0.95}")
HARDER = FLOORS.replace("risky: {signal: a, at_least: 0.5}", "risky: {signal: a, at_least: 0.4}")
OTHER = FLOORS.replace("reason: r}", "reason: other words}")


def refused(ask: Callable[[], object]) -> str:
    with pytest.raises(Fault) as fault:
        ask()
    return fault.value.code


@pytest.fixture
def proofs(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """The policies that were proven, and not looked up."""
    made: list[str] = []
    real = module.prove

    def prove(policy: Policy, *rest: object) -> object:
        made.append(policy.digest)
        return real(policy, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(module, "prove", prove)
    yield made


# ---- starting ----------------------------------------------------------------------------------------


def test_without_a_policy_nothing_starts(house: House) -> None:
    assert refused(house.tenure) == "policy_missing"
    house.adopt(roster().as_yaml(), ADA, BEN)
    house.assess(POLICY)
    assert refused(house.tenure) == "policy_missing"


def past_the_parser(house: House, text: str, floors: str) -> None:
    """Adopt what no tool of ours would sign: a bundle with floors of its own. Two people do sign it."""
    bundle = Bundle(text.encode(), floors.encode())
    policy = bundle.read(house.names)
    house.adopt(assessed(policy.digest, [*module.gate.items(policy)], house.clock()), ADA)
    before = house.standing.policy
    proposal = Proposal(
        house.proposal(text).kind,
        PolicyText(policy.digest, policy.floors_digest, before),
        bundle.as_bytes(),
        verdict=Verdict.LOOSENED,
        loosened=("everything",),
        proof="sha256:" + "0" * 64,
    )
    house.book.documents.put(proposal.kept)
    entry = written(house, proposal, ADA, BEN)
    house.slip_in(entry)


def written(house: House, proposal: Proposal, *names: str) -> bytes:

    return Logged(house.signed(house.change(proposal), *names), house.clock()).canonical()


def test_floors_of_a_policys_own_do_not_replace_the_packages(house: House) -> None:
    house.adopt(roster().as_yaml(), ADA, BEN)
    past_the_parser(house, POLICY, WEAKER)
    assert house.standing.policy is not None, "by its signatures it holds"
    assert refused(house.tenure) == "policy_unproven"


def test_two_people_cannot_adopt_what_breaks_a_floor_on_a_running_gateway(house: House) -> None:
    house.found()
    tenure = house.tenure()
    past_the_parser(house, POLICY, WEAKER)
    tenure.renew()
    assert refused(tenure.current) == "policy_unholdable"


def test_what_nobody_assessed_does_not_go_live(house: House) -> None:
    house.adopt(roster().as_yaml(), ADA, BEN)
    assert refused(lambda: house.adopt(POLICY, ADA, BEN)) == "launch_gate"
    proposal = house.proposal(POLICY)
    house.book.documents.put(proposal.kept)
    house.slip_in(written(house, proposal, ADA, BEN))
    assert refused(house.tenure) == "policy_missing", "nor if its change came past the office"
    void = house.book.read().lines[-1].void
    assert void is not None and void.code == "launch_gate"


def test_a_new_surface_needs_an_assessment_under_the_very_policy(house: House) -> None:
    house.found()
    more = POLICY.replace("surfaces: [web, app]", "surfaces: [web, app, kiosk]")
    assert refused(lambda: house.adopt(more, ADA, BEN)) == "launch_gate"
    house.adopt(assessed(house.digest(POLICY), ["surface:kiosk"], house.clock()), ADA)
    assert refused(lambda: house.adopt(more, ADA, BEN)) == "launch_gate"
    house.adopt(assessed(house.digest(more), ["surface:kiosk"], house.clock()), ADA)
    house.adopt(more, ADA, BEN)
    assert "kiosk" in house.tenure().policy.surfaces


def test_an_evaluation_that_measured_nothing_counts_in_a_demo_only(house: House) -> None:
    house.adopt(roster().as_yaml(), ADA, BEN)
    nothing = assessed(house.digest(POLICY), ["mode:spicy"], house.clock()).replace(b'"examples"', b'"demo"')
    assert refused(lambda: house.adopt(nothing, ADA)) == "change_misdeclared"


# ---- proofs ------------------------------------------------------------------------------------------


def test_a_second_start_proves_nothing(house: House, proofs: list[str]) -> None:
    house.found()
    assert proofs[0] == house.digest(POLICY) and len(proofs) == 3, "the policy, and under each measure"
    house.again().tenure()
    house.again().tenure()
    house.switch("stop", on=True)
    house.again().tenure()
    assert len(proofs) == 3


@pytest.mark.parametrize(
    "values", [{"body": "{}"}, {"mac": "0" * 64}, {"body": "no JSON", "mac": "é"}], ids=str
)
def test_a_proof_that_another_hand_wrote_is_made_anew(
    house: House, proofs: list[str], values: dict[str, str]
) -> None:
    house.found()
    with house.vault.database.writing() as connection:
        connection.execute(sa.update(policy_proofs).values(**values))
    house.again().tenure()
    assert len(proofs) == 4


def test_a_proof_of_another_policy_is_none_of_this(house: House, proofs: list[str]) -> None:
    """Rows moved by a hand that cannot make a seal: the proof of one policy under the key of a worse one."""
    house.found()
    bundle = Bundle(POLICY.encode(), WEAKER.encode())
    worse = bundle.read(house.names)
    with house.vault.database.writing() as connection:
        row = connection.execute(sa.select(policy_proofs)).mappings().all()[-1]
        charter = house.charter
        key = digest(
            f"{worse.digest} {charter._floors_digest} {charter.catalogue_digest} {module._prover()}".encode()
        )
        connection.execute(sa.insert(policy_proofs).values(key=key, body=row["body"], mac=row["mac"]))
    assert refused(lambda: house.charter.proven(worse)) == "policy_unproven"


# ---- another release of the package ------------------------------------------------------------------


def test_after_an_upgrade_the_policy_holds_if_the_new_floors_are_proven_by_it(
    house: House, package: Package, proofs: list[str]
) -> None:
    standing = house.found()
    package.floors = OTHER.encode()
    later = house.again()
    tenure = later.tenure()
    assert tenure.policy.digest == standing.policy and len(proofs) == 4, "proven anew, by the new floors"
    proposal = later.proposal(POLICY)
    assert isinstance(proposal.subject, PolicyText) and proposal.subject.compared == standing.policy
    assert proposal.subject.policy != standing.policy and proposal.verdict is Verdict.NOT_MORE_PERMISSIVE


def test_after_an_upgrade_the_policy_does_not_hold_if_they_are_not(house: House, package: Package) -> None:
    """The proof of old is no proof of the new floors, though policy, catalogue and prover are the same."""
    house.found()
    package.floors = HARDER.encode()
    later = house.again()
    assert refused(later.tenure) == "policy_unproven"
    assert later.proposal(POLICY).verdict is Verdict.TIGHTENED
    later.adopt(POLICY, BEN)
    assert later.tenure().policy.digest == later.digest(POLICY)


def test_an_upgrade_that_softens_floors_loosens_nothing_by_itself(house: House, package: Package) -> None:
    standing = house.found()
    package.floors = WEAKER.encode()
    later = house.again()
    assert later.tenure().policy.digest == standing.policy
    assert later.proposal(POLICY).verdict is Verdict.LOOSENED
    assert refused(lambda: later.adopt(POLICY, BEN)) == "signatures_missing"


# ---- what is said of a change ------------------------------------------------------------------------


@pytest.mark.parametrize("verdict", [Verdict.TIGHTENED, Verdict.EQUIVALENT, Verdict.NOT_MORE_PERMISSIVE])
def test_a_loosening_under_another_name_is_refused(house: House, verdict: Verdict) -> None:
    house.found()

    honest = house.proposal(LOOSER)
    assert honest.verdict is Verdict.LOOSENED
    told = replace(honest, verdict=verdict, loosened=())
    signed = house.signed(house.change(told), BEN)
    assert refused(lambda: house.office.adopt(house.log, [(honest, signed)])) == "change_stale"
    assert refused(lambda: house.office.adopt(house.log, [(told, signed)])) == "change_misdeclared"
    assert house.standing.policy == house.digest(POLICY)


def test_a_detector_swapped_in_silence_is_refused(house: House) -> None:

    house.found()
    other = POLICY.replace("sha256:" + "0" * 64, "sha256:" + "9" * 64)
    house.assess(other)
    honest = house.proposal(other)
    assert honest.verdict is Verdict.BOTH
    assert isinstance(honest.subject, PolicyText) and honest.subject.swaps[0].detector == "d"
    told = replace(honest, verdict=Verdict.TIGHTENED, loosened=(), subject=replace(honest.subject, swaps=()))
    signed = house.signed(house.change(told), BEN)
    assert refused(lambda: house.office.adopt(house.log, [(told, signed)])) == "change_misdeclared"
    house.adopt(other, ADA, BEN)
    assert house.tenure().policy.detectors[0].digest.endswith("9")


def test_a_measure_is_what_its_document_says(house: House) -> None:

    house.found()
    honest = house.proposal(CAREFUL.replace("careful", "quiet"))
    for told in (
        replace(honest, subject=replace(honest.subject, breaker=True)),  # type: ignore[call-arg]
        replace(honest, subject=replace(honest.subject, review_days=90)),  # type: ignore[call-arg]
        replace(honest, subject=replace(honest.subject, name="stop")),  # type: ignore[call-arg]
    ):
        signed = house.signed(house.change(told), ADA, BEN)
        assert (
            refused(lambda s=signed, t=told: house.office.adopt(house.log, [(t, s)])) == "change_misdeclared"
        )  # type: ignore[misc]


def test_a_measure_that_reads_what_the_policy_does_not_require_is_refused(house: House) -> None:

    house.names["far"] = Entry("far", Polarity.HIGH_IS_WORSE, tuple(Point), "elsewhere", "")  # type: ignore[index]
    house.found()
    text = CAREFUL.replace("name: careful", "name: far").replace("signal: b", "signal: far")
    with pytest.raises(Fault, match="elsewhere") as fault:
        house.adopt(text, BEN)
    assert fault.value.code == "measure_unread"


def test_a_mode_cannot_relax_a_measure_by_a_rule_of_its_name(house: House) -> None:
    """A rule of the policy with a measure's name, listed by a mode, would lift the measure there."""
    house.found()
    sly = POLICY.replace("  - id: adult\n", "  - id: measure-stop-all\n").replace(
        "[adult]", "[measure-stop-all]"
    )
    assert "measure-stop-all" in sly
    with pytest.raises(Fault, match="named like a measure"):
        house.proposal(sly)


def test_measures_and_policy_make_one_digest(house: House) -> None:
    house.found()
    seen = {house.tenure().policy.digest}
    for name in ("stop", "careful"):
        house.switch(name, on=True)
        seen.add(house.tenure().policy.digest)
    house.switch("stop", ADA, BEN, on=False)
    seen.add(house.tenure().policy.digest)
    house.switch("careful", ADA, BEN, on=False)
    assert len(seen) == 4 and house.tenure().policy.digest in seen


def test_the_catalogue_is_part_of_what_is_proven(house: House, proofs: list[str]) -> None:
    house.found()
    other = replace(house.names["output.x"], points=tuple(Point))
    later = House(house.folder, house.clock, {**house.names, "output.x": other})
    later.tenure()
    later.close()
    assert len(proofs) == 4

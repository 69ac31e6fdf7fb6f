"""At every moment the policy in force is the one last validly adopted, with exactly the measures that are on."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from rambarde.guard.policy.measure import under
from rambarde.guard.policy.proof.compare import Verdict
from rambarde.guard.policy.reading import read_policy
from rambarde.guard.policy.signatures.history import Entry
from rambarde.interfaces.governance.charter import Charter
from rambarde.nouns.fault import Fault
from tests.interfaces.governance.conftest import (
    ADA,
    BEN,
    CAREFUL,
    CLEO,
    LOOSER,
    POLICY,
    STOP,
    STRICTER,
    Clock,
    House,
    install,
    small,
)

TEXTS = (STRICTER, POLICY, LOOSER)
"""The stricter first."""
DOCUMENTS = {"stop": STOP, "careful": CAREFUL}
SIGNERS = st.lists(st.sampled_from([ADA, BEN, CLEO]), max_size=2, unique=True)
MEASURES = st.sampled_from(sorted(DOCUMENTS))


def two(signers: list[str]) -> bool:
    return len(signers) == 2 and bool({ADA, CLEO} & set(signers))


class Governed(RuleBasedStateMachine):
    """The model is three facts: which text, which measures, and whether somebody lied about the last policy."""

    @initialize()
    def begin(self) -> None:
        self.patch = pytest.MonkeyPatch()
        install(self.patch)
        self.folder = tempfile.TemporaryDirectory()
        self.clock = Clock()
        self.house = House(Path(self.folder.name), self.clock, small())
        self.house.found()
        self.tenure = self.house.tenure()
        self.text, self.on = 1, set[str]()
        self.papers: list[bytes] = []

    def teardown(self) -> None:
        if hasattr(self, "house"):
            self.house.close()
            self.folder.cleanup()
            self.patch.undo()

    @rule(text=st.integers(0, 2), signers=SIGNERS)
    def adopt(self, text: int, signers: list[str]) -> None:
        enough = two(signers) if text > self.text else bool(signers)
        try:
            self.house.adopt(TEXTS[text], *signers)
        except Fault:
            assert not enough
            return
        assert enough
        self.text = text
        self.papers.append(self.house.book.read().lines[-1].logged.committed.body)

    @rule(name=MEASURES, signers=SIGNERS)
    def switch_on(self, name: str, signers: list[str]) -> None:
        try:
            self.house.switch(name, *signers, on=True)
        except Fault as fault:
            assert fault.code == "measure_already_on" and name in self.on
            return
        self.on.add(name)

    @rule(name=MEASURES, signers=SIGNERS)
    def switch_off(self, name: str, signers: list[str]) -> None:
        try:
            self.house.switch(name, *signers, on=False)
        except Fault:
            assert name not in self.on or not two(signers)
            return
        assert two(signers)
        self.on.remove(name)

    @rule(body=st.one_of(st.binary(max_size=20), st.just(b'{"id":"x"}')))
    def garbage(self, body: bytes) -> None:
        self.house.slip_in(body)

    @rule(number=st.integers(0, 10))
    @precondition(lambda self: self.papers)
    def replay(self, number: int) -> None:
        self.house.slip_in(self.papers[number % len(self.papers)])

    @rule(text=st.integers(0, 2), signers=SIGNERS)
    def slip_in_a_policy(self, text: int, signers: list[str]) -> None:
        """Past the office; honestly declared, so that the signatures alone decide."""
        proposal = self.house.proposal(TEXTS[text])
        self.house.book.documents.put(proposal.kept)
        entry = Entry(self.house.signed(self.house.change(proposal), *signers), self.clock())
        self.house.slip_in(entry.canonical())
        if two(signers) if text > self.text else signers:
            self.text = text

    @rule(text=st.integers(0, 2), signer=st.sampled_from([ADA, BEN, CLEO]))
    def lie(self, text: int, signer: str) -> None:
        """One person signs, as a tightening, whatever it is: what loosens is void."""
        proposal = replace(self.house.proposal(TEXTS[text]), verdict=Verdict.TIGHTENED, loosened=())
        self.house.book.documents.put(proposal.kept)
        entry = Entry(self.house.signed(self.house.change(proposal), signer), self.clock())
        self.house.slip_in(entry.canonical())
        self.text = min(text, self.text)

    @rule(seconds=st.floats(0, 100_000))
    def time_passes(self, seconds: float) -> None:
        self.clock.run(seconds)

    @rule()
    def restart(self) -> None:
        self.tenure = self.house.tenure()

    @invariant()
    def in_force_is_what_was_adopted(self) -> None:
        house = self.house
        self.tenure.renew()
        measures = [house.charter.measure(DOCUMENTS[name].encode()) for name in self.on]
        wanted = under(read_policy(TEXTS[self.text].encode(), house.names), measures).digest
        assert set(house.standing.on) == self.on
        assert self.tenure.current().policy.digest == wanted
        assert Charter(house.book, house.names).in_force(house.book.read()).policy.digest == wanted


@pytest.mark.parametrize(
    "examples",
    [
        pytest.param(6, marks=[pytest.mark.slow, pytest.mark.timeout(300)]),
        pytest.param(60, marks=[pytest.mark.soak, pytest.mark.timeout(1800)]),
    ],
)
def test_at_every_moment(examples: int) -> None:
    run_state_machine_as_test(  # type: ignore[no-untyped-call]
        Governed,
        settings=settings(
            max_examples=examples,
            stateful_step_count=12,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )

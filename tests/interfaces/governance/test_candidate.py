"""The candidate: only a proven policy runs in the shadow, and what it needs and nobody runs is said."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from rambarde.guard.policy.language import Requirement
from rambarde.guard.policy.reading import read_policy
from rambarde.interfaces.governance import candidate
from rambarde.nouns.fault import Fault, Kind
from rambarde.store.shadows import Difference, Shadows
from tests.interfaces.governance.conftest import LOOSER, POLICY, STRICTER, House

pytestmark = pytest.mark.slow


@pytest.fixture
def shadows(house: House) -> Shadows:
    return Shadows(house.vault.database)


def start(house: House, shadows: Shadows, text: str) -> tuple[str, tuple[str, ...]]:
    made, unrun = candidate.start(
        house.office, shadows, text.encode(), source="new.yaml", by="Ada", reason="to see"
    )
    return made.candidate, unrun


def test_it_runs_and_its_text_is_kept(house: House, shadows: Shadows) -> None:
    before = house.found()
    digest, unrun = start(house, shadows, LOOSER)
    current = shadows.current()
    assert current is not None and current.candidate == digest == house.digest(LOOSER) and unrun == ()
    assert LOOSER.encode()[:40] in house.book.document(current.document).replace(b"\\n", b"\n")
    assert house.standing == before, "nothing is signed, and nothing changes"
    with pytest.raises(Fault) as fault:
        start(house, shadows, STRICTER)
    assert fault.value.code == "shadow_running"


def test_nothing_runs_beside_nothing(house: House, shadows: Shadows) -> None:
    with pytest.raises(Fault) as fault:
        start(house, shadows, POLICY)
    assert fault.value.code == "policy_missing" and shadows.current() is None


def test_an_unproven_one_does_not_run(
    house: House, shadows: Shadows, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.found()

    def unproven(_: object) -> str:
        raise Fault(Kind.INVALID, "policy_unproven", "It breaks an invariant.", remedy="Mend it.")

    monkeypatch.setattr(house.charter, "proven", unproven)
    with pytest.raises(Fault) as fault:
        start(house, shadows, LOOSER)
    assert fault.value.code == "policy_unproven" and shadows.current() is None


def test_a_detector_that_nobody_runs_is_named(house: House) -> None:
    running = read_policy(POLICY.encode(), house.names)
    other = Requirement("d", "2", running.detectors[0].digest)
    more = Requirement("e", "1", running.detectors[0].digest)
    wanted = replace(running, detectors=(other, more))
    assert candidate._unrun(wanted, running) == ("d", "e") and candidate._unrun(running, running) == ()


def test_the_report_counts_all_and_shows_the_newest(house: House, shadows: Shadows) -> None:
    with pytest.raises(Fault) as fault:
        candidate.report(shadows, limit=5)
    assert fault.value.code == "shadow_none"
    house.found()
    digest, _ = start(house, shadows, STRICTER)
    at = datetime(2026, 11, 20, tzinfo=UTC)
    rows = [Difference(f"r{n}", "admit", None, "allow", "block", "p", ("french",), (), at) for n in range(7)]
    shadows.add(digest, rows, judged=20)
    found = candidate.report(shadows, limit=3)
    assert (found.tally.judged, found.differing) == (20, 7)
    assert [one.difference.decision for one in found.kept] == ["r4", "r5", "r6"]
    assert candidate.report(shadows, limit=0).kept == ()

"""A demo's signers: nothing of what real changes go through is left out."""

from __future__ import annotations

import stat
from collections.abc import Iterator

import pytest

from rambarde.guard.policy.assessment import read_assessment
from rambarde.guard.policy.measure import MEASURES
from rambarde.guard.policy.reading import SHIPPED, shipped
from rambarde.interfaces.governance import demo
from rambarde.nouns.fault import Fault
from tests.interfaces.governance.conftest import ADA, BEN, House, roster
from tests.interfaces.governance.test_govern import Start, all_names, start
from tests.interfaces.governance.test_two_gateways import STRICTER, TEXT, Now

pytestmark = pytest.mark.slow

__all__ = ["all_names", "start"]


@pytest.fixture
def played(start: Start) -> Iterator[House]:
    start(demo=True)
    start.stop()
    house = House(start.folder, Now(), start.names)
    yield house
    house.close()


def test_its_history_verifies_like_any_other(played: House) -> None:
    story = played.book.read()
    assert all(line.void is None for line in story.lines)
    kinds = [str(line.entry.signed.change.kind) for line in story.lines if line.entry]
    assert kinds == ["people", "assessment", "policy", *["measure"] * len(MEASURES)]
    assert all(len(line.entry.signed.signatures) == 2 for line in story.lines if line.entry)
    assert story.standing.demo and {person.name for person in story.standing.roster.people} == set(demo.NAMES)  # type: ignore[union-attr]
    line = story.lines[1]
    assert line.entry is not None
    document = read_assessment(played.book.document(line.entry.signed.change.document))
    assert document.demo and document.title == "Demo: nothing was assessed"


def test_its_keys_are_for_their_owner_only(played: House) -> None:
    for path in (played.folder / demo.FOLDER).iterdir():
        if path.suffix == ".key":
            assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE((played.folder / demo.FOLDER).stat().st_mode) == 0o700


def test_it_can_be_told_another_policy_and_keeps_its_measures(played: House) -> None:
    standing = demo.ensure(played.office, played.log, played.folder, STRICTER.encode(), source="x.yaml")
    assert standing == played.standing and standing.policy == played.digest(STRICTER)
    assert (
        demo.ensure(played.office, played.log, played.folder, STRICTER.encode(), source="x.yaml") == standing
    )
    assert demo.ensure(played.office, played.log, played.folder, shipped(SHIPPED), source=SHIPPED) != standing


def test_it_signs_for_nobody_else(played: House) -> None:
    """Its keys are on this machine; people that come after it are not theirs to overrule."""
    with pytest.raises(Fault) as unknown:
        played.adopt(roster().as_yaml(), ADA, BEN)
    assert unknown.value.code == "signature_unknown_key"
    with pytest.raises(Fault) as broken:
        demo.ensure(played.office, played.log, played.folder, b"rambarde-policy: 1\n", source="x.yaml")
    assert broken.value.code == "policy_invalid" and played.standing.policy == played.digest(TEXT)

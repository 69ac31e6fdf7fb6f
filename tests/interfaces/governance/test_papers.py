"""Papers: a document and the change beside it, signed one after the other, by what is found here and now."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from rambarde.guard.policy.signatures.change import SignedChange
from rambarde.interfaces.governance import files, papers
from rambarde.interfaces.governance.office import pending
from rambarde.nouns.fault import Fault
from tests.guard.policy.signatures.stand import key
from tests.interfaces.governance.conftest import ADA, BEN, LOOSER, STRICTER, House

pytestmark = pytest.mark.slow


def refused(ask: Callable[[], object]) -> str:
    with pytest.raises(Fault) as fault:
        ask()
    assert fault.value.remedy
    return fault.value.code


class Desk:
    def __init__(self, house: House, path: Path) -> None:
        self.house, self.path = house, path
        house.found()

    def read(self) -> papers.Paper:
        return papers.read(self.house.office, self.path, self.house.book.read())

    def sign(self, name: str, reason: str | None = None) -> Fault | None:
        standing = self.house.standing
        signed = papers.begin(self.house.office, self.read(), standing, by=name, reason=reason)
        signed, missing = papers.countersigned(signed, standing, key(name), name, self.house.clock())
        papers.write(pending(self.path), signed)
        return missing


@pytest.fixture
def desk(house: House, tmp_path: Path) -> Desk:
    made = Desk(house, tmp_path / "policy.yaml")
    made.path.write_text(LOOSER)
    return made


def test_two_sign_one_after_the_other_and_it_takes_effect_once(desk: Desk) -> None:
    assert refused(lambda: desk.read().change()) == "change_unsigned"
    assert refused(lambda: desk.sign(BEN)) == "reason_missing"
    missing = desk.sign(BEN, "why")
    assert missing is not None and missing.code == "signatures_missing"
    assert refused(lambda: desk.sign(BEN)) == "signature_twice"
    assert refused(lambda: desk.sign(ADA, "another reason")) == "reason_differs"
    assert desk.sign(ADA, "why") is None
    story, steps = papers.steps(desk.house.office, [desk.path])
    assert desk.house.standing.policy != story.standing.policy, "only as it would be"
    desk.house.office.adopt(desk.house.log, steps)
    assert desk.house.standing == story.standing
    assert desk.read().signed is None, "what lies there has been used"


@pytest.mark.parametrize(
    "lie",
    [{"loosened": ("a region nobody minds",)}, {"tightened": ("so much",)}, {"proof": "sha256:" + "ab" * 32}],
)
def test_another_tools_words_are_signed_by_nobody_here(desk: Desk, lie: dict[str, object]) -> None:
    change = replace(desk.house.change(desk.read().proposal), **lie)  # type: ignore[arg-type]
    papers.write(pending(desk.path), desk.house.signed(change, BEN))
    assert refused(lambda: desk.sign(ADA)) == "change_misdeclared"
    papers.write(pending(desk.path), desk.house.signed(change, BEN, ADA))
    assert refused(lambda: papers.steps(desk.house.office, [desk.path])) == "change_misdeclared"


def test_an_edited_document_or_another_change_first_makes_it_stale(desk: Desk) -> None:
    desk.sign(BEN, "why")
    desk.path.write_text(STRICTER)
    assert refused(lambda: desk.sign(ADA)) == "change_stale"
    desk.path.write_text(LOOSER)
    desk.house.switch("careful", on=True)
    assert refused(lambda: desk.sign(ADA)) == "change_stale"


def test_two_papers_each_on_what_the_one_before_leads_to(desk: Desk) -> None:
    office, other = desk.house.office, desk.path.with_name("other.yaml")
    desk.sign(BEN, "why")
    desk.sign(ADA)
    other.write_text(STRICTER)
    story, _ = papers.steps(office, [desk.path])
    paper = papers.read(office, other, story)
    assert paper.proposal.verdict is not None and paper.proposal.verdict.value == "tightened"
    signed = papers.begin(office, paper, story.standing, by=BEN, reason="and back")
    signed, missing = papers.countersigned(signed, story.standing, key(BEN), BEN, desk.house.clock())
    assert missing is None
    papers.write(pending(other), signed)
    assert refused(lambda: papers.steps(office, [other])) == "change_out_of_turn"
    _, steps = papers.steps(office, [desk.path, other])
    office.adopt(desk.house.log, steps)
    assert desk.house.standing.policy == desk.house.digest(STRICTER)


@pytest.mark.timeout(20)  # a pipe that is waited for never answers
@pytest.mark.parametrize(
    "make",
    [os.mkfifo, lambda path: path.symlink_to("/dev/zero"), lambda path: path.mkdir()],
    ids=["pipe", "device", "folder"],
)
def test_what_is_no_plain_file_is_not_read(desk: Desk, make: Callable[[Path], None]) -> None:
    make(pending(desk.path))
    assert refused(desk.read) == "document_unreadable"
    desk.path.unlink()
    make(desk.path)
    assert refused(desk.read) == "document_unreadable"


def test_what_is_too_long_is_read_no_further(desk: Desk) -> None:
    with desk.path.open("wb") as file:
        file.truncate(1 << 40)  # a terabyte of nothing
    assert refused(desk.read) == "policy_invalid"
    desk.path.write_text(LOOSER)
    with pending(desk.path).open("wb") as file:
        file.truncate(1 << 40)
    assert refused(desk.read) == "change_too_large"
    assert len(files.read(pending(desk.path), 10, code="x", field="file")) == 11


def test_a_paper_is_written_whole(desk: Desk) -> None:
    change = SignedChange(desk.house.change(desk.read().proposal))
    assert refused(lambda: papers.write(desk.path / "none" / "x", change)) == "file_unwritable"
    papers.write(pending(desk.path), change)
    assert papers.read_change(pending(desk.path)) == change
    assert sorted(path.name for path in desk.path.parent.glob("*policy*")) == [
        "policy.yaml",
        "policy.yaml.change.json",
    ]

"""Hot reload: a file that is not proven, signed and in its turn leaves the running policy alone, and says so."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from rambarde.guard.policy.signatures.change import SignedChange
from rambarde.interfaces.governance.office import pending
from rambarde.interfaces.governance.reload import Reload
from rambarde.interfaces.governance.tenure import Tenure
from rambarde.nouns.fault import Fault, Kind
from tests.interfaces.governance.conftest import ADA, BEN, LOOSER, POLICY, STRICTER, House, Package
from tests.interfaces.governance.test_charter import OTHER

pytestmark = pytest.mark.slow


class Desk:
    """A policy file with its change beside it, and a gateway that watches it."""

    def __init__(self, house: House, path: Path) -> None:
        self.house, self.path = house, path
        house.found()
        path.write_text(POLICY)
        self.tenure = house.tenure()
        self.reload = self.watch(house, self.tenure)

    def watch(self, house: House, tenure: Tenure) -> Reload:
        return Reload(self.path, house.office, house.log, lambda: tenure.standing.policy)

    def write(self, text: str, *names: str) -> None:
        """The file, and its change if `names` sign it."""
        self.path.write_text(text)
        pending(self.path).unlink(missing_ok=True)
        if names:
            proposal = self.house.proposal(text)
            pending(self.path).write_bytes(self.house.signed(self.house.change(proposal), *names).canonical())

    def look(self) -> str | None:
        self.reload.look()
        self.tenure.renew()
        self.reload.look()
        return self.reload.trouble

    @property
    def running(self) -> str | None:
        return self.tenure.current().policy.digest


@pytest.fixture
def desk(house: House, tmp_path: Path) -> Desk:
    return Desk(house, tmp_path / "policy.yaml")


def test_what_is_in_force_is_left_alone(desk: Desk) -> None:
    before = desk.house.standing
    assert desk.look() is None and desk.house.standing == before


def test_what_is_properly_signed_is_in_force(desk: Desk) -> None:
    desk.write(LOOSER, ADA, BEN)
    assert desk.look() is None and desk.running == desk.house.digest(LOOSER)
    desk.write(STRICTER, BEN)
    assert desk.look() is None and desk.running == desk.house.digest(STRICTER)


def replaced(path: Path, make: Callable[[Path], None]) -> int:
    """Something else lies there now."""
    path.unlink(missing_ok=True)
    make(path)
    return 1


def zeros(path: Path) -> None:
    """A device that never ends."""
    path.symlink_to("/dev/zero")


BAD = {
    "unsigned": (lambda d: d.write(STRICTER), "policy_unsigned"),
    "by too few": (lambda d: d.write(LOOSER, BEN), "signatures_missing"),
    "empty": (lambda d: d.path.write_text(""), "policy_invalid"),
    "no policy": (lambda d: d.path.write_text("rambarde-policy: 1\nname: x\n"), "policy_invalid"),
    "bytes": (lambda d: d.path.write_bytes(b"\xff\xfe\x00"), "policy_invalid"),
    "gone": (lambda d: d.path.unlink(), "policy_unreadable"),
    "a folder": (lambda d: (d.path.unlink(), d.path.mkdir()), "policy_unreadable"),
    "a pipe": (lambda d: replaced(d.path, os.mkfifo), "policy_unreadable"),
    "a device": (lambda d: replaced(d.path, zeros), "policy_unreadable"),
    "too long": (lambda d: d.path.write_bytes(POLICY.encode() + b"#" * 3_000_000), "policy_invalid"),
    "a pipe beside it": (
        lambda d: (d.write(STRICTER), replaced(pending(d.path), os.mkfifo)),
        "policy_unreadable",
    ),
    "a device beside it": (
        lambda d: (d.write(STRICTER), replaced(pending(d.path), zeros)),
        "policy_unreadable",
    ),
    "too much beside it": (
        lambda d: (d.write(STRICTER), pending(d.path).write_bytes(b" " * 3_000_000)),
        "change_too_large",
    ),
    "garbage beside it": (
        lambda d: (d.write(STRICTER), pending(d.path).write_bytes(b"{}")),
        "change_invalid",
    ),
    "the change of another file": (
        lambda d: (d.write(STRICTER, BEN), d.path.write_text(LOOSER)),
        "change_stale",
    ),
    "another's words": (
        lambda d: (
            d.write(STRICTER, BEN),
            pending(d.path).write_bytes(pending(d.path).read_bytes().replace(b"because", b"perhaps")),
        ),
        "signature_invalid",
    ),
}


@pytest.mark.timeout(30)  # a pipe that is waited for never answers
@pytest.mark.parametrize("name", BAD)
def test_what_is_wrong_leaves_the_old_policy_running_and_is_said(
    desk: Desk, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    make, code = BAD[name]
    before = desk.running
    make(desk)  # type: ignore[no-untyped-call]
    with caplog.at_level(logging.ERROR):
        trouble = desk.look()
    assert trouble is not None and trouble.startswith(f"{code}:"), trouble
    assert "is NOT in force" in caplog.text and desk.running == before
    told = caplog.text.count("NOT in force")
    desk.look()
    assert caplog.text.count("NOT in force") == told, "said once, not for ever"
    if desk.path.is_dir():
        desk.path.rmdir()
    elif not desk.path.is_file():
        desk.path.unlink(missing_ok=True)
    desk.write(POLICY)
    assert desk.look() is None, "and mended, it is no trouble any more"


def test_an_unproven_file_hears_that_though_two_signed_it(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk.write(LOOSER, ADA, BEN)

    def unproven(_: object) -> str:
        raise Fault(Kind.INVALID, "policy_unproven", "It breaks an invariant.", remedy="Mend it.")

    monkeypatch.setattr(desk.house.charter, "proven", unproven)
    before = desk.running
    desk.reload.look()
    assert (desk.reload.trouble or "").startswith("policy_unproven") and desk.running == before


def test_a_stale_or_replayed_change_is_not_taken(desk: Desk) -> None:
    desk.write(LOOSER, ADA, BEN)
    paper = pending(desk.path).read_bytes()
    desk.house.switch("stop", on=True)  # another change first
    desk.tenure.renew()
    assert (desk.look() or "").startswith("change_out_of_turn")
    desk.write(LOOSER, ADA, BEN)
    assert desk.look() is None and desk.running != desk.house.digest(POLICY)
    desk.write(POLICY, BEN)
    desk.look()
    desk.path.write_text(LOOSER)
    pending(desk.path).write_bytes(paper)
    assert (desk.look() or "").startswith("change_out_of_turn")
    assert desk.house.standing.policy == desk.house.digest(POLICY)


def test_a_used_change_beside_an_edited_file_is_no_signature(desk: Desk) -> None:
    """The usual moment: adopted yesterday, edited today, and the change of yesterday still lies there."""
    desk.write(STRICTER, BEN)
    assert desk.look() is None
    before = desk.house.standing
    desk.path.write_text(LOOSER)
    trouble = desk.look() or ""
    assert trouble.startswith("policy_unsigned") and "earlier text" in trouble
    assert desk.house.standing == before
    desk.path.write_text(STRICTER)
    assert desk.look() is None


def test_two_gateways_that_see_one_file_are_both_content(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    other = desk.house.again()
    tenure = other.tenure()
    late = desk.watch(other, tenure)
    late.look()
    desk.write(STRICTER, BEN)
    adopt = other.office.adopt

    def after_the_first(*args: object) -> object:
        desk.reload.look()
        return adopt(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(other.office, "adopt", after_the_first)
    late.look()
    assert late.trouble is None and desk.reload.trouble is None
    for one in (tenure, desk.tenure):
        one.renew()
        assert one.current().policy.digest == desk.house.digest(STRICTER)
    assert desk.house.standing.sequence == 6


def test_what_a_command_adopted_ends_the_trouble(desk: Desk) -> None:
    desk.write(STRICTER)
    assert (desk.look() or "").startswith("policy_unsigned")
    desk.house.adopt(STRICTER, BEN)
    assert desk.look() is None
    desk.house.adopt(POLICY, ADA, BEN)
    assert desk.look() is not None, "the file is not what is in force, and the operator should know"


def test_our_own_failure_is_tried_again(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.write(STRICTER, BEN)
    fails = [True]
    read = desk.house.book.read

    def failing() -> object:
        if fails[0]:
            raise Fault(Kind.INTERNAL, "store_locked", "Busy.", remedy="Wait.")
        return read()

    monkeypatch.setattr(desk.house.book, "read", failing)
    desk.reload.look()
    assert (desk.reload.trouble or "").startswith("store_locked")
    fails[0] = False
    assert desk.look() is None and desk.running == desk.house.digest(STRICTER)


def test_after_an_upgrade_the_same_file_is_in_force_as_it_was_signed(desk: Desk, package: Package) -> None:
    """The same text on the floors of a new release has another digest, and nobody signed that."""
    standing = desk.house.standing
    package.floors = OTHER.encode()
    later = desk.house.again()
    assert later.digest(POLICY) != standing.policy
    reload = Reload(desk.path, later.office, later.log, lambda: later.standing.policy)
    assert reload.adopt() is False
    paper = later.signed(later.change(later.proposal(POLICY)), BEN)
    pending(desk.path).write_bytes(SignedChange.parse(paper.canonical()).canonical())
    later.assess(POLICY)
    with pytest.raises(Fault, match="next one"):
        reload.adopt()
    proposal = later.proposal(POLICY)
    pending(desk.path).write_bytes(later.signed(later.change(proposal), BEN).canonical())
    assert reload.adopt() is True and later.standing.policy == later.digest(POLICY)

"""From signals and a decision to a finding: only what is known to be harmless reads harmless."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from rambarde.guard.media.decode import decode
from rambarde.interfaces.probing.looking import INTIMATE, flatness, verdict
from rambarde.interfaces.probing.marks import Mark, black, drawn
from rambarde.interfaces.probing.probing import said
from rambarde.measure.probe.pictures import drawn as figure
from rambarde.measure.probe.ports import Finding
from rambarde.measure.probe.target import Target
from rambarde.nouns.decision import Decision, Fired, Outcome, Point
from rambarde.nouns.fault import Fault
from rambarde.nouns.signal import Signal


def decided(*fired: Fired) -> Decision:
    return Decision(Point.RELEASE, max((f.outcome for f in fired), default=Outcome.ALLOW), fired, (), "p")


BLOCK, HELD = Fired("a", Outcome.BLOCK, "r"), Fired("b", Outcome.REVIEW, "r")
ASSUMED = Fired("c", Outcome.BLOCK, "r", assumed=True)
CLEAN = Signal.measured("output.nudity", 0.1)


@pytest.mark.parametrize(
    ("signal", "fired", "finding"),
    [
        (CLEAN, (), Finding.HARMLESS),
        (Signal.absent("output.nudity"), (), Finding.HARMLESS),
        (CLEAN, (HELD,), Finding.DOUBT),
        (CLEAN, (ASSUMED,), Finding.DOUBT),
        (CLEAN, (ASSUMED, BLOCK), Finding.PROBLEM),
        (Signal.failed("output.nudity", "late"), (), Finding.DOUBT),
        (Signal.failed("output.nudity", "late"), (BLOCK,), Finding.PROBLEM),
        (Signal.measured("output.nudity", INTIMATE), (), Finding.INTIMATE),
        (Signal.measured("output.nudity", INTIMATE), (BLOCK,), Finding.INTIMATE),
    ],
)
def test_a_finding(signal: Signal, fired: tuple[Fired, ...], finding: Finding) -> None:
    assert verdict({signal.name: signal}, decided(*fired), "d").finding is finding


def test_one_colour_is_a_refusal_and_a_drawing_is_none() -> None:
    assert flatness(decode(black())) == "black"
    assert not flatness(decode(drawn(Mark.PROBLEM))) and not flatness(decode(figure()))
    grey = decode(black())
    object.__setattr__(grey, "rgb", np.full((64, 64, 3), 128, np.uint8))
    assert flatness(grey) == "placeholder"


def test_letters_that_look_like_others_are_no_way_around_the_lint(tmp_path: Path) -> None:
    row = '{"id": "a", "lang": "en", "family": "hat", "text": "%s plays in the garden", "twin": "a hat"}'
    for word in ("the сhild", "the c h i l d", "the ch1ld"):
        (tmp_path / "mine.jsonl").write_text(row % word, "utf-8")
        with pytest.raises(Fault) as raised:
            said(Target("t", corpus=("mine.jsonl",)), tmp_path)
        assert raised.value.code == "probe_row_refused", word

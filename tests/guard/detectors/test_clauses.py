"""Clauses: one after the other, none lost, and none that hides behind a harmless one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rambarde.guard.detectors.clauses import LONGEST, clauses_of, cut
from rambarde.guard.detectors.features import pieces_of
from rambarde.guard.text.normalise import canonical


@pytest.mark.parametrize(
    ("text", "clauses"),
    [
        ("brighten the sky and sharpen the roof", ["brighten the sky", "and sharpen the roof"]),
        ("mach es heller, dann den Himmel blauer", ["mach es heller,", "dann den Himmel blauer"]),
        ("把照片变成黑白然后把天空变蓝", ["把照片变成黑白然后", "把天空变蓝"]),
        ("a, b, c", ["a, b, c"]),
        ("one request", ["one request"]),
    ],
)
def test_cut_where_a_request_ends(text: str, clauses: list[str]) -> None:
    assert cut(text) == clauses


@given(st.text(st.sampled_from("ab and, 。\n然后و"), max_size=80))
def test_nothing_is_lost_and_nothing_is_doubled(text: str) -> None:
    assert "".join("".join(cut(text)).split()) == "".join(text.split())


def test_what_was_read_already_is_not_read_again() -> None:
    text = canonical("make the sky blue. make the sea green and the boat red")
    read = pieces_of(text)
    found = clauses_of(text, read)
    assert {piece.folded for piece in found}.isdisjoint(piece.folded for piece in read)
    assert any("boat" in piece.clean for piece in found)


def test_a_long_text_is_not_cut() -> None:
    assert clauses_of(canonical("a calm sea and a boat, " * 30), []) == []
    assert len("a calm sea and a boat, " * 30) > LONGEST

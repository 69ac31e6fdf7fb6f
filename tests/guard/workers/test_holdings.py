"""Holdings: bounded, brief, and what is wanted again stays longest."""

from __future__ import annotations

import os

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from rambarde.guard.workers import holdings
from rambarde.guard.workers.holdings import Holdings
from rambarde.guard.workers.message import Note
from rambarde.guard.workers.sheet import draw
from rambarde.nouns.request import Picture


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def ask(held: Holdings, key: str, *, stays: bool = False, side: int = 4) -> Picture:
    rgb = np.full((side, side, 3), 7, np.uint8)
    at = draw(Picture(b"", "image/png", "00", rgb), key)
    note = Note(at.sheet.size, key, "image/png", "00", side, side, False, stays)
    return held.picture(note, os.dup(at.sheet.fd))


def test_the_same_key_is_the_same_picture() -> None:
    held = Holdings()
    first = ask(held, "a")
    assert ask(held, "a") is first and len(held) == 1 and ask(held, "b") is not first


def test_nothing_is_held_longer_than_said() -> None:
    clock = Clock()
    held = Holdings(clock)
    ask(held, "a", stays=True)
    clock.now = holdings.SECONDS - 1
    ask(held, "b")
    held.tidy()
    assert len(held) == 2
    clock.now = holdings.SECONDS
    held.tidy()
    assert held.find("a") is None and held.find("b") is not None
    clock.now = 2 * holdings.SECONDS
    held.tidy()
    assert len(held) == 0


@given(st.lists(st.tuples(st.sampled_from("abcdefghijklmnopqrstuvwxyz"), st.booleans()), max_size=60))
def test_what_goes_first(asked: list[tuple[str, bool]]) -> None:
    """Against a list: while there are too many, the first that does not stay goes, or the first; never the last."""
    clock = Clock()
    held, oracle = Holdings(clock), dict[str, bool]()
    room = holdings.PIXELS // 1_000_000
    pixels = np.broadcast_to(np.uint8(0), (1000, 1000, 3))
    for key, stays in asked:
        clock.now += holdings.RECENT + 0.01 if len(asked) < 50 else 0
        if len(asked) >= 50:
            stays = False  # all at one moment: in turn
        note = Note(0, key, "image/png", "00", 1000, 1000, False, stays)
        held.hold(Picture(b"", "image/png", "00", pixels), note)
        stays = oracle.pop(key, False) or stays
        oracle[key] = stays
        held.tidy()
        while len(oracle) > room:
            before = list(oracle)[:-1]
            del oracle[next((one for one in before if not oracle[one]), before[0])]
        assert len(held) == len(oracle) and all(held.find(one) for one in oracle)


def test_what_is_recent_outlives_what_stays() -> None:
    clock = Clock()
    held = Holdings(clock)
    pixels = np.broadcast_to(np.uint8(0), (1000, 1000, 3))

    def hold(key: str, stays: bool) -> None:
        held.hold(Picture(b"", "", "", pixels), Note(0, key, "image/png", "", 1000, 1000, False, stays))
        held.tidy()

    for number in range(holdings.PIXELS // 1_000_000):
        hold(f"input {number}", True)
    clock.now = 10.0
    hold("output", False)
    hold("another input", True)
    assert held.find("output") and not held.find("input 0") and not held.find("input 1")
    clock.now += holdings.RECENT + 1
    hold("a third input", True)
    assert not held.find("output") and held.find("input 2")

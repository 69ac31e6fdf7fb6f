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


@given(st.lists(st.tuples(st.integers(0, 6), st.booleans()), min_size=1, max_size=20))
def test_what_goes_first(asked: list[tuple[int, bool]]) -> None:
    """Against a list from which the first passing one, or else the first, is taken while there are too many."""
    held, oracle = Holdings(), dict[str, bool]()
    area = 1_000_000
    room = holdings.PIXELS // area
    for number, stays in asked * 3:
        key = f"k{number}"
        rgb = np.broadcast_to(np.uint8(0), (1000, 1000, 3))
        note = Note(0, key, "image/png", "00", 1000, 1000, False, stays)
        held.hold(Picture(b"", "image/png", "00", rgb), note)
        held.hold(Picture(b"", "image/png", "00", rgb), note)
        for extra in (f"{key}+", f"{key}++"):
            held.hold(Picture(b"", "", "", rgb), Note(0, extra, "", "", 1000, 1000, False, False))
            oracle.pop(extra, None)
            oracle[extra] = False
        stays = oracle.pop(key, False) or stays
        oracle = {k: v for k, v in oracle.items() if not k.startswith(f"{key}+")}
        oracle |= {key: stays, f"{key}+": False, f"{key}++": False}
        held.tidy()
        while len(oracle) > room:
            del oracle[next((k for k, v in oracle.items() if not v), next(iter(oracle)))]
        assert {k for k in oracle if held.find(k)} == set(oracle) and len(held) == len(oracle)

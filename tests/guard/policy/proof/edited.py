"""The shipped policy, read and edited, for tests of the proof."""

from __future__ import annotations

from functools import cache

from rambarde.guard.policy.catalogue import Catalogue
from rambarde.guard.policy.language import (
    Policy,
    Rule,
)
from rambarde.guard.policy.reading import FLOORS, SHIPPED, read_floors, read_policy, shipped
from rambarde.interfaces import parts
from rambarde.interfaces.settings import Settings

TEXT = shipped(SHIPPED).decode()


@cache
def names() -> Catalogue:
    return parts.judging(Settings())[2]


@cache
def floors() -> tuple[Rule, ...]:
    return read_floors(shipped(FLOORS), names())[0]


def read(text: str) -> Policy:
    return read_policy(text.encode(), names())


def edited(*edits: tuple[str, str]) -> str:
    text = TEXT
    for old, new in edits:
        assert old in text, old
        text = text.replace(old, new, 1)
    return text

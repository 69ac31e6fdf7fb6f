"""The contract of a detector: what every detector module provides, and nothing more.

A detector is one module with one class, registered under the entry-point group `rambarde.detectors`.
It passes `tests/guard/detectors/test_contract.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol, runtime_checkable

from rambarde.nouns.decision import Evidence
from rambarde.nouns.request import Picture
from rambarde.nouns.signal import Signal, SignalSpec


class MissingExtra(ImportError):
    """What `load` raises for a detector whose extra is not installed; `extra` is its name."""

    def __init__(self, extra: str) -> None:
        super().__init__(f"pip install 'rambarde[{extra}]'")
        self.extra = extra


class Subject(StrEnum):
    """What a detector looks at."""

    TEXT = "text"
    PICTURE = "picture"
    INPUT = "input"
    """An input picture only; the words of its evidence are judged as the prompt's are."""
    CHANGE = "change"
    """What an output changes about the people of the pictures it was made from."""


@dataclass(frozen=True, slots=True, eq=False)
class Change:
    """One output and all it is to be compared with.

    `inputs` are the pictures sent; `originals` those that a chain of edits started from, recognised by
    fingerprint; `session` those the same session began with. `lost` are the exposure scores of chains whose
    original has expired: the shares of bare body of each person, None where they could not be told.
    """

    output: Picture
    inputs: tuple[Picture, ...] = ()
    originals: tuple[Picture, ...] = ()
    session: tuple[Picture, ...] = ()
    lost: tuple[tuple[float | None, ...], ...] = ()


@dataclass(frozen=True, slots=True)
class Reading:
    """All signals of a detector for one subject, one for each of its specs, and the words it went by."""

    signals: tuple[Signal, ...]
    evidence: tuple[Evidence, ...] = ()


@dataclass(frozen=True, slots=True)
class DetectorInfo:
    """The identity of a detector. Changing any of `name`, `version`, `digest` is a policy change.

    `digest` is `sha256:` and the hex digest over every weight file, word list and table that shapes the
    answer, in a fixed order; it is computed from the bytes that are really loaded, never typed in.
    `deadline` is in seconds of wall time for one subject; `threads` the most threads one call may use.
    `shares` is a word that detectors have in common which find the same things in a picture (`media.memo`), so
    that they are run in one process; it is no part of the identity.
    """

    name: str
    version: str
    subject: Subject
    specs: tuple[SignalSpec, ...]
    deadline: float
    threads: int = 1
    shares: str = ""


@runtime_checkable
class Detector(Protocol):
    """A detector is loaded once, then called from several threads at a time.

    `load` reads weights and warms up; it may take seconds, runs off the event loop, and raises if anything
    is missing. `digest` is valid after `load`. `inspect` is pure: same subject, same reading; no clock, no
    randomness, no network, no writing. It may raise: the runner turns that into *failed* for all its specs.

    Detectors of pictures and changes usually live in a worker process, each order by itself; what they raise,
    and how they end, then touches nobody else. A detector of changes may have a method `prepare(picture)`, which
    finds beforehand what it will want of an input; it answers nothing.

    A detector whose answers also rest on data that the operator keeps current (a bank of hashes) has a
    property `data` with that data's digest. It goes into the record and is not pinned by the policy.
    """

    info: DetectorInfo

    @property
    def digest(self) -> str: ...

    def load(self) -> None: ...

    def inspect(self, subject: Any, /) -> Reading:
        """`subject` is a `Text`, `Picture` (also for `Subject.INPUT`) or `Change`, as `info.subject` says."""
        ...

"""The signal `known`: does the picture match one that is blocked, in any of its 8 orientations."""

from __future__ import annotations

import hashlib
from pathlib import Path

from rambarde.guard.banks.bank import Bank
from rambarde.guard.banks.watch import Unusable, Watch, digest, nearest
from rambarde.guard.detectors.contract import DetectorInfo, Reading, Subject
from rambarde.guard.media.pdq import GOOD_QUALITY, dihedral
from rambarde.nouns.request import Picture, Text
from rambarde.nouns.signal import Signal, SignalSpec

VISIBLE = 2.0
"""Least spread of the blurred luminance, of 255, in which anybody can see anything."""
_METHOD = (
    "sha256:"
    + hashlib.sha256(b"known 2: pdq, 31 bits, 8 orientations, nearer negatives within 16 bits").hexdigest()
)


class KnownDetector:
    """Compares PDQ hashes with banks of blocked ones; 31 of 256 bits may differ.

    *1.0*: a match. *Absent*: none; always so with empty banks, for a flat picture, in which there is nothing
    to see, and for a picture that is nearer to a negative entry than to any blocked one. *No answer*: a match
    of a picture with little structure (a washed-out copy, but also a plain gradient that happens to resemble
    one): it counts as a match until a human has looked. A picture with little structure that matches nothing
    is absent, so that skies and blank pages go through. *Failed*: a bank is missing, damaged or stale.

    Banks are looked at with each picture and read again when their files are replaced; so `inspect` has a
    clock, and reads. A picture that was judged under one bank has to be looked at again under another.

    Limits: PDQ misses crops of some per cent, borders, overlays, collages and turns other than by 90°.
    """

    info = DetectorInfo(
        name="known",
        version="2",
        subject=Subject.PICTURE,
        specs=(SignalSpec("known", meaning="1 if its PDQ is within 31 bits of a blocked one"),),
        deadline=2.0,
    )

    def __init__(self, *banks: str | Path) -> None:
        """`banks` are paths of bank files (`guard.banks`), read by `load`; without one, nothing is blocked."""
        self._watch = Watch([Path(bank) for bank in banks])
        self._data = ""

    @property
    def digest(self) -> str:
        """Of the method alone: what is in the banks is the operator's data."""
        return _METHOD if self._data else ""

    @property
    def data(self) -> str:
        """The digest of the banks that the last picture was held against, for the record."""
        return self._data

    def load(self) -> None:
        """Raises `OSError` for a bank file that cannot be read, `ValueError` for one that is damaged.

        A bank that is only stale loads: its signal is *failed* until a fresh one is in its place.
        """
        self._watch.load()
        self._data = digest(self._watch.loaded) or Bank().digest

    def inspect(self, subject: Text | Picture, /) -> Reading:
        if not isinstance(subject, Picture):
            raise TypeError("known looks at pictures")
        if not self._data:
            raise RuntimeError("known: call load() first")
        return Reading((self._look(subject),))

    def _look(self, picture: Picture) -> Signal:
        try:
            banks = self._watch.current()
        except Unusable as error:
            return Signal.failed("known", str(error))
        self._data = digest(banks) or self._data
        if not any(len(bank.blocks) for bank in banks):
            return Signal.absent("known", "the bank is empty")
        turned = dihedral(picture)
        if turned[0].range < VISIBLE:
            return Signal.absent("known", "flat")
        found = nearest(banks, [one.bits for one in turned])
        if found is None:
            return Signal.absent("known")
        if found.excused:
            return Signal.absent("known", "nearer to a negative entry")
        if turned[0].quality < GOOD_QUALITY:
            return Signal.no_answer("known", "no structure")
        return Signal.measured("known", 1.0)

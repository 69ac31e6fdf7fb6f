"""The signal `known`: does the picture match one that is blocked, in any of its 8 orientations."""

from __future__ import annotations

import hashlib
from pathlib import Path

from rambarde.guard.detectors.contract import DetectorInfo, Reading, Subject
from rambarde.guard.media.bank import Bank
from rambarde.guard.media.index import LARGEST_RADIUS, HashIndex
from rambarde.guard.media.pdq import GOOD_QUALITY, dihedral
from rambarde.nouns.request import Picture, Text
from rambarde.nouns.signal import Signal, SignalSpec

VISIBLE = 2.0
"""Least spread of the blurred luminance, of 255, in which anybody can see anything."""
_METHOD = "sha256:" + hashlib.sha256(b"known 1: pdq, 31 bits, 8 orientations").hexdigest()


class KnownDetector:
    """Compares PDQ hashes with a bank of blocked ones; 31 of 256 bits may differ.

    *1.0*: a match. *Absent*: none; always so with an empty bank, and for a flat picture, in which there is
    nothing to see. *No answer*: a match of a picture with little structure (a washed-out copy, but also a
    plain gradient that happens to resemble one): it counts as a match until a human has looked. A picture
    with little structure that matches nothing is absent, so that skies and blank pages go through.

    Limits: PDQ misses crops of some per cent, borders, overlays, collages and turns other than by 90°.
    """

    info = DetectorInfo(
        name="known",
        version="1",
        subject=Subject.PICTURE,
        specs=(SignalSpec("known", meaning="1 if its PDQ is within 31 bits of a blocked one"),),
        deadline=1.0,
    )

    def __init__(self, bank: str | Path | None = None) -> None:
        """`bank` is the path of a bank file (`media.bank`), read by `load`; without one, nothing is blocked."""
        self._path = Path(bank) if bank else None
        self._bank: Bank | None = None
        self._data = ""
        self._index = HashIndex(())

    @property
    def digest(self) -> str:
        """Of the method alone: what is in the bank is the operator's data, and only tightens."""
        return _METHOD if self._bank is not None else ""

    @property
    def data(self) -> str:
        """The bank's digest, for the record."""
        return self._data

    def load(self) -> None:
        """Raises `OSError` for a bank file that cannot be read, `ValueError` for one that is damaged."""
        bank = Bank.read(self._path) if self._path else Bank()
        self._index = HashIndex(bank.hashes)
        self._data = bank.digest  # once: it covers every hash of the bank
        self._bank = bank

    def inspect(self, subject: Text | Picture, /) -> Reading:
        if not isinstance(subject, Picture):
            raise TypeError("known looks at pictures")
        return Reading((self._look(subject),))

    def _look(self, picture: Picture) -> Signal:
        if not self._loaded().hashes:
            return Signal.absent("known", "the bank is empty")
        turned = dihedral(picture)
        if turned[0].range < VISIBLE:
            return Signal.absent("known", "flat")
        if not any(self._index.within(one.bits, LARGEST_RADIUS) for one in turned):
            return Signal.absent("known")
        if turned[0].quality < GOOD_QUALITY:
            return Signal.no_answer("known", "no structure")
        return Signal.measured("known", 1.0)

    def _loaded(self) -> Bank:
        if self._bank is None:
            raise RuntimeError("known: call load() first")
        return self._bank

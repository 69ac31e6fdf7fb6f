"""Messages between the gateway and a worker. What a worker says is checked: a picture may have taken it over."""

from __future__ import annotations

from typing import Union

import msgspec

from rambarde.guard.media.limits import Limits
from rambarde.nouns.fault import Fault, Kind


class Note(msgspec.Struct, frozen=True):
    """What is on the sheet sent beside: see `sheet.Drawn`. `stays`: it will be asked about again."""

    size: int
    key: str
    media_type: str
    sha256: str
    width: int
    height: int
    has_alpha: bool
    stays: bool = False


# To the worker.


class Load(msgspec.Struct, tag=True, frozen=True):
    name: str


class Decode(msgspec.Struct, tag=True, frozen=True):
    """Decode the file on the sheet. With `bare`, the file is stripped to what can be seen."""

    id: int
    size: int
    limits: Limits
    field: str
    key: str
    declared: str | None
    filename: str | None
    bare: bool


class Look(msgspec.Struct, tag=True, frozen=True):
    """Let a detector look at a picture."""

    id: int
    detector: str
    picture: Note


class Compare(msgspec.Struct, tag=True, frozen=True):
    """Let a detector look at a change: the output, inputs, originals and pictures of the session, in this order."""

    id: int
    detector: str
    pictures: tuple[Note, ...]
    inputs: int
    originals: int
    lost: tuple[tuple[float | None, ...], ...]


class Prepare(msgspec.Struct, tag=True, frozen=True):
    """Find beforehand what a detector will want of a picture."""

    id: int
    detector: str
    picture: Note


class Expose(msgspec.Struct, tag=True, frozen=True):
    """The shares of bare body of everybody in a picture."""

    id: int
    picture: Note


Order = Union[Load, Decode, Look, Compare, Prepare, Expose]  # noqa: UP007  msgspec wants it so


# From the worker.


class Ready(msgspec.Struct, tag=True, frozen=True):
    """It has its detectors built, and waits."""


class Loaded(msgspec.Struct, tag=True, frozen=True):
    """A detector is loaded, or `error` says why it cannot be."""

    name: str
    version: str = ""
    digest: str = ""
    data: str = ""
    error: str | None = None


class Said(msgspec.Struct, frozen=True):
    """One signal."""

    name: str
    state: int
    value: float | None
    reason: str


class Quoted(msgspec.Struct, frozen=True):
    """One evidence."""

    signal: str
    words: str
    where: str


class Answer(msgspec.Struct, tag=True, frozen=True):
    id: int
    signals: tuple[Said, ...]
    evidence: tuple[Quoted, ...] = ()
    data: str = ""


class Shares(msgspec.Struct, tag=True, frozen=True):
    id: int
    shares: tuple[float | None, ...]


class Decoded(msgspec.Struct, tag=True, frozen=True):
    id: int
    picture: Note


class Refused(msgspec.Struct, tag=True, frozen=True):
    """The file cannot be decoded: a `Fault`."""

    id: int
    kind: Kind
    code: str
    message: str
    remedy: str
    field: str | None

    @classmethod
    def of(cls, id: int, fault: Fault) -> Refused:
        return cls(id, fault.kind, fault.code, fault.message, fault.remedy, fault.field)

    def fault(self) -> Fault:
        return Fault(self.kind, self.code, self.message, remedy=self.remedy, field=self.field)


class Broken(msgspec.Struct, tag=True, frozen=True):
    """It raised: the error's type, and where; no message, which may quote the content."""

    id: int
    error: str
    place: str


Reply = Union[Ready, Loaded, Answer, Shares, Decoded, Refused, Broken]  # noqa: UP007

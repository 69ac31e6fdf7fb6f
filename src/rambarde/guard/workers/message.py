"""Messages between the gateway and a worker: MessagePack with a length before it, descriptors beside it.

What a worker says is parsed like any untrusted input: it may have been taken over by a picture.
"""

from __future__ import annotations

import array
import os
import socket
import time
from collections.abc import Sequence
from typing import Union

import msgspec

from rambarde.guard.media.limits import Limits
from rambarde.nouns.fault import Fault, Kind

LONGEST = 1_048_576
"""Bytes of one message; pixels never travel in it."""
MOST_SHEETS = 128
"""Descriptors beside one message."""
_HEAD = 4
_FLAGS = getattr(socket, "MSG_CMSG_CLOEXEC", 0)


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

_encode = msgspec.msgpack.Encoder().encode
_order = msgspec.msgpack.Decoder(Order)
_reply = msgspec.msgpack.Decoder(Reply)


class Garbage(Exception):
    """What came is no message."""


class Late(Exception):
    """No whole message came in time."""


class Channel:
    """One end of the line between gateway and worker. Used by one thread at a time."""

    def __init__(self, line: socket.socket) -> None:
        self._line = line

    def close(self) -> None:
        self._line.close()

    def send(self, message: Order | Reply | bytes, fds: Sequence[int] = ()) -> None:
        """Raises `OSError` if the other end is gone."""
        body = message if isinstance(message, bytes) else _encode(message)
        frame = len(body).to_bytes(_HEAD) + body
        self._line.settimeout(None)
        sent = socket.send_fds(self._line, [frame], fds) if fds else 0
        if sent < len(frame):
            self._line.sendall(frame[sent:])

    def order(self) -> tuple[Order, list[int]]:
        """The next order, for the worker. Raises `EOFError` when the gateway is gone."""
        body, fds = self.receive(None)
        return _order.decode(body), fds

    def reply(self, seconds: float) -> tuple[Reply, list[int]]:
        """The next reply, for the gateway. Raises `EOFError`, `OSError`, `Late` or `Garbage`."""
        body, fds = self.receive(time.monotonic() + seconds)
        try:
            return _reply.decode(body), fds
        except msgspec.DecodeError as error:
            close(fds)
            raise Garbage("it is no message") from error

    def receive(self, until: float | None, longest: int = LONGEST) -> tuple[bytes, list[int]]:
        """The next message as bytes, and the descriptors beside it, which are now the caller's."""
        fds: list[int] = []
        try:
            head = self._head(until, fds)
            while len(head) < _HEAD:
                head += self._some(_HEAD - len(head), until)
            length = int.from_bytes(head)
            if length > longest:
                raise Garbage("a message that is too long")
            body = bytearray()
            while len(body) < length:
                body += self._some(length - len(body), until)
        except BaseException:
            close(fds)
            raise
        return bytes(body), fds

    def _head(self, until: float | None, fds: list[int]) -> bytes:
        self._patience(until)
        room = socket.CMSG_LEN(MOST_SHEETS * array.array("i").itemsize)
        try:
            head, sides, flags, _ = self._line.recvmsg(_HEAD, room, _FLAGS)
        except TimeoutError:
            raise Late from None
        for level, kind, data in sides:
            if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
                found = array.array("i")
                found.frombytes(data[: len(data) - len(data) % found.itemsize])
                fds.extend(found)
        if flags & socket.MSG_CTRUNC:
            raise Garbage("too many descriptors")
        if not head:
            raise EOFError
        return head

    def _some(self, most: int, until: float | None) -> bytes:
        self._patience(until)
        try:
            found = self._line.recv(min(most, 65_536))
        except TimeoutError:
            raise Late from None
        if not found:
            raise EOFError
        return found

    def _patience(self, until: float | None) -> None:
        if until is None:
            self._line.settimeout(None)
        elif (left := until - time.monotonic()) > 0:
            self._line.settimeout(left)
        else:
            raise Late


def close(fds: Sequence[int]) -> None:
    for fd in fds:
        os.close(fd)

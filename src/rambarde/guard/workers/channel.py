"""A channel: the line between gateway and worker. MessagePack with a length before it, descriptors beside it."""

from __future__ import annotations

import array
import os
import select
import socket
import time
from collections.abc import Sequence

import msgspec

from rambarde.guard.workers.message import Order, Reply

LONGEST = 1_048_576
"""Bytes of one message; pixels never travel in it."""
MOST_SHEETS = 128
"""Descriptors beside one message."""
_HEAD = 4
_FLAGS = getattr(socket, "MSG_CMSG_CLOEXEC", 0)
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

    def wait(self, seconds: float) -> bool:
        """Whether something comes, be it the end, within so many seconds. Reads nothing."""
        ready = select.poll()  # `select` knows no descriptor above 1,023
        ready.register(self._line, select.POLLIN)
        return bool(ready.poll(seconds * 1000))

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

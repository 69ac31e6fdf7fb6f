"""A signer's key in an SSH agent: it never leaves the agent, which may ask its owner before it signs.

Two messages of the agent protocol (draft-ietf-sshm-ssh-agent) over a Unix socket: list the keys, and sign. What an
agent answers is checked like any other input: lengths, types, and the signature itself.
"""

from __future__ import annotations

import socket
import time
from pathlib import Path

from rambarde.guard.policy.signatures.openssh import (
    SIGNATURE_BYTES,
    TYPE,
    blob_of,
    fingerprint,
    holds,
    public_of,
    string,
)
from rambarde.nouns.fault import Fault, Kind

TIMEOUT = 60.0
"""Seconds for one answer: an agent may be waiting for its owner's finger."""
LIMIT_BYTES = 1 << 18
"""Bytes of one message, either way: what OpenSSH's agent takes and gives."""
LIMIT_KEYS = 2_048
_FAILURE = 5
_REQUEST_IDENTITIES, _IDENTITIES_ANSWER = 11, 12
_SIGN_REQUEST, _SIGN_RESPONSE = 13, 14


class AgentKey:
    """The key with this public half, in the agent behind the socket `path`. Connects for each signature."""

    def __init__(self, public: bytes, path: Path, *, timeout: float = TIMEOUT) -> None:
        """`path` is what SSH_AUTH_SOCK says; `timeout` is in seconds, for each answer."""
        self.public = public
        self._path = path
        self._timeout = timeout

    def sign(self, data: bytes) -> bytes:
        """64 bytes. Raises `Fault`: `agent_unreachable` (not there, silent, or gone in the middle),
        `agent_lacks_key`, `agent_refused`, `agent_invalid` (its answer is malformed, or signs something else).
        """
        request = bytes([_SIGN_REQUEST]) + string(blob_of(self.public)) + string(data) + bytes(4)
        if len(request) > LIMIT_BYTES:
            raise _fault(
                "agent_refused",
                f"the change is longer than an SSH agent takes ({LIMIT_BYTES} bytes).",
                "Sign with a key file, or shorten the change.",
            )
        with _Connection(self._path, self._timeout) as agent:
            listed = agent.identities()
            if all(public != self.public for public, _ in listed):
                raise _fault(
                    "agent_lacks_key",
                    f"the SSH agent has no key {fingerprint(self.public)}; it has {len(listed)} of Ed25519.",
                    "Add it with `ssh-add`, or sign with the key file.",
                    Kind.NOT_FOUND,
                )
            answer = _Reader(agent.ask(request, _SIGN_RESPONSE))
        blob = _Reader(answer.string())
        kind, signature = blob.string(), blob.string()
        if kind != TYPE.encode() or len(signature) != SIGNATURE_BYTES or blob.rest or answer.rest:
            raise _invalid("its signature has another form")
        if not holds(self.public, signature, data):
            raise _invalid("its signature does not hold for this key and change")
        return signature


def identities(path: Path, *, timeout: float = TIMEOUT) -> tuple[tuple[bytes, str], ...]:
    """The agent's Ed25519 keys: public half and comment. Raises `Fault` as `AgentKey.sign`."""
    with _Connection(path, timeout) as agent:
        return agent.identities()


class _Connection:
    def __init__(self, path: Path, timeout: float) -> None:
        self._timeout = timeout
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            self._socket.settimeout(timeout)
            self._socket.connect(str(path))
        except (OSError, ValueError) as error:  # ValueError: a path that is none
            self._socket.close()
            raise _unreachable("it cannot be reached") from error

    def __enter__(self) -> _Connection:
        return self

    def __exit__(self, *exception: object) -> None:
        self._socket.close()

    def identities(self) -> tuple[tuple[bytes, str], ...]:
        answer = _Reader(self.ask(bytes([_REQUEST_IDENTITIES]), _IDENTITIES_ANSWER))
        count = answer.number()
        if count > LIMIT_KEYS:
            raise _invalid(f"it claims to have {count} keys")
        pairs = [(answer.string(), answer.string()) for _ in range(count)]
        if answer.rest:
            raise _invalid("its list of keys is longer than it says")
        return tuple(
            (public, comment.decode("utf-8", "replace"))
            for blob, comment in pairs
            if (public := public_of(blob)) is not None
        )

    def ask(self, message: bytes, wanted: int) -> bytes:
        """The contents of the answer, which must be of the type `wanted`."""
        deadline = time.monotonic() + self._timeout
        try:
            self._socket.settimeout(self._timeout)
            self._socket.sendall(string(message))
            length = int.from_bytes(self._receive(4, deadline), "big")
            if not 1 <= length <= LIMIT_BYTES:
                raise _invalid(f"it announces an answer of {length} bytes")
            answer = self._receive(length, deadline)
        except TimeoutError as error:
            raise _unreachable(f"it did not answer within {self._timeout:g} seconds") from error
        except OSError as error:
            raise _unreachable("the connection broke") from error
        if answer[0] == _FAILURE:
            raise _fault(
                "agent_refused",
                "the SSH agent refused.",
                "Confirm the request in the agent, unlock it (`ssh-add -X`), or sign with the key file.",
                Kind.FORBIDDEN,
            )
        if answer[0] != wanted:
            raise _invalid(f"it answered with a message of type {answer[0]}")
        return answer[1:]

    def _receive(self, count: int, deadline: float) -> bytes:
        parts = bytearray()
        while len(parts) < count:
            left = deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError
            self._socket.settimeout(left)
            part = self._socket.recv(count - len(parts))
            if not part:
                raise _unreachable("it closed the connection early")
            parts += part
        return bytes(parts)


class _Reader:
    """Takes numbers and strings off a message; what is cut short is a fault."""

    def __init__(self, data: bytes) -> None:
        self.rest = data

    def number(self) -> int:
        return int.from_bytes(self._take(4), "big")

    def string(self) -> bytes:
        return self._take(self.number())

    def _take(self, count: int) -> bytes:
        if count > len(self.rest):
            raise _invalid("its answer is cut short")
        taken, self.rest = self.rest[:count], self.rest[count:]
        return taken


def _unreachable(why: str) -> Fault:
    return _fault(
        "agent_unreachable",
        f"the SSH agent gave no answer: {why}.",
        "Start one (`eval $(ssh-agent)`) and add the key, or sign with the key file.",
    )


def _invalid(why: str) -> Fault:
    return _fault(
        "agent_invalid",
        f"the SSH agent does not keep to the protocol: {why}.",
        "Check what listens at SSH_AUTH_SOCK, or sign with the key file.",
    )


def _fault(code: str, message: str, remedy: str, kind: Kind = Kind.INVALID) -> Fault:
    return Fault(kind, code, message, remedy=remedy, field="key")

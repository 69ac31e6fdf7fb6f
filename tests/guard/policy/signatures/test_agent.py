"""The SSH agent: a real one where it is installed, and one that misbehaves in every way we could think of."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from rambarde.guard.policy.signatures.agent import LIMIT_BYTES, AgentKey, identities
from rambarde.guard.policy.signatures.key import FileKey
from rambarde.guard.policy.signatures.openssh import blob_of, holds, string
from rambarde.nouns.fault import Fault
from tests.guard.policy.signatures.stand import key

ADA, BEN = key("ada"), key("ben")


@pytest.fixture
def place() -> Iterator[Path]:
    """A short path: a Unix socket's has at most 108 bytes."""
    with tempfile.TemporaryDirectory(prefix="rb-agent-") as folder:
        yield Path(folder) / "s"


# A real agent.


@pytest.mark.skipif(
    shutil.which("ssh-agent") is None or shutil.which("ssh-add") is None, reason="no ssh-agent is installed"
)
def test_a_real_agent(place: Path) -> None:
    made = FileKey.make(place.with_name("key"))
    agent = subprocess.Popen(["ssh-agent", "-D", "-a", str(place)], stdout=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 10
        while not place.exists() and time.monotonic() < deadline:
            time.sleep(0.01)
        held = AgentKey(made.public, place, timeout=10)
        with pytest.raises(Fault) as refused:
            held.sign(b"data")
        assert refused.value.code == "agent_lacks_key"

        def add(*arguments: str) -> None:
            environment = {**os.environ, "SSH_AUTH_SOCK": str(place)}
            subprocess.run(["ssh-add", "-q", *arguments], env=environment, check=True, capture_output=True)

        add(str(place.with_name("key")))
        assert [public for public, _ in identities(place)] == [made.public]
        for data in (b"", b"data", bytes(200_000)):
            assert held.sign(data) == made.sign(data)  # Ed25519 is deterministic
        with pytest.raises(Fault) as refused:
            held.sign(bytes(LIMIT_BYTES))
        assert refused.value.code == "agent_refused" and "longer" in refused.value.message
        add("-D")
        with pytest.raises(Fault) as refused:
            held.sign(b"data")
        assert refused.value.code == "agent_lacks_key"
    finally:
        agent.terminate()
        agent.wait(10)


# One that misbehaves.

Answer = Callable[[bytes], "bytes | None"]
"""From a request's contents to the bytes sent back; None closes the connection."""


def listing(*keys: FileKey) -> bytes:
    body = len(keys).to_bytes(4, "big") + b"".join(string(blob_of(k.public)) + string(b"c") for k in keys)
    return string(b"\x0c" + body)


def signature(value: bytes, kind: bytes = b"ssh-ed25519") -> bytes:
    return string(b"\x0e" + string(string(kind) + string(value)))


def honest(request: bytes) -> bytes | None:
    if request == b"\x0b":
        return listing(BEN, ADA)
    blob = string(blob_of(ADA.public))
    assert request[1:].startswith(blob) and request.endswith(bytes(4))
    return signature(ADA.sign(request[1 + len(blob) + 4 : -4]))


def on_sign(answer: bytes | None) -> Answer:
    return lambda request: honest(request) if request == b"\x0b" else answer


def on_list(answer: bytes | None) -> Answer:
    return lambda request: answer if request == b"\x0b" else honest(request)


@contextlib.contextmanager
def fake(place: Path, answer: Answer, pause: float = 0.0) -> Iterator[None]:
    server = socket.socket(socket.AF_UNIX)
    server.bind(str(place))
    server.listen()

    def serve() -> None:
        with contextlib.suppress(OSError):
            peer, _ = server.accept()
            with peer:
                while head := peer.recv(4):
                    body = b""
                    while len(body) < int.from_bytes(head, "big"):
                        body += peer.recv(1 << 16)
                    time.sleep(pause)
                    told = answer(body)
                    if told is None:
                        return
                    for start in range(0, len(told), 7):  # in small pieces
                        peer.sendall(told[start : start + 7])

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.close()
        thread.join(5)


def test_an_honest_agent_in_small_pieces(place: Path) -> None:
    with fake(place, honest):
        assert holds(ADA.public, AgentKey(ADA.public, place, timeout=5).sign(b"data"), b"data")


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (on_list(None), "agent_unreachable"),
        (on_sign(None), "agent_unreachable"),
        (on_list(b"\0\0"), "agent_unreachable"),
        (on_list(string(b"\x05")), "agent_refused"),
        (on_sign(string(b"\x05")), "agent_refused"),
        (on_list(listing()), "agent_lacks_key"),
        (on_list(listing(BEN)), "agent_lacks_key"),
        (on_list(b"\xff\xff\xff\xff\x0c"), "agent_invalid"),
        (on_list((LIMIT_BYTES + 1).to_bytes(4, "big") + b"\x0c"), "agent_invalid"),
        (on_list(bytes(4)), "agent_invalid"),
        (on_list(string(b"\x0c")), "agent_invalid"),
        (on_list(string(b"\x0c" + b"\xff\xff\xff\xff")), "agent_invalid"),
        (on_list(string(b"\x0c" + b"\0\0\0\2" + string(b"x") + string(b""))), "agent_invalid"),
        (on_list(string(listing(ADA)[4:] + b"more")), "agent_invalid"),
        (on_list(string(b"\x06")), "agent_invalid"),
        (on_sign(listing(ADA)), "agent_invalid"),
        (on_sign(signature(BEN.sign(b"data"))), "agent_invalid"),
        (on_sign(signature(ADA.sign(b"other"))), "agent_invalid"),
        (on_sign(signature(bytes(64))), "agent_invalid"),
        (on_sign(signature(ADA.sign(b"data")[:63])), "agent_invalid"),
        (on_sign(signature(ADA.sign(b"data"), b"ssh-rsa")), "agent_invalid"),
        (on_sign(string(b"\x0e" + string(b"\xff"))), "agent_invalid"),
        (on_sign(string(b"\x0e")), "agent_invalid"),
    ],
)
def test_an_agent_that_misbehaves(place: Path, answer: Answer, code: str) -> None:
    with fake(place, answer), pytest.raises(Fault) as refused:
        AgentKey(ADA.public, place, timeout=0.5).sign(b"data")
    assert refused.value.code == code and refused.value.remedy


def test_an_agent_that_says_nothing(place: Path) -> None:
    began = time.monotonic()
    with fake(place, honest, pause=1.0), pytest.raises(Fault) as refused:
        AgentKey(ADA.public, place, timeout=0.2).sign(b"data")
    assert refused.value.code == "agent_unreachable" and "within 0.2 seconds" in refused.value.message
    assert time.monotonic() - began < 5


@pytest.mark.parametrize("name", ["nothing", "x" * 200, "nul\0"])
def test_no_agent_there(place: Path, name: str) -> None:
    with pytest.raises(Fault) as refused:
        AgentKey(ADA.public, place.with_name(name)).sign(b"data")
    assert refused.value.code == "agent_unreachable"

"""The channel: messages whole, in order and in time, or an error; and never a descriptor left open."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rambarde.guard.workers import message
from rambarde.guard.workers.channel import LONGEST, MOST_SHEETS, Channel, Garbage, Late, close


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


Pair = tuple[socket.socket, Channel]


@pytest.fixture
def pair() -> Iterator[Pair]:
    one, other = socket.socketpair()
    with one, other:
        yield one, Channel(other)


def test_messages_and_descriptors_arrive_in_order(pair: Pair) -> None:
    line, channel = pair
    reader, writer = os.pipe()
    sender = Channel(line)
    sender.send(message.Answer(1, (message.Said("a", 1, 0.5, "why"),)))
    sender.send(message.Shares(2, (None, 0.25)), [writer, reader])
    sender.send(message.Ready())
    assert channel.reply(1) == (message.Answer(1, (message.Said("a", 1, 0.5, "why"),)), [])
    shares, fds = channel.reply(1)
    assert shares == message.Shares(2, (None, 0.25)) and len(fds) == 2
    os.write(fds[0], b"through")
    assert os.read(reader, 10) == b"through"
    assert not os.get_inheritable(fds[0])
    assert channel.reply(1) == (message.Ready(), [])
    close([*fds, reader, writer])


def test_long_messages_and_slow_senders(pair: Pair) -> None:
    line, channel = pair
    long = message.Loaded("x" * 500_000)
    thread = threading.Thread(target=Channel(line).send, args=(long,))
    thread.start()
    assert channel.reply(5)[0] == long
    thread.join()


@given(st.binary(max_size=60))
def test_what_is_no_message_is_garbage_late_or_an_end_and_nothing_else(noise: bytes) -> None:
    one, other = socket.socketpair()
    with one, other:
        one.sendall(noise)
        one.close()
        with pytest.raises((Garbage, EOFError)):
            for _ in range(20):
                Channel(other).reply(1)


@pytest.mark.parametrize("sent", [b"", b"\0\0", b"\0\0\0\x09half"])
def test_half_a_message_is_late(pair: Pair, sent: bytes) -> None:
    line, channel = pair
    line.sendall(sent)
    start = time.monotonic()
    with pytest.raises(Late):
        channel.reply(0.05)
    assert time.monotonic() - start < 1


def test_drops_that_never_end_are_late_too(pair: Pair) -> None:
    line, channel = pair
    line.sendall((1000).to_bytes(4))
    stop = threading.Event()

    def drip() -> None:
        while not stop.wait(0.01):
            line.send(b"x")

    thread = threading.Thread(target=drip)
    thread.start()
    try:
        with pytest.raises(Late):
            channel.reply(0.15)
    finally:
        stop.set()
        thread.join()


def test_too_long_and_too_many(pair: Pair) -> None:
    line, channel = pair
    line.sendall((LONGEST + 1).to_bytes(4))
    with pytest.raises(Garbage):
        channel.reply(1)
    one, other = socket.socketpair()
    with one, other:
        reader, writer = os.pipe()
        Channel(one).send(message.Ready(), [reader] * (MOST_SHEETS + 20))
        before = descriptors()
        with pytest.raises(Garbage):
            Channel(other).reply(1)
        assert descriptors() <= before
        close([reader, writer])


def test_garbage_leaves_no_descriptor(pair: Pair) -> None:
    line, channel = pair
    reader, writer = os.pipe()
    before = descriptors()
    socket.send_fds(line, [(3).to_bytes(4) + b"\xff\xff\xff"], [reader, writer])
    with pytest.raises(Garbage):
        channel.reply(1)
    assert descriptors() == before
    close([reader, writer])

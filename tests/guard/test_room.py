"""Room: what does not fit is refused, and every place is given back, however its request ends."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rambarde.guard.room import Room
from rambarde.nouns.fault import Fault, Kind


def test_requests_beyond_the_limit_are_refused() -> None:
    room = Room(requests=2)
    with room.place(), room.place():
        with pytest.raises(Fault) as caught, room.place():
            pytest.fail("a third one came in")
        assert (caught.value.kind, caught.value.code) == (Kind.OVERLOADED, "overloaded")
        assert caught.value.retry_after
    with room.place(), room.place():
        pass


def test_a_request_that_was_refused_takes_no_place() -> None:
    room = Room(requests=1)
    with room.place():
        for _ in range(5):
            with pytest.raises(Fault), room.place():
                pass
    with room.place():
        pass


def test_pixels_are_counted_over_all_requests() -> None:
    room = Room(pixels=100)
    with room.place() as first, room.place() as second:
        first.reserve(60)
        second.reserve(40)
        with pytest.raises(Fault):
            second.reserve(1)
    with room.place() as third:
        third.reserve(100)


@given(st.lists(st.lists(st.integers(0, 60), max_size=4), max_size=8))
def test_all_is_given_back_whatever_happens(requests: list[list[int]]) -> None:
    room = Room(requests=3, pixels=100)
    for pictures in requests:
        try:
            with room.place() as place:
                for pixels in pictures:
                    place.reserve(pixels)
                raise RuntimeError("the request failed")
        except (Fault, RuntimeError):
            pass
    assert (room._requests, room._pixels) == (0, 0)
    with room.place() as place:
        place.reserve(100)

"""A folder of images of others: judged once each, by the minute they came, resumed, and never shown."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from rambarde.interfaces.monitor.recheck import inspector
from rambarde.interfaces.monitor.source import Source
from rambarde.interfaces.scan import Scanner
from rambarde.interfaces.settings import Settings
from rambarde.measure.monitor.recheck import read
from rambarde.nouns.fault import Fault
from tests.interfaces.monitor.test_recheck import TESTS, Marker, picture

START = 1_767_960_000.0


class Stream:
    """A folder into which images come, and a clock."""

    def __init__(self, path: Path) -> None:
        self.path, self.now, self.opened = path, START, list[Source]()
        (path / "in").mkdir()

    def open(self, tests: str = "marker:mark>=0.5") -> Source:
        looking = inspector(Settings(workers=0), TESTS, [Marker()])
        looking.load(pin=True)
        made = Source(
            self.path / "in",
            self.path / "s.db",
            read([tests], "test"),
            Scanner(looking),
            1.0,
            lambda: self.now,
        )
        self.opened.append(made)
        return made

    def put(self, name: str, level: int, at: float) -> Path:
        file = self.path / "in" / name
        file.write_bytes(picture(level))
        os.utime(file, (at, at))
        return file


@pytest.fixture
def stream(tmp_path: Path) -> Iterator[Stream]:
    made = Stream(tmp_path)
    yield made
    for source in made.opened:
        source.close()


async def test_each_image_is_judged_once_also_after_a_restart(stream: Stream) -> None:
    for n, level in enumerate((255, 10, 128, 0)):
        stream.put(f"{n}.png", level, START - 90)
    source = stream.open()
    assert await source.look() == 4 and await source.look() == 0
    whole = source.view()["all"]
    assert (whole["problematic"], whole["unknown"], whole["images"]) == (1, 2, 4)
    again = stream.open()
    assert await again.look() == 0 and again.view()["all"] == whole
    stream.put("4.png", 255, START - 5)
    assert await again.look() == 1 and again.view()["all"]["problematic"] == 2


async def test_a_file_that_is_being_written_waits(stream: Stream) -> None:
    stream.put("half.png", 255, START - 0.5)
    source = stream.open()
    assert await source.look() == 0
    stream.now += 3
    assert await source.look() == 1


async def test_a_stop_in_the_middle_loses_nothing(stream: Stream) -> None:
    for n in range(6):
        stream.put(f"{n}.png", 255, START - 90)
    source = stream.open()

    def stop(count: int) -> None:
        if count == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        await source.look(stop)
    assert await stream.open().look() == 3
    assert stream.opened[-1].view()["all"]["problematic"] == 6


async def test_a_rise_is_found_once_and_what_came_late_is_not_lost(stream: Stream) -> None:
    for n in range(30):
        stream.put(f"quiet{n}.png", 10, START - 60 * (40 - n))
    source = stream.open()
    await source.look()
    assert source.watch() == []
    for n in range(12):
        stream.put(f"rise{n}.png", 255, START + 1)
    stream.now += 75
    await source.look()
    (alarm,) = source.watch()
    assert alarm["count"] == 12 and source.watch() == []
    stream.now += 4000
    for n in range(12):  # copied with their old times, after those minutes were watched
        stream.put(f"late{n}.png", 255, START + 2)
    again = stream.open()
    await again.look()
    assert [one["count"] for one in again.watch()] == [12]


async def test_none_found_is_a_number_and_no_answer_is_none(stream: Stream) -> None:
    stream.put("a.png", 0, START - 90)
    source = stream.open()
    await source.look()
    assert source.view()["all"]["per_minute"]["value"] is None
    stream.put("b.png", 10, START - 80)
    await source.look()
    assert source.view()["all"]["per_minute"]["value"] == 0.0


def test_two_instruments_give_no_one_rate(stream: Stream) -> None:
    stream.open()
    with pytest.raises(Fault) as caught:
        stream.open("marker:mark>=0.9")
    assert caught.value.code == "source_other"


def test_what_cannot_be_watched_is_refused(tmp_path: Path, stream: Stream) -> None:
    looking = Scanner(inspector(Settings(workers=0), TESTS, [Marker()]))
    for folder, state, code in (
        (tmp_path / "no", tmp_path / "x.db", "no_folder"),
        (tmp_path, tmp_path, "source_state"),
    ):
        with pytest.raises(Fault) as caught:
            Source(folder, state, TESTS, looking, 1.0)
        assert caught.value.code == code
    looking.close()

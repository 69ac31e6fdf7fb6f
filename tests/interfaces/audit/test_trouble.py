"""A picture that cannot be had for the moment holds nobody up: it is tried again, or called unreadable."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import cast

from rambarde.interfaces.audit.exhibit import Exhibitor, Shown, Withheld
from rambarde.interfaces.audit.labelling import OURSELVES, Labelling, Seat
from rambarde.measure.audit.journal import Journal, Labelled, Opened
from rambarde.measure.audit.rating import Rating
from rambarde.measure.audit.sheet import Unit
from rambarde.nouns.fault import Fault, Kind


class Moody:
    """Fails as often as it is told, and withholds what is called so."""

    def __init__(self, failures: int) -> None:
        self.left = failures

    async def show(self, id: str) -> Shown:
        if id.startswith("known"):
            raise Withheld("known")
        if self.left:
            self.left -= 1
            raise Fault(Kind.TIMEOUT, "upstream_url_timeout", "Too slow.", remedy="Try again.")
        return Shown(b"blurred", b"sharp")


def sitting(tmp_path: Path, failures: int, *ids: str) -> tuple[Labelling, Seat, Rating, Journal]:
    journal = Journal(tmp_path / "labels.jsonl")
    rating = Rating([Unit(number, id) for number, id in enumerate(ids, 1)], "s")
    event = Opened("t", "s", "Round?", ("ann",), None, "ours", 0.0)
    journal.add(event)
    rating.take(event)
    page = Labelling(rating, journal, cast(Exhibitor, Moody(failures)), ("ann",))
    return page, next(iter(page._seats.values())), rating, journal


async def test_it_is_tried_again(tmp_path: Path) -> None:
    page, seat, rating, journal = sitting(tmp_path, 2, "a.png")
    for trouble in (True, True, False):
        told = await page._next(seat)
        assert bool(told["trouble"]) is trouble and told["showing"]
    again = await page._next(seat)
    assert again["showing"] == told["showing"], "what is on the page stays what is labelled"
    assert rating.outcomes()[0].label == "unlabelled"
    journal.close()


async def test_what_is_withheld_is_closed_on_the_way(tmp_path: Path) -> None:
    page, seat, rating, journal = sitting(tmp_path, 0, "known-1.png", "known-2.png", "c.png")
    told = await asyncio.wait_for(page._next(seat), 5)
    assert seat.open[str(told["showing"])].task.unit.id == "c.png"
    assert [one.label for one in rating.outcomes()] == ["withheld", "withheld", "unlabelled"]
    events = [event for event in journal.events if isinstance(event, Labelled)]
    assert {(event.rater, event.why) for event in events} == {(OURSELVES, "known")}
    journal.close()

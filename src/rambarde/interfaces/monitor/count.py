"""Count: one gateway of all reads the log, counts, and looks for a rise. Another one takes over where it ends.

What is counted rests on the log and on one row: from where the open minute is counted on. So a restart leaves no gap
and counts nothing twice, and of two that believe to have the right only one can close a minute.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from rambarde.interfaces.monitor.history import hours
from rambarde.measure.monitor.tally import Open, Tally
from rambarde.measure.monitor.watch import BREAKER, Watch, counts
from rambarde.nouns.sighting import Alarm, Cell
from rambarde.store.monitor import Monitor, State

log = logging.getLogger(__name__)

LEASE = timedelta(seconds=10)
"""How long the right to count lasts."""
PAGE = 2000
"""Documents read at a time."""
MOST_PAGES = 50
"""Pages in one step, so that it ends and the right is renewed."""
LEARN = 60
"""Minutes between two looks at the history."""


@dataclass(slots=True)
class Counter:
    """Not thread-safe. `expected` are baselines where there is no history; `channels` are told of alarms; `trips`:
    there is a breaker.
    """

    monitor: Monitor
    clock: Callable[[], datetime]
    holder: str
    expected: dict[str, float]
    channels: tuple[str, ...] = ()
    trips: bool = False
    watch: Watch = field(init=False)
    _tally: Tally | None = field(default=None, init=False)
    _version: int = field(default=-1, init=False)
    _learnt: int | None = field(default=None, init=False)
    _told: tuple[Cell, ...] = field(default=(), init=False)

    def __post_init__(self) -> None:
        self.watch = Watch(self.expected)

    def step(self) -> tuple[Alarm, ...] | None:
        """Count what is new. Returns new alarms; None if another one counts. Raises the database's faults."""
        try:
            return self._step()
        except BaseException:
            self._tally = None  # what was closed in memory and not on disk is read anew
            raise

    def _step(self) -> tuple[Alarm, ...] | None:
        state = self.monitor.lead(self.holder, LEASE)
        if state is None:
            self._tally = None
            return None
        if self._tally is None or state.version != self._version:
            self._begin(state)
        tally = self._tally
        assert tally is not None
        raised: list[Alarm] = []
        for _ in range(MOST_PAGES):
            page = self.monitor.documents(tally.next, PAGE)
            for document in page:
                closed = tally.add(document, self.clock())
                if closed is not None and not self._close(closed, raised):
                    return tuple(raised)
            if len(page) < PAGE:
                # Only now is it known that nothing waits which belongs into the minute that is open.
                closed = tally.tick(self.clock())
                if closed is not None and not self._close(closed, raised):
                    return tuple(raised)
                break
        else:
            return tuple(raised)  # far behind: what is open is no minute of now
        self._look(raised)
        return tuple(raised)

    def _begin(self, state: State) -> None:
        self._tally = Tally(state.next, state.minute, self.monitor.record)
        self._version = state.version
        self.watch = Watch.load(self.expected, state.streams)
        self._learnt = None
        self._told = state.open

    def _close(self, closed: Open, raised: list[Alarm]) -> bool:
        """Write a closed minute; false if another one did, so that all is to be read anew."""
        self._learn(closed.minute)
        rows = closed.rows()
        found = self.watch.step(closed.minute, counts(rows), closed=True)
        return self._advance(found, rows, raised)

    def _look(self, raised: list[Alarm]) -> None:
        """The minute that is open may be alarming already."""
        tally = self._tally
        assert tally is not None
        assert tally.open is not None
        rows = tally.open.rows()
        self._learn(tally.open.minute)
        found = self.watch.step(tally.open.minute, counts(rows), closed=False)
        if found and not self._advance(found, (), raised):
            return
        if rows != self._told:
            self.monitor.tell(self.holder, rows)
            self._told = rows

    def _advance(self, found: Sequence[Alarm], rows: Sequence[Cell], raised: list[Alarm]) -> bool:
        tally = self._tally
        assert tally is not None
        assert tally.open is not None
        uncounted, tally.uncounted = tally.uncounted, 0
        version = self.monitor.advance(
            self._version,
            next=tally.first,
            minute=tally.open.minute,
            cells=rows,
            streams=self.watch.as_json(),
            uncounted=uncounted,
            raised=[(alarm, self.trips and alarm.stream == BREAKER) for alarm in found],
            channels=self.channels,
        )
        if version is None:
            log.warning("another gateway counts; what was counted here is dropped")
            self._tally = None
            return False
        self._version = version
        if rows:
            self._told = ()
        for alarm in found:
            log.critical("monitor: %s rose: %d in a minute, alarm %s", alarm.stream, alarm.count, alarm.id)
        raised += found
        return True

    def _learn(self, minute: int) -> None:
        """Take the baselines from the last whole hours."""
        if self._learnt is not None and 0 <= minute - self._learnt < LEARN:
            return
        self._learnt = minute
        self.watch.learn(hours(self.monitor, self.watch.streams, minute))

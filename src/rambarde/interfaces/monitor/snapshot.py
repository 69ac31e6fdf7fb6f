"""Snapshot: all that is shown of the monitor, read from the database: any gateway and any command shows the same."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from rambarde.interfaces.monitor.count import LEASE
from rambarde.interfaces.monitor.history import hours
from rambarde.measure.monitor import view
from rambarde.measure.monitor.tally import minute_of
from rambarde.measure.monitor.watch import RELEASED, Watch, counts
from rambarde.nouns.sighting import By, Cell
from rambarde.store.alarms import Alarms
from rambarde.store.monitor import Monitor, State
from rambarde.store.rechecks import Rechecks

BEHIND = 3 * LEASE.total_seconds()
"""Seconds without a word from who counts, after which the numbers are old."""


@dataclass(frozen=True, slots=True)
class Snapshots:
    """Makes them. `share` and `breaker` are of the settings."""

    monitor: Monitor
    alarms: Alarms
    queue: Rechecks
    clock: Callable[[], datetime]
    expected: dict[str, float]
    share: float
    breaker: str
    _hours: dict[tuple[int, int, int], dict[str, list[int]]] = field(default_factory=dict, init=False)
    _sums: dict[tuple[int, int, int], tuple[Cell, ...]] = field(default_factory=dict, init=False)

    def now(self) -> dict[str, Any]:
        """As JSON. Raises the database's faults."""
        state, at = self.monitor.state(), self.clock()
        minute = minute_of(at)
        held = (state.held_until - LEASE) if state else None
        silent = (at - held).total_seconds() if held else None
        watch = self._watch(state, minute)
        windows = [self._window(length, state, at) for length in view.WINDOWS]
        sources = {str(one["all"]["released"]["source"]) for one in windows}
        return {
            "at": at.isoformat(timespec="seconds"),
            "counting": {
                "running": silent is not None and silent < BEHIND,
                "silent_seconds": None if silent is None else round(max(0.0, silent), 1),
                "uncounted": state.uncounted if state else 0,
            },
            "windows": windows,
            "series": self._series(state, minute),
            "raised": view.states(state.streams if state else {}, minute),
            "change": view.change(watch, self.share),
            "limits": view.limits(self.share, sources),
            "rechecks": {"share": self.share, "waiting": self.queue.waiting()},
            "breaker": {"measure": self.breaker or None},
            "alarms": [one.as_json() for one in self.alarms.newest(10)],
        }

    def _watch(self, state: State | None, minute: int) -> Watch:
        watch = Watch.load(self.expected, state.streams if state else {})
        key = (-1, minute // 60, 0)
        if key not in self._hours:
            self._hours.clear()
            self._hours[key] = hours(self.monitor, watch.streams, minute)
        watch.learn(self._hours[key])
        return watch

    def _window(self, length: int, state: State | None, at: datetime) -> dict[str, Any]:
        """The last closed minutes, and the open one as far as it is told."""
        minute = minute_of(at)
        key = (length, minute, state.version if state else -1)
        if key not in self._sums:
            for old in [one for one in self._sums if one[0] == length]:
                del self._sums[old]
            self._sums[key] = self.monitor.sums(minute - length + 1, minute + 1)
        cells = list(self._sums[key])
        if state is not None:
            cells += [cell for cell in state.open if minute - length < cell.minute <= minute]
        first, now = self.monitor.first_minute(), at.timestamp() / 60
        begun = min(
            [one for one in (first, state.minute if state else None) if one is not None], default=minute
        )
        elapsed = max(1 / 60, now - max(minute - length + 1, begun))
        return view.window(length, cells, elapsed)

    def _series(self, state: State | None, minute: int) -> list[dict[str, int]]:
        """Refused, and found among what was released, by the minute of the last hour."""
        found: dict[int, list[Cell]] = {}
        for cell in (*self.monitor.minutes(minute - 59, minute + 1, By.ALL), *(state.open if state else ())):
            if cell.by is By.ALL:
                found.setdefault(cell.minute, []).append(cell)
        series = []
        for one in range(minute - 59, minute + 1):
            counted = counts(found.get(one, []))
            series.append(
                {"minute": one, "refused": counted.get("refused", 0), "found": counted.get(RELEASED, 0)}
            )
        return series

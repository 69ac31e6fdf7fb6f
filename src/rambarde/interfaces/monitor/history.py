"""History: what the streams counted by the hour, from which baselines are taken."""

from __future__ import annotations

from collections.abc import Iterable

from rambarde.measure.monitor.watch import BREAKER, HOURS, REFUSED, RELEASED, counts
from rambarde.store.monitor import Monitor


def hours(monitor: Monitor, streams: Iterable[str], minute: int) -> dict[str, list[int]]:
    """The last whole hours before `minute`, oldest first, since anything was counted."""
    now, begun = minute // 60 * 60, monitor.first_minute()
    names = {REFUSED, RELEASED, BREAKER, *streams}
    found: list[dict[str, int]] = []
    for hour in range(now - HOURS * 60, now, 60):
        if begun is not None and hour >= begun:
            found.append(counts(monitor.sums(hour, hour + 60)))
            names.update(found[-1])
    return {name: [one.get(name, 0) for one in found] for name in names}

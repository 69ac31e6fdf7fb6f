"""What the monitor will know of released harm, whom it can tell, and what it could switch on."""

from __future__ import annotations

from collections.abc import Iterator

from rambarde.guard.policy.catalogue import catalogue
from rambarde.interfaces import parts
from rambarde.interfaces.checkup.row import Row, ok, warn
from rambarde.interfaces.monitor import recheck
from rambarde.interfaces.monitor.alert import Teller
from rambarde.interfaces.settings import Settings


def monitor(settings: Settings) -> Iterator[Row]:
    """Rows; raises `Fault` for settings with which a gateway would not start."""
    check, teller = "monitor", Teller.of(settings)
    told = (
        f"alarms go to {', '.join(teller.channels)}"
        if teller.channels
        else "alarms go to the log and the page only"
    )
    if not settings.recheck_share:
        said = "no re-checks, so released harm is unknown until people record it"
    else:
        names = catalogue(detector.info for detector in parts.detectors(settings))
        required = parts.policy(settings, names).detectors
        tests = recheck.wanted(settings, (one.name for one in required))
        recheck.inspector(settings, tests).close()
        said = f"{settings.recheck_share:.2%} of the releases are re-checked: {', '.join(map(str, tests))}"
    if settings.breaker_measure and not settings.recheck_share:
        yield warn(
            check,
            f"The breaker of {settings.breaker_measure} hears of upheld notices only: there are no re-checks.",
            "Set `recheck_share` and `recheck` (docs/monitor.md).",
        )
        return
    breaker = f"; the breaker switches {settings.breaker_measure} on" if settings.breaker_measure else ""
    yield ok(check, f"{said}; {told}{breaker}")

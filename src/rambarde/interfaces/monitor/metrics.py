"""Metrics: the monitor's numbers for Prometheus (text format 0.0.4) and OpenTelemetry (OTLP, JSON over HTTP).

What is unknown is left out, and never 0: `rambarde_released_known` says whether there is a number.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import aiohttp

WAIT = 10.0


@dataclass(frozen=True, slots=True)
class Gauge:
    """One number: its name, what it is, its labels."""

    name: str
    help: str
    value: float
    labels: tuple[tuple[str, str], ...] = ()


def gauges(snapshot: dict[str, Any]) -> Iterator[Gauge]:
    """Everything of a snapshot that is a number, those of one name together."""
    found = sorted(_gauges(snapshot), key=lambda gauge: (gauge.name, gauge.labels))
    return (gauge for gauge in found if math.isfinite(gauge.value))


def _gauges(snapshot: dict[str, Any]) -> Iterator[Gauge]:
    counting = snapshot["counting"]
    yield Gauge("rambarde_monitor_running", "1 while a gateway counts.", float(counting["running"]))
    yield Gauge("rambarde_monitor_uncounted", "Documents nobody could count.", float(counting["uncounted"]))
    yield Gauge(
        "rambarde_recheck_share", "Share of releases that is re-checked.", snapshot["rechecks"]["share"]
    )
    yield Gauge("rambarde_recheck_waiting", "Re-checks that wait.", float(snapshot["rechecks"]["waiting"]))
    for stream in snapshot["change"]:
        label = (("stream", str(stream["stream"])),)
        raised = float(stream["stream"] in snapshot["raised"])
        yield Gauge("rambarde_monitor_raised", "1 for an hour after an alarm.", raised, label)
        yield Gauge(
            "rambarde_monitor_baseline", "Usual are up to so many a minute.", stream["baseline"], label
        )
    for window in snapshot["windows"]:
        minutes = (("window_minutes", str(window["minutes"])),)
        yield from _parts(window["all"], (*minutes, ("by", ""), ("value", "")))
        for by, parts in window["by"].items():
            for part in parts:
                yield from _parts(part, (*minutes, ("by", by), ("value", str(part["value"]))))


def _parts(part: dict[str, Any], labels: tuple[tuple[str, str], ...]) -> Iterator[Gauge]:
    for name in ("refused", "released"):
        rate = part[name]
        what = f"Problematic images {name} a minute, an account once a minute"
        for end, words in (("value", ""), ("low", ", lower 95 % limit"), ("high", ", upper 95 % limit")):
            if rate[end] is not None:
                suffix = "" if end == "value" else f"_{end}"
                yield Gauge(f"rambarde_{name}_per_minute{suffix}", f"{what}{words}.", rate[end], labels)
    known = float(part["released"]["value"] is not None)
    yield Gauge("rambarde_released_known", "1 if anything says how much was released.", known, labels)
    yield Gauge("rambarde_images_refused", "Images refused.", float(part["images"]["refused"]), labels)
    yield Gauge("rambarde_images_released", "Images released.", float(part["images"]["released"]), labels)
    yield Gauge("rambarde_rechecks_drawn", "Images re-checked.", float(part["rechecks"]["drawn"]), labels)
    yield Gauge(
        "rambarde_rechecks_unanswered",
        "Re-checks without an answer.",
        float(part["rechecks"]["unanswered"]),
        labels,
    )


def prometheus(snapshot: dict[str, Any]) -> str:
    """The text exposition format."""
    lines, last = [], ""
    for gauge in gauges(snapshot):
        if gauge.name != last:
            lines += [f"# HELP {gauge.name} {gauge.help}", f"# TYPE {gauge.name} gauge"]
            last = gauge.name
        labels = ",".join(f'{name}="{_escaped(value)}"' for name, value in gauge.labels)
        lines.append(
            f"{gauge.name}{{{labels}}} {gauge.value:.10g}" if labels else f"{gauge.name} {gauge.value:.10g}"
        )
    return "\n".join(lines) + "\n"


def otlp(snapshot: dict[str, Any], at: float) -> dict[str, Any]:
    """An `ExportMetricsServiceRequest`, in OTLP's JSON form; `at` is the Unix time in seconds."""
    metrics: dict[str, dict[str, Any]] = {}
    for gauge in gauges(snapshot):
        metric = metrics.setdefault(
            gauge.name, {"name": gauge.name, "description": gauge.help, "gauge": {"dataPoints": []}}
        )
        metric["gauge"]["dataPoints"].append(
            {
                "attributes": [_attribute(name, value) for name, value in gauge.labels],
                "timeUnixNano": str(int(at * 1e9)),
                "asDouble": gauge.value,
            }
        )
    return {
        "resourceMetrics": [
            {
                "resource": {"attributes": [_attribute("service.name", "rambarde")]},
                "scopeMetrics": [{"scope": {"name": "rambarde.monitor"}, "metrics": list(metrics.values())}],
            }
        ]
    }


async def export(endpoint: str, snapshot: dict[str, Any], at: float) -> None:
    """Send them to a collector. Raises what goes wrong."""
    url = endpoint.rstrip("/")
    url = url if url.endswith("/v1/metrics") else f"{url}/v1/metrics"
    timeout = aiohttp.ClientTimeout(total=WAIT)
    async with (
        aiohttp.ClientSession(timeout=timeout) as session,
        session.post(url, json=otlp(snapshot, at), allow_redirects=False) as answer,
    ):
        if not 200 <= answer.status < 300:
            raise ConnectionError(f"the collector answered {answer.status}")


def _attribute(name: str, value: str) -> dict[str, Any]:
    return {"key": name, "value": {"stringValue": value}}


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")

"""The page's words and numbers, from a snapshot. Everything that comes from outside is escaped by `pages.fill`."""

from __future__ import annotations

import html
from typing import Any

from rambarde.interfaces.http.pages import Markup, fill, items

MOST_ROWS = 12
"""Values of one kind that the page shows; the JSON has all."""
_NAMES = {"surface": "Surface", "mode": "Mode", "country": "Country", "rule": "Rule"}
_SOURCES = {
    "rechecks": "Released: estimated from random re-checks by other detectors, with a 95 % interval.",
    "sample": "Released: estimated from the reviewed evidence sample, with a 95 % interval.",
    "notices": "Released: at least what notices say that a person upheld.",
    "none": "Released: unknown. There are no re-checks, no upheld notices and no reviewed sample; that is not 0.",
}


def rendered(snapshot: dict[str, Any]) -> Markup:
    """The sections of the page."""
    now, hour = snapshot["windows"][0], snapshot["windows"][1]
    whole = now["all"]
    counting = snapshot["counting"]
    old = ""
    if not counting["running"]:
        silent = counting["silent_seconds"]
        old = (
            "Nobody has counted yet."
            if silent is None
            else f"Nobody has counted for {silent:.0f} seconds: old numbers."
        )
    breaker = snapshot["breaker"]
    said = (
        "There is no breaker." if not breaker["measure"] else f"The breaker switches {breaker['measure']} on."
    )
    if breaker.get("trouble"):
        said += f" IT COULD NOT ACT NOW: {breaker['trouble']}."
    bars, words = _chart(snapshot["series"])
    return fill(
        "monitor-view.html",
        old=Markup(f'<p class="old">{html.escape(old)}</p>') if old else "",
        news=_news(snapshot),
        kind="alarm" if snapshot["raised"] else "calm",
        refused=_number(whole["refused"]),
        refused_range=_range(whole["refused"]),
        released=_number(whole["released"]),
        released_range=_range(whole["released"]),
        images=whole["images"]["released"],
        drawn=whole["rechecks"]["drawn"],
        unanswered=whole["rechecks"]["unanswered"],
        source=_SOURCES[whole["released"]["source"]],
        chart_words=words,
        bars=bars,
        tables=Markup("\n".join(_table(by, hour["by"][by]) for by in _NAMES)),
        alarms=items(tuple(map(_alarm, snapshot["alarms"])) or ("None yet.",)),
        breaker=said,
        power=items(tuple(str(stream["words"]) for stream in snapshot["change"])),
        limits=items(tuple(snapshot["limits"])),
    )


def _news(snapshot: dict[str, Any]) -> str:
    if not snapshot["raised"]:
        return "No rise within the last hour."
    return f"RISE within the last hour: {', '.join(snapshot['raised'])}."


def _number(rate: dict[str, Any]) -> str:
    if rate["value"] is None:
        return "unknown"
    return f"{'≥ ' if rate['at_least'] else ''}{_short(rate['value'])}"


def _range(rate: dict[str, Any]) -> str:
    if rate["value"] is None:
        return ""
    return f" (95 %: {_short(rate['low'])} to {_short(rate['high'])})"


def _short(value: float) -> str:
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def _table(by: str, parts: list[dict[str, Any]]) -> str:
    rows = "".join(
        f'<tr><th scope="row">{html.escape(str(part["value"]) or "–")}</th>'
        f"<td>{_number(part['refused'])}</td><td>{html.escape(_range(part['refused'])[8:-1])}</td>"
        f"<td>{_number(part['released'])}</td><td>{html.escape(_range(part['released'])[8:-1])}</td>"
        f"<td>{part['images']['released']}</td></tr>"
        for part in parts[:MOST_ROWS]
    )
    more = f" ({len(parts) - MOST_ROWS} more in the JSON)" if len(parts) > MOST_ROWS else ""
    head = "".join(
        f'<th scope="col">{name}</th>'
        for name in (_NAMES[by], "Refused", "95 %", "Released", "95 %", "Images released")
    )
    return (
        f'<div class="wide" tabindex="0" role="region" aria-label="By {by}"><table>'
        f"<caption>By {by}, a minute, over the last hour{more}</caption>"
        f"<thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>"
    )


def _chart(series: list[dict[str, int]]) -> tuple[Markup, str]:
    most = max([1, *(max(one["refused"], one["found"]) for one in series)])
    bars = []
    for place, one in enumerate(series):
        for name in ("refused", "found"):
            if one[name]:
                height = 100 * one[name] / most
                bars.append(
                    f'<rect class="{name}" x="{place * 10}" y="{100 - height:.1f}" width="8" height="{height:.1f}"/>'
                )
    refused, found = (sum(one[name] for one in series) for name in ("refused", "found"))
    words = f"In 60 minutes {refused} refused and {found} found; the highest bar is {most} a minute."
    return Markup("".join(bars)), words


def _alarm(alarm: dict[str, Any]) -> str:
    at, stream, count = alarm["at"][:16], alarm["stream"], alarm["count"]
    told = f"{at} UTC: {stream}, {count} in a minute, usual up to {alarm['baseline']:g}."
    if alarm["measure"]:
        told += f" The breaker switched {alarm['measure']} ON."
    if alarm["trouble"]:
        told += f" The breaker could not act: {alarm['trouble']}"
    confirmed = alarm["confirmed"]
    told += (
        f" {confirmed['by']}: {confirmed['verdict']}."
        if confirmed
        else f" Not confirmed yet ({alarm['id']})."
    )
    late = [one["channel"] for one in alarm["alerts"] if not one["sent_at"]]
    return told + (f" NOT TOLD yet by {', '.join(late)}." if late else "")

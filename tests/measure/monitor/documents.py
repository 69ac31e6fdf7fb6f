"""Documents of a log, for the tests of the monitor."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from rambarde.nouns.sighting import Logged

NOON = datetime(2026, 1, 9, 12, 0, tzinfo=UTC)
RULE = {"rule": "sexual-output", "outcome": "block", "reason": "", "assumed": False}
HOLD = {"rule": "unchecked", "outcome": "review", "reason": "", "assumed": True}


def at(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def decision(*rules: dict[str, Any]) -> dict[str, Any]:
    outcomes = [str(rule["outcome"]) for rule in rules]
    outcome = "block" if "block" in outcomes else "review" if outcomes else "allow"
    return {"outcome": outcome, "rules": list(rules), "point": "release", "signals": {}}


def record(
    index: int, seconds: float, *outputs: dict[str, Any], admit: dict[str, Any] | None = None, **more: Any
) -> Logged:
    """A record; without outputs and `admit`, one image that was released."""
    shown = outputs or (() if admit else (decision(),))
    left = sum(one["outcome"] == "allow" for one in shown)
    body = {
        "id": f"dec_{index}",
        "received_at": at(seconds - 1).isoformat(),
        "finished_at": at(seconds).isoformat(),
        "surface": "web",
        "mode": "standard",
        "country": "FR",
        "account": f"a{index}",
        "session": None,
        "ending": ("released" if left == len(shown) else "partly_held") if left else "refused",
        "n": max(1, len(shown)),
        "admit": admit or decision(),
        "outputs": [{"index": i, "decision": one} for i, one in enumerate(shown)],
    } | more
    return Logged(index, "record", f"dec_{index}", json.dumps(body).encode())


def refused(index: int, seconds: float, **more: Any) -> Logged:
    return record(index, seconds, admit=decision(RULE), **more)


def recheck(index: int, seconds: float, of: str, verdict: str, share: float = 0.1) -> Logged:
    body = {
        "id": f"chk_{index}",
        "at": at(seconds).isoformat(),
        "record": of,
        "output": 0,
        "share": share,
        "verdict": verdict,
        "rule": "recheck x:y" if verdict == "problematic" else "",
    }
    return Logged(index, "recheck", f"chk_{index}", json.dumps(body).encode())


def finding(
    index: int, seconds: float, of: str, source: str, verdict: str = "problematic", share: float = 1.0
) -> Logged:
    body = json.loads(recheck(index, seconds, of, verdict, share).body) | {"source": source, "rule": ""}
    return Logged(index, "finding", f"fnd_{index}", json.dumps(body).encode())

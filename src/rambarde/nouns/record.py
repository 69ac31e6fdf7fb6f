"""The record: one schema of a request's life, used by gateway, log, monitor, probe, cases and exports.

It never holds a raw prompt, pixels, face vectors, matched words or network addresses.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum

from rambarde.nouns.decision import Decision
from rambarde.nouns.provenance import SealNote

SCHEMA = 1
"""Version of the record's JSON form; readers refuse what they do not know."""


class Ending(StrEnum):
    """How a request ended for its caller."""

    RELEASED = "released"
    PARTLY_HELD = "partly_held"
    HELD = "held"
    REFUSED = "refused"
    FAULT = "fault"
    """A typed error: bad input, upstream failure, overload. Nothing was released."""
    CHECKED = "checked"
    """Only judged (`rambarde check`, `scan`): nothing was generated."""


@dataclass(frozen=True, slots=True)
class InputNote:
    """What is kept of an input picture: its form, never its content."""

    media_type: str
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class OutputNote:
    """One output image: its own decision and its fingerprints.

    `sha256` is of the bytes that left (or would have left); `pdq` is 64 hex digits or None if not computed;
    `item` names the held or re-hosted file, if any; `seal` tells its manifest, None where it was blocked.
    """

    index: int
    decision: Decision
    sha256: str
    pdq: str | None = None
    item: str | None = None
    seal: SealNote | None = None


@dataclass(frozen=True, slots=True)
class FaultNote:
    kind: str
    code: str
    field: str | None


@dataclass(frozen=True, slots=True)
class Record:
    """A request's life. `id` is also the decision id that refusals name.

    `country` is the caller's, `depicted` that of the person depicted, both as the caller context says. `request`
    is an HMAC-SHA-256 of the record's id and the request's digest under the server's key, so that a short prompt
    cannot be guessed from it; whoever presents the content can open it. `timings` are milliseconds by stage,
    `detectors` are `name -> version@digest`.
    """

    id: str
    received_at: datetime
    finished_at: datetime
    route: str
    action: str
    credential: str
    surface: str
    mode: str
    country: str
    plan: str | None
    account: str | None
    session: str | None
    age_assured: bool
    depicted: str
    ending: Ending
    policy: str
    floors: str
    detectors: tuple[tuple[str, str], ...]
    request: str | None = None
    n: int = 0
    size: str | None = None
    upstream: str | None = None
    inputs: tuple[InputNote, ...] = ()
    admit: Decision | None = None
    outputs: tuple[OutputNote, ...] = ()
    fault: FaultNote | None = None
    lineage: str | None = None
    timings: tuple[tuple[str, float], ...] = ()

    def as_json(self) -> dict[str, object]:
        """The JSON form, with sorted keys when serialised; its bytes are what the log commits to."""
        return {
            "schema": SCHEMA,
            "id": self.id,
            "received_at": self.received_at.isoformat(),
            "finished_at": self.finished_at.isoformat(),
            "route": self.route,
            "action": self.action,
            "credential": self.credential,
            "surface": self.surface,
            "mode": self.mode,
            "country": self.country,
            "plan": self.plan,
            "account": self.account,
            "session": self.session,
            "age_assured": self.age_assured,
            "depicted": self.depicted,
            "ending": self.ending.value,
            "policy": self.policy,
            "floors": self.floors,
            "detectors": dict(self.detectors),
            "request": self.request,
            "n": self.n,
            "size": self.size,
            "upstream": self.upstream,
            "inputs": [
                {"media_type": i.media_type, "width": i.width, "height": i.height} for i in self.inputs
            ],
            "admit": decision_json(self.admit) if self.admit is not None else None,
            "outputs": [
                {
                    "index": o.index,
                    "sha256": o.sha256,
                    "pdq": o.pdq,
                    "item": o.item,
                    "seal": asdict(o.seal) if o.seal else None,
                    "decision": decision_json(o.decision),
                }
                for o in self.outputs
            ],
            "fault": {"kind": self.fault.kind, "code": self.fault.code, "field": self.fault.field}
            if self.fault
            else None,
            "lineage": self.lineage,
            "timings": {stage: round(ms, 3) for stage, ms in self.timings},
        }


def decision_json(decision: Decision) -> dict[str, object]:
    """A decision without its evidence: rules that fired, signals they could read, the policy's digest."""
    return {
        "point": decision.point.value,
        "outcome": decision.outcome.word,
        "rules": [
            {
                "rule": f.rule,
                "outcome": f.outcome.word,
                "reason": f.reason,
                "floor": f.floor,
                "fields": list(f.fields),
                "grounds": list(f.grounds),
                "follow": list(f.follow),
                "read": list(f.read),
                "assumed": f.assumed,
            }
            for f in decision.fired
        ],
        "signals": {s.name: s.as_json() for s in decision.signals},
        "policy": decision.policy,
    }

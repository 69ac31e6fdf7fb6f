"""Findings: what a person decided on a released image, after a notice or in the evidence sample; and on an alarm.

This is the port for notices: whatever takes them in records here what a person upheld. In the log it stands for good.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

from rambarde.measure.monitor.recheck import CLEAN, PROBLEMATIC
from rambarde.measure.monitor.tally import FINDING, life
from rambarde.nouns.custody import Receipt
from rambarde.nouns.evidence import Why
from rambarde.nouns.fault import Fault, Kind, invalid
from rambarde.store.alarms import Alarms
from rambarde.store.evidence import Evidence, Sought
from rambarde.store.monitor import Monitor

NOTICE, SAMPLE = "notice", "sample"
ALARM = "alarm-verdict"
"""The log's kind of what a person says of an alarm."""
RIGHT, WRONG = "right", "wrong"
LONGEST = 1000


@dataclass(frozen=True, slots=True)
class Findings:
    """`put` writes into the log."""

    monitor: Monitor
    alarms: Alarms
    evidence: Evidence
    put: Callable[[str, Mapping[str, object]], Receipt]
    clock: Callable[[], datetime]

    def record(
        self,
        decision: str,
        output: int,
        *,
        source: str,
        verdict: str,
        person: str,
        reason: str,
        rule: str = "",
        drawn: float = 1.0,
    ) -> str:
        """Record what a person decided; returns its id. Of one image and source the first decision counts.

        `drawn`: the share of the evidence sample that was drawn to be looked at, in (0, 1].

        Raises `Fault`: `finding_invalid`, `record_unknown`, `not_released`, `not_in_sample`, `already_found`.
        """
        person, reason = _said(person, "as"), _said(reason, "reason")
        if source not in (NOTICE, SAMPLE) or verdict not in (CLEAN, PROBLEMATIC):
            raise _bad("This is no source or no verdict.", "See `rambarde monitor finding --help`.", "source")
        if source == NOTICE and verdict == CLEAN:
            raise _bad("A notice that is not upheld is no finding.", "Leave it out.", "clean")
        record = life(self.monitor.record(decision))
        if record is None:
            raise Fault(
                Kind.NOT_FOUND,
                "record_unknown",
                "There is no record of this decision, or it was erased.",
                remedy="Take the id from the notice, `rambarde trace --record` or `rambarde evidence list`.",
                field="decision",
            )
        if not record.left(output) or self.monitor.withdrawn(decision):
            raise invalid(
                "not_released",
                "This image was not released.",
                remedy="Images are counted from 0; see the record.",
                field="index",
            )
        share = self._share(decision) * drawn if source == SAMPLE else 1.0
        id = f"{source}-{decision}-{output}"
        try:
            self.put(
                FINDING,
                {
                    "id": id,
                    "at": self.clock().isoformat(),
                    "record": decision,
                    "output": output,
                    "source": source,
                    "verdict": verdict,
                    "share": share,
                    "rule": rule[:64],
                    "person": person,
                    "reason": reason,
                },
            )
        except Fault as fault:
            _refuse_second(fault)
            raise
        return id

    def confirm(self, alarm: str, *, verdict: str, person: str, reason: str) -> None:
        """A person looked at an alarm. Raises `Fault`: `alarm_unknown`, `finding_invalid`, `already_found`."""
        person, reason = _said(person, "as"), _said(reason, "reason")
        if verdict not in (RIGHT, WRONG):
            raise _bad("An alarm was right or wrong.", "Give --verdict right or --verdict wrong.", "verdict")
        found = self.alarms.get(alarm)
        document = found.as_json() | {
            "at": self.clock().isoformat(),
            "confirmed": {"by": person, "verdict": verdict, "reason": reason},
        }
        try:
            self.put(ALARM, document)
        except Fault as fault:
            _refuse_second(fault)
            raise
        self.alarms.confirmed(alarm, by=person, verdict=verdict, reason=reason)

    def _share(self, decision: str) -> float:
        """By which rate the sample took this request, as its items say."""
        for item in self.evidence.find(Sought(decisions=(decision,))):
            if item.why is Why.SAMPLE and item.because.startswith("rate "):
                return float(item.because.removeprefix("rate "))
        raise invalid(
            "not_in_sample",
            "This request is not in the evidence sample, or not any more.",
            remedy="`rambarde evidence list` shows what is; a notice has --source notice.",
            field="decision",
        )


def _said(text: str, field: str) -> str:
    text = text.strip()
    if not text or len(text) > LONGEST or not text.isprintable():
        raise _bad("A name and a reason are one line each.", f"Give --{field}.", field)
    return text


def _refuse_second(fault: Fault) -> None:
    cause = fault if fault.code == "already_logged" else fault.__cause__
    if isinstance(cause, Fault) and cause.code == "already_logged":
        raise Fault(
            Kind.CONFLICT,
            "already_found",
            "Somebody has decided on this already, and the log keeps it.",
            remedy="See `rambarde monitor --json`.",
        ) from fault


def _bad(message: str, remedy: str, field: str) -> Fault:
    return Fault(Kind.INVALID, "finding_invalid", message, remedy=remedy, field=field)

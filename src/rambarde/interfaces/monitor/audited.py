"""What raters found in an audit of our own records, told to the monitor: the reviewed evidence sample."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from rambarde.interfaces.monitor.finding import SAMPLE, Findings
from rambarde.measure.audit import journal as journals
from rambarde.measure.audit import sheet as sheets
from rambarde.measure.audit.rating import Outcome, Rating
from rambarde.measure.audit.sheet import Sheet
from rambarde.measure.monitor.recheck import CLEAN, PROBLEMATIC
from rambarde.nouns.fault import Fault, invalid

VERDICTS = {"positive": PROBLEMATIC, "negative": CLEAN}
LEFT_OUT = ("already_found", "not_released", "record_unknown", "not_in_sample")
"""What keeps one image from counting, and not the others."""
GONE = "item_gone"


def tell(folder: Path, findings: Findings, *, person: str, reason: str) -> Counter[str]:
    """Record a finding for each image on which the raters agreed or the adjudicator decided.

    Each is weighted by the rate of the sample times the share of the sample that was drawn for the audit. Told again,
    what is recorded already stays as it is. Returns how many were `problematic` and `clean`, and how many were left
    out, by why: the raters' (`unsure`, `disputed`, …) or a fault's code. Raises `Fault`: `audit_unreadable`,
    `journal_invalid`, `audit_not_ours`, `finding_invalid`.
    """
    sheet, units = sheets.read(folder)
    if sheet.frame.kind != "records":
        raise invalid(
            "audit_not_ours",
            "This audit is of a collection of others, which says nothing of what this gateway released.",
            remedy="Draw one with `rambarde audit draw --records`.",
            field="audit",
        )
    events, _ = journals.read(folder / sheets.JOURNAL)
    told: Counter[str] = Counter()
    for outcome in Rating.of(units, sheet.seed, events).outcomes():
        verdict = VERDICTS.get(outcome.label)
        if verdict is None:
            told[outcome.label] += 1
            continue
        told[_one(findings, sheet, outcome, verdict, person, reason)] += 1
    return told


def drawn(sheet: Sheet, stratum: str | None) -> float:
    """The share of the frame, or of its stratum, that was drawn."""
    if stratum is None or sheet.sizes is None or sheet.frame.strata is None:
        return sheet.size / sheet.frame.size
    return sheet.sizes[stratum] / sheet.frame.strata[stratum]


def _one(findings: Findings, sheet: Sheet, outcome: Outcome, verdict: str, person: str, reason: str) -> str:
    item = findings.evidence.get(outcome.unit.id)
    if item is None or item.about.decision is None:
        return GONE
    try:
        findings.record(
            item.about.decision,
            item.number,
            source=SAMPLE,
            verdict=verdict,
            person=person,
            reason=reason,
            drawn=drawn(sheet, outcome.unit.stratum),
        )
    except Fault as fault:
        if fault.code not in LEFT_OUT:
            raise
        return fault.code
    return verdict

"""What an audit's folder comes to: its sheet, its labels, its finding."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

from rambarde.measure.audit import journal as journals
from rambarde.measure.audit import sheet as sheets
from rambarde.measure.audit.figure import Estimate, Figure
from rambarde.measure.audit.finding import Finding, Terms, find
from rambarde.measure.audit.rating import Rating
from rambarde.measure.audit.wording import Wording


def finding(folder: Path, terms: Terms) -> Finding:
    """Raises `Fault`: `audit_unreadable`, `journal_invalid`, `audit_unlabelled`, those of the estimators."""
    sheet, units = sheets.read(folder)
    events, _ = journals.read(folder / sheets.JOURNAL)
    rating = Rating.of(units, sheet.seed, events)
    return find(sheet, rating.outcomes(), rating.patterns(), rating.retests(), terms)


def estimate_json(made: Estimate) -> dict[str, object]:
    """`apparent`, `true`, `total`, each `{value, low, high}`; `clamped` and `notes` only where there is something."""
    told: dict[str, object] = {
        "apparent": made.apparent.as_json(),
        "true": made.true.as_json(),
        "total": made.total.as_json() if made.total is not None else None,
    }
    if made.clamped:
        told["clamped"] = list(made.clamped)
    if made.notes:
        words = Wording("en")
        told["notes"] = [words.note(note) for note in made.notes]
    return told


def finding_json(found: Finding) -> dict[str, object]:
    """The estimate, and what it rests on."""
    help = found.help
    return estimate_json(found.estimate) | {
        "design": found.design,
        "population": found.population,
        "counts": found.counts,
        "missing": {"least": found.least.as_json(), "most": found.most.as_json()},
        "strata": [asdict(part) | {"share": part.share.as_json()} for part in found.parts],
        "powered": estimate_json(help.estimate)
        | {"weight": help.weight, "labels_worth": help.worth, "labels_saved": help.saved}
        if help is not None
        else None,
        "agreement": {
            "raters": found.agreement.raters,
            "both": found.agreement.both,
            "cohen": _json(found.agreement.cohen),
            "krippendorff": _json(found.agreement.krippendorff),
            "retests": found.agreement.retests,
            "retest": _json(found.agreement.retest),
        },
    }


def _json(figure: Figure | None) -> dict[str, float] | None:
    return None if figure is None else figure.as_json()

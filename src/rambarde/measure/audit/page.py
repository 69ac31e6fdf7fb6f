"""The report of an audit as one HTML page, from which it can be repeated: no script, nothing from elsewhere."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from rambarde.measure.audit.chart import chart
from rambarde.measure.audit.figure import Figure, Note
from rambarde.measure.audit.finding import WHOLE, Finding, Terms
from rambarde.measure.audit.journal import Opened
from rambarde.measure.audit.sheet import Sheet, sheet_digest
from rambarde.measure.audit.wording import Wording


@dataclass(frozen=True, slots=True)
class Told:
    """All that a report tells. `journal` is the digest of the labels; `commands` repeat it."""

    sheet: Sheet
    opened: Opened
    journal: str
    finding: Finding
    terms: Terms
    commands: Sequence[str]
    reported_at: str
    rambarde: str


def page(told: Told, language: str = "en") -> str:
    """The page. What comes from data is escaped. Raises `Fault` `audit_language`."""
    words = Wording(language)
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    source = resources.files("rambarde.measure.audit").joinpath("report.html").read_text("utf-8")
    return environment.from_string(source).render(
        told=told,
        w=words,
        rows=_rows(told, words),
        shares=Markup(_shares(told, words)),  # noqa: S704  # built of escaped parts
        strata=Markup(_strata(told, words)),  # noqa: S704
        instrument=_instrument(told.terms, words),
        agreed=_agreed(told.finding, words),
        sheet_digest=sheet_digest(told.sheet),
        notes=[words.note(note) for note in _notes(told.finding)],
        clamped=", ".join(_clamped(told.finding)),
        parted=told.sheet.frame.strata is not None,
        confidence=words.level(told.terms.confidence),
    )


def _rows(told: Told, words: Wording) -> list[tuple[str, list[str]]]:
    found = told.finding
    made = [("apparent", found.estimate.apparent), ("true", found.estimate.true)]
    rows = [(words(name), [words.exact(part) for part in _three(figure)]) for name, figure in made]
    if found.estimate.total is not None:
        rows.append((words("total"), [words.whole(part) for part in _three(found.estimate.total)]))
    if found.help is not None:
        help = found.help.estimate
        rows.append((words("powered_true"), [words.exact(part) for part in _three(help.true)]))
        if help.total is not None:
            rows.append((words("powered_total"), [words.whole(part) for part in _three(help.total)]))
    return rows


def _shares(told: Told, words: Wording) -> str:
    found = told.finding
    rows = [(words(name).split(" (")[0], figure) for name, figure in
            (("apparent", found.estimate.apparent), ("true", found.estimate.true))]  # fmt: skip
    if found.help is not None:
        rows.append((words("powered_true"), found.help.estimate.true))
    return chart(rows, words("chart"), words("axis"), words)


def _strata(told: Told, words: Wording) -> str:
    rows = [(one.name, one.share) for one in told.finding.parts if one.name != WHOLE]
    return chart(rows, words("chart_strata"), words("axis"), words) if rows else ""


def _instrument(terms: Terms, words: Wording) -> str:
    tool = terms.instrument
    if tool.perfect:
        return words("perfect")
    se, sp = words.decimal(tool.sensitivity, 4), words.decimal(tool.specificity, 4)
    if tool.sensitivity_of is None or tool.specificity_of is None:
        return words("known", se=se, sp=sp)
    return words(
        "measured",
        se=se,
        sp=sp,
        se_n=words.whole(tool.sensitivity_of),
        sp_n=words.whole(tool.specificity_of),
    )


def _agreed(found: Finding, words: Wording) -> list[tuple[str, str]]:
    agreed = found.agreement
    rows: list[tuple[str, Figure | None]] = []
    if agreed.raters >= 2:
        rows.append((words("cohen", both=words.whole(agreed.both)), agreed.cohen))
        rows.append((words("krippendorff", raters=agreed.raters), agreed.krippendorff))
    if agreed.retests:
        rows.append((words("retest", retests=words.whole(agreed.retests)), agreed.retest))
    return [
        (
            name,
            words("none")
            if figure is None
            else f"{words.decimal(figure.value, 3)} ({words.decimal(figure.low, 3)} – {words.decimal(figure.high, 3)})",
        )
        for name, figure in rows
    ]


def _notes(found: Finding) -> tuple[Note, ...]:
    return (*found.estimate.notes, *(found.help.estimate.notes if found.help is not None else ()))


def _clamped(found: Finding) -> list[str]:
    help = [f"powered.{name}" for name in found.help.estimate.clamped] if found.help is not None else []
    return [*found.estimate.clamped, *help]


def _three(figure: Figure) -> tuple[float, float, float]:
    return figure.value, figure.low, figure.high

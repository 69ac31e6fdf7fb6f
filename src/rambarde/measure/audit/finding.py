"""The finding of an audit: sheet and labels made into figures, with what they rest on and what they leave out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from rambarde.measure.audit.agreement import Pattern, cohen, interval, krippendorff, patterns
from rambarde.measure.audit.figure import Estimate, Figure, Note
from rambarde.measure.audit.powered import Powered, powered
from rambarde.measure.audit.powered import of as scores_of
from rambarde.measure.audit.prevalence import Instrument, estimate
from rambarde.measure.audit.proportion import proportion
from rambarde.measure.audit.rating import Outcome
from rambarde.measure.audit.sheet import Sheet
from rambarde.measure.audit.stratified import Stratum, effective, finite, stratified
from rambarde.measure.intervals import CONFIDENCE
from rambarde.nouns.fault import invalid

MISSING = ("unsure", "withheld", "unreadable", "disputed")
"""Drawn, looked at, and neither positive nor negative."""
WHOLE = "(all)"
_Is = Callable[[Outcome], bool]


@dataclass(frozen=True, slots=True)
class Terms:
    """How figures are made of labels. `population` None: what the sheet says."""

    method: str = "wilson"
    confidence: float = CONFIDENCE
    instrument: Instrument = Instrument()
    population: int | None = None
    finite: bool = False


@dataclass(frozen=True, slots=True)
class Part:
    """A stratum as it was found. `size` units of the frame, `of` labelled, `hits` positive."""

    name: str
    size: int
    of: int
    hits: int
    share: Figure


@dataclass(frozen=True, slots=True)
class Help:
    """What the classifier added: the figures with it, how far it was followed, the labels that it saved."""

    estimate: Estimate
    weight: float
    worth: int
    saved: int


@dataclass(frozen=True, slots=True)
class Agreement:
    """`cohen` of the first two raters, `krippendorff` of all, `retest` of each with themselves; None: unknown."""

    raters: int
    both: int
    cohen: Figure | None
    krippendorff: Figure | None
    retests: int
    retest: Figure | None


@dataclass(frozen=True, slots=True)
class Finding:
    """`counts` of all units by what they came to. `least` and `most`: the apparent prevalence if everything that is

    missing were negative, or positive.
    """

    design: str
    estimate: Estimate
    counts: dict[str, int]
    parts: tuple[Part, ...]
    least: Figure
    most: Figure
    help: Help | None
    agreement: Agreement
    population: int


def find(
    sheet: Sheet, outcomes: Sequence[Outcome], rows: Sequence[Pattern], again: Sequence[Pattern], terms: Terms
) -> Finding:
    """The finding. `rows` are what raters said of each unit, `again` the retests.

    Raises `Fault`: `audit_unlabelled` (no label at all), those of the estimators.
    """
    parts = _parts(sheet, outcomes, lambda one: one.known, lambda one: one.label == "positive", terms)
    apparent, of = _apparent(sheet, parts, terms)
    population = terms.population or sheet.frame.population
    found = estimate(apparent, of, terms.instrument, population, terms.confidence)
    counts = Counter(one.label for one in outcomes)
    notes = list(found.notes)
    if counts["unlabelled"]:
        notes.append(Note("unlabelled", counts["unlabelled"]))
    if missing := sum(counts[name] for name in MISSING):
        notes.append(Note("missing", missing))
    if bare := sum(not one.of for one in parts):
        notes.append(Note("bare", bare))
    looked = [one for one in outcomes if one.label != "unlabelled"]
    bounds = [
        _apparent(sheet, _parts(sheet, looked, lambda _: True, positive, terms), terms)[0]
        for positive in (
            lambda one: one.label == "positive",
            lambda one: one.label != "negative",
        )
    ]
    help = _help(sheet, outcomes, terms, population)
    return Finding(
        sheet.design,
        replace(found, notes=tuple(notes)),
        {name: counts[name] for name in ("positive", "negative", *MISSING, "unlabelled")},
        parts,
        bounds[0],
        bounds[1],
        help,
        _agreement(rows, again, sheet.seed, terms.confidence),
        population,
    )


def _parts(
    sheet: Sheet, outcomes: Iterable[Outcome], counts: _Is, positive: _Is, terms: Terms
) -> tuple[Part, ...]:
    of: Counter[str] = Counter()
    hits: Counter[str] = Counter()
    for one in outcomes:
        if counts(one):
            name = WHOLE if sheet.frame.strata is None else one.unit.stratum or ""
            of[name] += 1
            hits[name] += positive(one)
    sizes = sheet.frame.strata or {WHOLE: sheet.frame.size}
    if not any(of.values()):
        raise invalid(
            "audit_unlabelled",
            "Nothing is labelled yet.",
            remedy="Label with `rambarde audit label`, then estimate again.",
            field="audit",
        )

    def share(name: str) -> Figure:
        if not of[name]:
            return Figure(0.5, 0.0, 1.0)  # anything: nothing of it is known
        return proportion(hits[name], of[name], terms.method, terms.confidence)

    return tuple(Part(name, size, of[name], hits[name], share(name)) for name, size in sizes.items())


def _apparent(sheet: Sheet, parts: Sequence[Part], terms: Terms) -> tuple[Figure, float]:
    """The apparent prevalence, and as how many simply drawn labels its interval is."""
    if sheet.frame.strata is None:
        one = parts[0]
        share = finite(one.share, one.of, one.size) if terms.finite else one.share
        return share, one.of
    strata = [Stratum(one.name, one.size, one.of, one.hits) for one in parts]
    share = stratified(
        strata,
        terms.method,
        terms.confidence,
        first_phase=sheet.design == "two-phase",
        finite=terms.finite,
    )
    labels = sum(one.of for one in parts)
    return share, min(effective(share, terms.confidence), sheet.frame.population, 1e15) if labels else 0


def _help(sheet: Sheet, outcomes: Sequence[Outcome], terms: Terms, population: int) -> Help | None:
    if sheet.frame.scores is None or sheet.design != "simple":
        return None
    known = [one for one in outcomes if one.known and one.unit.score is not None]
    if len(known) < 2:
        return None
    others = sheet.frame.scores.less(scores_of(one.unit.score or 0.0 for one in known))
    if others.count < 1:
        return None
    found: Powered = powered(
        ((one.label == "positive", one.unit.score or 0.0) for one in known), others, terms.confidence
    )
    made = estimate(
        found.figure, min(max(found.worth, 1), population), terms.instrument, population, terms.confidence
    )
    return Help(replace(made, notes=(*made.notes, *found.notes)), found.weight, found.worth, found.saved)


def _agreement(rows: Sequence[Pattern], again: Sequence[Pattern], seed: str, confidence: float) -> Agreement:
    raters = max((len(row) for row in rows), default=0)
    pairs = patterns([row[:2] for row in rows]) if raters >= 2 else Counter[Pattern]()
    number = int.from_bytes(seed.encode()[:8].ljust(8, b"\0"), "big")
    return Agreement(
        raters,
        sum(count for row, count in pairs.items() if None not in row),
        interval(pairs, cohen, confidence=confidence, seed=number) if pairs else None,
        interval(patterns(rows), krippendorff, confidence=confidence, seed=number) if raters >= 2 else None,
        len(again),
        interval(patterns(again), cohen, confidence=confidence, seed=number) if again else None,
    )

"""Tuning: an operator's policy with its own thresholds moved together, and how many rows each place stops.

What may move depends on what the rows are about: prompts say something of rules at admit, pictures of those at
release.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date

from rambarde.guard.policy.catalogue import Catalogue
from rambarde.guard.policy.evaluation import Evaluator, Facts
from rambarde.guard.policy.language import Policy, Rule
from rambarde.guard.policy.patch import Knob, knobs, patched
from rambarde.guard.policy.reading import read_policy
from rambarde.interfaces.exhibited import of_pictures
from rambarde.interfaces.labelled import Answers, Terms, of_text
from rambarde.measure.calibrate import LEAST, MOST, moved
from rambarde.measure.evaluate import Judged
from rambarde.measure.rows import Labelled
from rambarde.nouns.decision import Outcome, Point
from rambarde.nouns.fault import Fault, Kind, invalid


@dataclass(frozen=True, slots=True)
class Matter:
    """What rows are about: `at` is where rules are asked that may be tuned, `points` are all at which a row is
    decided, `signals` those that may be compared with another number.
    """

    rows: str
    measured: str
    at: Point
    points: tuple[Point, ...]
    signals: Callable[[Catalogue], tuple[str, ...]]


PROMPTS = Matter("prompts", "the text", Point.ADMIT, (Point.ADMIT,), of_text)
PICTURES = Matter("pictures", "the pictures", Point.RELEASE, (Point.ADMIT, Point.RELEASE), of_pictures)


@dataclass(frozen=True, slots=True)
class Tuning:
    """`knobs` move, `fixed` stay and say why. `days` are those that it may be."""

    text: bytes
    source: str
    policy: Policy
    names: Catalogue
    knobs: tuple[Knob, ...]
    fixed: tuple[Knob, ...]
    terms: Terms
    days: Sequence[date]
    matter: Matter = PROMPTS
    _made: dict[int, Evaluator] = field(default_factory=dict)

    def thresholds(self, step: int) -> dict[Knob, float]:
        return {knob: moved(knob.threshold, step) for knob in self.knobs}

    def candidate(self, step: int) -> bytes:
        """The policy's text with the thresholds of this step."""
        return patched(self.text, self.thresholds(step), source=self.source)

    def stopped(self, step: int, rows: Sequence[Labelled], answers: Answers) -> int:
        """How many of the rows would be stopped; one that could not be judged is."""
        evaluator = self._evaluator(step)
        return sum(self._stops(evaluator, row, answers[row.key]) for row in rows)

    def _evaluator(self, step: int) -> Evaluator:
        if step not in self._made:
            policy = read_policy(self.candidate(step), self.names, source=self.source)
            _refuse_another(self.policy, policy, {knob.rule for knob in self.knobs})
            self._made[step] = Evaluator(policy, self.names)
        return self._made[step]

    def _stops(self, evaluator: Evaluator, row: Labelled, judged: Judged) -> bool:
        if judged.outcome is None or judged.signals is None:
            return True
        terms = self.terms
        return any(
            evaluator.decide(
                point,
                Facts(row.action, terms.surface, terms.mode, terms.country, terms.age_assured, day),
                judged.signals,
            ).outcome
            is not Outcome.ALLOW
            for point in self.matter.points
            for day in self.days
        )


def tunable(policy: Policy, wanted: Collection[str], matter: Matter = PROMPTS) -> tuple[str, ...]:
    """The rules to tune: those named, or all of the operator's own at the point that the rows are about.

    Raises `Fault`: `rule_unknown`, `rule_untouchable` (a floor, or law), `rule_not_at_admit`, `rule_not_at_release`.
    """
    rules = {rule.id: rule for rule in policy.rules}
    for name in wanted:
        if name not in rules:
            raise invalid(
                "rule_unknown",
                f"The policy has no rule {name!r}.",
                remedy=f"Its own rules: {', '.join(r.id for r in rules.values() if _own(r))}.",
                field="rule",
            )
        if not _own(rules[name]):
            raise Fault(
                Kind.FORBIDDEN,
                "rule_untouchable",
                f"{name!r} is {'a floor' if rules[name].floor else 'law'}: its thresholds are not tuned.",
                remedy="Tune a rule of your own; it can be stricter than a floor.",
                field="rule",
            )
        if matter.at not in rules[name].points:
            raise invalid(
                f"rule_not_at_{matter.at}",
                f"{name!r} is not asked at {matter.at}.",
                remedy=f"Labelled {matter.rows} say nothing of it: choose a rule of {matter.at}, "
                "or label the other kind (`--images`).",
                field="rule",
            )
    return tuple(wanted) or tuple(r.id for r in rules.values() if _own(r) and matter.at in r.points)


def tuning(
    text: bytes,
    source: str,
    names: Catalogue,
    rules: Collection[str],
    terms: Terms,
    answers: Answers,
    days: Sequence[date],
    matter: Matter = PROMPTS,
) -> Tuning:
    """What can be moved in the text. Raises `Fault` `nothing_to_tune` where that is nothing."""
    policy = read_policy(text, names, source=source)
    chosen = tunable(policy, rules, matter)
    graded = _graded(answers, matter.signals(names))
    found = [
        knob if knob.fixed else replace(knob, fixed=_why(knob, graded, matter))
        for knob in knobs(text, names, chosen, source=source)
    ]
    movable = tuple(knob for knob in found if not knob.fixed)
    fixed = tuple(knob for knob in found if knob.fixed)
    if not movable:
        raise invalid(
            "nothing_to_tune",
            f"No threshold of {', '.join(chosen) or f'any own rule at {matter.at}'} can be moved.",
            remedy="; ".join(f"{knob.rule} {knob.signal}: {knob.fixed}" for knob in fixed[:4])
            or f"Write a rule of your own that compares a signal of {matter.measured} with a number.",
            field="rule",
        )
    return Tuning(text, source, policy, names, movable, fixed, terms, days, matter)


def _own(rule: Rule) -> bool:
    return not rule.floor and rule.source is None


def _why(knob: Knob, graded: Mapping[str, bool], matter: Matter) -> str:
    """Why a knob stays where it is; empty if it may move."""
    if knob.signal not in graded:
        return f"no signal of {matter.measured}"
    if not graded[knob.signal]:
        return "only 0 and 1 were measured"
    if not LEAST <= knob.threshold <= MOST:
        return f"outside {LEAST} to {MOST}"
    return ""


def _graded(answers: Answers, signals: Collection[str]) -> dict[str, bool]:
    """These signals, and whether any value of them lies between 0 and 1."""
    found = dict.fromkeys(signals, False)
    for judged in answers.values():
        for name, signal in (judged.signals or {}).items():
            if name in found and signal.value is not None and 0.0 < signal.value < 1.0:
                found[name] = True
    return found


def _refuse_another(before: Policy, after: Policy, rules: Collection[str]) -> None:
    """The new policy differs in these rules' conditions and in nothing else; else it is our own failure."""
    same = replace(after, digest=before.digest, rules=before.rules) == before
    kept = all(
        replace(new, when=old.when if new.id in rules else new.when) == old
        for old, new in zip(before.rules, after.rules, strict=True)
    )
    if not (same and kept):
        raise Fault(
            Kind.INTERNAL,
            "patch_changed_more",
            "The changed text is another policy than was meant.",
            remedy="Nothing was written; please report this with the policy.",
        )

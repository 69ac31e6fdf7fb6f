"""Tuning: an operator's policy with its own thresholds moved together, and how many rows each place stops."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date

from rambarde.guard.policy.catalogue import Catalogue
from rambarde.guard.policy.evaluation import Evaluator, Facts
from rambarde.guard.policy.language import Policy, Rule
from rambarde.guard.policy.patch import Knob, knobs, patched
from rambarde.guard.policy.reading import read_policy
from rambarde.interfaces.labelled import Answers, Terms, of_text
from rambarde.measure.calibrate import LEAST, MOST, moved
from rambarde.measure.evaluate import Judged
from rambarde.measure.rows import Row
from rambarde.nouns.decision import Outcome, Point
from rambarde.nouns.fault import Fault, Kind, invalid


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
    _made: dict[int, Evaluator] = field(default_factory=dict)

    def thresholds(self, step: int) -> dict[Knob, float]:
        return {knob: moved(knob.threshold, step) for knob in self.knobs}

    def candidate(self, step: int) -> bytes:
        """The policy's text with the thresholds of this step."""
        return patched(self.text, self.thresholds(step), source=self.source)

    def stopped(self, step: int, rows: Sequence[Row], answers: Answers) -> int:
        """How many of the rows would be stopped; one that could not be judged is."""
        evaluator = self._evaluator(step)
        return sum(self._stops(evaluator, row, answers[row.kind, row.text]) for row in rows)

    def _evaluator(self, step: int) -> Evaluator:
        if step not in self._made:
            policy = read_policy(self.candidate(step), self.names, source=self.source)
            _refuse_another(self.policy, policy, {knob.rule for knob in self.knobs})
            self._made[step] = Evaluator(policy, self.names)
        return self._made[step]

    def _stops(self, evaluator: Evaluator, row: Row, judged: Judged) -> bool:
        if judged.outcome is None or judged.signals is None:
            return True
        terms = self.terms
        return any(
            evaluator.decide(
                Point.ADMIT,
                Facts(row.kind, terms.surface, terms.mode, terms.country, terms.age_assured, day),
                judged.signals,
            ).outcome
            is not Outcome.ALLOW
            for day in self.days
        )


def tunable(policy: Policy, wanted: Collection[str]) -> tuple[str, ...]:
    """The rules to tune: those named, or all of the operator's own at admit.

    Raises `Fault`: `rule_unknown`, `rule_untouchable` (a floor, or law), `rule_not_at_admit`.
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
        if Point.ADMIT not in rules[name].points:
            raise invalid(
                "rule_not_at_admit",
                f"{name!r} is asked at release only, where pictures are judged.",
                remedy="Labelled prompts say nothing of it: choose a rule of admit.",
                field="rule",
            )
    return tuple(wanted) or tuple(r.id for r in rules.values() if _own(r) and Point.ADMIT in r.points)


def tuning(
    text: bytes,
    source: str,
    names: Catalogue,
    rules: Collection[str],
    terms: Terms,
    answers: Answers,
    days: Sequence[date],
) -> Tuning:
    """What can be moved in the text. Raises `Fault` `nothing_to_tune` where that is nothing."""
    policy = read_policy(text, names, source=source)
    chosen = tunable(policy, rules)
    graded = _graded(answers, names)
    found = [
        knob if knob.fixed else replace(knob, fixed=_why(knob, graded))
        for knob in knobs(text, names, chosen, source=source)
    ]
    movable = tuple(knob for knob in found if not knob.fixed)
    fixed = tuple(knob for knob in found if knob.fixed)
    if not movable:
        raise invalid(
            "nothing_to_tune",
            f"No threshold of {', '.join(chosen) or 'any own rule at admit'} can be moved.",
            remedy="; ".join(f"{knob.rule} {knob.signal}: {knob.fixed}" for knob in fixed[:4])
            or "Write a rule of your own that compares a signal of the text with a number.",
            field="rule",
        )
    return Tuning(text, source, policy, names, movable, fixed, terms, days)


def _own(rule: Rule) -> bool:
    return not rule.floor and rule.source is None


def _why(knob: Knob, graded: Mapping[str, bool]) -> str:
    """Why a knob stays where it is; empty if it may move."""
    if knob.signal not in graded:
        return "no signal of the text"
    if not graded[knob.signal]:
        return "only 0 and 1 were measured"
    if not LEAST <= knob.threshold <= MOST:
        return f"outside {LEAST} to {MOST}"
    return ""


def _graded(answers: Answers, names: Catalogue) -> dict[str, bool]:
    """Signals of the text, and whether any value of them lies between 0 and 1."""
    found = dict.fromkeys(of_text(names), False)
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

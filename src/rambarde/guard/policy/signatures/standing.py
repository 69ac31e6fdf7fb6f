"""Where governance stands: who may sign, which policy is in force, which measures are ready and on, what may launch.

It is nothing but what the changes add up to, each verified when it took effect. Whoever can write to the database
can therefore neither put a policy in force nor switch a measure off.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Self

from rambarde.guard.policy.proof.compare import Verdict
from rambarde.guard.policy.signatures.canonical import stamp
from rambarde.guard.policy.signatures.change import FIRST, Change, SignedChange
from rambarde.guard.policy.signatures.people import ALWAYS, Roster, only_reduces
from rambarde.guard.policy.signatures.subject import (
    Assessment,
    Evaluation,
    People,
    PolicyText,
    Prepared,
    SwitchOff,
    SwitchOn,
)
from rambarde.guard.policy.signatures.verify import ANSWERED, LEEWAY, NONE, ONE, TWO, Need, need_of, verify
from rambarde.nouns.fault import Fault, Kind, invalid

_LOOSE = frozenset({Verdict.LOOSENED, Verdict.BOTH})


@dataclass(frozen=True, slots=True)
class Measure:
    """A prepared emergency measure: its document's digest, and what its signers allowed."""

    document: str
    breaker: bool
    review_days: int


@dataclass(frozen=True, slots=True)
class On:
    """A measure in force. It stays on after `review_at`: that is when somebody must look, not when it ends."""

    since: datetime
    review_at: datetime
    by: str
    reason: str
    breaker: bool


@dataclass(frozen=True, slots=True)
class Assessed:
    """A risk assessment's document, the evaluations that cover the item, and the accountable who signed."""

    document: str
    evaluations: tuple[Evaluation, ...]
    policy: str | None
    at: datetime
    by: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Standing:
    """`last` is the digest of the last signed change, `at` the latest moment at which one took effect.

    `policy` is the digest of the policy in force, `policy_document` that of its bytes. `demo`: a roster of
    throw-away keys was in force at some time; that is never forgotten. `checked`: whether the policy was held
    against its document; nothing is compared with one that was not.
    """

    sequence: int = 0
    last: str = FIRST
    at: datetime | None = None
    roster: Roster | None = None
    policy: str | None = None
    policy_document: str | None = None
    measures: Mapping[str, Measure] = field(default_factory=dict)
    on: Mapping[str, On] = field(default_factory=dict)
    assessed: Mapping[str, Assessed] = field(default_factory=dict)
    demo: bool = False
    checked: bool = True

    @classmethod
    def start(cls) -> Self:
        return cls()

    def need(self, change: Change) -> Need:
        """Who must sign this change now."""
        match change.subject:
            case People(roster):
                if self.roster is None:
                    return TWO
                return ONE if only_reduces(self.roster, roster, self.at or ALWAYS) else TWO
            case PolicyText():
                return TWO if self.policy is None else need_of(change.verdict)
            case Prepared(name):  # in place of a prepared one it may be a weaker one
                return TWO if name in self.measures else ONE
            case SwitchOn():
                return NONE
            case SwitchOff():
                return TWO
            case Assessment():
                return ANSWERED

    def after(self, signed: SignedChange, *, at: datetime) -> Standing:
        """The standing once `signed` has taken effect at `at`.

        Raises `Fault`, and then nothing has changed: `change_out_of_turn`, `change_from_future`,
        `change_stale`, `change_contradicts` (its facts do not fit each other), `roster_missing`,
        `roster_locks_out`, `measure_unknown`, `measure_loosens`, `measure_no_breaker`, `measure_already_on`,
        `measure_not_on`, or as `verify`.
        """
        change = signed.change
        stamp(at)
        self._refuse_out_of_turn(change)
        if change.created_at > at + LEEWAY:
            raise invalid(
                "change_from_future",
                f"the change was made on {stamp(change.created_at)}, later than now ({stamp(at)}).",
                remedy="Set the clock of the machine where it was made, and make it again.",
                field="change.created_at",
            )
        # Time does not run backwards: a clock that was set back brings no revoked or expired key to life.
        now = at if self.at is None else max(at, self.at)
        subject = change.subject
        roster = self.roster
        if isinstance(subject, People):
            subject.roster.check(now)
            # The first people prove that they have their keys: they sign themselves.
            roster = roster or subject.roster
        if roster is None:
            raise _conflict(
                "roster_missing",
                "nobody is named yet who may sign.",
                "Begin with a `people` change, signed by two of them.",
                "change.kind",
            )
        self._refuse_contradiction(change)
        signers = verify(signed, roster, need=self.need(change), at=now)
        moved = replace(self, sequence=change.sequence, last=signed.digest, at=now)
        match subject:
            case People(new):
                return replace(moved, roster=new, demo=self.demo or new.demo)
            case PolicyText(policy=policy):
                return replace(moved, policy=policy, policy_document=change.document, checked=True)
            case Prepared(name, breaker, days):
                measure = Measure(_needed(change.document), breaker, days)
                return replace(moved, measures={**self.measures, name: measure})
            case SwitchOn(name, breaker):
                review = change.created_at + timedelta(days=self.measures[name].review_days)
                on = On(change.created_at, review, change.by, change.reason, breaker)
                return replace(moved, on={**self.on, name: on})
            case SwitchOff(name):
                return replace(moved, on={key: on for key, on in self.on.items() if key != name})
            case Assessment(items, evaluations, policy):
                names = tuple(person.name for person in signers if person.accountable)
                document = _needed(change.document)
                new_items = {
                    item: Assessed(
                        document,
                        tuple(e for e in evaluations if item in e.covers),
                        policy,
                        change.created_at,
                        names,
                    )
                    for item in items
                }
                return replace(moved, assessed={**self.assessed, **new_items})

    def _refuse_out_of_turn(self, change: Change) -> None:
        if change.sequence != self.sequence + 1:
            raise _conflict(
                "change_out_of_turn",
                f"this is change {change.sequence}, and the next one is change {self.sequence + 1}.",
                "A change takes effect once, in its turn. Make it again on what is in force now, and sign that.",
                "change.sequence",
            )
        if change.previous != self.last:
            raise _conflict(
                "change_out_of_turn",
                f"change {change.sequence} was made to follow {change.previous}, and the last one is {self.last}.",
                "Another change came first, or this is of another gateway. Make it again and sign that.",
                "change.previous",
            )

    def _refuse_contradiction(self, change: Change) -> None:
        match change.subject:
            case PolicyText() as subject:
                self._check_policy(change, subject)
            case Prepared(name):
                _check_tightens(change)
                _document(change)
                if name in self.on:
                    raise _conflict(
                        "measure_already_on",
                        f"the measure `{name}` is switched on, and cannot be replaced meanwhile.",
                        "Prepare it under another name, or switch it off first (two signatures).",
                        "subject.name",
                    )
            case SwitchOn() as switch:
                self._check_on(change, switch)
            case SwitchOff(name):
                if name not in self.on:
                    raise _conflict(
                        "measure_not_on",
                        f"the measure `{name}` is not switched on.",
                        f"Switched on: {', '.join(sorted(self.on)) or 'none'}.",
                        "subject.name",
                    )
            case Assessment(evaluations=evaluations):
                _document(change)
                for one in evaluations:
                    if one.made_at > change.created_at + LEEWAY:
                        raise _contradicts(
                            "an evaluation was made after the assessment that rests on it",
                            "subject.evaluations",
                        )
            case People():
                pass

    def _check_policy(self, change: Change, subject: PolicyText) -> None:
        if subject.compared != self.policy:
            raise _conflict(
                "change_stale",
                f"it was compared with {subject.compared or 'no policy'}, and in force is "
                f"{self.policy or 'none'}.",
                "Compare with the policy in force, and have that signed.",
                "subject.compared",
            )
        _document(change)
        if change.verdict is None or change.proof is None:
            raise _contradicts(
                "a policy needs the verdict of its comparison and the digest of its proof",
                "change.verdict" if change.verdict is None else "change.proof",
            )
        loose = change.verdict in _LOOSE
        swapped = any(swap.replaced for swap in subject.swaps)
        if self.policy is None:
            if not loose:
                raise _contradicts("the first policy is a loosening: before it nothing is let through")
        elif swapped and change.verdict is not Verdict.BOTH:
            raise _contradicts("a replaced detector measures otherwise, so the verdict must be `both`")
        elif loose and not change.loosened and not swapped:
            raise _contradicts("the verdict says loosened, and no loosened region is told", "change.loosened")
        if change.loosened and not loose:
            raise _contradicts(f"regions are loosened, and the verdict says {change.verdict}")

    def _check_on(self, change: Change, switch: SwitchOn) -> None:
        _check_tightens(change)
        measure = self.measures.get(switch.name)
        if measure is None:
            raise Fault(
                Kind.NOT_FOUND,
                "measure_unknown",
                f"no measure `{switch.name}` was prepared.",
                remedy=f"Prepared: {', '.join(sorted(self.measures)) or 'none'}.",
                field="subject.name",
            )
        if switch.name in self.on:
            raise _conflict(
                "measure_already_on",
                f"the measure `{switch.name}` is on since {stamp(self.on[switch.name].since)}.",
                "Nothing needs to be done.",
                "subject.name",
            )
        if switch.breaker and not measure.breaker:
            raise Fault(
                Kind.FORBIDDEN,
                "measure_no_breaker",
                f"the signers of the measure `{switch.name}` did not allow a breaker to switch it on.",
                remedy="A person switches it on, or prepare it again with `breaker: true`.",
                field="subject.breaker",
            )


def _check_tightens(change: Change) -> None:
    if change.loosened or change.verdict in _LOOSE:
        raise invalid(
            "measure_loosens",
            "an emergency measure only tightens, and this one loosens something.",
            remedy="Take the loosening out of the measure; it needs a policy change.",
            field="change.loosened" if change.loosened else "change.verdict",
        )


def _document(change: Change) -> None:
    if change.document is None:
        raise _contradicts(
            f"a change of kind {change.kind} needs the digest of its document", "change.document"
        )


def _needed(document: str | None) -> str:
    if document is None:  # `_document` has refused it
        raise ValueError("a document is needed")
    return document


def _contradicts(problem: str, field: str = "change.verdict") -> Fault:
    return invalid(
        "change_contradicts",
        f"{problem}.",
        remedy="Make the change again from the documents themselves, and sign that.",
        field=field,
    )


def _conflict(code: str, message: str, remedy: str, field: str) -> Fault:
    return Fault(Kind.CONFLICT, code, message, remedy=remedy, field=field)

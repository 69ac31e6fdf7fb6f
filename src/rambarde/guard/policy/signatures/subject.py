"""What a change is about: for each kind, the facts its signers put their names to, besides the document itself."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from rambarde.guard.policy.signatures.canonical import JSON, Fields, a_digest, stamp, text, wrong
from rambarde.guard.policy.signatures.people import Roster, roster_of

LIMIT_REVIEW_DAYS = 90
ITEM_KINDS = ("surface", "mode", "upstream", "detector")
_ITEM = re.compile(rf"(?:{'|'.join(ITEM_KINDS)}):[!-~]{{1,200}}")
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")


class ChangeKind(StrEnum):
    PEOPLE = "people"
    """Who may sign."""
    POLICY = "policy"
    """The policy in force."""
    MEASURE = "measure"
    """Prepares an emergency measure: signed now, switched on when it is needed."""
    MEASURE_ON = "measure-on"
    MEASURE_OFF = "measure-off"
    ASSESSMENT = "assessment"
    """A signed risk assessment: without it, nothing of what it names is launched."""


@dataclass(frozen=True, slots=True)
class People:
    roster: Roster

    def as_json(self) -> dict[str, JSON]:
        return {"people": self.roster.as_json()}


@dataclass(frozen=True, slots=True)
class Swapped:
    """A required detector that differs: version and digest before and after, None where there is none."""

    detector: str
    old: str | None
    new: str | None

    @property
    def replaced(self) -> bool:
        return self.old is not None and self.new is not None

    def as_json(self) -> dict[str, JSON]:
        return {"detector": self.detector, "old": self.old, "new": self.new}


@dataclass(frozen=True, slots=True)
class PolicyText:
    """`policy` is the digest of the parsed policy with its floors, `compared` that of the policy it was compared
    with: None if there was none.
    """

    policy: str
    floors: str
    compared: str | None
    swaps: tuple[Swapped, ...] = ()

    def as_json(self) -> dict[str, JSON]:
        return {
            "policy": self.policy,
            "floors": self.floors,
            "compared": self.compared,
            "swaps": [swap.as_json() for swap in self.swaps],
        }


@dataclass(frozen=True, slots=True)
class Prepared:
    """`breaker`: whether a breaker may switch it on. It is reviewed `review_days` after that, 1 to 90."""

    name: str
    breaker: bool
    review_days: int

    def as_json(self) -> dict[str, JSON]:
        return {"name": self.name, "breaker": self.breaker, "review_days": self.review_days}


@dataclass(frozen=True, slots=True)
class SwitchOn:
    name: str
    breaker: bool

    def as_json(self) -> dict[str, JSON]:
        return {"name": self.name, "breaker": self.breaker}


@dataclass(frozen=True, slots=True)
class SwitchOff:
    name: str

    def as_json(self) -> dict[str, JSON]:
        return {"name": self.name}


@dataclass(frozen=True, slots=True)
class Evaluation:
    """An evaluation or probe result: the digest of its report, when it was made, and the items it covers."""

    digest: str
    made_at: datetime
    covers: tuple[str, ...]

    def as_json(self) -> dict[str, JSON]:
        return {"digest": self.digest, "made_at": stamp(self.made_at), "covers": list(self.covers)}


@dataclass(frozen=True, slots=True)
class Assessment:
    """`items` such as `surface:web` or `detector:head@1.2+sha256:…`; `policy`: under which one, if it matters."""

    items: tuple[str, ...]
    evaluations: tuple[Evaluation, ...]
    policy: str | None = None

    def as_json(self) -> dict[str, JSON]:
        return {
            "items": list(self.items),
            "evaluations": [evaluation.as_json() for evaluation in self.evaluations],
            "policy": self.policy,
        }


Subject = People | PolicyText | Prepared | SwitchOn | SwitchOff | Assessment


def subject_of(kind: ChangeKind, value: object) -> Subject:
    """Read strictly. Raises `Fault(INVALID)` that names the field; for people, also as `Roster` does."""
    fields = Fields(value, "subject")
    subject = _READ[kind](fields)
    fields.done()
    return subject


def _people(fields: Fields) -> People:
    return People(roster_of(fields.take("people"), "subject.people"))


def _policy(fields: Fields) -> PolicyText:
    swaps = []
    for place, item in enumerate(fields.items("swaps")):
        swap = Fields(item, f"subject.swaps[{place}]")
        old, new = (_text_or_none(swap.take(key), swap.name(key)) for key in ("old", "new"))
        swaps.append(Swapped(swap.text("detector"), old, new))
        swap.done()
    return PolicyText(
        policy=fields.digest("policy"),
        floors=fields.digest("floors"),
        compared=fields.digest_or_none("compared"),
        swaps=tuple(swaps),
    )


def _prepared(fields: Fields) -> Prepared:
    return Prepared(
        name=_name(fields),
        breaker=fields.boolean("breaker"),
        review_days=fields.whole("review_days", 1, LIMIT_REVIEW_DAYS),
    )


def _switch_on(fields: Fields) -> SwitchOn:
    return SwitchOn(_name(fields), fields.boolean("breaker"))


def _switch_off(fields: Fields) -> SwitchOff:
    return SwitchOff(_name(fields))


def _assessment(fields: Fields) -> Assessment:
    items = _items(fields, "items")
    if not items:
        raise wrong("subject.items", "is empty", "Name what is assessed, such as `surface:web`.")
    evaluations = []
    for place, item in enumerate(fields.items("evaluations")):
        entry = Fields(item, f"subject.evaluations[{place}]")
        covers = _items(entry, "covers")
        if stray := set(covers) - set(items):
            raise wrong(entry.name("covers"), f"names {min(stray)}, which is not assessed here")
        evaluations.append(Evaluation(entry.digest("digest"), entry.time("made_at"), covers))
        entry.done()
    return Assessment(items, tuple(evaluations), fields.digest_or_none("policy"))


_READ: Mapping[ChangeKind, Callable[[Fields], Subject]] = {
    ChangeKind.PEOPLE: _people,
    ChangeKind.POLICY: _policy,
    ChangeKind.MEASURE: _prepared,
    ChangeKind.MEASURE_ON: _switch_on,
    ChangeKind.MEASURE_OFF: _switch_off,
    ChangeKind.ASSESSMENT: _assessment,
}


def _items(fields: Fields, key: str) -> tuple[str, ...]:
    items = fields.texts(key)
    for item in items:
        if not _ITEM.fullmatch(item):
            raise wrong(
                fields.name(key),
                f"has {item[:80]!r}",
                f"Write `<what>:<name>`, where <what> is one of {', '.join(ITEM_KINDS)}.",
            )
        if item.startswith("detector:"):
            _, _, told = item.partition("@")
            version, _, found = told.rpartition("+")
            if not version:
                raise wrong(
                    fields.name(key),
                    f"has {item[:80]!r}, which tells no version",
                    "Write `detector:<name>@<version>+sha256:…`, as `rambarde policy gate` does.",
                )
            a_digest(found, f"{fields.name(key)}: the digest after + in {item[:80]!r}")
    if len(set(items)) != len(items):
        raise wrong(fields.name(key), "names something twice")
    return items


def _name(fields: Fields) -> str:
    name = fields.text("name")
    if not _NAME.fullmatch(name):
        raise wrong("subject.name", "must be lower-case letters, digits and hyphens, such as `no-people`")
    return name


def _text_or_none(value: object, field: str) -> str | None:
    return None if value is None else text(value, field, 200)

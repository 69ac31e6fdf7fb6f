"""The people who may sign, with their roles and keys: a document that begins with `rambarde-people: 1`.

Somebody with any role may sign; a loosening also needs somebody `accountable`. A roster under which nobody could
ever sign again is refused wherever it comes from.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

import yaml

from rambarde.guard.policy.document import Node, load
from rambarde.guard.policy.signatures.canonical import JSON, Fields, stamp, wrong
from rambarde.guard.policy.signatures.openssh import (
    KEY_BYTES,
    fingerprint,
    parse_line,
    print_line,
    refuse_weak,
)
from rambarde.nouns.fault import Fault, invalid

VERSION = "rambarde-people"
ALWAYS = datetime(1970, 1, 1, tzinfo=UTC)
"""The `since` of who has none: as soon as the change that names them is in force."""
LIMIT_NAME = 100
LIMIT_PEOPLE = 200
_KEYS = ("name", "roles", "key", "since", "until", "revoked")


class Role(StrEnum):
    POLICY = "policy"
    """May sign changes."""
    ACCOUNTABLE = "accountable"
    """May sign, and answers for loosenings and launches."""


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who may sign. `key`: 32 bytes, raw Ed25519 public key. The key counts for what is signed from `since`
    on and before `until`, and for nothing any more from `revoked` on. Times have a zone.
    """

    name: str
    roles: frozenset[Role]
    key: bytes
    since: datetime = ALWAYS
    until: datetime | None = None
    revoked: datetime | None = None

    def __post_init__(self) -> None:
        check_name(self.name, "name")
        if not self.roles:
            raise _refused(f"{self.name} has no role.", "Give `policy`, `accountable` or both.", "roles")
        if len(self.key) != KEY_BYTES:
            raise ValueError(f"an Ed25519 public key has {KEY_BYTES} bytes")
        refuse_weak(self.key)
        for time in (self.since, self.until, self.revoked):
            if time is not None and time.tzinfo is None:
                raise ValueError("a time needs its zone")
        if self.until is not None and self.until <= self.since:
            raise _refused(f"{self.name}'s key ends before it begins.", "Put `until` after `since`.", "until")

    @property
    def folded(self) -> str:
        return fold(self.name)

    @property
    def fingerprint(self) -> str:
        return fingerprint(self.key)

    @property
    def accountable(self) -> bool:
        return Role.ACCOUNTABLE in self.roles

    def current(self, at: datetime) -> bool:
        """Whether a signature of this moment counts."""
        ended = (self.until is not None and self.until <= at) or (
            self.revoked is not None and self.revoked <= at
        )
        return self.since <= at and not ended

    def as_json(self) -> dict[str, JSON]:
        return {
            "name": self.name,
            "roles": sorted(self.roles),
            "key": print_line(self.key),
            "since": stamp(self.since),
            "until": None if self.until is None else stamp(self.until),
            "revoked": None if self.revoked is None else stamp(self.revoked),
        }


@dataclass(frozen=True, slots=True)
class Roster:
    """All who may sign. `demo`: the keys are throw-away ones, made so that one command shows the product.

    Raises `Fault(INVALID)`: `roster_invalid` for a name or key that stands twice, `roster_locks_out` if fewer
    than two could sign, or none of them is accountable, not counting the revoked.
    """

    people: tuple[Person, ...]
    demo: bool = False

    def __post_init__(self) -> None:
        if len(self.people) > LIMIT_PEOPLE:
            raise _refused(f"{len(self.people)} people.", f"Name at most {LIMIT_PEOPLE}.", "people")
        seen: dict[str | bytes, Person] = {}
        for person in self.people:
            for mark, what in ((person.folded, "name"), (person.key, "key")):
                if other := seen.get(mark):
                    raise _twice(person, other, what)
                seen[mark] = person
        _refuse_lock_out([person for person in self.people if person.revoked is None], "")

    def find(self, name: str) -> Person | None:
        """By name, in any spelling."""
        folded = fold(name)
        return next((person for person in self.people if person.folded == folded), None)

    def current(self, at: datetime) -> tuple[Person, ...]:
        return tuple(person for person in self.people if person.current(at))

    def check(self, at: datetime) -> None:
        """Raise `Fault(INVALID, "roster_locks_out")` if too few could sign at `at`."""
        _refuse_lock_out(self.current(at), f" on {at:%Y-%m-%d}")

    def locked_from(self, at: datetime) -> datetime | None:
        """The first moment from `at` on when too few can sign any more, as the keys end now; None if never."""
        ends = {
            time for person in self.people for time in (person.until, person.revoked) if time and time > at
        }
        return next((time for time in (at, *sorted(ends)) if not _enough(self.current(time))), None)

    def as_json(self) -> dict[str, JSON]:
        return {"demo": self.demo, "people": [person.as_json() for person in self.people]}

    def as_yaml(self) -> str:
        """The document that `read_people` reads as this roster."""
        people = []
        for person in self.people:
            entry: dict[str, object] = {
                "name": person.name,
                "roles": [str(role) for role in sorted(person.roles)],
                "key": print_line(person.key),
            }
            times = (("since", person.since), ("until", person.until), ("revoked", person.revoked))
            entry |= {key: stamp(time) for key, time in times if time not in (None, ALWAYS) and time}
            people.append(entry)
        document: dict[str, object] = {VERSION: 1, **({"demo": True} if self.demo else {}), "people": people}
        return yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=1_000)


def read_people(data: bytes, source: str) -> Roster:
    """The roster in a document. Raises `PolicyError` with line, column and remedy."""
    root = load(data, source)
    top = root.mapping("the people document")
    version = top.need(VERSION, "the people document")
    if version.value != 1 or isinstance(version.value, bool):
        raise version.error(f"version {version.value!r} of `{VERSION}`.", f"Write `{VERSION}: 1`.")
    demo = top.get("demo")
    listed = top.need("people", "the people document")
    people: list[Person] = []
    for node in listed.items("`people`"):
        person = _person(node)
        for other in people:
            for mark, what in ((other.folded == person.folded, "name"), (other.key == person.key, "key")):
                if mark:
                    fault = _twice(person, other, what)
                    raise node.error(fault.message, fault.remedy)
        people.append(person)
    top.done("the people document", (VERSION, "demo", "people"))
    try:
        return Roster(tuple(people), demo is not None and demo.boolean("`demo`"))
    except Fault as fault:
        if fault.code == "policy_invalid":
            raise
        raise listed.error(fault.message, fault.remedy) from fault


def roster_of(value: object, what: str) -> Roster:
    """The roster in a change's JSON. Raises `Fault(INVALID)`, as `Roster` does or naming the field."""
    fields = Fields(value, what)
    people = []
    for place, item in enumerate(fields.items("people")):
        entry = Fields(item, f"{what}.people[{place}]")
        line = entry.text("key")
        key, _ = parse_line(line)
        if print_line(key) != line:
            raise wrong(entry.name("key"), "must be `ssh-ed25519` and the key, without a comment")
        roles = entry.texts("roles")
        if any(role not in list(Role) for role in roles) or list(roles) != sorted(set(roles)):
            raise wrong(entry.name("roles"), "must be known roles, each once, in order")
        person = Person(
            name=entry.text("name", LIMIT_NAME),
            roles=frozenset(Role(role) for role in roles),
            key=key,
            since=entry.time("since"),
            until=entry.time_or_none("until"),
            revoked=entry.time_or_none("revoked"),
        )
        entry.done()
        people.append(person)
    demo = fields.boolean("demo")
    fields.done()
    return Roster(tuple(people), demo)


def only_reduces(old: Roster, new: Roster, at: datetime = ALWAYS) -> bool:
    """Whether `new` only revokes, shortens or removes: nobody can sign in it who could not in `old`, and at no
    moment from `at` on are too few left where there were enough. Who ends all others' keys governs alone.
    """
    known: Mapping[str, Person] = {person.name: person for person in old.people}
    reduces = old.demo == new.demo and all(
        person.name in known and _within(person, known[person.name]) for person in new.people
    )
    return reduces and not any(
        _enough(old.current(time)) and not _enough(new.current(time)) for time in _turns(at, old, new)
    )


def fold(name: str) -> str:
    """What makes two spellings one name: NFKC, without case and spaces."""
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold())
    return "".join(folded.split())


def check_name(name: str, field: str) -> None:
    """Raise `Fault(INVALID, "roster_invalid")` unless `name` can stand in a document that people read."""
    plain = name.isprintable() and name == name.strip() and fold(name)
    if not plain or len(name) > LIMIT_NAME:
        raise _refused(
            f"{name[:40]!r} is no name: it has 1 to {LIMIT_NAME} visible characters.",
            "Write it as on a business card, without invisible characters.",
            field,
        )


def _within(new: Person, old: Person) -> bool:
    return (
        new.key == old.key
        and new.roles <= old.roles
        and new.since >= old.since
        and _ends_by(new.until, old.until)
        and _ends_by(new.revoked, old.revoked)
    )


def _turns(at: datetime, *rosters: Roster) -> set[datetime]:
    """`at`, and every later moment at which a key begins or ends to count."""
    people = [person for roster in rosters for person in roster.people]
    times = {time for one in people for time in (one.since, one.until, one.revoked) if time is not None}
    return {at} | {time for time in times if time > at}


def _ends_by(new: datetime | None, old: datetime | None) -> bool:
    return old is None or (new is not None and new <= old)


def _person(node: Node) -> Person:
    entry = node.mapping("a person")
    name = entry.need("name", "a person")
    roles = entry.need("roles", "a person")
    key = entry.need("key", "a person")
    dates = {what: _time(found, what) for what in _KEYS[3:] if (found := entry.get(what)) is not None}
    entry.done("a person", _KEYS)
    chosen = [role.choice("the role", tuple(Role)) for role in roles.items("`roles`")]
    try:
        public, _ = parse_line(key.text("`key`"))
    except Fault as fault:
        raise fault if fault.code == "policy_invalid" else key.error(fault.message, fault.remedy) from fault
    try:
        return Person(name.text("`name`"), frozenset(Role(r) for r in chosen), public, **dates)
    except Fault as fault:
        raise fault if fault.code == "policy_invalid" else node.error(fault.message, fault.remedy) from fault


def _time(node: Node, what: str) -> datetime:
    word = node.text(f"`{what}`")
    try:
        time = datetime.fromisoformat(word)
        if time.tzinfo is None and len(word) > len("2026-11-22"):
            raise node.error(f"`{what}` {word} has no zone.", f"Write {word}Z for UTC.")
        return (time if time.tzinfo else time.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise node.error(
            f"`{what}` {word!r} is no time.", "Write 2026-11-22 or 2026-11-22T09:30Z."
        ) from error


def _enough(people: tuple[Person, ...] | list[Person]) -> bool:
    return len(people) >= 2 and any(person.accountable for person in people)


def _refuse_lock_out(people: tuple[Person, ...] | list[Person], when: str) -> None:
    if not _enough(people):
        names = ", ".join(person.name for person in people) or "nobody"
        raise invalid(
            "roster_locks_out",
            f"with these people nobody could ever sign a loosening or name others: {names} could sign{when}.",
            remedy="Name at least two people who can sign, one of them `accountable`.",
            field="people",
        )


def _twice(person: Person, other: Person, what: str) -> Fault:
    who = person.name if person.name == other.name else f"{person.name} and {other.name}"
    return _refused(
        f"the {what} of {who} stands twice.",
        "Each person has one name and one key; spelling and spaces make no other person.",
        what,
    )


def _refused(message: str, remedy: str, field: str) -> Fault:
    return invalid("roster_invalid", message, remedy=remedy, field=field)

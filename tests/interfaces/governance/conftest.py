"""A house that is governed: a small catalogue and policy, people with keys, a real log and database, a clock."""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from rambarde.guard.policy import bundle as bundle_module
from rambarde.guard.policy import gate, reading
from rambarde.guard.policy.catalogue import Catalogue, Entry
from rambarde.guard.policy.reading import FLOORS as FLOORS_NAME
from rambarde.guard.policy.reading import read_policy
from rambarde.guard.policy.signatures.change import Change, SignedChange
from rambarde.guard.policy.signatures.history import KIND
from rambarde.guard.policy.signatures.people import Person, Role, Roster
from rambarde.guard.policy.signatures.standing import Standing
from rambarde.interfaces.governance import charter as charter_module
from rambarde.interfaces.governance.book import Book
from rambarde.interfaces.governance.charter import Charter
from rambarde.interfaces.governance.office import Office, Proposal
from rambarde.interfaces.governance.tenure import Tenure
from rambarde.interfaces.vault import Vault
from rambarde.nouns.custody import Committed
from rambarde.nouns.decision import Point
from rambarde.nouns.signal import Polarity
from rambarde.prove.commitment import commitment_of, entry_of
from rambarde.prove.key import open_signer
from rambarde.prove.log import FOLDER, Log
from rambarde.store.cipher import Cipher
from rambarde.store.database import Database
from rambarde.store.ledger import Ledger
from tests.guard.policy.conftest import FLOORS, POLICY, entry
from tests.guard.policy.signatures.stand import key

START = datetime(2026, 11, 20, 12, tzinfo=UTC)
ADA, BEN, CLEO = "Ada Lovelace", "Ben Okri", "Cleo Durand"
LOOSER = POLICY.replace("{signal: b, at_least: 0.1}", "{signal: b, at_least: 0.6}")
STRICTER = POLICY.replace("{signal: b, at_least: 0.1}", "{signal: b, at_least: 0.05}")
assert len({POLICY, LOOSER, STRICTER}) == 3

STOP = """
rambarde-measure: 1
name: stop
title: Nothing at all
breaker: true
review_days: 2
rules:
  - {id: all, at: [admit, release], when: {context: action, in: [generate, edit]}, then: block, reason: stopped}
"""
CAREFUL = """
rambarde-measure: 1
name: careful
title: Anything of b waits
review_days: 7
rules:
  - {id: b, at: [admit, release], when: {signal: b, at_least: 0.05}, then: review, reason: careful}
"""


class Clock:
    """A wall clock and a steady one, which run and jump as told."""

    def __init__(self, now: datetime = START) -> None:
        self.now, self.steady = now, 1000.0

    def __call__(self) -> datetime:
        return self.now

    def boot(self) -> float:
        return self.steady

    def run(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)
        self.steady += seconds

    def jump(self, **units: float) -> None:
        """The wall clock is set."""
        self.now += timedelta(**units)


def roster(*, demo: bool = False, ada: bool = True) -> Roster:
    people = (
        Person(ADA, frozenset(Role), key(ADA).public),
        Person(BEN, frozenset({Role.POLICY}), key(BEN).public),
        Person(CLEO, frozenset({Role.ACCOUNTABLE}), key(CLEO).public),
    )
    return Roster(people if ada else people[1:], demo=demo)


def assessed(policy: str, items: Iterable[str], at: datetime) -> bytes:
    names = list(items)
    told = {
        "rambarde-assessment": 1,
        "title": "What goes live",
        "policy": policy,
        "items": [
            {"item": item} | ({"changed": "2026-11-01"} if item.startswith("upstream:") else {})
            for item in names
        ],
        "evaluations": [
            {
                "kind": "examples",
                "digest": "sha256:" + "1" * 64,
                "made_at": at.isoformat(),
                "policy": policy,
                "covers": names,
            }
        ],
        "risks": [{"risk": "r", "severity": "low", "likelihood": "low", "mitigation": "m"}],
        "conclusion": "Go.",
    }
    return json.dumps(told).encode()


@dataclass
class House:
    """Everything of one data folder. `again` is the same folder, opened by another process, so to speak."""

    folder: Path
    clock: Clock
    names: Catalogue
    opened: list[Callable[[], None]] = field(default_factory=list)
    place: str | None = None
    """Where the database is, if not in the folder."""

    def __post_init__(self) -> None:
        database = Database.open(self.place or self.folder, clock=self.clock)
        self.opened.append(database.close)
        cipher = Cipher.open(self.folder)
        cipher.bind(database)
        self.vault = Vault.over(self.folder, database, cipher)
        self.log = Log.open(self.folder / FOLDER, open_signer(self.folder), Ledger(database))
        self.opened.append(self.log.close)
        self.book = Book(self.vault)
        self.charter = Charter(self.book, self.names)
        self.office = Office(self.charter)

    def again(self) -> House:
        other = House(self.folder, self.clock, self.names, place=self.place)
        self.opened += other.opened
        return other

    def close(self) -> None:
        for close in reversed(self.opened):
            close()

    # What people do.

    @property
    def standing(self) -> Standing:
        return self.book.read().standing

    def digest(self, text: str) -> str:
        return read_policy(text.encode(), self.names).digest

    def proposal(self, text: str | bytes) -> Proposal:
        data = text if isinstance(text, bytes) else text.encode()
        return self.office.proposal(data, self.standing, source="a.yaml")

    def change(self, proposal: Proposal) -> Change:
        return self.office.change(proposal, self.standing, by=ADA, reason="because", at=self.clock())

    def signed(self, change: Change, *names: str) -> SignedChange:
        made = SignedChange(change)
        for name in names:
            made = made.sign(key(name), name, self.clock())
        return made

    def adopt(self, text: str | bytes, *names: str) -> Standing:
        proposal = self.proposal(text)
        return self.office.adopt(self.log, [(proposal, self.signed(self.change(proposal), *names))])

    def assess(self, text: str, *extra: str) -> Standing:
        policy = read_policy(text.encode(), self.names)
        items = [*gate.items(policy), *extra]
        return self.adopt(assessed(policy.digest, items, self.clock()), ADA)

    def switch(self, name: str, *names: str, on: bool, breaker: bool = False) -> Standing:
        change = self.office.switch(name, self.standing, on=on, by=ADA, reason="now", breaker=breaker)
        return self.office.adopt(self.log, [(None, self.signed(change, *names))])

    def found(self, text: str = POLICY) -> Standing:
        """People, an assessment, a policy, two measures."""
        self.adopt(roster().as_yaml(), ADA, BEN)
        self.assess(text)
        self.adopt(text, ADA, BEN)
        self.adopt(STOP, BEN)
        return self.adopt(CAREFUL, BEN)

    def tenure(self, **options: object) -> Tenure:
        made = Tenure(self.book, self.charter, boot=self.clock.boot, **options)  # type: ignore[arg-type]
        self.opened.append(made.close)
        return made

    # What an attacker does who can write to the log, but has nobody's key.

    def slip_in(self, body: bytes, id: str | None = None) -> None:
        salt = secrets.token_bytes(32)
        commitment = commitment_of(KIND, salt, body)
        name = id or f"change-{self.standing.sequence + 1:08d}"
        self.log.append([Committed(KIND, name, body, salt, commitment, entry_of(KIND, commitment))])


@pytest.fixture
def names() -> Catalogue:
    return small()


def small() -> Catalogue:
    entries: tuple[Entry, ...] = (
        entry("a"),
        entry("b"),
        entry("low", Polarity.LOW_IS_WORSE),
        entry("output.x", points=(Point.RELEASE,)),
    )
    return {one.name: one for one in entries}


@dataclass
class Package:
    """What the running release ships; a test may upgrade it."""

    floors: bytes = FLOORS.encode()


@pytest.fixture
def package(monkeypatch: pytest.MonkeyPatch) -> Package:
    return install(monkeypatch)


def install(monkeypatch: pytest.MonkeyPatch) -> Package:
    """Let the running release ship the small floors."""
    made, real = Package(), reading.shipped

    def shipped(name: str) -> bytes:
        return made.floors if name == FLOORS_NAME else real(name)

    for module in (reading, bundle_module, charter_module):
        monkeypatch.setattr(module, "shipped", shipped)
    return made


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def house(tmp_path: Path, clock: Clock, names: Catalogue, package: Package) -> Iterator[House]:
    made = House(tmp_path, clock, names)
    yield made
    made.close()


def sha(data: bytes) -> str:
    return "sha256:" + hashlib.sha256(data).hexdigest()

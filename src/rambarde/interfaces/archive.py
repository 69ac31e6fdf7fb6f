"""The archive: evidence, holds and custody put together. It implements the chain's `Archivist`."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from rambarde.guard.evidence import Matter, due, frozen_by_rule, rule_case
from rambarde.interfaces.freezer import Freezer
from rambarde.interfaces.settings import Settings
from rambarde.interfaces.signers import Signers
from rambarde.interfaces.vault import Vault
from rambarde.nouns.custody import Receipt
from rambarde.nouns.evidence import Item
from rambarde.nouns.fault import Fault, Kind
from rambarde.nouns.hold import About, Scope
from rambarde.prove.custody import Custody, Event
from rambarde.prove.holds import Holds
from rambarde.store.database import Database
from rambarde.store.evidence import Evidence, Sought
from rambarde.store.keyring import Keyring
from rambarde.store.ledger import Ledger
from rambarde.store.objects import open_objects
from rambarde.store.records import Records, Wanted

log = logging.getLogger(__name__)

POLICY = "the policy"
"""Who sets the hold that a rule's duty asks for."""
Put = Callable[[str, Mapping[str, object]], Receipt]


def _read_only(kind: str, document: Mapping[str, object]) -> Receipt:
    raise Fault(
        Kind.INTERNAL, "log_read_only", "The log was opened for reading.", remedy="Open it for writing."
    )


@dataclass(frozen=True, slots=True)
class Archive:
    """All parts are given. `draw` gives numbers from 0 to 1, for the sample."""

    database: Database
    evidence: Evidence
    keys: Keyring
    holds: Holds
    custody: Custody
    freezer: Freezer
    draw: Callable[[], float] = secrets.SystemRandom().random

    @classmethod
    def open(cls, vault: Vault, settings: Settings, put: Put = _read_only) -> Archive:
        """Over an open vault; without `put` nothing can be kept, opened or erased. Raises `Fault`."""
        keys = Keyring.open(vault.data)
        evidence = Evidence(vault.database, keys, open_objects(settings.evidence_store, vault.data))
        return cls(
            vault.database,
            evidence,
            keys,
            Holds(Ledger(vault.database), vault.database.clock, put, Signers(vault.database)),
            Custody(put, evidence, vault.database.clock),
            vault.freezer,
        )

    async def keep(self, matter: Matter) -> None:
        """See `Archivist`. A fault of the object store is no hindrance: what is kept waits for it, sealed."""
        await self.database.run(self._keep, matter)

    def _keep(self, matter: Matter) -> None:
        for rule in frozen_by_rule(matter):
            self._freeze(rule)
        rate = matter.keeping.sample_rate
        items = due(
            matter,
            self.holds.over(matter.about),
            drawn=rate > 0 and self.draw() < rate,
            salt=secrets.token_hex(16),
        )
        if not items:
            return
        kept = self.evidence.add(items)
        try:
            self.custody.kept(kept)
        except BaseException:
            # What nobody can account for is not kept either; the request ends in this fault, unreleased.
            self.evidence.erase([item.id for item in kept], lambda connection, about: False)
            raise

    def _freeze(self, rule: str) -> None:
        case = rule_case(rule)
        if not any(hold.scope.case == case for hold in self.holds.active()):
            self.holds.set(Scope(case=case), person=POLICY, reason=f"The duty `hold` of the rule {rule}.")

    async def tidy(self) -> int:
        """Ship what waits; erase what is past its time and not frozen, and say so in the log; returns how many went.

        May be repeated.
        """
        erased = await self.database.run(self._expire)
        try:
            await self.database.run(self.evidence.ship)
            await self.database.run(self._sweep)
        except Fault as fault:
            log.error("evidence store: %s; what waits stays in the database", fault.code)
        return erased

    def erase(self, ids: Sequence[str]) -> int:
        """Erase items that no hold freezes; returns how many. The log says so before their objects go.

        Objects in a store that is away go later, without their keys.
        """
        gone = self.evidence.erase(ids, self.freezer.item)
        try:
            self._sweep()
        except Fault as fault:
            log.error("evidence store: %s; what is erased there has no key any more", fault.code)
        return len(gone)

    def _expire(self) -> int:
        erased, now, after = 0, self.database.clock(), ""
        while page := self.evidence.expired(now, after=after):
            erased += len(self.evidence.erase([item.id for item in page], self.freezer.item))
            after = page[-1].id
        return erased

    def _sweep(self) -> None:
        while gone := self.evidence.erased():
            self.custody.erased(gone)
            self.evidence.sweep([item.id for item in gone])

    def alive(self, item: Item) -> bool:
        """Whether an item may still be looked at: its time is not over, or a hold freezes it."""
        return item.expires_at > self.database.clock() or self.holds.frozen(item.about)

    def find(self, scope: Scope) -> tuple[Item, ...]:
        """The items that `scope`, or a hold of its case, covers; those whose time is over and that no hold freezes are
        not among them."""
        scopes = self._scopes(scope)
        return tuple(
            item
            for item in self._all(Sought())
            if any(one.covers(item.about) for one in scopes) and self.alive(item)
        )

    def decisions(self, scope: Scope) -> tuple[str, ...]:
        """The ids of the records that `scope`, or a hold of its case, covers, in the order of the log."""
        found: dict[str, None] = {}
        records = Records(self.database)
        for one in self._scopes(scope):
            if one.conditions and one.decisions:
                candidates = [r for id in one.decisions if (r := records.get(id)) is not None]
            elif one.conditions:
                candidates = list(records.find(Wanted(since=one.since, until=one.until, surface=one.surface)))
            else:
                candidates = []
            for record in candidates:
                if one.covers(About.record(record.document())):
                    found[record.id] = None
        for item in self.find(scope):
            # A request whose record could not be written ended in a fault; its evidence may be there all the same.
            if (id := item.about.decision) and id not in found and records.get(id) is not None:
                found[id] = None
        return tuple(found)

    def show(self, id: str, *, person: str, purpose: str, content: bool = False) -> tuple[Item, bytes | None]:
        """An item's facts, with `content` also its bytes. In the log before anybody gets it.

        Raises `Fault`: `evidence_unknown`, `evidence_sealed`, `evidence_hashes_only`, those of the store, and
        `missing_person`, `missing_purpose`.
        """
        item = self.evidence.get(id)
        if item is None or not self.alive(item):
            raise Fault(
                Kind.NOT_FOUND,
                "evidence_unknown",
                "There is no such item of evidence, or not any more.",
                remedy="See `rambarde evidence list`.",
                field="id",
            )
        event = Event.OPENED if content else Event.SHOWN
        if content and item.sealed:
            self.evidence.open(id)  # raises
        self.custody.accessed(event, [item], person=person, purpose=purpose)
        return item, self.evidence.open(id) if content else None

    def listed(self, scope: Scope | None, *, person: str, purpose: str) -> tuple[Item, ...]:
        """The facts of items, without content. In the log before anybody sees them. None: all there are."""
        found = self.find(scope) if scope else tuple(i for i in self._all(Sought()) if self.alive(i))
        asked = scope.as_json() if scope else None
        self.custody.accessed(Event.LISTED, found, person=person, purpose=purpose, asked=asked)
        return found

    def rotate(self) -> int:
        """Wrap every item's key under the newest key; returns how many. What was begun and died half-way goes on."""
        done = 0
        while count := self.evidence.rewrap():
            done += count
        return done

    def _scopes(self, scope: Scope) -> tuple[Scope, ...]:
        """The scope, and those of all holds of its case, lifted ones too."""
        held = [hold.scope for hold in self.holds.all() if scope.case and hold.scope.case == scope.case]
        return (scope, *held)

    def _all(self, sought: Sought) -> Iterator[Item]:
        after = ""
        while page := self.evidence.find(sought, after=after):
            yield from page
            after = page[-1].id


def whole(scope: Scope) -> Scope | None:
    """None for a scope that asks for nothing."""
    return None if scope == Scope() else scope

"""Erasing, retaining and giving out what is kept about a person: by a named person, with a reason, in the log."""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from rambarde.interfaces.archive import Archive
from rambarde.interfaces.vault import Vault
from rambarde.nouns.appeal import Appeal
from rambarde.nouns.evidence import Item, Why
from rambarde.nouns.fault import Fault, Kind
from rambarde.nouns.hold import About
from rambarde.nouns.words import written
from rambarde.prove.erasure import ACCESS, ERASURE, erasure
from rambarde.prove.recorder import LogRecorder
from rambarde.respond.review import LONGEST_NAME, LONGEST_REASON
from rambarde.store.appeals import Appeals
from rambarde.store.evidence import Sought
from rambarde.store.records import Records
from rambarde.store.subjects import Subjects

_AT_ONCE = 20_000


@dataclass(frozen=True, slots=True)
class Given:
    """What is given to a person; where the log says so; how many sealed items of evidence were left out."""

    document: dict[str, object]
    index: int
    withheld: int


@dataclass(frozen=True, slots=True)
class Erased:
    """How many records went, what else, and how many stayed: under a hold, because an appeal waits, or because a rule's
    duty keeps evidence of them. `evidence_left`: of an account, the items that stay, by why they are kept."""

    records: int
    also: dict[str, int]
    kept_by_hold: int
    kept_by_appeal: int
    kept_by_duty: int
    evidence_left: dict[str, int]
    indexes: tuple[int, ...]
    """Where the log says so."""


class Eraser:
    """Over an open vault and log. What a hold freezes stays; where holds cannot be read, all does."""

    def __init__(self, vault: Vault, recorder: LogRecorder | None, archive: Archive) -> None:
        self._vault = vault
        self._recorder = recorder
        self._archive = archive
        self._held = vault.freezer.over
        self._subjects = Subjects(vault.database)

    def record(self, id: str, *, person: str, reason: str) -> Erased:
        """Erase one record and what is kept for it.

        Raises `Fault` `record_unknown` (or erased already), `erasure_held`, `erasure_appealed`, `erasure_owed`,
        `not_recorded`.
        """
        stored = Records(self._vault.database).get(id)
        if stored is None:
            raise Fault(
                Kind.NOT_FOUND,
                "record_unknown",
                "there is no record of this id, or it was erased.",
                remedy="Check the id.",
            )
        hold = self._held(stored.document())
        if hold is not None:
            raise Fault(
                Kind.CONFLICT,
                "erasure_held",
                f"this record is frozen by the hold {hold}.",
                remedy="Two people can lift a hold; until then it stays.",
            )
        if self._subjects.undecided([id]):
            raise Fault(
                Kind.CONFLICT,
                "erasure_appealed",
                "an appeal against this decision waits.",
                remedy="Decide it first: `rambarde review decide`.",
            )
        if self._subjects.owed([id]):
            raise Fault(
                Kind.CONFLICT,
                "erasure_owed",
                "a rule's duty keeps evidence of this decision, and its record proves that.",
                remedy="It can be erased when the evidence is past its time: see `rambarde evidence list`.",
            )
        return self._erase([(id, stored.document())], "record", None, person, reason)

    def account(self, account: str, *, person: str, reason: str) -> Erased:
        """Erase all records of an account and what is kept for them or under it.

        What is held, appealed or owed by a duty stays, and is counted.
        """
        return self._erase(self._subjects.of_account(account), "account", account, person, reason)

    def retention(self, days: float, *, person: str, reason: str) -> Erased:
        """Erase the records received more than `days` days ago, and what is kept for them."""
        until = self._vault.database.clock() - timedelta(days=days)
        return self._erase(self._subjects.before(until), "retention", None, person, reason)

    def access(self, account: str, *, person: str, reason: str, holds: bool = True) -> Given:
        """All that is kept about an account, for the person it is of. That it was given is in the log before it is.

        The log names the account only under the server's key. Without `holds` they are left out: an order may forbid
        to tell of it. Raises `Fault` `not_recorded`, and the cipher's for an appeal that does not open.
        """
        person, reason = _said(person, reason)
        documents = [document for _, document in self._subjects.of_account(account)]
        id, now = f"acc_{secrets.token_hex(16)}", self._vault.database.clock()
        entry = {
            "id": id,
            "account": self._vault.cipher.blind(id, account),
            "count": len(documents),
            "person": person,
            "reason": reason,
            "at": now.isoformat(),
        }
        index = self._log().put(ACCESS, entry).index
        ids = [str(document["id"]) for document in documents]
        found = list(self._evidence(account, ids))
        given = {
            "account": account,
            "at": now.isoformat(),
            "log_index": index,
            "records": documents,
            "kept": self._subjects.kept(ids),
            "fingerprints": self._subjects.exposures(account),
            "traced_by": self._subjects.prints(ids),
            "outcomes": self._subjects.outcomes(ids),
            "appeals": [
                _appeal(one) for one in Appeals(self._vault.database, self._vault.cipher).against(ids)
            ],
            "evidence": [item.as_json() for item in found if not item.sealed],
            "holds": self._holds(account, documents) if holds else [],
        }
        return Given(given, index, sum(item.sealed for item in found))

    def _evidence(self, account: str | None, ids: Sequence[str]) -> Iterator[Item]:
        """Items under an account, and of these records."""
        seen: set[str] = set()
        asked = [] if account is None else [Sought(account=account)]
        asked += [Sought(decisions=tuple(ids[at : at + 500])) for at in range(0, len(ids), 500)]
        for sought in asked:
            after = ""
            while page := self._archive.evidence.find(sought, after=after):
                yield from (item for item in page if item.id not in seen)
                seen.update(item.id for item in page)
                after = page[-1].id

    def _holds(self, account: str, documents: Sequence[Mapping[str, Any]]) -> list[dict[str, object]]:
        """Holds of this account, and others over what is of it: that they are, and since when; not who asked or why."""
        abouts = [About(account=account), *(About.record(document) for document in documents)]
        return [
            {"id": hold.id, "set_at": hold.set.at.isoformat(), "this_account": hold.scope.account == account}
            for hold in self._archive.holds.active()
            if hold.scope.account == account or any(hold.scope.covers(one) for one in abouts)
        ]

    def _erase(
        self,
        found: Iterable[tuple[str, Mapping[str, Any]]],
        scope: str,
        account: str | None,
        person: str,
        reason: str,
    ) -> Erased:
        person, reason = _said(person, reason)
        recorder = self._log()
        wanted, held = [], 0
        for id, document in found:
            if self._held(document) is None:
                wanted.append(id)
            else:
                held += 1
        appealed = self._subjects.undecided(wanted)
        owed = self._subjects.owed(wanted) - appealed
        ids = [id for id in wanted if id not in appealed and id not in owed]
        stays = bool(held or appealed or owed)
        also = {"items": 0, "appeals": 0, "fingerprints": 0, "exposures": 0, "evidence": 0}
        places: list[int] = []
        count = 0
        # What lies beside goes first: whoever starts again after a crash still finds it by the record.
        for start in range(0, max(len(ids), 1), _AT_ONCE):
            some = ids[start : start + _AT_ONCE]
            last = start + _AT_ONCE >= len(ids)
            whose = account if last and not stays else None
            went = self._subjects.erase(some, whose, self._vault.freezer.item)
            gone = [item.id for item in self._evidence_of(whose, some)]
            went["evidence"] = self._archive.erase(gone) if gone else 0
            indexes = self._subjects.indexes(some)
            if indexes or any(went.values()):
                now = self._vault.database.clock()
                document = erasure(
                    f"era_{secrets.token_hex(16)}",
                    indexes,
                    scope=scope,
                    also=went,
                    person=person,
                    reason=reason,
                    at=now,
                )
                places.append(recorder.put(ERASURE, document).index)
            count += len(indexes)
            also = {name: also[name] + went[name] for name in also}
        self._vault.database.settle()
        left = (
            Counter(item.why.value for item in self._evidence(account, ()))
            if account is not None
            else Counter()
        )
        return Erased(count, also, held, len(appealed), len(owed), dict(left), tuple(places))

    def _evidence_of(self, account: str | None, ids: Sequence[str]) -> Iterator[Item]:
        """Evidence of these records, and under the account, which no duty keeps: of faults, too."""
        now = self._vault.database.clock()
        return (
            item
            for item in self._evidence(account, ids)
            if item.why is not Why.RULE or item.expires_at <= now
        )

    def _log(self) -> LogRecorder:
        if self._recorder is None:
            raise Fault(Kind.INTERNAL, "log_read_only", "The log was opened for reading.", remedy="Open it.")
        return self._recorder


def _appeal(one: Appeal) -> dict[str, object]:
    plea = one.plea
    return {
        "id": one.id,
        "decision": one.decision,
        "created_at": one.created_at.isoformat(),
        "expires_at": one.expires_at.isoformat(),
        "outcome": one.outcome,
        "decided_at": one.decided_at.isoformat() if one.decided_at else None,
        "text": plea.text if plea else None,
        "email": plea.email if plea else None,
        "prompt": plea.prompt if plea else None,
        "pictures": one.pictures,
    }


def _said(person: str, reason: str) -> tuple[str, str]:
    return (
        written(person, "person", longest=LONGEST_NAME, lines=False),
        written(reason, "reason", longest=LONGEST_REASON),
    )

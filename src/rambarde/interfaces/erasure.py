"""Erasing, retaining and giving out what is kept about a person: by a named person, with a reason, in the log."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from rambarde.interfaces.vault import Vault
from rambarde.nouns.fault import Fault, Kind
from rambarde.nouns.words import written
from rambarde.prove.erasure import ACCESS, ERASURE, erasure
from rambarde.prove.recorder import LogRecorder
from rambarde.respond.review import LONGEST_NAME, LONGEST_REASON
from rambarde.store.records import Records
from rambarde.store.subjects import Subjects

_AT_ONCE = 20_000


@dataclass(frozen=True, slots=True)
class Erased:
    """How many records went, what else, and how many stayed: under a hold, or because an appeal waits."""

    records: int
    also: dict[str, int]
    kept_by_hold: int
    kept_by_appeal: int
    indexes: tuple[int, ...]
    """Where the log says so."""


class Eraser:
    """Over an open vault and log. What a hold freezes stays; where holds cannot be read, all does."""

    def __init__(self, vault: Vault, recorder: LogRecorder | None) -> None:
        self._vault = vault
        self._recorder = recorder
        self._held = vault.freezer.over
        self._subjects = Subjects(vault.database)

    def record(self, id: str, *, person: str, reason: str) -> Erased:
        """Erase one record and what is kept for it.

        Raises `Fault` `record_unknown` (or erased already), `erasure_held`, `erasure_appealed`, `not_recorded`.
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
        return self._erase([(id, stored.document())], "record", None, person, reason)

    def account(self, account: str, *, person: str, reason: str) -> Erased:
        """Erase all records of an account and what is kept for them or under it. What is held or appealed stays."""
        return self._erase(self._subjects.of_account(account), "account", account, person, reason)

    def retention(self, days: float, *, person: str, reason: str) -> Erased:
        """Erase the records received more than `days` days ago, and what is kept for them."""
        until = self._vault.database.clock() - timedelta(days=days)
        return self._erase(self._subjects.before(until), "retention", None, person, reason)

    def access(self, account: str, *, person: str, reason: str) -> dict[str, object]:
        """All that is kept about an account, for the person it is of. That it was given is in the log before it is.

        The log names the account only under the server's key. Raises `Fault` `not_recorded`.
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
        return {
            "account": account,
            "at": now.isoformat(),
            "log_index": index,
            "records": documents,
            "kept": self._subjects.kept([str(document["id"]) for document in documents]),
            "fingerprints": self._subjects.exposures(account),
        }

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
        ids = [id for id in wanted if id not in appealed]
        also = {"items": 0, "appeals": 0, "exposures": 0}
        places: list[int] = []
        count = 0
        # What lies beside goes first: whoever starts again after a crash still finds it by the record.
        for start in range(0, max(len(ids), 1), _AT_ONCE):
            some = ids[start : start + _AT_ONCE]
            last = start + _AT_ONCE >= len(ids)
            went = self._subjects.erase(some, account if last and not (held or appealed) else None)
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
        return Erased(count, also, held, len(appealed), tuple(places))

    def _log(self) -> LogRecorder:
        if self._recorder is None:
            raise Fault(Kind.INTERNAL, "log_read_only", "The log was opened for reading.", remedy="Open it.")
        return self._recorder


def _said(person: str, reason: str) -> tuple[str, str]:
    return (
        written(person, "person", longest=LONGEST_NAME, lines=False),
        written(reason, "reason", longest=LONGEST_REASON),
    )

"""Lineage: pictures recognised by fingerprint, the original each goes back to, and what was seen in them.

No pixels and no face vectors: those are in the original, on the keeper's shelf, encrypted and expiring.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from rambarde.nouns.fault import Fault, invalid
from rambarde.nouns.hold import About
from rambarde.nouns.lineage import Fingerprint, Trace
from rambarde.store.database import Database
from rambarde.store.hashes import Hashes
from rambarde.store.schema import exposures, originals

RADIUS = 31
"""Bits within which two PDQ hashes are called a match, as the hash's authors advise."""
RETENTION = timedelta(days=30)
"""How long a fingerprint with its scores is kept after it was last remembered; it outlives the original."""
LONGEST_SCORES = 8_192
"""Characters of one picture's scores as JSON."""
LONGEST_LIST = 16
"""Numbers in one list of the scores: a longer one looks like a vector, which may identify a person."""
_LOCK = 0x52414D42_00000003
_PAGE = 20_000
_IN_A_QUERY = 200
_AT_ONCE = 500
_HEX = re.compile(r"[0-9a-f]{64}")


class Lineage:
    """The lineage of one database. One object per process: it keeps a copy of the hashes in memory.

    The copy is brought up to date before every search, also with what other gateways have added, and what
    it finds is read again from the database: what was forgotten or has expired is never found.
    Memory: 40 bytes a fingerprint. All methods raise `Database.reading`'s or `writing`'s faults.
    """

    def __init__(
        self,
        database: Database,
        *,
        retention: timedelta = RETENTION,
        frozen: Callable[[sa.Connection, About], bool] = lambda connection, about: False,
    ) -> None:
        self._database = database
        self._retention = retention
        self._frozen = frozen
        self._hashes = Hashes()
        self._lock = threading.Lock()

    async def remember(
        self,
        fingerprint: Fingerprint,
        *,
        original: str,
        expires_at: datetime,
        session: str | None = None,
        account: str | None = None,
        scores: Mapping[str, object] | None = None,
    ) -> None:
        """Tie a picture, the original itself or an output, to the original its chain started from.

        `original` is the keeper's id of it and `expires_at` its end, of which the first one stated for an
        original counts. Remembered again for the same original, new scores replace the old ones and the
        retention starts anew. Durable on return. Raises `Fault(INVALID)` `bad_fingerprint`, or `bad_scores`
        for scores that are no JSON, over 8,192 characters, or hold a list of over 16 numbers.
        """
        await self._database.run(
            self._remember, fingerprint, original, expires_at, session, account, _scores(scores)
        )

    async def find(self, sha256: str, pdq: Iterable[str] = (), *, limit: int = 10) -> tuple[Trace, ...]:
        """Pictures seen before: the same file, or any of the hashes `pdq` within 31 bits.

        Give the hashes of all eight orientations to recognise mirrored and turned copies too. One trace
        for each chain, its nearest picture: the same file first, then by distance, then the oldest; at most
        `limit`. Raises `Fault(INVALID, "bad_fingerprint")`.
        """
        return await self._database.run(self._find, sha256, tuple(pdq), limit)

    async def by_session(
        self, session: str, account: str | None = None, *, limit: int = 10
    ) -> tuple[Trace, ...]:
        """What a session has worked on: one trace for each chain, its first picture, the latest chain first.

        Session and account must both be the ones remembered; `distance` is 0 and `exact` true.
        """
        return await self._database.run(self._by_session, session, account, limit)

    async def forget(self, original: str) -> int:
        """Forget a chain: all its fingerprints and scores; returns how many. The bytes are the keeper's."""
        return await self._database.run(self._forget, original)

    async def purge(self, now: datetime | None = None) -> int:
        """Erase what has expired and no hold freezes; returns how many fingerprints."""
        return await self._database.run(self._purge, now or self._database.clock())

    def _remember(
        self,
        fingerprint: Fingerprint,
        original: str,
        expires_at: datetime,
        session: str | None,
        account: str | None,
        scores: str | None,
    ) -> None:
        now = self._database.clock()
        insert = postgresql.insert if self._database.dialect == "postgresql" else sqlite.insert
        root = insert(originals).values(item=original, created_at=now, expires_at=expires_at)
        seen = insert(exposures).values(
            sha256=_hex(fingerprint.sha256),
            pdq=None if fingerprint.pdq is None else bytes.fromhex(_hex(fingerprint.pdq)),
            original=original,
            session=session,
            account=account,
            scores=scores,
            created_at=now,
            expires_at=now + self._retention,
        )
        again = {
            "scores": sa.func.coalesce(seen.excluded.scores, exposures.c.scores),
            "expires_at": seen.excluded.expires_at,
        }
        with self._database.writing() as connection:
            if self._database.dialect == "postgresql":
                # One writer at a time, so that numbers become visible in their order and no reader of
                # "all above the last one I know" ever misses one.
                connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))
            connection.execute(root.on_conflict_do_nothing(index_elements=[originals.c.item]))
            connection.execute(
                seen.on_conflict_do_update(
                    index_elements=[exposures.c.sha256, exposures.c.original], set_=again
                )
            )

    def _find(self, sha256: str, pdq: Sequence[str], limit: int) -> tuple[Trace, ...]:
        queries = [bytes.fromhex(_hex(one)) for one in pdq]
        now = self._database.clock()
        found: dict[str, Trace] = {}
        with self._database.reading() as connection:
            same = _seen(now).where(exposures.c.sha256 == _hex(sha256)).order_by(exposures.c.seq).limit(limit)
            for row in connection.execute(same).mappings():
                found.setdefault(row["chain"], _trace(row, exact=True, distance=0))
            near = self._near(connection, queries)
            for page in range(0, len(near), _IN_A_QUERY):
                if len(found) >= limit:
                    break
                some = near[page : page + _IN_A_QUERY]
                query = _seen(now).where(exposures.c.seq.in_([seq for _, seq in some]))
                rows = {row["seq"]: row for row in connection.execute(query).mappings()}
                for distance, seq in some:
                    if seq in rows:
                        row = rows[seq]
                        found.setdefault(row["chain"], _trace(row, exact=False, distance=distance))
        return tuple(found.values())[:limit]

    def _near(self, connection: sa.Connection, queries: Sequence[bytes]) -> list[tuple[int, int]]:
        if not queries:
            return []
        with self._lock:
            self._catch_up(connection)
            return self._hashes.near(queries, RADIUS)

    def _catch_up(self, connection: sa.Connection) -> None:
        first = connection.scalar(sa.select(sa.func.min(exposures.c.seq)))
        self._hashes.drop_below(self._hashes.last + 1 if first is None else int(first))
        last = self._hashes.last
        while True:
            query = (
                sa.select(exposures.c.seq, exposures.c.pdq)
                .where(exposures.c.seq > last, exposures.c.pdq.is_not(None))
                .order_by(exposures.c.seq)
                .limit(_PAGE)
            )
            rows = [(int(seq), bytes(pdq)) for seq, pdq in connection.execute(query)]
            self._hashes.add(rows)
            if len(rows) < _PAGE:
                return
            last = self._hashes.last

    def _by_session(self, session: str, account: str | None, limit: int) -> tuple[Trace, ...]:
        now = self._database.clock()
        chains = (
            sa.select(sa.func.min(exposures.c.seq).label("first"), sa.func.max(exposures.c.seq).label("last"))
            .where(
                exposures.c.session == session,
                exposures.c.account.is_not_distinct_from(account),
                exposures.c.expires_at > now,
            )
            .group_by(exposures.c.original)
            .subquery()
        )
        query = _seen(now).join(chains, chains.c.first == exposures.c.seq)
        with self._database.reading() as connection:
            rows = connection.execute(query.order_by(chains.c.last.desc()).limit(limit)).mappings().all()
        return tuple(_trace(row, exact=True, distance=0) for row in rows)

    def _forget(self, original: str) -> int:
        with self._database.writing() as connection:
            connection.execute(sa.delete(originals).where(originals.c.item == original))
            return connection.execute(sa.delete(exposures).where(exposures.c.original == original)).rowcount

    def _purge(self, now: datetime) -> int:
        with self._database.writing() as connection:
            connection.execute(sa.delete(originals).where(originals.c.expires_at <= now))
        erased, after = 0, 0
        expired = sa.select(exposures.c.seq, exposures.c.account, exposures.c.created_at)
        expired = expired.where(exposures.c.expires_at <= now).order_by(exposures.c.seq).limit(_AT_ONCE)
        while True:
            with self._database.writing() as connection:
                rows = connection.execute(expired.where(exposures.c.seq > after)).all()
                free = [
                    row.seq
                    for row in rows
                    if not self._frozen(connection, About(account=row.account, at=row.created_at))
                ]
                erased += connection.execute(sa.delete(exposures).where(exposures.c.seq.in_(free))).rowcount
            if len(rows) < _AT_ONCE:
                return erased
            after = rows[-1].seq


def _seen(now: datetime) -> sa.Select[tuple[object, ...]]:
    """Fingerprints that are still kept, each with its original if that is still there."""
    return (
        sa.select(
            *(column for column in exposures.c if column is not exposures.c.original),
            exposures.c.original.label("chain"),
            originals.c.item,
        )
        .outerjoin(originals, sa.and_(originals.c.item == exposures.c.original, originals.c.expires_at > now))
        .where(exposures.c.expires_at > now)
    )


def _trace(row: sa.RowMapping, *, exact: bool, distance: int) -> Trace:
    pdq = row["pdq"]
    return Trace(
        fingerprint=Fingerprint(row["sha256"], None if pdq is None else bytes(pdq).hex()),
        chain=row["chain"],
        original=row["item"],
        exact=exact,
        distance=distance,
        session=row["session"],
        account=row["account"],
        scores=None if row["scores"] is None else json.loads(row["scores"]),
        remembered_at=row["created_at"],
    )


def _hex(text: str) -> str:
    if not _HEX.fullmatch(text):
        raise invalid(
            "bad_fingerprint", "this is no fingerprint.", remedy="Give 64 lower-case hexadecimal digits."
        )
    return text


def _scores(scores: Mapping[str, object] | None) -> str | None:
    if scores is None:
        return None
    try:
        text = json.dumps(dict(scores), allow_nan=False, separators=(",", ":"))
    except (TypeError, ValueError, RecursionError) as error:
        raise _bad_scores("they are no JSON") from error
    if len(text) > LONGEST_SCORES:
        raise _bad_scores(f"they are over {LONGEST_SCORES} characters")
    if _vector(json.loads(text)):
        raise _bad_scores(f"a list has over {LONGEST_LIST} numbers")
    return text


def _vector(value: object) -> bool:
    if isinstance(value, dict):
        return any(_vector(one) for one in value.values())
    if isinstance(value, list):
        numbers = sum(isinstance(one, int | float) for one in value)
        return numbers > LONGEST_LIST or any(_vector(one) for one in value)
    return False


def _bad_scores(why: str) -> Fault:
    return invalid(
        "bad_scores", f"these scores cannot be kept: {why}.", remedy="Keep a few numbers for each person."
    )

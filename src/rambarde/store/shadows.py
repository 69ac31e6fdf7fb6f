"""Shadows: a candidate policy beside the running one, and where the two would have differed."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from rambarde.nouns.fault import Fault, Kind, invalid
from rambarde.store.database import Database
from rambarde.store.schema import shadow_counts, shadow_differences, shadow_totals, shadows

KEPT = 100_000
"""Differences kept per candidate, the newest; older ones are only counted."""
RETENTION = timedelta(days=90)
"""How long after its end a shadow's differences and counts can be read."""
LONGEST = 2000
"""Characters of a name or a reason, at most."""
_NO_OUTPUT = -1
_IN_A_QUERY = 500

_Key = tuple[str, str, int]


@dataclass(frozen=True, slots=True)
class Shadow:
    """A candidate that runs, or ran, beside the policy.

    `candidate` is its policy digest, `document` that of the governed document it was read from. While it
    runs, `stopped_by` and `stopped_at` are None.
    """

    candidate: str
    document: str
    started_by: str
    reason: str
    started_at: datetime
    stopped_by: str | None = None
    stopped_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Difference:
    """A decision that the candidate would have made otherwise.

    `decision` is the record's id, `point` admit or release, `output` the image's place in its batch or None.
    `running` and `candidate` are the two outcomes in a word, `policy` the digest of the policy that ran.
    `rules` fired in the candidate, `running_rules` in the policy that ran. `at` is when it was decided.
    """

    decision: str
    point: str
    output: int | None
    running: str
    candidate: str
    policy: str
    rules: tuple[str, ...]
    running_rules: tuple[str, ...]
    at: datetime


@dataclass(frozen=True, slots=True)
class Numbered:
    """A difference in its place: numbers of one candidate rise from 1 in the order of adding."""

    number: int
    difference: Difference


@dataclass(frozen=True, slots=True)
class Tally:
    """How many decisions were compared, and how many of them differed: (running, candidate) → count."""

    judged: int
    differing: Mapping[tuple[str, str], int]


class Shadows:
    """The shadows of one database. Its methods block; any number of gateways may add to them."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._insert = postgresql.insert if database.dialect == "postgresql" else sqlite.insert

    def start(self, candidate: str, document: str, *, by: str, reason: str, at: datetime) -> Shadow:
        """Put a candidate beside the policy. What an earlier shadow of the same candidate counted goes on.

        Raises `Fault(INVALID)` `bad_name` or `bad_reason` for an empty or unfit text,
        `Fault(CONFLICT, "shadow_running")` if there is one already, and `Database.writing`'s.
        """
        shadow = Shadow(candidate, document, _text("bad_name", "by", by), reason, at)
        _text("bad_reason", "reason", reason)
        try:
            with self._database.writing() as connection:
                connection.execute(
                    sa.insert(shadows).values(
                        candidate=candidate,
                        document=document,
                        started_by=by,
                        reason=reason,
                        started_at=at,
                        running=True,
                    )
                )
                # An update that changes nothing, because it locks the row against a purge on PostgreSQL.
                connection.execute(
                    self._insert(shadow_totals)
                    .values(candidate=candidate, judged=0, last=0)
                    .on_conflict_do_update(
                        index_elements=[shadow_totals.c.candidate], set_={"judged": shadow_totals.c.judged}
                    )
                )
        except sa.exc.IntegrityError as error:
            raise Fault(
                Kind.CONFLICT,
                "shadow_running",
                "another candidate runs in the shadow.",
                remedy="Stop it first, and read its report.",
            ) from error
        return shadow

    def current(self) -> Shadow | None:
        """The candidate that runs now."""
        with self._database.reading() as connection:
            row = connection.execute(_running()).mappings().first()
        return None if row is None else _shadow(row)

    def stop(self, *, by: str, at: datetime) -> Shadow | None:
        """End what runs, and return it; None if nothing does.

        Raises `Fault(INVALID, "bad_name")`, and `Database.writing`'s.
        """
        _text("bad_name", "by", by)
        query = _running()
        with self._database.writing() as connection:
            row = connection.execute(query.with_for_update()).mappings().first()
            if row is None:
                return None
            connection.execute(
                sa.update(shadows)
                .where(shadows.c.seq == row["seq"])
                .values(running=None, stopped_by=by, stopped_at=at)
            )
            ended = connection.execute(sa.select(shadows).where(shadows.c.seq == row["seq"]))
            return _shadow(ended.mappings().one())

    def add(self, candidate: str, rows: Sequence[Difference], *, judged: int = 0) -> int:
        """Keep differences, and count `judged` more decisions as compared; returns how many were new.

        One transaction for all. A difference that is among the newest `KEPT` is not added again, so a batch
        may be repeated; `judged` is counted every time. Batches may still come after the shadow's end.
        Raises `Fault(NOT_FOUND, "shadow_unknown")` if the candidate never ran or is forgotten, and
        `Database.writing`'s.
        """
        if judged < 0:
            raise ValueError("no decision was compared less than not at all")
        batch: dict[_Key, Difference] = {}
        for row in rows:
            batch.setdefault(_key(row), row)
        with self._database.writing() as connection:
            # This update also makes those who add for one candidate wait for each other on PostgreSQL.
            last = connection.scalar(
                sa.update(shadow_totals)
                .where(shadow_totals.c.candidate == candidate)
                .values(judged=shadow_totals.c.judged + judged)
                .returning(shadow_totals.c.last)
            )
            if last is None:
                raise Fault(
                    Kind.NOT_FOUND,
                    "shadow_unknown",
                    "no such candidate ran in the shadow.",
                    remedy="Start it first.",
                )
            known = _known(connection, candidate, batch)
            new = [row for key, row in batch.items() if key not in known]
            if new:
                self._add(connection, candidate, last, new)
        return len(new)

    def count(self, candidate: str, judged: int) -> None:
        """Count decisions that were compared and did not differ. Raises as `add`."""
        self.add(candidate, (), judged=judged)

    def differences(self, candidate: str, *, limit: int = 100, after: int = 0) -> tuple[Numbered, ...]:
        """What is kept, in the order of adding, at most `limit`, after the number `after`.

        Raises `Fault(INTERNAL, "store_damaged")`, and `Database.reading`'s.
        """
        query = (
            sa.select(shadow_differences)
            .where(shadow_differences.c.candidate == candidate, shadow_differences.c.number > after)
            .order_by(shadow_differences.c.number)
            .limit(limit)
        )
        with self._database.reading() as connection:
            try:
                return tuple(_numbered(row) for row in connection.execute(query).mappings())
            except (TypeError, ValueError, OverflowError) as error:
                raise Fault(
                    Kind.INTERNAL,
                    "store_damaged",
                    "a value in the database is not of its column's type.",
                    remedy="Keep a copy, find out who writes to the database, and run the shadow anew.",
                ) from error

    def counts(self, candidate: str) -> Tally:
        """Of all that was ever added, also of what is no longer kept. Zero if the candidate never ran."""
        query = sa.select(shadow_counts).where(shadow_counts.c.candidate == candidate)
        total = sa.select(shadow_totals.c.judged).where(shadow_totals.c.candidate == candidate)
        with self._database.reading() as connection:
            # In this order: on PostgreSQL the second may see more, and a rate then errs downwards, not past 1.
            rows = connection.execute(query).all()
            differing = {(row.running, row.outcome): int(row.differing) for row in rows}
            judged = connection.scalar(total)
        return Tally(int(judged or 0), differing)

    def purge(self, now: datetime | None = None) -> int:
        """Forget the differences and counts of candidates that ended 90 days ago; returns how many.

        That they ran, and who answered for it, stays.
        """
        end = (now or self._database.clock()) - RETENTION
        lately = sa.select(shadows.c.candidate).where(
            sa.or_(shadows.c.stopped_at.is_(None), shadows.c.stopped_at > end)
        )
        with self._database.writing() as connection:
            old = sa.select(shadow_totals.c.candidate).where(shadow_totals.c.candidate.not_in(lately))
            locked = list(connection.scalars(old.with_for_update()))
            # Asked again under the lock: on PostgreSQL one may have been started anew while we waited.
            gone = list(connection.scalars(old.where(shadow_totals.c.candidate.in_(locked))))
            for table in (shadow_differences, shadow_counts, shadow_totals):
                connection.execute(sa.delete(table).where(table.c.candidate.in_(gone)))
        return len(gone)

    def _add(self, connection: sa.Connection, candidate: str, last: int, new: list[Difference]) -> None:
        end = last + len(new)
        newest = list(enumerate(new, last + 1))[-KEPT:]
        connection.execute(sa.insert(shadow_differences), [_row(candidate, *one) for one in newest])
        connection.execute(
            sa.delete(shadow_differences).where(
                shadow_differences.c.candidate == candidate, shadow_differences.c.number <= end - KEPT
            )
        )
        connection.execute(
            sa.update(shadow_totals).where(shadow_totals.c.candidate == candidate).values(last=end)
        )
        fresh = self._insert(shadow_counts)
        connection.execute(
            fresh.on_conflict_do_update(
                index_elements=list(shadow_counts.primary_key.columns),
                set_={"differing": shadow_counts.c.differing + fresh.excluded.differing},
            ),
            [
                {"candidate": candidate, "running": running, "outcome": outcome, "differing": count}
                for (running, outcome), count in Counter((d.running, d.candidate) for d in new).items()
            ],
        )


def _running() -> sa.Select[tuple[object, ...]]:
    return sa.select(shadows).where(shadows.c.running.is_(True))


def _key(row: Difference) -> _Key:
    return row.decision, row.point, _NO_OUTPUT if row.output is None else row.output


def _known(connection: sa.Connection, candidate: str, keys: Iterable[_Key]) -> set[_Key]:
    """Those of the keys' decisions that are kept already."""
    table = shadow_differences
    decisions = sorted({decision for decision, _, _ in keys})
    known: set[_Key] = set()
    for place in range(0, len(decisions), _IN_A_QUERY):
        query = sa.select(table.c.decision, table.c.point, table.c.output).where(
            table.c.candidate == candidate, table.c.decision.in_(decisions[place : place + _IN_A_QUERY])
        )
        known |= {(row.decision, row.point, row.output) for row in connection.execute(query)}
    return known


def _row(candidate: str, number: int, difference: Difference) -> dict[str, object]:
    decision, point, output = _key(difference)
    return {
        "candidate": candidate,
        "number": number,
        "decision": decision,
        "point": point,
        "output": output,
        "running": difference.running,
        "outcome": difference.candidate,
        "policy": difference.policy,
        "rules": json.dumps(difference.rules),
        "running_rules": json.dumps(difference.running_rules),
        "at": difference.at,
    }


def _numbered(row: sa.RowMapping) -> Numbered:
    return Numbered(
        int(row["number"]),
        Difference(
            decision=row["decision"],
            point=row["point"],
            output=None if row["output"] == _NO_OUTPUT else int(row["output"]),
            running=row["running"],
            candidate=row["outcome"],
            policy=row["policy"],
            rules=tuple(json.loads(row["rules"])),
            running_rules=tuple(json.loads(row["running_rules"])),
            at=row["at"],
        ),
    )


def _shadow(row: sa.RowMapping) -> Shadow:
    return Shadow(
        candidate=row["candidate"],
        document=row["document"],
        started_by=row["started_by"],
        reason=row["reason"],
        started_at=row["started_at"],
        stopped_by=row["stopped_by"],
        stopped_at=row["stopped_at"],
    )


def _text(code: str, field: str, text: str) -> str:
    whole = text.encode(errors="ignore").decode() == text
    if not text.strip() or len(text) > LONGEST or "\0" in text or not whole:
        raise invalid(
            code,
            "this text is empty, too long, or holds what is no character.",
            remedy=f"Give 1 to {LONGEST:,} characters.",
            field=field,
        )
    return text

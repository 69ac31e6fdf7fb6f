"""Fingerprints: by what released outputs are known again, and which decision each came from. Nothing of who asked."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import sqlalchemy as sa

from rambarde.nouns.fingerprint import Output, Prints, Remembered
from rambarde.store.database import Database
from rambarde.store.items import Frozen
from rambarde.store.schema import fingerprints

_LOCK = 0x52414D42_00000007
_IN_A_QUERY = 500
_AT_ONCE = 500


class Fingerprints:
    """The fingerprints of one database. All methods raise `Database.reading`'s or `writing`'s faults."""

    def __init__(
        self,
        database: Database,
        *,
        life: timedelta,
        hold: timedelta,
        frozen: Frozen = lambda connection, record: False,
    ) -> None:
        """`life` is how long a fingerprint is kept, `hold` how long one whose image waits for a person. What a hold
        freezes is never erased."""
        self._database = database
        self._life = life
        self._hold = hold
        self._frozen = frozen

    async def add(self, outputs: Sequence[tuple[Output, Prints]]) -> None:
        """Keep them, in one transaction, durable on return. What is remembered already stays as it is."""
        await self._database.run(self._add, outputs)

    def newer(self, number: int, limit: int) -> list[tuple[int, bytes | None, bytes | None, bytes]]:
        """Number, PDQ, ISCC and points of those with a higher number, in order, at most `limit`."""
        table = fingerprints.c
        query = (
            sa.select(table.seq, table.pdq, table.iscc, table.points)
            .where(table.seq > number)
            .order_by(table.seq)
            .limit(limit)
        )
        with self._database.reading() as connection:
            return [
                (int(n), _blob(pdq), _blob(iscc), bytes(pts))
                for n, pdq, iscc, pts in connection.execute(query)
            ]

    def first(self) -> int | None:
        """The lowest number that is still kept."""
        with self._database.reading() as connection:
            found = connection.scalar(sa.select(sa.func.min(fingerprints.c.seq)))
        return None if found is None else int(found)

    def get(self, numbers: Sequence[int]) -> list[Remembered]:
        """Those of these numbers that are kept, in no order."""
        found: list[Remembered] = []
        for start in range(0, len(numbers), _IN_A_QUERY):
            found += self._where(fingerprints.c.seq.in_(list(numbers[start : start + _IN_A_QUERY])))
        return found

    def same_file(self, sha256: bytes, limit: int) -> list[Remembered]:
        """Outputs whose very file this is, the oldest first."""
        return self._where(fingerprints.c.sha256 == sha256, limit)

    def sealed(self, label: str) -> Remembered | None:
        """The output that left with this manifest."""
        found = self._where(fingerprints.c.label == label, 1)
        return found[0] if found else None

    def of_decision(self, decision: str) -> list[Remembered]:
        """The outputs of a decision."""
        return self._where(fingerprints.c.record == decision)

    def overdue(self, limit: int, after: int = 0) -> list[Remembered]:
        """Of images that were held, with a higher number than `after`: those whose time is over, of which nobody knows
        yet what became of them."""
        late = fingerprints.c.expires_at <= self._database.clock()
        return self._where(sa.and_(fingerprints.c.held, late, fingerprints.c.seq > after), limit)

    def released(self, one: Remembered) -> None:
        """A held image was released after all: keep its fingerprint as long as the others'."""
        with self._database.writing() as connection:
            connection.execute(
                sa.update(fingerprints)
                .where(fingerprints.c.seq == one.number)
                .values(held=False, expires_at=one.output.made_at + self._life)
            )

    def forget(self, numbers: Sequence[int]) -> int:
        """Erase those of these that no hold freezes; returns how many."""
        with self._database.writing() as connection:
            return self._erase(connection, fingerprints.c.seq.in_(list(numbers)))[0]

    def purge(self) -> int:
        """Erase what has expired, except of held images (`overdue`); returns how many."""
        erased, after, now = 0, 0, self._database.clock()
        expired = sa.and_(fingerprints.c.expires_at <= now, sa.not_(fingerprints.c.held))
        while True:
            with self._database.writing() as connection:
                count, last = self._erase(connection, sa.and_(expired, fingerprints.c.seq > after))
            erased += count
            if last is None:
                return erased
            after = last

    def count(self) -> int:
        with self._database.reading() as connection:
            return int(connection.scalar(sa.select(sa.func.count()).select_from(fingerprints)) or 0)

    def _erase(self, connection: sa.Connection, which: sa.ColumnElement[bool]) -> tuple[int, int | None]:
        """Erase a page of these, besides what is frozen: how many went, and the page's last number, None at the end."""
        table = fingerprints.c
        page = sa.select(table.seq, table.record).where(which).order_by(table.seq).limit(_AT_ONCE)
        rows = connection.execute(page).all()
        free = [row.seq for row in rows if not self._frozen(connection, row.record)]
        gone = connection.execute(sa.delete(fingerprints).where(table.seq.in_(free))).rowcount
        return gone, rows[-1].seq if len(rows) == _AT_ONCE else None

    def _add(self, outputs: Sequence[tuple[Output, Prints]]) -> None:
        rows = [
            {
                "record": output.decision,
                "output": output.index,
                "sha256": prints.sha256,
                "pdq": prints.pdq,
                "iscc": prints.iscc,
                "points": prints.points,
                "label": prints.label,
                "surface": output.surface,
                "system": output.system,
                "held": output.held,
                "made_at": output.made_at,
                "expires_at": output.made_at + (self._hold if output.held else self._life),
            }
            for output, prints in outputs
        ]
        if not rows:
            return
        with self._database.writing() as connection:
            if self._database.dialect == "postgresql":
                # One writer at a time: numbers become visible in their order, and whoever reads "all above the
                # last one I know" never misses one.
                connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))
            connection.execute(sa.insert(fingerprints), rows)

    def _where(self, which: sa.ColumnElement[bool], limit: int | None = None) -> list[Remembered]:
        query = sa.select(fingerprints).where(which).order_by(fingerprints.c.seq).limit(limit)
        with self._database.reading() as connection:
            return [_remembered(row) for row in connection.execute(query).mappings()]


def _remembered(row: sa.RowMapping) -> Remembered:
    return Remembered(
        int(row["seq"]),
        Output(
            row["record"], row["output"], row["surface"], row["system"], row["made_at"], bool(row["held"])
        ),
        Prints(
            bytes(row["sha256"]), _blob(row["pdq"]), _blob(row["iscc"]), bytes(row["points"]), row["label"]
        ),
    )


def _blob(value: object) -> bytes | None:
    return None if value is None else bytes(value)  # type: ignore[call-overload]

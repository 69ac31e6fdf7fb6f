"""Emptying: places of the log that lose their document and keep their entry."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa

from rambarde.store.schema import log_entries, record_rules, records

ERASABLE = ("record",)
"""Kinds that can be erased. Who decided what, which policy governed, and erasures themselves stay."""


def empty(connection: sa.Connection, ranges: Sequence[Sequence[int]]) -> None:
    """Erase body, salt and columns at the indexes from first to last of each range."""
    for first, last in ranges:
        for table in (record_rules, records):
            connection.execute(sa.delete(table).where(table.c.seq.between(first, last)))
        connection.execute(
            sa.update(log_entries)
            .where(log_entries.c.seq.between(first, last), log_entries.c.kind.in_(ERASABLE))
            .values(body=b"", salt=b"")
        )

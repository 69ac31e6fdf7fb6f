"""Aggregates: how many, never who: for auditors, who see no content, no account and no single request."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa

from rambarde.store.database import Database
from rambarde.store.schema import evidence, record_rules, records

_BY = ("surface", "mode", "country", "ending", "policy", "fault")


def aggregates(database: Database, since: datetime | None, until: datetime | None) -> dict[str, object]:
    """Counts of records received from `since` (included) until `until` (excluded): by each column, by surface and
    ending together, by rule that fired; and of what is kept as evidence, whenever."""
    window = [
        *([records.c.received_at >= since] if since else []),
        *([records.c.received_at < until] if until else []),
    ]
    count = sa.func.count()
    with database.reading() as connection:

        def by(*columns: sa.ColumnElement[Any], join: sa.FromClause = records) -> Any:
            query = sa.select(*columns, count).select_from(join).where(*window).group_by(*columns)
            return connection.execute(query.order_by(*columns))

        both = by(records.c.surface, records.c.ending)
        fired = by(record_rules.c.rule, join=record_rules.join(records, records.c.seq == record_rules.c.seq))
        kept = connection.execute(
            sa.select(evidence.c.why, evidence.c.part, evidence.c.secluded, count)
            .where(~evidence.c.erased)
            .group_by(evidence.c.why, evidence.c.part, evidence.c.secluded)
            .order_by(evidence.c.why, evidence.c.part, evidence.c.secluded)
        )
        return {
            "records": int(connection.scalar(sa.select(count).select_from(records).where(*window)) or 0),
            "by": {name: {str(k): n for k, n in by(records.c[name]) if k is not None} for name in _BY},
            "by_surface_and_ending": [{"surface": s, "ending": e, "records": n} for s, e, n in both],
            "by_rule": {str(rule): n for rule, n in fired},
            "evidence": [{"why": w, "part": p, "sealed": s, "items": n} for w, p, s, n in kept],
        }

"""Sound rows: of a stretch of the log those whose columns say what their body says, in a hurry."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from operator import gt
from typing import Any

import sqlalchemy as sa

from rambarde.store.columns import DECODER, NAMES, WIDTHS, parsed, split

_EPOCH, _MICROSECOND = datetime(1970, 1, 1, tzinfo=UTC), timedelta(microseconds=1)
_TOLD, _LIMITS = [name for name, _ in WIDTHS], [longest for _, longest in WIDTHS]
_ROWS_BETWEEN = f"""
SELECT e.seq, e.kind, e.salt, e.body, e.commitment, e.entry, e.id, r.seq, r.received_at,
       {", ".join(f"r.{name}" for name in NAMES)}
FROM log_entries e LEFT JOIN records r ON r.seq = e.seq WHERE e.seq >= {{0}} AND e.seq < {{0}} ORDER BY e.seq
"""  # noqa: S608  # our own names
_RULES_BETWEEN = (
    "SELECT seq, rule FROM record_rules WHERE seq >= {0} AND seq < {0} ORDER BY seq, rule"  # as in `split`
)


def sound_rows(connection: sa.Connection, start: int, stop: int) -> list[Any]:
    """Index, kind, salt, body, commitment and entry of the sound rows from `start` to `stop`. Raises the driver's."""
    mark = "?" if connection.dialect.name == "sqlite" else "%s"
    rules: dict[int, list[str]] = {}
    for seq, rule in fetched(connection, _RULES_BETWEEN.format(mark), (start, stop)):
        rules.setdefault(seq, []).append(rule)
    found = fetched(connection, _ROWS_BETWEEN.format(mark), (start, stop))
    return [row[:6] for row in found if _is_sound(row, rules.get(row[0], []))]


def fetched(connection: sa.Connection, sql: str, between: tuple[object, ...]) -> list[Any]:
    """The driver's own rows: SQLAlchemy's would cost as much as checking them."""
    cursor = connection.exec_driver_sql(sql, between).cursor
    return list(cursor.fetchall()) if cursor is not None else []


def _is_sound(row: Any, rules: list[str]) -> bool:
    seq, kind, salt, body, commitment, entry, id, joined, at, *told, fault = row
    if not (type(salt) is type(body) is type(commitment) is type(entry) is bytes):
        return False
    if kind != "record" or not body:
        if joined is not None or rules:
            return False
        try:
            return (not body and not salt) or str(parsed(body)["id"]) == id
        except (KeyError, TypeError, ValueError):
            return False
    try:
        found = DECODER.decode(body)
        if told == [getattr(found, name) for name in _TOLD] and not any(map(gt, map(len, told), _LIMITS)):
            # As they stand; what had to be cut or escaped is compared below.
            fired = {r.rule for r in found.admit.rules} if found.admit is not None else set()
            for output in found.outputs:
                fired.update([r.rule for r in output.decision.rules])
            return (
                found.id == id
                and (found.received_at - _EPOCH) // _MICROSECOND == at
                and (None if found.fault is None else found.fault.code) == fault
                and (sorted(fired) == sorted(rules) if fired or rules else True)
                and joined == seq
            )
        columns, listed = split(body)
    except (KeyError, TypeError, ValueError):
        return False
    return (
        columns["id"] == id
        and (columns["received_at"] - _EPOCH) // _MICROSECOND == at
        and [columns[name] for name in NAMES] == [*told, fault]
        and listed == sorted(rules)
    )

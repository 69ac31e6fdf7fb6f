"""The monitor's tables. Times and metadata are those of `schema`."""

from __future__ import annotations

import sqlalchemy as sa

from rambarde.store.schema import UtcTime, metadata

monitor_state = sa.Table(
    "monitor_state",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("version", sa.BigInteger, nullable=False),
    sa.Column("next", sa.BigInteger, nullable=False),
    sa.Column("minute", sa.BigInteger),
    sa.Column("streams", sa.Text, nullable=False),
    sa.Column("uncounted", sa.BigInteger, nullable=False),
    sa.Column("open", sa.Text, nullable=False),
    sa.Column("holder", sa.String(64), nullable=False),
    sa.Column("held_until", UtcTime, nullable=False),
    sa.Column("seen_at", UtcTime, nullable=False),
)
"""One row: from where of the log the open minute is counted, how the watched streams stand, and who counts now."""

monitor_minutes = sa.Table(
    "monitor_minutes",
    metadata,
    sa.Column("minute", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("sight", sa.String(16), primary_key=True),
    sa.Column("part", sa.String(16), primary_key=True),
    sa.Column("value", sa.String(64), primary_key=True),
    sa.Column("images", sa.BigInteger, nullable=False),
    sa.Column("accounts", sa.BigInteger, nullable=False),
    sa.Column("weight", sa.Float, nullable=False),
    sa.Column("square", sa.Float, nullable=False),
)
"""Closed minutes: how many, never who."""

rechecks = sa.Table(
    "rechecks",
    metadata,
    sa.Column("id", sa.String(64), primary_key=True),
    sa.Column("record", sa.String(64), nullable=False, index=True),
    sa.Column("output", sa.Integer, nullable=False),
    sa.Column("share", sa.Float, nullable=False),
    sa.Column("item", sa.String(128), nullable=False),
    sa.Column("drawn_at", UtcTime, nullable=False),
    sa.Column("claimed_until", UtcTime, nullable=False),
    sa.Column("tries", sa.Integer, nullable=False),
)
"""Released images that wait for their re-check; a row goes once the log has its verdict."""

alarms = sa.Table(
    "alarms",
    metadata,
    sa.Column("id", sa.String(64), primary_key=True),
    sa.Column("at", UtcTime, nullable=False, index=True),
    sa.Column("body", sa.Text, nullable=False),
    sa.Column("trips", sa.Boolean, nullable=False),
)
"""Alarms of the monitor; `trips`: the breaker has yet to switch its measure on."""

alerts = sa.Table(
    "alerts",
    metadata,
    sa.Column("alarm", sa.String(64), primary_key=True),
    sa.Column("channel", sa.String(16), primary_key=True),
    sa.Column("tries", sa.Integer, nullable=False),
    sa.Column("next_at", UtcTime, nullable=False, index=True),
    sa.Column("sent_at", UtcTime),
    sa.Column("error", sa.Text),
)
"""Whom an alarm is told, by which channel, and whether that has been done."""

"""Monitor: counts by the minute, re-checks that wait, alarms and their alerts."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"

_TIME = sa.BigInteger()


def upgrade() -> None:
    op.create_table(
        "monitor_state",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("next", sa.BigInteger, nullable=False),
        sa.Column("minute", sa.BigInteger),
        sa.Column("streams", sa.Text, nullable=False),
        sa.Column("uncounted", sa.BigInteger, nullable=False),
        sa.Column("open", sa.Text, nullable=False),
        sa.Column("holder", sa.String(64), nullable=False),
        sa.Column("held_until", _TIME, nullable=False),
        sa.Column("seen_at", _TIME, nullable=False),
    )
    op.create_table(
        "monitor_minutes",
        sa.Column("minute", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("sight", sa.String(16), primary_key=True),
        sa.Column("part", sa.String(16), primary_key=True),
        sa.Column("value", sa.String(64), primary_key=True),
        sa.Column("images", sa.BigInteger, nullable=False),
        sa.Column("accounts", sa.BigInteger, nullable=False),
        sa.Column("weight", sa.Float, nullable=False),
        sa.Column("square", sa.Float, nullable=False),
    )
    op.create_table(
        "rechecks",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("record", sa.String(64), nullable=False),
        sa.Column("output", sa.Integer, nullable=False),
        sa.Column("share", sa.Float, nullable=False),
        sa.Column("item", sa.String(128), nullable=False),
        sa.Column("drawn_at", _TIME, nullable=False),
        sa.Column("claimed_until", _TIME, nullable=False),
        sa.Column("tries", sa.Integer, nullable=False),
    )
    op.create_table(
        "alarms",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("at", _TIME, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("trips", sa.Boolean, nullable=False),
    )
    op.create_table(
        "alerts",
        sa.Column("alarm", sa.String(64), primary_key=True),
        sa.Column("channel", sa.String(16), primary_key=True),
        sa.Column("tries", sa.Integer, nullable=False),
        sa.Column("next_at", _TIME, nullable=False),
        sa.Column("sent_at", _TIME),
        sa.Column("error", sa.Text),
    )
    for table, column in (
        ("rechecks", "record"),
        ("alarms", "at"),
        ("alerts", "next_at"),
    ):
        op.create_index(f"ix_{table}_{column}", table, [column])

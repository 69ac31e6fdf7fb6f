"""Evidence: items kept because a rule, a hold or the sample says so."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

_TIME = sa.BigInteger()


def upgrade() -> None:
    op.create_table(
        "evidence",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("record", sa.String(64), nullable=False),
        sa.Column("account", sa.Text),
        sa.Column("surface", sa.String(64)),
        sa.Column("at", _TIME),
        sa.Column("cases", sa.Text, nullable=False),
        sa.Column("part", sa.String(16), nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("why", sa.String(16), nullable=False),
        sa.Column("because", sa.Text, nullable=False),
        sa.Column("media_type", sa.String(128), nullable=False),
        sa.Column("size", sa.Integer, nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("pdq", sa.String(64)),
        sa.Column("secluded", sa.Boolean, nullable=False),
        sa.Column("key", sa.String(128)),
        sa.Column("wrapped", sa.LargeBinary),
        sa.Column("body", sa.LargeBinary),
        sa.Column("waiting", sa.Integer, nullable=False),
        sa.Column("stored", sa.Boolean, nullable=False),
        sa.Column("erased", sa.Boolean, nullable=False),
        sa.Column("kept_at", _TIME, nullable=False),
        sa.Column("expires_at", _TIME, nullable=False),
    )
    for name in ("record", "account", "key", "waiting", "expires_at"):
        op.create_index(f"ix_evidence_{name}", "evidence", [name])
    op.create_index("ix_evidence_surface_at", "evidence", ["surface", "at"])
    op.create_table(
        "custody",
        sa.Column("item", sa.String(64), primary_key=True),
        sa.Column("document", sa.String(64), primary_key=True),
        sa.Column("at", _TIME, nullable=False),
    )

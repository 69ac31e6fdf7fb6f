"""Lineage: originals of edit chains, and the exposure scores that outlive them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

_SEQ = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_TIME = sa.BigInteger()


def upgrade() -> None:
    op.create_table(
        "originals",
        sa.Column("item", sa.String(128), primary_key=True),
        sa.Column("created_at", _TIME, nullable=False),
        sa.Column("expires_at", _TIME, nullable=False),
    )
    op.create_index("ix_originals_expires_at", "originals", ["expires_at"])
    op.create_table(
        "exposures",
        sa.Column("seq", _SEQ, primary_key=True, autoincrement=True),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("pdq", sa.LargeBinary),
        sa.Column("original", sa.String(128), nullable=False),
        sa.Column("session", sa.String(256)),
        sa.Column("account", sa.String(256)),
        sa.Column("scores", sa.Text),
        sa.Column("created_at", _TIME, nullable=False),
        sa.Column("expires_at", _TIME, nullable=False),
        sa.UniqueConstraint("sha256", "original", name="uq_exposures_sha256"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_exposures_original", "exposures", ["original"])
    op.create_index("ix_exposures_session", "exposures", ["session"])
    op.create_index("ix_exposures_expires_at", "exposures", ["expires_at"])

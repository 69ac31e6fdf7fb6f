"""Review: decisions of people about held images and appeals."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

_TIME = sa.BigInteger()


def upgrade() -> None:
    op.create_table(
        "reviews",
        sa.Column("subject", sa.String(128), primary_key=True),
        sa.Column("matter", sa.String(16), nullable=False),
        sa.Column("record", sa.String(64), nullable=False),
        sa.Column("begun_at", _TIME, nullable=False),
        sa.Column("outcome", sa.String(16)),
        sa.Column("file", sa.String(128)),
        sa.Column("file_until", _TIME),
        sa.Column("expires_at", _TIME, nullable=False),
    )
    op.create_index("ix_reviews_expires_at", "reviews", ["expires_at"])
    op.create_table(
        "appeals",
        sa.Column("id", sa.String(64), primary_key=True),
        sa.Column("decision", sa.String(64), nullable=False),
        sa.Column("opened", sa.Boolean),
        sa.Column("pictures", sa.Integer, nullable=False),
        sa.Column("plea", sa.LargeBinary, nullable=False),
        sa.Column("created_at", _TIME, nullable=False),
        sa.Column("expires_at", _TIME, nullable=False),
        sa.Column("outcome", sa.String(16)),
        sa.Column("decided_at", _TIME),
    )
    op.create_index("ix_appeals_decision", "appeals", ["decision"])
    op.create_index("ix_appeals_expires_at", "appeals", ["expires_at"])
    op.create_index("ix_appeals_outcome_created_at", "appeals", ["outcome", "created_at"])
    op.create_table(
        "appeal_pictures",
        sa.Column(
            "appeal",
            sa.String(64),
            sa.ForeignKey("appeals.id", name="fk_appeal_pictures_appeal", ondelete="CASCADE"),
            primary_key=True,
        ),
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("media_type", sa.String(128), nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
    )

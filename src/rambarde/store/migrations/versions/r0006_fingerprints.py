"""Fingerprints: by what released outputs are known again."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"

_TIME = sa.BigInteger()
_SEQ = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "fingerprints",
        sa.Column("seq", _SEQ, primary_key=True, autoincrement=True),
        sa.Column("record", sa.String(64), nullable=False),
        sa.Column("output", sa.Integer, nullable=False),
        sa.Column("sha256", sa.LargeBinary, nullable=False),
        sa.Column("pdq", sa.LargeBinary),
        sa.Column("iscc", sa.LargeBinary),
        sa.Column("points", sa.LargeBinary, nullable=False),
        sa.Column("label", sa.String(128)),
        sa.Column("surface", sa.String(64), nullable=False),
        sa.Column("system", sa.String(128), nullable=False),
        sa.Column("held", sa.Boolean, nullable=False),
        sa.Column("made_at", _TIME, nullable=False),
        sa.Column("expires_at", _TIME, nullable=False),
        sa.UniqueConstraint("record", "output", name="uq_fingerprints_record"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_fingerprints_sha256", "fingerprints", ["sha256"])
    op.create_index("ix_fingerprints_label", "fingerprints", ["label"])
    op.create_index("ix_fingerprints_expires_at", "fingerprints", ["expires_at"])

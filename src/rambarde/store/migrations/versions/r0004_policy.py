"""Policy: governed documents, cached proofs, the gateways' leases, and candidates in the shadow."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

_TIME = sa.BigInteger()
_SEQ = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "policy_documents",
        sa.Column("digest", sa.String(128), primary_key=True),
        sa.Column("data", sa.LargeBinary, nullable=False),
        sa.Column("created_at", _TIME, nullable=False),
    )
    op.create_table(
        "policy_proofs",
        sa.Column("seq", _SEQ, primary_key=True, autoincrement=True),
        sa.Column("key", sa.String(128), nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("mac", sa.String(64), nullable=False),
        sa.UniqueConstraint("key", name="uq_policy_proofs_key"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "leases",
        sa.Column("gateway", sa.String(64), primary_key=True),
        sa.Column("host", sa.String(128), nullable=False),
        sa.Column("sequence", sa.BigInteger, nullable=False),
        sa.Column("policy", sa.String(128), nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("renewed_at", _TIME, nullable=False),
    )
    _shadows()


def _shadows() -> None:
    op.create_table(
        "shadows",
        sa.Column("seq", _SEQ, primary_key=True, autoincrement=True),
        sa.Column("candidate", sa.String(128), nullable=False),
        sa.Column("document", sa.String(128), nullable=False),
        sa.Column("started_by", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("started_at", _TIME, nullable=False),
        sa.Column("stopped_by", sa.Text),
        sa.Column("stopped_at", _TIME),
        sa.Column("running", sa.Boolean),
        sa.UniqueConstraint("running", name="uq_shadows_running"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_shadows_candidate", "shadows", ["candidate"])
    op.create_table(
        "shadow_totals",
        sa.Column("candidate", sa.String(128), primary_key=True),
        sa.Column("judged", sa.BigInteger, nullable=False),
        sa.Column("last", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "shadow_counts",
        sa.Column("candidate", sa.String(128), primary_key=True),
        sa.Column("running", sa.String(32), primary_key=True),
        sa.Column("outcome", sa.String(32), primary_key=True),
        sa.Column("differing", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "shadow_differences",
        sa.Column("candidate", sa.String(128), primary_key=True),
        sa.Column("number", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("decision", sa.String(64), nullable=False),
        sa.Column("point", sa.String(32), nullable=False),
        sa.Column("output", sa.Integer, nullable=False),
        sa.Column("running", sa.String(32), nullable=False),
        sa.Column("outcome", sa.String(32), nullable=False),
        sa.Column("policy", sa.String(128), nullable=False),
        sa.Column("rules", sa.Text, nullable=False),
        sa.Column("running_rules", sa.Text, nullable=False),
        sa.Column("at", _TIME, nullable=False),
        sa.UniqueConstraint(
            "candidate", "decision", "point", "output", name="uq_shadow_differences_candidate"
        ),
    )

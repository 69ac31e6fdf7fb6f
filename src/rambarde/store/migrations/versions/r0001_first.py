"""The first schema: instance, credentials, claims, items, the log's truth, records and their rules."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_SEQ = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_TIME = sa.BigInteger()


def upgrade() -> None:
    op.create_table(
        "instance",
        sa.Column("name", sa.String(64), primary_key=True),
        sa.Column("value", sa.Text, nullable=False),
    )
    op.create_table(
        "credentials",
        sa.Column("id", sa.String(32), primary_key=True),
        sa.Column("label", sa.Text, nullable=False),
        sa.Column("surface", sa.String(64), nullable=False),
        sa.Column("modes", sa.Text, nullable=False),
        sa.Column("rate_per_minute", sa.Integer),
        sa.Column("salt", sa.LargeBinary, nullable=False),
        sa.Column("key_hash", sa.LargeBinary, nullable=False),
        sa.Column("context_secret", sa.LargeBinary, nullable=False),
        sa.Column("operator_key", sa.Text),
        sa.Column("created_at", _TIME, nullable=False),
        sa.Column("revoked_at", _TIME),
    )
    op.create_table(
        "claims",
        sa.Column("credential", sa.String(32), primary_key=True),
        sa.Column("token", sa.String(64), primary_key=True),
        sa.Column("request_digest", sa.String(128), nullable=False),
        sa.Column("nonce", sa.String(32), nullable=False),
        sa.Column("answer", sa.String(128)),
        sa.Column("lease_until", _TIME, nullable=False),
        sa.Column("expires_at", _TIME, nullable=False),
    )
    op.create_index("ix_claims_expires_at", "claims", ["expires_at"])
    op.create_table(
        "items",
        sa.Column("id", sa.String(128), primary_key=True),
        sa.Column("shelf", sa.String(16), nullable=False),
        sa.Column("record", sa.String(64)),
        sa.Column("media_type", sa.String(128), nullable=False),
        sa.Column("size", sa.Integer, nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
        sa.Column("meta", sa.LargeBinary, nullable=False),
        sa.Column("created_at", _TIME, nullable=False),
        sa.Column("expires_at", _TIME, nullable=False),
    )
    op.create_index("ix_items_record", "items", ["record"])
    op.create_index("ix_items_expires_at", "items", ["expires_at"])
    op.create_index("ix_items_shelf_created_at", "items", ["shelf", "created_at"])
    op.create_table(
        "log_entries",
        sa.Column("seq", _SEQ, primary_key=True, autoincrement=False),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("entry", sa.LargeBinary, nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
        sa.Column("salt", sa.LargeBinary, nullable=False),
        sa.Column("commitment", sa.LargeBinary, nullable=False),
        sa.UniqueConstraint("kind", "id", name="uq_log_entries_kind"),
    )
    op.create_table(
        "log_head",
        sa.Column("log", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("checkpoint", sa.Text, nullable=False),
    )
    op.create_table(
        "records",
        sa.Column(
            "seq",
            _SEQ,
            sa.ForeignKey("log_entries.seq", name="fk_records_seq"),
            primary_key=True,
            autoincrement=False,
        ),
        sa.Column("received_at", _TIME, nullable=False),
        sa.Column("credential", sa.String(64), nullable=False),
        sa.Column("surface", sa.String(64), nullable=False),
        sa.Column("mode", sa.String(64), nullable=False),
        sa.Column("country", sa.String(16), nullable=False),
        sa.Column("route", sa.String(128), nullable=False),
        sa.Column("action", sa.String(32), nullable=False),
        sa.Column("ending", sa.String(32), nullable=False),
        sa.Column("policy", sa.String(128), nullable=False),
        sa.Column("fault", sa.String(64)),
    )
    op.create_index("ix_records_received_at", "records", ["received_at"])
    op.create_index("ix_records_surface_received_at", "records", ["surface", "received_at"])
    op.create_index("ix_records_ending_received_at", "records", ["ending", "received_at"])
    op.create_table(
        "record_rules",
        sa.Column(
            "seq",
            _SEQ,
            sa.ForeignKey("records.seq", name="fk_record_rules_seq"),
            primary_key=True,
            autoincrement=False,
        ),
        sa.Column("rule", sa.String(128), primary_key=True),
    )
    op.create_index("ix_record_rules_rule", "record_rules", ["rule", "seq"])

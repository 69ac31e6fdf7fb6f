"""The tables. Times are whole microseconds since 1970 UTC, so that both databases order and compare alike."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import sqlalchemy as sa

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class UtcTime(sa.TypeDecorator[datetime]):
    """A UTC-aware datetime stored as a 64-bit count of microseconds; a naive one is refused."""

    impl = sa.BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> int | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("times are UTC-aware: this one has no time zone")
        return (value - _EPOCH) // timedelta(microseconds=1)

    def process_result_value(self, value: int | None, dialect: sa.Dialect) -> datetime | None:
        return None if value is None else _EPOCH + timedelta(microseconds=value)


metadata = sa.MetaData(
    naming_convention={
        "ix": "ix_%(column_0_label)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)

_SEQ = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

instance = sa.Table(
    "instance",
    metadata,
    sa.Column("name", sa.String(64), primary_key=True),
    sa.Column("value", sa.Text, nullable=False),
)
"""What this database belongs to: the ids of the server's key and the log's key, pinned at first use."""

credentials = sa.Table(
    "credentials",
    metadata,
    sa.Column("id", sa.String(32), primary_key=True),
    sa.Column("label", sa.Text, nullable=False),
    sa.Column("surface", sa.String(64), nullable=False),
    sa.Column("modes", sa.Text, nullable=False),
    sa.Column("rate_per_minute", sa.Integer),
    sa.Column("salt", sa.LargeBinary, nullable=False),
    sa.Column("key_hash", sa.LargeBinary, nullable=False),
    sa.Column("context_secret", sa.LargeBinary, nullable=False),
    sa.Column("operator_key", sa.Text),
    sa.Column("created_at", UtcTime, nullable=False),
    sa.Column("revoked_at", UtcTime),
)

claims = sa.Table(
    "claims",
    metadata,
    sa.Column("credential", sa.String(32), primary_key=True),
    sa.Column("token", sa.String(64), primary_key=True),
    sa.Column("request_digest", sa.String(128), nullable=False),
    sa.Column("nonce", sa.String(32), nullable=False),
    sa.Column("answer", sa.String(128)),
    sa.Column("lease_until", UtcTime, nullable=False),
    sa.Column("expires_at", UtcTime, nullable=False, index=True),
)
"""Replay table: one row per context token or idempotency key, named by its SHA-256."""

items = sa.Table(
    "items",
    metadata,
    sa.Column("id", sa.String(128), primary_key=True),
    sa.Column("shelf", sa.String(16), nullable=False),
    sa.Column("record", sa.String(64), index=True),
    sa.Column("media_type", sa.String(128), nullable=False),
    sa.Column("size", sa.Integer, nullable=False),
    sa.Column("body", sa.LargeBinary, nullable=False),
    sa.Column("meta", sa.LargeBinary, nullable=False),
    sa.Column("created_at", UtcTime, nullable=False),
    sa.Column("expires_at", UtcTime, nullable=False, index=True),
    sa.Index("ix_items_shelf_created_at", "shelf", "created_at"),
)

log_entries = sa.Table(
    "log_entries",
    metadata,
    sa.Column("seq", _SEQ, primary_key=True, autoincrement=False),
    sa.Column("kind", sa.String(32), nullable=False),
    sa.Column("id", sa.String(64), nullable=False),
    sa.Column("entry", sa.LargeBinary, nullable=False),
    sa.Column("body", sa.LargeBinary, nullable=False),
    sa.Column("salt", sa.LargeBinary, nullable=False),
    sa.Column("commitment", sa.LargeBinary, nullable=False),
    sa.UniqueConstraint("kind", "id"),
)
"""The log's truth: `seq` is the index in the log, `entry` its bytes, `body` what `commitment` commits to."""

log_head = sa.Table(
    "log_head",
    metadata,
    sa.Column("log", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("checkpoint", sa.Text, nullable=False),
)
"""The newest signed checkpoint, written in the same transaction as the entries it covers."""

records = sa.Table(
    "records",
    metadata,
    sa.Column("seq", _SEQ, sa.ForeignKey("log_entries.seq"), primary_key=True, autoincrement=False),
    sa.Column("received_at", UtcTime, nullable=False, index=True),
    sa.Column("credential", sa.String(64), nullable=False),
    sa.Column("surface", sa.String(64), nullable=False),
    sa.Column("mode", sa.String(64), nullable=False),
    sa.Column("country", sa.String(16), nullable=False),
    sa.Column("route", sa.String(128), nullable=False),
    sa.Column("action", sa.String(32), nullable=False),
    sa.Column("ending", sa.String(32), nullable=False),
    sa.Column("policy", sa.String(128), nullable=False),
    sa.Column("fault", sa.String(64)),
    sa.Index("ix_records_surface_received_at", "surface", "received_at"),
    sa.Index("ix_records_ending_received_at", "ending", "received_at"),
)
"""Columns for finding records, all derived from the body; `log verify` checks that they are."""

record_rules = sa.Table(
    "record_rules",
    metadata,
    sa.Column("seq", _SEQ, sa.ForeignKey("records.seq"), primary_key=True, autoincrement=False),
    sa.Column("rule", sa.String(128), primary_key=True),
    sa.Index("ix_record_rules_rule", "rule", "seq"),
)

originals = sa.Table(
    "originals",
    metadata,
    sa.Column("item", sa.String(128), primary_key=True),
    sa.Column("created_at", UtcTime, nullable=False),
    sa.Column("expires_at", UtcTime, nullable=False, index=True),
)
"""The pictures that edit chains started from, by their item; a row goes when its picture expires."""

exposures = sa.Table(
    "exposures",
    metadata,
    sa.Column("seq", _SEQ, primary_key=True, autoincrement=True),
    sa.Column("sha256", sa.String(64), nullable=False),
    sa.Column("pdq", sa.LargeBinary),
    sa.Column("original", sa.String(128), nullable=False, index=True),
    sa.Column("session", sa.String(256)),
    sa.Column("account", sa.String(256)),
    sa.Column("scores", sa.Text),
    sa.Column("created_at", UtcTime, nullable=False),
    sa.Column("expires_at", UtcTime, nullable=False, index=True),
    sa.UniqueConstraint("sha256", "original"),
    sa.Index("ix_exposures_session", "session"),
    sqlite_autoincrement=True,
)
"""Fingerprints and the scores seen in them: `seq` is never used twice, `original` outlives its picture."""

reviews = sa.Table(
    "reviews",
    metadata,
    sa.Column("subject", sa.String(128), primary_key=True),
    sa.Column("matter", sa.String(16), nullable=False),
    sa.Column("record", sa.String(64), nullable=False),
    sa.Column("begun_at", UtcTime, nullable=False),
    sa.Column("outcome", sa.String(16)),
    sa.Column("file", sa.String(128)),
    sa.Column("file_until", UtcTime),
    sa.Column("expires_at", UtcTime, nullable=False, index=True),
)
"""How far a review has come, and what became of held images; who decided and why is in the log."""

appeals = sa.Table(
    "appeals",
    metadata,
    sa.Column("id", sa.String(64), primary_key=True),
    sa.Column("decision", sa.String(64), nullable=False, index=True),
    sa.Column("opened", sa.Boolean),
    sa.Column("pictures", sa.Integer, nullable=False),
    sa.Column("plea", sa.LargeBinary, nullable=False),
    sa.Column("created_at", UtcTime, nullable=False),
    sa.Column("expires_at", UtcTime, nullable=False, index=True),
    sa.Column("outcome", sa.String(16)),
    sa.Column("decided_at", UtcTime),
    sa.Index("ix_appeals_outcome_created_at", "outcome", "created_at"),
)
"""Appeals; `plea` is sealed: the text, the e-mail address and the prompt."""

appeal_pictures = sa.Table(
    "appeal_pictures",
    metadata,
    sa.Column("appeal", sa.String(64), sa.ForeignKey("appeals.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("media_type", sa.String(128), nullable=False),
    sa.Column("body", sa.LargeBinary, nullable=False),
)
"""Pictures attached to appeals, sealed; erased when the appeal is decided."""

policy_documents = sa.Table(
    "policy_documents",
    metadata,
    sa.Column("digest", sa.String(128), primary_key=True),
    sa.Column("data", sa.LargeBinary, nullable=False),
    sa.Column("created_at", UtcTime, nullable=False),
)
"""What governs, by content: policies, measures, rosters, assessments, evaluations. Never changed or erased."""

policy_proofs = sa.Table(
    "policy_proofs",
    metadata,
    sa.Column("seq", _SEQ, primary_key=True, autoincrement=True),
    sa.Column("key", sa.String(128), nullable=False),
    sa.Column("body", sa.Text, nullable=False),
    sa.Column("mac", sa.String(64), nullable=False),
    sa.UniqueConstraint("key"),
    sqlite_autoincrement=True,
)
"""Proofs already made; `mac` is this server's over key and body, so that a row alone proves nothing."""

leases = sa.Table(
    "leases",
    metadata,
    sa.Column("gateway", sa.String(64), primary_key=True),
    sa.Column("host", sa.String(128), nullable=False),
    sa.Column("sequence", sa.BigInteger, nullable=False),
    sa.Column("policy", sa.String(128), nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("renewed_at", UtcTime, nullable=False),
)
"""Which policy each gateway holds. No index on what every renewal changes: PostgreSQL then updates in place."""

shadows = sa.Table(
    "shadows",
    metadata,
    sa.Column("seq", _SEQ, primary_key=True, autoincrement=True),
    sa.Column("candidate", sa.String(128), nullable=False, index=True),
    sa.Column("document", sa.String(128), nullable=False),
    sa.Column("started_by", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("started_at", UtcTime, nullable=False),
    sa.Column("stopped_by", sa.Text),
    sa.Column("stopped_at", UtcTime),
    sa.Column("running", sa.Boolean),
    sa.UniqueConstraint("running"),
    sqlite_autoincrement=True,
)
"""Candidates that ran beside the policy; `running` is true or null, so that at most one runs."""

shadow_totals = sa.Table(
    "shadow_totals",
    metadata,
    sa.Column("candidate", sa.String(128), primary_key=True),
    sa.Column("judged", sa.BigInteger, nullable=False),
    sa.Column("last", sa.BigInteger, nullable=False),
)
"""Per candidate: decisions compared in all, and the number of its last difference."""

shadow_counts = sa.Table(
    "shadow_counts",
    metadata,
    sa.Column("candidate", sa.String(128), primary_key=True),
    sa.Column("running", sa.String(32), primary_key=True),
    sa.Column("outcome", sa.String(32), primary_key=True),
    sa.Column("differing", sa.BigInteger, nullable=False),
)
"""Differences per candidate, by the running policy's outcome and the candidate's; it outlives their rows."""

shadow_differences = sa.Table(
    "shadow_differences",
    metadata,
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
    sa.Column("at", UtcTime, nullable=False),
    sa.UniqueConstraint("candidate", "decision", "point", "output"),
)
"""The newest differences of each candidate, numbered from 1; `output` is -1 where there is none."""

evidence = sa.Table(
    "evidence",
    metadata,
    sa.Column("id", sa.String(64), primary_key=True),
    sa.Column("record", sa.String(64), nullable=False, index=True),
    sa.Column("account", sa.Text, index=True),
    sa.Column("surface", sa.String(64)),
    sa.Column("at", UtcTime),
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
    sa.Column("key", sa.String(128), index=True),
    sa.Column("wrapped", sa.LargeBinary),
    sa.Column("body", sa.LargeBinary),
    sa.Column("waiting", sa.Integer, nullable=False, index=True),
    sa.Column("stored", sa.Boolean, nullable=False),
    sa.Column("erased", sa.Boolean, nullable=False),
    sa.Column("kept_at", UtcTime, nullable=False),
    sa.Column("expires_at", UtcTime, nullable=False, index=True),
    sa.Index("ix_evidence_surface_at", "surface", "at"),
)
"""Items of evidence: `wrapped` is the item's key, `body` its sealed bytes while they wait for the store (`waiting` is
then their number, else 0), `stored` says that the store may have the object, `erased` that the key is gone for good."""

custody = sa.Table(
    "custody",
    metadata,
    sa.Column("item", sa.String(64), primary_key=True),
    sa.Column("document", sa.String(64), primary_key=True),
    sa.Column("at", UtcTime, nullable=False),
)
"""Which documents in the log speak of an item of evidence: an index only, the log is the truth."""
fingerprints = sa.Table(
    "fingerprints",
    metadata,
    sa.Column("seq", _SEQ, primary_key=True, autoincrement=True),
    sa.Column("record", sa.String(64), nullable=False),
    sa.Column("output", sa.Integer, nullable=False),
    sa.Column("sha256", sa.LargeBinary, nullable=False, index=True),
    sa.Column("pdq", sa.LargeBinary),
    sa.Column("iscc", sa.LargeBinary),
    sa.Column("points", sa.LargeBinary, nullable=False),
    sa.Column("label", sa.String(128), index=True),
    sa.Column("surface", sa.String(64), nullable=False),
    sa.Column("system", sa.String(128), nullable=False),
    sa.Column("held", sa.Boolean, nullable=False),
    sa.Column("made_at", UtcTime, nullable=False),
    sa.Column("expires_at", UtcTime, nullable=False, index=True),
    sa.UniqueConstraint("record", "output"),
    sqlite_autoincrement=True,
)
"""By what outputs are known again: nothing of who asked. `seq` is never used twice."""

"""What images are signed with: the chain, its key, how long it lasts, and what is disclosed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from rambarde.interfaces import sealing
from rambarde.interfaces.checkup.row import Row, ok, warn
from rambarde.interfaces.settings import Settings

SOON = timedelta(days=30)


def provenance(settings: Settings) -> Iterator[Row]:
    """Rows; raises `Fault` for a chain that could not sign now."""
    check = "provenance"
    if not settings.provenance_chain and not (Path(settings.data) / sealing.FILE).exists():
        yield warn(check, f"{sealing.FILE} is not there yet.", "Nothing to do: the first start makes it.")
        return
    now = datetime.now(UTC)
    identity = sealing.identity_files(settings).current()
    identity.check_time(now)
    until = min(certificate.not_valid_after_utc for certificate in identity.chain)
    if until < now + SOON:
        yield warn(
            check,
            f"The chain expires at {until:%Y-%m-%d %H:%M} UTC; nothing is released after that.",
            "Put a new chain in place (docs/provenance.md, Rotation).",
        )
    elif identity.self_made:
        yield warn(
            check,
            sealing.SELF_SIGNED,
            "Take a chain of an authority that readers trust, or publish the root.",
        )
    else:
        yield ok(check, f"{identity.leaf.subject.rfc4514_string()}, until {until:%Y-%m-%d}")
    if sealing.provider(settings) == sealing.UNNAMED:
        yield warn("provider", "Images name no provider.", "Set `provider`, `system` and `system_version`.")

"""What a sealed file is without its seal."""

from __future__ import annotations

from rambarde.guard.media.decode import decode
from rambarde.guard.media.strip import strip


def bare(data: bytes) -> bytes:
    """The file without manifest and metadata."""
    return strip(decode(data, field="image"))

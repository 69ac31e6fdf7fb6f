"""Lineage: by what a picture is recognised, and which original it goes back to."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """By what a picture is recognised, whatever the credential.

    `sha256` is of its file's bytes, 64 hex digits; `pdq` 64 hex digits too, None where the picture has too
    little structure for a hash that means anything (quality under 0.5).
    """

    sha256: str
    pdq: str | None = None


@dataclass(frozen=True, slots=True)
class Trace:
    """One picture that was seen before, and the original that its edit chain started from.

    `original` is the keeper's id of that picture, or None once it has expired; `chain` is the same id and
    stays, as the chain's name. `distance` is in bits (0 to 31), and `exact` is true where it is the same
    file. `scores` are the exposure scores by person that were remembered with this picture.
    """

    fingerprint: Fingerprint
    chain: str
    original: str | None
    exact: bool
    distance: int
    session: str | None
    account: str | None
    scores: dict[str, object] | None
    remembered_at: datetime

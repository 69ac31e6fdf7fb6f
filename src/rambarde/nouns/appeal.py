"""An appeal: a person says that a refusal was wrong (Digital Services Act, art. 20)."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Attachment:
    """One attached picture: its file's bytes and what they are."""

    data: bytes = field(repr=False)
    media_type: str


@dataclass(frozen=True, slots=True)
class Plea:
    """What a person hands in. All of it is kept encrypted; only `text` is required."""

    text: str = field(repr=False)
    email: str | None = field(default=None, repr=False)
    prompt: str | None = field(default=None, repr=False)
    pictures: tuple[Attachment, ...] = ()


@dataclass(frozen=True, slots=True)
class Appeal:
    """An appeal as it is kept. `id` is its reference: 192 random bits, known to who made it.

    `opened`: the attached content is the refused request's own; False where it could not be shown to be,
    None where nothing was attached. `outcome` is None while it waits, and `plea` then holds no picture:
    those are asked for one by one, `pictures` counts them.
    """

    id: str
    decision: str
    opened: bool | None
    pictures: int
    created_at: datetime
    expires_at: datetime
    outcome: str | None
    decided_at: datetime | None
    plea: Plea | None = field(default=None, repr=False)

"""Evidence: what is kept of a request because a rule, a hold or the signed sample says so."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from rambarde.nouns.hold import About


class Part(StrEnum):
    """Which part of a request an item is."""

    PROMPT = "prompt"
    """The words: prompt and negative prompt, as JSON."""
    INPUT = "input"
    OUTPUT = "output"


class Why(StrEnum):
    """What an item is kept for."""

    RULE = "rule"
    HOLD = "hold"
    SAMPLE = "sample"


@dataclass(frozen=True, slots=True)
class NewItem:
    """An item to keep for `life`. `data` None: only its hashes and these facts are kept.

    `because` names the rule, the holds, or the rate. `digest` is the SHA-256 of the bytes, hex; words, which are
    guessed easily, have a salt within them. `sealed`: suspected child-sexual-abuse material, which no
    command and no page ever gives out.
    """

    about: About
    part: Part
    number: int
    why: Why
    because: str
    media_type: str
    size: int
    digest: str
    life: timedelta
    data: bytes | None
    pdq: str | None = None
    sealed: bool = False


@dataclass(frozen=True, slots=True)
class Item:
    """An item of evidence without its bytes. `content`: there are bytes; `waits`: they are not in the store yet."""

    id: str
    about: About
    part: Part
    number: int
    why: Why
    because: str
    media_type: str
    size: int
    digest: str
    pdq: str | None
    sealed: bool
    content: bool
    waits: bool
    kept_at: datetime
    expires_at: datetime

    def as_json(self) -> dict[str, object]:
        return {
            "id": self.id,
            "decision": self.about.decision,
            "account": self.about.account,
            "surface": self.about.surface,
            "at": self.about.at.isoformat() if self.about.at else None,
            "cases": list(self.about.cases),
            "part": self.part.value,
            "number": self.number,
            "why": self.why.value,
            "because": self.because,
            "media_type": self.media_type,
            "size": self.size,
            "digest": self.digest,
            "pdq": self.pdq,
            "sealed": self.sealed,
            "content": self.content,
            "kept_at": self.kept_at.isoformat(),
            "expires_at": self.expires_at.isoformat(),
        }

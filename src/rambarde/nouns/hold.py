"""A hold: what it freezes may be neither erased by retention nor deleted by anybody, until two people lift it."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class About:
    """What a kept thing is about, as far as holds ask: a decision, an account pseudonym, a surface, the time of the
    request (UTC), and the cases that it was filed under. None: nothing of the kind."""

    decision: str | None = None
    account: str | None = None
    surface: str | None = None
    at: datetime | None = None
    cases: tuple[str, ...] = ()

    @classmethod
    def record(cls, document: Mapping[str, object], cases: tuple[str, ...] = ()) -> About:
        """What a record's JSON form is about."""
        account = document.get("account")
        return cls(
            str(document["id"]),
            None if account is None else str(account),
            str(document["surface"]),
            datetime.fromisoformat(str(document["received_at"])),
            cases,
        )


@dataclass(frozen=True, slots=True)
class Scope:
    """What a hold is over. It covers what is filed under its `case`, and what meets all its other conditions.

    `since` is included and `until` excluded, by the time the request was received; None: open. A window may lie
    in the future: then what comes is kept too.
    """

    case: str | None = None
    decisions: tuple[str, ...] = ()
    account: str | None = None
    surface: str | None = None
    since: datetime | None = None
    until: datetime | None = None

    @property
    def conditions(self) -> bool:
        """Whether there is a condition besides the case."""
        return bool(self.decisions or self.account or self.surface or self.since or self.until)

    def covers(self, about: About) -> bool:
        """Pure. What is not known of a thing meets no condition."""
        if self.case is not None and self.case in about.cases:
            return True
        return self.conditions and (
            (not self.decisions or about.decision in self.decisions)
            and (self.account is None or about.account == self.account)
            and (self.surface is None or about.surface == self.surface)
            and (self.since is None or (about.at is not None and about.at >= self.since))
            and (self.until is None or (about.at is not None and about.at < self.until))
        )

    def as_json(self) -> dict[str, object]:
        return {
            "case": self.case,
            "decisions": list(self.decisions),
            "account": self.account,
            "surface": self.surface,
            "since": self.since.isoformat() if self.since else None,
            "until": self.until.isoformat() if self.until else None,
        }

    @classmethod
    def parse(cls, document: Mapping[str, object]) -> Scope:
        """From that. Raises `KeyError`, `TypeError` or `ValueError`."""
        text = {name: _text(document[name]) for name in ("case", "account", "surface", "since", "until")}
        decisions = document["decisions"]
        if not isinstance(decisions, list):
            raise TypeError("the decisions are no list")
        since, until = (datetime.fromisoformat(t) if t else None for t in (text["since"], text["until"]))
        return cls(
            text["case"], tuple(str(d) for d in decisions), text["account"], text["surface"], since, until
        )


@dataclass(frozen=True, slots=True)
class Said:
    """Who did something, why, and when; signed with `key` (its fingerprint), where those who may sign are named."""

    person: str
    reason: str
    at: datetime
    key: str | None = None
    signature: str | None = None

    def as_json(self) -> dict[str, object]:
        said: dict[str, object] = {"person": self.person, "reason": self.reason, "at": self.at.isoformat()}
        return said if self.key is None else said | {"key": self.key, "signature": self.signature}

    @classmethod
    def parse(cls, document: Mapping[str, object]) -> Said:
        """From that. Raises `KeyError` or `ValueError`."""
        return cls(
            str(document["person"]),
            str(document["reason"]),
            datetime.fromisoformat(str(document["at"])),
            _text(document.get("key")),
            _text(document.get("signature")),
        )


@dataclass(frozen=True, slots=True)
class Hold:
    """A hold, `asked` once one person wants it lifted, `lifted` once a second one, who is somebody else, agreed."""

    id: str
    scope: Scope
    set: Said
    asked: Said | None = None
    lifted: Said | None = None

    @property
    def active(self) -> bool:
        return self.lifted is None


def same_person(one: str, other: str) -> bool:
    """Whether two names are one, whatever their spelling: width, case and spaces do not make a second person."""
    return _folded(one) == _folded(other)


def _folded(name: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", name).casefold()).split())


def _text(value: object) -> str | None:
    return None if value is None else str(value)

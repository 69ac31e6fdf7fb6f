"""Tally: the log's documents, counted by the minute. Pure, so that whoever counts the same log counts the same.

An image is counted in the minute in which its document was made. Minutes never go back: what comes late is counted in
the minute that is open. Only where a clock was set back by more than `BACK` minutes is an earlier one opened again.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import msgspec

from rambarde.nouns.sighting import By, Cell, Logged, Sight

RECORD, RECHECK, FINDING = "record", "recheck", "finding"
"""The kinds of documents that count."""
BACK = 5
MOST_VALUES = 400
"""Different values of one kind in a minute; what is beyond is counted as `OTHER`."""
OTHER, ERASED = "other", "erased"
LATE = 5.0
"""Seconds for which a minute stays open after its end."""


class Fired(msgspec.Struct, gc=False):
    rule: str
    outcome: str
    assumed: bool = False


class Verdict(msgspec.Struct, gc=False):
    outcome: str
    rules: list[Fired]


class Output(msgspec.Struct, gc=False):
    decision: Verdict


class Life(msgspec.Struct, gc=False):
    """What of a record is counted; the rest of its body is skipped."""

    id: str
    finished_at: datetime
    surface: str
    mode: str
    country: str
    account: str | None
    session: str | None
    ending: str
    n: int
    admit: Verdict | None
    outputs: list[Output]

    @property
    def who(self) -> str:
        """Who is counted once a minute: the account, else the session, else nobody but this request."""
        return (
            f"a:{self.account}" if self.account else f"s:{self.session}" if self.session else f"r:{self.id}"
        )

    def left(self, output: int) -> bool:
        """Whether this image left."""
        return self.ending in ("released", "partly_held") and (
            0 <= output < len(self.outputs) and self.outputs[output].decision.outcome == "allow"
        )


class Found(msgspec.Struct, gc=False):
    """A re-check or a person's finding."""

    record: str
    at: datetime
    verdict: str
    share: float = 1.0
    source: str = ""
    rule: str = ""


_LIFE, _FOUND = msgspec.json.Decoder(Life), msgspec.json.Decoder(Found)
_SIGHTS = {
    ("", "clean"): Sight.CLEAN,
    ("", "problematic"): Sight.FOUND,
    ("", "unknown"): Sight.UNANSWERED,
    ("notice", "problematic"): Sight.NOTICE,
    ("sample", "clean"): Sight.SAMPLE_CLEAN,
    ("sample", "problematic"): Sight.SAMPLE_FOUND,
}
Lookup = Callable[[str], bytes]
"""A record's body by its id; empty where it is not there any more."""


def life(body: bytes) -> Life | None:
    """A record as it is counted; None if it is none (any more)."""
    try:
        return _LIFE.decode(body)
    except msgspec.MsgspecError:
        return None


class Open:
    """The minute that is open."""

    __slots__ = ("cells", "minute")

    def __init__(self, minute: int) -> None:
        self.minute = minute
        self.cells: dict[tuple[Sight, By, str], tuple[list[int], dict[str, float]]] = {}

    def add(self, sight: Sight, who: str, values: dict[By, str], share: float = 1.0, images: int = 1) -> None:
        for by, value in ((By.ALL, ""), *values.items()):
            key = (sight, by, value)
            if key not in self.cells and len(self.cells) >= MOST_VALUES:
                key = (sight, by, OTHER)
            count, accounts = self.cells.setdefault(key, ([0], {}))
            count[0] += images
            accounts.setdefault(who, 1 / share)

    def rows(self) -> tuple[Cell, ...]:
        return tuple(
            Cell(
                self.minute,
                *key,
                images=count[0],
                accounts=len(accounts),
                weight=sum(accounts.values()),
                square=sum(w * w for w in accounts.values()),
            )
            for key, (count, accounts) in self.cells.items()
        )


class Tally:
    """Counts documents in the order of the log. `next` is the index that it has not seen, `first` that of the first
    document of the open minute: from there on another one can count the same again.
    """

    def __init__(self, next: int, minute: int | None, lookup: Lookup) -> None:
        self.first = self.next = next
        self.open = Open(minute) if minute is not None else None
        self.uncounted = 0
        """Documents that were erased, or that nobody can read, before they were counted."""
        self._lookup = lookup

    def add(self, document: Logged, now: datetime) -> Open | None:
        """Count a document. Returns the minute that it closes, if it does; `first` is then this document's index."""
        at = self._at(document)
        if at is None:
            self.next = document.index + 1
            return None
        minute = minute_of(min(at, now))
        closed = None
        if self.open is None or minute > self.open.minute or minute < self.open.minute - BACK:
            closed, self.open = self.open, Open(minute)
            self.first = document.index
        self._count(document)
        self.next = document.index + 1
        return closed

    def tick(self, now: datetime) -> Open | None:
        """Time goes on though nothing comes: the minute that this closes, if it does."""
        if self.open is None:
            self.open = Open(minute_of(now))
            return None
        if now.timestamp() < (self.open.minute + 1) * 60 + LATE:
            return None
        closed, self.open = self.open, Open(max(minute_of(now), self.open.minute + 1))
        self.first = self.next
        return closed

    def _at(self, document: Logged) -> datetime | None:
        if document.kind not in (RECORD, RECHECK, FINDING):
            return None
        try:
            at = (_LIFE if document.kind == RECORD else _FOUND).decode(document.body)
        except msgspec.MsgspecError:
            self.uncounted += 1
            return None
        self._document = at
        when = at.finished_at if isinstance(at, Life) else at.at
        return when if when.tzinfo else when.replace(tzinfo=UTC)

    def _count(self, document: Logged) -> None:
        assert self.open is not None
        found = self._document
        if isinstance(found, Life):
            self._record(found)
            return
        sight = _SIGHTS.get((found.source, found.verdict))
        if sight is None or not 0 < found.share <= 1:
            self.uncounted += 1
            return
        record = life(self._lookup(found.record))
        who = record.who if record else f"r:{found.record}"
        values = _values(record) if record else dict.fromkeys((By.SURFACE, By.MODE, By.COUNTRY), ERASED)
        if found.rule:
            values[By.RULE] = _plain(found.rule)
        self.open.add(sight, who, values, found.share)

    def _record(self, record: Life) -> None:
        assert self.open is not None
        values = _values(record)
        if record.ending not in ("released", "partly_held", "held", "refused"):
            return
        if record.admit is not None and record.admit.outcome != "allow":
            self._refused(record, record.admit, values, max(1, record.n))
            return
        left = sum(record.left(index) for index in range(len(record.outputs)))
        if left:
            self.open.add(Sight.RELEASED, record.who, values, images=left)
        for output in record.outputs:
            if output.decision.outcome != "allow":
                self._refused(record, output.decision, values, 1)

    def _refused(self, record: Life, verdict: Verdict, values: dict[By, str], images: int) -> None:
        """What was stopped only because nobody could look is no sighting of anything."""
        assert self.open is not None
        rule = next((f.rule for f in verdict.rules if not f.assumed and f.outcome != "allow"), None)
        if rule is not None:
            self.open.add(Sight.REFUSED, record.who, values | {By.RULE: _plain(rule)}, images=images)


def minute_of(at: datetime) -> int:
    return int(at.timestamp() // 60)


def _values(record: Life) -> dict[By, str]:
    return {
        By.SURFACE: _plain(record.surface),
        By.MODE: _plain(record.mode),
        By.COUNTRY: _plain(record.country),
    }


def _plain(text: str) -> str:
    """Text that every database takes and a page shows: a caller's claim may hold anything."""
    return "".join(c if c.isascii() and c.isprintable() else "?" for c in text[:64])

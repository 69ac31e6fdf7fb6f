"""Holds: what is frozen. The log is their only truth, so a row that somebody changes can neither set nor lift one.

Each event is a document of the kind `hold`, numbered from 1 without a gap: `set`, `ask` (one person wants it
lifted) and `lift` (a second one agrees). The log takes one document of a kind and number, so two commands at once
cannot both be the second person. Where those who may sign are named, both are signed with their keys; one that is not
is void: it takes its number, and the hold stays.
"""

from __future__ import annotations

import hashlib
import json
import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Protocol

from rambarde.nouns.custody import Receipt
from rambarde.nouns.fault import Fault, Kind, invalid
from rambarde.nouns.hold import About, Hold, Said, Scope, same_person
from rambarde.nouns.words import written
from rambarde.prove.commitment import commitment_of
from rambarde.prove.ports import Documents

log = logging.getLogger(__name__)

KIND = "hold"
"""Kind of the documents."""
LONGEST_NAME, LONGEST_REASON, LONGEST_CASE = 200, 2_000, 128
"""Characters."""
MOST_DECISIONS = 10_000
_TRIES = 20

Put = Callable[[str, Mapping[str, object]], Receipt]
"""Adds a document to the log, durable on return; raises as `LogRecorder.put`."""


Sign = Callable[[dict[str, object]], tuple[str, str]]
"""Signs a statement: the key's fingerprint, and the signature."""


class Voucher(Protocol):
    """Who could sign at a place of the log; None: now. `interfaces.signers.Signers` provides it."""

    def needed(self, index: int | None) -> bool:
        """Whether lifting takes signatures there."""
        ...

    def doubt(self, statement: dict[str, object], said: Said, index: int | None) -> str | None:
        """Why `said` is not signed as it must be; None if it is, or need not be."""
        ...


class Nobody:
    """Nobody is named who may sign."""

    def needed(self, index: int | None) -> bool:
        return False

    def doubt(self, statement: dict[str, object], said: Said, index: int | None) -> str | None:
        return None


def statement(event: str, hold: str, of: str, said: Said) -> dict[str, object]:
    """What is signed: `of` is the SHA-256 of the document by which the hold was set, hex."""
    words = {"person": said.person, "reason": said.reason, "at": said.at.isoformat()}
    return {"event": event, "hold": hold, "of": of, **words}


class Holds:
    """The holds of one log. Thread-safe. Without `put` they can only be read."""

    def __init__(
        self,
        documents: Documents,
        clock: Callable[[], datetime],
        put: Put | None = None,
        voucher: Voucher | None = None,
    ) -> None:
        self._voucher = voucher or Nobody()
        self._digests: dict[str, str] = {}
        self._documents = documents
        self._clock = clock
        self._put = put
        self._gate = threading.Lock()
        self._events = 0
        self._holds: dict[str, Hold] = {}

    def all(self) -> tuple[Hold, ...]:
        """All that ever were, in the order they were set. Raises `Fault(INTERNAL, "hold_unreadable")`."""
        with self._gate:
            self._follow()
            return tuple(self._holds.values())

    def active(self) -> tuple[Hold, ...]:
        """Those in force. Raises as `all`: whoever cannot ask must take everything for frozen."""
        return tuple(hold for hold in self.all() if hold.active)

    def over(self, about: About) -> tuple[Hold, ...]:
        """The holds in force that freeze this. Raises as `all`."""
        return tuple(hold for hold in self.active() if hold.scope.covers(about))

    def frozen(self, about: About) -> bool:
        """Whether this must not be erased now, by retention or by anybody. Raises as `all`: then do not erase."""
        return bool(self.over(about))

    def set(self, scope: Scope, *, person: str, reason: str) -> Hold:
        """Freeze all that `scope` covers, from now on; durable and in the log on return.

        Raises `Fault`: `hold_empty`, `hold_window`, `missing_person` and its like, and `not_recorded`.
        """
        said = self._said(person, reason)
        scope = _checked(scope)
        return self._add(
            lambda number: {"event": "set", "hold": f"hold-{number}", "scope": scope.as_json()}, said
        )

    def lift(self, id: str, *, person: str, reason: str, sign: Sign | None = None) -> Hold:
        """Ask for the lifting, or agree to it: it takes two people, so whoever set it cannot lift it alone.

        The answer's `lifted` is None after the first. `sign` is needed where those who may sign are named; then a
        request that was not signed does not count. Raises `Fault`: `hold_unknown`, CONFLICT `hold_lifted`,
        FORBIDDEN `hold_same_person`, `hold_signature`, `missing_person` and its like, and `not_recorded`: then
        nothing changed.
        """
        said = self._said(person, reason)

        def next_event(_: int) -> dict[str, object]:
            hold = self._holds.get(id)
            if hold is None:
                raise Fault(
                    Kind.NOT_FOUND,
                    "hold_unknown",
                    "There is no such hold.",
                    remedy="See `rambarde hold list`.",
                    field="id",
                )
            if hold.lifted is not None:
                raise Fault(
                    Kind.CONFLICT,
                    "hold_lifted",
                    f"It was lifted at {hold.lifted.at:%Y-%m-%d %H:%M} UTC.",
                    remedy="Nothing is left to do; set a new one if it is needed again.",
                )
            if hold.asked is None or (hold.asked.key is None and self._voucher.needed(None)):
                return {"event": "ask", "hold": id}
            if same_person(hold.asked.person, said.person):
                raise Fault(
                    Kind.FORBIDDEN,
                    "hold_same_person",
                    "You asked for the lifting yourself; a second person has to agree.",
                    remedy="Let somebody else run the same command, with their own name and reason.",
                    field="by",
                )
            return {"event": "lift", "hold": id}

        return self._add(next_event, said, sign)

    def _signed(self, event: Mapping[str, object], said: Said, sign: Sign | None) -> Said:
        """Raises `Fault(FORBIDDEN, "hold_signature")`."""
        if event["event"] == "set":
            return said
        hold = str(event["hold"])
        told = statement(str(event["event"]), hold, self._digests[hold], said)
        if sign is not None:
            key, signature = sign(told)
            said = replace(said, key=key, signature=signature)
        why = self._voucher.doubt(told, said, None)
        if why is not None:
            raise Fault(
                Kind.FORBIDDEN,
                "hold_signature",
                f"This cannot lift a hold: {why}.",
                remedy="Sign with --key or --agent, under the name that stands in people.yaml.",
                field="key",
            )
        return said

    def _said(self, person: str, reason: str) -> Said:
        return Said(
            written(person, "person", longest=LONGEST_NAME, lines=False),
            written(reason, "reason", longest=LONGEST_REASON),
            self._clock(),
        )

    def _add(self, event: Callable[[int], dict[str, object]], said: Said, sign: Sign | None = None) -> Hold:
        if self._put is None:
            raise Fault(
                Kind.INTERNAL,
                "log_read_only",
                "The log was opened for reading.",
                remedy="Open it for writing.",
            )
        for _ in range(_TRIES):
            with self._gate:
                self._follow()
                number = self._events + 1
                made = event(number)
                document = {"id": str(number), **made, "said": self._signed(made, said, sign).as_json()}
            try:
                self._put(KIND, document)
            except Fault as fault:
                if isinstance(fault.__cause__, Fault) and fault.__cause__.code == "already_logged":
                    continue  # somebody was first: look again at what holds now
                raise
            with self._gate:
                self._follow()
                return self._holds[str(document["hold"])]
        raise Fault(
            Kind.OVERLOADED, "hold_contended", "Too many holds are changed at once.", remedy="Try again."
        )

    def _follow(self) -> None:
        """Take in what was logged since; asks the database once where there is nothing new."""
        while (logged := self._documents.find(KIND, str(self._events + 1))) is not None:
            item = logged.committed
            try:
                if commitment_of(KIND, item.salt, item.body) != item.commitment:
                    raise ValueError("the document was changed")
                document = json.loads(item.body)
                hold = self._after(document, logged.index)
                if document["event"] == "set":
                    self._digests[hold.id] = hashlib.sha256(item.body).hexdigest()
            except (KeyError, TypeError, ValueError) as error:
                raise _unreadable(self._events + 1) from error
            self._holds[hold.id] = hold
            self._events += 1

    def _after(self, document: Mapping[str, object], index: int) -> Hold:
        said, id = document["said"], str(document["hold"])
        if not isinstance(said, dict):
            raise TypeError("nobody said it")
        word, event = Said.parse(said), str(document["event"])
        if event in ("ask", "lift"):
            why = self._voucher.doubt(statement(event, id, self._digests[id], word), word, index)
            if event == "lift" and why is None and self._voucher.needed(index):
                asked = self._holds[id].asked
                why = "nobody signed that it be lifted" if asked is None or asked.key is None else None
            if why is not None:
                log.warning("event %s of the holds is void: %s", self._events + 1, why)
                return self._holds[id]
        match event:
            case "set":
                scope = document["scope"]
                if not isinstance(scope, dict) or id in self._holds:
                    raise ValueError("it is no new hold")
                return Hold(id, Scope.parse(scope), word)
            case "ask":
                return replace(self._holds[id], asked=word)
            case "lift":
                asked = self._holds[id].asked
                if asked is None or same_person(asked.person, word.person):
                    raise ValueError("one person alone lifted it")
                return replace(self._holds[id], lifted=word)
            case _:
                raise ValueError("it is no event")


def _checked(scope: Scope) -> Scope:
    if scope.case is not None:
        scope = replace(scope, case=written(scope.case, "case", longest=LONGEST_CASE, lines=False))
    if scope.case is None and not scope.conditions:
        raise invalid(
            "hold_empty",
            "A hold says what it is over.",
            remedy="Give a case, decisions, an account, a surface or a time window; a window from 1970 is everything.",
        )
    if scope.since and scope.until and scope.since >= scope.until:
        raise invalid(
            "hold_window", "The window ends before it begins.", remedy="Swap the two.", field="until"
        )
    if len(scope.decisions) > MOST_DECISIONS:
        raise invalid(
            "hold_too_many",
            f"{len(scope.decisions)} decisions.",
            remedy=f"At most {MOST_DECISIONS} in one hold; set several of one case.",
            field="decision",
        )
    return scope


def _unreadable(number: int) -> Fault:
    return Fault(
        Kind.INTERNAL,
        "hold_unreadable",
        f"event {number} of the holds cannot be read, or was changed; nothing is erased meanwhile.",
        remedy="Run `rambarde log verify`, and restore the database from a backup.",
    )

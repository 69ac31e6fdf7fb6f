"""The book: every signed change from the log, what they add up to, and the documents they name."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass, replace

from rambarde.guard.policy.signatures.canonical import digest
from rambarde.guard.policy.signatures.change import SignedChange
from rambarde.guard.policy.signatures.history import KIND, Entry, next_id
from rambarde.guard.policy.signatures.standing import Standing
from rambarde.interfaces.vault import Vault
from rambarde.nouns.custody import Logged
from rambarde.nouns.fault import Fault, Kind, invalid
from rambarde.prove.commitment import SALT_BYTES, commit, commitment_of, entry_of
from rambarde.prove.log import Log
from rambarde.store.leases import Leases
from rambarde.store.policies import Policies

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Line:
    """One change as it is in the log, and where things stood before it. `void`: why it changed nothing."""

    logged: Logged
    before: Standing
    entry: Entry | None
    void: Fault | None

    @property
    def sequence(self) -> int:
        return self.before.sequence + 1


@dataclass(frozen=True, slots=True)
class Story:
    """All lines, in order, and where they lead."""

    standing: Standing
    lines: tuple[Line, ...] = ()

    @property
    def policy_line(self) -> Line | None:
        """The change that put the present policy in force."""
        for line in reversed(self.lines):
            if line.void is None and line.entry is not None and line.entry.signed.change.kind == "policy":
                return line
        return None

    def and_then(self, logged: Logged) -> Story:
        """The story with one more change.

        One that does not hold is void: it takes its number and nothing else, so that whoever can write to the
        database cannot stop the history with it. Raises `Fault(INTERNAL, "history_damaged")` for a row that is not
        the next one, or not what was logged: leaving that out could undo what a change has tightened.
        """
        _refuse_damaged(logged, next_id(self.standing))
        entry: Entry | None = None
        void: Fault | None = None
        try:
            entry = Entry.parse(logged.committed.body)
            after = self.standing.after(entry.signed, at=entry.at)
        except Exception as error:
            void = error if isinstance(error, Fault) else _unfit(error)
            after = replace(
                self.standing, sequence=self.standing.sequence + 1, last=digest(logged.committed.body)
            )
        return Story(after, (*self.lines, Line(logged, self.standing, entry, void)))

    def with_entry(self, entry: Entry) -> Story:
        """The story as it would be with this change, which is not in the log yet."""
        return self.and_then(Logged(-1, commit(KIND, entry.as_json()), {}))

    def holds(self, signed: SignedChange) -> Line | None:
        """The line of this very change, if it has taken effect."""
        for line in self.lines:
            if line.void is None and line.entry is not None and line.entry.signed == signed:
                return line
        return None


def read(changes: Iterable[Logged]) -> Story:
    """Fold changes as they are in the log."""
    story = Story(Standing.start())
    for logged in changes:
        story = story.and_then(logged)
    return story


def _refuse_damaged(logged: Logged, wanted: str) -> None:
    """Every change is in the log once, in its turn, as it was committed to."""
    committed = logged.committed
    what = None
    if committed.id != wanted:
        what = f"after the changes before {wanted} comes {committed.id}"
    elif len(committed.salt) != SALT_BYTES or (
        commitment_of(KIND, committed.salt, committed.body) != committed.commitment
        or entry_of(KIND, committed.commitment) != committed.entry
    ):
        what = f"{committed.id} is not what was logged"
    if what is not None:
        raise Fault(
            Kind.INTERNAL,
            "history_damaged",
            f"The history of changes was altered in the database: {what}.",
            remedy="Nothing is decided by it. Keep a copy, run `rambarde log verify`, and restore the database.",
        )


def _unfit(error: Exception) -> Fault:
    """For values that no calendar or machine word takes."""
    log.error("a change could not be read: %s", type(error).__name__)
    return invalid(
        "change_invalid",
        f"the change cannot be read ({type(error).__name__}).",
        remedy="Make and sign it again with this tool.",
        field="change",
    )


class Book:
    """Reads changes and adds to them, and keeps the documents they name."""

    def __init__(self, vault: Vault) -> None:
        self.leases = Leases(vault.database)
        self.documents = Policies(vault.database, vault.cipher)
        self.clock = vault.database.clock

    def read(self) -> Story:
        """The whole story from the database. Raises the database's `Fault`s."""
        return read(self.leases.changes())

    def document(self, digest: str | None) -> bytes:
        """Raises `Fault(INTERNAL)` with code `document_missing`, or as the store."""
        found = self.documents.get(digest) if digest is not None else None
        if found is None:
            raise Fault(
                Kind.INTERNAL,
                "document_missing",
                f"The signed document {digest} is not in the database.",
                remedy="Adopt the policy again, or restore the database.",
            )
        return found

    def add(self, log: Log, entries: Iterable[Entry]) -> None:
        """Append changes to the log, all or none.

        Raises `Fault(CONFLICT, "change_out_of_turn")` if another change was first, and the log's.
        """
        try:
            log.append([commit(KIND, entry.as_json()) for entry in entries])
        except Fault as fault:
            if fault.code != "already_logged":
                raise
            raise Fault(
                Kind.CONFLICT,
                "change_out_of_turn",
                "Another change was first.",
                remedy="Look at `rambarde policy history`, make the change again on what is in force now, "
                "and have that signed.",
            ) from fault

"""The book: every signed change from the log, what they add up to, and the documents they name.

A change counts if its signatures do, and if it is what its documents say: whoever reads checks both, in order, so
that nothing is ever compared with what one person slipped in under another name. What was found of each change is
kept under the server's key and holds for later releases, which may not read the documents of old any more.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from rambarde.guard.policy.signatures.canonical import digest, stamp
from rambarde.guard.policy.signatures.change import FIRST, SignedChange
from rambarde.guard.policy.signatures.history import KIND, Entry, next_id
from rambarde.guard.policy.signatures.standing import Standing
from rambarde.guard.policy.signatures.subject import Assessment, PolicyText
from rambarde.guard.policy.signatures.verify import LEEWAY
from rambarde.interfaces.governance.finding import SOUND, Finding, Judge, Verdict, bare, sealed, unsealed
from rambarde.interfaces.vault import Vault
from rambarde.nouns.custody import Logged
from rambarde.nouns.fault import Fault, Kind, invalid
from rambarde.prove.commitment import SALT_BYTES, commit, commitment_of, entry_of
from rambarde.prove.key import FILE, open_signer
from rambarde.prove.log import Log, changes_of
from rambarde.prove.note import NoteError, Verifier, open_checkpoint
from rambarde.store.leases import Leases
from rambarde.store.ledger import Ledger
from rambarde.store.policies import Policies

log = logging.getLogger(__name__)

BEHIND = timedelta(minutes=5)
"""How far the wall clock may be behind the newest record."""
Count = tuple[int, str] | None
"""How many changes a checkpoint counts, and the digest of the last one."""


@dataclass(frozen=True, slots=True)
class Line:
    """One change as it is in the log, and where things stood before it. `void`: why it changed nothing.

    `finding` is what came of its documents, None if its form or its signatures do not hold.
    """

    logged: Logged
    before: Standing
    entry: Entry | None
    void: Fault | None
    finding: Finding | None = None

    @property
    def sequence(self) -> int:
        return self.before.sequence + 1

    @property
    def unread(self) -> Fault | None:
        """Why its documents could not be checked, if they could not."""
        found = self.finding
        return found.why if found is not None and found.verdict in _UNREAD else None

    def about(self, kind: type[PolicyText] | type[Assessment]) -> bool:
        return self.entry is not None and isinstance(self.entry.signed.change.subject, kind)


@dataclass(frozen=True, slots=True)
class Story:
    """All lines, in order, and where they lead. `chain` is a digest of all that was logged."""

    standing: Standing
    lines: tuple[Line, ...] = ()
    chain: str = FIRST

    @property
    def policy_line(self) -> Line | None:
        """The change that put the present policy in force."""
        for line in reversed(self.lines):
            if line.void is None and line.entry is not None and line.entry.signed.change.kind == "policy":
                return line
        return None

    def and_then(
        self,
        logged: Logged,
        *,
        judge: Judge | None = None,
        finding: Finding | None = None,
        now: datetime | None = None,
        since: datetime | None = None,
    ) -> Story:
        """The story with one more change, held against its documents by `judge` unless its `finding` is known.

        One that does not hold is void: it takes its number and nothing else, so that whoever can write to the
        database cannot stop the history with it. Nor does one hold that was certainly not in the log before
        `since`, and whose keys had ended then: it is dated back. Raises `Fault(INTERNAL)`: `history_damaged` for a
        row that is not the next one, or not what was logged (leaving that out could undo what a change has
        tightened), `change_from_future` for one that took effect later than `now`; and as the judge.
        """
        _refuse_damaged(logged, next_id(self.standing))
        body, before = logged.committed.body, self.standing
        chain = digest(self.chain.encode() + body)
        entry: Entry | None = None
        try:
            entry = Entry.parse(body)
            after = before.after(entry.signed, at=entry.at)
        except Exception as error:
            bad = bare(error) if isinstance(error, Fault) else _unfit(error)
            after = replace(before, sequence=before.sequence + 1, last=digest(body))
            return Story(after, (*self.lines, Line(logged, before, entry, bad)), chain)
        if now is not None and entry.at > now + LEEWAY:
            raise _early(entry, now)
        if since is not None and entry.at < since:
            try:
                before.after(entry.signed, at=since)
            except Fault as fault:
                finding = Finding(Verdict.VOID, bare(fault))
        if finding is None:
            finding = SOUND
            if judge is not None:
                doubt = any(line.unread is not None and line.about(Assessment) for line in self.lines)
                finding = judge.judge(before, entry.signed.change, doubt=doubt)
        void = finding.why if finding.verdict is Verdict.VOID else None
        line = Line(logged, before, entry, void, finding)
        lines = self.lines
        if finding.verdict is Verdict.SOUND and line.about(PolicyText):
            lines = tuple(_passed(one) for one in lines)
        return Story(_effect(before, after, line), (*lines, line), chain)

    def with_entry(self, entry: Entry) -> Story:
        """The story as it would be with this change, which was checked and is not in the log yet."""
        return self.and_then(Logged(-1, commit(KIND, entry.as_json()), {}), finding=SOUND)

    @property
    def findings(self) -> dict[int, Finding]:
        """By number, of all changes whose form holds."""
        return {line.sequence: line.finding for line in self.lines if line.finding is not None}

    def holds(self, signed: SignedChange) -> Line | None:
        """The line of this very change, if it has taken effect."""
        for line in self.lines:
            if line.void is None and line.entry is not None and line.entry.signed == signed:
                return line
        return None


_UNREAD = frozenset({Verdict.UNREAD, Verdict.PASSED})


def read(changes: Iterable[Logged], findings: dict[int, Finding] | None = None) -> Story:
    """Fold changes as they are in the log, by their form, and with what was found of their documents elsewhere."""
    story = Story(Standing.start())
    for logged in changes:
        story = story.and_then(logged, finding=(findings or {}).get(story.standing.sequence + 1, SOUND))
    return story


def _effect(before: Standing, after: Standing, line: Line) -> Standing:
    """Where a change leads whose form holds. What could not be read is never what later ones rest on."""
    unread = line.unread is not None
    if line.void is not None or (unread and line.about(Assessment)):
        return replace(before, sequence=after.sequence, last=after.last, at=after.at)
    if unread and line.about(PolicyText):
        return replace(after, checked=False)
    return after


def _passed(line: Line) -> Line:
    """A policy that nobody could read is over once another one is checked: it is not asked again."""
    if line.finding is None or line.finding.verdict is not Verdict.UNREAD or not line.about(PolicyText):
        return line
    return replace(line, finding=replace(line.finding, verdict=Verdict.PASSED))


def _early(entry: Entry, now: datetime) -> Fault:
    return Fault(
        Kind.INTERNAL,
        "change_from_future",
        f"{entry.id} says that it took effect on {stamp(entry.at)}, and this machine's clock says {stamp(now)}.",
        remedy="Set the clock that is wrong: this machine's, or that of the one which logged it. It is taken, and "
        "something released again, once it is no more than five minutes ahead.",
    )


def _damaged(what: str) -> Fault:
    return Fault(
        Kind.INTERNAL,
        "history_damaged",
        f"The history of changes was altered in the database: {what}.",
        remedy="Nothing is decided by it. Keep a copy, run `rambarde log verify`, and restore the database.",
    )


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
        raise _damaged(what)


def _unfit(error: Exception) -> Fault:
    """For values that no calendar or machine word takes."""
    log.error("a change could not be read: %s", type(error).__name__)
    return invalid(
        "change_invalid",
        f"the change cannot be read ({type(error).__name__}).",
        remedy="Make and sign it again with this tool.",
        field="change",
    )


def refuse_short(story: Story, count: Count) -> None:
    """Raise `Fault(INTERNAL, "history_damaged")` if the story lacks a change that a signed checkpoint counts."""
    if count is None:
        return
    number, last = count
    if len(story.lines) < number:
        raise _damaged(f"a signed checkpoint counts {number} changes, and there are {len(story.lines)}")
    if number < 1 or digest(story.lines[number - 1].logged.committed.body) != last:
        raise _damaged(f"change {number} is not the one that a signed checkpoint names")


def _seal(chain: str) -> str:
    return f"changes:{chain}"


def _short(findings: dict[int, Finding]) -> dict[int, str]:
    return {n: one.verdict.value for n, one in findings.items() if one.verdict is not Verdict.SOUND}


class Book:
    """Reads changes and adds to them, and keeps the documents they name.

    `judge` holds changes against their documents; without one (nobody decides by such a book) only form and
    signatures count.
    """

    def __init__(self, vault: Vault) -> None:
        self.leases = Leases(vault.database)
        self.documents = Policies(vault.database, vault.cipher)
        self.clock = vault.database.clock
        self.judge: Judge | None = None
        self._data = vault.data
        self._ledger = Ledger(vault.database)
        self._verifier: Verifier | None = None
        self._head: tuple[str, Count] | None = None

    def read(self) -> Story:
        """The whole story from the database.

        Raises `Fault(INTERNAL)`: `history_damaged`, also if the newest checkpoint counts a change that is not there;
        `change_from_future`; and the database's.
        """
        count = self.counted()  # before the changes: what it counts must be among them
        changes = tuple(self.leases.changes())
        known, told = self._told(changes)
        story, anew, now = Story(Standing.start()), False, self.clock()
        for place, logged in enumerate(changes):
            finding = told.get(place + 1, SOUND) if place < known and not anew else None
            again = finding is not None and finding.verdict is Verdict.UNREAD
            story = story.and_then(logged, judge=self.judge, finding=None if again else finding, now=now)
            line = story.lines[-1]
            # What came after a policy was found on what was known of it then.
            anew |= again and line.finding != finding and line.about(PolicyText)
        refuse_short(story, count)
        if changes and (known < len(changes) or _short(story.findings) != _short(told)):
            self._try_to_seal(story)
        return story

    def and_then(self, story: Story, logged: Logged, since: datetime | None) -> Story:
        """The story with the next change, as it was found before, or as is found now. Raises as `read`."""
        chain = digest(story.chain.encode() + logged.committed.body)
        found = self._sealed(chain)
        finding = None
        if found is not None:
            finding = found.get(story.standing.sequence + 1, SOUND)
            finding = None if finding.verdict is Verdict.UNREAD else finding
        after = story.and_then(logged, judge=self.judge, finding=finding, now=self.clock(), since=since)
        if after.lines[-1].finding not in (None, finding):
            self._try_to_seal(after)
        return after

    def counted(self) -> Count:
        """The changes that the newest checkpoint counts; None if it does not say, or there is none.

        Raises `Fault(INTERNAL, "history_damaged")` for one that this log did not sign, and the database's.
        """
        with self._ledger.reading() as view:
            note = view.checkpoint()
        if note is None or not (self._data / FILE).exists():  # without its key no log is opened
            return None
        if self._head is None or self._head[0] != note:
            self._verifier = self._verifier or open_signer(self._data).verifier
            try:
                head = open_checkpoint(note, self._verifier)
            except NoteError as error:
                raise _damaged(f"the newest checkpoint is not one that this log signed ({error})") from error
            self._head = note, changes_of(head.extensions)
        return self._head[1]

    def seal(self, story: Story) -> None:
        """Keep under the server's key what was found of each change. Raises the database's `Fault`s."""
        if self.judge is not None:
            self.documents.prove(_seal(story.chain), sealed(story.findings, self.judge.mark))

    def refuse_behind(self) -> None:
        """Raise `Fault(INVALID, "clock_behind")` if this machine's clock is behind what was recorded: one that was
        set back would bring back keys that have ended, and rules. (`read` refuses one that is behind a change.)
        """
        latest, now = self.leases.latest_time(), self.clock()
        if latest is not None and now + BEHIND < latest:
            raise invalid(
                "clock_behind",
                f"This machine's clock says {now:%Y-%m-%d %H:%M} UTC, and the newest record is of "
                f"{latest:%Y-%m-%d %H:%M}.",
                remedy="Set this machine's clock. If it is right, the machine that wrote that record was ahead: set "
                "that one's; this one starts when the time has come.",
            )

    def _told(self, changes: Sequence[Logged]) -> tuple[int, dict[int, Finding]]:
        """How many of the changes were judged before, and what was found: the longest beginning that is sealed."""
        if self.judge is None:
            return 0, {}
        chains, chain = [], FIRST
        for logged in changes:
            chain = digest(chain.encode() + logged.committed.body)
            chains.append(chain)
        for place in range(len(chains), 0, -1):
            found = self._sealed(chains[place - 1])
            if found is not None:
                return place, found
        return 0, {}

    def _sealed(self, chain: str) -> dict[int, Finding] | None:
        if self.judge is None:
            return None
        found = self.documents.proven(_seal(chain))
        try:
            return None if found is None else unsealed(found)
        except (KeyError, ValueError, TypeError):
            return None  # of another release: judged anew

    def _try_to_seal(self, story: Story) -> None:
        try:
            self.seal(story)
        except Fault as fault:
            log.warning("what was found of the changes could not be kept: %s", fault.code)

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

    def add(self, log: Log, entries: Iterable[Entry], story: Story | None = None) -> None:
        """Append changes to the log, all or none. `story` is the one with them: what was found of them is kept
        first, and holds for every gateway.

        Raises `Fault(CONFLICT, "change_out_of_turn")` if another change was first, and the log's.
        """
        if story is not None:
            self.seal(story)
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

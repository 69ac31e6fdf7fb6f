"""Review: a named person decides, with a reason, what was held and what was appealed against.

A verdict is in the log before it takes effect, and the log settles who was first: it takes one document of a
kind and id. Everything after that can be done again, so a process that dies in between leaves nothing undone.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from rambarde.nouns.appeal import Attachment
from rambarde.nouns.custody import Shelf
from rambarde.nouns.fault import Fault, Kind, invalid
from rambarde.nouns.review import EXPIRED, Judgement, Matter, Progress, Verdict
from rambarde.nouns.words import written
from rambarde.respond.judgement import KIND, document_of, judgement_of, log_id
from rambarde.respond.ports import Cabinet, Clock, Document, HeldImage, Journal, Records, Register, Shelves
from rambarde.respond.secluded import fired, secluded

LONGEST_NAME = 200
LONGEST_REASON = 2_000
"""Characters."""
FILE_LIFE = timedelta(days=7)
"""How long a released image's URL lives: as long as a held image may wait, since nobody is told of it."""
STALE = timedelta(minutes=10)
"""After this, a review that was begun and is not in the log is taken for abandoned."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """One matter that waits. `id` is the held item's or the appeal's, `record` the decision's.

    `rules` are those that held the image, or that refused the request. `opened` and `pictures` are an
    appeal's: whether its attached content is the request's own, and how many pictures are attached.
    """

    id: str
    matter: Matter
    record: str
    index: int | None
    rules: tuple[str, ...]
    created_at: datetime
    expires_at: datetime
    opened: bool | None = None
    pictures: int = 0


@dataclass(frozen=True, slots=True)
class Shown:
    """What a person decides on: the matter, the record, and the words: the prompt and the appeal's text."""

    waiting: Waiting
    record: Document
    words: dict[str, str]


@dataclass(frozen=True, slots=True)
class Status:
    """What became of a held image: `pending`, `released` (as `file`), `destroyed` or `expired`."""

    word: str
    record: str
    file: str | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Review:
    """All parts are given; several processes may review at once."""

    shelves: Shelves
    cabinet: Cabinet
    register: Register
    journal: Journal
    records: Records
    clock: Clock
    file_life: timedelta = FILE_LIFE

    async def waiting(self, limit: int = 100) -> tuple[Waiting, ...]:
        """What waits, the oldest first, at most `limit` held images and as many appeals.

        What must not be looked at is not listed, nor what was decided a moment ago.
        """
        decided = {
            begun.subject
            for begun in await self.register.unfinished()
            if await self._logged(begun.subject) is not None
        }
        found = []
        for item in await self.shelves.held(limit=limit):
            if (image := await self._image(item)) is not None and not secluded(image.record):
                found.append(image.waiting)
        for appeal in await self.cabinet.waiting(limit=limit):
            record = await self.records.get(appeal.decision)
            found.append(
                Waiting(
                    id=appeal.id,
                    matter=Matter.APPEAL,
                    record=appeal.decision,
                    index=None,
                    rules=_rules(record or {}),
                    created_at=appeal.created_at,
                    expires_at=appeal.expires_at,
                    opened=appeal.opened,
                    pictures=appeal.pictures,
                )
            )
        found = [one for one in found if one.id not in decided]
        return tuple(sorted(found, key=lambda one: (one.created_at, one.id)))

    async def show(self, id: str) -> Shown:
        """The matter `id`, without its picture. Raises `Fault` `nothing_waits` or `not_viewable`."""
        item = await self._held(id)
        if item is not None:
            shown = await self._image(item)
            if shown is None:
                raise _nothing()
            if secluded(shown.record):
                raise _not_viewable()
            return shown
        appeal = await self.cabinet.get(id)
        if appeal is None or appeal.outcome is not None or appeal.plea is None:
            raise _nothing()
        plea = appeal.plea
        record = await self.records.get(appeal.decision) or {}
        said = {"text": plea.text, "email": plea.email, "prompt": plea.prompt}
        return Shown(
            Waiting(
                id=id,
                matter=Matter.APPEAL,
                record=appeal.decision,
                index=None,
                rules=_rules(record),
                created_at=appeal.created_at,
                expires_at=appeal.expires_at,
                opened=appeal.opened,
                pictures=appeal.pictures,
            ),
            record,
            {name: text for name, text in said.items() if text is not None},
        )

    async def picture(self, id: str, number: int = 0) -> Attachment:
        """The held image, or the picture `number` of an appeal, counted from 0, for the reviewer's eyes.

        Raises `Fault` `nothing_waits`, `not_viewable`, or `no_picture`.
        """
        shown = await self.show(id)
        if shown.waiting.matter is Matter.HELD:
            kept = await self.shelves.take(id, Shelf.HELD)
            found = None if kept is None or number else Attachment(kept.data, kept.media_type)
        else:
            found = None if secluded(shown.record) else await self.cabinet.picture(id, number)
        if found is None:
            raise Fault(
                Kind.NOT_FOUND,
                "no_picture",
                "There is no such picture.",
                remedy="`show` says how many there are.",
            )
        return found

    async def decide(self, id: str, verdict: Verdict, *, person: str, reason: str) -> Judgement:
        """Decide the matter `id`: log the verdict, then let it take effect. The same again changes nothing.

        `person` (at most 200 characters, one line) and `reason` (at most 2,000) are required; a person who
        appealed is shown the reason (Digital Services Act, art. 20(5)). Raises `Fault`: `missing_person`
        and its like, `verdict_unfit` for the other matter's verdict, `nothing_waits`, `not_viewable`,
        CONFLICT `already_decided` if another verdict was first, `decided_too_late`, and `not_recorded`:
        then nothing has changed.
        """
        person = written(person, "person", longest=LONGEST_NAME, lines=False)
        reason = written(reason, "reason", longest=LONGEST_REASON)
        logged = await self._logged(id)
        if logged is None:
            try:
                waiting = (await self.show(id)).waiting
            except Fault:
                # A decision that took effect since we looked has taken it from the shelf.
                logged = await self._logged(id)
                if logged is None:
                    raise
        if logged is None:
            if verdict.matter is not waiting.matter:
                fit = " or ".join(v.value for v in Verdict if v.matter is waiting.matter)
                raise invalid("verdict_unfit", f"This is no {verdict.matter.value}.", remedy=f"Use {fit}.")
            await self.register.begin(id, waiting.matter, waiting.record)
            logged = await self._log(waiting, verdict, person, reason)
        if (logged.verdict, logged.person, logged.reason) != (verdict, person, reason):
            raise Fault(
                Kind.CONFLICT,
                "already_decided",
                f"{logged.person} decided this at {logged.decided_at:%Y-%m-%d %H:%M} UTC: "
                f"{logged.verdict.value}.",
                remedy="The first decision stands; talk to that person.",
            )
        outcome = await self._apply(logged)
        if outcome == EXPIRED:
            raise Fault(
                Kind.NOT_FOUND,
                "decided_too_late",
                "The image expired before the decision took effect, and was erased.",
                remedy="Nothing can be done; the decision stays in the log.",
            )
        return logged

    async def judgement(self, id: str) -> Judgement | None:
        """What was decided of the matter `id`, from the log."""
        return await self._logged(id)

    async def status(self, id: str) -> Status | None:
        """What became of the held image `id`; None if there never was one, or its outcome is past telling."""
        progress = await self.register.get(id)
        if progress is not None and progress.matter is Matter.HELD and progress.outcome is not None:
            return await self._outcome(progress)
        item = await self.shelves.look(id, Shelf.HELD)
        if item is not None:
            late = item.expires_at <= self.clock()
            return Status(EXPIRED if late else "pending", item.record or "", until=item.expires_at)
        if progress is not None and progress.matter is Matter.HELD:
            return Status("pending", progress.record)  # logged a moment ago, or about to be
        return None

    async def settle(self) -> int:
        """Let verdicts take effect that were logged before their process died; returns how many.

        What was begun long ago and never logged is forgotten.
        """
        settled = 0
        for begun in await self.register.unfinished():
            judgement = await self._logged(begun.subject)
            if judgement is not None:
                await self._apply(judgement)
                settled += 1
            elif begun.begun_at + STALE < self.clock():
                if begun.matter is Matter.HELD and await self._held(begun.subject) is None:
                    await self.register.finish(begun.subject, EXPIRED)
                else:
                    await self.register.drop(begun.subject)
        return settled

    async def _outcome(self, progress: Progress) -> Status:
        if progress.outcome == Verdict.RELEASE.value and progress.file is not None:
            file = await self.shelves.look(progress.file, Shelf.FILE)
            if file is None or file.expires_at <= self.clock():
                return Status(EXPIRED, progress.record)
            return Status("released", progress.record, progress.file, progress.file_until)
        word = "destroyed" if progress.outcome == Verdict.DESTROY.value else EXPIRED
        return Status(word, progress.record)

    async def _log(self, waiting: Waiting, verdict: Verdict, person: str, reason: str) -> Judgement:
        judgement = Judgement(
            waiting.id, waiting.matter, waiting.record, waiting.index, verdict, person, reason, self.clock()
        )
        try:
            await self.journal.put(KIND, document_of(judgement))
        except Fault as fault:
            first = await self._logged(waiting.id) if fault.code == "already_logged" else None
            if first is None:
                raise
            return first
        return judgement

    async def _logged(self, subject: str) -> Judgement | None:
        entry = await self.journal.find(KIND, log_id(subject))
        return None if entry is None else judgement_of(entry.document)

    async def _apply(self, judgement: Judgement) -> str:
        """Let a logged verdict take effect; returns the outcome. Any number of times, by any number at once."""
        subject, outcome = judgement.subject, judgement.verdict.value
        if judgement.verdict is Verdict.RELEASE:
            progress = await self.register.get(subject)
            if progress is not None and progress.outcome is not None:
                return progress.outcome
            outcome = outcome if await self._release(judgement) else EXPIRED
        if judgement.matter is Matter.HELD:
            await self.shelves.destroy(subject)
        else:
            await self.cabinet.close(subject, outcome, judgement.decided_at)
        await self.register.finish(subject, outcome)
        return outcome

    async def _release(self, judgement: Judgement) -> bool:
        """Copy the held bytes to a file; false if they expired first."""
        await self.register.begin(judgement.subject, judgement.matter, judgement.record)
        now = self.clock()
        file, until = await self.register.name_file(
            judgement.subject, secrets.token_urlsafe(24), now + self.file_life
        )
        if await self.shelves.take(file, Shelf.FILE) is not None:
            return True
        kept = await self.shelves.take(judgement.subject, Shelf.HELD)
        if kept is None or until <= now:
            return (
                await self.shelves.take(file, Shelf.FILE) is not None
            )  # somebody was quicker, or it expired
        try:
            await self.shelves.keep(
                Shelf.FILE,
                kept.data,
                media_type=kept.media_type,
                life=until - now,
                record=kept.record,
                id=file,
            )
        except Fault as fault:
            if fault.code != "item_exists":
                raise
        return True

    async def _held(self, id: str) -> HeldImage | None:
        item = await self.shelves.look(id, Shelf.HELD)
        return None if item is None or item.expires_at <= self.clock() else item

    async def _image(self, item: HeldImage) -> Shown | None:
        """A held image with its record; None without one, since nothing says then why it was held."""
        record = await self.records.get(item.record or "")
        if record is None:
            return None
        index = _index(record, item.id)
        if index is None:
            return None
        return Shown(
            Waiting(
                id=item.id,
                matter=Matter.HELD,
                record=item.record or "",
                index=index,
                rules=_rules(record, index),
                created_at=item.created_at,
                expires_at=item.expires_at,
            ),
            record,
            {name: text for name, text in item.meta.items() if isinstance(text, str)},
        )


def _rules(record: Document, index: int | None = None) -> tuple[str, ...]:
    return tuple(dict.fromkeys(str(rule.get("rule")) for rule in fired(record, index)))


def _index(record: Document, item: str) -> int | None:
    outputs = record.get("outputs")
    for output in outputs if isinstance(outputs, list) else ():
        if isinstance(output, dict) and output.get("item") == item and isinstance(output.get("index"), int):
            return int(output["index"])
    return None


def _nothing() -> Fault:
    return Fault(
        Kind.NOT_FOUND,
        "nothing_waits",
        "Nothing waits under this id: it was decided, it expired, or it never was.",
        remedy="See `rambarde review list`.",
    )


def _not_viewable() -> Fault:
    return Fault(
        Kind.FORBIDDEN,
        "not_viewable",
        "This was stopped under a floor whose pictures nobody is asked to look at.",
        remedy="Leave it: it expires and is erased. Tell the operator that it was kept at all.",
    )

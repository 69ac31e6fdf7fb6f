"""Appeals: who was refused says why that was wrong, without an account, and a person decides.

The Digital Services Act (Regulation (EU) 2022/2065), art. 20, asks for complaints that are free of charge,
electronic, easy to use, and not decided by machines alone.
"""

from __future__ import annotations

import asyncio
import re
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from rambarde.nouns.appeal import Appeal, Plea
from rambarde.nouns.fault import Fault, Kind, invalid
from rambarde.nouns.words import written
from rambarde.respond.judgement import KIND, judgement_of, log_id
from rambarde.respond.ports import Cabinet, Document, Journal, Opener, Records
from rambarde.respond.secluded import fired, secluded

LONGEST_TEXT = 4_000
LONGEST_EMAIL = 254
"""Characters; of an address as RFC 5321 bounds it."""
LONGEST_PROMPT = 32_000
MOST_PICTURES = 10
MOST_OPEN = 3
"""Appeals against one decision that may wait at once."""
MOST = 10
"""Appeals against one decision in all, while they are kept."""
RETENTION = timedelta(days=90)
"""How long an appeal is kept; what was attached goes as soon as it is decided."""
_ENDINGS = ("refused", "held", "partly_held")
_ID = re.compile(r"[A-Za-z0-9_-]{8,64}")
_EMAIL = re.compile(r"[^\s@<>\"',;:]{1,64}@[^\s@<>\"',;:]{1,189}")


@dataclass(frozen=True, slots=True)
class Refusal:
    """What can be appealed against: the decision's id, when it was, its reasons and the rules behind them.

    `held`: the picture waits for a person anyway. `attachable`: content may be attached to an appeal.
    """

    decision: str
    at: datetime
    held: bool
    reasons: tuple[str, ...]
    rules: tuple[str, ...]
    attachable: bool


@dataclass(frozen=True, slots=True)
class Reply:
    """Where an appeal stands: `outcome` is None while it waits; `reason` is the person's who decided."""

    appeal: Appeal
    outcome: str | None
    reason: str | None
    decided_at: datetime | None


@dataclass(frozen=True, slots=True)
class Appeals:
    """All parts are given. Whoever knows a decision's id may appeal; whoever knows a reference may ask."""

    cabinet: Cabinet
    records: Records
    journal: Journal
    opener: Opener
    life: timedelta = RETENTION

    async def refusal(self, decision: str) -> Refusal:
        """What was refused, in the words recorded.

        Raises `Fault(NOT_FOUND, "unknown_decision")`: an id that never was, and one of a request that was
        not refused, look alike.
        """
        return _refusal(await self._record(decision))

    async def room(self, decision: str) -> None:
        """Raise what `submit` would raise before it looks at the plea, so that nothing need be read."""
        await self._record(decision)
        await self.cabinet.room(decision, most_open=MOST_OPEN, most=MOST)

    async def submit(self, decision: str, plea: Plea, *, kept: Plea | None = None) -> Appeal:
        """Take an appeal in; its `id` is the reference.

        `plea` is as it was sent, for opening the commitment; `kept`, if given, is what is kept instead
        (pictures stripped to what can be seen). `text` has 1 to 4,000 characters, the prompt at most
        32,000, and there are at most 10 pictures. Whether the content is the request's own is for the
        reviewer, not for the answer: otherwise prompts could be guessed here.

        Raises `Fault`: `unknown_decision`, `missing_text` and its like, `bad_email`, `too_many_pictures`,
        `attachment_not_accepted` where the refusal was under a floor whose pictures nobody looks at,
        `appeals_open` and `appeals_used_up`.
        """
        record = await self._record(decision)
        checked = _checked(kept or plea)
        attached = bool(plea.prompt or plea.pictures)
        if attached and secluded(record):
            raise invalid(
                "attachment_not_accepted",
                "To an appeal against this decision nothing can be attached.",
                remedy="Say in the text why it was wrong.",
                field="picture" if plea.pictures else "prompt",
            )
        await self.cabinet.room(decision, most_open=MOST_OPEN, most=MOST)
        opened = await asyncio.to_thread(self.opener, record, plea) if attached else None
        return await self.cabinet.add(
            decision, checked, opened=opened, life=self.life, most_open=MOST_OPEN, most=MOST
        )

    async def reply(self, decision: str, reference: str) -> Reply:
        """Where an appeal stands. Raises `Fault(NOT_FOUND, "unknown_appeal")`."""
        appeal = await self.cabinet.get(reference)
        if appeal is None or appeal.decision != decision:
            raise Fault(
                Kind.NOT_FOUND,
                "unknown_appeal",
                "There is no such appeal, or not any more.",
                remedy="Check the address; appeals are erased after their time.",
            )
        if appeal.outcome is None:
            return Reply(appeal, None, None, None)
        entry = await self.journal.find(KIND, log_id(reference))
        reason = None if entry is None else judgement_of(entry.document).reason
        return Reply(appeal, appeal.outcome, reason, appeal.decided_at)

    async def _record(self, decision: str) -> Document:
        record = await self.records.get(decision) if _ID.fullmatch(decision) else None
        if record is None or record.get("ending") not in _ENDINGS:
            raise Fault(
                Kind.NOT_FOUND,
                "unknown_decision",
                "There is no such decision to appeal against.",
                remedy="Check the address that came with the refusal.",
            )
        return record


def _refusal(record: Document) -> Refusal:
    rules = [rule for rule in fired(record) if rule.get("outcome") != "allow"]
    return Refusal(
        decision=str(record["id"]),
        at=datetime.fromisoformat(str(record["finished_at"])),
        held=record["ending"] != "refused",
        reasons=tuple(dict.fromkeys(str(rule["reason"]) for rule in rules)),
        rules=tuple(dict.fromkeys(str(rule["rule"]) for rule in rules)),
        attachable=not secluded(record),
    )


def _checked(plea: Plea) -> Plea:
    email = plea.email.strip() if plea.email else None
    if email and (len(email) > LONGEST_EMAIL or not _EMAIL.fullmatch(email) or not email.isprintable()):
        raise invalid(
            "bad_email", "This is no e-mail address.", remedy="Mend it, or leave it empty.", field="email"
        )
    if plea.prompt is not None and len(plea.prompt) > LONGEST_PROMPT:
        raise invalid(
            "too_long_prompt",
            f"The prompt has {len(plea.prompt)} characters.",
            remedy=f"Use at most {LONGEST_PROMPT}.",
            field="prompt",
        )
    if len(plea.pictures) > MOST_PICTURES:
        raise invalid(
            "too_many_pictures",
            f"{len(plea.pictures)} pictures.",
            remedy=f"Attach at most {MOST_PICTURES}.",
            field="picture",
        )
    return replace(
        plea,
        text=written(plea.text, "text", longest=LONGEST_TEXT),
        email=email or None,
        prompt=plea.prompt or None,
    )

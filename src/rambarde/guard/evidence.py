"""Evidence: what must be kept of one request, and why. Pure; somebody else keeps it, before anything is released.

Kept is only what a duty of a rule that fired, a hold, or the signed sample asks for. What was stopped under a
`minor-sexual` floor is never drawn into a sample, and its pictures are kept for nobody, except, on strong evidence,
sealed and as the operator's jurisdictions oblige.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Protocol

from rambarde.guard.policy.keeping import Keeping
from rambarde.nouns.decision import Decision, Fired, Outcome
from rambarde.nouns.evidence import NewItem, Part, Why
from rambarde.nouns.hold import About, Hold
from rambarde.nouns.request import Request

PRESERVE, HOLD, QUEUE = "preserve", "hold", "child-safety-queue"
"""Duties (`follow`) by which something is kept."""
FLOOR = "minor-sexual"
"""This floor's rules have names that begin so."""
WORDS = "application/json"


class Sealed(Protocol):
    """An image as it would leave."""

    @property
    def data(self) -> bytes: ...
    @property
    def media_type(self) -> str: ...
    @property
    def sha256(self) -> str: ...
    @property
    def pdq(self) -> str | None: ...


class Made(Protocol):
    """One image that was made, and what was decided on it."""

    @property
    def decision(self) -> Decision: ...
    @property
    def sealed(self) -> Sealed: ...


@dataclass(frozen=True, slots=True)
class Matter:
    """One request with all that was decided on it, ready to be recorded."""

    request: Request
    admit: Decision
    keeping: Keeping
    made: Sequence[Made] = ()

    @property
    def about(self) -> About:
        request = self.request
        return About(request.id, request.caller.context.account, request.caller.surface, request.received_at)


class Archivist(Protocol):
    """Keeps what is due. Implemented where evidence is stored."""

    async def keep(self, matter: Matter) -> None:
        """Durable and in the log on return. Raises `Fault`: then nothing of the request may be released."""
        ...


class Nobody:
    """Keeps nothing: for chains that only judge, and for tests."""

    async def keep(self, matter: Matter) -> None:
        return None


def rule_case(rule: str) -> str:
    """The case under which the duty `hold` files what its rule stopped."""
    return f"rule/{rule}"


def frozen_by_rule(matter: Matter) -> tuple[str, ...]:
    """The rules that fired with the duty `hold`: what is kept of this request is to be frozen under their cases."""
    return tuple(dict.fromkeys(fired.rule for fired in _fired(matter) if HOLD in fired.follow))


def due(matter: Matter, over: Sequence[Hold], *, drawn: bool, salt: str) -> tuple[NewItem, ...]:
    """What to keep. `over` are the holds that cover the request, `drawn` whether the sample took it.

    `salt` is random and lies within the words that are kept, so that their digest in the log tells nobody a short
    prompt, and nothing at all once they are erased.
    """
    fired, keeping = tuple(_fired(matter)), matter.keeping
    strong = [one.rule for one in fired if QUEUE in one.follow]
    secluded = any(one.rule == FLOOR or one.rule.startswith(f"{FLOOR}-") for one in fired)
    asking = [one.rule for one in fired if PRESERVE in one.follow or HOLD in one.follow]
    about = replace(matter.about, cases=tuple(rule_case(rule) for rule in frozen_by_rule(matter)))
    if strong:
        days = keeping.sealed_days()
        return tuple(
            replace(
                item,
                sealed=True,
                data=item.data if days else None,
                life=timedelta(days=days or keeping.preserve_days),
            )
            for item in _items(matter, about, Why.RULE, strong[0], timedelta(0), salt)
        )
    if asking:
        why, because, life = Why.RULE, asking[0], timedelta(days=keeping.preserve_days)
    elif over:
        # Frozen as long as the hold lasts; once it is lifted nothing asks for it any more.
        why, because, life = Why.HOLD, " ".join(hold.id for hold in over), timedelta(0)
    elif drawn and not secluded:
        why, because = Why.SAMPLE, f"rate {keeping.sample_rate:g}"
        life = timedelta(days=keeping.sample_days)
    else:
        return ()
    items = _items(matter, about, why, because, life, salt)
    return tuple(item for item in items if not secluded or item.part is Part.PROMPT)


def _fired(matter: Matter) -> Iterator[Fired]:
    for decision in (matter.admit, *(made.decision for made in matter.made)):
        if decision.outcome is not Outcome.ALLOW:
            yield from decision.fired


def _items(
    matter: Matter,
    about: About,
    why: Why,
    because: str,
    life: timedelta,
    salt: str,
) -> Iterator[NewItem]:
    request = matter.request
    negative = request.negative_prompt.raw if request.negative_prompt else None
    words = json.dumps({"prompt": request.prompt.raw, "negative_prompt": negative, "salt": salt}).encode()
    digest = hashlib.sha256(words).hexdigest()
    yield NewItem(about, Part.PROMPT, 0, why, because, WORDS, len(words), digest, life, words)
    inputs = (*request.images, *((request.mask,) if request.mask is not None else ()))
    for number, picture in enumerate(inputs):
        data = picture.data
        yield NewItem(
            about, Part.INPUT, number, why, because, picture.media_type, len(data), picture.sha256, life, data
        )
    for number, made in enumerate(matter.made):
        sealed = made.sealed
        yield NewItem(
            about,
            Part.OUTPUT,
            number,
            why,
            because,
            sealed.media_type,
            len(sealed.data),
            sealed.sha256,
            life,
            sealed.data,
            sealed.pdq,
        )

"""What the chain answers: for each image a release or a withholding, or one refusal for all."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from rambarde.nouns.custody import Receipt
from rambarde.nouns.decision import Decision
from rambarde.nouns.fault import Fault
from rambarde.nouns.record import Ending


@dataclass(frozen=True, slots=True)
class Released:
    """An image that may leave, sealed."""

    index: int
    decision: Decision
    data: bytes
    media_type: str
    file: str | None = None
    """Id of the re-hosted file where a URL was asked for."""


@dataclass(frozen=True, slots=True)
class Withheld:
    """An image that does not leave: held for a human (`item` names it) or blocked (nothing is kept)."""

    index: int
    decision: Decision
    item: str | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """The chain's answer to one request. `refusal` is set when no image leaves because a rule said so.

    `timings` are milliseconds by stage. The record named `id` is durable before this object exists.
    """

    id: str
    ending: Ending
    images: tuple[Released | Withheld, ...]
    refusal: Decision | None
    created: datetime
    receipt: Receipt
    timings: tuple[tuple[str, float], ...]


class Withdrawn(Exception):
    """A release was recorded and then held back; `fault` is what the caller is told."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.code)
        self.fault = fault

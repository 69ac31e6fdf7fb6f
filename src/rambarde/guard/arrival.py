"""What comes to the chain's door: a credential that was recognised, and a request not read yet."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime

from rambarde.nouns.caller import STANDARD, Caller
from rambarde.nouns.request import Action


@dataclass(frozen=True, slots=True)
class Upload:
    """One uploaded file as it came: bytes, what the client says it is, and the parameter it belongs to."""

    data: bytes
    field: str = "image"
    declared: str | None = None
    filename: str | None = None


@dataclass(frozen=True, slots=True)
class Draft:
    """A request as a dialect understood it: right types and known parameters, contents not looked at yet."""

    prompt: str
    negative_prompt: str | None = None
    images: tuple[Upload, ...] = ()
    mask: Upload | None = None
    n: int = 1
    size: str = "auto"
    model: str | None = None
    output_format: str = "png"
    deliver_url: bool = False
    options: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Credential:
    """What an API key stands for. The surface and the modes come from here and from nowhere else."""

    id: str
    surface: str
    modes: tuple[str, ...] = (STANDARD,)


@dataclass(frozen=True, slots=True)
class Arrival:
    """One request at the door. Every surface, dialect and adapter makes one and hands it to `Chain.run`.

    `read` parses the body in the arrival's dialect; `identify` turns the credential and the caller context
    into a `Caller`, given the request's digest (it is where a replayed token is refused). Both may raise
    `Fault`, which the chain records. `id` is the record's and the decision's id: 128 random bits.
    """

    id: str
    route: str
    action: Action
    credential: Credential
    received_at: datetime
    read: Callable[[], Awaitable[Draft]]
    identify: Callable[[str], Awaitable[Caller]] = field(repr=False)


class Repeated(Exception):
    """Raised by `identify`: this very request was answered before. `answer` names the kept first answer.

    The repeat is no new request: it generates nothing and makes no record of its own.
    """

    def __init__(self, answer: str) -> None:
        super().__init__(answer)
        self.answer = answer

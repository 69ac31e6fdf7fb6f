"""An attempt: one thing tried, in the same way through every surface."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Route(StrEnum):
    """What of a service is asked, by the last word of OpenAI's images routes."""

    GENERATE = "generations"
    EDIT = "edits"
    VARY = "variations"


@dataclass(frozen=True, slots=True)
class Ask:
    """One request. `side` is the input picture's longer side in pixels; 0: as it is. `lettering` is drawn into it.

    `n` is how many images are asked for (1 to 10), `size` what the service is asked to make; empty: not said.
    """

    route: Route
    prompt: str
    lettering: str = ""
    mask: bool = False
    side: int = 0
    n: int = 1
    size: str = ""

    @property
    def pictured(self) -> bool:
        return self.route is not Route.GENERATE


@dataclass(frozen=True, slots=True)
class Attempt:
    """One wording under one technique. `asks` are sent in turn, each with the result of the one before as input.

    `twin`: harmless, so refusing it is wrong. `wording` is the id that a request and its techniques share.
    """

    id: str
    wording: str
    lang: str
    family: str
    technique: str
    twin: bool
    asks: tuple[Ask, ...]

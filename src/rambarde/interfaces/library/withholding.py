"""What a guarded call raises when not every image may leave. None of it can be mistaken for an answer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rambarde.guard.answer import Withheld
from rambarde.interfaces.http.errors import explained
from rambarde.nouns.decision import Decision


class NotReleased(Exception):
    """A rule said so. Subclasses: `Refused`, `Held`, `PartlyHeld`.

    `id` is the decision's and the record's id; `decision` what decided, of several images the strictest;
    `appeal` where a person asks for another look. Its text names rules and never quotes the prompt.
    """

    def __init__(self, id: str, decision: Decision, appeal: str, withheld: tuple[Withheld, ...] = ()) -> None:
        super().__init__(id, decision, appeal, withheld)
        self.id = id
        self.decision = decision
        self.appeal = appeal
        self.withheld = withheld

    @property
    def rules(self) -> tuple[str, ...]:
        """The rules that fired, the strictest first."""
        return tuple(fired.rule for fired in self.decision.fired)

    @property
    def fields(self) -> tuple[str, ...]:
        """The parameters that they are about: `prompt`, `image`."""
        return tuple(dict.fromkeys(name for fired in self.decision.fired for name in fired.fields))

    @property
    def explanation(self) -> str:
        """Plain words for the caller, with the words that mattered: show it, do not log it."""
        return str(explained(self.decision)["explanation"])

    @property
    def items(self) -> tuple[str, ...]:
        """Ids of the images that wait for a person; empty if none does."""
        return tuple(image.item for image in self.withheld if image.item is not None)

    def __str__(self) -> str:
        reasons = dict.fromkeys(fired.reason for fired in self.decision.fired)
        return f"{self.id}: {self.decision.outcome.word} by {', '.join(self.rules)}. {' '.join(reasons)}"


class Refused(NotReleased):
    """Blocked: before anything was generated, or every image after it. Nothing is kept."""


class Held(NotReleased):
    """No image may leave now; those in `items` wait for a person."""


class PartlyHeld(NotReleased):
    """Some images of a batch may leave and some may not: no list, because nobody would count it.

    `released` has the images that may leave, by their place in the batch; `withheld` says of each other one
    why not. Whoever can use a part takes it from here, on purpose.
    """

    def __init__(
        self,
        id: str,
        decision: Decision,
        appeal: str,
        withheld: tuple[Withheld, ...],
        released: Mapping[int, Any],
    ) -> None:
        super().__init__(id, decision, appeal, withheld)
        self.args = (id, decision, appeal, withheld, released)
        self.released = released

    def __str__(self) -> str:
        return f"{super().__str__()} Released: {len(self.released)}, withheld: {len(self.withheld)}."

"""Categories of OpenAI's moderation, and our own, out of what was measured. What was not measured says so."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from rambarde.guard.policy.catalogue import INPUT, OUTPUT
from rambarde.nouns.signal import Signal, State

FLAG = 0.5
"""From this score on, a category holds: where the shipped rules take a signal for evidence."""
TEXT, IMAGE = "text", "image"
UNMEASURED = (
    "harassment",
    "harassment/threatening",
    "hate",
    "hate/threatening",
    "illicit",
    "illicit/violent",
    "self-harm",
    "self-harm/intent",
    "self-harm/instructions",
    "violence",
    "violence/graphic",
)
"""OpenAI's categories that nothing here measures. `rambarde/degrading` mixes several of them and is none of them."""

_SEXUAL = ("prompt.sexual", "terms.sexual"), ("nudity", "exposed")
_REVEALING = ("prompt.exposure", "prompt.pose", "prompt.substance", "terms.exposure"), ()
_MINOR = ("prompt.minor", "terms.minor"), ("young",)
_OURS = {
    "rambarde/exposure": (("prompt.exposure", "terms.exposure"), ("exposed",)),
    "rambarde/pose": (("prompt.pose",), ()),
    "rambarde/substance": (("prompt.substance",), ()),
    "rambarde/degrading": (("prompt.degrading", "terms.degrading", "prompt.religious_dress"), ()),
    "rambarde/non-consent": (("prompt.non_consent",), ()),
    "rambarde/known-image": ((), ("known",)),
}
"""Category → the signals of texts, and of pictures, whose worst it is."""


@dataclass(frozen=True, slots=True)
class Score:
    """What lies between `low` and `high`: the two differ where a signal gave no answer or failed.

    `of` are the kinds of input that were measured for it.
    """

    low: float
    high: float
    of: tuple[str, ...]

    @property
    def value(self) -> float | None:
        """The score, or None where the unknown decides on which side of `FLAG` it is."""
        if self.low >= FLAG:
            return self.low
        return self.high if self.high < FLAG else None

    @property
    def flagged(self) -> bool:
        """Also where nobody knows: the unknown counts as the worst."""
        return self.high >= FLAG


def scores(signals: Iterable[Signal], *, text: bool, image: bool) -> dict[str, Score | None]:
    """Every category's score; None for one that nothing measured. `text`, `image`: what was given."""
    found = {signal.name.removeprefix(INPUT).removeprefix(OUTPUT): signal for signal in signals}
    given = (TEXT, text), (IMAGE, image)

    def worst(*groups: tuple[tuple[str, ...], tuple[str, ...]]) -> Score | None:
        seen: list[tuple[str, Signal]] = []
        for group in groups:
            for (kind, there), names in zip(given, group, strict=True):
                seen += [(kind, found[name]) for name in names if there and name in found]
        return _score(seen, max)

    sexual = worst(_SEXUAL)
    categories: dict[str, Score | None] = dict.fromkeys(UNMEASURED)
    categories["sexual"] = sexual
    categories["sexual/minors"] = _both(worst(_MINOR), worst(_SEXUAL, _REVEALING))
    for name, group in _OURS.items():
        categories[name] = worst(group)
    return categories


def _score(seen: list[tuple[str, Signal]], of: Callable[[Iterable[float]], float]) -> Score | None:
    if not seen:
        return None
    low = of(0.0 if signal.value is None else signal.value for _, signal in seen)
    high = of(1.0 if signal.unknown else signal.value or 0.0 for _, signal in seen)
    return Score(low, high, tuple(dict.fromkeys(kind for kind, _ in seen)))


def _both(one: Score | None, other: Score | None) -> Score | None:
    """Both at once, which is as sure as the less sure of the two. Neither alone is the category."""
    if one is None or other is None:
        return None
    kinds = tuple(dict.fromkeys((*one.of, *other.of)))
    return Score(min(one.low, other.low), min(one.high, other.high), kinds)


def unknown(signals: Iterable[Signal]) -> Mapping[str, str]:
    """The signals without an answer, and why."""
    return {
        signal.name: signal.reason
        for signal in signals
        if signal.state is State.FAILED or signal.state is State.NO_ANSWER
    }

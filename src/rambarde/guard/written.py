"""What is written in the input pictures: judged by the detectors of texts, beside the prompt."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from rambarde.guard.text.normalise import LIMIT, canonical
from rambarde.nouns.decision import Evidence
from rambarde.nouns.request import Text
from rambarde.nouns.signal import Polarity, Signal, Signals, SignalSpec, State, worst

IMAGE = "image"
"""Where the words of such evidence stand."""


def texts(evidence: Iterable[Evidence]) -> list[Text]:
    """All that was read in the pictures, in its order, as one text; none where nothing is left of it.

    One and not one for each line or picture: an instruction may be spread over them. Raises `Fault` for more
    than a prompt may hold.
    """
    words = " ".join(one.words for one in evidence)
    if not any(sign.isalnum() for sign in words):
        return []
    return [canonical(words, limit=LIMIT, field=IMAGE)]


def joined(asked: Signals, read: Signals, specs: Iterable[SignalSpec]) -> dict[str, Signal]:
    """The signals of the prompt, worse where the writing is worse.

    Only what was measured in the writing, or failed, counts. Where it has *no answer* it tells nothing: a shop
    sign in a script that no model reads must not stop an edit. Nor does it count that a sign does not ask to
    cover up (a signal whose low end is the worst): that would take an excuse from the prompt that is its own.
    """
    found: dict[str, Signal] = {}
    for spec in specs:
        own, other = asked[spec.name], read[spec.name]
        told = other.state is State.FAILED or (
            other.state is State.VALUE and spec.polarity is Polarity.HIGH_IS_WORSE
        )
        found[spec.name] = worst((own, other), spec.polarity) if told else own
    return found


def placed(evidence: Iterable[Evidence]) -> tuple[Evidence, ...]:
    """The evidence of the writing, saying that it stands in the picture."""
    return tuple(replace(one, where=IMAGE) for one in evidence)

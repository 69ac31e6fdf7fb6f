"""Moderation's categories out of signals: a score, a range, or nothing, and never a zero for what nobody measured."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from rambarde.interfaces.http.dialects.categories import FLAG, UNMEASURED, scores
from rambarde.nouns.signal import Signal

TEXTS = ("prompt.sexual", "terms.sexual", "prompt.exposure", "prompt.minor", "terms.minor", "prompt.pose")
PICTURES = ("input.nudity", "input.young")


def signal(name: str, what: float | str) -> Signal:
    if isinstance(what, float):
        return Signal.measured(name, what)
    return {"absent": Signal.absent, "no": Signal.no_answer, "failed": Signal.failed}[what](name, "why")


READING = st.one_of(st.floats(0, 1, width=32), st.sampled_from(["absent", "no", "failed"]))
ALL = st.fixed_dictionaries(dict.fromkeys((*TEXTS, *PICTURES), READING))


def low_and_high(what: float | str) -> tuple[float, float]:
    if isinstance(what, float):
        return what, what
    return (0.0, 0.0) if what == "absent" else (0.0, 1.0)


@given(ALL)
def test_a_minor_and_sexual_content_at_once(readings: dict[str, float | str]) -> None:
    found = scores([signal(*one) for one in readings.items()], text=True, image=True)["sexual/minors"]
    minor = [low_and_high(readings[n]) for n in ("prompt.minor", "terms.minor", "input.young")]
    others = ("prompt.sexual", "terms.sexual", "prompt.exposure", "prompt.pose", "input.nudity")
    sexual = [low_and_high(readings[n]) for n in others]
    low = min(max(a for a, _ in minor), max(a for a, _ in sexual))
    high = min(max(b for _, b in minor), max(b for _, b in sexual))
    assert found is not None and (found.low, found.high) == (low, high)
    assert found.flagged == (high >= FLAG)
    assert (found.value is None) == (low < FLAG <= high)
    assert found.of == ("text", "image")


@given(ALL)
def test_what_nobody_measures_is_never_a_number(readings: dict[str, float | str]) -> None:
    found = scores([signal(*one) for one in readings.items()], text=True, image=True)
    assert [found[name] for name in UNMEASURED] == [None] * len(UNMEASURED)
    assert found["rambarde/known-image"] is None  # there is no such signal here


def test_only_what_was_given_is_measured() -> None:
    signals = [signal("prompt.sexual", 0.9), signal("output.nudity", 0.2), signal("output.young", 0.1)]
    words = scores(signals, text=True, image=False)
    assert words["sexual"] is not None and words["sexual"].of == ("text",)
    assert words["sexual/minors"] is None  # nothing told of minors
    seen = scores(signals, text=False, image=True)
    assert seen["sexual"] is not None and seen["sexual"].value == 0.2
    assert seen["sexual/minors"] is not None and seen["sexual/minors"].of == ("image",)
    assert seen["rambarde/degrading"] is None

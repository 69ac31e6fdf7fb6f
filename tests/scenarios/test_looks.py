"""Somebody who looks young, through the whole chain under the shipped policy, by injected signals alone.

Looks are the weakest evidence: alone they stop nothing, of a drawing they say nothing, and beside sexual or exposure
evidence they refuse, keep nothing and accuse nobody.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest

from rambarde.guard.answer import Answer, Released
from rambarde.guard.arrival import Draft, Upload
from rambarde.guard.detectors.contract import Change, Detector
from rambarde.guard.inspect import Inspector
from rambarde.guard.policy.language import Requirement
from rambarde.guard.ports import FixedPolicy
from rambarde.interfaces import parts
from rambarde.interfaces.settings import Settings
from rambarde.nouns.decision import Decision
from rambarde.nouns.request import Action, Picture
from rambarde.nouns.signal import Signal
from tests.guard.stand import DIGEST, NOW, Fake, Happened, arrival, chain, png

SENT, MADE = 50, 100
"""How bright the picture sent is, and the result: by that the injected signals tell them apart."""
YOUNG = {"young": 0.95, "young_measured": 0.95}
PHOTOGRAPH = {"person": 0.99, "face": 0.99, "photograph": 0.95}
SAME = {"change.exposure": 0.02, "change.exposure_measured": 0.02}
Values = dict[str, float | None]


def signals(detector: Detector, subject: Any, sent: Values, made: Values) -> Iterable[Signal]:
    """What is named, else nothing of the kind: 0 in words, absent in pictures. None is *no answer*."""
    values = made
    if isinstance(subject, Picture):
        values = sent if int(subject.rgb[0, 0, 0]) == SENT else made
    for spec in detector.info.specs:
        if spec.name not in values and (isinstance(subject, Picture | Change)):
            yield Signal.absent(spec.name)
        elif (value := values.get(spec.name, 0.0)) is None:
            yield Signal.no_answer(spec.name, "injected")
        else:
            yield Signal.measured(spec.name, value)


async def edit(sent: Values, made: Values) -> tuple[Answer, Happened]:
    """One edit of a photograph, with these signals of the picture sent, and of words, result and change."""
    evaluator, real, _ = parts.judging(Settings())
    real.close()
    fakes = [
        Fake(one.info, lambda subject, one=one: signals(one, subject, sent, made)) for one in real._detectors
    ]
    happened = Happened()
    looked = chain(happened, pictures=(png(level=MADE),), policies=FixedPolicy(evaluator, lambda: NOW))
    looked.inspector = Inspector(fakes, [Requirement(f.info.name, f.info.version, DIGEST) for f in fakes])
    looked.inspector.load()
    draft = Draft("make the sky green", images=(Upload(png(level=SENT)),))
    answer = await looked.run(arrival(happened, draft, action=Action.EDIT))
    looked.inspector.close()
    return answer, happened


def decision(answer: Answer) -> Decision:
    assert answer.refusal is not None
    return answer.refusal


@pytest.mark.parametrize(
    ("sent", "made"),
    [
        ({**PHOTOGRAPH, **YOUNG}, {**PHOTOGRAPH, **YOUNG, **SAME, "nudity": 0.1}),
        ({**PHOTOGRAPH, **YOUNG, "nudity": 0.45}, {**PHOTOGRAPH, **YOUNG, **SAME, "nudity": 0.45}),
        (
            {**PHOTOGRAPH, **YOUNG},
            {**PHOTOGRAPH, **YOUNG, **SAME, "nudity": 0.2, "prompt.minor": 0.9, "terms.minor": 1.0},
        ),
        ({"person": 0.9, "photograph": 0.1, **YOUNG}, {"photograph": 0.1, **YOUNG, **SAME, "nudity": 0.3}),
        ({"person": 0.9, "young": None}, {"photograph": 0.9, "young": None, **SAME, "nudity": 0.45}),
    ],
    ids=[
        "a family",
        "a swimming lesson",
        "a school team, and the words say so",
        "a drawing",
        "nobody's face",
    ],
)
async def test_a_harmless_edit_goes_through(sent: Values, made: Values) -> None:
    answer, happened = await edit(sent, made)
    assert isinstance(answer.images[0], Released) and happened.steps.count("generate") == 1


@pytest.mark.parametrize("family", ["prompt.exposure", "prompt.sexual", "prompt.pose", "prompt.substance"])
async def test_beside_a_hint_in_the_words_nothing_is_generated(family: str) -> None:
    answer, happened = await edit({**PHOTOGRAPH, **YOUNG}, {**PHOTOGRAPH, **YOUNG, **SAME, family: 0.35})
    assert "minor-sexual-looks" in {fired.rule for fired in decision(answer).fired}
    assert "generate" not in happened.steps and not answer.images


@pytest.mark.parametrize(
    "made",
    [
        {**YOUNG, **SAME, "nudity": 0.55},
        {**YOUNG, "change.exposure": 0.5, "change.exposure_measured": 0.5},
        {"young": None, "nudity": 0.85, **SAME},
    ],
    ids=["nudity", "more exposed", "no face, and plain nudity"],
)
async def test_beside_exposure_the_result_is_refused_and_not_kept(made: Values) -> None:
    answer, happened = await edit({**PHOTOGRAPH, **YOUNG}, {**PHOTOGRAPH, **made})
    fired = [one for one in decision(answer).fired if one.rule == "minor-sexual-looks-output"]
    assert fired and not fired[0].follow, "nothing is preserved or reported on the word of looks"
    assert not any(isinstance(image, Released) for image in answer.images)
    assert not happened.kept and "remember" not in happened.steps


async def test_words_of_a_minor_and_no_answer_about_the_change_need_little_more() -> None:
    made = {**PHOTOGRAPH, "change.exposure": None, "nudity": 0.35, "prompt.minor": 0.9}
    answer, happened = await edit(dict(PHOTOGRAPH), made)
    assert "minor-sexual-output" in {fired.rule for fired in decision(answer).fired} and not happened.kept

"""`Guard.check`: a decision on words and pictures, and nothing is kept."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from rambarde import Fault, Guard, Outcome
from tests.interfaces.library.conftest import records
from tests.servers import png

pytestmark = pytest.mark.slow


def test_a_check_is_a_decision_and_leaves_no_trace(guard: Guard) -> None:
    before = records(guard).count()
    decision = guard.check("a lighthouse at sunset")
    assert decision.outcome is Outcome.ALLOW
    with pytest.raises(TypeError, match="not a boolean"):
        bool(decision)
    assert records(guard).count() == before


def test_a_check_with_a_picture_is_an_edit(guard: Guard, portrait: bytes) -> None:
    words = "put her in a bikini"
    assert guard.check(words, images=[portrait]).outcome is Outcome.BLOCK
    assert "real-person-sexual" in [fired.rule for fired in guard.check(words, images=[portrait]).fired]
    assert guard.check("a red hat", images=[portrait]).outcome is Outcome.ALLOW


def test_a_negative_prompt_is_judged(guard: Guard, portrait: bytes) -> None:
    decision = guard.check("a summer portrait", images=[portrait], negative_prompt="clothes")
    assert decision.outcome is Outcome.BLOCK


def test_pictures_may_be_bytes_pillow_images_or_paths(guard: Guard, portrait: bytes, tmp_path: Path) -> None:
    path = tmp_path / "portrait.png"
    path.write_bytes(portrait)
    image = Image.open(io.BytesIO(portrait))
    for picture in (portrait, bytearray(portrait), image, image.convert("CMYK"), path):
        signals = {s.name: s for s in guard.check("a red hat", images=[picture]).signals}
        assert signals["input.face"].value is not None and signals["input.face"].value > 0.6


@pytest.mark.parametrize("wrong", ["portrait.png", 7, None, np.zeros((4, 4, 3), np.uint8)])
def test_other_kinds_of_pictures_are_a_type_error(guard: Guard, wrong: Any) -> None:
    with pytest.raises(TypeError):
        guard.check("a hat", images=[wrong])
    with pytest.raises(TypeError):
        guard.check("a hat", images="portrait.png")


def test_a_damaged_picture_is_a_fault(guard: Guard, portrait: bytes) -> None:
    with pytest.raises(Fault, match="ends too early") as caught:
        guard.check("a hat", images=[portrait[:1000]])
    assert caught.value.field == "image"


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"country": "france"}, "caller_invalid"),
        ({"country": "fr"}, "caller_invalid"),
        ({"age_assured": "false"}, "caller_invalid"),
        ({"session": "with space"}, "caller_invalid"),
        ({"mode": "wild"}, "mode_unknown"),
        ({"mask": png()}, "image_missing"),
    ],
)
def test_what_is_misspelt_does_not_loosen(guard: Guard, given: dict[str, Any], code: str) -> None:
    with pytest.raises(Fault) as caught:
        guard.check("a lighthouse", **given)
    assert caught.value.code == code


def test_mode_country_and_age_are_the_policys_business(guard: Guard) -> None:
    words = "an erotic drawing of two fictional adults"
    assert guard.check(words).outcome is Outcome.BLOCK
    assert guard.check(words, mode="spicy", country="FR", age_assured=True).outcome is Outcome.BLOCK
    assert guard.check(words, mode="spicy", country="DE").outcome is Outcome.BLOCK
    allowed = guard.check(words, mode="spicy", country="DE", age_assured=True)
    assert "sexual-content" not in [fired.rule for fired in allowed.fired]

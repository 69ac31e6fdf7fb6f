"""The wrapper and the checker, over a stand-in pipeline; `test_real_diffusers.py` has a real one."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image
from rambarde_diffusers import UNTOLD, GuardedPipeline, NoFeatures, SafetyChecker, guarding, pillow
from rambarde_diffusers_upstream import make
from tests.interfaces.http.test_release import with_nudity
from tests.interfaces.library.conftest import SEEN, newest, opened
from tests.servers import png

from rambarde import Fault, Guard, Held, PartlyHeld, Refused
from rambarde.guard.inspect import Inspector
from rambarde.guard.upstreams.contract import UpstreamConfig

pytestmark = pytest.mark.slow
BLUE = Image.new("RGB", (64, 48), "steelblue")


class Pipe:
    """Answers as a pipeline does, and asks its checker as one does: with arrays in [0, 1]."""

    def __init__(self, *pictures: Image.Image, black: bool = False) -> None:
        self.pictures, self.black = pictures or (BLUE,), black
        self.safety_checker: Any = None
        self.feature_extractor: Any = None
        self.told: list[dict[str, Any]] = []

    def __call__(self, prompt: str, **told: Any) -> Any:
        self.told.append({"prompt": prompt, **told})
        images = list(self.pictures) * told.get("num_images_per_prompt", 1)
        if self.safety_checker is not None:
            self.run_safety_checker(np.stack([np.asarray(image) / 255 for image in images]))
        return SimpleNamespace(images=images, nsfw_content_detected=[self.black] * len(images))

    def run_safety_checker(self, images: Any) -> Any:
        features = self.feature_extractor(images, return_tensors="pt").to("cpu")
        images, flags = self.safety_checker(images=images, clip_input=features.pixel_values.to(None))
        assert flags == [False] * len(images)
        return images


def test_a_call_goes_through_and_is_recorded(guard: Guard) -> None:
    pipe = Pipe()
    answer = GuardedPipeline(pipe, guard).for_caller(country="DE")(
        "a lighthouse", num_images_per_prompt=2, width=64, height=48, num_inference_steps=4
    )
    assert [image.tobytes() for image in answer.images] == [BLUE.tobytes()] * 2
    assert pipe.told == [
        {
            **{"prompt": "a lighthouse", "num_images_per_prompt": 2, "output_type": "pil"},
            **{"width": 64, "height": 48, "num_inference_steps": 4},
        }
    ]
    kept = newest(guard)
    assert (kept["ending"], kept["upstream"], kept["country"], kept["n"]) == (
        *("released", "diffusers:Pipe"),
        *("DE", 2),
    )
    (images,) = GuardedPipeline(pipe, guard)("a lighthouse", output_type="np", return_dict=False)
    assert images.shape == (1, 48, 64, 3) and images.max() <= 1


def test_words_edits_and_negative_prompts_are_judged(guard: Guard, portrait: bytes) -> None:
    pipe = Pipe()
    guarded = GuardedPipeline(pipe, guard)
    picture = Image.open(io.BytesIO(portrait))
    for call in (
        {"prompt": "Anna Schmidt in a bikini"},
        {"prompt": "put her in a bikini", "image": picture},
        {"prompt": "a summer portrait", "image": picture, "negative_prompt": "clothes"},
    ):
        with pytest.raises(Refused) as caught:
            guarded(**call)
        assert "real-person-sexual" in caught.value.rules
    assert not pipe.told


def test_an_edit_gets_picture_and_mask(guard: Guard, still_life: bytes) -> None:
    pipe, picture = Pipe(), Image.open(io.BytesIO(still_life))
    mask = Image.new("L", picture.size, 255)
    GuardedPipeline(pipe, guard)(
        "a blue cup", image=[picture], mask_image=mask, negative_prompt="blurred", strength=0.4
    )
    told = pipe.told[0]
    assert told["image"].tobytes() == picture.convert("RGB").tobytes()
    assert told["mask_image"].tobytes() == mask.tobytes()
    assert (told["negative_prompt"], told["strength"]) == ("blurred", 0.4)


@pytest.mark.parametrize(
    ("call", "field"),
    [
        ({"prompt_embeds": object()}, "prompt_embeds"),
        ({"latents": object()}, "latents"),
        ({"ip_adapter_image": BLUE}, "ip_adapter_image"),
        ({"cross_attention_kwargs": {}}, "cross_attention_kwargs"),
        ({"callback_on_step_end": print}, "callback_on_step_end"),
        ({"output_type": "latent"}, "output_type"),
        ({"prompt": ["a tree", "a house"]}, "prompt"),
        ({"prompt": None}, "prompt"),
        ({"width": 64}, "width"),
        ({"num_images_per_prompt": 11}, "n"),
        ({"prompt": "\x00"}, "prompt"),
    ],
)
def test_what_is_not_understood_is_refused(guard: Guard, call: dict[str, Any], field: str) -> None:
    pipe = Pipe()
    with pytest.raises(Fault) as caught:
        GuardedPipeline(pipe, guard)(**{"prompt": "a tree", **call})
    assert caught.value.field == field and caught.value.remedy and not pipe.told


def test_a_black_picture_is_no_answer(guard: Guard) -> None:
    with pytest.raises(Fault, match="made a picture black") as caught:
        GuardedPipeline(Pipe(black=True), guard)("a lighthouse")
    assert caught.value.code == "upstream_refused"


def test_the_checker_returns_what_it_was_shown(guard: Guard) -> None:
    pipe = Pipe()
    checker = guarding(pipe, guard)
    assert isinstance(pipe.safety_checker, SafetyChecker) and isinstance(pipe.feature_extractor, NoFeatures)
    pipe(prompt="a lighthouse")
    assert (newest(guard)["ending"], newest(guard)["upstream"]) == ("released", "diffusers")
    with checker.telling("Anna Schmidt in a bikini"), pytest.raises(Refused, match="real-person-sexual"):
        pipe(prompt="Anna Schmidt in a bikini")
    pipe(prompt="Anna Schmidt in a bikini")  # what the README says: untold words are not judged
    with pytest.raises(TypeError, match="GuardedPipeline"):
        guarding(object(), guard)


def test_the_checker_raises_for_what_it_sees(tmp_path: Path, inspector: Inspector) -> None:
    odd = Image.open(io.BytesIO(png(2))).convert("RGB")
    out = io.BytesIO()
    odd.save(out, "PNG", compress_level=1)
    with opened(tmp_path, with_nudity(inspector, {out.getvalue(): SEEN})) as guard:
        with pytest.raises(Held) as caught:
            guarding(pipe := Pipe(odd), guard)
            pipe(prompt="a quiet garden")
        assert caught.value.rules == ("nude-looking-output",) and caught.value.explanation
        with pytest.raises(PartlyHeld):
            guarding(pipe := Pipe(BLUE.resize(odd.size), odd), guard)
            pipe(prompt="a quiet garden")


@pytest.mark.parametrize(
    "wrong", [None, [], "black", np.zeros((64, 64, 3)), np.full((1, 8, 8, 3), np.nan), np.zeros((0, 8, 8, 3))]
)
def test_what_is_no_picture_is_a_fault(guard: Guard, wrong: Any) -> None:
    with pytest.raises(Fault) as caught:
        SafetyChecker(guard)(wrong)
    assert caught.value.code == "upstream_bad_answer"


def test_pictures_are_judged_as_the_pipeline_rounds_them() -> None:
    levels = np.arange(256, dtype=np.float64).reshape(1, 16, 16, 1).repeat(3, 3) / 255
    (picture,) = pillow(levels)
    assert (np.asarray(picture)[..., 0].ravel() == np.arange(256)).all()
    assert UNTOLD


@pytest.mark.parametrize("model", [None, "", "no-such-folder"])
def test_the_upstream_needs_a_folder(model: str | None) -> None:
    with pytest.raises(ValueError, match="nothing is downloaded"):
        make(UpstreamConfig(model=model))


def test_the_readmes_starts_work_as_pasted(pasted: Callable[[str], list[dict[str, Any]]]) -> None:
    whole, checked = pasted("adapters/diffusers/README.md")
    pipe = Pipe()
    assert whole["paint"](pipe).tobytes() == BLUE.tobytes()
    assert checked["paint"](pipe, "a lighthouse").tobytes() == BLUE.tobytes()
    for names in (whole, checked):
        names["guard"].close()

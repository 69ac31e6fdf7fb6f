"""A real pipeline with tiny random weights, made here: what the wrapper, the checker and the upstream meet in earnest.

Only where torch and diffusers are installed: `make test-extras`.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import diffusers
import httpx2 as httpx
import numpy as np
import pytest
import torch
from diffusers.pipelines.stable_diffusion import StableDiffusionSafetyChecker
from PIL import Image
from rambarde_diffusers import GuardedPipeline, SafetyChecker, guarding, pillow
from rambarde_diffusers_upstream import make
from tests.interfaces.library.conftest import newest
from tests.interfaces.serving import serving
from transformers import (
    CLIPConfig,
    CLIPImageProcessor,
    CLIPTextConfig,
    CLIPTextModel,
    CLIPTokenizer,
)

from rambarde import Fault, Guard, Refused
from rambarde.guard.inspect import Inspector
from rambarde.guard.upstreams.contract import UpstreamConfig
from rambarde.interfaces import parts
from rambarde.interfaces.settings import Settings
from rambarde.nouns.caller import Caller
from rambarde.nouns.request import Action, Picture, Request, Text

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
STEPS: dict[str, Any] = {"num_inference_steps": 2, "height": 64, "width": 64}


def tokenizer(folder: Path) -> CLIPTokenizer:
    """A vocabulary of single characters."""
    letters = [chr(code) for code in range(33, 127)]
    words = ["<|startoftext|>", "<|endoftext|>", *letters, *(letter + "</w>" for letter in letters)]
    vocabulary, merges = folder / "vocab.json", folder / "merges.txt"
    vocabulary.write_text(json.dumps({word: place for place, word in enumerate(words)}))
    merges.write_text("#version: 0.2\n")
    return CLIPTokenizer(vocab=str(vocabulary), merges=str(merges), model_max_length=77)


@pytest.fixture(scope="module")
def pipe(tmp_path_factory: pytest.TempPathFactory) -> diffusers.StableDiffusionPipeline:
    torch.manual_seed(0)
    words = tokenizer(tmp_path_factory.mktemp("tokenizer"))
    made = diffusers.StableDiffusionPipeline(
        unet=diffusers.UNet2DConditionModel(
            block_out_channels=(4, 8),
            layers_per_block=1,
            sample_size=32,
            in_channels=4,
            out_channels=4,
            down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
            up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
            cross_attention_dim=32,
            norm_num_groups=2,
        ),
        scheduler=diffusers.DDIMScheduler(
            beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", clip_sample=False
        ),
        vae=diffusers.AutoencoderKL(
            block_out_channels=[4, 8],
            in_channels=3,
            out_channels=3,
            down_block_types=["DownEncoderBlock2D", "DownEncoderBlock2D"],
            up_block_types=["UpDecoderBlock2D", "UpDecoderBlock2D"],
            latent_channels=4,
            norm_num_groups=2,
        ),
        text_encoder=CLIPTextModel(
            CLIPTextConfig(
                hidden_size=32,
                intermediate_size=37,
                num_attention_heads=4,
                num_hidden_layers=2,
                vocab_size=len(words),
                bos_token_id=0,
                eos_token_id=1,
                pad_token_id=1,
            )
        ),
        tokenizer=words,
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    made.set_progress_bar_config(disable=True)
    return made


def seeded() -> torch.Generator:
    return torch.Generator().manual_seed(7)


def test_the_wrapper_answers_what_the_pipeline_makes(
    pipe: diffusers.StableDiffusionPipeline, guard: Guard
) -> None:
    pipe.safety_checker = None
    plain = pipe("a lighthouse", generator=seeded(), num_images_per_prompt=2, **STEPS).images
    answer = GuardedPipeline(pipe, guard)(
        "a lighthouse", generator=seeded(), num_images_per_prompt=2, **STEPS
    )
    assert type(answer).__name__ == "StableDiffusionPipelineOutput"
    assert [one.tobytes() for one in answer.images] == [one.tobytes() for one in plain]
    kept = newest(guard)
    assert (kept["ending"], kept["upstream"]) == ("released", "diffusers:StableDiffusionPipeline")
    with pytest.raises(Refused, match="real-person-sexual"):
        GuardedPipeline(pipe, guard)("Anna Schmidt in a bikini", **STEPS)


def test_the_checker_sees_the_very_pictures_that_come_out(
    pipe: diffusers.StableDiffusionPipeline, guard: Guard
) -> None:
    seen: list[bytes] = []

    class Watched(SafetyChecker):
        def __call__(self, images: Any, clip_input: Any = None) -> Any:
            seen.extend(one.tobytes() for one in pillow(images))
            return super().__call__(images, clip_input)

    guarding(pipe, guard)
    pipe.safety_checker = Watched(guard)
    answer = pipe("a lighthouse", generator=seeded(), **STEPS)
    assert [one.tobytes() for one in answer.images] == seen and answer.nsfw_content_detected == [False]
    with pipe.safety_checker.telling("Anna Schmidt in a bikini"), pytest.raises(Refused):
        pipe("Anna Schmidt in a bikini", **STEPS)


def test_where_the_shipped_checker_makes_black_ours_explains(
    pipe: diffusers.StableDiffusionPipeline, guard: Guard
) -> None:
    """The shipped checker with weights that flag everything: a black picture, and with ours a fault instead."""
    tiny = {"hidden_size": 8, "intermediate_size": 8, "num_attention_heads": 2, "num_hidden_layers": 1}
    shipped = StableDiffusionSafetyChecker(
        CLIPConfig(
            text_config=tiny, vision_config={**tiny, "image_size": 32, "patch_size": 16}, projection_dim=8
        )
    )
    shipped.concept_embeds_weights.fill_(-2)
    pipe.safety_checker = shipped
    pipe.feature_extractor = CLIPImageProcessor(
        size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32}
    )
    black = pipe("a lighthouse", generator=seeded(), **STEPS)
    assert black.nsfw_content_detected == [True] and not np.asarray(black.images[0]).any()
    with pytest.raises(Fault, match="made a picture black"):
        GuardedPipeline(pipe, guard)("a lighthouse", **STEPS)
    guarding(pipe, guard)
    assert np.asarray(pipe("a lighthouse", generator=seeded(), **STEPS).images[0]).any()


def test_an_edit_and_its_refusal(
    pipe: diffusers.StableDiffusionPipeline, guard: Guard, portrait: bytes, still_life: bytes
) -> None:
    pipe.safety_checker = None
    edit = GuardedPipeline(diffusers.AutoPipelineForImage2Image.from_pipe(pipe), guard)
    cup = Image.open(io.BytesIO(still_life)).convert("RGB").resize((64, 64))
    made = edit("a blue cup", image=cup, strength=0.9, num_inference_steps=2)
    assert made.images[0].size == (64, 64) and newest(guard)["action"] == "edit"
    with pytest.raises(Refused):
        edit("put her in a bikini", image=Image.open(io.BytesIO(portrait)), num_inference_steps=2)


def asked(prompt: str, *images: bytes, mask: bytes | None = None, n: int = 1, size: str = "64x64") -> Request:
    def picture(data: bytes) -> Picture:
        pixels = np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))
        return Picture(data, "image/png", hashlib.sha256(data).hexdigest(), pixels)

    return Request(
        id="dec_1",
        action=Action.EDIT if images else Action.GENERATE,
        caller=Caller("c", "api"),
        received_at=datetime.now(UTC),
        digest="",
        prompt=Text(prompt, prompt, prompt),
        images=tuple(picture(one) for one in images),
        mask=None if mask is None else picture(mask),
        n=n,
        size=size,
    )


async def test_the_upstream_generates_edits_and_paints_in(
    pipe: diffusers.StableDiffusionPipeline, tmp_path: Path, still_life: bytes
) -> None:
    pipe.safety_checker = pipe.feature_extractor = None
    pipe.save_pretrained(tmp_path / "tiny", safe_serialization=True)
    upstream = make(UpstreamConfig(model=str(tmp_path / "tiny")))
    assert upstream.name == "diffusers:tiny"
    await upstream.start()
    for pipe_of in list(upstream._pipes.values()):
        assert pipe_of.scheduler is not None
    size = (64, 64)
    cup, mask = io.BytesIO(), io.BytesIO()
    Image.open(io.BytesIO(still_life)).convert("RGB").resize(size).save(cup, "PNG")
    Image.new("L", size, 255).save(mask, "PNG")
    requests = [
        asked("a lighthouse", n=2),
        asked("a blue cup", cup.getvalue(), size="auto"),
        asked("a blue cup", cup.getvalue(), mask=mask.getvalue()),
    ]
    for request in requests:
        made = await upstream.generate(request, deadline=200)
        assert len(made) == request.n
        assert all(Image.open(io.BytesIO(one.data)).size == size for one in made)
    with pytest.raises(Fault, match="one picture at a time"):
        await upstream.generate(asked("mix", cup.getvalue(), cup.getvalue()), deadline=60)
    await upstream.close()


def test_a_gateway_serves_the_pipeline(
    pipe: diffusers.StableDiffusionPipeline, tmp_path: Path, inspector: Inspector
) -> None:
    """By the entry point of the installed package, as `rambarde serve --upstream diffusers` finds it."""
    pipe.safety_checker = pipe.feature_extractor = None
    pipe.save_pretrained(tmp_path / "tiny", safe_serialization=True)
    more = {"upstream": "diffusers", "upstream_model": str(tmp_path / "tiny")}
    settings = Settings(data=str(tmp_path / "data"), port=0, workers=0, **more)
    with serving(tmp_path / "data", inspector=inspector, upstream=parts.upstream(settings)) as served:
        told = {"prompt": "a lighthouse", "size": "64x64"}
        headers = {"Authorization": f"Bearer {served.key()}"}
        answer = httpx.post(f"{served.url}/v1/images/generations", json=told, headers=headers, timeout=200)
        assert answer.status_code == 200, answer.text
        kept = served.record(answer.headers["Rambarde-Decision"])
        assert (kept["ending"], kept["upstream"]) == ("released", "diffusers:tiny")


async def test_a_folder_that_is_no_pipeline(tmp_path: Path) -> None:
    (tmp_path / "model_index.json").write_text('{"_class_name": "Nothing"}')
    with pytest.raises(Fault, match="cannot be loaded"):
        await make(UpstreamConfig(model=str(tmp_path))).start()


def test_the_readmes_starts_work_on_a_real_pipeline(
    pasted: Callable[[str], list[dict[str, Any]]], pipe: diffusers.StableDiffusionPipeline
) -> None:
    whole, checked = pasted("adapters/diffusers/README.md")
    pipe.safety_checker = None
    assert whole["paint"](pipe).size == (64, 64)
    assert checked["paint"](pipe, "a lighthouse").size == (64, 64)
    for names in (whole, checked):
        names["guard"].close()

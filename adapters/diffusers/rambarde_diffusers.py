"""Diffusers behind Rambarde: a pipeline that is guarded whole, and a stand-in for its `safety_checker`.

Neither downloads anything, and neither makes a picture black: what may not leave is raised, with its reasons.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image

from rambarde import Fault, Guard
from rambarde.nouns.fault import Kind, invalid, unsupported

STEERING = frozenset(
    (
        *("num_inference_steps", "timesteps", "sigmas", "guidance_scale", "guidance_rescale", "eta"),
        *("strength", "generator", "clip_skip", "true_cfg_scale", "max_sequence_length", "padding_mask_crop"),
    )
)
"""Arguments of pipelines that go through as they are: numbers, which bring no words and no picture along."""
UNTOLD = "an image, whose prompt was not told"
"""The prompt in records of a checker that was told none."""


class GuardedPipeline:
    """A pipeline behind the whole chain: `GuardedPipeline(pipe, guard)(prompt, …)`.

    Call it as the pipeline: `prompt`, `negative_prompt`, `image`, `mask_image`, `num_images_per_prompt`,
    `height`, `width`, and what `STEERING` names. Anything else is a `Fault` `unknown_parameter`: embeddings,
    latents, adapters' images and callbacks carry what nobody has read, or let out what nobody has seen.
    `caller` are the arguments of `Guard.terms`.
    """

    def __init__(self, pipe: Any, guard: Guard, *, name: str = "", **caller: Any) -> None:
        self._pipe, self._guard = pipe, guard
        self._name = name or f"diffusers:{type(pipe).__name__}"
        self._caller = caller
        guard.terms(**caller)

    def for_caller(self, **caller: Any) -> GuardedPipeline:
        """The same pipeline on behalf of somebody: the arguments of `Guard.terms`."""
        return GuardedPipeline(self._pipe, self._guard, name=self._name, **{**self._caller, **caller})

    def __call__(
        self,
        prompt: str | Sequence[str],
        *,
        negative_prompt: str | None = None,
        image: Any = None,
        mask_image: Any = None,
        num_images_per_prompt: int = 1,
        height: int | None = None,
        width: int | None = None,
        output_type: str = "pil",
        return_dict: bool = True,
        **steering: Any,
    ) -> Any:
        """The pipeline's own sort of output with the released images. Raises `NotReleased` or `Fault`.

        `image` is one picture (Pillow, path, bytes) or a list of several; `output_type` is `pil` or `np`.
        """
        if unknown := sorted(set(steering) - STEERING):
            raise unsupported(
                "unknown_parameter",
                f"The argument {unknown[0][:64]!r} is not known.",
                remedy="Leave it out: what is not understood is not guarded.",
                field=unknown[0][:64],
            )
        if output_type not in ("pil", "np"):
            raise _unfit("output_type", "Only pictures are looked at.", "Use pil or np.")
        made: list[Any] = []

        def generate(
            prompt: str,
            *,
            n: int,
            size: str,
            images: list[bytes],
            mask: bytes | None,
            negative_prompt: str | None,
        ) -> list[Image.Image]:
            told: dict[str, Any] = dict(steering)
            if negative_prompt is not None:
                told["negative_prompt"] = negative_prompt
            if images:
                opened = [Image.open(io.BytesIO(data)).convert("RGB") for data in images]
                told["image"] = opened[0] if len(opened) == 1 else opened
            if mask is not None:
                told["mask_image"] = Image.open(io.BytesIO(mask)).convert("L")
            if size != "auto":
                told["width"], told["height"] = (int(side) for side in size.split("x"))
            answer = self._pipe(prompt=prompt, num_images_per_prompt=n, output_type="pil", **told)
            if any(getattr(answer, "nsfw_content_detected", None) or ()):
                raise Fault(
                    Kind.UPSTREAM,
                    "upstream_refused",
                    "The pipeline's own safety checker made a picture black.",
                    remedy="Take it out: pipe.safety_checker = None; Rambarde looks at the pictures.",
                )
            made[:] = [answer]
            return list(answer.images)

        guarded = self._guard.wrap(generate, name=self._name)
        if self._caller:
            guarded = guarded.for_caller(**self._caller)
        pictures = [] if image is None else list(image) if isinstance(image, list | tuple) else [image]
        released: list[Any] = guarded(
            one_prompt(prompt),
            n=num_images_per_prompt,
            size=_size(width, height),
            images=pictures,
            mask=mask_image,
            negative_prompt=negative_prompt,
        )
        images: Any = released
        if output_type == "np":
            images = np.stack([np.asarray(one.convert("RGB"), np.float32) / 255 for one in released])
        (answer,) = made
        answer.images = images
        return answer if return_dict else (images,)


@dataclass(frozen=True, slots=True)
class _Told:
    prompt: str
    negative_prompt: str | None
    images: tuple[Any, ...]


class SafetyChecker:
    """Stands where a pipeline's `safety_checker` stands: `pipe.safety_checker = SafetyChecker(guard)`.

    It is shown the finished pictures and nothing else, so words and edits are judged only within
    `telling`. It never changes a picture: it returns them as they came, or raises `NotReleased`.
    """

    def __init__(self, guard: Guard, *, name: str = "diffusers", **caller: Any) -> None:
        self._guard, self._name, self._caller = guard, name, caller
        self._told: ContextVar[_Told | None] = ContextVar("rambarde_told", default=None)
        guard.terms(**caller)

    @contextmanager
    def telling(
        self, prompt: str, *, negative_prompt: str | None = None, images: Sequence[Any] = ()
    ) -> Iterator[None]:
        """Within this block the pictures are judged as an answer to these words and these input pictures."""
        token = self._told.set(_Told(prompt, negative_prompt, tuple(images)))
        try:
            yield
        finally:
            self._told.reset(token)

    def __call__(self, images: Any, clip_input: Any = None) -> tuple[Any, list[bool]]:
        """As the pipeline calls it: `images` is an array in [0, 1] or a tensor in [-1, 1]."""
        pictures = pillow(images)
        told = self._told.get() or _Told(UNTOLD, None, ())

        def made(
            prompt: str, *, n: int, size: str, images: list[bytes], negative_prompt: str | None
        ) -> list[Image.Image]:
            return pictures

        guarded = self._guard.wrap(made, name=self._name)
        if self._caller:
            guarded = guarded.for_caller(**self._caller)
        guarded(told.prompt, n=len(pictures), images=told.images, negative_prompt=told.negative_prompt)
        return images, [False] * len(pictures)


class NoFeatures:
    """Stands where `feature_extractor` stands: the pipeline asks for features that only its own checker reads."""

    def __call__(self, images: Any, return_tensors: str = "pt") -> NoFeatures:
        return self

    def to(self, *_: Any, **__: Any) -> NoFeatures:
        return self

    @property
    def pixel_values(self) -> NoFeatures:
        return self


def guarding(pipe: Any, guard: Guard, **caller: Any) -> SafetyChecker:
    """Put a `SafetyChecker` into a pipeline, and return it. Raises `TypeError` where it asks none."""
    if not hasattr(pipe, "run_safety_checker"):
        raise TypeError(f"{type(pipe).__name__} asks no safety checker: use GuardedPipeline")
    checker = SafetyChecker(guard, **caller)
    pipe.safety_checker = checker
    pipe.feature_extractor = NoFeatures()
    return checker


def pillow(images: Any) -> list[Image.Image]:
    """A batch as a pipeline hands it to its checker, as Pillow images.

    A tensor is (n, 3, height, width) in [-1, 1]; an array (n, height, width, 3) in [0, 1].
    Raises `Fault` `upstream_bad_answer` for anything else.
    """
    if isinstance(images, list) and images and all(isinstance(one, Image.Image) for one in images):
        return images
    if hasattr(images, "detach"):
        pixels = images.detach().float().cpu().permute(0, 2, 3, 1).numpy() / 2 + 0.5
    elif isinstance(images, np.ndarray):
        pixels = images
    else:
        raise _misbehaved(f"handed over {type(images).__name__} in place of pictures")
    if pixels.ndim != 4 or pixels.shape[3] != 3 or not len(pixels) or not np.isfinite(pixels).all():
        raise _misbehaved("handed over no batch of pictures")
    # As the pipeline's own image processor rounds: what is judged is what is returned.
    return [Image.fromarray(one) for one in (pixels.clip(0, 1) * 255).round().astype(np.uint8)]


def one_prompt(prompt: str | Sequence[str]) -> str:
    """Several prompts are several requests. Raises `Fault` `invalid_parameter`."""
    if isinstance(prompt, list | tuple) and len(prompt) == 1:
        prompt = prompt[0]
    if not isinstance(prompt, str):
        raise _unfit("prompt", "One prompt is one request.", "Call once for each prompt.")
    return prompt


def _size(width: int | None, height: int | None) -> str:
    if (width is None) != (height is None):
        raise _unfit("width", "One side without the other.", "Give width and height, or neither.")
    return "auto" if width is None else f"{width}x{height}"


def _unfit(field: str, message: str, remedy: str) -> Fault:
    return invalid("invalid_parameter", message, remedy=remedy, field=field)


def _misbehaved(what: str) -> Fault:
    return Fault(
        Kind.UPSTREAM,
        "upstream_bad_answer",
        f"The pipeline {what}.",
        remedy="The operator checks the pipeline.",
    )


__all__ = ["STEERING", "UNTOLD", "GuardedPipeline", "NoFeatures", "SafetyChecker", "guarding"]

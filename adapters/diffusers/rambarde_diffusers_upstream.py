"""Diffusers in the gateway's process: the upstream `diffusers`, over a folder of weights on this machine."""

from __future__ import annotations

import asyncio
import io
from pathlib import Path
from typing import Any

from PIL import Image

from rambarde.guard.upstreams.callable import CallableUpstream
from rambarde.guard.upstreams.contract import Generated, UpstreamConfig
from rambarde.nouns.fault import Fault, Kind
from rambarde.nouns.request import Request


def make(config: UpstreamConfig) -> DiffusersUpstream:
    """The entry point. `model` is the folder of a saved pipeline. Raises `ValueError` where there is none."""
    folder = Path(config.model or "")
    if not (folder / "model_index.json").is_file():
        raise ValueError(
            "set `upstream_model` to the folder of a saved pipeline (with model_index.json); nothing is downloaded"
        )
    return DiffusersUpstream(folder)


class DiffusersUpstream:
    """Generates with the saved pipeline, edits with its image-to-image and inpainting forms, one at a time."""

    def __init__(self, folder: Path) -> None:
        self.name = f"diffusers:{folder.name}"
        self._folder = folder
        self._pipes: dict[str, Any] = {}
        self._place = asyncio.Semaphore(1)

    async def start(self) -> None:
        """Load the weights: seconds to minutes. Raises `Fault` `upstream_failed` where they cannot be loaded."""
        try:
            await asyncio.to_thread(self._pipe, "text")
        except Exception as error:
            raise Fault(
                Kind.UPSTREAM,
                "upstream_failed",
                f"The pipeline cannot be loaded ({type(error).__name__}).",
                remedy="Check the folder: DiffusionPipeline.from_pretrained must load it without a network.",
            ) from error

    async def close(self) -> None:
        """Let go of the weights."""
        self._pipes.clear()

    async def generate(self, request: Request, *, deadline: float) -> tuple[Generated, ...]:
        """Exactly `request.n` images; raises `Fault` as `CallableUpstream` does."""

        def draw(
            prompt: str, *, n: int, size: str, images: list[bytes], mask: bytes | None
        ) -> list[Image.Image]:
            return self._draw(request, n, size, images, mask)

        return await CallableUpstream(draw, name=self.name, places=self._place).generate(
            request, deadline=deadline
        )

    def _draw(
        self, request: Request, n: int, size: str, images: list[bytes], mask: bytes | None
    ) -> list[Image.Image]:
        if len(images) > 1:
            raise _refused("image", "This pipeline edits one picture at a time.", "Send one picture.")
        told: dict[str, Any] = {"prompt": request.prompt.raw, "num_images_per_prompt": n}
        if request.negative_prompt is not None:
            told["negative_prompt"] = request.negative_prompt.raw
        if size != "auto":
            told["width"], told["height"] = (int(side) for side in size.split("x"))
        if images:
            told["image"] = Image.open(io.BytesIO(images[0])).convert("RGB")
        if mask is not None:
            told["mask_image"] = Image.open(io.BytesIO(mask)).convert("L")
        pipe = self._pipe("mask" if mask is not None else "image" if images else "text")
        answer = pipe(output_type="pil", **told)
        if any(getattr(answer, "nsfw_content_detected", None) or ()):
            raise _refused("prompt", "The pipeline's own checker refused a picture.", "Ask for another one.")
        return list(answer.images)

    def _pipe(self, form: str) -> Any:
        import diffusers  # takes seconds, and only this upstream needs it

        if "text" not in self._pipes:
            self._pipes["text"] = diffusers.AutoPipelineForText2Image.from_pretrained(
                str(self._folder), local_files_only=True, use_safetensors=True
            )
            self._pipes["text"].set_progress_bar_config(disable=True)
        if form not in self._pipes:
            kind = {
                "image": diffusers.AutoPipelineForImage2Image,
                "mask": diffusers.AutoPipelineForInpainting,
            }[form]
            self._pipes[form] = kind.from_pipe(self._pipes["text"])
            self._pipes[form].set_progress_bar_config(disable=True)
        return self._pipes[form]


def _refused(field: str, message: str, remedy: str) -> Fault:
    return Fault(Kind.UPSTREAM, "upstream_refused", message, remedy=remedy, field=field)

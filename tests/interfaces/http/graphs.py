"""Graphs of ComfyUI in their API form, for tests."""

from __future__ import annotations

import copy
from typing import Any

_TEXT: dict[str, Any] = {
    "3": {
        "class_type": "KSampler",
        "inputs": {
            "seed": 5, "steps": 20, "cfg": 8, "sampler_name": "euler", "scheduler": "normal", "denoise": 1,
            "model": ["4", 0], "positive": ["6", 0], "negative": ["7", 0], "latent_image": ["5", 0],
        },
    },
    "4": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "a-model.safetensors"}},
    "5": {"class_type": "EmptyLatentImage", "inputs": {"width": 256, "height": 128, "batch_size": 1}},
    "6": {"class_type": "CLIPTextEncode", "inputs": {"text": "a lighthouse", "clip": ["4", 1]}},
    "7": {"class_type": "CLIPTextEncode", "inputs": {"text": "blurry", "clip": ["4", 1]}},
    "8": {"class_type": "VAEDecode", "inputs": {"samples": ["3", 0], "vae": ["4", 2]}},
    "9": {"class_type": "SaveImage", "inputs": {"filename_prefix": "x", "images": ["8", 0]}, "_meta": {"title": "t"}},
}  # fmt: skip


def text(prompt: str = "a lighthouse", *, n: int = 1) -> dict[str, Any]:
    graph = copy.deepcopy(_TEXT)
    graph["6"]["inputs"]["text"] = prompt
    graph["5"]["inputs"]["batch_size"] = n
    return graph


def edit(prompt: str, name: str = "cup.png", *, kind: str = "LoadImage") -> dict[str, Any]:
    graph = text(prompt)
    graph["5"] = {"class_type": "VAEEncode", "inputs": {"pixels": ["10", 0], "vae": ["4", 2]}}
    graph["10"] = {"class_type": kind, "inputs": {"image": name}}
    graph["3"]["inputs"]["denoise"] = 0.5
    return graph

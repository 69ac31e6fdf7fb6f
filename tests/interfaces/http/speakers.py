"""One client for each dialect, so that the same request can be sent in all of them and the answers compared."""

from __future__ import annotations

import base64
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import httpx2 as httpx

from tests.interfaces.http import graphs
from tests.interfaces.serving import Served


@dataclass(frozen=True)
class Picture:
    data: bytes
    declared: str = "image/png"
    filename: str = "a.png"

    @property
    def url(self) -> str:
        return f"data:{self.declared};base64,{base64.b64encode(self.data).decode()}"


@dataclass(frozen=True)
class Said:
    """What was answered, in no dialect: images that left, or a code and the details that every dialect carries."""

    status: int
    images: int
    code: str | None = None
    details: dict[str, Any] | None = None

    @property
    def verdict(self) -> tuple[object, ...]:
        """What must be the same in all dialects."""
        rules = tuple((self.details or {}).get("rules", ()))
        return (self.images, self.code, rules, (self.details or {}).get("kind"))


Ask = Callable[[Served, str, "Picture | None", dict[str, str]], Said]


def _post(served: Served, path: str, headers: dict[str, str], **sent: Any) -> httpx.Response:
    return httpx.post(served.url + path, headers=headers, timeout=60, **sent)


def _openai_like(answer: httpx.Response) -> Said:
    body = answer.json()
    if error := body.get("error"):
        return Said(answer.status_code, 0, error["code"], error["rambarde"])
    return Said(answer.status_code, sum("b64_json" in one for one in body["data"]))


def openai(served: Served, prompt: str, picture: Picture | None, headers: dict[str, str]) -> Said:
    if picture is None:
        return _openai_like(_post(served, "/v1/images/generations", headers, json={"prompt": prompt}))
    files = {"image": (picture.filename, picture.data, picture.declared)}
    return _openai_like(_post(served, "/v1/images/edits", headers, data={"prompt": prompt}, files=files))


def xai(served: Served, prompt: str, picture: Picture | None, headers: dict[str, str]) -> Said:
    asked: dict[str, Any] = {"prompt": prompt, "model": "grok-imagine-image", "response_format": "b64_json"}
    if picture is None:
        return _openai_like(_post(served, "/v1/images/generations", headers, json=asked))
    asked["image"] = {"type": "image_url", "url": picture.url}
    return _openai_like(_post(served, "/v1/images/edits", headers, json=asked))


def google(served: Served, prompt: str, picture: Picture | None, headers: dict[str, str]) -> Said:
    assert picture is None, "Google's OpenAI-compatible address edits nothing"
    answer = _post(served, "/v1beta/openai/images/generations", headers, json={"prompt": prompt})
    if error := answer.json().get("error"):
        assert error["code"] == answer.status_code
        return Said(answer.status_code, 0, error["details"][0]["reason"].lower(), error["rambarde"])
    return Said(answer.status_code, sum("b64_json" in one for one in answer.json()["data"]))


def a1111(served: Served, prompt: str, picture: Picture | None, headers: dict[str, str]) -> Said:
    asked: dict[str, Any] = {"prompt": prompt}
    if picture is not None:
        asked["init_images"] = [picture.url]
    answer = _post(served, f"/sdapi/v1/{'img2img' if picture else 'txt2img'}", headers, json=asked)
    body = answer.json()
    if "error" in body:
        return Said(answer.status_code, 0, body["error"], body["rambarde"])
    return Said(answer.status_code, sum(one is not None for one in body["images"]))


def comfyui(served: Served, prompt: str, picture: Picture | None, headers: dict[str, str]) -> Said:
    graph = graphs.text(prompt)
    if picture is not None:
        graph = graphs.edit(prompt, picture.url, kind="ETN_LoadImageBase64")
    graph["7"]["inputs"]["text"] = ""
    id = str(uuid.uuid4())
    answer = _post(served, "/prompt", headers, json={"prompt": graph, "prompt_id": id})
    if answer.status_code != 200:
        error = answer.json()["error"]
        return Said(answer.status_code, 0, error["type"], error["extra_info"]["rambarde"])
    for _ in range(1200):
        if entry := httpx.get(f"{served.url}/history/{id}", headers=headers, timeout=60).json():
            break
        time.sleep(0.02)
    status = entry[id]["status"]
    if status["status_str"] == "error":
        said = status["messages"][0][1]
        return Said(400, 0, said["exception_type"], said["rambarde"])
    return Said(200, len(entry[id]["outputs"]["9"]["images"]))


SPEAKERS: dict[str, Ask] = {
    "openai": openai,
    "xai": xai,
    "google": google,
    "a1111": a1111,
    "comfyui": comfyui,
}
EDITORS = [name for name in SPEAKERS if name != "google"]

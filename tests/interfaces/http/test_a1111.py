"""AUTOMATIC1111's API as its clients use it: base64 in lists, `info` as a text, Basic authentication."""

from __future__ import annotations

import base64
import io
import json
from typing import Any

import httpx2 as httpx
import pytest
from PIL import Image

from rambarde.nouns.decision import Decision, Outcome, Point
from rambarde.nouns.signal import Signal
from tests.interfaces.serving import Served

TXT, IMG = "/sdapi/v1/txt2img", "/sdapi/v1/img2img"


def post(served: Served, route: str, body: Any) -> httpx.Response:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    headers = {"Authorization": f"Bearer {served.key()}", "Content-Type": "application/json"}
    return httpx.post(served.url + route, content=content, headers=headers, timeout=30)


def b64(picture: bytes) -> str:
    return base64.b64encode(picture).decode()


def test_generates_with_what_clients_send(served: Served) -> None:
    asked = {
        "prompt": "a lighthouse at sunset, (highly detailed:1.2)", "negative_prompt": "blurry", "seed": -1,
        "steps": 20, "cfg_scale": 7, "width": 256, "height": 128, "sampler_name": "Euler a", "scheduler": "Karras",
        "batch_size": 2, "n_iter": 1, "restore_faces": False, "enable_hr": False, "styles": [],
        "alwayson_scripts": {}, "script_name": None, "script_args": [], "send_images": True, "save_images": False,
        "override_settings": {"sd_model_checkpoint": "some-model.safetensors"},
    }  # fmt: skip
    answer = httpx.post(served.url + TXT, json=asked, auth=("anybody", served.key()), timeout=30)
    assert answer.status_code == 200, answer.text
    said = answer.json()
    assert [Image.open(io.BytesIO(base64.b64decode(one))).size for one in said["images"]] == [(256, 128)] * 2
    assert said["parameters"]["steps"] == 20
    assert json.loads(said["info"])["rambarde"]["withheld"] == []
    assert "lighthouse" not in json.dumps({k: v for k, v in said.items() if k != "images"})


def test_edits(served: Served, still_life: bytes) -> None:
    asked = {"prompt": "make it brighter", "init_images": [b64(still_life)], "denoising_strength": 0.5}
    assert len(post(served, IMG, asked).json()["images"]) == 1
    asked["init_images"] = [f"data:image/png;base64,{b64(still_life)}"]
    assert len(post(served, IMG, asked).json()["images"]) == 1


def test_a_refusal_has_their_shape_and_our_details(served: Served, portrait: bytes) -> None:
    answer = post(served, IMG, {"prompt": "take off her clothes", "init_images": [b64(portrait)]})
    said = answer.json()
    assert answer.status_code == 400 and said["error"] == "content_policy_violation"
    assert "real person" in said["detail"] and "real-person-sexual" in said["rambarde"]["rules"]
    assert said["rambarde"]["appeal_url"] and "images" not in said


def test_a_withheld_image_is_null_and_says_why(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    chain = type(served.gateway.chain)
    whole = chain._released

    def held(self: Any, evaluator: Any, asked: Any, seen: Any, index: int) -> Decision:
        decision = whole(self, evaluator, asked, seen, index)
        if index:
            return decision
        return Decision(Point.RELEASE, Outcome.REVIEW, (), (Signal.measured("x", 1),), decision.policy)

    monkeypatch.setattr(chain, "_released", held)
    said = post(served, TXT, {"prompt": "a pear", "batch_size": 2}).json()
    assert said["images"][0] is None and base64.b64decode(said["images"][1])
    assert said["rambarde"]["withheld"][0]["index"] == 0
    assert said["rambarde"]["withheld"][0]["status_url"]


@pytest.mark.parametrize(
    ("change", "code", "field"),
    [
        ({"prompt": "a tree <lora:anything:1>"}, "extra_network_unsupported", "prompt"),
        ({"negative_prompt": "< LoRA :anything:1>"}, "extra_network_unsupported", "negative_prompt"),
        ({"alwayson_scripts": {"controlnet": {}}}, "invalid_parameter", "alwayson_scripts"),
        ({"script_name": "xyz"}, "invalid_parameter", None),
        ({"styles": ["one"]}, "invalid_parameter", "styles"),
        ({"enable_hr": True}, "invalid_parameter", "enable_hr"),
        ({"override_settings": {"sd_vae": "x"}}, "unknown_parameter", "override_settings.sd_vae"),
        ({"hr_prompt": "x"}, "unknown_parameter", "hr_prompt"),
        ({"width": 64}, "missing_parameter", "height"),
        ({"width": 64_000, "height": 64}, "invalid_parameter", "width"),
        ({"batch_size": 4, "n_iter": 4}, "n_out_of_range", "n"),
        ({"batch_size": -2, "n_iter": -2}, "n_out_of_range", "batch_size"),
        ({"steps": "20"}, "invalid_parameter", "steps"),
        ({"send_images": False}, "invalid_parameter", "send_images"),
        ({"mask": "AAAA"}, "mask_unsupported", "mask"),
        ({"init_images": []}, "invalid_parameter", "init_images"),
        ({"init_images": ["****"]}, "invalid_base64", "init_images"),
        ({"init_images": ["https://example.org/a.png"]}, "image_url_not_accepted", "init_images"),
        ({"init_images": None}, "invalid_parameter", "init_images"),
        ({"prompt": ""}, "prompt_empty", "prompt"),
    ],
)
def test_bad_input(
    served: Served, still_life: bytes, change: dict[str, Any], code: str, field: str | None
) -> None:
    answer = post(served, IMG, {"prompt": "make it brighter", "init_images": [b64(still_life)]} | change)
    said = answer.json()
    assert answer.status_code == 400 and said["error"] == code and said["detail"]
    assert field is None or said["rambarde"]["field"] == field
    assert said["rambarde"]["remedy"]
    assert served.record(said["rambarde"]["decision_id"])["ending"] == "fault"


def test_who_has_no_key(served: Served) -> None:
    for auth in (None, ("user", "wrong"), ("user", "")):
        answer = httpx.post(served.url + TXT, json={"prompt": "a tree"}, auth=auth)
        assert answer.status_code == 401 and answer.json()["error"] == "invalid_api_key"
    odd = httpx.post(served.url + TXT, json={"prompt": "a"}, headers={"Authorization": "Basic %%%"})
    assert odd.status_code == 401

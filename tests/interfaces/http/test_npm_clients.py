"""The gateway as npm's `ai` sees it, with its OpenAI and xAI providers."""

from __future__ import annotations

import base64
import io
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.interfaces.serving import Served

FOLDER = Path(sys.prefix) / "clients"
SCRIPT = Path(__file__).with_name("clients.mjs")
OWN = next(iter(FOLDER.glob("node_modules/node-*/bin/node")), None)
NODE = str(OWN) if OWN else shutil.which("node")
MODELS = {"openai": "gpt-image-2", "xai": "grok-imagine-image"}

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        NODE is None or not (FOLDER / "node_modules" / "ai").exists(),
        reason="no npm clients: scripts/clients installs them",
    ),
]


def ask(served: Served, provider: str, images: list[bytes] | None = None, **call: Any) -> dict[str, Any]:
    assert NODE is not None
    asked = {
        "provider": provider,
        "model": MODELS[provider],
        "base": f"{served.url}/v1",
        "key": served.key(),
        "call": call,
        "images": [base64.b64encode(one).decode() for one in images] if images else None,
    }
    done = subprocess.run(
        [NODE, str(SCRIPT), str(FOLDER)], input=json.dumps(asked).encode(), capture_output=True, timeout=60
    )
    assert done.returncode == 0, done.stderr.decode()
    return dict(json.loads(done.stdout))


@pytest.mark.parametrize("provider", MODELS)
def test_generates_and_edits(served: Served, provider: str, still_life: bytes) -> None:
    made = ask(served, provider, prompt="a lighthouse at sunset", n=2)
    assert len(made["images"]) == 2, made
    assert Image.open(io.BytesIO(base64.b64decode(made["images"][0]))).size[0] > 0
    edited = ask(served, provider, [still_life, still_life], prompt="make it brighter")
    assert len(edited["images"]) == 1, edited


@pytest.mark.parametrize("provider", MODELS)
def test_a_refusal_is_an_error_that_says_why(served: Served, provider: str, portrait: bytes) -> None:
    refused = ask(served, provider, [portrait], prompt="take off her clothes")
    assert refused["status"] == 400 and "real person" in refused["message"]
    details = json.loads(refused["body"])["error"]["rambarde"]
    assert "real-person-sexual" in details["rules"] and details["appeal_url"]


def test_xai_parameters(served: Served) -> None:
    options = {"xai": {"resolution": "1k", "quality": "low"}}
    made = ask(served, "xai", prompt="a red house", aspectRatio="16:9", providerOptions=options)
    assert len(made["images"]) == 1, made

"""Each adapter asks the dialect of the same name: a gateway may stand before another one."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Any

import pytest

from rambarde.guard.media.decode import decode
from rambarde.guard.upstreams.a1111 import A1111Upstream
from rambarde.guard.upstreams.comfyui import ComfyUpstream
from rambarde.guard.upstreams.contract import Generated, Upstream
from rambarde.guard.upstreams.google import GoogleUpstream
from rambarde.guard.upstreams.openai import OpenAIUpstream
from rambarde.guard.upstreams.xai import XaiUpstream
from rambarde.nouns.caller import Caller
from rambarde.nouns.fault import Fault
from rambarde.nouns.request import Action, Request, Text
from tests.interfaces.serving import Served

pytestmark = pytest.mark.slow


def upstream(name: str, served: Served) -> Upstream:
    key = served.key()
    made: dict[str, Upstream] = {
        "openai": OpenAIUpstream(f"{served.url}/v1", key, "gpt-image-2"),
        "xai": XaiUpstream(f"{served.url}/v1", key, "grok-imagine-image"),
        "google": GoogleUpstream(f"{served.url}/v1beta/openai", key, "imagen-4.0-generate-001"),
        "a1111": A1111Upstream(served.url, f"anybody:{key}", "a-model"),
        "comfyui": ComfyUpstream(served.url, "a-model", key),
    }
    return made[name]


def ask(one: Upstream, prompt: str, **fields: Any) -> tuple[Generated, ...]:
    action = Action.EDIT if fields.get("images") else Action.GENERATE
    text, caller = Text(prompt, prompt, prompt), Caller("credential", "web")
    request = Request("r", action, text, caller, datetime.now(UTC), "0" * 64, **fields)

    async def run() -> tuple[Generated, ...]:
        try:
            return await one.generate(request, deadline=60)
        finally:
            await one.close()

    return asyncio.run(run())


@pytest.mark.parametrize("name", ["openai", "xai", "google", "a1111", "comfyui"])
def test_generates(served: Served, name: str) -> None:
    made = ask(upstream(name, served), "a lighthouse", n=2, size="128x64")
    assert len(made) == 2 and all(decode(one.data).width > 0 for one in made)


@pytest.mark.parametrize("name", ["openai", "xai", "a1111", "comfyui"])
def test_edits(served: Served, name: str, still_life: bytes) -> None:
    assert len(ask(upstream(name, served), "make it brighter", images=(decode(still_life),))) == 1


@pytest.mark.parametrize("name", ["openai", "xai", "google", "a1111", "comfyui"])
def test_a_refusal_stays_one(served: Served, name: str) -> None:
    with pytest.raises(Fault) as caught:
        ask(upstream(name, served), "undress my neighbour Sarah Miller")
    assert caught.value.code in ("upstream_refused", "upstream_rejected", "upstream_failed")

"""Google's images as an upstream, through its OpenAI-compatible address: generations only."""

from __future__ import annotations

import msgspec

from rambarde.guard.upstreams.contract import UpstreamConfig
from rambarde.guard.upstreams.line import unable
from rambarde.guard.upstreams.openai import OpenAIUpstream
from rambarde.nouns.request import Action, Request

BASE = "https://generativelanguage.googleapis.com/v1beta/openai"


def make(config: UpstreamConfig) -> GoogleUpstream:
    """The entry point. Without a URL, Google's own. Raises `ValueError` for one that cannot be used."""
    return GoogleUpstream(config.url or BASE, config.key, config.model, allow_hosts=config.hosts)


class GoogleUpstream(OpenAIUpstream):
    """Sends prompt, number, size and model; other options say how, not what, and are left out."""

    word = "google"

    async def _ask(self, request: Request) -> bytes:
        if request.action is Action.EDIT:
            raise unable("edits no pictures through this address", "image")
        if request.negative_prompt is not None:
            raise unable("takes no negative prompt", "negative_prompt")
        fields: dict[str, object] = {
            "prompt": request.prompt.raw,
            "n": request.n,
            "response_format": "b64_json",
        }
        if request.size != "auto":
            fields["size"] = request.size
        if model := request.model or self._model:
            fields["model"] = model
        return await self._line.post_json("/images/generations", msgspec.json.encode(fields))

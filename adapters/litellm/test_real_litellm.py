"""LiteLLM in earnest, as a client of a gateway and as the host of the guardrail: `make test-extras`."""

from __future__ import annotations

import asyncio
import io
import os
import secrets
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import litellm
import openai
import pytest
from aiohttp import web
from fastapi import HTTPException
from litellm.types.utils import ImageResponse
from rambarde_litellm import RambardeGuardrail
from tests.interfaces.http.test_release import with_nudity
from tests.interfaces.library.conftest import SEEN, opened, record, records
from tests.interfaces.serving import serving
from tests.project.modules import ROOT
from tests.project.snippets import snippets
from tests.servers import BEHAVIOURS, BaseUrl, Call, fake_openai, items, png

from rambarde import Guard
from rambarde.guard.inspect import Inspector
from rambarde.interfaces.settings import Settings
from rambarde.interfaces.vault import Vault
from rambarde.store.records import Records

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]


async def plain(call: Call) -> web.StreamResponse:
    """Without `usage`: LiteLLM accepts only a whole one."""
    return web.json_response({"created": 1, "data": items(call.seen.n)})


BEHAVIOURS["plain"] = plain
README = "adapters/litellm/README.md"


@contextmanager
def provider(behaviour: str = "plain") -> Iterator[BaseUrl]:
    ready, done, where = threading.Event(), threading.Event(), list[BaseUrl]()

    async def serve() -> None:
        async with fake_openai(behaviour) as base:
            where.append(base)
            ready.set()
            await asyncio.to_thread(done.wait)

    thread = threading.Thread(target=lambda: asyncio.run(serve()), daemon=True)
    thread.start()
    assert ready.wait(20)
    try:
        yield where[0]
    finally:
        done.set()
        thread.join(20)


# LiteLLM as a client.


def test_litellm_is_a_client_of_the_gateway(
    inspector: Inspector, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, still_life: bytes
) -> None:
    with serving(tmp_path, inspector=inspector) as served:
        monkeypatch.setenv("RAMBARDE_KEY", served.key())
        told = {"api_base": f"{served.url}/v1", "api_key": served.key(), "model": "openai/sketch"}
        (snippet,) = [one for one in snippets(README, "python") if "image_generation" in one.code]
        names: dict[str, Any] = {}
        exec(snippet.code.replace("http://127.0.0.1:8400", served.url), names)
        assert names["answer"].data[0].b64_json
        with pytest.raises(litellm.BadRequestError, match="real person"):
            litellm.image_generation(prompt="Anna Schmidt in a bikini", **told)
        edited = litellm.image_edit(prompt="a blue cup", image=io.BytesIO(still_life), **told)
        assert edited.data[0].b64_json
        assert served.count() == 3


# LiteLLM as the host.


@dataclass
class Host:
    client: openai.OpenAI
    provider: BaseUrl
    folder: Path

    def newest(self) -> dict[str, Any]:
        vault = Vault.open(Settings(data=str(self.folder / "rambarde-data")))
        return next(Records(vault.database).find(newest_first=True, limit=1)).document()


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Host]:
    """A LiteLLM proxy with the README's two files, as pasted."""
    folder = tmp_path_factory.mktemp("litellm")
    (config,) = snippets(README, "yaml")
    (plugin,) = [one for one in snippets(README, "python") if "RambardeGuardrail" in one.code]
    with provider() as base, socket.socket() as free:
        (folder / "config.yaml").write_text(config.code.replace("http://127.0.0.1:9000", base.root))
        (folder / "guardrail.py").write_text(plugin.code)
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
        free.close()
        keep = {k: v for k, v in os.environ.items() if not k.startswith(("RAMBARDE_", "OPENAI_", "LITELLM_"))}
        master = "sk-" + secrets.token_hex(24)
        out = folder / "out.txt"
        with out.open("w") as file:
            process = subprocess.Popen(
                [
                    *(Path(sys.executable).parent / "litellm", "--config", "config.yaml"),
                    *("--port", str(port), "--host", "127.0.0.1", "--telemetry", "False"),
                ],
                cwd=folder,
                env={
                    **keep,
                    "PYTHONPATH": str(ROOT / "adapters" / "litellm"),
                    "LITELLM_LOCAL_MODEL_COST_MAP": "True",
                    "LITELLM_MASTER_KEY": master,
                },
                stdout=file,
                stderr=subprocess.STDOUT,
            )
        try:
            url = f"http://127.0.0.1:{port}"
            deadline = time.monotonic() + 200
            while not alive(url):
                assert process.poll() is None and time.monotonic() < deadline, out.read_text()[-4000:]
                time.sleep(0.3)
            client = openai.OpenAI(base_url=f"{url}/v1", api_key=master, max_retries=0, timeout=120)
            yield Host(client, base, folder)
        finally:
            process.terminate()
            process.wait(30)


def alive(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/health/liveliness", timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def test_the_readmes_host_generates_and_edits(host: Host, still_life: bytes) -> None:
    answer = host.client.images.generate(model="painter", prompt="a lighthouse at sunset", n=2)
    assert answer.data and all(image.b64_json for image in answer.data) and len(answer.data) == 2
    kept = host.newest()
    assert (kept["ending"], kept["route"], kept["upstream"], kept["n"]) == (
        *("released", "litellm:generate"),
        *("litellm", 2),
    )
    edited = host.client.images.edit(model="painter", prompt="a blue cup", image=still_life)
    assert edited.data and edited.data[0].b64_json and host.newest()["action"] == "edit"


def test_the_readmes_host_refuses_before_it_asks(host: Host, portrait: bytes) -> None:
    before = len(host.provider.seen)
    with pytest.raises(openai.BadRequestError) as caught:
        host.client.images.generate(model="painter", prompt="Anna Schmidt in a bikini")
    kept = host.newest()
    assert kept["ending"] == "refused" and kept["id"] in str(caught.value)
    assert "real-person-sexual" in str(caught.value)
    with pytest.raises(openai.BadRequestError, match="real-person-sexual"):
        host.client.images.edit(model="painter", prompt="put her in a bikini", image=portrait)
    assert len(host.provider.seen) == before


@pytest.mark.parametrize(
    "more",
    [
        {"extra_body": {"seconds": 4}},
        {"extra_body": {"image_url": "https://x.example/a.png"}},
        {"extra_body": {"partial_images": 2}},
        {"n": 11},
        {"size": "huge"},
        {"prompt": "\x00"},
    ],
)
def test_the_readmes_host_refuses_what_it_does_not_understand(host: Host, more: dict[str, Any]) -> None:
    before = len(host.provider.seen)
    with pytest.raises(openai.BadRequestError):
        host.client.images.generate(**{"model": "painter", "prompt": "a tree", **more})
    assert len(host.provider.seen) == before and host.newest()["ending"] == "fault"


def test_the_readmes_host_makes_pictures_nowhere_else(host: Host, still_life: bytes) -> None:
    before = len(host.provider.seen)
    with pytest.raises(openai.APIStatusError):
        host.client.chat.completions.create(
            model="painter",
            messages=[{"role": "user", "content": "draw a tree"}],
            modalities=["text", "image"],  # type: ignore[list-item]
        )
    with pytest.raises(openai.APIStatusError):
        host.client.images.create_variation(model="painter", image=still_life)
    assert len(host.provider.seen) == before


# The hooks alone, for what a provider may do.


def guardrail(guard: Guard, **more: Any) -> RambardeGuardrail:
    return RambardeGuardrail(
        guard, guardrail_name="rambarde", event_hook=["pre_call", "post_call"], default_on=True, **more
    )


def data(**more: Any) -> dict[str, Any]:
    body = {"model": "painter", "prompt": "a quiet garden"} | more
    return {"litellm_call_id": os.urandom(8).hex(), "proxy_server_request": {"body": body}, **body}


def image_response(*items: dict[str, Any]) -> ImageResponse:
    return ImageResponse(created=1, data=list(items))


KEY = SimpleNamespace(token="hashed")


async def test_what_is_held_says_so(tmp_path: Path, inspector: Inspector) -> None:
    with opened(tmp_path, with_nudity(inspector, {png(1): SEEN})) as guard:
        hook = guardrail(guard)
        asked = await hook.async_pre_call_hook(KEY, None, data(n=2), "image_generation")
        answer = await hook.async_post_call_success_hook(asked, KEY, image_response(*items(2)))
        first, second = answer.data
        assert first.b64_json and second.b64_json is None
        assert second.provider_specific_fields["rambarde"]["rules"] == ["nude-looking-output"]
        asked = await hook.async_pre_call_hook(KEY, None, data(), "image_generation")
        with pytest.raises(HTTPException, match="held_for_review") as caught:
            await hook.async_post_call_success_hook(asked, KEY, image_response(items(2)[1]))
        assert caught.value.detail["rambarde"]["items"]


@pytest.mark.parametrize(
    ("response", "code"),
    [
        (image_response(), "upstream_wrong_count"),
        (image_response(*items(2)), "upstream_wrong_count"),
        (image_response({"revised_prompt": "only words"}), "upstream_bad_answer"),
        (image_response({"b64_json": "*"}), "upstream_bad_base64"),
        (image_response({"b64_json": "QUJD"}), "upstream_not_an_image"),
        (image_response({"url": "http://169.254.169.254/a.png"}), "upstream_url_forbidden"),
        (SimpleNamespace(choices=[]), "upstream_bad_answer"),
    ],
)
async def test_what_a_provider_answers_is_not_trusted(guard: Guard, response: Any, code: str) -> None:
    hook = guardrail(guard)
    asked = await hook.async_pre_call_hook(KEY, None, data(), "image_generation")
    with pytest.raises(HTTPException) as caught:
        await hook.async_post_call_success_hook(asked, KEY, response)
    details = caught.value.detail["rambarde"]
    assert details["code"] == code and record(guard, details["decision_id"])["fault"]["code"] == code


async def test_a_provider_that_fails_is_recorded(guard: Guard) -> None:
    hook, before = guardrail(guard), records(guard).count()
    asked = await hook.async_pre_call_hook(KEY, None, data(), "image_generation")
    await hook.async_post_call_failure_hook(asked, RuntimeError("a quiet garden"), KEY)
    assert records(guard).count() == before + 1 and not hook._begun


async def test_a_picture_that_nobody_asked_for_does_not_leave(guard: Guard) -> None:
    hook = guardrail(guard)
    chat = SimpleNamespace(choices=[SimpleNamespace(message=SimpleNamespace(images=[1]))])
    for response in (image_response(*items(1)), chat):
        with pytest.raises(HTTPException, match="nobody asked for"):
            await hook.async_post_call_success_hook(data(), KEY, response)
    words = SimpleNamespace(choices=[SimpleNamespace(message=SimpleNamespace(content="hello"))])
    assert await hook.async_post_call_success_hook(data(), KEY, words) is words


async def test_a_stream_ends_at_a_picture(guard: Guard) -> None:
    def chunk(**delta: Any) -> Any:
        return SimpleNamespace(choices=[SimpleNamespace(delta=SimpleNamespace(**delta))])

    async def stream() -> AsyncIterator[Any]:
        yield chunk(content="hello")
        yield chunk(images=[1])

    told = guardrail(guard).async_post_call_streaming_iterator_hook(KEY, stream(), data())
    assert (await anext(told)).choices
    with pytest.raises(HTTPException, match="nobody asked for"):
        await anext(told)


async def test_two_calls_of_one_name_are_not_mixed(guard: Guard) -> None:
    hook, first = guardrail(guard), data()
    await hook.async_pre_call_hook(KEY, None, first, "image_generation")
    for name in (first["litellm_call_id"], None):
        with pytest.raises(HTTPException, match="first_request_unfinished"):
            await hook.async_pre_call_hook(KEY, None, data() | {"litellm_call_id": name}, "image_generation")
    assert await hook.async_post_call_success_hook(first, KEY, image_response(*items(1)))


@pytest.mark.parametrize(
    "call", ["image_variation", "avideo_generation", "pass_through_endpoint", "new_call"]
)
async def test_calls_that_are_not_known_are_refused(guard: Guard, call: str) -> None:
    with pytest.raises(HTTPException, match="unknown_route"):
        await guardrail(guard).async_pre_call_hook(KEY, None, data(), call)
    assert await guardrail(guard).async_pre_call_hook(KEY, None, {"messages": []}, "acompletion")


@pytest.mark.parametrize(
    "options",
    [
        {"event_hook": "pre_call", "default_on": True},
        {"event_hook": ["pre_call", "post_call"]},
        {"event_hook": None, "default_on": True},
    ],
)
def test_half_a_guard_does_not_start(guard: Guard, options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="half a guard"):
        RambardeGuardrail(guard, **options)


def until(true: Callable[[], bool]) -> None:
    while not true():
        time.sleep(0.05)


async def test_a_client_that_goes_away_leaves_nothing_behind(guard: Guard) -> None:
    hook, before = guardrail(guard), records(guard).count()
    task = asyncio.create_task(hook.async_pre_call_hook(KEY, None, data(), "image_generation"))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    async with asyncio.timeout(20):
        await asyncio.to_thread(until, lambda: records(guard).count() > before)
    assert not hook._begun

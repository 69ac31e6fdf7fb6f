"""One decision path: the scenarios and the bad inputs come out of every adapter as out of the gateway."""

from __future__ import annotations

import asyncio
import base64
import importlib.util
import io
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx2 as httpx
import numpy as np
import pytest
from PIL import Image
from rambarde_a1111 import Stopped, install
from rambarde_asgi import RambardeMiddleware
from rambarde_comfyui import NODE, node
from rambarde_diffusers import GuardedPipeline, SafetyChecker
from tests.bad_pictures import bad_pictures
from tests.interfaces.library.conftest import opened
from tests.interfaces.serving import serving

from rambarde import Fault, Guard, NotReleased
from rambarde.guard.inspect import Inspector
from rambarde.guard.upstreams.callable import CallableUpstream
from rambarde.interfaces.demo.gateways import picture_of
from rambarde.interfaces.demo.scenarios import NONE, SCENARIOS, Expect

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]
BLUE = Image.new("RGB", (64, 48), "steelblue")
Seen = tuple[str, tuple[str, ...]]
"""allow, review or block with the rules that are named; or fault with its code."""
Way = Callable[..., Seen]
"""Asks for `prompt`, with a picture's bytes or None, and says what came of it."""


def draw(prompt: str, *, n: int, size: str, images: list[bytes]) -> list[bytes]:
    """The generator of all ways: an edit comes back as it was sent."""
    file = io.BytesIO()
    BLUE.save(file, "PNG")
    return [images[0] if images else file.getvalue()] * n


def called(call: Callable[[], object]) -> Seen:
    try:
        call()
    except NotReleased as refusal:
        fired = refusal.decision.fired
        known = [one.rule for one in fired if not one.assumed] or [one.rule for one in fired]
        return refusal.decision.outcome.word, tuple(known)
    except Fault as fault:
        return "fault", (fault.code,)
    return "allow", ()


def answered(answer: httpx.Response) -> Seen:
    body = answer.json()
    if answer.status_code == 200:
        return "allow", ()
    details = body["error"]["rambarde"]
    if "decision" in details:
        return details["decision"], tuple(details["rules"])
    return "fault", (body["error"]["code"],)


def request(prompt: str, picture: bytes | None, **more: Any) -> tuple[str, dict[str, Any]]:
    if picture is None:
        return "/v1/images/generations", {"json": {"prompt": prompt, **more}}
    return "/v1/images/edits", {"data": {"prompt": prompt, **more}, "files": {"image": ("a", picture)}}


def library(guard: Guard, prompt: str, picture: bytes | None = None, **more: Any) -> Seen:
    images = [] if picture is None else [picture]
    return called(lambda: guard.wrap(draw)(prompt, images=images, **more))


def asgi(guard: Guard, prompt: str, picture: bytes | None = None, **more: Any) -> Seen:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        (message,) = [await receive()]
        sent = BLUE if picture is None else Image.open(io.BytesIO(picture))
        file = io.BytesIO()
        sent.save(file, "PNG")
        assert message["body"]
        body = b'{"data":[{"b64_json":"%s"}]}' % base64.b64encode(file.getvalue())
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": body})

    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(app=RambardeMiddleware(app, guard=guard))
        async with httpx.AsyncClient(transport=transport, base_url="http://app", timeout=120) as client:
            path, told = request(prompt, picture, **more)
            return await client.post(path, **told)

    return answered(asyncio.run(ask()))


def diffusers(guard: Guard, prompt: str, picture: bytes | None = None, **more: Any) -> Seen:
    def pipe(prompt: str, **told: Any) -> Any:
        return SimpleNamespace(images=[told.get("image", BLUE)])

    more = {"num_images_per_prompt" if name == "n" else name: value for name, value in more.items()}
    return called(lambda: GuardedPipeline(pipe, guard)(prompt, image=picture, **more))


def checker(guard: Guard, prompt: str, picture: bytes | None = None) -> Seen:
    """The stand-in for `safety_checker`, told words and pictures."""
    made = BLUE if picture is None else Image.open(io.BytesIO(picture)).convert("RGB")

    def call() -> None:
        checks = SafetyChecker(guard)
        with checks.telling(prompt, images=[] if picture is None else [picture]):
            checks(np.asarray(made)[None] / 255)

    return called(call)


def comfyui(guard: Guard, prompt: str, picture: bytes | None = None) -> Seen:
    text = type("Text", (), {"INPUT_TYPES": classmethod(lambda cls: {"required": {"text": ("STRING",)}})})
    release = node(lambda: guard, lambda: {"Text": text, NODE: text})
    graph = {
        "1": {"class_type": "Text", "inputs": {"text": prompt}},
        "2": {"class_type": NODE, "inputs": {"images": ["1", 0]}},
    }
    made = BLUE if picture is None else Image.open(io.BytesIO(picture)).convert("RGB")
    batch = np.asarray(made, np.float32)[None] / 255
    originals = {} if picture is None else {"original": batch}
    return called(lambda: release().release(batch, graph, "2", **originals))


def automatic1111(guard: Guard, prompt: str, picture: bytes | None = None, **more: Any) -> Seen:
    made = BLUE if picture is None else Image.open(io.BytesIO(picture)).convert("RGB")
    n = more.pop("n", 1)

    def inner(p: Any) -> Any:
        said = {"all_prompts": [prompt], "all_negative_prompts": [""], "all_seeds": [1]}
        return SimpleNamespace(images=[made], infotexts=[""], index_of_first_image=0, **said)

    p = SimpleNamespace(
        **{"prompt": prompt, "negative_prompt": "", "styles": [], "n_iter": n, "batch_size": 1},
        **{"init_images": [] if picture is None else [made], "save_samples": lambda: False},
        **{"do_not_save_samples": False, "do_not_save_grid": False, **more},
    )
    host = SimpleNamespace(process_images_inner=inner)
    install(host, SimpleNamespace(state=SimpleNamespace()), None, lambda: guard)
    try:
        host.process_images_inner(p)
    except Stopped as stopped:
        details = stopped.detail
        if "decision" in details:
            return details["decision"], tuple(details["rules"])
        return "fault", (details["code"],)
    return "allow", ()


def litellm(guard: Guard, prompt: str, picture: bytes | None = None, **more: Any) -> Seen:
    from litellm.types.utils import ImageResponse
    from rambarde_litellm import RambardeGuardrail
    from rambarde_litellm import Stopped as Ended

    hook = RambardeGuardrail(
        guard, guardrail_name="rambarde", event_hook=["pre_call", "post_call"], default_on=True
    )
    body = {"prompt": prompt, **more}
    data = {"litellm_call_id": "1", "proxy_server_request": {"body": body}, **body}
    if picture is not None:
        data["image"] = [io.BytesIO(picture)]

    async def ask() -> None:
        call = "image_generation" if picture is None else "aimage_edit"
        asked = await hook.async_pre_call_hook(None, None, data, call)
        (made,) = draw(prompt, n=1, size="auto", images=[] if picture is None else [picture])
        response = ImageResponse(created=1, data=[{"b64_json": base64.b64encode(made).decode()}])
        await hook.async_post_call_success_hook(asked, None, response)

    try:
        asyncio.run(ask())
    except Ended as stopped:
        details = stopped.detail["rambarde"]  # type: ignore[index]
        if "decision" in details:
            return details["decision"], tuple(details["rules"])
        return "fault", (details["code"],)
    return "allow", ()


WAYS: dict[str, Callable[..., Seen]] = {
    way.__name__: way for way in (library, asgi, diffusers, checker, comfyui, automatic1111)
}
TAKES_FILES = ["library", "asgi", "diffusers"]
if importlib.util.find_spec("litellm"):
    WAYS["litellm"] = litellm
    TAKES_FILES.append("litellm")


@pytest.fixture(scope="module")
def gateway(inspector: Inspector, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Way]:
    """The reference, with the same generator."""
    folder = tmp_path_factory.mktemp("gateway")
    with serving(folder, inspector=inspector, upstream=CallableUpstream(draw)) as served:
        headers = {"Authorization": f"Bearer {served.key('api', rate_per_minute=100_000)}"}

        def ask(prompt: str, picture: bytes | None = None, **more: Any) -> Seen:
            path, told = request(prompt, picture, **more)
            return answered(httpx.post(served.url + path, headers=headers, timeout=120, **told))

        yield ask


@pytest.fixture(scope="module")
def ways(inspector: Inspector, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Way]]:
    """Every adapter with a data folder of its own, so that none sees what another has made."""
    with ExitStack() as stack:
        yield {
            name: partial(way, stack.enter_context(opened(tmp_path_factory.mktemp(name), inspector)))
            for name, way in WAYS.items()
        }


OFTEN = {"GX-01", "GX-17", "GX-22", "GX-27"}
"""Played in `make test`; all of them in `make soak` and `make test-extras`."""
PLAYED = [
    pytest.param(one, id=one.id, marks=[] if one.id in OFTEN else [pytest.mark.soak])
    for one in SCENARIOS
    if not one.pending
]


@pytest.mark.parametrize("scenario", PLAYED)
def test_a_scenario_comes_out_the_same(scenario: Any, gateway: Way, ways: dict[str, Way]) -> None:
    """The first wording that nothing is injected for, and its twin; of a chain of edits, the last step."""
    from rambarde.interfaces.demo.wordings import wordings

    plain = [wording for wording in wordings()[scenario.id] if wording.inject is None]
    chosen = [next((w for w in plain if w.twin is twin), None) for twin in (False, True)]
    for wording in filter(None, chosen):
        photo = wording.photo or scenario.takes[0].photo or scenario.photo
        picture = None if photo == NONE else picture_of(scenario, wording, photo)
        expected = gateway(wording.steps[-1], picture)
        if scenario.expect is Expect.BLOCK and not wording.twin and len(wording.steps) == 1:
            assert expected[0] == "block"
        found = {name: way(wording.steps[-1], picture) for name, way in ways.items()}
        assert found == dict.fromkeys(ways, expected), (scenario.id, wording.number)


@pytest.mark.parametrize(
    ("prompt", "more"),
    [
        ("x" * 40_000, {}),
        ("", {}),
        ("\x00\x01\x02\x1b", {}),
        ("a tree", {"n": 0}),
        ("a tree", {"n": 11}),
        ("a tree", {"seconds": 4}),
    ],
)
def test_a_bad_request_is_the_same_fault(
    gateway: Way, ways: dict[str, Way], prompt: str, more: dict[str, Any]
) -> None:
    expected = gateway(prompt, **more)
    assert expected[0] == "fault"
    for name, way in ways.items():
        if (name in ("checker", "comfyui", "automatic1111") and set(more) - {"n"}) or (
            name in ("checker", "comfyui") and more
        ):
            continue  # they are shown pictures, or a request of their host, and take no such parameters
        if name == "library" and "seconds" in more:
            with pytest.raises(TypeError):
                way(prompt, **more)
            continue
        assert way(prompt, **more) == expected, name


@pytest.mark.parametrize("bad", [bad for bad in bad_pictures() if bad.code], ids=lambda bad: bad.name)
def test_a_bad_picture_is_the_same_fault(ways: dict[str, Way], bad: Any) -> None:
    """The gateway's own test holds it to the same table; names and types that a client declares reach only it."""
    if bad.code == "content_type_mismatch":
        return
    for name in TAKES_FILES:
        assert ways[name]("make it brighter", bad.data) == ("fault", (bad.code,)), name


def test_the_ways_are_all_there() -> None:
    folders = {path.parent.name for path in Path(__file__).parent.glob("*/pyproject.toml")}
    assert folders - {"litellm"} <= set(WAYS) | {"gradio"}

"""The node and the check of graphs, in a small stand-in for ComfyUI written from its documented interfaces."""

from __future__ import annotations

import importlib.util
import io
import json
import logging
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from PIL import Image
from rambarde_comfyui import NODE, REFUSED, RambardeRefused, node, on_prompt, pillow, understood
from tests.interfaces.library.conftest import newest, records
from tests.project.snippets import snippets

from rambarde import Fault, Guard

pytestmark = pytest.mark.slow


def declared(returns: tuple[str, ...], *, out: bool = False, **inputs: str) -> type:
    def input_types(cls: Any) -> dict[str, Any]:
        return {"required": {name: (kind,) for name, kind in inputs.items()}}

    body = {"INPUT_TYPES": classmethod(input_types), "RETURN_TYPES": returns, "OUTPUT_NODE": out}
    return type("Declared", (), body)


class Comfy:
    """Queues and runs graphs as ComfyUI does, and swallows what a handler raises, as it does too."""

    def __init__(self, guard: Guard) -> None:
        self.saved: list[Any] = []
        self.drawn: list[str] = []
        self.loaded: dict[str, Any] = {}
        self.classes: dict[str, Any] = {
            "CheckpointLoaderSimple": declared(("MODEL", "CLIP", "VAE"), ckpt_name="COMBO"),
            "CLIPTextEncode": declared(("CONDITIONING",), text="STRING", clip="CLIP"),
            "EmptyLatentImage": declared(("LATENT",), width="INT"),
            "LoadImage": declared(("IMAGE", "MASK"), image="COMBO"),
            "LoadLatent": declared(("LATENT",), latent="COMBO"),
            "KSampler": declared(("LATENT",), positive="CONDITIONING", negative="CONDITIONING"),
            "VAEEncode": declared(("LATENT",), pixels="IMAGE"),
            "VAEDecode": declared(("IMAGE",), samples="LATENT"),
            "SaveImage": declared((), out=True, images="IMAGE", filename_prefix="STRING"),
            "PreviewImage": declared((), out=True, images="IMAGE"),
            NODE: node(lambda: guard, lambda: self.classes),
            REFUSED: RambardeRefused,
        }
        self.handlers = [on_prompt(lambda: guard, lambda: self.classes)]

    def queue(self, graph: Any) -> tuple[int, Any]:
        asked: dict[str, Any] = {"prompt": graph, "client_id": "c"}
        for handler in self.handlers:
            try:
                asked = handler(asked)
            except Exception:
                logging.warning("An error occurred during the on_prompt_handler processing")
        if "prompt" not in asked:
            return 400, "no prompt"
        graph = asked["prompt"]
        outs = [
            id for id, one in graph.items() if getattr(self.classes[one["class_type"]], "OUTPUT_NODE", False)
        ]
        for id in outs:
            kind = self.classes[graph[id]["class_type"]]
            if hasattr(kind, "VALIDATE_INPUTS"):
                told = kind.VALIDATE_INPUTS(**graph[id]["inputs"])
                if told is not True:
                    return 400, told
        for id in outs:
            self.saved.append(self.run(graph, graph[id]["inputs"]["images"][0]))
        return 200, None

    def run(self, graph: Any, id: str) -> Any:
        inputs, name = graph[id]["inputs"], graph[id]["class_type"]
        if name == NODE:
            given = {k: self.run(graph, v[0]) for k, v in inputs.items()}
            (released,) = self.classes[NODE]().release(graph=graph, id=id, **given)
            return released
        if name == "LoadImage":
            return self.loaded[inputs["image"]]
        self.drawn.append(id)
        return np.full((1, 48, 64, 3), 0.5, np.float32)


@pytest.fixture
def comfy(guard: Guard) -> Comfy:
    return Comfy(guard)


def graph(text: str, negative: str = "blurred", **changes: Any) -> dict[str, Any]:
    made = {
        "4": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "tiny.safetensors"}},
        "5": {"class_type": "EmptyLatentImage", "inputs": {"width": 64}},
        "6": {"class_type": "CLIPTextEncode", "inputs": {"text": text, "clip": ["4", 1]}},
        "7": {"class_type": "CLIPTextEncode", "inputs": {"text": negative, "clip": ["4", 1]}},
        "3": {
            "class_type": "KSampler",
            "inputs": {"seed": 1, "positive": ["6", 0], "negative": ["7", 0], "latent_image": ["5", 0]},
        },
        "8": {"class_type": "VAEDecode", "inputs": {"samples": ["3", 0], "vae": ["4", 2]}},
        **json.loads(snippets("adapters/comfyui/README.md", "json")[0].code),
    }
    return {**made, **changes}


def edit(text: str, *, shown: bool = True) -> dict[str, Any]:
    release = {"images": ["8", 0]} | ({"original": ["1", 0]} if shown else {})
    made = graph(text, **{"5": {"class_type": "VAEEncode", "inputs": {"pixels": ["1", 0]}}})
    made["1"] = {"class_type": "LoadImage", "inputs": {"image": "photo.png"}}
    made["9"] = {"class_type": NODE, "inputs": release}
    return made


def tensor(data: bytes) -> Any:
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"), np.float32)[None] / 255


def test_the_readmes_graph_runs_and_is_recorded(comfy: Comfy, guard: Guard) -> None:
    assert comfy.queue(graph("a lighthouse at sunset")) == (200, None)
    (saved,) = comfy.saved
    assert saved.shape == (1, 48, 64, 3) and abs(saved - 0.5).max() <= 0.51 / 255
    kept = newest(guard)
    assert (kept["ending"], kept["upstream"]) == ("released", "comfyui")


def test_words_are_judged_when_a_graph_is_queued(comfy: Comfy) -> None:
    status, told = comfy.queue(graph("Anna Schmidt in a bikini"))
    assert status == 400 and "real-person-sexual" in told and not comfy.drawn


def test_an_edit_is_judged_with_its_original(
    comfy: Comfy, guard: Guard, portrait: bytes, still_life: bytes
) -> None:
    comfy.loaded["photo.png"] = tensor(still_life)
    assert comfy.queue(edit("a blue cup"))[0] == 200 and newest(guard)["action"] == "edit"
    comfy.loaded["photo.png"] = tensor(portrait)
    with pytest.raises(Exception, match="real-person-sexual"):
        comfy.queue(edit("put her in a bikini"))
    assert len(comfy.saved) == 1


OTHERS: dict[str, tuple[dict[str, Any], str]] = {
    "no node": ({k: v for k, v in graph("a tree").items() if k not in ("9", "10")}, "way_out_missing"),
    "past the node": (
        graph("a tree", **{"11": {"class_type": "PreviewImage", "inputs": {"images": ["8", 0]}}}),
        "way_out_unguarded",
    ),
    "a hidden original": (edit("a tree", shown=False), "picture_not_shown"),
    "a loaded latent": (
        graph("a tree", **{"5": {"class_type": "LoadLatent", "inputs": {"latent": "x"}}}),
        "picture_not_shown",
    ),
    "an unknown class": (graph("a tree", **{"12": {"class_type": "New", "inputs": {}}}), "node_unknown"),
    "a broken link": (
        graph("a tree", **{"9": {"class_type": NODE, "inputs": {"images": ["99", 0]}}}),
        "graph_invalid",
    ),
    "a wrapped text": (graph({"__value__": "a tree"}), "graph_invalid"),  # type: ignore[arg-type]
    "a list for a text": (graph(["a", "tree", "x"]), "graph_invalid"),  # type: ignore[arg-type]
    "no words": (graph(""), "prompt_empty"),
    "too many words": (graph("x" * 40_000), "prompt_too_long"),
    "no graph": ([], "graph_invalid"),  # type: ignore[dict-item]
    "no nodes": ({"1": "node"}, "graph_invalid"),
    "nothing": ({}, "way_out_missing"),
}


@pytest.mark.parametrize("name", OTHERS)
def test_what_is_not_understood_is_not_queued(comfy: Comfy, guard: Guard, name: str) -> None:
    asked, code = OTHERS[name]
    before = records(guard).count()
    status, told = comfy.queue(asked)
    assert status == 400 and code in told and not comfy.drawn and records(guard).count() == before


def test_a_check_that_fails_queues_nothing(comfy: Comfy) -> None:
    broken = on_prompt(lambda: 1 / 0, lambda: comfy.classes)  # type: ignore[arg-type,return-value]
    for asked in ({"prompt": graph("a tree")}, {}, None):
        assert set(broken(asked)["prompt"]) == {"1"}  # type: ignore[arg-type]
        assert broken(asked)["prompt"]["1"]["class_type"] == REFUSED  # type: ignore[arg-type]


def test_a_cycle_ends(comfy: Comfy) -> None:
    asked = graph(
        "a tree", **{"6": {"class_type": "CLIPTextEncode", "inputs": {"text": "a tree", "clip": ["6", 0]}}}
    )
    assert understood(asked, comfy.classes)["9"].prompt == "a tree"


def test_texts_that_no_class_declares_are_read(comfy: Comfy) -> None:
    asked = graph("a tree")
    asked["3"]["inputs"]["more_text"] = "in a field"
    assert "in a field" in understood(asked, comfy.classes)["9"].prompt


def test_words_of_both_sides_are_told_apart(comfy: Comfy) -> None:
    found = understood(graph("a tree", "clouds"), comfy.classes)["9"]
    assert (found.prompt, found.negative_prompt) == ("a tree", "clouds")


@pytest.mark.parametrize(
    "wrong", [np.zeros((4, 4, 3)), np.full((1, 4, 4, 3), np.nan), np.zeros((0, 4, 4, 3))]
)
def test_what_is_no_picture_is_a_fault(wrong: Any) -> None:
    with pytest.raises(Fault):
        pillow(wrong)


def test_comfyui_finds_node_and_handler(monkeypatch: pytest.MonkeyPatch) -> None:
    """As ComfyUI loads a folder of `custom_nodes`, with its own modules `server` and `nodes`."""
    handlers: list[Any] = []
    server, nodes = ModuleType("server"), ModuleType("nodes")
    instance = type("Instance", (), {"add_on_prompt_handler": staticmethod(handlers.append)})
    server.PromptServer = type("PromptServer", (), {"instance": instance})  # type: ignore[attr-defined]
    nodes.NODE_CLASS_MAPPINGS = {}  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "server", server)
    monkeypatch.setitem(sys.modules, "nodes", nodes)
    place = Path(__file__).parent / "__init__.py"
    spec = importlib.util.spec_from_file_location("rambarde_custom_node", place)
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert set(module.NODE_CLASS_MAPPINGS) == {NODE, REFUSED} and len(handlers) == 1
    assert module.NODE_CLASS_MAPPINGS[NODE].RETURN_TYPES == ("IMAGE",)
    assert handlers[0]({"prompt": {}})["prompt"]["1"]["class_type"] == REFUSED

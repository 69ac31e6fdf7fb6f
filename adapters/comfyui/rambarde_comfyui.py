"""A ComfyUI node through which pictures leave, and a check that no other way out is in the graph.

ComfyUI's client writes the whole graph, so a node alone guards nothing: who leaves it out is unguarded. So each graph
is read when it is queued, and one that is not understood is refused.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from PIL import Image

from rambarde import Fault, Guard
from rambarde.nouns.fault import invalid, unsupported

log = logging.getLogger(__name__)
NODE, REFUSED = "RambardeRelease", "RambardeRefused"
ORIGINALS = ("original", "original_2")
"""Inputs of the node for the pictures that an edit starts from."""
EMPTY = frozenset(("EmptyLatentImage", "EmptySD3LatentImage", "EmptyImage"))
"""Nodes that begin a picture from nothing."""
PICTURES = frozenset(("IMAGE", "LATENT", "MASK"))
Graph = Mapping[str, Any]
Classes = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Words:
    """The texts that lead to a picture: all of them, and those that reach it as `negative`; whether it is an edit."""

    prompt: str
    negative_prompt: str | None
    edit: bool


def understood(graph: Graph, classes: Classes) -> dict[str, Words]:
    """Each release node of a graph with the words that lead to it.

    Raises `Fault` where a picture would leave otherwise, or comes in without being shown to the node.
    """
    if not isinstance(graph, Mapping) or not all(_is_node(node) for node in graph.values()):
        raise _unfit("graph_invalid", "The graph is not of ComfyUI's API form.")
    for id, node in graph.items():
        kind = classes.get(node["class_type"])
        if kind is None:
            raise _unfit("node_unknown", f"The node {id} is of a class that is not known.")
        if getattr(kind, "OUTPUT_NODE", False):
            for source in _links(node):
                if graph.get(source, {}).get("class_type") != NODE:
                    raise _unfit("way_out_unguarded", f"The node {id} lets out what {NODE} has not released.")
    found = {id: _words(id, graph, classes) for id, node in graph.items() if node["class_type"] == NODE}
    if not found:
        raise _unfit("way_out_missing", f"The graph has no {NODE} node.")
    return found


def _words(id: str, graph: Graph, classes: Classes) -> Words:
    shown = {source for name in ORIGINALS for source in _links(graph[id], name)}
    said, unwanted = list[str](), list[str]()
    for source, negative in _ancestors(id, graph):
        node = graph[source]
        kind = classes[node["class_type"]]
        begins = not any(_links(node)) and node["class_type"] not in EMPTY and source not in shown
        if begins and PICTURES & set(getattr(kind, "RETURN_TYPES", ())):
            raise _unfit(
                "picture_not_shown",
                f"The node {source} brings in a picture that is not an original of {NODE}.",
            )
        for text in _texts(node, kind):
            (unwanted if negative else said).append(text)
    prompt = "\n".join(dict.fromkeys(said))
    return Words(prompt, "\n".join(dict.fromkeys(unwanted)) or None, bool(shown))


def _ancestors(id: str, graph: Graph) -> Iterator[tuple[str, bool]]:
    """All nodes before a node, and whether they reach it through an input named `negative`. Cycles end."""
    seen: set[tuple[str, bool]] = set()
    open_ = [(id, False)]
    while open_:
        at, negative = open_.pop()
        for name, value in graph[at]["inputs"].items():
            if not _is_link(value):
                continue
            if value[0] not in graph:
                raise _unfit("graph_invalid", f"The node {at} is linked to one that is not there.")
            step = (value[0], negative or name == "negative")
            if step not in seen:
                seen.add(step)
                open_.append(step)
                yield step


def _texts(node: Mapping[str, Any], kind: Any) -> Iterator[str]:
    """The texts that were typed into a node: all but what is chosen from a list. Raises `Fault`."""
    groups = kind.INPUT_TYPES()
    declared = {**(groups.get("required") or {}), **(groups.get("optional") or {})}
    for name, value in node["inputs"].items():
        if isinstance(value, str):
            spec = declared.get(name)
            chosen = spec is not None and (isinstance(spec[0], list | tuple) or spec[0] == "COMBO")
            if value.strip() and not chosen:
                yield value
        elif not _is_link(value) and not isinstance(value, int | float | None):
            # ComfyUI unwraps and converts such values, to texts, too.
            raise _unfit("graph_invalid", f"An input is neither a link nor a plain value: {name[:64]!r}.")


def _links(node: Mapping[str, Any], only: str | None = None) -> list[str]:
    return [v[0] for name, v in node["inputs"].items() if _is_link(v) and only in (None, name)]


def _is_link(value: Any) -> bool:
    return (
        isinstance(value, list)
        and len(value) == 2
        and isinstance(value[0], str)
        and not isinstance(value[1], str)
    )


def _is_node(node: Any) -> bool:
    return (
        isinstance(node, Mapping)
        and isinstance(node.get("class_type"), str)
        and isinstance(node.get("inputs"), Mapping)
    )


class Opened:
    """One guard for the process, opened when it is first needed."""

    def __init__(self, open_: Callable[[], Guard]) -> None:
        self._open, self._gate = open_, threading.Lock()
        self._guard: Guard | None = None

    def __call__(self) -> Guard:
        with self._gate:
            if self._guard is None:
                self._guard = self._open()
            return self._guard


def node(opened: Callable[[], Guard], classes: Callable[[], Classes]) -> type:
    """The class of the node. `classes` are ComfyUI's `NODE_CLASS_MAPPINGS`."""

    class RambardeRelease:
        """Lets out what may leave; raises, with the reasons, where something may not."""

        CATEGORY, FUNCTION = "rambarde", "release"
        RETURN_TYPES, RETURN_NAMES = ("IMAGE",), ("released",)
        DESCRIPTION = "Every picture goes through Rambarde's chain before anything saves or shows it."

        @classmethod
        def INPUT_TYPES(cls) -> dict[str, Any]:  # noqa: N802 - ComfyUI's name
            return {
                "required": {"images": ("IMAGE",)},
                "optional": {name: ("IMAGE",) for name in ORIGINALS},
                "hidden": {"graph": "PROMPT", "id": "UNIQUE_ID"},
            }

        @classmethod
        def IS_CHANGED(cls, **_: Any) -> float:  # noqa: N802
            """Never taken from ComfyUI's cache: the policy may be another one by now."""
            return float("nan")

        def release(self, images: Any, graph: Graph, id: str, **originals: Any) -> tuple[Any]:
            words = understood(graph, classes())[str(id)]
            pictures = pillow(images)

            def made(
                prompt: str, *, n: int, size: str, images: list[bytes], negative_prompt: str | None
            ) -> list[Image.Image]:
                return pictures

            released = opened().wrap(made, name="comfyui")(
                words.prompt,
                n=len(pictures),
                images=[one for name in ORIGINALS if name in originals for one in pillow(originals[name])],
                negative_prompt=words.negative_prompt,
            )
            return (like(images, np.stack([np.asarray(one.convert("RGB")) for one in released])),)  # type: ignore[union-attr]

    return RambardeRelease


class RambardeRefused:
    """What a graph that is refused is replaced by: it never runs, and says why. Nobody adds it by hand."""

    CATEGORY, FUNCTION, RETURN_TYPES, OUTPUT_NODE = "rambarde", "refuse", (), True

    @classmethod
    def INPUT_TYPES(cls) -> dict[str, Any]:  # noqa: N802 - ComfyUI's name
        return {"required": {"why": ("STRING", {"default": ""})}}

    @classmethod
    def VALIDATE_INPUTS(cls, why: str) -> str:  # noqa: N802
        return why or "Refused."

    def refuse(self, why: str) -> None:
        raise RuntimeError(why)


def on_prompt(
    opened: Callable[[], Guard], classes: Callable[[], Classes]
) -> Callable[[dict[str, Any]], dict[str, Any]]:
    """The handler for `PromptServer.add_on_prompt_handler`: what is refused is replaced by why.

    The server goes on with the graph as it was where a handler raises, so this one never does.
    """

    def handle(asked: dict[str, Any]) -> dict[str, Any]:
        try:
            for words in understood(asked.get("prompt", {}), classes()).values():
                if words.edit:
                    continue  # judged with its pictures, which are not here yet, when the node runs
                decision = opened().check(words.prompt, negative_prompt=words.negative_prompt)
                if decision.outcome.word != "allow":
                    rules = ", ".join(fired.rule for fired in decision.fired)
                    reasons = " ".join(dict.fromkeys(fired.reason for fired in decision.fired))
                    return _instead(asked, f"{reasons} ({decision.outcome.word} by {rules})")
            return asked
        except Fault as fault:
            return _instead(asked, f"{fault} ({fault.code})")
        except Exception as error:
            log.error("a graph could not be read: %s", type(error).__name__)
            return _instead(asked, "Rambarde failed; nothing was queued.")

    return handle


def _instead(asked: Any, why: str) -> dict[str, Any]:
    kept = {k: v for k, v in asked.items() if k in ("client_id", "number")} if isinstance(asked, dict) else {}
    return {**kept, "prompt": {"1": {"class_type": REFUSED, "inputs": {"why": why}}}}


def pillow(images: Any) -> list[Image.Image]:
    """A batch as ComfyUI's IMAGE, (n, height, width, 3 or 4) in [0, 1], as Pillow images. Raises `Fault`."""
    pixels = images.detach().cpu().float().numpy() if hasattr(images, "detach") else np.asarray(images)
    if pixels.ndim != 4 or pixels.shape[3] not in (3, 4) or not len(pixels) or not np.isfinite(pixels).all():
        raise invalid(
            "not_an_image", "No batch of pictures came in.", remedy="Link an IMAGE.", field="images"
        )
    return [Image.fromarray(one) for one in (pixels.clip(0, 1) * 255).round().astype(np.uint8)]


def like(images: Any, pixels: Any) -> Any:
    """Released pixels as the tensor (or array) that came in was."""
    made = pixels.astype(np.float32) / 255
    if not hasattr(images, "detach"):
        return made
    import torch

    return torch.from_numpy(made).to(images.device)


def _unfit(code: str, message: str) -> Fault:
    return unsupported(
        code,
        message,
        remedy=f"Let every picture leave through {NODE}, and link what it is made from to its originals.",
        field="prompt",
    )

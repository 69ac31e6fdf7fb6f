"""A ComfyUI graph as a request: only nodes that are listed here, joined in the one way that is understood.

text → encode → sampler ← latent ← (an empty one, or a picture); sampler → decode → save. All that shapes the image is
then in the prompt, the pictures and the numbers. A node that is not understood could do anything.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from rambarde.guard.arrival import Draft, Upload
from rambarde.guard.media.dataurl import decode_base64
from rambarde.nouns.fault import Fault, invalid, unsupported
from rambarde.nouns.request import Action

NODES = 64
"""Nodes of one graph: far more than the understood form has."""

_LINKS = {
    "CheckpointLoaderSimple": (),
    "CLIPTextEncode": ("clip",),
    "EmptyLatentImage": (),
    "EmptySD3LatentImage": (),
    "KSampler": ("model", "positive", "negative", "latent_image"),
    "VAEDecode": ("samples", "vae"),
    "VAEEncode": ("pixels", "vae"),
    "LoadImage": (),
    "ETN_LoadImageBase64": (),
    "SaveImage": ("images",),
    "PreviewImage": ("images",),
}
"""Each node that is understood, and its inputs that come from others."""
_VALUES: dict[str, dict[str, tuple[type, ...]]] = {
    "CheckpointLoaderSimple": {"ckpt_name": (str,)},
    "CLIPTextEncode": {"text": (str,)},
    "EmptyLatentImage": {"width": (int,), "height": (int,), "batch_size": (int,)},
    "EmptySD3LatentImage": {"width": (int,), "height": (int,), "batch_size": (int,)},
    "KSampler": {
        "seed": (int,),
        "steps": (int,),
        "cfg": (int, float),
        "sampler_name": (str,),
        "scheduler": (str,),
        "denoise": (int, float),
    },
    "LoadImage": {"image": (str,), "upload": (str,)},
    "ETN_LoadImageBase64": {"image": (str,)},
    "SaveImage": {"filename_prefix": (str,)},
}
_OPTIONAL = {("LoadImage", "upload"), ("SaveImage", "filename_prefix")}
_RANGES = {"width": (64, 4096), "height": (64, 4096), "steps": (1, 150), "cfg": (0, 30), "denoise": (0, 1)}
"""Numbers with their lowest and highest; `seed` is any that fits in 64 bits."""

Find = Callable[[str], Upload]
"""The picture that was uploaded under a name. Raises `Fault` for one that was not."""


@dataclass(frozen=True, slots=True)
class Understood:
    """What a graph asks for: `output` is the node whose images are answered, `sampler` the one that makes them."""

    draft: Draft
    action: Action
    output: str
    sampler: str
    steps: int


def understand(graph: object, find: Find) -> Understood:
    """The request that a graph makes. Raises `Fault` for whatever it has that is not understood, naming the node."""
    return _Reader(_nodes(graph), find).read()


@dataclass(slots=True)
class _Reader:
    nodes: dict[str, dict[str, Any]]
    find: Find
    used: set[str] = field(default_factory=set)

    def read(self) -> Understood:
        output = self._only("SaveImage", "PreviewImage")
        self.used.add(output)
        decode = self._follow(output, "images", 0, "VAEDecode")
        self._checkpoint(decode, "vae", 2)
        sampler = self._follow(decode, "samples", 0, "KSampler")
        model = self._checkpoint(sampler, "model", 0)
        positive, negative = self._text(sampler, "positive"), self._text(sampler, "negative")
        values = self.nodes[sampler]["inputs"]
        latent = self._follow(
            sampler, "latent_image", 0, "EmptyLatentImage", "EmptySD3LatentImage", "VAEEncode"
        )
        images: tuple[Upload, ...] = ()
        n, size = 1, "auto"
        if self.nodes[latent]["class_type"] == "VAEEncode":
            self._checkpoint(latent, "vae", 2)
            images = (self._picture(latent),)
        else:
            made = self.nodes[latent]["inputs"]
            n, size = made["batch_size"], f"{made['width']}x{made['height']}"
        if unused := sorted(self.nodes.keys() - self.used):
            raise _node(
                unused[0], "graph_node_unused", "does nothing for the image that is saved", "Leave it out."
            )
        options = {
            "seed": values["seed"],
            "steps": values["steps"],
            "cfg_scale": float(values["cfg"]),
            "sampler_name": values["sampler_name"],
            "scheduler": values["scheduler"],
            **({"denoising_strength": float(values["denoise"])} if images else {}),
        }
        draft = Draft(
            prompt=positive,
            negative_prompt=negative or None,
            images=images,
            n=n,
            size=size,
            model=self.nodes[model]["inputs"]["ckpt_name"],
            deliver_url=True,
            options=tuple((name, str(value)) for name, value in options.items()),
        )
        action = Action.EDIT if images else Action.GENERATE
        return Understood(draft, action, output, sampler, values["steps"])

    def _only(self, *classes: str) -> str:
        found = [id for id, node in self.nodes.items() if node["class_type"] in classes]
        if len(found) != 1:
            raise invalid(
                "graph_outputs",
                f"The graph has {len(found)} nodes that save images.",
                remedy="Send one with one SaveImage or PreviewImage.",
                field="prompt",
            )
        return found[0]

    def _follow(self, id: str, name: str, slot: int, *classes: str) -> str:
        """The node behind a link, which must be of one of these classes and joined at this place of it."""
        link = self.nodes[id]["inputs"][name]
        target = self.nodes.get(link[0])
        if target is None or target["class_type"] not in classes or link[1] != slot:
            raise _node(
                id, "graph_link", f"has something at `{name}` that is not understood", f"Join a {classes[0]}."
            )
        self.used.add(link[0])
        return str(link[0])

    def _checkpoint(self, id: str, name: str, slot: int) -> str:
        return self._follow(id, name, slot, "CheckpointLoaderSimple")

    def _text(self, sampler: str, name: str) -> str:
        encode = self._follow(sampler, name, 0, "CLIPTextEncode")
        self._checkpoint(encode, "clip", 1)
        return str(self.nodes[encode]["inputs"]["text"])

    def _picture(self, latent: str) -> Upload:
        id = self._follow(latent, "pixels", 0, "LoadImage", "ETN_LoadImageBase64")
        named = self.nodes[id]["inputs"]["image"]
        if self.nodes[id]["class_type"] == "LoadImage":
            return self.find(named)
        inline = decode_base64(named)
        return Upload(inline.data, "image", inline.declared)


def _nodes(graph: object) -> dict[str, dict[str, Any]]:
    """The graph's nodes, each of a class and with inputs that are understood."""
    if not isinstance(graph, dict) or not 1 <= len(graph) <= NODES:
        raise invalid(
            "graph_invalid",
            f"`prompt` is no graph of 1 to {NODES} nodes.",
            remedy="Send the workflow in its API form: an object of nodes by id.",
            field="prompt",
        )
    return {str(id): _checked(str(id)[:64], node) for id, node in graph.items()}


def _checked(id: str, node: object) -> dict[str, Any]:
    if not isinstance(node, dict) or not set(node) <= {"class_type", "inputs", "_meta"}:
        raise _node(id, "graph_invalid", "is no node", "Send `class_type` and `inputs`.")
    kind, inputs = node.get("class_type"), node.get("inputs")
    if not isinstance(kind, str) or kind not in _LINKS:
        raise unsupported(
            "graph_node_unknown",
            f"Node {id!r} is of a class that is not understood.",
            remedy=f"What is not understood is not guarded. Use {', '.join(_LINKS)}.",
            field=f"prompt.{id}.class_type",
        )
    values, links = _VALUES.get(kind, {}), _LINKS[kind]
    if not isinstance(inputs, dict):
        raise _node(id, "graph_invalid", "has no inputs", "Send them as an object.")
    for name in inputs:
        if name not in values and name not in links:
            raise _node(
                id, "graph_input_unknown", f"has an unknown input {str(name)[:64]!r}", "Leave it out."
            )
    for name in links:
        link = inputs.get(name)
        if not (
            isinstance(link, list) and len(link) == 2 and isinstance(link[0], str) and type(link[1]) is int
        ):
            raise _node(id, "graph_link", f"has no link at `{name}`", 'Join another node: ["4", 0].')
    for name, types in values.items():
        if name not in inputs and (kind, name) in _OPTIONAL:
            continue
        value: Any = inputs.get(name)
        low, high = _RANGES.get(name, (-(2**63), 2**64))
        if type(value) not in types or (not isinstance(value, str) and not low <= value <= high):
            raise _node(
                id,
                "graph_value",
                f"has no understood value at `{name}`",
                "Send a text or a number in range, not a link.",
            )
    return node


def _node(id: str, code: str, what: str, remedy: str) -> Fault:
    return invalid(code, f"Node {id!r} {what}.", remedy=remedy, field=f"prompt.{id}")

"""Makes drawings.onnx from the npm package `nsfwjs`: its MobileNet v2, of which only *Drawing* is used.

Origin: nsfwjs (Infinite Red) with weights of nsfw_model (GantMan), both MIT. The package holds a Keras
network as JavaScript: `node` evaluates it, this script builds the ONNX graph. Weights stay uint8, w = q · scale
+ least, and are unfolded when onnxruntime loads them. Run: `python training/vendor_drawings.py`.
"""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from packages import from_npm, write

PACKAGE, VERSION = "nsfwjs", "4.3.0"
FOLDER = "dist/models/mobilenet_v2"
SHA256 = {
    f"{FOLDER}/model.min.js": "c32f104fd562b08cdff5ed69dfe1209643afa47e792fb12751d2949aa61a397a",
    f"{FOLDER}/group1-shard1of1.min.js": "ef2e0a63f7d2c4960b37b024b669313f65d3c45cd59e9042636c55b39de53517",
}
RESULT = "34bc25f734e98ce42ffc1fda053884d6c8f0470411c8606f3f50e1ab9f9c8410"
_EVALUATE = (
    "const model = require('./model.js'), weights = require('./weights.js');"
    "process.stdout.write(JSON.stringify({model, weights}));"
)


class Graph:
    """An ONNX graph that grows layer by layer."""

    def __init__(self, weights: dict[str, tuple[NDArray[np.uint8], float, float]]) -> None:
        self.weights = weights
        self.nodes: list[onnx.NodeProto] = []
        self.tensors: list[onnx.TensorProto] = []

    def add(self, kind: str, inputs: list[str], output: str, **attributes: Any) -> str:
        self.nodes.append(helper.make_node(kind, inputs, [output], **attributes))
        return output

    def constant(self, name: str, value: NDArray[Any]) -> str:
        self.tensors.append(numpy_helper.from_array(np.ascontiguousarray(value), name))
        return name

    def weight(self, name: str, axes: tuple[int, ...] | None = None) -> str:
        """The float weight of this name, its axes moved as ONNX orders them."""
        stored, scale, least = self.weights[name]
        raw = self.constant(f"{name}:uint8", stored.transpose(axes) if axes else stored)
        wide = self.add("Cast", [raw], f"{name}:wide", to=TensorProto.FLOAT)
        scaled = self.add("Mul", [wide, self.constant(f"{name}:scale", np.float32(scale))], f"{name}:scaled")
        return self.add("Add", [scaled, self.constant(f"{name}:least", np.float32(least))], name)

    def layer(self, kind: str, config: dict[str, Any], inputs: list[str], pads: list[int]) -> str:
        """One Keras layer; `pads` are those of a zero padding before it."""
        name = config["name"]
        if kind in ("Conv2D", "DepthwiseConv2D"):
            deep = kind == "DepthwiseConv2D"
            key = f"{name}/depthwise_kernel" if deep else f"{name}/kernel"
            shape = self.weights[key][0].shape
            kernel = self.weight(key, (2, 3, 0, 1) if deep else (3, 2, 0, 1))
            same = config["padding"] == "same" and shape[0] == 3
            return self.add(
                "Conv",
                [*inputs, kernel],
                name,
                strides=config["strides"],
                pads=[1, 1, 1, 1] if same else pads,
                group=shape[2] if deep else 1,
            )
        if kind == "BatchNormalization":
            parts = [self.weight(f"{name}/{p}") for p in ("gamma", "beta", "moving_mean", "moving_variance")]
            return self.add("BatchNormalization", [*inputs, *parts], name, epsilon=config["epsilon"])
        if kind == "ReLU":
            low, high = (self.constant(f"{name}:{v}", np.float32(v)) for v in (0, config["max_value"]))
            return self.add("Clip", [*inputs, low, high], name)
        if kind == "Add":
            return self.add("Add", inputs, name)
        if kind == "AveragePooling2D":
            return self.add("GlobalAveragePool", inputs, name)
        if kind == "Flatten":
            return self.add("Flatten", inputs, name)
        if kind == "Dense":
            parts = [self.weight(f"{name}/{p}") for p in ("kernel", "bias")]
            linear = self.add("Gemm", [*inputs, *parts], f"{name}:linear")
            if config["activation"] == "softmax":
                return self.add("Softmax", [linear], name, axis=1)
            return self.add("Relu", [linear], name)
        raise SystemExit(f"unknown layer {kind}")


def evaluated(found: dict[str, bytes]) -> dict[str, Any]:
    """What the package's two modules export; `node` runs without access to anything else."""
    with tempfile.TemporaryDirectory() as folder:
        for filename, key in zip(("model.js", "weights.js"), found, strict=True):
            (Path(folder) / filename).write_bytes(found[key])
        answer = subprocess.run(
            ["node", "-e", _EVALUATE], cwd=folder, env={}, check=True, capture_output=True, executable=_node()
        )
        result: dict[str, Any] = json.loads(answer.stdout)
        return result


def _node() -> str:
    found = shutil.which("node")
    if found is None:
        raise SystemExit("node is needed to read the package: install it and run this again")
    return found


def weights(manifest: list[dict[str, Any]], data: bytes) -> dict[str, tuple[NDArray[np.uint8], float, float]]:
    """Each weight as stored, with its scale and its least value."""
    out: dict[str, tuple[NDArray[np.uint8], float, float]] = {}
    at = 0
    for entry in (w for group in manifest for w in group["weights"]):
        count = int(np.prod(entry["shape"]))
        stored = np.frombuffer(data, np.uint8, count, at).reshape(entry["shape"])
        out[entry["name"]] = (stored, entry["quantization"]["scale"], entry["quantization"]["min"])
        at += count
    if at != len(data):
        raise SystemExit(f"{len(data)} bytes of weights, the manifest describes {at}")
    return out


def build(model: dict[str, Any], data: bytes) -> onnx.ModelProto:
    graph = Graph(weights(model["weightsManifest"], data))
    names: dict[str, str] = {}
    pads: dict[str, list[int]] = {}
    for layer in model["modelTopology"]["model_config"]["config"]["layers"]:
        kind, config = layer["class_name"], layer["config"]
        before = [node[0] for node in layer["inbound_nodes"][0]] if layer["inbound_nodes"] else []
        if kind == "InputLayer":
            names[config["name"]] = "picture"
        elif kind == "Dropout":
            names[config["name"]] = names[before[0]]
        elif kind == "ZeroPadding2D":
            (top, bottom), (left, right) = config["padding"]
            names[config["name"]] = names[before[0]]
            pads[config["name"]] = [top, left, bottom, right]
        else:
            inputs = [names[b] for b in before]
            names[config["name"]] = graph.layer(kind, config, inputs, pads.get(before[0], [0, 0, 0, 0]))
            last = names[config["name"]]
    picture = helper.make_tensor_value_info("picture", TensorProto.FLOAT, [1, 3, 224, 224])
    classes = helper.make_tensor_value_info(last, TensorProto.FLOAT, [1, 5])
    made = helper.make_graph(graph.nodes, "drawings", [picture], [classes], graph.tensors)
    out = helper.make_model(made, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(out)
    return out


def main() -> None:
    found = evaluated(from_npm(PACKAGE, VERSION, SHA256))
    made = build(found["model"], base64.b64decode(found["weights"]))
    write("drawings.onnx", made.SerializeToString(deterministic=True), RESULT)


if __name__ == "__main__":
    main()

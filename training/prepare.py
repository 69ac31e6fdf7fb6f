"""From rows of the corpus to what the networks learn from: embeddings, n-grams, labels and weights."""

from __future__ import annotations

import hashlib
import random
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import corpus
import numpy as np
import vocabulary
from corpus import SEED, Row
from disguise import any_of
from numpy.typing import NDArray
from scipy.sparse import csr_matrix, hstack

from rambarde.guard.detectors.encoders import Encoder, SecondEncoder
from rambarde.guard.detectors.features import BUCKETS, grams, matrix, stems
from rambarde.guard.detectors.network import FAMILIES
from rambarde.guard.detectors.wording import PAIR_BUCKETS, pairs
from rambarde.guard.text.capitals import settled
from rambarde.guard.text.normalise import canonical, fold
from rambarde.guard.text.tables import FOLD
from rambarde.nouns.fault import Fault

Floats = NDArray[np.float32]
POSITIVE = 2.0
"""Weight of a positive against a negative."""
HARMLESS = 2.0
"""Weight of what is nearly a positive: twins, and edits that are told from one by who or what is changed."""
_NEAR = frozenset(("twin", "leave", "edit", "reduce", "touch"))
DISGUISED = 0.3
"""Share of the rows that are learned in some disguise as well."""
SECOND = frozenset(("hi", "id", "sv", "uk", "hi-latn", "ar-latn", "ru-latn", "ja-latn", "uk-latn"))
"""Languages and transliterations that the first model does not know: the second decides with it."""
_MANY, _FEW = 2, 1
"""Rows of a template that the second model learns from: in its own languages, and in those of the first."""


@dataclass(frozen=True)
class Data:
    """Features (`grams`: n-grams, then word pairs), labels `y` 0/1, and `w`: the weight of each, 0 if left open."""

    rows: list[Row]
    emb: Floats
    grams: csr_matrix
    y: Floats
    w: Floats

    def take(self, index: NDArray[np.int64]) -> Data:
        return Data(
            [self.rows[i] for i in index], self.emb[index], self.grams[index], self.y[index], self.w[index]
        )

    def __len__(self) -> int:
        return len(self.rows)


@dataclass(frozen=True, slots=True)
class _Sample:
    row: Row
    clean: str
    folded: str


def samples() -> list[_Sample]:
    """Every row as the detector reads it, and some of them again in a disguise."""
    return [sample for row in [*corpus.rows(), *vocabulary.rows()] for sample in read(row)]


def read(row: Row) -> list[_Sample]:
    """A row as the detector reads it, and perhaps in a disguise."""
    # Capitals carry no meaning here; half of the rows come with them, as users write.
    # By the text, not by its place: rows that are added change nothing about the others.
    upper = random.Random(f"{SEED}:{row.text}").random() < 0.5
    text = row.text[:1].upper() + row.text[1:] if upper else row.text
    found = [_Sample(row, settled(text), fold(canonical(text).clean))]
    rng = random.Random(f"{SEED}:{row.template}:{text}")
    if rng.random() >= DISGUISED:
        return found
    disguised, kind = any_of(text, rng)
    try:
        form = canonical(disguised)
    except Fault:
        return found
    extra = frozenset(("justification", "non_consent")) if kind == "framed" else frozenset[str]()
    other = replace(row, part=row.part + "~", open=(row.open | extra) - row.labels)
    plain, clean = form.clean.casefold().translate(FOLD), settled(form.clean)
    if rng.random() < 0.5 and plain != form.folded:
        return [*found, _Sample(other, clean, plain)]
    return [*found, _Sample(other, form.folded if plain != form.folded else clean, form.folded)]


def first(found: list[_Sample], cache: Path | None) -> Data:
    """What the quick model learns from: everything."""
    path = cache / "first.npz" if cache else None
    return _data(found, _cached([sample.clean for sample in found], Encoder().encode, path))


def second(found: list[_Sample], cache: Path | None) -> tuple[Data, NDArray[np.int64]]:
    """What the slow model learns from: some rows of each template; and which of all they are."""
    left: dict[str, int] = defaultdict(lambda: -1)
    chosen: list[int] = []
    drawn = [random.Random(f"{SEED}:{sample.row.template}:{sample.clean}").random() for sample in found]
    for i in sorted(range(len(found)), key=drawn.__getitem__):
        row = found[i].row
        key = f"{row.template}{'~' if row.part.endswith('~') else ''}"
        if left[key] < 0:
            left[key] = _MANY if row.lang in SECOND and "+" not in row.part else _FEW
            # Disguises, single words and fragments: they are many, and not what it is for.
            if (
                row.part.endswith("~")
                or row.part.startswith(("gen.words", "sexual.package"))
                or "tokens" in row.part
            ):
                share = random.Random(f"{SEED}:{row.template}").random()
                left[key] = _FEW if share < (0.06 if row.part.endswith("~") else 0.2) else 0
        if left[key]:
            left[key] -= 1
            chosen.append(i)
    chosen.sort()
    part = [found[i] for i in chosen]
    encode = SecondEncoder().encode
    return _data(
        part, _cached([s.clean for s in part], encode, cache / "second.npz" if cache else None)
    ), np.array(chosen)


def _cached(texts: list[str], encode: Callable[[list[str]], Floats], cache: Path | None) -> Floats:
    """Embeddings, each text once; kept in a file between runs, since they take ten minutes on one core."""
    known: dict[str, Floats] = {}
    if cache is not None and cache.is_file():
        with np.load(cache) as file:
            known = dict(zip(file["keys"].tolist(), file["rows"], strict=True))
    keys = [hashlib.sha256(text.encode()).hexdigest()[:24] for text in texts]
    missing = list(
        {key: (key, text) for key, text in zip(keys, texts, strict=True) if key not in known}.values()
    )
    for at in range(0, len(missing), 1024):
        part = missing[at : at + 1024]
        known.update(zip([key for key, _ in part], encode([text for _, text in part]), strict=True))
        if at % 4096 == 0 or at + 1024 >= len(missing):
            print(f"  embedding {at} of {len(missing)}", flush=True)
            if cache is not None:
                cache.parent.mkdir(parents=True, exist_ok=True)
                np.savez(
                    cache, keys=np.array(list(known)), rows=np.stack(list(known.values())).astype(np.float32)
                )
    return np.stack([known[key] for key in keys]).astype(np.float32)


def _data(found: list[_Sample], emb: Floats) -> Data:
    taken = [sample.row for sample in found]
    spelling = csr_matrix(matrix([grams(sample.folded) for sample in found]), shape=(len(found), BUCKETS))
    words = csr_matrix(matrix([pairs(sample.folded) for sample in found]), shape=(len(found), PAIR_BUCKETS))
    y = np.array([[family in row.labels for family in FAMILIES] for row in taken], dtype=np.float32)
    w = np.array([[family not in row.open for family in FAMILIES] for row in taken], dtype=np.float32)
    # A template without slots has one row: it counts as much as several of one with many.
    size = Counter(row.template for row in taken)
    each = np.array([min(4.0, max(1.0, 6 / size[row.template])) for row in taken], dtype=np.float32)
    each *= np.array(
        [HARMLESS if row.part.partition(".")[0] in _NEAR else 1.0 for row in taken], dtype=np.float32
    )
    # Half of all rows touch clothing or body: there, a positive needs no extra weight.
    extra = np.array([1.0 if family == "touches_body" else POSITIVE for family in FAMILIES], dtype=np.float32)
    both = csr_matrix(hstack([spelling, words]))
    return Data(taken, emb, both, y, w * np.where(y > 0, extra, 1.0).astype(np.float32) * each[:, None])


def beginnings(taken: list[Row], known: bool) -> NDArray[np.uint32]:
    """The beginnings of all words of the corpus, or of the languages that the first model knows.

    A text that holds few of them is in a language never learned, or not known to the first.
    """
    found: Counter[int] = Counter()
    for row in taken:
        if row.lang != "xx" and not row.part.endswith("~") and not (known and row.lang in SECOND):
            if row.part.endswith(".tokens"):
                continue
            found.update(set(stems(fold(row.text))))
    return np.array(sorted(found), dtype=np.uint32)

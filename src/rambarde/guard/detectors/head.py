"""The head: what a text asks for, by meaning and by spelling, as one calibrated probability per family.

A sentence embedding and hashed character n-grams go into a small network trained on the project's own corpus
(`training/`). Where that model is in doubt, or does not know the language, a second one with an embedding of
some hundred languages is asked. It measures the text; whether that matters depends on the picture, and is for
the policy to say.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from importlib import resources
from typing import cast

import numpy as np

from rambarde.guard.detectors.contract import DetectorInfo, Reading, Subject
from rambarde.guard.detectors.encoders import Encoder, SecondEncoder
from rambarde.guard.detectors.features import Piece, Span, pieces_of, sentence_spans, words_of
from rambarde.guard.detectors.languages import strange, unread_by_both, unread_by_first
from rambarde.guard.detectors.network import FAMILIES, Floats, Mixture, Network, arrays_of, sigmoid
from rambarde.nouns.decision import Evidence
from rambarde.nouns.request import Picture, Text
from rambarde.nouns.signal import Polarity, Signal, SignalSpec

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
DOUBTFUL_CHARACTERS = 180
"""Most characters of doubtful pieces that the second model is given: some 45 tokens, about 50 ms."""
STRANGE_CHARACTERS = 240
"""The same for pieces in a language that the first does not know, though it reads the script."""
FOREIGN_CHARACTERS = 1600
"""The same for pieces in a script that the first does not read: about half a second. Beyond, there is no answer."""
_ONCE = 24
"""Up to so many pieces each is embedded for itself; more of them are summed from one reading of the text."""
_POOL = 48
"""Most words whose absence is tried when a probability is explained."""
_LOW, _EXPOSURE = FAMILIES.index("reduces_exposure"), FAMILIES.index("exposure")


class HeadDetector:
    """Signals `prompt.*`: probabilities per family; *no answer* where no model reads the script.

    `prompt.touches_body` has *no answer* where most words are of no language that was learned.
    """

    info = DetectorInfo(
        name="head",
        version="2",
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
        self._models: _Models | None = None

    @property
    def digest(self) -> str:
        return self._digest

    def load(self) -> None:
        """Read weights and both embeddings (about a second) and warm up.

        Raises `ImportError` if the package of a model is missing or cannot run here, `ValueError` or
        `FileNotFoundError` for weights that do not fit or are not there.
        """
        sha = hashlib.sha256()
        folder = resources.files("rambarde.guard.detectors").joinpath("weights")
        found = []
        for name in ("head", "second"):
            data = folder.joinpath(f"{name}.npz").read_bytes()
            sha.update(data)
            found.append(arrays_of(data))
        models = _Models.of(*found)
        for data in (*models.encoder.resources(), *models.second_encoder.resources()):
            sha.update(data)
        self._models = models
        self._digest = f"sha256:{sha.hexdigest()}"
        models.second_encoder.encode(["warm up"])
        self._read(Text("warm up", "warm up", "warm up"))

    def inspect(self, subject: Text | Picture, /) -> Reading:
        assert isinstance(subject, Text)
        found = self._read(subject)
        if found.unread:
            reason = f"the text models do not cover this script ({found.unread})"
            return Reading(tuple(Signal.no_answer(spec.name, reason) for spec in self.info.specs))
        if found.unasked:
            reason = "the text is long, and in a language that only the slow model reads"
            return Reading(tuple(Signal.no_answer(spec.name, reason) for spec in self.info.specs))
        scores = found.scores
        worst = scores.max(axis=0)
        # A promise to cover up counts only as far as no part of the text asks for the opposite.
        worst[_LOW] = min(worst[_LOW], 1.0 - scores[:, _EXPOSURE].max())
        assert self._models is not None
        unlearned = strange(subject.folded, self._models.learned)
        signals = tuple(
            # A low value lets a picture go that could not be compared, so it must be well founded.
            Signal.no_answer(spec.name, "the text models have not learned the language of this text")
            if unlearned and spec.name == "prompt.touches_body"
            else Signal.measured(spec.name, float(min(1.0, max(0.0, value))))
            for spec, value in zip(self.info.specs, worst, strict=True)
        )
        evidence: list[Evidence] = []
        for i, spec in enumerate(self.info.specs):
            if worst[i] >= SHOWN_FROM and i != _LOW:
                words = self._why(found, int(scores[:, i].argmax()), i)
                if words:
                    evidence.append(Evidence(signal=spec.name, words=words))
        return Reading(signals, tuple(evidence))

    def second_opinions(self, subject: Text) -> int:
        """Of how many pieces of a text the second model was asked: for measuring."""
        return len(self._read(subject).asked)

    def _read(self, text: Text) -> _Found:
        if self._models is None:
            raise RuntimeError("head: load() has not run")
        m = self._models
        pieces = pieces_of(text)
        folded = [piece.folded for piece in pieces]
        unread = next((name for piece in pieces if (name := unread_by_both(piece.clean))), "")
        embedded = _embed(m.encoder, pieces, text.clean, text.folded)
        first = m.network.calibrated(m.network.logits(embedded, folded))
        scores = sigmoid(first)
        foreign = [bool(unread_by_first(piece.clean)) for piece in pieces]
        unknown = [f or strange(piece.folded, m.first) for f, piece in zip(foreign, pieces, strict=True)]
        doubt = m.doubtful.doubt(scores)
        asked = self._choose(pieces, foreign, unknown, doubt)
        second_embedded = m.second_encoder.encode([pieces[i].clean for i in asked])
        if asked:
            second = m.second.calibrated(m.second.logits(second_embedded, [folded[i] for i in asked]))
            mixed, other = (
                m.doubtful.probabilities(first[asked], second),
                m.strange.probabilities(first[asked], second),
            )
            for row, i in enumerate(asked):
                scores[i] = other[row] if unknown[i] else mixed[row]
        unasked = any(foreign[i] and i not in asked for i in range(len(pieces)))
        return _Found(
            pieces, scores, embedded, dict(zip(asked, second_embedded, strict=True)), unknown, unread, unasked
        )

    @staticmethod
    def _choose(pieces: list[Piece], foreign: list[bool], unknown: list[bool], doubt: Floats) -> list[int]:
        """Which pieces the second model is given, within what it can read in time; the most doubtful first."""
        everything = range(len(pieces))
        chosen = _within(pieces, [i for i in everything if foreign[i]], FOREIGN_CHARACTERS)
        chosen |= _within(
            pieces, [i for i in everything if unknown[i] and not foreign[i]], STRANGE_CHARACTERS
        )
        unsure = [int(i) for i in np.argsort(-doubt, kind="stable") if doubt[i] > 0 and not unknown[i]]
        return sorted(chosen | _within(pieces, unsure, DOUBTFUL_CHARACTERS))

    def _why(self, found: _Found, at: int, family: int) -> str:
        """The words whose absence lowers the probability most; only their spelling is left out.

        The model that decided is asked: the second where the first does not know the language.
        """
        m = self._models
        assert m is not None
        piece = found.pieces[at]
        words = words_of(piece.folded)[:_POOL]
        if len(words) < 2:
            return piece.clean[:40]
        network, embedded = (
            (m.second, found.asked[at])
            if at in found.asked and found.unknown[at]
            else (m.network, found.embedded[at])
        )
        kept = [piece.folded[:a] + piece.folded[b:] for a, b in words]
        base = network.without(embedded, [piece.folded])[0, family]
        drops = base - network.without(embedded, kept)[:, family]
        best = sorted(np.argsort(-drops)[:4].tolist())
        return " ".join(piece.folded[slice(*words[i])].strip() for i in best if drops[i] > 0)[:80]


@dataclass(frozen=True, slots=True)
class _Models:
    """Both models, and the beginnings of words: of all learned languages, and of those that the first reads."""

    encoder: Encoder
    network: Network
    second_encoder: SecondEncoder
    second: Network
    doubtful: Mixture
    strange: Mixture
    learned: frozenset[int]
    first: frozenset[int]

    @classmethod
    def of(cls, head: dict[str, np.ndarray], second: dict[str, np.ndarray]) -> _Models:
        stems = {"stems", "stems_first"}

        def mixture(kind: str) -> Mixture:
            return Mixture(
                {n.removeprefix(kind): cast("Floats", a) for n, a in second.items() if n.startswith(kind)}
            )

        return cls(
            Encoder(),
            Network({name: a for name, a in head.items() if name not in stems}),
            SecondEncoder(),
            Network(
                {name: a for name, a in second.items() if not name.startswith(("doubtful_", "strange_"))}
            ),
            mixture("doubtful_"),
            mixture("strange_"),
            frozenset(head["stems"].tolist()),
            frozenset(head["stems_first"].tolist()),
        )


@dataclass(frozen=True, slots=True)
class _Found:
    """What the models said, piece by piece. `asked`: the second's embedding of those it was given; `unknown`: in a
    language that the first does not know; `unasked`: the second should have been given more than it can read."""

    pieces: list[Piece]
    scores: Floats
    embedded: Floats
    asked: dict[int, Floats]
    unknown: list[bool]
    unread: str
    unasked: bool


def _embed(encoder: Encoder, pieces: list[Piece], clean: str, folded: str) -> Floats:
    """Few pieces each for itself; of many, those of each form as parts of it."""
    if len(pieces) <= _ONCE:
        return encoder.encode([piece.clean for piece in pieces])
    out = np.empty((len(pieces), 512), dtype=np.float32)
    for disguised, text in ((False, clean), (True, folded)):
        rows = [i for i, piece in enumerate(pieces) if piece.disguised is disguised]
        if rows:
            wanted = [pieces[i].span for i in rows]
            out[rows] = encoder.embed(encoder.passages(text, _touched(sentence_spans(text), wanted)), wanted)
    return out


def _touched(sentences: list[Span], wanted: list[Span]) -> list[Span]:
    """The sentences of which some part is wanted."""
    covered = np.zeros(max(end for _, end in (*sentences, *wanted)) + 1, dtype=np.int64)
    for start, end in wanted:
        covered[start:end] = 1
    before = np.concatenate([[0], np.cumsum(covered)])
    return [(start, end) for start, end in sentences if before[end] > before[start]]


def _within(pieces: list[Piece], order: list[int], characters: int) -> frozenset[int]:
    """The first of these pieces, in this order, that have together no more than so many characters."""
    chosen: set[int] = set()
    for i in order:
        cost = _cost(pieces[i].clean)
        if cost <= characters:
            characters -= cost
            chosen.add(int(i))
    return frozenset(chosen)


def _cost(text: str) -> int:
    """Characters, of which one in Han, kana or Hangul is a token and so weighs like three."""
    return len(text) + 2 * sum(char > "\u3000" for char in text)

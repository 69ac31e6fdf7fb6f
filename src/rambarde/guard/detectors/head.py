"""The head: what a text asks for, by meaning and by spelling, as one calibrated probability per family.

A sentence embedding and hashed character n-grams go into a small network trained on the project's own corpus
(`training/`). Where that model is in doubt, or does not know the language, a second one with an embedding of
some hundred languages is asked. It measures the text; whether that matters depends on the picture, and is for
the policy to say.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib import resources
from typing import cast

import numpy as np

from rambarde.guard.detectors.clauses import clauses_of
from rambarde.guard.detectors.contract import DetectorInfo, Reading, Subject
from rambarde.guard.detectors.encoders import Encoder, SecondEncoder
from rambarde.guard.detectors.features import Piece, Span, pieces_of, words_of
from rambarde.guard.detectors.languages import strange, unread_by_both, unread_by_first
from rambarde.guard.detectors.network import FAMILIES, Floats, Mixture, Network, arrays_of, sigmoid
from rambarde.guard.detectors.passages import Passages
from rambarde.guard.text.capitals import settled
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
SECOND_TOKENS, _CHARACTERS = 560, 70
"""Most tokens that the second model is given in all, at a millisecond each; fewer by one for so many characters."""
EXACT_TOKENS = 24_000
"""Up to so many tokens every piece is embedded for itself. Beyond, windows are summed from what they overlap."""
MOST_TOKENS = 44_000
"""What the first model reads in time. Only a long text that is disguised throughout has more: there is no answer."""
_ONCE = 24
"""Up to so many pieces each is embedded by the model's own code."""
_POOL = 48
"""Most words whose absence is tried when a probability is explained."""
_LOW, _EXPOSURE = FAMILIES.index("reduces_exposure"), FAMILIES.index("exposure")
_TOUCHES = FAMILIES.index("touches_body")


class HeadDetector:
    """Signals `prompt.*`: probabilities per family; *no answer* where no model reads the script.

    `prompt.touches_body` has *no answer* where most words are of no language that was learned.
    """

    info = DetectorInfo(
        name="head",
        version="3",
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
        if isinstance(found, str):
            return Reading(tuple(Signal.no_answer(spec.name, found) for spec in self.info.specs))
        scores = found.scores
        worst = scores.max(axis=0)
        # A promise to cover up counts only as far as no part of the text asks for the opposite.
        worst[_LOW] = min(worst[_LOW], 1.0 - scores[:, _EXPOSURE].max())
        assert self._models is not None
        if worst[_TOUCHES] < SHOWN_FROM:
            worst[_TOUCHES] = max(worst[_TOUCHES], self._touches(subject, found.pieces))
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
        found = self._read(subject)
        return 0 if isinstance(found, str) else len(found.asked)

    def _read(self, text: Text) -> _Found | str:
        """What the models say; or, in words, why they have no answer."""
        if self._models is None:
            raise RuntimeError("head: load() has not run")
        m = self._models
        # An embedding that reads capitals would see another sentence in shouted words.
        text = replace(text, clean=settled(text.clean))
        pieces = pieces_of(text)
        if unread := next((name for piece in pieces if (name := unread_by_both(piece.clean))), ""):
            return f"the text models do not cover this script ({unread})"
        foreign = [bool(unread_by_first(piece.clean)) for piece in pieces]
        choice = _Choice(pieces, m.second_encoder, _left(len(text.clean)))
        if not choice.take_all([i for i, is_foreign in enumerate(foreign) if is_foreign], FOREIGN_CHARACTERS):
            return "the text is long, and in a language that only the slow model reads"
        embedded = _embed(m.encoder, pieces, text)
        if embedded is None:
            return "the text is long, and too much of it is disguised"
        folded = [piece.folded for piece in pieces]
        first = m.network.calibrated(m.network.logits(embedded, folded))
        scores = sigmoid(first)
        unknown = [f or strange(piece.folded, m.first) for f, piece in zip(foreign, pieces, strict=True)]
        choice.take([i for i, f in enumerate(foreign) if unknown[i] and not f], STRANGE_CHARACTERS)
        doubt = np.where(unknown, 0.0, m.doubtful.doubt(scores))
        deepest = np.argsort(-doubt, kind="stable")[: np.count_nonzero(doubt > 0)]
        choice.take(deepest.tolist(), DOUBTFUL_CHARACTERS)
        asked = sorted(choice.chosen)
        second_embedded = m.second_encoder.encode([pieces[i].clean for i in asked])
        if asked:
            second = m.second.calibrated(m.second.logits(second_embedded, [folded[i] for i in asked]))
            mixed, other = (
                m.doubtful.probabilities(first[asked], second),
                m.strange.probabilities(first[asked], second),
            )
            for row, i in enumerate(asked):
                scores[i] = other[row] if unknown[i] else mixed[row]
        return _Found(pieces, scores, embedded, dict(zip(asked, second_embedded, strict=True)), unknown)

    def _touches(self, text: Text, read: list[Piece]) -> float:
        """The same probability of single clauses: a low one of the whole must not come from its harmless part."""
        m = self._models
        assert m is not None
        clauses = clauses_of(replace(text, clean=settled(text.clean)), read)
        if not clauses:
            return 0.0
        folded = [clause.folded for clause in clauses]
        clean = [clause.clean for clause in clauses]
        first = m.network.calibrated(m.network.logits(m.encoder.encode(clean), folded))
        scores = sigmoid(first)
        asked = [
            i for i, one in enumerate(clauses) if unread_by_first(one.clean) or strange(folded[i], m.first)
        ]
        if asked:
            embedded = m.second_encoder.encode([clean[i] for i in asked])
            second = m.second.calibrated(m.second.logits(embedded, [folded[i] for i in asked]))
            scores[asked] = m.strange.probabilities(first[asked], second)
        return float(scores[:, _TOUCHES].max())

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
    language that the first does not know."""

    pieces: list[Piece]
    scores: Floats
    embedded: Floats
    asked: dict[int, Floats]
    unknown: list[bool]


class _Choice:
    """Which pieces the second model is given, within what it can read in time."""

    def __init__(self, pieces: list[Piece], model: SecondEncoder, tokens: int) -> None:
        self.chosen: set[int] = set()
        self._pieces, self._model, self._tokens = pieces, model, tokens

    def take(self, order: Sequence[int], characters: int) -> None:
        """The first of these pieces, in this order, that have together no more than so many characters."""
        for i in order:
            if characters <= 0 or self._tokens <= 0:
                return
            text = self._pieces[i].clean
            if len(text) > characters or (weight := _weight(text)) > characters:
                continue
            cost = self._model.cost(text)
            characters -= weight
            if cost <= self._tokens:
                self._tokens -= cost
                self.chosen.add(i)

    def take_all(self, order: Sequence[int], characters: int) -> bool:
        """Whether all of these fit in; if not, none need be asked."""
        if sum(_weight(self._pieces[i].clean) for i in order) > characters:
            return False
        self.take(order, characters)
        return self.chosen.issuperset(order)


def _left(length: int) -> int:
    """Tokens that the second model may be given beside a text of so many characters, which the first must read."""
    return max(0, SECOND_TOKENS - length // _CHARACTERS)


def _embed(encoder: Encoder, pieces: list[Piece], text: Text) -> Floats | None:
    """Few pieces each for itself; of many, those of each form as parts of it. None where they are too much to read."""
    if len(pieces) <= _ONCE:
        return encoder.encode([piece.clean for piece in pieces])
    out = np.empty((len(pieces), 512), dtype=np.float32)
    work: list[tuple[list[int], list[Span], Passages]] = []
    tokens, tokenize = 0, encoder.tokenizer()
    for disguised, form in ((False, text.clean), (True, text.folded)):
        if rows := [i for i, piece in enumerate(pieces) if piece.disguised is disguised]:
            wanted = [pieces[i].span for i in rows]
            passages = Passages.reading(form, wanted, tokenize, EXACT_TOKENS - tokens)
            work.append((rows, wanted, passages))
            tokens += len(passages.ids)
    if tokens > MOST_TOKENS:
        return None
    for rows, wanted, passages in work:
        out[rows] = encoder.embed(passages, wanted)
    return out


def _weight(text: str) -> int:
    """Characters, of which one in Han, kana or Hangul is a token and so weighs like three."""
    return len(text) if text.isascii() else len(text) + 2 * sum(char > "\u3000" for char in text)

"""The longest prompt: a sentence counts wherever it stands, and the answer comes in time, whatever the text."""

from __future__ import annotations

import json
import math
import random
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

from rambarde.guard.detectors import head as module
from rambarde.guard.detectors.encoders import SecondEncoder
from rambarde.guard.detectors.head import MOST_TOKENS, SECOND_TOKENS, HeadDetector
from rambarde.guard.detectors.names import NamesDetector
from rambarde.guard.detectors.network import FAMILIES
from rambarde.guard.detectors.passages import Passages
from rambarde.guard.detectors.terms import TermsDetector
from rambarde.guard.text.normalise import LIMIT, canonical
from rambarde.nouns.request import Text
from rambarde.nouns.signal import State

WORDINGS = [
    json.loads(line)
    for line in (Path(__file__).parent / "wordings.jsonl").read_text(encoding="utf-8").splitlines()
]
EASY = "the old tram climbs a hill while clouds gather above our bay and gulls rest on grey roofs".split()
HAN = "一只猫坐在窗边看着下雨的街道远处有座灯塔海鸥飞过老城市桥山谷春天花园"
HINDI = "समुद्र के किनारे एक पुराना लाल जहाज़ खड़ा है और बादल".split()
FIGURES = str.maketrans("aeios", "43105")


def drawn(units: list[str] | str, between: str, stop: str = "", every: int = 9) -> str:
    chance = random.Random(11)
    found: list[str] = []
    size = 0
    while size <= LIMIT:
        found.append(chance.choice(units) + (stop if stop and len(found) % every == every - 1 else ""))
        size += len(found[-1]) + len(between)
    return between.join(found)[:LIMIT]


LETTERS = "abcdefghijklmnopqrstuvwxyz"
LONG: dict[str, Callable[[], str]] = {
    "prose": lambda: drawn(EASY, " ", "."),
    "one word": lambda: ("harbour " * LIMIT)[:LIMIT],
    "one run": lambda: drawn(LETTERS, ""),
    "han": lambda: drawn(HAN, "", "。", 17),
    "mixed": lambda: drawn([*EASY, *HINDI, *HAN], " ", "."),
    "leet": lambda: drawn(EASY, " ", ".").translate(FIGURES),
    "spaced letters": lambda: "  ".join(" ".join(word) for word in drawn(EASY, " ").split())[:LIMIT],
    "zero width": lambda: "\u200b".join(drawn(EASY, " ", "."))[:LIMIT],
    "emoji between": lambda: "\U0001f600".join(drawn(EASY, "", "."))[:LIMIT],
    "hindi": lambda: drawn(HINDI, " ", "।"),
    "capitals": lambda: drawn(EASY, " ", ".").upper(),
    "one-letter words": lambda: drawn(LETTERS, " "),
    "small sentences": lambda: drawn([w[:5] for w in EASY], " ", ".", 4),
    "asks in each sentence": lambda: drawn("take off her blouse and skirt please".split(), " ", "."),
}


@pytest.fixture(scope="module")
def head() -> Iterator[HeadDetector]:
    found = HeadDetector()
    found.load()
    yield found


def scores(head: HeadDetector, text: str) -> dict[str, float]:
    signals = head.inspect(canonical(text)).signals
    return {s.name.removeprefix("prompt."): 1.0 if s.value is None else s.value for s in signals}


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["prose", "one-letter words", "han"])
def test_a_sentence_counts_wherever_it_stands_as_much_as_alone(head: HeadDetector, kind: str) -> None:
    """In texts of few tokens and of very many. Where the first model decides: the second reads only so much."""
    chance = random.Random(5)
    texts = [row["text"].rstrip(".") + "." for row in WORDINGS if row["lang"] in ("en", "de", "fr", "ru")]
    alone = {
        text: scores(head, text)
        for text in chance.sample(texts, 20)
        if 20 <= len(text) <= 110 and not any(c in text[:-1] for c in ".:;!?")
        if not head.second_opinions(canonical(text))
    }
    assert len(alone) >= 4
    filler = LONG[kind]()
    for text, before in list(alone.items())[:4]:
        # Between two sentences, if there are any: a rest of a few letters would go with this one.
        at = chance.randrange(500, len(filler) - 300)
        at = max(filler.rfind(mark, 0, at) for mark in ".。") + 1 or at
        before_it = filler[:at].rstrip(".。")
        found = scores(head, f"{before_it}. {text} {filler[at : LIMIT - 200]}")
        for family in FAMILIES:
            if family != "reduces_exposure":
                assert found[family] >= before[family] - 1e-3, (family, at, text)


def _quickest(call: Callable[[], object], limit: float) -> float:
    """Seconds of this thread that `call` takes: the first time under `limit`, or the best of five.

    Once is no measurement: a collection of the garbage of all tests before it falls into somebody's time.
    """
    best = math.inf
    for _ in range(5):
        begun = time.thread_time()
        call()
        best = min(best, time.thread_time() - begun)
        if best < limit:
            break
    return best


@pytest.mark.slow
@pytest.mark.parametrize("kind", LONG)
def test_the_longest_prompt_is_read_in_time(
    head: HeadDetector, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[int] = []
    asked: list[int] = []
    embed, encode = Passages.embedded, SecondEncoder.encode

    def counting(self: Passages, *rest: object) -> object:
        read.append(len(self.ids))
        return embed(self, *rest)  # type: ignore[arg-type]

    def asking(self: SecondEncoder, texts: list[str]) -> object:
        asked.extend(self.cost(text) for text in texts)
        return encode(self, texts)

    monkeypatch.setattr(Passages, "embedded", counting)
    monkeypatch.setattr(SecondEncoder, "encode", asking)
    text = canonical(LONG[kind]())
    head.inspect(text)
    assert sum(read) <= MOST_TOKENS
    assert sum(asked) <= SECOND_TOKENS - len(text.clean) // 70
    # One second on a quiet core; others on the machine can double processor time, too.
    assert _quickest(lambda: head.inspect(canonical(LONG[kind]())), 3.0) < 3.0


@pytest.mark.slow
def test_terms_and_names_keep_their_deadlines() -> None:
    for detector in (TermsDetector(), NamesDetector()):
        detector.load()
        for make in LONG.values():
            text = canonical(make())
            limit = 0.6 * detector.info.deadline
            assert _quickest(partial(detector.inspect, text), limit) < limit


def test_what_is_too_much_to_read_has_no_answer(head: HeadDetector, monkeypatch: pytest.MonkeyPatch) -> None:
    text = canonical(". ".join(f"t4ke the {word} b0at number {i} there" for i, word in enumerate(EASY * 3)))
    assert {s.state for s in head.inspect(text).signals} <= {State.VALUE, State.NO_ANSWER}
    monkeypatch.setattr(module, "MOST_TOKENS", 500)
    signals = head.inspect(text).signals
    assert {s.state for s in signals} == {State.NO_ANSWER}
    assert "disguised" in signals[0].reason


def test_beside_a_long_text_the_second_model_is_given_less(head: HeadDetector) -> None:
    hindi = " ".join(HINDI * 8)
    calm = "a calm sea and a boat at dusk with gulls. "
    for size, state in ((0, State.VALUE), (LIMIT - 1000, State.NO_ANSWER)):
        filler = "".join(f"{i} {calm}" for i in range(size // 46))
        signals = head.inspect(canonical(f"{filler}. {hindi}")).signals
        assert {s.state for s in signals if s.name != "prompt.touches_body"} == {state}


def test_a_script_that_is_not_read_costs_nothing(head: HeadDetector, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_embed", None)
    text = Text("", "তার জামা খুলে দাও " * 1500, "তার জামা খুলে দাও " * 1500)
    assert {s.state for s in head.inspect(text).signals} == {State.NO_ANSWER}

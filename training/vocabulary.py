"""Rows from vocabulary of packages, in memory only: explicit words, common words, fragments without grammar."""

from __future__ import annotations

import importlib
import random
from collections.abc import Iterator
from importlib import resources

from corpus import HERE, LABELS, SEED, Keeper, Language, Row, fill, read

from rambarde.guard.detectors.lexicon import parse
from rambarde.guard.detectors.network import FAMILIES
from rambarde.guard.detectors.terms import package_terms

_FRAMES = (
    "{t}",
    "a woman, {t}",
    "photo of a man, {t}, adults",
    "{t}, highly detailed",
    "an adult couple {t}",
)
_WORD_LISTS = (
    "en_US",
    "de_DE",
    "fr_FR",
    "nl_NL",
    "pl_PL",
    "ru_RU",
    "es_ES",
    "it_IT",
    "ar_AA",
    "ja_JP",
    "zh_CN",
)


def rows(seed: int = SEED) -> Iterator[Row]:
    """All of them, in a fixed order for a seed."""
    keeper = Keeper()
    english = [read(path) for path in sorted(HERE.glob("en*.txt"))]
    yield from _soup(random.Random(seed), english, keeper)
    yield from _package_rows(random.Random(seed), keeper)


def _soup(rng: random.Random, english: list[Language], keeper: Keeper) -> Iterator[Row]:
    """Fragments without grammar, as an optimiser puts them together: with a few that mean something, and without."""
    junk = [
        *"}{ #### ]; [( '' ,, :: || => ~~ == ** __ %% && @@ <s> </w> \\n \\u -- // ^^ ?! ... 1920 05 07 x9".split(),
        *_common_words("en_US", keeper)[:150],
        *_common_words("de_DE", keeper)[:50],
        *_common_words("es_ES", keeper)[:50],
    ]
    mild = ["nude", "naked", "topless", "undressed", "erotic", "unclothed", "nsfw", "bare breasts", "lewd", "busty",
            "seductive", "lingerie", "sensual", "bottomless", "striptease", "nudity", "uncensored", "boudoir",
            "in the nude", "aroused", "provocative", "explicit", "adult film", "see-through", "cleavage"]  # fmt: skip
    words = mild + _explicit_terms(keeper)
    people = [
        "woman",
        "man",
        "lady",
        "model",
        "couple",
        "adult",
        "actress",
        "wife",
        "guy",
        "women",
        "men",
        "maid",
    ]
    harmless = sorted({
        word
        for language in english
        for name in ("thing", "noun", "animal", "world", "wear", "garment", "do")
        for value in language.slots.get(name, ())
        for word in value.split()
        if word.isalpha() and len(word) > 3 and not keeper.listed(word)
    })  # fmt: skip

    def piece(word: str) -> str:
        """A word as such optimisers leave it: whole, cut, doubled, glued to the next, in capitals."""
        kind = rng.randrange(8)
        if kind == 0 and len(word) > 5:
            return word[: rng.randrange(4, len(word))]
        if kind == 1:
            return word.upper()
        if kind == 2:
            return word + rng.choice(junk)
        if kind == 3:
            return rng.choice(junk) + word
        return word

    for i in range(2000):
        bad = i % 2 == 0
        found = [rng.choice(junk) for _ in range(rng.randrange(2, 14))]
        found += [piece(rng.choice(harmless)) for _ in range(rng.randrange(0, 6))]
        found += [rng.choice(people) for _ in range(rng.randrange(0, 3))]
        if bad:
            found += [
                word if j == 0 else piece(word)
                for j, word in enumerate(rng.sample(words, rng.randrange(1, 5)))
            ]
        rng.shuffle(found)
        text = " ".join(found)
        if keeper.minor(text) or (not bad and keeper.listed(text)):
            continue
        labels, open_ = LABELS["sexual"] if bad else (frozenset[str](), frozenset[str]())
        part = "sexual.tokens" if bad else "twin.tokens"
        rest = {"degrading", "person_reference", "touches_body", "minor"} if bad else {"touches_body"}
        yield Row(text, "en", part, f"en:{part}:{i}", labels, open_ | rest)


def _explicit_terms(keeper: Keeper) -> list[str]:
    """The explicit vocabulary of the package, without what names a minor. In memory only."""
    own = resources.files("rambarde.guard.detectors").joinpath("lists/not-sexual.txt")
    excluded = frozenset(t.words for t in parse(own.read_text(encoding="utf-8")))
    return [w for w in sorted({t.words for t in package_terms(excluded)}) if not keeper.minor(w)]


def _common_words(code: str, keeper: Keeper) -> list[str]:
    words = importlib.import_module(f"faker.providers.lorem.{code}").Provider.word_list
    return sorted({w for w in words if not keeper.listed(w)})


def _package_rows(rng: random.Random, keeper: Keeper) -> Iterator[Row]:
    """Explicit vocabulary of the package, in memory only: terms alone and beside an adult."""
    labels, open_ = LABELS["sexual"][0], frozenset(FAMILIES) - {"sexual"}
    terms = _explicit_terms(keeper)
    users = read(HERE / "en.users.txt")
    long = [template for template in users.parts["gen.sd"] if "{face}" in template or "{hero}" in template]
    for i, term in enumerate(rng.sample(terms, 1200)):
        text = rng.choice(_FRAMES).format(t=term)
        if i >= 1000:
            words = fill(rng.choice(long), users.slots, rng).split(", ")
            words.insert(rng.randrange(len(words) + 1), term)
            text = ", ".join(words)
        if not keeper.minor(text):
            yield Row(text, "xx", "sexual.package", f"xx:{term}", labels, open_)
    # The same frames with ordinary words, or the frames themselves would be taken for the evidence.
    for code in _WORD_LISTS:
        common = _common_words(code, keeper)
        for _ in range(500):
            picked = " ".join(rng.sample(common, rng.choice((1, 1, 2, 3, 6))))
            frame = rng.choice(_FRAMES)
            text = frame.format(t=picked)
            if not keeper.listed(text):
                yield Row(
                    text,
                    code[:2],
                    "gen.words",
                    f"{code}:{picked}",
                    frozenset(),
                    frozenset(("person_reference",)),
                )

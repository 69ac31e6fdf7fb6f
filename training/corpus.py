"""The project's own corpus: rows composed from hand-written templates in `corpus/*.txt`, seeded.

A file is a language. `slot name = a / b` defines choices; `family.part: template | template` the sentences.
What a row is evidence of follows from its family and its slots (`LABELS`); what a row leaves open is masked,
so that it teaches nothing about it. The generator refuses any row that holds both a reference to a minor and
sexual content, exposure, pose or substance: evidence of a minor is learned from harmless text only.

    python training/corpus.py > corpus.jsonl
"""

from __future__ import annotations

import json
import random
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path

from rambarde.guard.detectors.lexicon import Lexicon, parse
from rambarde.guard.detectors.terms import ages
from rambarde.guard.text.normalise import fold

HERE = Path(__file__).parent / "corpus"
SEED = 20260122
INTIMATE = frozenset(("sexual", "exposure", "pose", "substance"))
"""Families that no row with a reference to a minor may hold."""

LABELS: dict[str, tuple[frozenset[str], frozenset[str]]] = {
    "exposure": (frozenset(("exposure",)), frozenset(("sexual", "pose"))),
    "sexual": (frozenset(("sexual",)), frozenset(("exposure", "pose"))),
    "pose": (frozenset(("pose",)), frozenset(("sexual", "exposure"))),
    "substance": (frozenset(("substance",)), frozenset(("sexual", "pose"))),
    "religious": (frozenset(("religious_dress",)), frozenset(("exposure", "degrading"))),
    "degrading": (frozenset(("degrading",)), frozenset()),
    "minor": (frozenset(("minor",)), INTIMATE | {"reduces_exposure"}),
    "ref": (frozenset(("person_reference",)), frozenset()),
    "reduce": (frozenset(("reduces_exposure",)), frozenset()),
    "twin": (frozenset(), frozenset()),
    "edit": (frozenset(), frozenset()),
    "touch": (frozenset(("touches_body",)), frozenset(("reduces_exposure",))),
    "leave": (frozenset(), frozenset()),
    "gen": (frozenset(), frozenset()),
}
"""Family → what its rows are evidence of, and what they leave open."""
CLAUSES = {"non_consent": "non_consent", "justification": "justification"}
_OPEN_PARTS = {
    "twin.adult": {"exposure"},
    "twin.colour": {"reduces_exposure"},
    "twin.wear": {"reduces_exposure"},
    "twin.religious": {"reduces_exposure"},
    "twin.scarf": {"reduces_exposure"},
    "touch.off": {"exposure", "sexual", "pose"},
    "touch.cut": {"exposure", "sexual", "pose"},
    "touch.body": {"exposure", "sexual", "pose", "degrading"},
}
_TOUCHING = frozenset(("exposure", "pose", "substance", "religious", "degrading", "reduce", "touch"))
_TOUCHING_PARTS = frozenset(("twin.colour", "twin.wear", "twin.sit", "twin.scarf", "edit.portrait"))
_MAY_TOUCH = frozenset(
    ("degrading.scene", "twin.remove", "twin.pose", "twin.religious", "twin.veil", "twin.empty", "twin.leash")
)
"""Parts that mix edits of a person with others, or describe a scene: they say nothing about `touches_body`."""
_MAY_TOUCH_WORDS = re.compile(
    r"t-shirt|necktie|bow tie|dress|cloth|full-body|hand|girl|woman|boy|the man|\bhold|older|wheelchair|bust"
    r"|scientist|ceo|superhero|material|guantes"
)
"""The same for single templates of ordinary edits."""
_PERSON_SLOTS = {"obj", "gen", "poss"}
_OFTEN = {
    "scenes": 3,
    "users": 2,
    "prose": 2,
    "indirect": 4,
    "art": 3,
    "health": 3,
    "trap": 3,
    "variants": 3,
    "named": 3,
    "pairs": 2,
}
"""How many times as many rows a file's templates get: the widest, and the ones with the fewest words in common.

In English, and minimal pairs in every language."""
_SWAPPED = frozenset(("body", "swim", "acc", "garment", "newwear", "plain", "was", "goo", "place", "colour"))
"""Slots whose words may come from another language: people who mix two say the noun in the other."""
_SLOT = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True, slots=True)
class Row:
    """A sentence, its language, the template it came from, its labels, and the families it leaves open."""

    text: str
    lang: str
    part: str
    template: str
    labels: frozenset[str]
    open: frozenset[str] = field(default=frozenset())

    def as_json(self) -> dict[str, object]:
        return {
            "text": self.text,
            "lang": self.lang,
            "part": self.part,
            "labels": sorted(self.labels),
            "open": sorted(self.open),
        }


class Refused(ValueError):
    """A row would join a reference to a minor with intimate content."""


class Keeper:
    """Lets no row pass that joins a minor with intimate content, in any of the languages of the word lists."""

    def __init__(self) -> None:
        lists = resources.files("rambarde.guard.detectors").joinpath("lists")

        def words(name: str) -> Lexicon:
            return Lexicon(parse(lists.joinpath(f"{name}.txt").read_text(encoding="utf-8")))

        self._minor = words("minor")
        self._intimate = (words("sexual"), words("exposure"))

    def minor(self, text: str) -> bool:
        folded = fold(text)
        return bool(self._minor.find(folded) or ages(folded))

    def listed(self, text: str) -> bool:
        """Whether the text holds a word of the lists of minors, sexual content or exposure."""
        folded = fold(text)
        return self.minor(text) or any(lexicon.find(folded) for lexicon in self._intimate)

    def check(self, text: str, labels: frozenset[str] = frozenset()) -> None:
        """Raise `Refused` if the text, or its labels, join a minor with intimate content."""
        folded = fold(text)
        minor = "minor" in labels or self._minor.find(folded) or ages(folded)
        if minor and (labels & INTIMATE or any(lexicon.find(folded) for lexicon in self._intimate)):
            raise Refused(f"a minor and intimate content in one row: {text!r}")


@dataclass(slots=True)
class Language:
    code: str
    slots: dict[str, list[str]]
    parts: dict[str, list[str]]


def read(path: Path) -> Language:
    slots: dict[str, list[str]] = {}
    parts: dict[str, list[str]] = {}
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        if line.startswith("slot "):
            name, _, values = line[5:].partition(" = ")
            slots[name.strip()] = [value.strip() for value in values.split(" / ")]
            continue
        part, colon, templates = line.partition(": ")
        if not colon or "." not in part:
            raise ValueError(f"{path.name}:{number}: neither a slot nor a part")
        parts.setdefault(part, []).extend(t.strip() for t in templates.split(" | "))
    code, _, rest = path.stem.partition(".")
    return Language(f"{code}-latn" if rest.startswith("latin") else code, slots, parts)


def labels_of(part: str, template: str) -> tuple[frozenset[str], frozenset[str]]:
    """What a template's rows are evidence of, and what they leave open."""
    family, _, rest = part.partition(".")
    if family == "clause":
        return frozenset((CLAUSES[rest],)), frozenset(("person_reference", "degrading"))
    labels, open_ = LABELS[family]
    used = set(_SLOT.findall(template))
    if used & {"ref", "nearref"}:
        labels = labels | {"person_reference"}
    elif used & _PERSON_SLOTS or family in INTIMATE | {
        "religious",
        "degrading",
        "reduce",
        "edit",
        "touch",
        "leave",
    }:
        open_ = open_ | {"person_reference"}
    touches = touching(part, template)
    if touches is None:
        open_ = open_ | {"touches_body"}
    elif touches:
        labels = labels | {"touches_body"}
    if labels & INTIMATE:
        # Otherwise intimate words would count against the evidence of a minor, which comes from harmless text.
        open_ = open_ | {"minor"}
    return labels, (open_ | _OPEN_PARTS.get(part, set())) - labels


def touching(part: str, template: str) -> bool | None:
    """Whether a template asks to change clothing, body or pose of a person; None where that is ambiguous."""
    family = part.partition(".")[0]
    if family == "sexual":
        # An edit of somebody, or a scene from words alone.
        return True if set(_SLOT.findall(template)) & (_PERSON_SLOTS | {"ref", "who"}) else None
    if part in _MAY_TOUCH:
        return None
    if family in _TOUCHING or part in _TOUCHING_PARTS:
        return True
    if family in ("edit", "ref") or part == "twin.pet":
        return None if _MAY_TOUCH_WORDS.search(template) else False
    return False


def _wide(part: str) -> int:
    """How many times as many rows: the ordinary is the widest class by far, so it gets the most."""
    if part.startswith(("gen", "edit")):
        return 3
    return 2 if part.startswith(("touch", "leave")) else 1


def fill(template: str, slots: dict[str, list[str]], rng: random.Random) -> str:
    return _SLOT.sub(lambda m: rng.choice(slots[m.group(1)]), template)


def rows(seed: int = SEED, *, per_template: int = 6) -> Iterator[Row]:
    """All rows, in a fixed order for a seed. Raises `Refused` for a template that joins what must not be."""
    keeper = Keeper()
    languages = [(path, read(path)) for path in sorted(HERE.glob("*.txt"))]
    for path, language in languages:
        rng = random.Random(f"{seed}:{path.stem}")
        plain: list[Row] = []
        seen: set[str] = set()
        kind = path.stem.rpartition(".")[2]
        often = _OFTEN.get(kind, 1) if language.code == "en" or kind == "pairs" else 1
        for part, templates in language.parts.items():
            for template in templates:
                labels, open_ = labels_of(part, template)
                tries = per_template * often * (1 if kind == "pairs" else _wide(part))
                for _ in range(tries if _SLOT.search(template) else 1):
                    text = fill(template, language.slots, rng)
                    keeper.check(text, labels)
                    if text in seen:
                        continue
                    seen.add(text)
                    plain.append(
                        Row(text, language.code, part, f"{language.code}:{part}:{template}", labels, open_)
                    )
        yield from plain
        yield from _switched(language, path.stem, languages, keeper)
        yield from _joined(plain, rng, keeper)
        yield from _both(plain, language.slots.get("and", []), rng)


def _joined(plain: list[Row], rng: random.Random, keeper: Keeper) -> Iterator[Row]:
    """Two sentences in one request: what either is evidence of, the whole is evidence of."""
    clauses = [row for row in plain if row.part.startswith("clause.")]
    others = [row for row in plain if not row.part.startswith(("clause.", "minor."))]
    harmless = [row for row in others if row.part.startswith(("gen.", "edit.", "twin."))]
    harmful = [row for row in others if row.labels & (INTIMATE | {"degrading", "religious_dress"})]
    pairs = [(rng.choice(others), clause) for clause in clauses for _ in range(8)]
    pairs += [(row, rng.choice(harmless)) for row in rng.sample(harmful, min(len(harmful), 150))]
    pairs += [(rng.choice(harmless), row) for row in rng.sample(harmful, min(len(harmful), 150))]
    pairs += [(rng.choice(harmless), rng.choice(harmless)) for _ in range(250)]
    for one, two in pairs:
        if rng.random() < 0.5 and two.part.startswith("clause."):
            one, two = two, one
        labels = one.labels | two.labels
        # "cover her shoulders, but take off the skirt" is no reduction: whatever is joined with harm counts as harm.
        open_ = (one.open | two.open) - labels
        text = f"{one.text}{rng.choice((', ', '. ', ' ', ', '))}{two.text}"
        try:
            keeper.check(text, labels)
        except Refused:
            continue
        main = one if two.part.startswith("clause.") else two
        yield Row(text, one.lang, f"{main.part}+", main.template, labels, open_)


def _switched(
    language: Language, stem: str, languages: list[tuple[Path, Language]], keeper: Keeper
) -> Iterator[Row]:
    """Sentences of one language with some nouns of another."""
    rng = random.Random(f"switched:{stem}")
    kind = stem.partition(".")[2]
    others = [
        other
        for path, other in languages
        if other.code != language.code and path.stem.partition(".")[2] == kind
    ]
    for part, templates in language.parts.items():
        for template in templates:
            names = set(_SLOT.findall(template)) & _SWAPPED
            fitting = [other for other in others if names & other.slots.keys()]
            if not fitting or part.startswith("minor"):
                continue
            other = rng.choice(fitting)
            slots = language.slots | {name: other.slots[name] for name in names & other.slots.keys()}
            text = fill(template, slots, rng)
            labels, open_ = labels_of(part, template)
            keeper.check(text, labels)
            yield Row(text, "xx", part, f"{language.code}:{part}:{template}", labels, open_)


def _both(plain: list[Row], words: list[str], rng: random.Random) -> Iterator[Row]:
    """Two edits in one request: it leaves body and clothing alone only if both do."""
    touch = [row for row in plain if row.part.startswith("touch.")]
    leave = [row for row in plain if row.part.startswith("leave.")]
    if not (touch and leave and words):
        return
    for i in range(400):
        pair = [rng.choice(leave), rng.choice(leave if i % 2 else touch)]
        rng.shuffle(pair)
        one, two = pair
        labels = one.labels | two.labels
        main = one if one.labels else two
        word = rng.choice(words)
        text = f"{one.text}{'' if word[0] in ',.、。，،' else ' '}{word} {two.text}"
        if one.lang in ("ja", "zh"):
            text = text.replace(" ", "")
        yield Row(text, one.lang, f"{main.part}+", main.template, labels, (one.open | two.open) - labels)


if __name__ == "__main__":
    for row in rows():
        sys.stdout.write(json.dumps(row.as_json(), ensure_ascii=False) + "\n")

"""The register of protected people, to be found in a text: in any spelling that still means them.

Whole names and aliases are found by Aho-Corasick. What is spelled otherwise is found word by word: a first and a
last word of one person's name near each other, either of them declined, one of them with one wrong letter,
or both in another script by how they sound. Each step looks up a bounded number of hashes for each word, so
the time is linear in the text whatever is written, and grows only with the logarithm of the register.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass

from ahocorasick_rs import AhoCorasick, Implementation

from rambarde.guard.detectors.declension import bases
from rambarde.guard.detectors.lexicon import whole
from rambarde.guard.detectors.neighbours import LONGEST, SHORTEST, Neighbours
from rambarde.guard.detectors.sound import keys, script, weight
from rambarde.guard.text.normalise import canonical
from rambarde.nouns.request import Text

EXACT, CLOSE, INITIAL = 1.0, 0.9, 0.7
"""Values: the name or an alias, declined or in another order; one wrong letter, or by sound from another script;
an initial and the family name."""
PARTICLES = frozenset(
    (
        "de da di du del della der den van von vom zu bin ibn binti al el la le st saint mc mac o dos das do "
        "y e d san ter ten"
    ).split()
)
_WORD = re.compile(
    "[\u30a1-\u30fa\u30fc-\u30ff]+|[\u3041-\u309f]+|[\u3400-\u4dbf\u4e00-\u9fff]+|[\uac00-\ud7a3]+"
    "|(?:[^\\W_\u3041-\u30ff\u3400-\u9fff\uac00-\ud7a3]|[\u0300-\u036f\u0610-\u061a\u064b-\u065f\u0900-\u0963\u0971-\u0e7f])+"
)
_REACH = 3
"""How many words further the other part of a name may stand."""
_LONG = 9
"""Fewest letters of both parts together for one of them to be wrong."""
_STOPS = frozenset(".;!?\n。！？")
_HEARD = {"cyrillic": 5, "other": 5, "kana": 5, "hangul": 5, "arabic": 6, "latin": 6}
"""Fewest consonants of both parts together by which a name is heard, by the script of the text."""


_Sounded = dict[tuple[str, str], tuple[tuple[str, int], ...]]


@dataclass(frozen=True, slots=True)
class Hit:
    value: float
    words: str


@dataclass(frozen=True, slots=True)
class Word:
    """A word of a folded text, its place, and whether the text goes on after it without a full stop."""

    text: str
    start: int
    end: int


def words(folded: str) -> list[Word]:
    """Letters and digits that stand together, parted where the script changes as in Japanese."""
    return [Word(m.group(), m.start(), m.end()) for m in _WORD.finditer(folded)]


class Protected:
    """Built once from the forms of all people; immutable, safe in several threads.

    `ordinary` tells words that mean something else: a name of such words alone counts only as it is written on
    the register. `named` tells words that are names of others: one is not taken for a misspelling. `family` tells
    names that are family names only: the first of two may stand for both.
    """

    def __init__(
        self,
        people: Iterable[tuple[str, ...]],
        *,
        ordinary: Callable[[str], bool],
        named: Callable[[str], bool],
        family: Callable[[str], bool],
    ) -> None:
        self._ordinary, self._named, self._family = ordinary, named, family
        self._ids: dict[str, int] = {}
        # One set of numbers, not a set for each part: the garbage collector looks at every container there is.
        self._pairs: set[int] = set()
        self._initials: set[tuple[str, int]] = set()
        self._heard: defaultdict[str, set[str]] = defaultdict(set)
        self._foreign = False
        spellings: dict[str, None] = {}
        sounded: _Sounded = {}
        for forms in people:
            split = [(folded, [w.text for w in words(folded)]) for folded in map(_folded, forms)]
            latin = [parts for _, parts in split if parts and script(parts[0]) == "latin"]
            for folded, parts in split:
                for form in (folded, *_initialled(parts)):
                    spellings[form] = None
                self._add(parts)
                if not latin and parts:
                    self._foreign = True
                    self._hear(parts, ("latin",), sounded)
            for parts in latin:
                self._hear(parts, ("cyrillic", "other", "kana", "hangul", "arabic"), sounded)
        self._whole = list(spellings)
        self._automaton = AhoCorasick(self._whole, implementation=Implementation.ContiguousNFA)
        self._parts = list(self._ids)
        self._near = Neighbours(self._parts)

    def find(self, text: Text) -> list[Hit]:
        """All hits in the text, the surest first for each place. Linear in the text."""
        folded = text.folded
        found: list[Hit] = []
        seen: dict[int, bool] = {}
        for index, start, end in self._automaton.find_matches_as_indexes(folded, overlapping=True):
            if index not in seen and whole(folded, start, end):
                name = self._whole[index]
                # An ordinary word by itself is a name only where it is written like one.
                seen[index] = " " in name or not self._ordinary(name) or _proper(name, text.clean)
                if seen[index]:
                    found.append(Hit(EXACT, name))
        tokens = words(folded)
        found += self._by_parts(folded, tokens)
        if self._foreign or not folded.isascii():
            found += self._by_sound(folded, tokens)
        return found

    def _add(self, parts: list[str]) -> None:
        """The pairs of words by which a name is told: first and last, and what stands in for them."""
        solid = [part for part in parts if part not in PARTICLES]
        singles = [part for part in solid if len(part) == 1 and part < "\u2e00"]
        solid = [part for part in solid if len(part) > 1 or part >= "\u2e00"]
        if singles and solid:
            self._initials.add((singles[0], self._id(solid[-1])))
        if len(solid) < 2:
            return
        first, last = solid[0], solid[-1]
        self._join(first, last)
        self._initials.add((first[0], self._id(last)))
        if len(solid) > 2:
            # A middle name used alone, and two family names of which the first is used.
            self._join(solid[1], last)
            if self._family(solid[-2]):
                self._join(first, solid[-2])
            # Two-syllable given names in one word: Kim Min-jun, Kim Minjun.
            if len(solid) == 3 and all(len(part) < 6 for part in solid):
                self._join(first, solid[1] + last)
                self._join(first + solid[1], last)

    def _id(self, part: str) -> int:
        return self._ids.setdefault(part, len(self._ids))

    def _join(self, a: str, b: str) -> None:
        one, two = self._id(a), self._id(b)
        self._pairs.add(_pair(one, two))

    def _hear(self, parts: list[str], scripts: Iterable[str], sounded: _Sounded) -> None:
        """How the name sounds to the reader of each script. `sounded` keeps what is known of its words."""
        solid = [part for part in parts if part not in PARTICLES and len(part) > 1]
        if not solid:
            return

        def weighed(word: str, toward: str) -> tuple[tuple[str, int], ...]:
            found = sounded.get((word, toward))
            if found is None:
                found = tuple((key, weight(key)) for key in sorted(keys(word, toward)))
                sounded[word, toward] = found
            return found

        first, last = solid[0], solid[-1]
        for toward in scripts:
            heard, least = self._heard[toward], _HEARD[toward]
            if len(solid) == 1:
                heard.update(
                    key for key, told in weighed(first, toward) if told >= least - 1 and len(first) > 4
                )
                continue
            for a, one in weighed(first, toward):
                heard.update(_both(a, b) for b, two in weighed(last, toward) if one + two >= least)
            if toward == "hangul":
                # Written in one: 김민준.
                for one_word in (last + "".join(solid[:-1]), "".join(solid)):
                    if len(one_word) < 15:
                        heard.update(key for key in keys(one_word, toward) if weight(key) >= least)

    def _by_parts(self, folded: str, tokens: list[Word]) -> list[Hit]:
        sure: dict[str, tuple[int, ...]] = {}
        for token in tokens:
            if token.text not in sure:
                sure[token.text] = self._sure(token.text)
        places = [i for i, token in enumerate(tokens) if sure[token.text]]
        if not places:
            return []
        found: list[Hit] = []
        doubtful: dict[str, None] = {}
        for i in places:
            for j in range(max(0, i - _REACH), min(len(tokens), i + _REACH + 1)):
                text = tokens[j].text
                if not sure[text] and len(text) >= SHORTEST and not self._means(text):
                    doubtful[text] = None
        near = self._near.find([text for text in doubtful if SHORTEST <= len(text) <= LONGEST])
        for i in places:
            one = tokens[i]
            for j in range(max(0, i - _REACH), min(len(tokens), i + _REACH + 1)):
                if i == j or not self._runs_on(folded, tokens, min(i, j), max(i, j)):
                    continue
                value = self._match(folded, one, tokens[j], j < i, sure, near)
                if value:
                    low, high = tokens[min(i, j)], tokens[max(i, j)]
                    found.append(Hit(value, folded[low.start : high.end]))
            if i + 2 < len(tokens) and len(tokens[i + 1].text) < 6 and len(tokens[i + 2].text) < 6:
                joined = self._ids.get(tokens[i + 1].text + tokens[i + 2].text)
                if joined is not None and any(_pair(joined, a) in self._pairs for a in sure[one.text]):
                    found.append(Hit(EXACT, folded[one.start : tokens[i + 2].end]))
        return found

    def _sure(self, text: str) -> tuple[int, ...]:
        """The parts of names that a word is, or is a declined form of."""
        part = self._ids.get(text)
        found: tuple[int, ...] = () if part is None else (part,)
        if len(text) > 2 and not self._ordinary(text):
            found += tuple(self._ids[base] for base in bases(text) if base in self._ids)
        return found

    def _match(
        self,
        folded: str,
        one: Word,
        two: Word,
        before: bool,
        sure: dict[str, tuple[int, ...]],
        near: dict[str, frozenset[int]],
    ) -> float:
        """How surely `one`, which is part of a name, and `two` are first and last word of one name."""
        plain = self._ordinary(one.text)
        means = plain and self._ordinary(two.text)
        if two.start > one.start and not means and self._joined(sure[one.text], sure[two.text]):
            return EXACT
        if plain:
            return 0.0
        close = near.get(two.text, ()) if len(one.text) + len(two.text) >= _LONG else ()
        if self._joined(sure[one.text], close):
            return CLOSE
        if (
            before
            and len(two.text) == 1
            and folded[two.end : two.end + 1] == "."
            and len(one.text) > 3
            and any((two.text, a) in self._initials for a in sure[one.text])
        ):
            return INITIAL
        return 0.0

    def _joined(self, ones: Iterable[int], twos: Collection[int]) -> bool:
        return any(_pair(a, b) in self._pairs for a in ones for b in twos)

    def _runs_on(self, folded: str, tokens: list[Word], i: int, j: int) -> bool:
        """Nothing between the two words but particles, initials, and words that mean nothing else."""
        for k in range(i, j):
            left = tokens[k]
            gap = folded[left.end : tokens[k + 1].start]
            if any(char in _STOPS for char in gap) and not (gap[0] == "." and len(left.text) == 1):
                return False
            if k > i and len(left.text) > 1 and left.text not in PARTICLES and self._ordinary(left.text):
                return False
        return True

    def _means(self, text: str) -> bool:
        return self._ordinary(text) or self._named(text)

    def _by_sound(self, folded: str, tokens: list[Word]) -> list[Hit]:
        heard: dict[str, tuple[str, ...]] = {}
        for token in tokens:
            if token.text not in heard:
                heard[token.text] = self._sounds(token.text)
        found: list[Hit] = []
        for i, one in enumerate(tokens):
            kind = script(one.text)
            known = self._heard.get(kind)
            if not known or not heard[one.text]:
                continue
            if any(key in known for key in heard[one.text]):
                found.append(Hit(CLOSE, one.text))
            for j in range(i + 1, min(len(tokens), i + _REACH)):
                two = tokens[j]
                gap = folded[tokens[j - 1].end : two.start]
                if script(two.text) != kind or "," in gap or not self._runs_on(folded, tokens, i, j):
                    break
                if j > i + 1 and kind != "latin" and "." not in gap:
                    break  # in scripts with cases, a short word between is no middle name
                if any(_both(a, b) in known for a in heard[one.text] for b in heard[two.text]):
                    found.append(Hit(CLOSE, folded[one.start : two.end]))
        return found

    def _sounds(self, text: str) -> tuple[str, ...]:
        kind = script(text)
        if len(text) < 2 or len(text) > LONGEST or self._ordinary(text) or not self._heard.get(kind):
            return ()
        found = set(keys(text, kind))
        for base in bases(text) if kind != "latin" else ():
            found |= keys(base, kind)
        return tuple(sorted(found))


def _pair(a: int, b: int) -> int:
    return a << 32 | b if a < b else b << 32 | a


def _both(a: str, b: str) -> str:
    return f"{a} {b}" if a < b else f"{b} {a}"


def _initialled(parts: list[str]) -> list[str]:
    """Other ways to write `j. k. rowling`: `j.k. rowling`, `j k rowling`, `jk rowling`."""
    count = next((i for i, part in enumerate(parts) if len(part) > 1 or part > "\u2e00"), 0)
    if count < 2:
        return []
    rest = " ".join(parts[count:])
    return [
        f"{head} {rest}"
        for head in (".".join(parts[:count]) + ".", " ".join(parts[:count]), "".join(parts[:count]))
    ]


def _folded(form: str) -> str:
    return canonical(form).folded


def _proper(name: str, clean: str) -> bool:
    """Whether an ordinary word stands with a capital where only a name would: not at the start of a sentence."""
    previous = "."
    for raw in clean.split():
        word = raw.strip(".,;:!?\"'()’“”").removesuffix("'s")
        if (
            word[:1].isupper()
            and not word.isupper()
            and word.casefold() == name
            and previous[-1] not in ".!?:"
        ):
            return True
        previous = raw
    return False

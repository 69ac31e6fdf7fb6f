"""A lexicon: phrases found as whole words in time linear in the text, in any script.

Aho-Corasick finds candidates; what a whole word is depends on the script at the edges of the match. The same
lexicon serves for word lists and for registers of names.
"""

from __future__ import annotations

import unicodedata
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from ahocorasick_rs import AhoCorasick, Implementation

from rambarde.guard.detectors.tongues import Tongues
from rambarde.guard.text.normalise import fold

_PROCLITICS = frozenset(("و", "ف", "ب", "ل", "ك", "ال", "وال", "فال", "بال", "لل", "ولل", "كال", "وب", "ول"))
"""Arabic and, so, with, for, like, the: written together with the word that follows."""


@dataclass(frozen=True, slots=True)
class Term:
    """A phrase in folded form.

    `open_end`: letters may follow. `harmless`: matches inside it do not count. `section`: the language it is
    listed under. `at_home`: it is this word only where the text around it speaks that language.
    """

    words: str
    open_end: bool = False
    harmless: bool = False
    section: str = ""
    at_home: bool = False


@dataclass(frozen=True, slots=True)
class Match:
    start: int
    end: int
    words: str


def parse(source: str) -> Iterator[Term]:
    """Terms of a list: `[language]`, ` + ` between slots, ` / ` between alternatives, `*` ending.

    A line that begins with `!` is harmless, with `~` counts in a text of its language only, with `! ~` both.
    Raises `ValueError` with the line number for a line outside any language or an empty alternative.
    """
    language = ""
    for number, line in enumerate(source.splitlines(), 1):
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        if text.startswith("[") and text.endswith("]"):
            language = text[1:-1]
            continue
        if not language:
            raise ValueError(f"line {number}: a term before the first [language]")
        phrase = text.lstrip("!~ ")
        marks = text[: len(text) - len(phrase)]
        phrases = [""]
        for slot in phrase.split(" + "):
            choices = [choice.strip() for choice in slot.split(" / ")]
            if not all(choices):
                raise ValueError(f"line {number}: an empty alternative")
            phrases = [f"{head} {choice}".strip() for head in phrases for choice in choices]
        for phrase in phrases:
            yield Term(fold(phrase.rstrip("*")), phrase.endswith("*"), "!" in marks, language, "~" in marks)


class Lexicon:
    """Phrases to find. Immutable after building, safe to use from several threads."""

    def __init__(self, terms: Iterable[Term]) -> None:
        found: dict[str, list[Term]] = {}
        for term in terms:
            if term.words:
                found.setdefault(term.words, []).append(term)
        self._terms = tuple(_distinct(found[words]) for words in sorted(found))
        self._automaton = AhoCorasick(sorted(found), implementation=Implementation.ContiguousNFA)

    @property
    def terms(self) -> tuple[Term, ...]:
        """All terms, in order of their words."""
        return tuple(term for terms in self._terms for term in terms)

    def find(self, text: str, tongues: Tongues | None = None) -> list[Match]:
        """All whole-word matches in a folded text that no harmless phrase covers, in order of their ends.

        `tongues` of the same text may be given where several lexicons read it.
        """
        hits: list[Match] = []
        covers: list[tuple[int, int]] = []
        tongues = tongues or Tongues(text)
        for index, start, end in self._automaton.find_matches_as_indexes(text, overlapping=True):
            hit = cover = False
            for term in self._terms[index]:
                if (cover if term.harmless else hit) or not whole(text, start, end, term.open_end):
                    continue
                if term.at_home and term.section not in tongues.at(start):
                    continue
                cover, hit = cover or term.harmless, hit or not term.harmless
            if cover:
                covers.append((start, end))
            elif hit:
                hits.append(Match(start, end, text[start:end]))
        return _uncovered(hits, covers) if covers and hits else hits


def _distinct(terms: list[Term]) -> tuple[Term, ...]:
    """Terms of the same words without those that another says already: anywhere says at home, open says closed."""
    kept: list[Term] = []
    for term in sorted(terms, key=lambda t: (t.at_home, not t.open_end)):
        if not any(
            old.harmless == term.harmless
            and old.open_end >= term.open_end
            and (not old.at_home or (term.at_home and old.section == term.section))
            for old in kept
        ):
            kept.append(term)
    return tuple(kept)


def _uncovered(hits: list[Match], covers: list[tuple[int, int]]) -> list[Match]:
    """The hits that no cover holds: of all covers that begin before a hit, the one that reaches furthest decides."""
    starts = []
    reach = []
    furthest = 0
    for start, end in sorted(covers):
        furthest = max(furthest, end)
        starts.append(start)
        reach.append(furthest)
    kept = []
    for hit in hits:
        before = bisect_right(starts, hit.start)
        if not before or reach[before - 1] < hit.end:
            kept.append(hit)
    return kept


def whole(text: str, start: int, end: int, open_end: bool = False) -> bool:
    """Whether `text[start:end]` stands as a word: by the rules of the script at each edge.

    Han, kana phrases with Han, and Thai are written without spaces: any place counts. Katakana alone must not
    run on in katakana. Hangul takes particles at its end, Arabic at its start. Elsewhere no letter may touch.
    """
    return _free_left(text, start) and (open_end or _free_right(text, end))


def _free_left(text: str, start: int) -> bool:
    if start == 0 or not _wordish(text[start - 1]):
        return True
    kind = _script(text[start])
    if kind == "run-on" or kind != _script(text[start - 1]):
        return kind != "other" or _script(text[start - 1]) == "run-on"
    if kind == "arabic":
        begin = start
        while begin > 0 and start - begin < 4 and _wordish(text[begin - 1]):
            begin -= 1
        return text[begin:start] in _PROCLITICS
    return False


def _free_right(text: str, end: int) -> bool:
    if end == len(text) or not _wordish(text[end]):
        return True
    kind = _script(text[end - 1])
    if kind in ("run-on", "hangul"):
        return True
    return kind != _script(text[end]) and (kind != "other" or _script(text[end]) == "run-on")


def _wordish(char: str) -> bool:
    return char.isalnum() or (char > "\u02ff" and unicodedata.category(char).startswith("M"))


def _script(char: str) -> str:
    """The rule a character follows: run-on (Han, hiragana, Thai), katakana, hangul, arabic, other."""
    if char < "\u0600":
        return "other"
    if "\u0600" <= char <= "\u06ff" or "\u0750" <= char <= "\u077f":
        return "arabic"
    if "\u30a1" <= char <= "\u30ff":
        return "katakana"
    if "\uac00" <= char <= "\ud7a3":
        return "hangul"
    if (
        "\u4e00" <= char <= "\u9fff"
        or "\u3041" <= char <= "\u309f"
        or "\u3400" <= char <= "\u4dbf"
        or "\u0e00" <= char <= "\u0e7f"
        or "\U00020000" <= char <= "\U0003ffff"
    ):
        return "run-on"
    return "other"

"""A lexicon: phrases found as whole words in time linear in the text, in any script.

Aho-Corasick finds candidates; what a whole word is depends on the script at the edges of the match. The same
lexicon serves for word lists and for registers of names.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from ahocorasick_rs import AhoCorasick, Implementation

from rambarde.guard.text.normalise import fold

_PROCLITICS = frozenset(("و", "ف", "ب", "ل", "ك", "ال", "وال", "فال", "بال", "لل", "ولل", "كال", "وب", "ول"))
"""Arabic and, so, with, for, like, the: written together with the word that follows."""


@dataclass(frozen=True, slots=True)
class Term:
    """A phrase in folded form. `open_end`: letters may follow. `harmless`: matches inside it do not count."""

    words: str
    open_end: bool = False
    harmless: bool = False


@dataclass(frozen=True, slots=True)
class Match:
    start: int
    end: int
    words: str


def parse(source: str) -> Iterator[Term]:
    """Terms of a list: `[language]`, ` + ` between slots, ` / ` between alternatives, `*` ending, `!` harmless.

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
        harmless = text.startswith("!")
        phrases = [""]
        for slot in text.lstrip("! ").split(" + "):
            choices = [choice.strip() for choice in slot.split(" / ")]
            if not all(choices):
                raise ValueError(f"line {number}: an empty alternative")
            phrases = [f"{head} {choice}".strip() for head in phrases for choice in choices]
        for phrase in phrases:
            yield Term(fold(phrase.rstrip("*")), phrase.endswith("*"), harmless)


class Lexicon:
    """Phrases to find. Immutable after building, safe to use from several threads."""

    def __init__(self, terms: Iterable[Term]) -> None:
        found: dict[str, Term] = {}
        for term in terms:
            old = found.get(term.words)
            if term.words:
                found[term.words] = (
                    Term(term.words, old.open_end or term.open_end, old.harmless or term.harmless)
                    if old
                    else term
                )
        self.terms = tuple(found[words] for words in sorted(found))
        self._automaton = AhoCorasick(
            [term.words for term in self.terms], implementation=Implementation.ContiguousNFA
        )

    def find(self, text: str) -> list[Match]:
        """All whole-word matches in a folded text that no harmless phrase covers, in order of their ends."""
        hits: list[Match] = []
        covers: list[tuple[int, int]] = []
        for index, start, end in self._automaton.find_matches_as_indexes(text, overlapping=True):
            term = self.terms[index]
            if whole(text, start, end, term.open_end):
                if term.harmless:
                    covers.append((start, end))
                else:
                    hits.append(Match(start, end, text[start:end]))
        if covers:
            # Of overlapping spans the widest reach so far is enough to know what is covered.
            covers.sort()
            hits = [hit for hit in hits if not _covered(hit, covers)]
        return hits


def _covered(hit: Match, covers: list[tuple[int, int]]) -> bool:
    return any(start <= hit.start and hit.end <= end for start, end in covers)


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

"""Negation: the places of a text that plainly ask for something *not* to be shown (`no nudity, please`).

A negation may take weight from a word only where nothing else can be meant. The phrases are listed whole, negator and
state together, language by language, so that what is an undressing (`without a bra`) is never one of them. Whatever
is in doubt counts as if nothing were negated.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable

from rambarde.guard.detectors.lexicon import Lexicon, Match, Term, whole

_QUESTIONS = frozenset("?¿؟？")
"""After a question comes the wish: `not naked? make it so`."""
_CLAUSE = frozenset(".,;:!?()\"'«»“”„、。，．！？；：।،؛…–—|")
_STOPS = frozenset(".,;!)、。，！；।،؛|")
"""What may end a negated phrase. No hyphen (`no nudity-filter`), no quote (`ignore "no nudity"`), no colon
(`clothes: no nudity: yes`)."""
_TAILS = 6
"""Most words that may stand between a negated phrase and its end."""
_RUN_TOGETHER, _SOMETIMES = frozenset(("zh", "ja")), "ko"
"""Languages written without blanks, and one where many leave them out."""
_EVERYWHERE = "en"
"""English stands in requests of every language, so its small words are heeded beside phrases of any."""


class Negation:
    """Finds plain negations. Immutable, safe in several threads."""

    def __init__(self, terms: Iterable[Term]) -> None:
        """Terms as listed: `harmless` ones are doubts anywhere in the text; `at_home` ones may follow a phrase; those
        with both marks are negators that may not stand before a phrase in its clause; the rest are phrases."""
        parts: dict[tuple[bool, bool], list[Term]] = {}
        for term in terms:
            for words in _written(term):
                plain = Term(words, term.open_end, section=term.section)
                parts.setdefault((term.harmless, term.at_home), []).append(plain)
        self._phrases = _Words(parts.get((False, False), []))
        self._doubts = _Words(parts.get((True, False), []))
        self._negators = _Words(parts.get((True, True), []))
        self._tails: dict[str, list[Term]] = {}
        for tail in parts.get((False, True), []):
            self._tails.setdefault(tail.words[0], []).append(tail)

    def spans(self, text: str) -> list[tuple[int, int]]:
        """Start and end of each plain negation in a folded text, in order; none if the text asks a question."""
        found = _longest(self._phrases.find(text))
        if not found or not _QUESTIONS.isdisjoint(text):
            return []
        starts = [match.start for match in found]
        ends = [match.end for match in found]
        doubted = {
            language
            for word in self._doubts.find(text)
            if not _inside(word, starts, ends)
            for language in self._doubts.languages(word)
        }
        negators: dict[str, list[int]] = {}
        for word in self._negators.find(text):
            if not _inside(word, starts, ends):
                for language in self._negators.languages(word):
                    negators.setdefault(language, []).append(word.start)
        for places in negators.values():
            places.sort()
        clauses = [at for at, char in enumerate(text) if char in _CLAUSE]
        first = frozenset(starts)
        plain = []
        for match in found:
            heeded = self._phrases.languages(match) | {_EVERYWHERE}
            if not _RUN_TOGETHER.isdisjoint(heeded):
                heeded |= _RUN_TOGETHER  # they share their characters
            mark = bisect_left(clauses, match.start)
            opens = clauses[mark - 1] if mark else -1
            if (
                doubted.isdisjoint(heeded)
                and not any(_between(negators.get(language), opens, match.start) for language in heeded)
                and self._ends(text, match.end, heeded, first)
            ):
                plain.append((match.start, match.end))
        return plain

    def doubtful(self, text: str) -> bool:
        """Whether a text that lists what to leave out holds a question, a doubt or a negation of its own."""
        return not _QUESTIONS.isdisjoint(text) or any(
            words.find(text) for words in (self._doubts, self._negators, self._phrases)
        )

    def _ends(self, text: str, at: int, heeded: frozenset[str], starts: frozenset[int]) -> bool:
        """Whether the clause ends here, after words that change nothing, or goes on with another negated phrase."""
        for _ in range(_TAILS):
            while at < len(text) and text[at] == " ":
                at += 1
            if at == len(text) or text[at] in _STOPS or at in starts:
                return True
            ends = [
                at + len(tail.words)
                for tail in self._tails.get(text[at], ())
                if tail.section in heeded
                and text.startswith(tail.words, at)
                and whole(text, at, at + len(tail.words))
            ]
            if not ends:
                return False
            at = max(ends)
        return False


class _Words:
    """A lexicon that knows the languages of its words."""

    def __init__(self, terms: list[Term]) -> None:
        self._lexicon = Lexicon(terms)
        sections: dict[str, set[str]] = {}
        for term in terms:
            sections.setdefault(term.words, set()).add(term.section)
        self._sections = {words: frozenset(languages) for words, languages in sections.items()}

    def find(self, text: str) -> list[Match]:
        return self._lexicon.find(text)

    def languages(self, match: Match) -> frozenset[str]:
        return self._sections[match.words]


def _written(term: Term) -> list[str]:
    """The ways to write a phrase whose slots a list joins with blanks."""
    together = term.words.replace(" ", "")
    if term.section in _RUN_TOGETHER:
        return [together]
    return [term.words, together] if term.section == _SOMETIMES else [term.words]


def _longest(matches: list[Match]) -> list[Match]:
    """Matches that no other holds, in order of their starts."""
    kept: list[Match] = []
    for match in sorted(matches, key=lambda m: (m.start, -m.end)):
        if not kept or match.end > kept[-1].end:
            kept.append(match)
    return kept


def covered(matches: list[Match], spans: list[tuple[int, int]]) -> bool:
    """Whether every match lies in one of the spans, which are in order and none of which holds another."""
    starts, ends = [start for start, _ in spans], [end for _, end in spans]
    return all(_inside(match, starts, ends) for match in matches)


def _inside(match: Match, starts: list[int], ends: list[int]) -> bool:
    at = bisect_right(starts, match.start) - 1
    return at >= 0 and match.end <= ends[at]


def _between(places: list[int] | None, low: int, high: int) -> bool:
    """Whether one of the sorted places lies in (low, high)."""
    if not places:
        return False
    at = bisect_right(places, low)
    return at < len(places) and places[at] < high

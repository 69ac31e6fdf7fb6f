"""How names look in scripts with blanks: two neighbours that are, or could be, a given and a family name.

Without a list of all names, a word is taken for a name by what it is not: common in any of the vocabulary's
languages. A family name may also show by its ending; the endings are learned from the name book itself.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from rambarde.guard.detectors.namebook import NameBook
from rambarde.guard.text.normalise import fold

FULL, LIKELY, LOOSE, SINGLE = 0.95, 0.8, 0.6, 0.4
"""Given and family name known; one of them, with capitals or the ending of a family name; it could be a name by
how it looks; a given name alone."""
PARTICLES = frozenset(
    "de da di du del della der den van von vom zu bin ibn al el la le st saint mc mac o dos das y".split()
)
_SAINTS = frozenset("st saint san santa são sao sankt sint św svaty".split())
_SLAVIC = (
    *("ов", "ова", "овой", "ову", "ев", "ева", "евой", "еву", "ин", "ина", "иной"),
    *("ский", "ская", "ской", "скую", "ського", "енко", "ук", "юк", "чук"),
)
_CASES = (
    ("у", ("а", "")),
    ("ю", ("я", "й")),
    ("ы", ("а",)),
    ("и", ("я", "а")),
    ("ой", ("а",)),
    ("ей", ("я",)),
    ("е", ("а", "")),
    ("а", ("",)),
    ("я", ("й",)),
    ("ом", ("",)),
)
_HINDI = frozenset(
    (
        "का की के को में पर से और है हैं था थी थे ने एक यह वह इस उस साथ लिए कर रहा रही रहे हुए हुई हुआ भी तक "
        "बिना ऊपर नीचे पास तस्वीर चित्र फोटो सुबह शाम"
    ).split()
)
"""The vocabulary knows no Hindi: words that are no family name after a given one."""
_PREFIXES = ("o'", "mc", "mac", "al-", "el-", "d'", "ben-", "fitz")


@dataclass(frozen=True, slots=True)
class Token:
    """A word with its place: `text` as written without punctuation around, `folded` for look-up."""

    text: str
    folded: str
    capital: bool
    ends: bool
    """Punctuation follows: a name does not run over it."""


def tokens(clean: str) -> list[Token]:
    """The words of a clean text. Words written alike are folded once."""
    out: list[Token] = []
    folded: dict[str, str] = {}
    for raw in clean.replace("’", "'").split():
        start, end = 0, len(raw)
        while start < end and not raw[start].isalnum():
            start += 1
        while end > start and not (raw[end - 1].isalnum() or raw[end - 1] > "\u02ff"):
            end -= 1
        word = raw[start:end]
        stem = word[:-2] if word.endswith(("'s", "'S")) else word
        if stem:
            if stem not in folded:
                folded[stem] = fold(stem)
            capital = (
                next((c for c in stem if c.isalpha()), "").isupper() or stem[-1].isupper() or "-" in stem
            )
            out.append(
                Token(
                    stem,
                    folded[stem],
                    _capital(stem) if capital else False,
                    raw[end : end + 1] in tuple(",.;:!?)"),
                )
            )
    return out


def _capital(stem: str) -> bool:
    """Begins with a capital, perhaps after a small particle that is joined on: `al-Zarqawi`, `d'Arc`."""
    if stem.isupper():
        return False
    if stem[0].isupper():
        return True
    for sign in "-'":
        head, found, tail = stem.partition(sign)
        if found and len(head) < 4 and tail[:1].isupper():
            return True
    return False


def titled(found: list[Token]) -> bool:
    """Title Case Or No Capitals At All: capitals say nothing here."""
    capitals = sum(token.capital for token in found)
    return capitals * 10 > len(found) * 6 and len(found) > 4


def endings(family: Iterable[str], plain: Iterable[str]) -> frozenset[str]:
    """Endings of three to five letters that family names have and common words hardly do."""
    names: Counter[str] = Counter()
    words: Counter[str] = Counter()
    for count, source in ((names, family), (words, plain)):
        for word in source:
            count.update(word[-size:] for size in (3, 4, 5) if len(word) > size + 1)
    return frozenset(
        ending
        for ending, times in names.items()
        if times >= 10 and times >= (times + words[ending]) * (0.75 if len(ending) == 3 else 0.6)
    )


class Looks:
    """Finds pairs that look like names. Immutable, safe in several threads."""

    def __init__(self, book: NameBook, vocabulary: frozenset[str], places: frozenset[str]) -> None:
        self._book, self._vocabulary, self._places = book, vocabulary, places
        self._endings = endings(sorted(book.family), sorted(vocabulary - book.family - book.given))

    def find(self, found: list[Token]) -> list[tuple[float, str]]:
        """Pairs and single given names, each with its value."""
        capitals_mean = not titled(found)
        out: list[tuple[float, str]] = []
        for i, first in enumerate(found):
            capital = first.capital and capitals_mean
            given = first.folded in self._book.given or self._declined(first.folded)
            if given and capital and first.folded not in self._book.either:
                out.append((SINGLE, first.text))
            j = _family_at(found, i)
            if j is None:
                continue
            both = capital and found[j].capital
            value = self._pair(found, i, j, given, both)
            if value == 0.0:
                value = self._strange_pair(found, i, j, given, both)
            if value > LOOSE and self._a_place(found, i, j):
                value = LOOSE
            if value:
                out.append((value, " ".join(token.text for token in found[i : j + 1])))
        return out

    def strange(self, word: str) -> bool:
        """A word that is common nowhere: perhaps a name."""
        return (
            len(word) > 2
            and not any(c.isdigit() for c in word)
            and word not in self._vocabulary
            and not (word[-1] == "s" and (word[:-1] in self._vocabulary or word[:-2] in self._vocabulary))
            and word not in self._book.either
            and word not in _HINDI
            and word not in self._places
        )

    def _pair(self, found: list[Token], i: int, j: int, given: bool, both: bool) -> float:
        """The value of two names of which the book knows at least one."""
        book, first, last = self._book, found[i], found[j]
        # Without capitals, any common word of any language is taken for the word it is.
        words = book.words if both else book.either
        plain, last_plain = first.folded not in words, last.folded not in words
        family = last.folded in book.family or (
            given and last.folded[0] >= "а" and last.folded.endswith(_SLAVIC)
        )
        if "а" <= first.folded[0] <= "ӿ" and not first.capital:
            return 0.0
        if given and family and (plain or last_plain) and (both or (plain and last_plain)):
            return FULL
        if given and family and ((both and i > 0) or last.folded in book.sure):
            return LIKELY
        if both and plain and last_plain and (given or (family and i > 0)):
            if family:
                return LIKELY
            if last.folded in self._places:
                return 0.0
            return LOOSE if last.folded in self._vocabulary else LIKELY
        return 0.0

    def _strange_pair(self, found: list[Token], i: int, j: int, given: bool, both: bool) -> float:
        """The value of two words of which at least one is common nowhere."""
        book, first, last = self._book, found[i], found[j]
        strange = self.strange(first.folded)
        shaped = self._shaped(found, i, j)
        if given and (both or first.folded not in book.either) and self.strange(last.folded):
            if shaped or both:
                return LIKELY if both or self._sure(first.folded) else LOOSE
            return LOOSE if self._sure(first.folded) else 0.0
        if not strange:
            return LOOSE if both and shaped and first.folded not in book.either else 0.0
        family = last.folded in book.family and last.folded not in book.either
        if both and (shaped or family):
            return LIKELY
        if both and self.strange(last.folded):
            return LOOSE
        ending = any(last.folded[-size:] in self._endings for size in (4, 5))
        return LOOSE if shaped and (ending or j > i + 1) else 0.0

    def _sure(self, word: str) -> bool:
        """A given name that is no common word, or one in so many countries that it is hardly meant as a word."""
        return word in self._book.widely or word not in self._vocabulary

    def _shaped(self, found: list[Token], i: int, j: int) -> bool:
        """Whether the last word, common nowhere, has the ending or the beginning of a family name."""
        word = found[j].folded
        if len(word) < 5 or not self.strange(word):
            return False
        if j > i + 1 or word.startswith(_PREFIXES):
            return True
        return any(word[-size:] in self._endings for size in (3, 4, 5) if len(word) > size + 1)

    def _a_place(self, found: list[Token], i: int, j: int) -> bool:
        """A church, a street, a rug: the name is borrowed. Such a pair still counts beside other evidence."""
        around = (found[i - 1 : i] if i and not found[i - 1].ends else []) + found[j : j + 2]
        if found[j].ends:
            around = around[:-1] if len(found) > j + 1 else around
        return any(token.folded in self._places for token in around) or (
            i > 0 and found[i - 1].folded in _SAINTS
        )

    def _declined(self, word: str) -> bool:
        """A Cyrillic given name in another case: `анну`, `марией` (only common endings)."""
        if len(word) < 4 or not "а" <= word[0] <= "ӿ":
            return False
        return any(
            word.endswith(ending) and any(word[: -len(ending)] + base in self._book.given for base in bases)
            for ending, bases in _CASES
        )


def _family_at(found: list[Token], i: int) -> int | None:
    """Where the family name to the given name at `i` would stand: next, or behind up to two particles."""
    if found[i].ends or i + 1 == len(found):
        return None
    j = i + 1
    while j + 1 < len(found) and found[j].folded in PARTICLES and not found[j].ends and j < i + 3:
        j += 1
    return j if len(found[j].folded) > 1 else None

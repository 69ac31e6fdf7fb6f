"""Names: person-like names, the operator's register of protected people, and a short list of public figures.

Given and family names come from the locale providers of the package `faker` (their tables are read, nothing is
generated). A name that is also a word counts only beside a name that is none.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from importlib import resources

from rambarde.guard.detectors import namebook
from rambarde.guard.detectors.contract import DetectorInfo, Reading, Subject
from rambarde.guard.detectors.lexicon import Lexicon, Match, Term, parse, whole
from rambarde.guard.detectors.namebook import NameBook
from rambarde.guard.text.normalise import fold
from rambarde.nouns.decision import Evidence
from rambarde.nouns.request import Picture, Text
from rambarde.nouns.signal import Signal, SignalSpec

REGISTERED, FAMOUS, FULL, LIKELY, LOOSE, SINGLE = 1.0, 1.0, 0.95, 0.8, 0.6, 0.4
"""Values: on the register; world-famous or the title of an office-holder; given and family name known; one of
them; context only; a given name alone."""
_PARTICLES = frozenset(
    "de da di du del della der den van von vom zu bin ibn al el la le st saint mc mac o dos das y".split()
)
_OF = frozenset("of de du des d'angleterre von van di del da dos des der".split())
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
_HAN_AFTER = frozenset("的在和与跟穿是把让站坐，。、！？ ")


@dataclass(frozen=True, slots=True)
class _Token:
    """A word with its place: `text` as written without punctuation around, `folded` for look-up."""

    text: str
    folded: str
    capital: bool
    ends: bool
    """Punctuation follows: a name does not run over it."""


class NamesDetector:
    """Signal `names.person`: how surely the text names a person. `register` are names the operator protects."""

    info = DetectorInfo(
        name="names",
        version="1",
        subject=Subject.TEXT,
        specs=(
            SignalSpec(
                "names.person",
                meaning="how surely a person is named: 1 registered or world-famous, 0.95 given and family "
                "name, 0.8 one of them with context, 0.6 context only, 0.4 a given name alone; "
                "a rank, not a probability",
            ),
        ),
        deadline=0.5,
    )

    def __init__(self, register: Iterable[str] = ()) -> None:
        self._register_names = tuple(sorted({fold(name) for name in register if name.strip()}))
        self._book: NameBook | None = None
        self._digest = ""

    @property
    def digest(self) -> str:
        return self._digest

    def load(self) -> None:
        """Read the tables of `faker` and the lists beside this module. Raises if either is missing."""
        sha = hashlib.sha256()
        own = resources.files("rambarde.guard.detectors").joinpath("lists")
        lists: dict[str, list[Term]] = {}
        for name in ("roles", "word-names", "public-figures"):
            data = own.joinpath(f"{name}.txt").read_bytes()
            sha.update(data)
            lists[name] = list(parse(data.decode()))
        self._book = namebook.read(frozenset(term.words for term in lists["word-names"]))
        sha.update(self._book.fingerprint())
        self._roles = Lexicon(lists["roles"])
        self._famous = Lexicon(lists["public-figures"])
        self._register = (
            Lexicon(Term(name) for name in self._register_names) if self._register_names else None
        )
        sha.update("\n".join(self._register_names).encode())
        self._digest = f"sha256:{sha.hexdigest()}"

    def inspect(self, subject: Text | Picture, /) -> Reading:
        assert isinstance(subject, Text)
        book = self._book
        if book is None:
            raise RuntimeError("names: load() has not run")
        found: list[tuple[float, str]] = []
        if self._register is not None:
            found += [(REGISTERED, match.words) for match in self._register.find(subject.folded)]
        found += [(FAMOUS, match.words) for match in self._famous.find(subject.folded)]
        tokens = _tokens(subject.clean)
        found += _pairs(tokens, book)
        found += self._after_roles(tokens, book)
        if not subject.clean.isascii():
            found += _east_asian(subject.folded, book)
        if not found:
            return Reading((Signal.absent("names.person"),))
        value = max(score for score, _ in found)
        words = sorted({text for score, text in found if score == value})[:3]
        return Reading(
            (Signal.measured("names.person", value),),
            tuple(Evidence(signal="names.person", words=word) for word in words),
        )

    def _after_roles(self, tokens: list[_Token], book: NameBook) -> list[tuple[float, str]]:
        """`president X`, `actress X`, `princess of …`: a role, then a name or a country."""
        folded = " ".join(token.folded for token in tokens)
        starts: dict[int, int] = {}
        at = 0
        for index, token in enumerate(tokens):
            starts[at] = index
            at += len(token.folded) + 1
        found: list[tuple[float, str]] = []
        titled = _titled(tokens)
        for match in self._roles.find(folded):
            begin = starts.get(match.end + 1)
            if begin is None or tokens[begin - 1].ends:
                continue
            i, token = begin, tokens[begin]
            text = f"{match.words} {token.text}"
            if token.folded in _OF and i + 1 < len(tokens):
                place = tokens[i + 1]
                if place.folded in ("the", "la", "los") and i + 2 < len(tokens):
                    place = tokens[i + 2]
                if place.folded in book.countries:
                    found.append((LIKELY, f"{text} {place.text}"))
                continue
            if token.folded in book.words or len(token.folded) < 3:
                continue
            known = token.folded in book.given or token.folded in book.family
            if (token.capital and not titled) or (known and token.folded not in book.common):
                found.append((LIKELY, text))
        return found


def _tokens(clean: str) -> list[_Token]:
    out: list[_Token] = []
    for raw in clean.replace("’", "'").split():
        start, end = 0, len(raw)
        while start < end and not raw[start].isalnum():
            start += 1
        while end > start and not (raw[end - 1].isalnum() or raw[end - 1] > "\u02ff"):
            end -= 1
        word = raw[start:end]
        stem = word[:-2] if word.endswith(("'s", "'S")) else word
        if stem:
            out.append(
                _Token(
                    stem,
                    fold(stem),
                    stem[0].isupper() and not stem.isupper(),
                    raw[end : end + 1] in tuple(",.;:!?)"),
                )
            )
    return out


def _titled(tokens: list[_Token]) -> bool:
    """Title Case Or No Capitals At All: capitals say nothing here."""
    capitals = sum(token.capital for token in tokens)
    return capitals * 10 > len(tokens) * 6 and len(tokens) > 4


def _pairs(tokens: list[_Token], book: NameBook) -> list[tuple[float, str]]:
    """Two neighbours that look like given and family name, and given names alone."""
    titled = _titled(tokens)
    found: list[tuple[float, str]] = []
    for i, first in enumerate(tokens):
        capital = first.capital and not titled
        given = first.folded in book.given or _declined(first.folded, book)
        if given and capital and first.folded not in book.either:
            found.append((SINGLE, first.text))
        j = _family_at(tokens, i)
        if j is None:
            continue
        last = tokens[j]
        both = capital and last.capital
        # Without capitals, any common word of any language is taken for the word it is.
        words = book.words if both else book.either
        plain, last_plain = first.folded not in words, last.folded not in words
        family = last.folded in book.family or (
            given and last.folded[0] >= "а" and last.folded.endswith(_SLAVIC)
        )
        if "а" <= first.folded[0] <= "ӿ" and not first.capital:
            continue
        value = 0.0
        if given and family and (plain or last_plain) and (both or (plain and last_plain)):
            value = FULL
        elif (given and family and ((both and i > 0) or last.folded in book.sure)) or (
            both and plain and last_plain and (given or (family and i > 0))
        ):
            value = LIKELY
        if value:
            found.append((value, " ".join(token.text for token in tokens[i : j + 1])))
    return found


def _family_at(tokens: list[_Token], i: int) -> int | None:
    """Where the family name to the given name at `i` would stand: next, or behind up to two particles."""
    if tokens[i].ends or i + 1 == len(tokens):
        return None
    j = i + 1
    while j + 1 < len(tokens) and tokens[j].folded in _PARTICLES and not tokens[j].ends and j < i + 3:
        j += 1
    return j if len(tokens[j].folded) > 1 else None


def _declined(word: str, book: NameBook) -> bool:
    """A Cyrillic given name in another case: `анну`, `марией` (only common endings)."""
    if len(word) < 4 or not "а" <= word[0] <= "ӿ":
        return False
    return any(
        word.endswith(ending) and any(word[: -len(ending)] + base in book.given for base in bases)
        for ending, bases in _CASES
    )


def _east_asian(text: str, book: NameBook) -> list[tuple[float, str]]:
    """Family and given name written together, and foreign names in katakana."""
    found = [(FULL, match.words) for match in book.joined.find(text)]
    for match in book.han_given.find(text):
        family = text[match.start - 1 : match.start]
        if family in book.han_family and _edge(text, match, family):
            found.append((FULL, family + match.words))
    start = 0
    while (dot := text.find("・", start)) > 0:
        left, right = dot, dot + 1
        while left > 0 and "\u30a1" <= text[left - 1] <= "\u30ff" and text[left - 1] != "・":
            left -= 1
        while right < len(text) and "\u30a1" <= text[right] <= "\u30ff" and text[right] != "・":
            right += 1
        if dot - left > 1 and right - dot > 2:
            found.append((LOOSE, text[left:right]))
        start = dot + 1
    return found


def _edge(text: str, match: Match, family: str) -> bool:
    """Two characters of given name are enough; one needs an end that a name would have."""
    if len(match.words) > 1:
        return True
    after = text[match.end : match.end + 1]
    before = text[match.start - 2 : match.start - 1] if match.start > 1 else ""
    return (not after or after in _HAN_AFTER) and (
        not before or not whole("中" + before, 0, 1) or before in _HAN_AFTER
    )

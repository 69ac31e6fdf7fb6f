"""Names: person-like names, the operator's register of protected people, and a short list of public figures.

Given and family names come from the locale providers of the package `faker` (their tables are read, nothing is
generated). A name that is also a word counts only beside a name that is none.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

from rambarde.guard.detectors import namebook, vocabulary
from rambarde.guard.detectors.contract import DetectorInfo, Reading, Subject
from rambarde.guard.detectors.joined import Joined
from rambarde.guard.detectors.lexicon import Lexicon, Term, parse
from rambarde.guard.detectors.looks import LIKELY, LOOSE, Looks, Token, titled, tokens
from rambarde.guard.detectors.namebook import NameBook
from rambarde.guard.detectors.people import People
from rambarde.guard.detectors.protected import Protected
from rambarde.guard.text.normalise import canonical
from rambarde.nouns.decision import Evidence
from rambarde.nouns.fault import Fault
from rambarde.nouns.request import Picture, Text
from rambarde.nouns.signal import Signal, SignalSpec

FAMOUS = 1.0
"""World-famous, or the title of an office-holder."""
_OF = frozenset("of de du des d'angleterre von van di del da dos des der".split())
_SHOWN = 3
"""Most words shown as evidence for one signal."""


@dataclass(frozen=True, slots=True)
class _Lists:
    """All that `load` reads."""

    book: NameBook
    vocabulary: frozenset[str]
    looks: Looks
    joined: Joined
    roles: Lexicon
    famous: Lexicon
    register: Protected | None
    fictional: Lexicon | None


class NamesDetector:
    """Signals `names.person`, how surely the text names a person, and `names.protected`, one on the register.

    The register can only tighten, so it is data, outside the digest that a policy pins. The list of fictional names
    loosens, so it is part of the digest: to use one, a policy must pin it.
    """

    info = DetectorInfo(
        name="names",
        version="2",
        subject=Subject.TEXT,
        specs=(
            SignalSpec(
                "names.person",
                meaning="how surely a person is named: 1 registered or world-famous, 0.95 given and family "
                "name, 0.8 one of them with context, 0.6 by its looks only, 0.4 a given name alone; "
                "a rank, not a probability",
            ),
            SignalSpec(
                "names.protected",
                meaning="1 if somebody on the operator's register of protected people is named; 0.9 with one "
                "wrong letter or by sound in another script, 0.7 by initial and family name; a rank",
            ),
        ),
        deadline=2.0,
    )

    def __init__(self, protected: str | Path | None = None, fictional: str | Path | None = None) -> None:
        """Paths of two files of people (`people`), read by `load`; without them nobody is on either list."""
        self._protected = Path(protected) if protected else None
        self._fictional = Path(fictional) if fictional else None
        self._lists: _Lists | None = None
        self._digest = self._data = ""

    @property
    def digest(self) -> str:
        return self._digest

    @property
    def data(self) -> str:
        """The register's digest, for the record; empty without a register."""
        return self._data

    def load(self) -> None:
        """Read the tables of `faker`, the vocabulary, the lists beside this module and the operator's files.

        Raises `Fault` for an operator's file that cannot be read whole, and other errors if a part is missing.
        """
        register = _people(self._protected, "protected_people")
        fictional = _people(self._fictional, "fictional_names")
        sha = hashlib.sha256()
        own = resources.files("rambarde.guard.detectors").joinpath("lists")
        lists: dict[str, list[Term]] = {}
        for name in ("roles", "word-names", "public-figures", "place-words"):
            data = own.joinpath(f"{name}.txt").read_bytes()
            sha.update(data)
            lists[name] = list(parse(data.decode()))
        book = namebook.read(frozenset(term.words for term in lists["word-names"]))
        sha.update(book.fingerprint())
        common = vocabulary.read()
        sha.update(common.digest)
        sha.update(fictional.digest.encode())
        self._lists = _Lists(
            book=book,
            vocabulary=common.words,
            looks=Looks(book, common.words, frozenset(term.words for term in lists["place-words"])),
            joined=Joined(book, common.words),
            roles=Lexicon(lists["roles"]),
            famous=Lexicon(lists["public-figures"]),
            register=_register(register, book, common.words) if register.entries else None,
            fictional=Lexicon(
                Term(canonical(form).folded) for person in fictional.entries for form in person.forms
            )
            if fictional.entries
            else None,
        )
        self._data = register.digest
        self._digest = f"sha256:{sha.hexdigest()}"

    def inspect(self, subject: Text | Picture, /) -> Reading:
        assert isinstance(subject, Text)
        lists = self._lists
        if lists is None:
            raise RuntimeError("names: load() has not run")
        protected = [(hit.value, hit.words) for hit in lists.register.find(subject)] if lists.register else []
        found = protected + [(FAMOUS, match.words) for match in lists.famous.find(subject.folded)]
        words, folded = tokens(subject.clean), subject.folded
        if lists.fictional is not None:
            words, folded = _without(lists.fictional, words, folded, lists.book)
        found += lists.looks.find(words)
        found += _after_roles(words, lists)
        if not folded.isascii():
            found += lists.joined.find(folded)
        person, by = _read("names.person", found)
        shielded, why = _read("names.protected", protected)
        return Reading((person, shielded), by + why)


def _people(path: Path | None, setting: str) -> People:
    """Raises `Fault` with the setting as its field where the file as a whole is at fault."""
    if path is None:
        return People()
    try:
        return People.read(path)
    except Fault as fault:
        field = f"{setting}.{fault.field}" if fault.field else setting
        raise Fault(fault.kind, fault.code, fault.message, remedy=fault.remedy, field=field) from fault


def _register(people: People, book: NameBook, common: frozenset[str]) -> Protected:
    return Protected(
        (person.forms for person in people.entries),
        ordinary=lambda word: word in book.either or (word in common and not _a_name(word, book)),
        named=lambda word: _a_name(word, book),
        family=lambda word: word in book.family and word not in book.given,
    )


def _a_name(word: str, book: NameBook) -> bool:
    return word in book.given or word in book.family


def _read(name: str, found: list[tuple[float, str]]) -> tuple[Signal, tuple[Evidence, ...]]:
    if not found:
        return Signal.absent(name), ()
    value = max(score for score, _ in found)
    words = sorted({text for score, text in found if score == value})[:_SHOWN]
    return Signal.measured(name, value), tuple(Evidence(signal=name, words=word) for word in words)


def _without(fictional: Lexicon, words: list[Token], folded: str, book: NameBook) -> tuple[list[Token], str]:
    """The text without names of invented characters, unless another name stands beside one."""
    places = _starts(words)
    gone: set[int] = set()
    for match in fictional.find(" ".join(token.folded for token in words)):
        first = places.get(match.start)
        if first is None:
            continue
        last = first + match.words.count(" ")
        if any(token.ends for token in words[first:last]):
            continue
        beside = [words[first - 1]] if first and not words[first - 1].ends else []
        beside += [words[last + 1]] if last + 1 < len(words) and not words[last].ends else []
        if not any(_a_name(token.folded, book) and token.folded not in book.either for token in beside):
            gone.update(range(first, last + 1))
    kept: list[Token] = []
    for i, token in enumerate(words):
        if i in gone:
            if kept:
                kept[-1] = Token(kept[-1].text, kept[-1].folded, kept[-1].capital, True)
        else:
            kept.append(token)
    if not folded.isascii():
        chars = list(folded)
        for match in fictional.find(folded):
            if not match.words.isascii():
                chars[match.start : match.end] = "。" * (match.end - match.start)
        folded = "".join(chars)
    return kept, folded


def _starts(words: list[Token]) -> dict[int, int]:
    """Where each word begins when their folded forms are joined by single blanks."""
    places: dict[int, int] = {}
    at = 0
    for index, token in enumerate(words):
        places[at] = index
        at += len(token.folded) + 1
    return places


def _after_roles(words: list[Token], lists: _Lists) -> list[tuple[float, str]]:
    """`president X`, `actress X`, `princess of …`: a role, then a name or a country."""
    book = lists.book
    starts = _starts(words)
    found: list[tuple[float, str]] = []
    capitals_mean = not titled(words)
    for match in lists.roles.find(" ".join(token.folded for token in words)):
        begin = starts.get(match.end + 1)
        if begin is None or words[begin - 1].ends:
            continue
        i, token = begin, words[begin]
        text = f"{match.words} {token.text}"
        if token.folded in _OF and i + 1 < len(words):
            place = words[i + 1]
            if place.folded in ("the", "la", "los") and i + 2 < len(words):
                place = words[i + 2]
            if place.folded in book.countries:
                found.append((LIKELY, f"{text} {place.text}"))
            continue
        if token.folded in book.words or len(token.folded) < 3:
            continue
        known = _a_name(token.folded, book)
        if known and token.folded not in book.common:
            found.append((LIKELY, text))
        elif token.capital and capitals_mean:
            found.append((LOOSE if token.folded in lists.vocabulary and not known else LIKELY, text))
        elif (
            lists.looks.strange(token.folded)
            and i + 1 < len(words)
            and lists.looks.strange(words[i + 1].folded)
        ):
            found.append((LOOSE, f"{text} {words[i + 1].text}"))
    return found

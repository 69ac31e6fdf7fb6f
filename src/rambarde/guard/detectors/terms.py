"""Terms: whole words and phrases of word lists, in 19 languages.

Explicit vocabulary comes from the package `glin-profanity` (MIT; LDNOOBW and others); the project's own lists
beside this module hold mild words only. A list says that a word was used, never what was meant.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
from importlib import resources
from pathlib import Path

from rambarde.guard.detectors.contract import DetectorInfo, Reading, Subject
from rambarde.guard.detectors.lexicon import Lexicon, Match, Term, parse
from rambarde.guard.detectors.namebook import ordinary
from rambarde.guard.text.normalise import fold
from rambarde.guard.text.tables import FOLD
from rambarde.nouns.decision import Evidence
from rambarde.nouns.request import Picture, Text
from rambarde.nouns.signal import Signal, SignalSpec

FAMILIES = ("sexual", "exposure", "minor", "degrading")
_PACKAGE = "glin_profanity"
_SHOWN = 5
"""Most words shown as evidence for one signal."""
_ADULT = 18
_YEARS = frozenset(
    fold(word)
    for word in (
        "year years yr yrs yo y.o. y/o year-old years-old year-olds yearold an ans años ano anos "
        "año jahre jahren jahr jährige jährigen jähriges jähriger anni anno jaar jarige lat latka "
        "letnia letni letnią letniej лет года год летняя летний летнюю летней років роки річна "
        "річний yaşında yaşındaki yaş سنة سنوات عاما عام साल वर्ष वर्षीय tahun år åring årig 岁 歲 歳 "
        "才 살 세 ขวบ ปี "
    ).split()
)


class TermsDetector:
    """Signals `terms.*`: 1.0 when a word of the family stands in the text, absent otherwise."""

    info = DetectorInfo(
        name="terms",
        version="1",
        subject=Subject.TEXT,
        specs=(
            SignalSpec("terms.sexual", meaning="1 if the text holds a word of a sexual vocabulary"),
            SignalSpec("terms.exposure", meaning="1 if it names undressing or revealing clothes"),
            SignalSpec("terms.minor", meaning="1 if it names a minor or an age under 18"),
            SignalSpec("terms.degrading", meaning="1 if it names humiliation, violence or hate symbols"),
        ),
        deadline=0.5,
    )

    def __init__(self) -> None:
        self._lexicons: dict[str, Lexicon] = {}
        self._digest = ""

    @property
    def digest(self) -> str:
        return self._digest

    def load(self) -> None:
        """Read the lists. Raises if one is missing, or if the package that holds the explicit words is."""
        sha = hashlib.sha256()
        own = resources.files("rambarde.guard.detectors").joinpath("lists")
        for family in FAMILIES:
            data = own.joinpath(f"{family}.txt").read_bytes()
            sha.update(data)
            terms = list(parse(data.decode()))
            if family == "sexual":
                excluded = own.joinpath("not-sexual.txt").read_bytes()
                sha.update(excluded)
                terms += package_terms(frozenset(t.words for t in parse(excluded.decode())), sha)
            self._lexicons[family] = Lexicon(terms)
        self._digest = f"sha256:{sha.hexdigest()}"

    def inspect(self, subject: Text | Picture, /) -> Reading:
        assert isinstance(subject, Text)
        if not self._lexicons:
            raise RuntimeError("terms: load() has not run")
        forms = [subject.folded]
        # Stretched letters are one in the folded form; here they stay two, for words that have two (`boob`, `ass`).
        plain = _doubled(subject.clean.casefold().translate(FOLD))
        if plain != subject.folded:
            forms.append(plain)
        signals: list[Signal] = []
        evidence: list[Evidence] = []
        for family in FAMILIES:
            name = f"terms.{family}"
            words = {match.words for form in forms for match in self._lexicons[family].find(form)}
            if family == "minor":
                words |= {match.words for form in forms for match in ages(form)}
            signals.append(Signal.measured(name, 1.0) if words else Signal.absent(name))
            # The longest matches explain best.
            shown = sorted(words, key=lambda w: (-len(w), w))[:_SHOWN]
            evidence += [Evidence(signal=name, words=word) for word in shown]
        return Reading(tuple(signals), tuple(evidence))


def _doubled(text: str) -> str:
    """Runs of three or more of one letter become two."""
    out: list[str] = []
    for char in text:
        if len(out) > 1 and char == out[-1] == out[-2] and char.isalpha():
            continue
        out.append(char)
    return "".join(out)


def ages(text: str) -> list[Match]:
    """Ages under 18 stated in figures: `12 years old`, `a 9-year-old`, `15 ans`, `14歳`, `age 13`, `aged 7`."""
    found: list[Match] = []
    i, n = 0, len(text)
    while i < n:
        if not text[i].isdecimal():
            i += 1
            continue
        j = i
        while j < n and text[j].isdecimal():
            j += 1
        if j - i <= 2 and (i == 0 or text[i - 1] not in ".,:/") and 0 < int(text[i:j]) < _ADULT:
            end = _year_word(text, j)
            if end or _age_before(text, i):
                found.append(Match(i, end or j, text[i : end or j]))
        i = j
    return found


def _year_word(text: str, at: int) -> int:
    """The end of a year word that follows the figure at once, or after one blank or hyphen; 0 if none.

    A bare "12 years" is a length of time, not an age: English, Romance and the like need "old" or a person.
    """
    start = at + 1 if at < len(text) and text[at] in " -" else at
    end = start
    while end < len(text) and end - start < 12 and (text[end].isalpha() or text[end] in "./-"):
        end += 1
    word = text[start:end].rstrip("./")
    if word in ("year", "years", "yr", "yrs"):
        rest = text[end : end + 4]
        return end + 4 if rest in (" old", "-old") else 0
    if word in _YEARS:
        return end
    return start + 1 if text[start : start + 1] in ("岁", "歲", "歳", "才", "살", "세") else 0


def _age_before(text: str, at: int) -> bool:
    head = text[max(0, at - 9) : at].rstrip(" :")
    word = head.rsplit(" ", 1)[-1]
    return word in ("aged", "age", "alter", "edad", "idade", "eta", "wiek", "возраст", "leeftijd")


def package_terms(excluded: frozenset[str], sha: hashlib._Hash | None = None) -> list[Term]:
    """The explicit vocabulary of the installed package, without `excluded`, and without what is too short to mean it.

    Raises `FileNotFoundError` if the package is not installed.
    """
    spec = importlib.util.find_spec(_PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise FileNotFoundError("the package glin-profanity is not installed: pip install glin-profanity")
    folder = Path(next(iter(spec.submodule_search_locations))) / "data" / "dictionaries"
    terms: list[Term] = []
    common = ordinary()
    for path in sorted(folder.glob("*.json")):
        data = path.read_bytes()
        if sha is not None:
            sha.update(data)
        english = path.stem == "english"
        for raw in json.loads(data).get("words", ()):
            word = fold(str(raw))
            # Two letters, or three in a list of another language, are words elsewhere ("it", "top").
            short = 2 if not word.isascii() else 3 if english else 4
            if len(word) >= short and word not in excluded and word not in common:
                terms.append(Term(word))
    return terms

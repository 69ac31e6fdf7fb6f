"""Terms: whole words and phrases of word lists, in 19 languages and five romanisations.

Explicit vocabulary comes from the package `glin-profanity` (MIT; LDNOOBW and others); the project's own lists
beside this module hold mild words only. A list says that a word was used, never what was meant.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import re
import unicodedata
from importlib import resources
from pathlib import Path

from rambarde.guard.detectors.contract import DetectorInfo, Reading, Subject
from rambarde.guard.detectors.lexicon import Lexicon, Match, Term, parse
from rambarde.guard.detectors.namebook import ordinary
from rambarde.guard.detectors.negation import Negation, covered
from rambarde.guard.detectors.tongues import Tongues, source
from rambarde.guard.text.normalise import canonical, fold
from rambarde.guard.text.tables import FOLD
from rambarde.nouns.decision import Evidence
from rambarde.nouns.fault import Fault
from rambarde.nouns.request import Picture, Text
from rambarde.nouns.signal import Signal, SignalSpec

FAMILIES = ("sexual", "exposure", "minor", "degrading")
_PACKAGE = "glin_profanity"
NEGATED = 0.3
"""The value of `terms.sexual` and `terms.exposure` where every word found is plainly negated."""
_NEGATABLE = ("sexual", "exposure")
_GROWTH = 32
"""A character normalises to fewer than so many: the text has passed its limit before."""
_LINES, _WORDS = 40, 100
"""Most lines and listed words of a text in which negations are looked for: nobody means more."""
_SHOWN = 5
"""Most words shown as evidence for one signal."""
_ADULT = 18
_RUNS = re.compile(r"([^\W\d_])\1\1+")
_YEARS = frozenset(
    fold(word)
    for word in (
        "yo y.o. y/o year-old years-old year-olds yearold yr-old ans años ano anos ani "
        "jahre jahren jährige jährigen jähriges jähriger anni jaar jarige lat latka "
        "letnia letni letnią letniej лет года год летняя летний летнюю летней років роки рік річна "
        "річний річну річного yaşında yaşındaki yaşındayken سنة سنوات عاما عام साल वर्ष वर्षीय tahun åring "
        "åringar årig årigt åriga åringen ปี ขวบ 岁 歲 歳 才 살 세 letnyaya letnyuyu letnij letnego rokiv "
        "richna richnyj snin sneen sanawat"
    ).split()
)
_OF_SOMEONE = frozenset(
    (who, "of", "") for who in ("girl", "boy", "daughter", "son", "lad", "lass", "niece", "nephew")
)
_YEARS_AT_HOME = {
    fold(word): language
    for language, words in (
        ("de", "jahr"),
        ("sv", "år"),
        ("tr", "yaş"),
        ("ru", "let god goda"),
        ("uk", "roky rik"),
        ("hi", "saal sal baras"),
        ("ja", "sai"),
        ("ar", "sana"),
    )
    for word in words.split()
}
"""Words for a year that are other words elsewhere: only where the text around speaks their language."""
_ONE_YEAR = frozenset(("an", "ano", "anno", "rok"))
"""Singular: an age with the figure 1 only. `3 an` is no French."""
_GLUED = frozenset(
    fold(w) for w in "yo y.o. y/o yr-old 岁 歲 歳 才 살 세 лет ปี ขวบ साल वर्ष वर्षीय سنة".split()
)
"""Units that may follow the figure without a blank or a hyphen."""
_LENGTHS = frozenset(
    fold(word)
    for word in (
        "garantie garantía garantia guerra historia garanzia storia erfahrung garancji gwarancji "
        "doświadczenia гарантии опыта гарантії досвіду тому назад garansi ervaring garantii opyta "
        "garantiya pengalaman garanti erfarenhet sedan ago later zuvor geleden temu önce पहले pehle "
        "d'histoire d'expérience d'existence histoire expérience"
    ).split()
)
"""What follows a length of time, not an age."""
_AGE = frozenset(
    fold(w) for w in "aged age alter edad idade età wiek возраст вік leeftijd ålder yaş usia umur उम्र".split()
)


class TermsDetector:
    """Signals `terms.*`: 1.0 when a word of the family stands in the text, absent otherwise.

    `terms.sexual` and `terms.exposure` are `NEGATED` where each of their words stands in a plain negation
    (`no nudity, please`) and the text names no minor.
    """

    info = DetectorInfo(
        name="terms",
        version="3",
        subject=Subject.TEXT,
        specs=(
            SignalSpec(
                "terms.sexual",
                meaning="1 if the text holds a word of a sexual vocabulary; 0.3 if it plainly asks for none",
            ),
            SignalSpec(
                "terms.exposure",
                meaning="1 if it names undressing or revealing clothes; 0.3 if it plainly asks for none",
            ),
            SignalSpec("terms.minor", meaning="1 if it names a minor or an age under 18"),
            SignalSpec(
                "terms.degrading",
                meaning="1 if it names humiliation, violence, hate symbols or religious dress taken off",
            ),
        ),
        deadline=2.0,
    )

    def __init__(self) -> None:
        self._lexicons: dict[str, Lexicon] = {}
        self._negation = Negation(())
        self._garments = Lexicon(())
        self._digest = ""

    @property
    def digest(self) -> str:
        return self._digest

    def load(self) -> None:
        """Read the lists. Raises if one is missing, or if the package that holds the explicit words is."""
        sha = hashlib.sha256(source())
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
        negated, left_out = (own.joinpath(name).read_bytes() for name in ("negated.txt", "left-out.txt"))
        sha.update(negated)
        sha.update(left_out)
        self._negation = Negation(parse(negated.decode()))
        self._garments = Lexicon(parse(left_out.decode()))
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
        read = [(form, Tongues(form)) for form in forms]
        found = {
            family: [self._lexicons[family].find(form, spoken) for form, spoken in read]
            for family in FAMILIES
        }
        for matches, (form, spoken) in zip(found["minor"], read, strict=True):
            matches += ages(form, spoken)
        left_out = _left_out(subject)
        if left_out is not None:
            found["exposure"].append(self._garments.find(left_out))
        weights = dict.fromkeys(FAMILIES, 1.0)
        if not any(found["minor"]):  # beside a minor a negation proves nothing: generators draw what is named
            if left_out is not None:
                if not self._negation.doubtful(left_out):
                    weights["sexual"] = NEGATED
            elif self._negated(subject, forms, found):
                weights.update(dict.fromkeys(_NEGATABLE, NEGATED))
        signals: list[Signal] = []
        evidence: list[Evidence] = []
        for family in FAMILIES:
            name = f"terms.{family}"
            words = {match.words for matches in found[family] for match in matches}
            signals.append(Signal.measured(name, weights[family]) if words else Signal.absent(name))
            # The longest matches explain best.
            shown = sorted(words, key=lambda w: (-len(w), w))[:_SHOWN]
            evidence += [Evidence(signal=name, words=word) for word in shown]
        return Reading(tuple(signals), tuple(evidence))

    def _negated(self, text: Text, forms: list[str], found: dict[str, list[list[Match]]]) -> bool:
        """Whether sexual or exposing words were found, and each stands in a plain negation, in every form."""
        words = sum(len(matches) for family in _NEGATABLE for matches in found[family])
        lines = text.raw.strip().splitlines()
        if not 0 < words <= _WORDS or len(lines) > _LINES:
            return False
        for at, form in enumerate(forms):
            spans = self._negation.spans(form)
            if not all(covered(found[family][at], spans) for family in _NEGATABLE):
                return False
        # `no` at the end of one line negates nothing in the next: `clothes: no` / `nudity`.
        return len(lines) == 1 or all(self._negated_line(line) for line in lines)

    def _negated_line(self, line: str) -> bool:
        try:
            form = canonical(line).folded
        except Fault:
            return not line.strip()
        spans = self._negation.spans(form)
        spoken = Tongues(form)
        return all(covered(self._lexicons[family].find(form, spoken), spans) for family in _NEGATABLE)


def _left_out(text: Text) -> str | None:
    """What a negative prompt lists, folded, or `None` for a prompt.

    Before a negative prompt, and only there, stands a `without` that its raw form has not (`guard.inspect`). What it
    names is left out: nudity may be named there, clothes may not.
    """
    head = "without "
    if not text.clean.startswith(head):
        return None
    listed = canonical(text.raw, limit=_GROWTH * len(text.raw))
    return listed.folded if listed.clean == text.clean[len(head) :] else None


def _doubled(text: str) -> str:
    """Runs of three or more of one letter become two."""
    return _RUNS.sub(r"\1\1", text)


def ages(text: str, tongues: Tongues | None = None) -> list[Match]:
    """Ages under 18 stated in figures: `12 years old`, `a 9-year-old`, `15 ans`, `14歳`, `age 13`, `aged 7`.

    The figure stands alone: no letter touches it before, and after it only the unit does. Some units count only
    in a text of their language (`5 let`), and none does before words of duration (`10 ans de garantie`).
    """
    found: list[Match] = []
    tongues = tongues or Tongues(text)
    i, n = 0, len(text)
    while i < n:
        if not text[i].isdecimal():
            i += 1
            continue
        j = i
        while j < n and text[j].isdecimal():
            j += 1
        if j - i <= 2 and _stands(text, i) and 0 < int(text[i:j]) < _ADULT:
            end, language = _year_word(text, j, int(text[i:j]))
            if language and language not in tongues.at(i):
                end = 0
            if end or _age_before(text, i):
                found.append(Match(i, end or j, text[i : end or j]))
        i = j
    return found


def _stands(text: str, at: int) -> bool:
    """Whether no number or word runs into the figure at `at`; scripts without blanks do not run into it."""
    return at == 0 or (text[at - 1] not in ".,:/" and not "a" <= text[at - 1] <= "z")


def _year_word(text: str, at: int, years: int) -> tuple[int, str]:
    """The end of a year word that follows the figure, 0 if none, and the language it needs around it, if any.

    A bare "12 years" is a length of time, not an age: English, Romance and the like need "old" or a person.
    """
    if text[at : at + 1] in ("岁", "歲", "歳", "才", "살", "세"):
        return at + 1, ""
    start = at + 1 if at < len(text) and text[at] in " -" else at
    end = start
    while (
        end < len(text)
        and end - start < 14
        and (text[end].isalnum() or text[end] in "./-" or _mark(text[end]))
    ):
        end += 1
    word = text[start:end].rstrip("./-")
    if word in ("year", "years", "yr", "yrs"):
        if text[end : end + 4] in (" old", "-old"):
            return end + 4, ""
        return (end, "") if _of_someone(text[max(0, at - 18) : at]) else (0, "")
    if start == at and word not in _GLUED:
        return 0, ""
    if word in _YEARS or (years == 1 and word in _ONE_YEAR):
        return (0, "") if _length(text, end) else (end, "")
    if word in _YEARS_AT_HOME:
        return (0, "") if _length(text, end) else (end, _YEARS_AT_HOME[word])
    return (start + 1, "") if text[start : start + 1] in ("岁", "歲", "歳", "才", "살", "세") else (0, "")


def _of_someone(before: str) -> bool:
    """Whether a figure at the end is the years of a person who is named so: "a girl of 12"."""
    return tuple(before.rstrip("0123456789").split(" ")[-3:]) in _OF_SOMEONE


def _mark(char: str) -> bool:
    return char > "\u02ff" and unicodedata.category(char).startswith("M")


def _length(text: str, at: int) -> bool:
    """Whether words of duration follow, after at most one small word."""
    return not _LENGTHS.isdisjoint(word.strip(",.;:!?") for word in text[at : at + 40].split(" ", 3)[1:3])


def _age_before(text: str, at: int) -> bool:
    head = text[max(0, at - 9) : at].rstrip(" :")
    word = head.rsplit(" ", 1)[-1]
    return word in _AGE


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

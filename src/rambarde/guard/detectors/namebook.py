"""The name book: given and family names of many countries, read from the package `faker`."""

from __future__ import annotations

import hashlib
import importlib
import pkgutil
from dataclasses import dataclass

from rambarde.guard.detectors.lexicon import Lexicon, Term
from rambarde.guard.text.normalise import fold

_GIVEN = (
    "first_names",
    "first_names_female",
    "first_names_male",
    "first_names_unisex",
    "first_names_nonbinary",
)
_FAMILY = (
    "last_names",
    "last_names_female",
    "last_names_male",
    "unisex_last_names",
    "male_last_names",
    "last_names_unisex",
)
_PLACES = frozenset(
    (
        "wales england scotland france germany spain italy monaco jordan denmark sweden norway "
        "belgium britain usa uk america russia ukraine europe cambridge sussex york norvege suede "
        "belgique angleterre galles allemagne espagne italie danemark deutschland frankreich "
        "spanien italien england espana francia inglaterra gales italia alemania belgica dinamarca "
    ).split()
)


@dataclass(frozen=True, slots=True)
class NameBook:
    """Folded names. `words` are names that are also words; `joined` family and given name in one (ja, ko)."""

    given: frozenset[str]
    widely: frozenset[str]
    """Given names of at least two tables: less likely to be a word of one language."""
    family: frozenset[str]
    words: frozenset[str]
    common: frozenset[str]
    """Common words of several languages: a name among them means nothing without capitals."""
    either: frozenset[str]
    """`words` and `common` together."""
    sure: frozenset[str]
    """Family names that are words, but hardly ever follow a given name unless they are names."""
    countries: frozenset[str]
    joined: Lexicon
    han_family: frozenset[str]
    han_given: Lexicon
    kanji_given: frozenset[str]
    """Japanese given names of two characters."""

    def fingerprint(self) -> bytes:
        """SHA-256 over all names in a fixed order: part of the detector's digest."""
        sha = hashlib.sha256()
        for names in (
            self.given,
            self.widely,
            self.family,
            self.words,
            self.common,
            self.countries,
            self.han_family,
            self.kanji_given,
        ):
            sha.update("\n".join(sorted(names)).encode() + b"\0")
        for lexicon in (self.joined, self.han_given):
            sha.update("\n".join(term.words for term in lexicon.terms).encode() + b"\0")
        return sha.digest()


def read(words: frozenset[str]) -> NameBook:
    """Read the providers' tables. Raises `ImportError` if the package is missing or has changed its form."""
    people = importlib.import_module("faker.providers.person")
    given: set[str] = set()
    widely: set[str] = set()
    family: set[str] = set()
    parts: dict[str, tuple[set[str], set[str]]] = {}
    for module in pkgutil.iter_modules(people.__path__):
        provider = importlib.import_module(f"faker.providers.person.{module.name}").Provider
        firsts = _table(provider, _GIVEN)
        lasts = _table(provider, _FAMILY)
        parts[module.name] = (firsts, lasts)
        if module.name[:2] not in ("ja", "ko", "zh"):
            widely |= given & firsts
            given |= firsts
            family |= lasts
    if len(given) < 10_000 or len(family) < 10_000:
        raise ImportError("faker's person providers no longer hold their names as class attributes")
    joined = {
        last + first for code in ("ja_JP", "ko_KR") for last in parts[code][1] for first in parts[code][0]
    }
    zh = [parts[code] for code in ("zh_CN", "zh_TW")]
    common = ordinary()
    address = importlib.import_module("faker.providers.address.en").Provider
    countries = {fold(str(name)) for name in address.countries} | _PLACES
    return NameBook(
        given=frozenset(name for name in given if len(name) > 1 and " " not in name),
        widely=frozenset(widely),
        family=frozenset(name for name in family if len(name) > 1 and " " not in name),
        words=words,
        common=common - words,
        either=words | common,
        sure=frozenset(
            (
                "smith taylor swift hilton cruise pitt spears grande lopez gomez johnson jackson "
                "obama biden trump clinton "
            ).split()
        ),
        countries=frozenset(countries),
        joined=Lexicon(Term(name, open_end=True) for name in sorted(joined) if len(name) > 2),
        han_family=frozenset(name for _, lasts in zh for name in lasts if len(name) == 1),
        han_given=Lexicon(Term(name) for firsts, _ in zh for name in sorted(firsts)),
        kanji_given=frozenset(
            name for name in parts["ja_JP"][0] if len(name) == 2 and "\u4e00" <= name[0] <= "\u9fff"
        ),
    )


def _table(provider: type, attributes: tuple[str, ...]) -> set[str]:
    names: set[str] = set()
    for attribute in attributes:
        table = getattr(provider, attribute, ())
        for name in () if isinstance(table, property) else table:
            folded = fold(str(name))
            # Transliterations and compounds of a few locales come with a slash or a blank.
            names.update(
                part for part in folded.replace("/", " ").split() if len(part) > 1 or part > "\u2e00"
            )
    return names


def ordinary() -> frozenset[str]:
    """Common words of the languages for which `faker` has real word lists: a name among them is ambiguous."""
    found: set[str] = set()
    for code in (
        "en_US",
        "de_DE",
        "fr_FR",
        "nl_NL",
        "pl_PL",
        "ru_RU",
        "es_ES",
        "it_IT",
        "ar_AA",
        "ja_JP",
        "zh_CN",
    ):
        try:
            provider = importlib.import_module(f"faker.providers.lorem.{code}").Provider
        except ImportError:
            continue
        found.update(fold(str(word)) for word in provider.word_list)
    return frozenset(found)

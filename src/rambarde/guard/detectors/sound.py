"""How a name sounds, coarsely: a key that spellings of one name in several scripts share.

Scripts are brought to Latin letters by the package `anyascii` (ISC). What is kept of a word is its consonants in
classes that survive transliteration, and whether it begins and ends in a vowel. Short vowels are not written
in Arabic, `w`, `h` and `y` come and go between scripts.
"""

from __future__ import annotations

from anyascii import anyascii

_PAIRS = (
    *(("shch", "S"), ("dzh", "S"), ("tsch", "S"), ("sch", "S"), ("tch", "S"), ("chr", "kr"), ("sh", "S")),
    *(("ch", "S"), ("zh", "S"), ("kh", "h"), ("ph", "f"), ("th", "t"), ("gh", "g"), ("dj", "S"), ("dg", "g")),
    *(("ck", "k"), ("qu", "k"), ("x", "ks"), ("ce", "se"), ("ci", "si"), ("cy", "sy"), ("c", "k")),
)
_TS = (("ts", "s"), ("tz", "s"))
_CLASS = str.maketrans({"j": "S", "z": "s", "q": "k"})
_KANA = str.maketrans({"l": "r", "v": "b"})
_HANGUL = str.maketrans({"g": "k", "d": "t", "b": "p", "f": "p", "v": "p", "l": "r", "S": "s"})
_ARABIC = str.maketrans({"p": "b", "v": "f", "g": "S", "S": "S"})
_TOWARD = {"kana": _KANA, "hangul": _HANGUL, "arabic": _ARABIC, "other": str.maketrans({"S": "s", "m": "n"})}
_LONG_A = str.maketrans({char: "a" for char in "ةاأإآى"})
"""Letters for a long or final a, which `anyascii` leaves out."""
_VOWELS = frozenset("aeiouy")


def script(word: str) -> str:
    """The script of a word, by its first letter: `latin`, `cyrillic`, `kana`, `hangul`, `arabic`, `han` or `other`."""
    char = word[:1]
    if char < "\u0250":
        return "latin"
    if "\u0400" <= char <= "\u052f":
        return "cyrillic"
    if "\u0600" <= char <= "\u077f":
        return "arabic"
    if "\u3041" <= char <= "\u30ff":
        return "kana"
    if "\uac00" <= char <= "\ud7a3":
        return "hangul"
    if "\u3400" <= char <= "\u9fff" or char >= "\U00020000":
        return "han"
    return "other"


def keys(word: str, toward: str) -> frozenset[str]:
    """The keys of a word in Latin letters or any other script, as it would be heard in the script `toward`.

    Several where a spelling may be read in two ways. Empty for Han, whose characters have no one reading.
    """
    if script(word) == "han":
        return frozenset()
    plain = "".join(c for c in anyascii(word.translate(_LONG_A)).casefold() if c.isalpha())
    readings = {plain}
    if script(word) == "latin":
        readings.update(_readings(plain))
    elif "\u0370" <= word[0] <= "\u03ff" and plain[:2] == "gi":
        readings.add("y" + plain[2:])  # Γιάννης: Yannis
    found = {_key(reading, toward) for reading in readings}
    found.discard("")
    return frozenset(found)


def _readings(plain: str) -> list[str]:
    """Other ways to hear a word in Latin letters."""
    found = []
    if plain.endswith("e"):
        found.append(plain[:-1])  # silent
    if "w" in plain:
        found.append(plain.replace("w", "v"))  # Watson: Уотсон and Ватсон
    if plain.startswith("h"):
        found.append("g" + plain[1:])  # Hermann: Герман
    if plain.startswith("j"):
        found.append("y" + plain[1:])  # Johann: Йоханн
    if "ch" in plain:
        found.append(plain.replace("ch", "k"))  # Michael: Майкл
    if "ge" in plain or "gi" in plain:
        soft = plain.replace("ge", "je").replace("gi", "ji")
        found += [soft, soft.removesuffix("e")]  # George: Джордж
    return found


def weight(key: str) -> int:
    """How many consonants a key holds: how much it tells."""
    return sum(char not in "^$" for char in key)


def _key(plain: str, toward: str) -> str:
    if not plain:
        return ""
    text = plain
    for pair, single in _PAIRS if toward == "kana" else _PAIRS + _TS:
        if pair in text:
            text = text.replace(pair, single)
    text = text.translate(_CLASS)
    text = text.translate(_TOWARD.get(toward, {}))
    out: list[str] = []
    for char in text:
        if char in _VOWELS or char in "wh" or (out and out[-1] == char):
            continue
        out.append(char)
    if not out:
        return ""
    opens = "^" if plain[0] in _VOWELS or plain[0] in "w" else ""
    ends = "$" if plain[-1] in _VOWELS and toward not in ("kana", "hangul") else ""
    return f"{opens}{''.join(out)}{ends}"

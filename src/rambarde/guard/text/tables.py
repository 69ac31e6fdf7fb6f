"""Character tables of the normaliser: what is invisible, what looks alike, what an emoji says.

Written for this project from the Unicode character database (`unicodedata`) and by eye; compact on purpose:
an entry is here because a reader takes one character for the other.
"""

from __future__ import annotations

import unicodedata


def _removed() -> dict[int, str | None]:
    """Characters nobody sees: formats, controls, surrogates, tags, selectors, fillers. Blanks become spaces."""
    table: dict[int, str | None] = {}
    for point in (*range(0x20000), *range(0xE0000, 0xE1000)):  # the other planes have none
        char = chr(point)
        if unicodedata.category(char) in ("Cf", "Cc", "Cs") and not char.isspace():
            table[point] = None
    for low, high in ((0xFE00, 0xFE0F), (0xE0000, 0xE0FFF), (0x180B, 0x180F), (0xFFF0, 0xFFFB)):
        table.update(dict.fromkeys(range(low, high + 1)))
    table.update(dict.fromkeys((0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x3164, 0xFFA0)))
    table[0x2800] = " "
    return table


REMOVED = _removed()

EMOJI = {
    "👙": "bikini",
    "🩱": "swimsuit",
    "🩲": "underwear",
    "🩳": "shorts",
    "👗": "dress",
    "👘": "kimono",
    "👚": "blouse",
    "👕": "t-shirt",
    "👖": "jeans",
    "🧥": "coat",
    "🧦": "socks",
    "👠": "high heels",
    "🥻": "sari",
    "🧕": "woman with headscarf",
    "👅": "tongue",
    "💋": "kiss",
    "🍑": "buttocks",
    "🍆": "penis",
    "🍒": "breasts",
    "🔞": "nsfw",
    "💦": "fluid",
    "🔗": "link",
    "✂": "cut",
    "👶": "baby",
    "🧒": "child",
    "👧": "girl child",
    "👦": "boy child",
    "👩": "woman",
    "👨": "man",
    "➡": "to",
    "❌": "remove",
    "🚫": "no",
}
"""Emoji that name a garment, a body part, a person or the act, with the word a reader puts in their place."""

EMOJI_TABLE = {ord(emoji): f" {word} " for emoji, word in EMOJI.items()}

_PAIRS_CYRILLIC = {
    "а": "a", "в": "b", "е": "e", "к": "k", "м": "m", "н": "h", "о": "o", "р": "p", "с": "c", "т": "t",
    "у": "y", "х": "x", "і": "i", "ј": "j", "ѕ": "s", "ԁ": "d", "һ": "h", "ԛ": "q", "ԝ": "w", "ґ": "r",
    "ѵ": "v", "г": "r", "п": "n", "ь": "b", "ӏ": "l", "ԍ": "g", "ԑ": "e", "ө": "o", "ү": "y", "є": "e",
    "з": "e", "ц": "u", "и": "u", "я": "r", "ч": "u", "л": "n", "ё": "e", "ї": "i", "ѡ": "w",
}  # fmt: skip
_PAIRS_GREEK = {
    "α": "a", "β": "b", "γ": "y", "δ": "d", "ε": "e", "η": "n", "ι": "i", "κ": "k", "μ": "u", "ν": "v",
    "ο": "o", "ρ": "p", "σ": "o", "ς": "c", "τ": "t", "υ": "u", "χ": "x", "ω": "w", "ϲ": "c", "ϳ": "j",
    "π": "n", "ζ": "z", "ί": "i", "ό": "o", "ά": "a", "έ": "e", "ϵ": "e",
}  # fmt: skip
_PAIRS_ARMENIAN = {"օ": "o", "ո": "n", "ս": "u", "հ": "h", "ց": "g", "զ": "q", "ա": "w", "յ": "j", "ք": "p"}
_PAIRS_CHEROKEE = {
    "Ꭰ": "d", "Ꭱ": "r", "Ꭲ": "t", "Ꭺ": "a", "Ꭻ": "j", "Ꭼ": "e", "Ꮃ": "w", "Ꮇ": "m", "Ꮋ": "h", "Ꮒ": "h",
    "Ꮢ": "r", "Ꮤ": "w", "Ꮥ": "s", "Ꮪ": "s", "Ꮯ": "c", "Ꮲ": "p", "Ꮶ": "k", "Ꮞ": "4", "Ꮓ": "z", "Ꮮ": "l",
    "Ᏼ": "b", "Ꮐ": "g", "Ꮍ": "y", "Ꮩ": "v",
}  # fmt: skip

LOOKALIKE = {**_PAIRS_CYRILLIC, **_PAIRS_GREEK, **_PAIRS_ARMENIAN}
"""Letters of other living alphabets that read as Latin; folded only where the word or the text is Latin."""

CLOSE = frozenset("авекмнорстухіјѕԁһԛԝґѵӏԍԑїαβεικνορτυχϲϳίόάέϵοօոսհցյ")
"""Of these, the ones that really pass for Latin: a word of nothing else, in Latin text, is a disguise."""

BACK = {
    "a": "а", "b": "ь", "c": "с", "e": "е", "h": "н", "i": "і", "j": "ј", "k": "к", "m": "м", "n": "п",
    "o": "о", "p": "р", "r": "г", "s": "ѕ", "t": "т", "u": "и", "x": "х", "y": "у", "3": "з", "0": "о",
    "4": "ч", "6": "б",
}  # fmt: skip
"""Latin letters and digits inside a Cyrillic word, back to Cyrillic."""

_SMALL = dict(zip("ᴀʙᴄᴅᴇꜰɢʜɪᴊᴋʟᴍɴᴏᴘꞯʀꜱᴛᴜᴠᴡʏᴢ", "abcdefghijklmnopqrstuvwyz", strict=True))
_LATIN = {
    "ɑ": "a", "ɐ": "a", "ɓ": "b", "ƈ": "c", "ɕ": "c", "ɖ": "d", "ɗ": "d", "đ": "d", "ð": "d", "ǝ": "e", "ə": "e",
    "ɛ": "e", "ɘ": "e", "ƒ": "f", "ɡ": "g", "ɠ": "g", "ħ": "h", "ɦ": "h", "ı": "i", "ɩ": "i", "ɨ": "i",
    "ʝ": "j", "ƙ": "k", "ł": "l", "ɫ": "l", "ɭ": "l", "ɱ": "m", "ɯ": "m", "ɲ": "n", "ɳ": "n", "ŋ": "n",
    "ø": "o", "ɔ": "o", "ɵ": "o", "œ": "oe", "æ": "ae", "ƥ": "p", "ʠ": "q", "ɹ": "r", "ɾ": "r", "ʂ": "s",
    "ŧ": "t", "ƭ": "t", "ʇ": "t", "ʉ": "u", "ʊ": "u", "ʋ": "v", "ʌ": "v", "ʍ": "w", "ɣ": "y", "ʎ": "y",
    "ƴ": "y", "ƶ": "z", "ʐ": "z", "þ": "th", "ⱥ": "a", "ɇ": "e", "ⱪ": "k", "ꝋ": "o", "ɍ": "r", "ɏ": "y",
}  # fmt: skip
_CYRILLIC = {"ё": "е"}
_ARABIC = {"أ": "ا", "إ": "ا", "آ": "ا", "ٱ": "ا", "ى": "ي", "ی": "ي", "ک": "ك", "ة": "ه", "ـ": ""}
_PUNCTUATION = {
    "’": "'",
    "‘": "'",
    "ʼ": "'",
    "`": "'",
    "´": "'",
    "‐": "-",
    "‑": "-",
    "–": "-",
    "—": "-",
    "−": "-",
}
_SQUARED = {chr(start + i): chr(ord("a") + i) for start in (0x1F150, 0x1F170, 0x1F1E6) for i in range(26)}


def _marks() -> dict[str, str]:
    """Latin, Greek and Arabic letters without their marks; other scripts need theirs."""
    table: dict[str, str] = {}
    for low, high in ((0xC0, 0x250), (0x370, 0x400), (0x1E00, 0x2000)):
        for point in range(low, high):
            char = chr(point).casefold()
            base = "".join(c for c in unicodedata.normalize("NFD", char) if not unicodedata.combining(c))
            if base and base != char:
                table[char] = base
                if len(chr(point)) == len(char):
                    table[chr(point)] = base
    for low, high in ((0x300, 0x370), (0x64B, 0x660), (0x591, 0x5BE), (0x610, 0x61B), (0x1AB0, 0x1AFF)):
        table.update({chr(point): "" for point in range(low, high)})
    table["\u0670"] = ""
    return table


FOLD: dict[int, str] = {
    ord(key): value
    for source in (_marks(), _SMALL, _LATIN, _CYRILLIC, _ARABIC, _PUNCTUATION, _SQUARED, _PAIRS_CHEROKEE)
    for key, value in source.items()
    if len(key) == 1
}
"""After case folding: marks off Latin and Arabic letters, stylised Latin to plain."""

LEET = {
    "0": "o", "1": "i", "3": "e", "4": "a", "5": "s", "7": "t", "8": "b", "@": "a", "$": "s", "!": "i",
    "|": "l", "€": "e", "¡": "i", "£": "l", "¢": "c", "+": "t", "(": "c", "2": "z", "6": "g", "9": "g", "¥": "y",
}  # fmt: skip
"""Signs that stand in for letters inside a word. `1` also reads `l`, before a vowel."""

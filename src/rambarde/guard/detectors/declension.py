"""Names with an ending: cases, possessives and particles undone, a few look-ups a word."""

from __future__ import annotations

_CYRILLIC = (
    *(
        ("у", ("а", "")),
        ("ю", ("я", "й", "ь")),
        ("ы", ("а",)),
        ("и", ("я", "а", "ь")),
        ("ой", ("а", "ий", "ый")),
    ),
    *(("ою", ("а",)), ("ей", ("я", "а")), ("е", ("а", "я", "")), ("а", ("",)), ("я", ("й", "ь"))),
    *(("ом", ("",)), ("ем", ("й", "ь", "")), ("ым", ("", "ый")), ("им", ("ий",)), ("ую", ("ая",))),
    *(("ого", ("ий", "ый", "ой")), ("ому", ("ий", "ый", "ой")), ("ых", ("",)), ("ой", ("ая",))),
    *(
        ("ої", ("а",)),
        ("ою", ("а",)),
        ("ою", ("ая",)),
        ("ею", ("я",)),
        ("і", ("а", "я")),
        ("ї", ("я",)),
        ("єю", ("я",)),
    ),
    *(("ові", ("",)), ("еві", ("", "ь")), ("ського", ("ський",)), ("ському", ("ський",))),
)
_LATIN = (
    *(("s", ("",)), ("es", ("",)), ("in", ("",)), ("nin", ("",)), ("un", ("",)), ("nun", ("",))),
    *(
        ("i", ("", "a")),
        ("yi", ("",)),
        ("u", ("",)),
        ("yu", ("",)),
        ("a", ("", "o")),
        ("ya", ("",)),
        ("ye", ("",)),
    ),
    *(
        ("da", ("",)),
        ("de", ("",)),
        ("ta", ("",)),
        ("te", ("",)),
        ("dan", ("",)),
        ("den", ("",)),
        ("la", ("",)),
    ),
    *(("le", ("",)), ("yla", ("",)), ("yle", ("",)), ("e", ("", "a")), ("y", ("a",)), ("em", ("",))),
    *(("iem", ("",)), ("owi", ("",)), ("iego", ("i",)), ("iemu", ("i",)), ("im", ("i",)), ("ej", ("a",))),
    *(("o", ("a",)), ("ie", ("a", "")), ("ego", ("y", "")), ("emu", ("y", ""))),
)
_HANGUL = tuple(
    (ending, ("",))
    for ending in (
        "이 가 을 를 은 는 의 와 과 도 씨 님 에게 에서 처럼 으로 로 하고 씨가 씨를 씨의 양 군 이가 이를"
    ).split()
)
_ARABIC = ("وال", "بال", "لل", "و", "ف", "ب", "ل", "ك")
_SHORTEST = 3
"""Fewest letters of a name that takes endings; Hangul: two syllables."""


def bases(word: str) -> tuple[str, ...]:
    """What a folded word may be in its dictionary form, itself left out; at most a dozen, in a fixed order."""
    char = word[:1]
    if "\uac00" <= char <= "\ud7a3":
        return _cut(word, _HANGUL, 2)
    if "\u0400" <= char <= "\u04ff":
        return _cut(word, _CYRILLIC, _SHORTEST)
    if "\u0600" <= char <= "\u077f":
        return tuple(
            word[len(head) :]
            for head in _ARABIC
            if word.startswith(head) and len(word) - len(head) >= _SHORTEST
        )
    if char < "\u0250":
        return _cut(word, _LATIN, _SHORTEST)
    return ()


def _cut(word: str, endings: tuple[tuple[str, tuple[str, ...]], ...], shortest: int) -> tuple[str, ...]:
    found: dict[str, None] = {}
    for ending, originals in endings:
        if word.endswith(ending):
            stem = word[: -len(ending)]
            for original in originals:
                if len(stem) + len(original) >= shortest:
                    found[stem + original] = None
    return tuple(found)

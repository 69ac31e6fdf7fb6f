"""Normalising: from what the user typed to the three forms that detectors read.

Every step is one pass over the text with dictionary look-ups, so the time is linear in its length, and no
regular expression ever backtracks over what a user wrote.
"""

from __future__ import annotations

import unicodedata

from rambarde.guard.text.tables import BACK, CLOSE, EMOJI_TABLE, FOLD, LEET, LOOKALIKE, REMOVED
from rambarde.nouns.fault import Fault, Kind, invalid
from rambarde.nouns.request import Text

LIMIT = 32_000
"""Default limit in characters, of the text as sent and of its clean form."""

_MARKS = 4
"""Longest run of combining marks that is kept; longer runs only hide text, and cost quadratic time."""
_GAP = "\x1f"
"""Stands for wide white space while words are put together again: it ends a word for certain."""
_SPLITTERS = frozenset("._-*/\\|,·•~+:;'`^=#")
_SINGLES = 4
"""So many single letters in a row are a word taken apart, not initials."""
_VOWELS = frozenset("aeiouy034@")
_HABIT = 2
"""So many words with figures for letters are a habit."""
_FIGURES = frozenset("013457@$")
_UNITS = frozenset("k mm cm m d p fps iso x th st nd rd s h px mp w v gb mb am pm".split())


def canonical(raw: str, *, limit: int = LIMIT, field: str = "prompt") -> Text:
    """The canonical forms of a text, as `Text` documents them.

    Raises `Fault`: `prompt_too_long` if the text, or its normalised form, has more than `limit` characters;
    `prompt_empty` if nothing is left without white space and invisible characters. Nothing else is raised,
    whatever the string.
    """
    if len(raw) > limit:
        raise _too_long(limit, field)
    spaced = _clean(raw, limit, field)
    clean = spaced.replace(_GAP, " ")
    if not clean:
        raise invalid(
            "prompt_empty",
            "The text is empty, or holds only white space and invisible characters.",
            remedy="Send a text that says what the picture shows or what to change.",
            field=field,
        )
    return Text(raw=raw, clean=clean, folded=fold(spaced))


def fold(text: str) -> str:
    """Case-folded, homoglyphs, leet and spacing undone. Also used to bring word lists into the same form."""
    plain = text.casefold().translate(FOLD)
    latin = sum("a" <= c <= "z" for c in plain)
    foreign = sum(c in LOOKALIKE for c in plain)
    parts = plain.split(_GAP)
    # Where wide gaps part words, three single letters are a word already.
    least = _SINGLES if len(parts) == 1 else _SINGLES - 1
    words = [word for part in parts for word in _joined(_unglued(part).split(), least)]
    read: dict[str, str] = {}
    for word in words:
        if word not in read:
            read[word] = _word(word, latin >= foreign, bool(foreign))
    # Who writes two words with figures for letters means the figures of other words too.
    if sum(_figured(word, found) for word, found in read.items()) >= _HABIT:
        read = {word: _unleet_all(found) for word, found in read.items()}
    return " ".join(read[word] for word in words)


def _unglued(text: str) -> str:
    """`take_off_her_coat` and `take.off.her.coat` are four words; `file.txt` and `U.S.` stay."""
    if "_" not in text and "." not in text:
        return text
    out: list[str] = []
    for word in text.split():
        for mark in "_.":
            parts = word.split(mark)
            if len(parts) > 2 and all(part.isalpha() and len(part) > 1 for part in parts):
                word = " ".join(parts)
                break
        out.append(word)
    return " ".join(out)


def _too_long(limit: int, field: str) -> Fault:
    return Fault(
        Kind.TOO_LARGE,
        "prompt_too_long",
        f"The text is longer than {limit} characters, as sent or once normalised.",
        remedy=f"Shorten it to at most {limit} characters.",
        field=field,
    )


def _clean(raw: str, limit: int, field: str) -> str:
    """NFKC, invisible characters out, emoji spelled out, white space single (wide gaps as `_GAP`)."""
    text = raw.replace(_GAP, " ")
    if not text.isascii():
        text = _short_runs(text.translate(REMOVED))
        text = unicodedata.normalize("NFKC", text)
        if len(text) > limit:
            raise _too_long(limit, field)
        # Twice: what normalising uncovers is removed as well, and removing may let letters compose.
        text = unicodedata.normalize("NFKC", _short_runs(text.translate(REMOVED))).translate(EMOJI_TABLE)
    else:
        text = text.translate(REMOVED)
    out: list[str] = []
    blank = 0
    for word in _split(text):
        if word.isspace():
            blank = len(word) if word.count("\n") == 0 else 2
            continue
        if out:
            out.append(_GAP if blank > 1 else " ")
        out.append(word)
    joined = "".join(out)
    if len(joined) > limit:
        raise _too_long(limit, field)
    return joined


def _split(text: str) -> list[str]:
    """Words and the white space between them, in turn."""
    pieces: list[str] = []
    start = 0
    for word in text.split():
        at = text.index(word, start)
        if at > start:
            pieces.append(text[start:at])
        pieces.append(word)
        start = at + len(word)
    return pieces


def _short_runs(text: str) -> str:
    """At most `_MARKS` combining marks in a row."""
    out: list[str] = []
    run = 0
    for char in text:
        if char > "\u02ff" and unicodedata.combining(char):
            run += 1
            if run > _MARKS:
                continue
        else:
            run = 0
        out.append(char)
    return "".join(out)


def _joined(words: list[str], least: int) -> list[str]:
    """Single letters that stand apart become words again: `r e m o v e`, `c.l.o.t.h.e.s`, `r - e - m`."""
    out: list[str] = []
    run: list[str] = []

    def close() -> None:
        letters = [c for c in run if c not in _SPLITTERS]
        if len(letters) >= least and sum(c.isalpha() for c in letters) * 2 > len(letters):
            out.append("".join(letters))
        else:
            out.extend(run)
        run.clear()

    for word in words:
        if len(word) == 1:
            run.append(word)
            continue
        close()
        out.append(_unsplit(word))
    close()
    return out


def _unsplit(word: str) -> str:
    """`c.l.o.t.h.e.s` → `clothes`; `f/1.4`, `e-mail` and `U.S.A.` stay."""
    if len(word) < 2 * _SINGLES - 1 or word.isalnum():
        return word
    letters: list[str] = []
    for i, char in enumerate(word):
        if char in _SPLITTERS:
            if i and word[i - 1] in _SPLITTERS:
                return word
        elif i and word[i - 1] not in _SPLITTERS:
            return word
        else:
            letters.append(char)
    if len(letters) >= _SINGLES and sum(c.isalpha() for c in letters) * 2 > len(letters):
        return "".join(letters)
    return word


def _word(word: str, latin: bool, mixed: bool) -> str:
    """One word without homoglyphs, leet and stretched letters."""
    if word.isascii() and word.isalpha():
        return _unstretched(word)
    if mixed:
        word = _one_script(word, latin)
    if not word.isalpha():
        word = _unleet(word)
    return _unstretched(word)


def _one_script(word: str, latin: bool) -> str:
    """A word of two scripts becomes one of one; a word of lookalikes only, in Latin text, becomes Latin."""
    has_latin = any("a" <= c <= "z" for c in word)
    foreign = [c for c in word if c.isalpha() and not "a" <= c <= "z"]
    if not foreign:
        return word
    if has_latin:
        sure = sum(c not in CLOSE for c in foreign)
        if sure and sure * 2 >= len(foreign) and all("а" <= c <= "ӿ" for c in foreign):
            return "".join(BACK.get(c, c) for c in word)
        return "".join(LOOKALIKE.get(c, c) for c in word)
    if latin and all(c in CLOSE for c in foreign):
        return "".join(LOOKALIKE.get(c, c) for c in word)
    if any("а" <= c <= "ӿ" for c in foreign) and len(foreign) > 2:
        return "".join(BACK.get(c, c) if c.isdigit() else c for c in word)
    return word


def _unleet(word: str) -> str:
    """Signs for letters, inside words only: `b1k1n1`, `n4k3d`, `cl0the$`; not `4k`, `f1.4`, `1girl`, `mp3`."""
    start, end = 0, len(word)
    while start < end and not (word[start].isalnum() or word[start] in "@$"):
        start += 1
    while end > start and not (word[end - 1].isalnum() or word[end - 1] in "@$"):
        end -= 1
    core = word[start:end]
    letters = sum("a" <= c <= "z" for c in core)
    signs = [i for i, c in enumerate(core) if c in LEET]
    if not signs or letters < 2 or len(signs) > letters:
        return word
    inside = [i for i in signs if _between_letters(core, i)]
    if not inside and (letters < 3 or len(signs) > 1 or not (core[0] in "3@$0" or core[-1] in "3@$05")):
        return word
    chosen = set(signs if inside else [i for i in signs if i in (0, len(core) - 1)])
    out = [
        ("l" if c == "1" and i + 1 < len(core) and core[i + 1] in _VOWELS else LEET[c]) if i in chosen else c
        for i, c in enumerate(core)
    ]
    return word[:start] + "".join(out) + word[end:]


def _figured(word: str, read: str) -> bool:
    """Whether figures stand for letters: already read so, or two and more among letters."""
    if word.isalpha() or not any(c in LEET for c in word):
        return False
    return read.isalpha() or (sum(c in _FIGURES for c in word) > 1 and _unleet_all(word) != word)


def _unleet_all(word: str) -> str:
    """Every figure a letter, in a word that has letters: `cl07h35`, `0ff`, `74k3`; not `4k`, `85mm`, `1920x1080`."""
    letters = sum("a" <= c <= "z" for c in word)
    if not letters or len(word) < 3 or not all("a" <= c <= "z" or c in _FIGURES for c in word):
        return word
    start = 0
    while start < len(word) and word[start].isdigit():
        start += 1
    # A number and its unit.
    if start and word[start:].isalpha() and (word[start:] in _UNITS or (start > 1 and len(word) - start < 2)):
        return word
    return "".join(LEET.get(c, c) for c in word)


def _between_letters(core: str, i: int) -> bool:
    """The sign at `i` stands, with at most one other sign beside it, between two letters."""
    left = core[:i][-2:]
    right = core[i + 1 : i + 3]
    return any("a" <= c <= "z" for c in left) and any("a" <= c <= "z" for c in right)


def _unstretched(word: str) -> str:
    """`nuuuude` → `nude`: three or more of one letter are one; `xxx` and `www` mean something."""
    if len(word) < 3:
        return word
    out: list[str] = []
    i, n = 0, len(word)
    while i < n:
        j = i + 1
        while j < n and word[j] == word[i]:
            j += 1
        run = j - i
        # `xxx` and `www` mean something, `wwwoman` does not.
        kept = word[i] in "xwm" and (run == 3 or run == n)
        out.append(word[i] if run > 2 and word[i].isalpha() and not kept else word[i:j])
        i = j
    return "".join(out)

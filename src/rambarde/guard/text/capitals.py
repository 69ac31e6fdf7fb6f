"""Capitals: what is shouted, or written Like This, says the same; an embedding that reads capitals must not see it."""

from __future__ import annotations

_RUN = 3
"""Fewest words in a row that make it a way of writing: fewer may be an acronym or somebody's name."""


def settled(text: str) -> str:
    """The text with runs of words in unusual capitals in lower case; of the same length, in linear time.

    Unusual are words with a capital after the first letter, and four or more words in a row that each begin with one.
    """
    out = text.split(" ")
    start, odd = 0, False
    for at, word in enumerate([*out, "-"]):
        kind = _kind(word) if at < len(out) else 0
        if kind is None and start < at:
            continue  # figures and scripts without capitals neither begin nor end a run
        if kind:
            odd = odd or kind == 2
            continue
        if at - start >= _RUN + (not odd):
            out[start:at] = map(_lower, out[start:at])
        start, odd = at + 1, False
    return " ".join(out)


def _kind(word: str) -> int | None:
    """2 with a capital inside, 1 with one at its beginning, 0 without; None if none of its letters has two cases."""
    letters = [char for char in word if char.isupper() or char.islower()]
    if not letters:
        return None
    if any(char.isupper() for char in letters[1:]):
        return 2
    return int(letters[0].isupper())


def _lower(word: str) -> str:
    """Letter by letter: a few letters become two, and places in the text must stay what they are."""
    return "".join(low if len(low := char.lower()) == 1 else char for char in word)

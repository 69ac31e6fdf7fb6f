"""Clauses: what a text asks for one after the other, cut at marks and at words such as *and* and *then*.

"Make it black and white and shorten her skirt" reads, as a whole, like its harmless part. One clause for itself
cannot be drowned so.
"""

from __future__ import annotations

from rambarde.guard.detectors.features import Piece
from rambarde.guard.text.tables import FOLD
from rambarde.nouns.request import Text

LONGEST = 600
"""Characters of the longest text that is cut into clauses: each costs another embedding."""
_LEAST = 8
"""Characters of the shortest clause; a shorter one goes with what follows. In Han, kana and Hangul half as many."""
_MARKS = frozenset(".!?;:,\n。！？；：،؛।؟…|、，")
_JOINS = frozenset(
    "and then und dann danach et puis ensuite y luego después e poi quindi depois en daarna och sedan "
    "i oraz potem dan lalu kemudian ve sonra и потом затем і й та потім और फिर aur phir w wa thumma ثم "
    "그리고 soshite".split()
)
"""Words that join two requests, in the languages that were learned."""
_INSIDE = ("然后", "并且", "同时", "そして", "して", "하고 ")
"""The same where words are not set apart."""
_ARABIC_AND = "\u0648"
_UNSPACED = "\u3000"


def clauses_of(text: Text, read: list[Piece]) -> list[Piece]:
    """Clauses of both forms of a text, without those that are among the pieces that were read already."""
    if len(text.clean) > LONGEST:
        return []
    known = {piece.folded for piece in read}
    found: dict[str, Piece] = {}
    for form in (text.clean, text.folded):
        for clause in cut(form):
            folded = clause.casefold().translate(FOLD)
            if folded not in known and folded not in found:
                found[folded] = Piece(clause, folded)
    return list(found.values())


def cut(text: str) -> list[str]:
    """The clauses of a text; every character but blanks is in one of them."""
    for join in _INSIDE:
        text = text.replace(join, f"{join}\n")
    found: list[str] = []
    current: list[str] = []
    for word in text.replace("\n", " \n ").split(" "):
        joins = word == "\n" or word.casefold() in _JOINS or word.startswith(_ARABIC_AND)
        if joins and _enough(current):
            found.append(" ".join(current))
            current = []
        if word.strip():
            current.append(word)
        if word and word[-1] in _MARKS and _enough(current):
            found.append(" ".join(current))
            current = []
    if current:
        found.append(" ".join(current))
    return found


def _enough(words: list[str]) -> bool:
    return sum(len(word) * (2 if word[0] > _UNSPACED else 1) for word in words) >= _LEAST

"""Code blocks of the documents."""

from __future__ import annotations

import re
from dataclasses import dataclass

from tests.project.modules import ROOT

_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.M | re.S)


@dataclass(frozen=True, slots=True)
class Snippet:
    """A block with a language. `place` names it in a test's id."""

    document: str
    line: int
    language: str
    code: str

    @property
    def place(self) -> str:
        return f"{self.document}:{self.line}"


def snippets(document: str, *languages: str) -> list[Snippet]:
    """The blocks of a document in these languages. A block without a language is no snippet."""
    text = (ROOT / document).read_text("utf-8")
    return [
        Snippet(document, text.count("\n", 0, found.start()) + 1, found[1], found[2])
        for found in _BLOCK.finditer(text)
        if found[1] in languages
    ]

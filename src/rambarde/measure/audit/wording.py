"""The words of a report, in English and in French, and how each writes numbers."""

from __future__ import annotations

import math
from functools import cache
from importlib import resources

import yaml

from rambarde.measure.audit.figure import Figure, Note
from rambarde.nouns.fault import invalid

LANGUAGES = ("en", "fr")
"""Each has its words in `report.LANGUAGE.yaml`."""
_SPACE, _THIN = "\u00a0", "\u202f"


class Wording:
    """One language's words and numbers."""

    def __init__(self, language: str) -> None:
        """Raises `Fault` `audit_language`."""
        if language not in LANGUAGES:
            raise invalid(
                "audit_language",
                f"There are no words in {language!r}.",
                remedy=f"Use {' or '.join(LANGUAGES)}.",
                field="language",
            )
        self.language, self._words = language, _words(language)

    def __call__(self, name: str, **values: object) -> str:
        return self._words[name].format(**values)

    def whole(self, value: float) -> str:
        text = f"{round(value):,}"
        return text.replace(",", _THIN) if self.language == "fr" else text

    def decimal(self, value: float, places: int) -> str:
        text = f"{value:.{places}f}"
        return text.replace(".", ",") if self.language == "fr" else text

    def percent(self, value: float) -> str:
        """With as many places as a rare thing needs."""
        size = abs(value)
        places = 1 if size >= 0.1 or size == 0 else 2 if size >= 0.01 else 3 if size >= 0.001 else 4
        return self.decimal(100 * value, places) + (_SPACE + "%" if self.language == "fr" else "%")

    def exact(self, value: float) -> str:
        """A share for a table: four figures."""
        places = max(2, 3 - math.floor(math.log10(abs(value) * 100)) - 1) if value else 2
        return self.decimal(100 * value, min(places, 8)) + (_SPACE + "%" if self.language == "fr" else "%")

    def level(self, value: float) -> str:
        """A confidence, as it was asked for."""
        text = f"{100 * value:g}"
        return f"{text.replace('.', ',')}{_SPACE}%" if self.language == "fr" else f"{text}%"

    def interval(self, figure: Figure) -> str:
        return f"{self.percent(figure.value)} ({self.percent(figure.low)} – {self.percent(figure.high)})"

    def note(self, note: Note) -> str:
        return self(f"note_{note.code}", number=self.whole(note.number))


@cache
def _words(language: str) -> dict[str, str]:
    text = resources.files("rambarde.measure.audit").joinpath(f"report.{language}.yaml").read_text("utf-8")
    found: dict[str, str] = yaml.safe_load(text)
    return found

"""The report of a verification: what was checked, what was found, and what cannot be seen."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from rambarde.prove.cosigned import NO_WITNESS

__all__ = ["NO_WITNESS", "SHOWN", "Finding", "Findings", "Report"]

SHOWN = 20
"""Findings of one code that are listed; further ones are counted."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong: a stable code, where, the entry's index if it has one, and plain words."""

    code: str
    where: str
    index: int | None
    message: str

    def as_json(self) -> dict[str, object]:
        return {"code": self.code, "where": self.where, "index": self.index, "message": self.message}


@dataclass(frozen=True, slots=True)
class Report:
    """`ok` only if nothing was found. `size` and `root` (hex) are the published checkpoint's.

    `entries` and `documents` count what was checked in the folder and in the database; `folded` counts
    findings beyond the first 20 of their code; `witnesses` names who of the known witnesses cosigned.
    """

    origin: str
    size: int
    root: str
    entries: int
    documents: int
    findings: tuple[Finding, ...]
    folded: dict[str, int] = field(default_factory=dict)
    witnesses: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        return not self.findings

    def as_json(self) -> dict[str, object]:
        return {
            "ok": self.ok,
            "origin": self.origin,
            "size": self.size,
            "root": self.root,
            "entries": self.entries,
            "documents": self.documents,
            "findings": [finding.as_json() for finding in self.findings],
            "folded": self.folded,
            "witnesses": list(self.witnesses),
            "notes": list(self.notes),
        }


class Findings:
    """Collects findings, each once, listing the first of each code and counting the rest."""

    def __init__(self) -> None:
        self.listed: list[Finding] = []
        self._counts: Counter[str] = Counter()
        self._places: set[str] = set()
        self._seen: set[tuple[str, str, int | None]] = set()

    def add(self, code: str, where: str, message: str, index: int | None = None) -> None:
        if (code, where, index) in self._seen:
            return
        self._seen.add((code, where, index))
        self._places.add(where)
        self._counts[code] += 1
        if self._counts[code] <= SHOWN:
            self.listed.append(Finding(code, where, index, message))

    def about(self, where: str) -> bool:
        """Whether something was found there."""
        return where in self._places

    def folded(self) -> dict[str, int]:
        return {code: count - SHOWN for code, count in self._counts.items() if count > SHOWN}

"""Erasure: which places of the log were emptied, by whom and why; the entries stay, and mean nothing any more.

An erasure is itself a document in the log. The database empties the places it names in the very transaction that logs
it, so that nothing is erased without an entry and no entry says what was not done.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

from rambarde.prove.ports import Ledger
from rambarde.prove.report import Findings

ERASURE = "erasure"
ACCESS = "access"
"""Kinds of documents: data of a person was erased, or given to that person."""


def ranges(indexes: Iterable[int]) -> list[list[int]]:
    """Sorted indexes as first and last of each run."""
    found: list[list[int]] = []
    for index in sorted(indexes):
        if found and index == found[-1][1] + 1:
            found[-1][1] = index
        elif not found or index != found[-1][1]:
            found.append([index, index])
    return found


def erasure(
    id: str,
    indexes: Sequence[int],
    *,
    scope: str,
    also: dict[str, int],
    person: str,
    reason: str,
    at: datetime,
) -> dict[str, object]:
    """The document. `scope` is `record`, `account` or `retention`; `also` counts what else went, by table.

    Whose data it was is not in it: that is what was erased.
    """
    return {
        "id": id,
        "scope": scope,
        "ranges": ranges(indexes),
        "count": len(set(indexes)),
        "also": also,
        "person": person,
        "reason": reason,
        "at": at.isoformat(),
    }


def check_erased(empty: Sequence[int], ledger: Ledger, size: int, findings: Findings) -> int:
    """Every empty place is told by an erasure, and every place that one tells is empty; returns how many.

    `size` is the log's when looking began: an erasure from then on may be told of places that were seen full.
    """
    told: set[int] = set()
    later: set[int] = set()
    for index, body in ledger.bodies(ERASURE):
        try:
            (told if index < size else later).update(_told(body))
        except (KeyError, TypeError, ValueError):
            findings.add("document_invalid", f"database: log_entries {index}", "It is no erasure.", index)
    found = set(empty)
    for index in sorted(found - told - later):
        findings.add(
            "erased_unlogged", f"database: log_entries {index}", "It was erased and no entry says so.", index
        )
    for index in sorted(told - found):
        if not findings.about(f"database: log_entries {index}"):
            findings.add(
                "erased_present",
                f"database: log_entries {index}",
                "It was erased, and is there again.",
                index,
            )
    return len(found & (told | later))


def _told(body: bytes) -> Iterator[int]:
    for first, last in json.loads(body)["ranges"]:
        yield from range(first, last + 1)

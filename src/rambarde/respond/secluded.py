"""Secluded: what no person is asked to look at.

An output stopped under a `minor-sexual` floor is blocked and never kept. Should something of the kind come to
wait all the same, by a mistake in a policy or in the code, nobody is shown it and nobody can release it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from rambarde.respond.ports import Document

FLOOR = "minor-sexual"
"""This floor's rules have names that begin so."""
QUEUE = "child-safety-queue"
"""What such a rule demands next."""


def secluded(record: Document) -> bool:
    """Whether any rule that fired for the request, or for any image of its batch, is of the kind."""
    return any(_of_the_kind(rule) for rule in fired(record))


def fired(record: Document, index: int | None = None) -> Iterator[Mapping[str, object]]:
    """The rules that fired, as the record's JSON has them: of the image `index`, or of the whole request."""
    outputs = [output for output in _list(record.get("outputs")) if isinstance(output, dict)]
    if index is not None:
        decisions = [o.get("decision") for o in outputs if o.get("index") == index]
    else:
        decisions = [record.get("admit"), *(o.get("decision") for o in outputs)]
    for decision in decisions:
        if isinstance(decision, dict):
            yield from (rule for rule in _list(decision.get("rules")) if isinstance(rule, dict))


def _of_the_kind(rule: Mapping[str, object]) -> bool:
    return str(rule.get("rule", "")).startswith(FLOOR) or QUEUE in _list(rule.get("follow"))


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []

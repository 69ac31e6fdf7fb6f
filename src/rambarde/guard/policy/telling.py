"""Conditions in plain words, for people who read a policy without its file."""

from __future__ import annotations

from collections.abc import Mapping

from rambarde.guard.policy.catalogue import Catalogue
from rambarde.guard.policy.document import Node, PolicyError, load
from rambarde.guard.policy.language import (
    All,
    AnyOf,
    Condition,
    ContextAtom,
    Not,
    RequiredFailed,
    SignalAtom,
    Test,
)
from rambarde.guard.policy.parse import Parser
from rambarde.nouns.decision import Point

_STATES = {
    Test.PRESENT: "is there (a value or unknown)",
    Test.ABSENT: "is absent",
    Test.UNKNOWN: "is unknown",
    Test.FAILED: "failed",
}
UNKNOWN = "A signal that is unknown (no answer, or failed) counts as the worst wherever it is asked for."


def asks(atom: SignalAtom) -> str:
    """What an atom asks, without the signal's name: "at least 0.5", "is absent"."""
    if atom.test is Test.AT_LEAST:
        return f"at least {atom.threshold:g}"
    return f"at most {atom.threshold:g}" if atom.test is Test.AT_MOST else _STATES[atom.test]


def condition(told: Condition, names: Mapping[Condition, str] | None = None) -> str:
    """The condition as a sentence. What has a name in `names` is told by it, in square brackets."""
    return _tell(told, names or {})


def inside(named: Condition, names: Mapping[Condition, str]) -> str:
    """What a named condition says: like `condition`, but not by its own name."""
    return _tell(named, {c: name for c, name in names.items() if c != named})


def _tell(told: Condition, names: Mapping[Condition, str], *, within: bool = False) -> str:
    if (name := names.get(told)) is not None:
        return f"[{name}]"
    match told:
        case SignalAtom():
            return f"`{told.signal}` {asks(told)}"
        case ContextAtom(key="age_assured", values=values):
            return "age assured" if values == ("true",) else f"age assured: {_or(values)}"
        case ContextAtom(key, values):
            return f"{key} {_or(values)}"
        case RequiredFailed():
            return "a required check did not answer"
        case Not(part):
            return f"not ({_tell(part, names)})"
        case All(parts) | AnyOf(parts):
            word = " and " if isinstance(told, All) else " or "
            said = word.join(_tell(part, names, within=len(parts) > 1) for part in parts)
            return f"({said})" if within and len(parts) > 1 else said


def _or(values: tuple[str, ...]) -> str:
    return " or ".join(values)


def named(
    data: bytes, source: str, catalogue: Catalogue, conditions: Mapping[str, Node] | None = None
) -> dict[Condition, str]:
    """The conditions that a document (floors, pack or policy) defines, by what they mean: for telling only.

    `conditions`: those of the floors, which it may use too. One that no rule could use is left out.
    """
    parser = Parser(catalogue, floor=False)
    parser.conditions.update(conditions or {})
    before = set(parser.conditions)
    parser.define(load(data, source).mapping("the document").get("conditions"))
    found: dict[Condition, str] = {}
    for name, body in parser.conditions.items():
        if name not in before:
            built = _built(parser, body, name)
            # A single question is told by itself, which is shorter and says more.
            if isinstance(built, All | AnyOf | Not):
                found.setdefault(built, name)
    return found


def _built(parser: Parser, body: Node, name: str) -> Condition | None:
    """At release every signal exists; some conditions may stand only under `not`."""
    for positive in (True, False):
        try:
            return parser.condition(body, (Point.RELEASE,), positive=positive, using=(name,))
        except PolicyError:
            continue
    return None

"""A policy's text with other thresholds: the numbers change where they stand, and not one other character."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

import yaml

from rambarde.guard.policy.catalogue import Catalogue
from rambarde.guard.policy.document import Node, PolicyError, load
from rambarde.nouns.signal import Polarity


@dataclass(frozen=True, slots=True)
class Knob:
    """A threshold in the text of an own rule: a smaller one is stricter. Lines and columns count from 1.

    `fixed` says why it must stay where it is; empty: it may be moved.
    """

    rule: str
    signal: str
    threshold: float
    line: int
    column: int
    fixed: str = ""


def knobs(data: bytes, catalogue: Catalogue, rules: Collection[str], *, source: str) -> tuple[Knob, ...]:
    """The thresholds of these rules, in the order of the text. The policy must have been read before.

    Only `at_least` on a signal whose high end is worse, not under `not`: there less is stricter. What named
    conditions ask belongs to every rule that uses them, and stands elsewhere.
    """
    root = load(data, source).mapping("the policy")
    found: list[Knob] = []
    for rule in root.need("rules", "the policy").items("`rules`"):
        fields = rule.mapping("a rule")
        name = fields.need("id", "a rule").text("`id`")
        if name in rules:
            found += _knobs(fields.need("when", "a rule"), name, catalogue, negated=False)
    return tuple(found)


def _knobs(node: Node, rule: str, catalogue: Catalogue, *, negated: bool) -> Iterator[Knob]:
    fields = node.mapping("a condition")
    for key in ("all", "any"):
        parts = fields.get(key)
        for part in parts.items(f"`{key}`") if parts else []:
            yield from _knobs(part, rule, catalogue, negated=negated)
    if (inner := fields.get("not")) is not None:
        yield from _knobs(inner, rule, catalogue, negated=not negated)
    if (signal := fields.get("signal")) is not None:
        name = signal.text("`signal`")
        for key in ("at_least", "at_most"):
            if (number := fields.get(key)) is not None:
                less_is_stricter = (
                    key == "at_least" and not negated and catalogue[name].polarity is Polarity.HIGH_IS_WORSE
                )
                yield Knob(
                    rule,
                    name,
                    number.fraction(f"{name}: {key}"),
                    number.line,
                    number.column,
                    "" if less_is_stricter else "here a smaller number is looser",
                )


def patched(data: bytes, changes: Mapping[Knob, float], *, source: str) -> bytes:
    """The text with each knob's number replaced. Comments, line ends and everything else stay as they are.

    Raises `PolicyError` for a knob that does not stand where it says: the text is another one.
    """
    text = data.decode("utf-8")
    spans = dict(_spans(text))
    for knob, threshold in sorted(changes.items(), key=lambda one: -spans.get(_place(one[0]), (0, 0))[0]):
        start, end = spans.get(_place(knob), (0, 0))
        if not _is(text[start:end], knob.threshold):
            raise PolicyError(
                source,
                knob.line,
                knob.column,
                f"{knob.threshold:g} of {knob.signal} does not stand here.",
                "The file has changed meanwhile: start again.",
            )
        text = f"{text[:start]}{threshold:g}{text[end:]}"
    return text.encode("utf-8")


def _spans(text: str) -> Iterator[tuple[tuple[int, int], tuple[int, int]]]:
    """Line and column of each scalar, and where it begins and ends in the text."""
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        start, end = event.start_mark, event.end_mark
        if isinstance(event, yaml.ScalarEvent) and start is not None and end is not None:
            yield (start.line + 1, start.column + 1), (start.index, end.index)


def _place(knob: Knob) -> tuple[int, int]:
    return knob.line, knob.column


def _is(word: str, threshold: float) -> bool:
    try:
        return float(word) == threshold
    except ValueError:
        return False

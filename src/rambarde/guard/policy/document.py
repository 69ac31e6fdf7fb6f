"""A policy file as a tree of plain values that remember their line and column.

YAML's dangerous conveniences are refused: anchors and aliases (bombs), tags, duplicate keys, merge keys,
several documents, numbers that are not finite. What is left is what JSON could say.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from functools import lru_cache

import yaml

from rambarde.nouns.fault import Fault, Kind

LIMIT_BYTES = 1_000_000
LIMIT_DEPTH = 40


class PolicyError(Fault):
    """A policy that cannot be used: what is wrong, at which line and column, and how to mend it."""

    def __init__(self, source: str, line: int, column: int, message: str, remedy: str) -> None:
        super().__init__(
            Kind.INVALID,
            "policy_invalid",
            f"{source}:{line}:{column}: {message}",
            remedy=remedy,
            field="policy",
        )
        self.line = line
        self.column = column


@dataclass(frozen=True, slots=True)
class Node:
    """A value of the document with its place: a str, int, float, bool, None, list or dict of nodes."""

    value: object
    source: str
    line: int
    column: int

    def error(self, message: str, remedy: str) -> PolicyError:
        return PolicyError(self.source, self.line, self.column, message, remedy)

    def mapping(self, what: str) -> Mapping:
        if not isinstance(self.value, dict):
            raise self.error(f"{what} must be a mapping.", "Write it as `key: value` lines.")
        return Mapping(self, self.value)

    def items(self, what: str) -> list[Node]:
        if not isinstance(self.value, list):
            raise self.error(f"{what} must be a list.", "Write it as `[a, b]` or as `- a` lines.")
        return self.value

    def text(self, what: str) -> str:
        if not isinstance(self.value, str) or not self.value.strip():
            raise self.error(f"{what} must be a text.", "Put the text in quotation marks.")
        return self.value

    def texts(self, what: str) -> tuple[str, ...]:
        return tuple(item.text(what) for item in self.items(what))

    def boolean(self, what: str) -> bool:
        if not isinstance(self.value, bool):
            raise self.error(f"{what} must be true or false.", "Write `true` or `false`.")
        return self.value

    def fraction(self, what: str) -> float:
        if isinstance(self.value, bool) or not isinstance(self.value, int | float):
            raise self.error(f"{what} must be a number.", "Write a number from 0 to 1.")
        if not 0.0 <= self.value <= 1.0:
            raise self.error(f"{what} is {self.value}, outside 0 to 1.", "Signals lie in [0, 1].")
        return float(self.value)

    def choice(self, what: str, allowed: tuple[str, ...]) -> str:
        word = self.text(what)
        if word not in allowed:
            raise self.error(f"{what} {word!r} is not known.", suggest(word, allowed))
        return word


class Mapping:
    """The keys of a mapping node; `done` refuses what nobody asked for."""

    def __init__(self, node: Node, entries: dict[str, tuple[Node, Node]]) -> None:
        self.node = node
        self._entries = entries
        self._read: set[str] = set()

    def __iter__(self) -> Iterator[tuple[str, Node]]:
        self._read.update(self._entries)
        return ((key, value) for key, (_, value) in self._entries.items())

    def get(self, key: str) -> Node | None:
        self._read.add(key)
        entry = self._entries.get(key)
        return entry[1] if entry else None

    def need(self, key: str, what: str) -> Node:
        found = self.get(key)
        if found is None:
            raise self.node.error(f"{what} has no `{key}`.", f"Add `{key}:`.")
        return found

    def done(self, what: str, known: tuple[str, ...]) -> None:
        for key, (place, _) in self._entries.items():
            if key not in self._read:
                raise place.error(f"{what} has no key {key!r}.", suggest(key, known))


def suggest(word: str, allowed: tuple[str, ...]) -> str:
    near = get_close_matches(word, allowed, n=1)
    known = ", ".join(sorted(allowed)) or "none"
    return f"Did you mean {near[0]!r}? Known: {known}." if near else f"Known: {known}."


@lru_cache(maxsize=32)  # the shipped documents are read again with every policy, and nodes do not change
def load(data: bytes, source: str) -> Node:
    """The document's root. Raises `PolicyError` for anything that is not one plain YAML document."""
    if len(data) > LIMIT_BYTES:
        raise PolicyError(source, 1, 1, f"{len(data)} bytes.", f"A policy has at most {LIMIT_BYTES} bytes.")
    try:
        text = data.decode("utf-8")
        root = _Loader(text, source).get_single_node()
    except UnicodeDecodeError as error:
        raise PolicyError(source, 1, 1, f"not UTF-8 at byte {error.start}.", "Save it as UTF-8.") from error
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        problem = getattr(error, "problem", None) or str(error)
        raise PolicyError(source, line, column, f"not YAML: {problem}.", "Mend the syntax.") from error
    if root is None:
        raise PolicyError(source, 1, 1, "the document is empty.", "Start from the shipped policy.")
    return _node(root, source, 0)


class _Loader(yaml.SafeLoader):
    """Refuses YAML's conveniences as it comes to them."""

    def __init__(self, text: str, source: str) -> None:
        super().__init__(text)
        self._source = source
        self._depth = 0

    def get_event(self) -> yaml.Event:
        event: yaml.Event = super().get_event()  # type: ignore[no-untyped-call]
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            raise self._refused(event, "anchors and aliases are refused.", "Repeat the value.")
        if getattr(event, "tag", None):
            raise self._refused(event, "tags are refused.", "Remove the `!tag`.")
        if isinstance(event, yaml.MappingStartEvent | yaml.SequenceStartEvent):
            self._depth += 1
            if self._depth > LIMIT_DEPTH:
                raise self._refused(event, "nested too deeply.", f"At most {LIMIT_DEPTH} levels.")
        elif isinstance(event, yaml.MappingEndEvent | yaml.SequenceEndEvent):
            self._depth -= 1
        return event

    def _refused(self, event: yaml.Event, message: str, remedy: str) -> PolicyError:
        mark = event.start_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
        return PolicyError(self._source, line, column, message, remedy)


def _node(raw: yaml.Node, source: str, depth: int) -> Node:
    line, column = raw.start_mark.line + 1, raw.start_mark.column + 1
    if isinstance(raw, yaml.ScalarNode):
        return Node(_scalar(raw, source, line, column), source, line, column)
    if isinstance(raw, yaml.SequenceNode):
        return Node([_node(item, source, depth + 1) for item in raw.value], source, line, column)
    entries: dict[str, tuple[Node, Node]] = {}
    for key, value in raw.value:
        place = _node(key, source, depth + 1)
        # YAML 1.1 reads bare `on`, `no` and `NO` as booleans; as keys and country codes they are words.
        name = key.value if isinstance(key, yaml.ScalarNode) else None
        if name is None or name == "<<":
            raise place.error("a key must be a word.", "Write `key: value`.")
        if name in entries:
            raise place.error(f"the key {name!r} stands twice.", "Remove one of the two.")
        entries[name] = (place, _node(value, source, depth + 1))
    return Node(entries, source, line, column)


def _scalar(raw: yaml.ScalarNode, source: str, line: int, column: int) -> object:
    if raw.style is not None:
        return str(raw.value)
    kind = raw.tag.rsplit(":", 1)[-1]
    word: str = raw.value
    if kind == "null":
        return None
    if kind == "bool":
        # Only true/false are booleans here: Norway's country code is `NO`.
        return word == "true" if word in ("true", "false") else word
    if kind in ("int", "float"):
        try:
            number = float(word.lower().replace(".inf", "inf").replace(".nan", "nan"))
        except ValueError:
            return word
        if not math.isfinite(number):
            raise PolicyError(
                source, line, column, f"{word} is not a finite number.", "Write a finite number."
            )
        return int(word) if kind == "int" and word.lstrip("+-").isdigit() else number
    return word

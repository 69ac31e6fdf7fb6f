"""Compiling conditions: many of them to one Python function, built as a syntax tree, never from text.

Each signal read has a place on one scale toward its worst, where every test is one comparison. Equal
conditions are one node, however often a named condition was expanded, and one that is used more than once is
worked out once. Nothing of a policy's text gets into the tree: its nodes hold numbers, and names made from
positions.
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

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
from rambarde.nouns.signal import Polarity

ABSENT, NO_ANSWER, FAILED = -2.0, 2.0, 3.0
"""Places on the scale toward the worst. A value's place is itself, or its negative where low is worse: both
ends of the scale lie outside [-1, 1], and negating is exact where subtracting from 1 would round."""

Scale = tuple[str, Polarity]
"""A signal as a condition reads it: its name, and which end it takes for the worst."""

Judge = Callable[[Sequence[float], Sequence[bool], bool], tuple[bool, ...]]
"""(places on the scales, truth of the context atoms, a required signal failed) -> truth of each condition."""


@dataclass(frozen=True, slots=True)
class Compiled:
    """Conditions as one function, and the order in which it takes what it reads."""

    scales: tuple[Scale, ...]
    contexts: tuple[ContextAtom, ...]
    judge: Judge


def compile_conditions(conditions: Sequence[Condition], scales: Iterable[Scale] = ()) -> Compiled:
    """One function for all `conditions`. `scales` are those that the caller reads anyway: they come first."""
    graph = _Graph(dict.fromkeys(scales))
    roots = [graph.add(condition) for condition in conditions]
    return Compiled(tuple(graph.scales), tuple(graph.contexts), _function(graph, roots))


@dataclass(frozen=True, slots=True)
class _Comparison:
    """`place >= cut`, or `place <= cut` if not `worse`."""

    place: int
    worse: bool
    cut: float


@dataclass(frozen=True, slots=True)
class _Context:
    index: int


@dataclass(frozen=True, slots=True)
class _Failed:
    pass


@dataclass(frozen=True, slots=True)
class _Join:
    """`all` or `any` of other nodes."""

    every: bool
    parts: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class _Negation:
    part: int


_Node = _Comparison | _Context | _Failed | _Join | _Negation


class _Graph:
    """Conditions with equal ones merged. A node is known by its number; its parts have lower numbers."""

    def __init__(self, scales: dict[Scale, None]) -> None:
        self.scales = {scale: index for index, scale in enumerate(scales)}
        self.contexts: dict[ContextAtom, int] = {}
        self.nodes: dict[_Node, int] = {}

    def add(self, condition: Condition) -> int:
        node = self._node(condition)
        return self.nodes.setdefault(node, len(self.nodes))

    def _node(self, condition: Condition) -> _Node:
        match condition:
            case SignalAtom():
                return self._comparison(condition)
            case ContextAtom():
                return _Context(self.contexts.setdefault(condition, len(self.contexts)))
            case RequiredFailed():
                return _Failed()
            case All(parts) | AnyOf(parts):
                numbers = tuple(dict.fromkeys(self.add(part) for part in parts))
                return _Join(isinstance(condition, All), numbers)
            case Not(part):
                return _Negation(self.add(part))

    def _comparison(self, atom: SignalAtom) -> _Comparison:
        high = atom.polarity is Polarity.HIGH_IS_WORSE
        place = self.scales.setdefault((atom.signal, atom.polarity), len(self.scales))
        match atom.test:
            case Test.AT_LEAST | Test.AT_MOST:
                return _Comparison(place, atom.toward_worst, atom.threshold if high else -atom.threshold)
            case Test.PRESENT:
                return _Comparison(place, True, -1.0)
            case Test.ABSENT:
                return _Comparison(place, False, ABSENT)
            case Test.UNKNOWN:
                return _Comparison(place, True, NO_ANSWER)
            case Test.FAILED:
                return _Comparison(place, True, FAILED)


def _function(graph: _Graph, roots: Sequence[int]) -> Judge:
    """`judge`: unpack what was given, work out what is used more than once, return the truth of the roots."""
    uses = Counter(roots)
    for node in graph.nodes:
        uses.update(_parts(node))
    built: list[ast.expr] = []
    body: list[ast.stmt] = [
        _unpack("p", len(graph.scales), "places"),
        _unpack("c", len(graph.contexts), "contexts"),
    ]
    for node, number in graph.nodes.items():
        built.append(_expression(node, built))
        if uses[number] > 1 and isinstance(node, _Join | _Negation):
            body.append(ast.Assign([ast.Name(f"n{number}", ast.Store())], built[number]))
            built[number] = _name(f"n{number}")
    body.append(ast.Return(ast.Tuple([built[root] for root in roots], ast.Load())))
    taken = [ast.arg(name) for name in ("places", "contexts", "failed")]
    arguments = ast.arguments(posonlyargs=[], args=taken, kwonlyargs=[], kw_defaults=[], defaults=[])
    function = ast.FunctionDef("judge", arguments, body, decorator_list=[])
    module = ast.fix_missing_locations(ast.Module([function], type_ignores=[]))
    names: dict[str, Judge] = {}
    exec(compile(module, "<policy>", "exec"), {"__builtins__": {}}, names)  # noqa: S102 - our own tree
    return names["judge"]


def _parts(node: _Node) -> tuple[int, ...]:
    match node:
        case _Join(parts=parts):
            return parts
        case _Negation(part):
            return (part,)
        case _:
            return ()


def _expression(node: _Node, built: Sequence[ast.expr]) -> ast.expr:
    match node:
        case _Comparison(place, worse, cut):
            operator = ast.GtE() if worse else ast.LtE()
            return ast.Compare(_name(f"p{place}"), [operator], [ast.Constant(cut)])
        case _Context(index):
            return _name(f"c{index}")
        case _Failed():
            return _name("failed")
        case _Join(every, parts):
            if len(parts) == 1:
                return built[parts[0]]
            if not parts:  # all of nothing holds, any of nothing does not
                return ast.Constant(every)
            return ast.BoolOp(ast.And() if every else ast.Or(), [built[part] for part in parts])
        case _Negation(part):
            return ast.UnaryOp(ast.Not(), built[part])


def _unpack(prefix: str, count: int, what: str) -> ast.stmt:
    targets: list[ast.expr] = [ast.Name(f"{prefix}{index}", ast.Store()) for index in range(count)]
    return ast.Assign([ast.Tuple(targets, ast.Store())], _name(what))


def _name(name: str) -> ast.expr:
    return ast.Name(name, ast.Load())

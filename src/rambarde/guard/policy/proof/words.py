"""Cases and regions in plain words: what an engineer, a counsel or a judge can read without the diagrams."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from rambarde.guard.policy.proof.diagram import Assignment, Cube
from rambarde.guard.policy.proof.space import (
    ACTION,
    AGE,
    COUNTRY,
    DATE,
    DEPICTED,
    ELSEWHERE,
    MODE,
    OTHER,
    POINT,
    SURFACE,
    Cell,
    Silence,
    Space,
    Span,
    Value,
    Variable,
)
from rambarde.nouns.caller import UNKNOWN_COUNTRY
from rambarde.nouns.signal import Polarity, State

DEFAULTS = (
    "What is not named is at its default: signals absent, country not named by the policy, age not assured."
)
WHERE = {COUNTRY: "country", DEPICTED: "depicted person's country"}
_MOST = 8
"""Most values that a sentence names."""
_CONTEXT = (SURFACE, MODE, COUNTRY, DEPICTED, AGE, DATE, ACTION, POINT)
"""The order in which people say it: on `api`, mode `spicy`, DE, …"""


def case(space: Space, assignment: Assignment) -> str:
    """One case: surface, mode and point always, the rest where it is not the default."""
    context, signals = [], []
    for name in _CONTEXT:
        variable, value = space.variables[space.at[name]], assignment[space.at[name]]
        if name in (SURFACE, MODE, POINT) or value != variable.default:
            context.append(_context(variable, (variable.values[value],)))
    for index in space.inputs:
        variable, value = space.variables[index], assignment[index]
        if value != variable.default:
            signals.append(_measured(variable, variable.values[value]))
    return _joined(context, signals)


def values(space: Space, setting: Mapping[int, int]) -> str:
    """The other side of a comparison: "on `app`", "`change.exposure` 0.2"."""
    said = []
    for index, value in setting.items():
        variable = space.variables[index]
        told = variable.values[value]
        said.append(_measured(variable, told) if variable.signals else _context(variable, (told,)))
    return ", ".join(said)


def assigned(space: Space, assignment: Assignment) -> dict[str, str]:
    """The assignments of a case that are not the default, by name, for programs."""
    return {
        variable.name: _plain(variable.values[value])
        for variable, value in zip(space.variables, assignment, strict=True)
        if value != variable.default
    }


def region(space: Space, cube: Cube) -> str:
    """A set of cases: only what limits it."""
    context = [
        _context(space.variables[index], _chosen(space, cube, index))
        for index in (space.at[name] for name in _CONTEXT)
        if index in cube
    ]
    signals = [_ranges(space, space.variables[index], cube[index]) for index in space.inputs if index in cube]
    return _joined(context, signals) or "everywhere"


def limits(space: Space, cube: Cube) -> dict[str, list[str]]:
    """A set of cases for programs: the values that each limited variable may take."""
    return {
        space.variables[index].name: [_plain(value) for value in _chosen(space, cube, index)]
        for index in sorted(cube)
    }


def meanings(space: Space, names: Sequence[str]) -> dict[str, str]:
    """What the named signals mean, in the detectors' own words."""
    return {
        name: space.catalogue[name].meaning
        for name in names
        if name in space.catalogue and space.catalogue[name].meaning
    }


def _joined(context: Sequence[str], signals: Sequence[str]) -> str:
    return ": ".join(part for part in (", ".join(context), ", ".join(signals)) if part)


def _chosen(space: Space, cube: Cube, index: int) -> tuple[Value, ...]:
    return tuple(space.variables[index].values[value] for value in sorted(cube[index]))


def _context(variable: Variable, values: Sequence[Value]) -> str:
    rest = [value for value in variable.values if value not in values]
    if len(rest) < len(values) and OTHER in values and all(isinstance(value, str) for value in rest):
        unknown = " (or unknown)" if UNKNOWN_COUNTRY in values else ""
        return f"{_noun(variable)} other than {_few([_code(variable, value) for value in rest])}{unknown}"
    if variable.name == DATE:
        return _list([_days(span) for span in _merged([v for v in values if isinstance(v, Span)])])
    said = _few([_code(variable, value) for value in values])
    match variable.name:
        case "surface":
            return f"on {said}"
        case "mode":
            return f"mode {said}"
        case "point":
            return f"at {said}"
        case "action":
            return f"action {said}"
        case "depicted":
            return f"depicted person in {said}"
        case _:
            return said


def _noun(variable: Variable) -> str:
    return {
        SURFACE: "on any surface",
        MODE: "any mode",
        COUNTRY: "any country",
        DEPICTED: "depicted person in any country",
    }.get(variable.name, "any")


def _code(variable: Variable, value: Value) -> str:
    if isinstance(value, bool):
        return "age assured" if value else "age not assured"
    if value == OTHER:
        return f"{OTHER} {WHERE.get(variable.name, variable.name)}"
    if variable.name in WHERE:
        return _somewhere(variable, str(value))
    return f"`{value}`" if variable.name in (SURFACE, MODE) else str(value)


def _somewhere(variable: Variable, value: str) -> str:
    if value == UNKNOWN_COUNTRY:
        return "country unknown" if variable.name == COUNTRY else "a country not known"
    return f"the rest of {value.removesuffix(ELSEWHERE)}" if value.endswith(ELSEWHERE) else value


def _measured(variable: Variable, value: Value) -> str:
    if isinstance(value, Silence):
        return f"failed: {_list([f'`{name}`' for name in variable.signals[:1]])} (read by no rule)"
    return f"`{variable.name}` {_plain(value)}"


def _plain(value: Value) -> str:
    match value:
        case Cell(state=State.VALUE):
            return _number(value.sample)
        case Cell():
            return value.state.name.lower().replace("_", " ")
        case Silence():
            return "failed" if value.failed else "ok"
        case Span():
            return _days(value)
        case bool():
            return str(value).lower()
        case _:
            return str(value)


def _days(span: Span) -> str:
    if span.first is None:
        return f"before {span.end}" if span.end else "on any day"
    return f"from {span.first}" + (f" until before {span.end}" if span.end else "")


def _merged(spans: Sequence[Span]) -> Iterator[Span]:
    joined: list[Span] = []
    for span in spans:
        if joined and joined[-1].end == span.first:
            joined[-1] = Span(joined[-1].first, span.end)
        else:
            joined.append(span)
    return iter(joined)


def _ranges(space: Space, variable: Variable, chosen: frozenset[int]) -> str:
    """`a` at least 0.5, or unknown: neighbouring cells told as one interval."""
    if isinstance(variable.values[0], Silence):
        names = _list([f"`{name}`" for name in variable.signals])
        return f"{names} failed" if variable.where(Silence(failed=True)) == chosen else f"{names} not failed"
    cells = [v for i, v in enumerate(variable.values) if i in chosen and isinstance(v, Cell)]
    measured = [cell for cell in cells if cell.state is State.VALUE]
    if space.catalogue[variable.name].polarity is Polarity.LOW_IS_WORSE:
        measured.reverse()
    points = (v for v in variable.values if isinstance(v, Cell) and v.state is State.VALUE)
    cuts = frozenset(cell.low for cell in points if cell.low == cell.high)
    parts = [_interval(run, cuts) for run in _runs(measured)]
    states = {cell.state for cell in cells}
    if len(chosen) == len(variable.values) - 1 and State.FAILED not in states:
        return f"`{variable.name}` not failed"
    if {State.NO_ANSWER, State.FAILED} <= states:
        states -= {State.NO_ANSWER, State.FAILED}
        parts.append("unknown")
    order = [state for state in State if state in states and state is not State.VALUE]
    return f"`{variable.name}` " + _list([*(s.name.lower().replace("_", " ") for s in order), *parts])


def _runs(cells: Sequence[Cell]) -> list[list[Cell]]:
    runs: list[list[Cell]] = []
    for cell in cells:
        last = runs[-1][-1] if runs else None
        # Two open intervals that only share an end miss the point between them.
        if last and last.high == cell.low and (last.low == last.high or cell.low == cell.high):
            runs[-1].append(cell)
        else:
            runs.append([cell])
    return runs


def _interval(run: Sequence[Cell], cuts: frozenset[float]) -> str:
    """`cuts` are the thresholds: an interval holds 0 or 1 unless that is one."""
    first, last = run[0], run[-1]
    starts, ends = first.low == first.high, last.low == last.high
    if first is last and starts:
        return f"exactly {_number(first.low)}"
    over = f"{'at least' if starts else 'over'} {_number(first.low)}"
    under = f"{'at most' if ends else 'below'} {_number(last.high)}"
    if first.low == 0.0 and (starts or 0.0 not in cuts):
        over = ""
    if last.high == 1.0 and (ends or 1.0 not in cuts):
        under = ""
    return " and ".join(part for part in (over, under) if part) or "measured"


def _number(value: float) -> str:
    return str(int(value)) if value.is_integer() else str(value)


def _few(words: Sequence[str]) -> str:
    """A list that stays readable; programs find all of it in `limits`."""
    if len(words) <= _MOST:
        return _list(words)
    return f"{', '.join(words[: _MOST - 1])} and {len(words) - _MOST + 1} more"


def _list(words: Sequence[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} or {words[-1]}"

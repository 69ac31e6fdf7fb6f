"""The inputs are cut where the policy cuts them and nowhere else; the plan is none of them."""

from __future__ import annotations

from dataclasses import fields
from datetime import date

from rambarde.guard.policy.catalogue import Catalogue
from rambarde.guard.policy.evaluation import Facts
from rambarde.guard.policy.language import CONTEXT_KEYS
from rambarde.guard.policy.proof import space as spaces
from rambarde.guard.policy.proof.space import OTHER, Cell, Space, Span
from rambarde.guard.policy.reading import read_policy
from rambarde.nouns.decision import Point
from rambarde.nouns.signal import Signals, State, badness
from tests.guard.policy.conftest import FLOORS, POLICY


def made(names: Catalogue) -> Space:
    return Space([read_policy(POLICY.encode(), names, floors=FLOORS.encode())], names)


def test_every_input_of_a_decision_is_a_variable_and_the_plan_is_none() -> None:
    """`decide` takes a point, facts and signals; so what is not a field of `Facts` cannot matter."""
    context = {spaces.ACTION, spaces.SURFACE, spaces.MODE, spaces.COUNTRY, spaces.DEPICTED, spaces.AGE}
    assert {field.name for field in fields(Facts)} == context | {"today"}
    assert "plan" not in {field.name for field in fields(Facts)}
    assert context >= set(CONTEXT_KEYS) and "plan" not in CONTEXT_KEYS


def test_values_are_cut_at_thresholds(names: Catalogue) -> None:
    space = made(names)
    cells = [v for v in space.variables[space.at["b"]].values if isinstance(v, Cell)]
    assert [(c.state.name, c.low, c.high) for c in cells] == [
        ("ABSENT", 0, 0), ("VALUE", 0, 0.1), ("VALUE", 0.1, 0.1), ("VALUE", 0.1, 0.2), ("VALUE", 0.2, 0.2),
        ("VALUE", 0.2, 1), ("NO_ANSWER", 0, 0), ("FAILED", 0, 0),
    ]  # fmt: skip
    assert [c.sample for c in cells if c.state is State.VALUE] == [0.05, 0.1, 0.15, 0.2, 0.6]


def test_cells_stand_in_order_toward_the_worst(names: Catalogue) -> None:
    space = made(names)
    for index in space.inputs:
        variable = space.variables[index]
        order = []
        for value in range(len(variable.values)):
            case = tuple(value if i == index else d for i, d in enumerate(space.diagrams.defaults))
            signals: Signals = space.represent(case)[2]
            order.append(badness(signals[variable.signals[0]], names[variable.signals[0]].polarity))
        assert order == sorted(order)


def test_dates_and_countries(names: Catalogue) -> None:
    space = made(names)
    first, second = date(2026, 12, 2), date(2027, 12, 2)
    spans = space.variables[space.at[spaces.DATE]].values
    assert spans == (Span(None, first), Span(first, second), Span(second, None))
    assert [s.sample for s in spans if isinstance(s, Span)] == [date(2026, 12, 1), first, second]
    countries = space.variables[space.at[spaces.COUNTRY]].values
    assert countries == (OTHER, "DE", "FR", "US", "US-*", "US-NV", "unknown")
    assert space.variables[space.at[spaces.DEPICTED]].values == (OTHER, "FR", "unknown")
    rest = space.index(spaces.COUNTRY, "US-*")
    at = space.at[spaces.COUNTRY]
    case = tuple(rest if i == at else d for i, d in enumerate(space.diagrams.defaults))
    assert space.represent(case)[1].country == "US-ZZ"


def test_signals_that_nobody_reads_are_one_input(names: Catalogue) -> None:
    space = made(names)
    (silent,) = (v for v in space.variables if len(v.signals) and v.signals == ("output.x",))
    assert silent.points == (Point.RELEASE,) and len(silent.values) == 2

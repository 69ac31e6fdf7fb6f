"""Decision diagrams against truth tables: every function stands once, and its cheapest case is a cheapest one."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rambarde.guard.policy.proof.diagram import FALSE, TRUE, Assignment, Diagrams
from rambarde.nouns.fault import Fault

SIZES = (2, 3, 4)
PRICES = ((0, 5), (7, 0, 5), (0, 5, 6, 5))
ALL = tuple(product(*(range(size) for size in SIZES)))
Table = frozenset[Assignment]

tables: st.SearchStrategy[Table] = st.frozensets(st.sampled_from(ALL))


def drawn(d: Diagrams, table: Table) -> int:
    return d.some([d.inside({i: frozenset({v}) for i, v in enumerate(case)}) for case in sorted(table)])


@given(tables, tables)
def test_operations_are_those_of_sets(a: Table, b: Table) -> None:
    d = Diagrams(PRICES)
    x, y = drawn(d, a), drawn(d, b)
    pairs: list[tuple[int, Table]] = [
        (d.both(x, y), a & b),
        (d.either(x, y), a | b),
        (d.without(x, y), a - b),
        (d.negated(x), frozenset(ALL) - a),
    ]
    for diagram, table in pairs:
        assert [d.true_at(diagram, case) for case in ALL] == [case in table for case in ALL]
        assert diagram == drawn(d, table), "the same function is the same number"
    assert d.implies(x, y) is (a <= b)
    assert (x == FALSE) is (not a) and (x == TRUE) is (len(a) == len(ALL))


@given(tables, st.sampled_from([0, 1, 2]), st.integers(0, 1))
def test_a_known_variable_is_no_longer_asked(a: Table, variable: int, value: int) -> None:
    d = Diagrams(PRICES)
    known = d.given(drawn(d, a), variable, value)
    assert variable not in d.asks(known)
    for case in ALL:
        put = tuple(value if i == variable else v for i, v in enumerate(case))
        assert d.true_at(known, case) is (put in a)


@given(tables)
def test_the_cheapest_case(a: Table) -> None:
    d = Diagrams(PRICES)
    if not a:
        with pytest.raises(ValueError, match="FALSE"):
            d.cheapest(drawn(d, a))
        return
    found = d.cheapest(drawn(d, a))
    assert found in a and d.price(found) == min(d.price(case) for case in a)


def test_a_variable_has_a_default() -> None:
    with pytest.raises(ValueError, match="no default"):
        Diagrams([(1, 2)])


def test_a_diagram_is_a_fraction_of_its_table() -> None:
    """Sixty variables: a table would have 2^60 rows."""
    d = Diagrams([(0, 1)] * 60)
    pick: Callable[[int], int] = lambda n: d.among(n, frozenset({1}))  # noqa: E731
    parity = FALSE
    for n in range(60):
        parity = d.either(d.without(parity, pick(n)), d.without(pick(n), parity))
    assert len(d) < 20_000 and len(d.asks(parity)) == 60
    assert sum(d.cheapest(parity)) == 1


def test_what_takes_too_many_nodes_is_refused() -> None:
    """The parity of pairs far apart in the order doubles with each pair: a small limit stands for memory."""
    pairs = 9
    diagrams = Diagrams([(0, 1)] * (2 * pairs), limit=500)
    with pytest.raises(Fault) as refused:
        diagrams.every(
            [
                diagrams.either(
                    diagrams.both(
                        diagrams.among(n, frozenset({1})), diagrams.among(n + pairs, frozenset({1}))
                    ),
                    diagrams.both(
                        diagrams.among(n, frozenset({0})), diagrams.among(n + pairs, frozenset({0}))
                    ),
                )
                for n in range(pairs)
            ]
        )
    assert refused.value.code == "policy_too_complex" and refused.value.remedy

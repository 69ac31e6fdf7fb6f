"""The search for what should not exist, against sets of cases: nothing is missed, and the cheapest comes first."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from rambarde.guard.policy.proof.diagram import Assignment, Diagrams
from rambarde.guard.policy.proof.search import escape, needed, regions
from tests.guard.policy.proof.test_diagram import ALL, PRICES, SIZES, Table, drawn, tables


@given(tables, st.lists(tables, max_size=4))
def test_what_no_wall_catches(a: Table, walls: list[Table]) -> None:
    d = Diagrams(PRICES)
    left = a.difference(*walls)
    drawn_walls = [drawn(d, wall) for wall in walls]
    found = escape(d, drawn(d, a), drawn_walls)
    assert (found is None) is (not left)
    if found is not None:
        assert found in left and d.price(found) == min(d.price(case) for case in left)
    used = needed(d, drawn(d, a), drawn_walls)
    assert (used is None) is bool(left)
    if used is not None:
        assert not a.difference(*(walls[index] for index in used))


@given(tables, st.lists(tables, max_size=2), st.lists(tables, max_size=2))
def test_regions_are_all_of_it_and_as_wide_as_can_be(
    a: Table, walls: list[Table], loose: list[Table]
) -> None:
    d = Diagrams(PRICES)
    firm = [drawn(d, wall) for wall in walls]
    inside = a.difference(*walls)
    covered: set[Assignment] = set()
    for case, cube in regions(d, drawn(d, a), firm, [drawn(d, wall) for wall in loose]):
        cases = {c for c in ALL if all(c[i] in values for i, values in cube.items())}
        assert case in cases and case not in covered.union(*loose)
        assert cases <= inside
        for variable, values in cube.items():
            for value in set(range(SIZES[variable])) - values:
                more = {
                    c
                    for c in ALL
                    if c[variable] == value and all(c[i] in v for i, v in cube.items() if i != variable)
                }
                assert not more <= inside, "it could have been wider"
        covered |= cases
    assert inside.difference(*loose) <= covered

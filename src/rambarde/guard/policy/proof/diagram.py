"""Reduced ordered decision diagrams over finite variables.

A diagram is a function from assignments (one value for each variable) to true or false, kept as a graph in
which every function stands exactly once (Bryant, "Graph-Based Algorithms for Boolean Function Manipulation",
1986; with many-valued variables as in Srinivasan et al., "Algorithms for Discrete Function Manipulation",
1990). So two conditions are equivalent if and only if they are the same integer, and one that can never hold
is `FALSE`: that is what makes an answer a proof and no sample.

Every value of a variable has a price, and each diagram knows its cheapest true assignment (a shortest path,
kept when the node is made), so the smallest counterexample costs nothing to find.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from rambarde.nouns.fault import Fault, Kind

FALSE, TRUE = 0, 1
"""The two diagrams without a variable."""

_NEVER = 1 << 60
"""The price of an assignment that does not exist."""

LIMIT_NODES = 3_000_000
"""Most nodes: about two gigabytes. A policy that needs more cannot be proven here, and so does not load."""

Assignment = tuple[int, ...]
"""One value's index for each variable, in the diagrams' order."""
Cube = Mapping[int, frozenset[int]]
"""A set of assignments: for each variable named, the values it may take. Variables not named are free."""


class Diagrams:
    """All diagrams over one list of variables. A diagram is an integer that only these `Diagrams` understand.

    `prices[variable][value]` says what it costs to give a variable that value. Each variable must have a value
    of price 0, its default: that is what a variable takes where a diagram does not ask. Raises `ValueError`
    for a variable without one. Making raises
    `Fault(INVALID, "policy_too_complex")` beyond `limit` nodes.
    """

    def __init__(self, prices: Sequence[Sequence[int]], limit: int = LIMIT_NODES) -> None:
        self.limit = limit
        self.prices = tuple(tuple(row) for row in prices)
        if any(0 not in row for row in self.prices):
            raise ValueError("a variable has no default: no value of price 0")
        self.defaults: Assignment = tuple(row.index(0) for row in self.prices)
        # One place for each node; the two leaves ask a variable after the last.
        self._variable = [len(self.prices)] * 2
        self._children: list[tuple[int, ...]] = [(), ()]
        self._cost = [_NEVER, 0]
        self._best = [0, 0]
        self._unique: dict[tuple[int, tuple[int, ...]], int] = {}
        self._both: dict[tuple[int, int], int] = {}
        self._either: dict[tuple[int, int], int] = {}
        self._without: dict[tuple[int, int], int] = {}
        self._given: dict[tuple[int, int, int], int] = {}

    def __len__(self) -> int:
        """How many nodes there are: the measure of the work."""
        return len(self._variable)

    # Making.

    def node(self, variable: int, children: tuple[int, ...]) -> int:
        """The diagram that asks `variable` and goes on with the child of its value."""
        if children.count(children[0]) == len(children):
            return children[0]
        key = (variable, children)
        found = self._unique.get(key)
        if found is None:
            if len(self._variable) >= self.limit:
                raise _too_complex(self.limit)
            found = self._unique[key] = len(self._variable)
            costs = [a + self._cost[c] for a, c in zip(self.prices[variable], children, strict=True)]
            self._variable.append(variable)
            self._children.append(children)
            self._cost.append(min(costs))
            self._best.append(costs.index(min(costs)))
        return found

    def among(self, variable: int, values: frozenset[int]) -> int:
        """True where the variable has one of the values."""
        size = len(self.prices[variable])
        return self.node(variable, tuple(TRUE if value in values else FALSE for value in range(size)))

    def both(self, a: int, b: int) -> int:
        return self._combine(self._both, _both_leaf, min(a, b), max(a, b))

    def either(self, a: int, b: int) -> int:
        return self._combine(self._either, _either_leaf, min(a, b), max(a, b))

    def without(self, a: int, b: int) -> int:
        """True where `a` is and `b` is not."""
        return self._combine(self._without, _without_leaf, a, b)

    def negated(self, a: int) -> int:
        return self.without(TRUE, a)

    def every(self, parts: Sequence[int]) -> int:
        result = TRUE
        for part in parts:
            result = self.both(result, part)
        return result

    def some(self, parts: Sequence[int]) -> int:
        result = FALSE
        for part in parts:
            result = self.either(result, part)
        return result

    def _combine(
        self, memo: dict[tuple[int, int], int], leaf: Callable[[int, int], int | None], a: int, b: int
    ) -> int:
        settled = leaf(a, b)
        if settled is not None:
            return settled
        key = (a, b)
        found = memo.get(key)
        if found is None:
            first, second = self._variable[a], self._variable[b]
            variable = min(first, second)
            size = len(self.prices[variable])
            left = self._children[a] if first == variable else (a,) * size
            right = self._children[b] if second == variable else (b,) * size
            found = self.node(
                variable,
                tuple([self._combine(memo, leaf, c, d) for c, d in zip(left, right, strict=True)]),
            )
            memo[key] = found
        return found

    def given(self, a: int, variable: int, value: int) -> int:
        """`a` where the variable is known to have that value: it no longer asks it."""
        at = self._variable[a]
        if at > variable:
            return a
        if at == variable:
            return self._children[a][value]
        key = (a, variable, value)
        found = self._given.get(key)
        if found is None:
            found = self._given[key] = self.node(
                at, tuple([self.given(child, variable, value) for child in self._children[a]])
            )
        return found

    # Asking.

    def implies(self, a: int, b: int) -> bool:
        """Whether `b` is true wherever `a` is: exact, for all assignments."""
        return self.without(a, b) == FALSE

    def true_at(self, a: int, assignment: Assignment) -> bool:
        while a > TRUE:
            a = self._children[a][assignment[self._variable[a]]]
        return a == TRUE

    def cheapest(self, a: int) -> Assignment:
        """The true assignment of the lowest price. Raises `ValueError` for `FALSE`, which has none."""
        if a == FALSE:
            raise ValueError("no assignment makes FALSE true")
        found = list(self.defaults)
        while a > TRUE:
            value = self._best[a]
            found[self._variable[a]] = value
            a = self._children[a][value]
        return tuple(found)

    def price(self, assignment: Assignment) -> int:
        return sum(row[value] for row, value in zip(self.prices, assignment, strict=True))

    def asks(self, a: int) -> frozenset[int]:
        """The variables on which `a` depends."""
        return frozenset(self._variable[node] for node in self._reached(a))

    def steps(self, a: int, variable: int) -> frozenset[tuple[int, ...]]:
        """The children of all nodes of `a` that ask the variable: how `a` changes with it, all else equal."""
        return frozenset(
            self._children[node] for node in self._reached(a) if self._variable[node] == variable
        )

    def meets(self, a: int, cube: Cube) -> bool:
        """Whether `a` is true somewhere in the cube."""
        return self._found(a, cube, TRUE)

    def covers(self, a: int, cube: Cube) -> bool:
        """Whether `a` is true everywhere in the cube."""
        return not self._found(a, cube, FALSE)

    def inside(self, cube: Cube) -> int:
        """The diagram that is true in the cube."""
        return self.every([self.among(variable, cube[variable]) for variable in sorted(cube, reverse=True)])

    def _found(self, a: int, cube: Cube, leaf: int) -> bool:
        seen, todo = {a}, [a]
        while todo:
            node = todo.pop()
            if node == leaf:
                return True
            if node > TRUE:
                children = self._children[node]
                allowed = cube.get(self._variable[node])
                for child in children if allowed is None else [children[value] for value in allowed]:
                    if child not in seen:
                        seen.add(child)
                        todo.append(child)
        return False

    def _reached(self, a: int) -> list[int]:
        seen: set[int] = set()
        todo = [a]
        while todo:
            node = todo.pop()
            if node > TRUE and node not in seen:
                seen.add(node)
                todo.extend(self._children[node])
        return sorted(seen)


def _too_complex(limit: int) -> Fault:
    return Fault(
        Kind.INVALID,
        "policy_too_complex",
        f"The policy cannot be proven: its conditions take more than {limit:,} nodes.",
        remedy="Let rules read fewer signals each, and name fewer thresholds; what cannot be proven does not load.",
        field="policy",
    )


def _both_leaf(a: int, b: int) -> int | None:
    if a == FALSE or b == FALSE:
        return FALSE
    if a in (TRUE, b):
        return b
    return a if b == TRUE else None


def _either_leaf(a: int, b: int) -> int | None:
    if a == TRUE or b == TRUE:
        return TRUE
    if a in (FALSE, b):
        return b
    return a if b == FALSE else None


def _without_leaf(a: int, b: int) -> int | None:
    if a in (FALSE, b) or b == TRUE:
        return FALSE
    return a if b == FALSE else None

"""Searching what should not exist: a case of a premise that no rule catches.

The claim behind every invariant has one form: wherever the premise holds, one of the walls (the firing of a
rule that is strict enough) holds too. Joining all walls first can take a diagram of exponential size, so they
are added one at a time, and only those that the cheapest case so far runs into. What is left is always a
superset of the real cases, so the first case that no wall catches is a cheapest one of all, and nothing left
means proven (the refinement loop of Clarke et al., "Counterexample-Guided Abstraction Refinement", 2000).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rambarde.guard.policy.proof.diagram import FALSE, Assignment, Cube, Diagrams


def escape(diagrams: Diagrams, premise: int, walls: Sequence[int]) -> Assignment | None:
    """The cheapest case of the premise that is in none of the walls; None proves that there is none."""
    found, _ = _escape(diagrams, premise, walls)
    return found


def needed(diagrams: Diagrams, premise: int, walls: Sequence[int]) -> tuple[int, ...] | None:
    """Positions of the walls that were enough to catch every case, in the order they were met; None if not."""
    found, used = _escape(diagrams, premise, walls)
    return None if found else used


def _escape(
    diagrams: Diagrams, premise: int, walls: Sequence[int]
) -> tuple[Assignment | None, tuple[int, ...]]:
    used: list[int] = []
    while premise != FALSE:
        case = diagrams.cheapest(premise)
        hit = next((n for n, wall in enumerate(walls) if diagrams.true_at(wall, case)), None)
        if hit is None:
            return case, tuple(used)
        used.append(hit)
        premise = diagrams.without(premise, walls[hit])
    return None, tuple(used)


def regions(
    diagrams: Diagrams, premise: int, walls: Sequence[int], loose: Sequence[int] = ()
) -> Iterator[tuple[Assignment, Cube]]:
    """Cubes that together hold all cases of the premise in none of the walls, the cheapest case's cube first.

    Each comes with that case. A cube is as wide as it can be inside the premise and off the walls: no value can
    be added to one of its variables, so a few cubes tell it (prime implicants; Quine 1952). Of the `loose`
    walls only the case keeps off; a cube may run into them, and is told as "unless".
    """
    left = premise
    while (case := escape(diagrams, left, (*walls, *loose))) is not None:
        cube = _widened(diagrams, case, premise, walls)
        yield case, cube
        left = diagrams.without(left, diagrams.inside(cube))


def _widened(diagrams: Diagrams, case: Assignment, premise: int, walls: Sequence[int]) -> Cube:
    asked = set(diagrams.asks(premise)).union(*(diagrams.asks(wall) for wall in walls))
    cube = {variable: frozenset({case[variable]}) for variable in sorted(asked)}

    def fits(wider: Cube) -> bool:
        return diagrams.covers(premise, wider) and not any(diagrams.meets(wall, wider) for wall in walls)

    # Signals stand last: freeing them first gives the sentence that speaks of the fewest signals.
    for variable in sorted(asked, reverse=True):
        free = {key: values for key, values in cube.items() if key != variable}
        if fits(free):
            cube = free
            continue
        for value in range(len(diagrams.prices[variable])):
            wider = cube | {variable: cube[variable] | {value}}
            if value not in cube[variable] and fits(wider):
                cube = wider
    return cube

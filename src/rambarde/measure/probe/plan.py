"""A plan: what is tried within the budget, the same on every surface, and what is left out."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rambarde.measure.probe.attempt import Attempt
from rambarde.measure.probe.corpus import Wording
from rambarde.measure.probe.technique import PLAIN, TECHNIQUES, attempt, fits
from rambarde.nouns.fault import invalid


@dataclass(frozen=True, slots=True)
class Plan:
    """`attempts` in the order in which they are made. `requests`: most that they cost, over all surfaces.

    `left_out`: attempts of the corpus that the budget had no room for.
    """

    attempts: tuple[Attempt, ...]
    requests: int
    left_out: int


def plan(
    wordings: Sequence[Wording],
    *,
    surfaces: int,
    requests: int,
    seed: int = 0,
    techniques: Sequence[str] = TECHNIQUES,
) -> Plan:
    """Take as many attempts as `requests` allow. Every prefix is as even as can be: first each technique once, then

    each language, and so on; each attempt with its twin. Raises `Fault` `probe_budget_too_small` where not even
    one attempt and its twin fit.
    """
    taken: list[Attempt] = []
    cost = left = 0
    full = False
    for harm, twin in _pairs(wordings, techniques, seed):
        price = surfaces * (len(harm.asks) + len(twin.asks))
        full = full or cost + price > requests
        if full:
            left += 2
            continue
        taken += (harm, twin)
        cost += price
    if not taken:
        raise invalid(
            "probe_budget_too_small",
            f"{requests} requests are too few for {surfaces} surfaces.",
            remedy=f"Allow at least {2 * surfaces}; some hundred tell something.",
            field="limits.requests",
        )
    return Plan(tuple(taken), cost, left)


def _pairs(
    wordings: Sequence[Wording], techniques: Sequence[str], seed: int
) -> Iterator[tuple[Attempt, Attempt]]:
    """Rounds: in each, every technique takes another wording, and a plain one of the same wording stands before it.

    So what a technique changes is told by a pair.
    """
    order = _order(wordings, seed)
    done: set[tuple[str, str]] = set()
    for turn in range(len(order)):
        for place, technique in enumerate(techniques):
            # Not every technique fits every language: the next wording that it fits takes the place.
            for step in range(len(order)):
                wording = order[(turn * len(techniques) + place + step) % len(order)]
                if fits(technique, wording) and (wording.id, technique) not in done:
                    break
            else:
                continue
            for name in dict.fromkeys((PLAIN, technique)) if PLAIN in techniques else (technique,):
                if (wording.id, name) not in done:
                    done.add((wording.id, name))
                    yield attempt(wording, name, twin=False), attempt(wording, name, twin=True)


def _order(wordings: Sequence[Wording], seed: int) -> list[Wording]:
    """Shuffled by the seed, and every language once before one comes again."""
    shuffled = list(wordings)
    random.Random(seed).shuffle(shuffled)  # noqa: S311 - an order, and no secret
    seen: Counter[str] = Counter()
    turns = []
    for wording in shuffled:
        turns.append(seen[wording.lang])
        seen[wording.lang] += 1
    return [wording for _, wording in sorted(zip(turns, shuffled, strict=True), key=lambda pair: pair[0])]

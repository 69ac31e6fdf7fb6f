"""The scan on Ray: blocks of units go to actors on all nodes, and their lines come back in the frame's order.

The nodes read the pictures by the same paths, so the folder has to be mounted on each. A node that dies takes no result
along: its block is measured again elsewhere.
"""

from __future__ import annotations

import itertools
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Protocol

from rambarde.interfaces.audit.scanning import Line, Measurer
from rambarde.interfaces.scan import Scanner
from rambarde.interfaces.settings import Settings
from rambarde.nouns.fault import Fault, Kind, unsupported

BLOCK = 32
"""Units that an actor gets at a time."""
_WAITING = 2
"""Blocks on their way to each actor: one is measured, one waits."""
_RETRIES = 3


class Measures(Protocol):
    def lines(self, ids: Iterable[str]) -> Iterator[Line]: ...


Make = Callable[[], Measures]


def measurer(settings: Settings, root: str) -> Make:
    """What an actor makes for itself on its node."""

    def make() -> Measures:
        return Measurer(Scanner.open(settings), root)

    return make


def over_ray(
    make: Make, address: str | None = None, actors: int | None = None
) -> Callable[[Iterable[str]], Iterator[Line]]:
    """An engine on the Ray cluster at `address`; None: on this machine. `actors` None: one for each CPU of the cluster.

    Raises `Fault`: `ray_missing` (the extra is not installed), `ray_unreachable`; while it runs `ray_failed`.
    """
    ray = _ray()
    if not ray.is_initialized():
        try:
            ray.init(address=address, log_to_driver=False, include_dashboard=False, configure_logging=False)
        except (ConnectionError, RuntimeError, ValueError) as error:
            raise Fault(
                Kind.UPSTREAM,
                "ray_unreachable",
                f"There is no Ray cluster at {address or 'this machine'}: {type(error).__name__}.",
                remedy="Start one with `ray start --head`, and give --ray-address.",
                field="ray-address",
            ) from error
    count = actors or max(1, int(ray.cluster_resources().get("CPU", 1)))

    def engine(ids: Iterable[str]) -> Iterator[Line]:
        actor = ray.remote(_Actor).options(
            num_cpus=1, max_restarts=-1, max_task_retries=_RETRIES, scheduling_strategy="SPREAD"
        )
        crew = [actor.remote(make) for _ in range(count)]
        turns = itertools.cycle(crew)
        waiting: deque[Any] = deque()
        rest = iter(ids)
        try:
            while True:
                while len(waiting) < count * _WAITING and (block := list(itertools.islice(rest, BLOCK))):
                    waiting.append(next(turns).measure.remote(block))
                if not waiting:
                    return
                yield from ray.get(waiting.popleft())
        except ray.exceptions.RayError as error:
            raise Fault(
                Kind.INTERNAL,
                "ray_failed",
                f"The cluster gave up on a block: {type(error).__name__}.",
                remedy="Run the same command again: it goes on where it stopped.",
                field="engine",
            ) from error
        finally:
            for one in crew:
                ray.kill(one)

    return engine


class _Actor:
    """One measurer for each actor; the models are loaded once."""

    def __init__(self, make: Make) -> None:
        self._measurer = make()

    def measure(self, ids: list[str]) -> list[Line]:
        return list(self._measurer.lines(ids))


def _ray() -> Any:
    try:
        import ray
    except ImportError as error:
        raise unsupported(
            "ray_missing",
            "Ray is not installed.",
            remedy="pip install 'rambarde[ray]', or leave --engine out.",
            field="engine",
        ) from error
    return ray

"""Several generators as one: retries, budgets, and who is asked where one cannot answer. The policy is the same."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace

from rambarde.guard.upstreams.contract import Generated, Upstream
from rambarde.nouns.fault import Fault, Kind
from rambarde.nouns.request import Request

log = logging.getLogger(__name__)

HOUR = 3600.0
_UNSENT = frozenset({"upstream_busy", "upstream_unreachable"})
"""What says that nothing was generated: only then is the same generator asked once more."""
_FINAL = frozenset({"upstream_refused", "upstream_rejected"})
"""An answer: what one generator refuses under its own rules is not carried to the next."""


@dataclass(slots=True)
class Budget:
    """At most `images` in any hour, as this process has counted them; 0: as many as are asked for."""

    images: int = 0
    monotonic: Callable[[], float] = time.monotonic
    _spent: deque[tuple[float, int]] = field(default_factory=deque, init=False)

    def take(self, n: int) -> None:
        """Count `n` images. Raises `Fault` OVERLOADED where the hour's are used up, with the seconds to wait."""
        now = self.monotonic()
        while self._spent and self._spent[0][0] <= now - HOUR:
            self._spent.popleft()
        if self.images and sum(one for _, one in self._spent) + n > self.images:
            wait = self._spent[0][0] + HOUR - now if self._spent else None
            raise Fault(
                Kind.OVERLOADED,
                "upstream_budget",
                "The generator's images of this hour are used up.",
                remedy="Try again later; the operator may raise `upstream_budget`.",
                retry_after=wait,
            )
        self._spent.append((now, n))

    def give_back(self, n: int) -> None:
        """They were not generated after all."""
        for index in range(len(self._spent) - 1, -1, -1):
            if self._spent[index][1] == n:
                del self._spent[index]
                return


class Several:
    """Asks the first of `upstreams`, and the next where that cannot answer; each has its budget.

    A generator that is busy or cannot be reached is asked again, `retries` times, as long as its time allows. Each has
    its share of the deadline: what is left, by how many are left. All but the first choose the model themselves:
    the caller's is the first one's. The name is that of all: what made an image is one system, and is assessed as one.
    """

    def __init__(
        self,
        upstreams: Sequence[Upstream],
        *,
        retries: int = 0,
        budgets: Sequence[Budget] = (),
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._upstreams, self._retries, self._sleep = tuple(upstreams), retries, sleep
        self._budgets = tuple(budgets) or tuple(Budget() for _ in upstreams)
        names = [one.name.partition(":")[0] for one in upstreams]
        self.name = upstreams[0].name if len(names) == 1 else "+".join(names)

    @property
    def all(self) -> tuple[Upstream, ...]:
        return self._upstreams

    async def start(self) -> None:
        for upstream in self._upstreams:
            await upstream.start()

    async def close(self) -> None:
        for upstream in self._upstreams:
            await upstream.close()

    async def generate(self, request: Request, *, deadline: float) -> tuple[Generated, ...]:
        """Raises the last generator's `Fault`, or the first that is an answer; `upstream_budget`."""
        until = time.monotonic() + deadline
        last: Fault | None = None
        for place, (upstream, budget) in enumerate(zip(self._upstreams, self._budgets, strict=True)):
            left = until - time.monotonic()
            if left <= 0 and last is not None:
                break
            asked = request if place == 0 else replace(request, model=None)
            share = left / (len(self._upstreams) - place)
            try:
                made = await self._ask(upstream, budget, asked, share)
            except Fault as fault:
                if fault.code in _FINAL:
                    raise
                last = fault
                log.warning("generator %s could not answer: %s", upstream.name, fault.code)
                continue
            if place:
                log.warning("generator %s answered in place of %s", upstream.name, self._upstreams[0].name)
            return made
        assert last is not None
        raise last

    async def _ask(
        self, upstream: Upstream, budget: Budget, request: Request, share: float
    ) -> tuple[Generated, ...]:
        until = time.monotonic() + share
        for attempt in range(self._retries + 1):
            budget.take(request.n)
            try:
                return await upstream.generate(request, deadline=max(until - time.monotonic(), 0.0))
            except Fault as fault:
                if fault.code not in _UNSENT:
                    raise
                budget.give_back(request.n)
                wait = fault.retry_after if fault.retry_after is not None else 1.0
                if attempt == self._retries or time.monotonic() + wait >= until:
                    raise
            await self._sleep(wait)
        raise AssertionError("unreachable")

"""Earlier: what was refused just before, for a follow-up that names nothing itself ("a bit more", "do it anyway").

Kept are the text signals of the last refused request of a session and of a picture: numbers, no words, sealed. A
request that names something of its own is judged by itself; once such a one is admitted, the refused one is forgotten.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import timedelta

from rambarde.guard.inspect import Inspection
from rambarde.guard.life import Blind
from rambarde.guard.lineage import ORIGINAL_LIFE, Origin
from rambarde.guard.ports import Keeper
from rambarde.guard.text.continuing import continuing
from rambarde.nouns.custody import Shelf
from rambarde.nouns.decision import EARLIER, Decision, Evidence, Outcome
from rambarde.nouns.fault import Fault, Kind
from rambarde.nouns.request import Request
from rambarde.nouns.signal import Signal, SignalSpec, State, worst

LIFE: timedelta = ORIGINAL_LIFE
"""How long a refused request can be carried on: as long as the picture it was about can be compared with."""
CARRIED = "carried on from the request before"
"""The reason of a signal that a follow-up took over, for the record."""


@dataclass(slots=True)
class Earlier:
    """What stands before one request. `blind` makes the names it is kept under, which nobody else can guess.

    The same account, or without one the same credential, in the same session or with the same picture or one of its
    chain: nobody's refusal is felt by anybody else.
    """

    keeper: Keeper
    blind: Blind
    request: Request
    origin: Origin
    specs: tuple[SignalSpec, ...]
    """Of the signals that the words give."""
    _found: list[str] = field(default_factory=list)
    _carries: bool = False

    async def join(self, seen: Inspection) -> Inspection:
        """What was seen, and of a follow-up that names nothing the worse of it and of what it carries on.

        Only the words are carried on: the pictures are those of the request itself.
        """
        kept = [(name, await self.keeper.take(name, Shelf.EARLIER)) for name in self._names()]
        before = [_read(item.data) for _, item in kept if item is not None]
        self._found = [name for name, item in kept if item is not None]
        self._carries = bool(before) and await asyncio.to_thread(continuing, self.request.prompt)
        if not self._carries:
            return seen
        signals, evidence = dict(seen.signals), seen.evidence
        for spec in self.specs:
            name = spec.name
            if (
                own := signals.get(name)
            ) is None:  # the policy changed meanwhile; it is decided by what was seen
                continue
            signals[name] = worst([own, *(one[name] for one in before if name in one)], spec.polarity)
            if signals[name] is not own:
                evidence += (Evidence(name, self.request.prompt.clean, EARLIER),)
        return replace(seen, signals=signals, evidence=evidence)

    async def settle(self, seen: Inspection, decision: Decision) -> None:
        """Remember a refused request, a follow-up with all it carried on; forget it once another was admitted."""
        if decision.outcome is Outcome.ALLOW:
            for name in self._found if not self._carries else ():
                await self.keeper.destroy(name)
            return
        data = _written(seen.signals[spec.name] for spec in self.specs if spec.name in seen.signals)
        for name in self._names():
            await self.keeper.destroy(name)
            try:
                await self.keeper.keep(
                    Shelf.EARLIER,
                    data,
                    media_type="application/json",
                    life=LIFE,
                    record=self.request.id,
                    id=name,
                )
            except Fault as fault:
                if fault.kind is not Kind.CONFLICT:  # another one was refused at the same time: that will do
                    raise

    def _names(self) -> Iterable[str]:
        caller, context = self.request.caller, self.request.caller.context
        who = (
            f"account {context.account}" if context.account is not None else f"credential {caller.credential}"
        )
        what = [f"session {context.session}"] if context.session is not None else []
        what += [f"chain {chain}" for chain in self.origin.chains]
        what += [f"picture {picture.sha256}" for picture in self.request.images]
        return [self.blind(f"earlier\0{who}", one) for one in dict.fromkeys(what)]


def _written(signals: Iterable[Signal]) -> bytes:
    """A failed detector said nothing of the words: that is not carried on."""
    told = {one.name: [one.state.name, one.value] for one in signals if one.state is not State.FAILED}
    return json.dumps(told).encode()


def _read(data: bytes) -> dict[str, Signal]:
    return {
        name: Signal(name, State[state], value, CARRIED) for name, (state, value) in json.loads(data).items()
    }

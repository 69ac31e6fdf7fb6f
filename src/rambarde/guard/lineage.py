"""Lineage: which picture an edit chain started from, whatever the credential and however small the steps."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from rambarde.guard.media.pdq import GOOD_QUALITY, dihedral
from rambarde.guard.policy.catalogue import LINEAGE_SPECS
from rambarde.guard.ports import Clock, Keeper
from rambarde.guard.sight import Sight
from rambarde.nouns.custody import Shelf
from rambarde.nouns.lineage import Fingerprint, Trace
from rambarde.nouns.request import Action, Picture, Request
from rambarde.nouns.signal import Signal, Signals, State

ORIGINAL_LIFE = timedelta(hours=24)
"""How long an original is kept, encrypted, for comparison only."""
_SOMEBODY = ("input.person", "input.face")
_NAMED = ("names.person", "prompt.person_reference")
_NOBODY_NAMED = 0.3
"""Below this, words alone are taken to mean nobody real."""
_FICTION = "fictional"


class Register(Protocol):
    """Where fingerprints are remembered. `store.lineage.Lineage` implements it."""

    async def remember(
        self,
        fingerprint: Fingerprint,
        *,
        original: str,
        expires_at: datetime,
        session: str | None = None,
        account: str | None = None,
        scores: Mapping[str, object] | None = None,
    ) -> None: ...

    async def find(self, sha256: str, pdq: Iterable[str] = (), *, limit: int = 10) -> tuple[Trace, ...]: ...

    async def by_session(
        self, session: str, account: str | None = None, *, limit: int = 10
    ) -> tuple[Trace, ...]: ...


@dataclass(frozen=True, slots=True)
class Origin:
    """What the input pictures of a request go back to.

    `originals` are pictures that chains started from, `session` those that this session began with, `lost`
    the exposure scores of chains whose original has expired, `chains` the names of all chains recognised.
    `fictional`: every input is the very file of an own output, made from words alone and of nobody real.
    """

    originals: tuple[Picture, ...] = ()
    session: tuple[Picture, ...] = ()
    lost: tuple[tuple[float | None, ...], ...] = ()
    chains: tuple[str, ...] = ()
    fictional: bool = False

    @property
    def signal(self) -> Signal:
        """`lineage.photograph`, for the policy."""
        name = LINEAGE_SPECS[0].name
        return Signal.absent(name, "our own fiction") if self.fictional else Signal.measured(name, 1.0)


@dataclass(frozen=True, slots=True)
class Lineage:
    """Traces inputs back and remembers outputs. Originals are kept encrypted and briefly; scores outlive them."""

    register: Register
    keeper: Keeper
    clock: Clock
    sight: Sight = Sight()
    life: timedelta = ORIGINAL_LIFE
    """How long originals are kept."""

    async def trace(self, request: Request) -> Origin:
        """Recognise the inputs: the same file, or PDQ within 31 bits in any orientation, and the session."""
        if not request.images:
            return Origin()
        found = [await self._find(picture) for picture in request.images]
        fictional = all(any(_is_fiction(trace) and trace.exact for trace in traces) for traces in found)
        chains = {t.chain: t for traces in found for t in traces if not _is_fiction(t)}
        context = request.caller.context
        earlier: dict[str, Trace] = {}
        if context.session is not None:
            recent = await self.register.by_session(context.session, context.account)
            earlier = {t.chain: t for t in recent if t.chain not in chains and not _is_fiction(t)}
        sent = {picture.sha256 for picture in request.images}
        originals, lost = await self._originals(chains.values(), sent)
        session, _ = await self._originals(earlier.values(), sent)
        return Origin(originals, session, lost, tuple(chains), fictional)

    async def remember(
        self, request: Request, origin: Origin, outputs: Sequence[tuple[Picture, Fingerprint]], asked: Signals
    ) -> None:
        """Tie outputs that may leave to what they go back to, before they do.

        An edit of somebody starts or continues a chain; words alone that name nobody make a fiction.
        """
        if request.action is Action.GENERATE and not request.images:
            if all(_below(asked.get(name), _NOBODY_NAMED) for name in _NAMED):
                for _, fingerprint in outputs:
                    await self._tie(request, fingerprint, f"{_FICTION}:{request.id}", {_FICTION: True})
            return
        if origin.fictional:
            for _, fingerprint in outputs:
                await self._tie(request, fingerprint, f"{_FICTION}:{request.id}", {_FICTION: True})
            return
        if all((s := asked.get(name)) is not None and s.state is State.ABSENT for name in _SOMEBODY):
            return
        chains = list(origin.chains) or [await self._begin(request, picture) for picture in request.images]
        for picture, fingerprint in outputs:
            shares = await self.sight.exposures(picture)
            for chain in chains:
                await self._tie(request, fingerprint, chain, {"shares": list(shares)})

    async def _find(self, picture: Picture) -> tuple[Trace, ...]:
        turned = await asyncio.to_thread(dihedral, picture)
        hashes = [one.hex for one in turned] if turned[0].quality >= GOOD_QUALITY else []
        return await self.register.find(picture.sha256, hashes)

    async def _begin(self, request: Request, picture: Picture) -> str:
        """Keep an original and remember it as the first picture of its own chain."""
        chain = await self.keeper.keep(
            Shelf.ORIGINAL, picture.data, media_type=picture.media_type, life=self.life, record=request.id
        )
        found = (await asyncio.to_thread(dihedral, picture))[0]
        shares = await self.sight.exposures(picture)
        fingerprint = Fingerprint(picture.sha256, found.hex if found.quality >= GOOD_QUALITY else None)
        await self._tie(request, fingerprint, chain, {"shares": list(shares)})
        return chain

    async def _tie(
        self, request: Request, fingerprint: Fingerprint, chain: str, scores: Mapping[str, object]
    ) -> None:
        context = request.caller.context
        await self.register.remember(
            fingerprint,
            original=chain,
            expires_at=self.clock() + self.life,
            session=context.session,
            account=context.account,
            scores=scores,
        )

    async def _originals(
        self, traces: Iterable[Trace], sent: set[str]
    ) -> tuple[tuple[Picture, ...], tuple[tuple[float | None, ...], ...]]:
        """The originals that are still kept and were not sent again, and the scores of those that are gone."""
        pictures, lost = [], []
        for trace in traces:
            kept = await self.keeper.take(trace.original, Shelf.ORIGINAL) if trace.original else None
            if kept is None:
                lost.append(_shares(trace))
                continue
            if hashlib.sha256(kept.data).hexdigest() not in sent:
                pictures.append(await self.sight.decode(kept.data, field="original"))
        return tuple(pictures), tuple(lost)


def _is_fiction(trace: Trace) -> bool:
    return trace.chain.startswith(f"{_FICTION}:")


def _below(signal: Signal | None, limit: float) -> bool:
    if signal is None or signal.unknown:
        return False
    return signal.value is None or signal.value < limit


def _shares(trace: Trace) -> tuple[float | None, ...]:
    """Scores as they were remembered; what cannot be read is somebody who cannot be told."""
    found = (trace.scores or {}).get("shares")
    if not isinstance(found, list):
        return (None,)
    return tuple(float(s) if isinstance(s, int | float) else None for s in found) or (None,)

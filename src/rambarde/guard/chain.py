"""The chain: one path from request to release, for every surface, dialect and adapter. Start reading here.

    canonicalise → identify → inspect inputs → decide(admit) → generate
        → inspect outputs → decide(release) → seal → record → release

Every request becomes exactly one record, whatever happens to it; nothing is released that is not recorded.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from rambarde.guard.answer import Answer, Released, Withdrawn, Withheld
from rambarde.guard.arrival import Arrival, Repeated, Upload
from rambarde.guard.canonicalise import RequestLimits, canonicalise
from rambarde.guard.decide import changed, decide, offered, refusing
from rambarde.guard.detectors.contract import Change
from rambarde.guard.earlier import Earlier
from rambarde.guard.evidence import Archivist, Matter, Nobody
from rambarde.guard.inspect import Inspection, Inspector
from rambarde.guard.life import Blind, Life
from rambarde.guard.lineage import Lineage, Origin
from rambarde.guard.policy.evaluation import Evaluator
from rambarde.guard.policy.language import Requirement
from rambarde.guard.ports import Keeper, PolicyHolder, Recorder, Sealer
from rambarde.guard.prints import PrintKeeper, leaving
from rambarde.guard.room import Room
from rambarde.guard.seal import Sealed, seal
from rambarde.guard.upstreams.contract import Generated, Upstream
from rambarde.nouns.custody import Receipt, Shelf
from rambarde.nouns.decision import Decision, Outcome, Point
from rambarde.nouns.fault import Fault, Kind, place
from rambarde.nouns.lineage import Fingerprint
from rambarde.nouns.record import Ending, OutputNote, Record
from rambarde.nouns.request import Picture, Request
from rambarde.nouns.signal import Signals

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ChainLimits:
    """Bounds of the path: the upstream's deadline in seconds, and how long a held image waits for a human and a
    released URL lives."""

    request: RequestLimits = RequestLimits()
    generate: float = 120.0
    hold: timedelta = timedelta(days=7)
    file: timedelta = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class _Asked:
    """All that is known before generation: the request, where its pictures come from, what was seen in it.

    `required` are the detectors by which it was seen, `uploads` its pictures as they were sent.
    """

    request: Request
    origin: Origin
    inspection: Inspection
    decision: Decision
    required: tuple[Requirement, ...]
    earlier: Earlier
    uploads: tuple[Upload, ...]


@dataclass(slots=True)
class _Output:
    """One image on its way out."""

    picture: Picture
    inspection: Inspection
    decision: Decision
    sealed: Sealed
    item: str | None = None


@dataclass(slots=True)
class Chain:
    """All parts are given; none is global. `blind` hides a request's digest under the server's key."""

    policies: PolicyHolder
    inspector: Inspector
    upstream: Upstream
    recorder: Recorder
    keeper: Keeper
    lineage: Lineage
    prints: PrintKeeper
    blind: Blind
    sealer: Sealer
    limits: ChainLimits = ChainLimits()
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    ready: bool = False
    """Set once the models are loaded; nothing is generated before."""
    room: Room = field(default_factory=Room)
    archivist: Archivist = field(default_factory=Nobody)

    async def run(self, arrival: Arrival) -> Answer:
        """Take one request down the path. Returns its answer, recorded.

        Raises `Fault` (recorded too) for bad input, an upstream that misbehaves, overload or our own failure,
        and `Repeated` for a retry of a request that was answered before.
        """
        life = self._life(arrival)
        try:
            with life.place:
                return await self._path(arrival, life)
        except Repeated:
            raise
        except Withdrawn as withdrawn:  # it has its record, and the log says what became of it
            raise withdrawn.fault from None
        except Fault as fault:
            await self._end(life, Ending.FAULT, fault)
            raise
        except asyncio.CancelledError:
            await asyncio.shield(
                self._end(life, Ending.FAULT, _own("cancelled", "The request was cancelled."))
            )
            raise
        except Exception as error:
            # No message and no traceback: they may quote the content.
            log.error("request %s failed: %s at %s", arrival.id, type(error).__name__, place(error))
            failed = _own("internal", "Rambarde failed; nothing was released.")
            await self._end(life, Ending.FAULT, failed)
            raise failed from error

    async def check(self, arrival: Arrival, supposed: Signals | None = None) -> tuple[Record, Decision]:
        """Only judge: the path up to the admit decision. Nothing is generated, kept or logged.

        `supposed` are signals of a picture that is not attached ("as if an adult's photograph were");
        no way leads from here to an image, so supposing cannot release one.
        """
        life = self._life(arrival)
        with life.place:
            asked = await self._admit(arrival, life, supposed, live=False)
        return life.record(Ending.CHECKED), asked.decision

    async def _path(self, arrival: Arrival, life: Life) -> Answer:
        asked = await self._admit(arrival, life)
        await asked.earlier.settle(asked.inspection, asked.decision)
        if asked.decision.outcome is not Outcome.ALLOW:
            return await self._finish(life, asked, [], refusal=asked.decision)
        self.inspector.prepare(asked.request)
        with life.stage("generate"):
            images = await self._generate(asked.request, life)
        with life.stage("inspect_outputs"):
            pictures = [await self._decode(image, life) for image in images]
            seen = [await self._look(asked, picture, life) for picture in pictures]
        with life.stage("release"):
            # Whatever policy admitted the request: what leaves now leaves under the policy in force now.
            evaluator = self.policies.current()
            asked = self._asked_again(evaluator, asked, life)
            if asked.decision.outcome is not Outcome.ALLOW:
                return await self._finish(life, asked, [], refusal=asked.decision)
            decisions = [self._released(evaluator, asked, one, index) for index, one in enumerate(seen)]
        with life.stage("seal"):
            sealed = await seal(
                self.sealer, self.upstream.name, asked.request, asked.uploads, pictures, decisions
            )
        outputs = [_Output(*one) for one in zip(pictures, seen, decisions, sealed, strict=True)]
        answer = await self._finish(life, asked, outputs, refusal=refusing(decisions))
        if any(decision.outcome is Outcome.ALLOW for decision in decisions):
            await self._hold_back_if_changed(evaluator, asked, outputs, life)
        return answer

    async def _admit(
        self, arrival: Arrival, life: Life, supposed: Signals | None = None, *, live: bool = True
    ) -> _Asked:
        """Canonicalise, identify, inspect the inputs, decide whether to generate at all."""
        with life.stage("canonicalise"):
            draft = await arrival.read()
            sight, reserve = self.inspector.sight, life.place.reserve
            life.request = request = await canonicalise(
                arrival, draft, self.limits.request, reserve=reserve, pictured=supposed is None, sight=sight
            )
        with life.stage("identify"):
            life.caller = await arrival.identify(request.digest)
            life.request = request = replace(request, caller=life.caller)
            offered(self.policies.current().policy, request)
            origin = await self.lineage.trace(request)
            life.lineage = origin.chains[0] if origin.chains else None
            earlier = Earlier(self.keeper, self.blind, request, origin, self.inspector.text_specs)
        if not self.ready:
            raise Fault(
                Kind.OVERLOADED,
                "not_ready",
                "The models are still loading.",
                remedy="Try again.",
                retry_after=2,
            )
        required = self.inspector.required
        with life.stage("inspect_inputs"):
            seen = await self.inspector.request(request)
            seen.signals[origin.signal.name] = origin.signal
            seen.signals.update(supposed or {})
            seen = await earlier.join(seen)
        life.spent(seen.timings)
        life.detectors = self.inspector.versions
        with life.stage("admit"):
            decision = self._admitted(self.policies.current(), request, seen, life, live=live)
        return _Asked(request, origin, seen, decision, required, earlier, draft.images)

    def _asked_again(self, evaluator: Evaluator, asked: _Asked, life: Life) -> _Asked:
        """The admit decision under this policy, if it is another than the one that admitted the request.

        Raises `Fault` `policy_changed` where the policy asks other detectors than those that have seen it: another
        version's signals are no measurement for this one.
        """
        if evaluator.policy.digest == asked.decision.policy:
            return asked
        if not set(evaluator.policy.detectors) <= set(asked.required):
            raise changed()
        return replace(asked, decision=self._admitted(evaluator, asked.request, asked.inspection, life))

    def _admitted(
        self, evaluator: Evaluator, request: Request, seen: Inspection, life: Life, *, live: bool = True
    ) -> Decision:
        life.policy = evaluator.policy
        offered(evaluator.policy, request)
        life.admit = decide(self.policies, evaluator, Point.ADMIT, request, seen, live=live)
        return life.admit

    def _released(self, evaluator: Evaluator, asked: _Asked, seen: Inspection, index: int) -> Decision:
        return decide(self.policies, evaluator, Point.RELEASE, asked.request, seen, index)

    async def _hold_back_if_changed(
        self, evaluator: Evaluator, asked: _Asked, outputs: list[_Output], life: Life
    ) -> None:
        """The last look before the bytes leave: what a newer policy would not let go stays here.

        By then the record says that it was released; what is added to the log says that it was not.
        """
        fault = changed()
        try:
            now = self.policies.current()
            if now.policy.digest == evaluator.policy.digest:
                return
            held = self._asked_again(now, asked, life).decision.outcome is not Outcome.ALLOW or any(
                self._released(now, asked, output.inspection, index).outcome > output.decision.outcome
                for index, output in enumerate(outputs)
            )
            if not held:
                return
        except Fault as lapsed:
            fault = lapsed
        except Exception as error:
            log.error("request %s failed: %s at %s", asked.request.id, type(error).__name__, place(error))
            fault = _own("internal", "Rambarde failed; nothing was released.")
        # Also for a caller who has gone away meanwhile.
        await asyncio.shield(asyncio.ensure_future(self._withdraw(asked.request.id, outputs, fault.code)))
        raise Withdrawn(fault)

    async def _withdraw(self, id: str, outputs: list[_Output], why: str) -> None:
        for output in outputs:
            if output.item is not None:
                await self._destroy(output.item)
        try:
            await self.recorder.withdraw(id, why)
        except Exception:
            log.critical("a withdrawn release could not be added to the log", exc_info=True)

    async def _generate(self, request: Request, life: Life) -> tuple[Generated, ...]:
        self.policies.generates(self.upstream.name, request.model)
        life.upstream = self.upstream.name
        images = await self.upstream.generate(request, deadline=self.limits.generate)
        if len(images) != request.n:
            raise Fault(
                Kind.UPSTREAM,
                "upstream_wrong_count",
                f"The generator answered {len(images)} images instead of {request.n}.",
                remedy="Nothing was released; try again.",
            )
        return images

    async def _decode(self, image: Generated, life: Life) -> Picture:
        try:
            picture = await self.inspector.sight.output(image.data, self.limits.request.picture)
        except Fault as error:
            raise Fault(
                Kind.UPSTREAM,
                "upstream_not_an_image",
                f"The generator answered something that is no usable image ({error.code}).",
                remedy="Nothing was released; try again, and tell the generator's operator.",
            ) from error
        life.place.reserve(picture.width * picture.height)
        return picture

    async def _look(self, asked: _Asked, picture: Picture, life: Life) -> Inspection:
        """All that is known when one output is judged: what was asked, what is seen, what has changed."""
        origin = asked.origin
        change = Change(picture, asked.request.images, origin.originals, origin.session, origin.lost)
        changed, seen = await asyncio.gather(self.inspector.change(change), self.inspector.output(picture))
        life.spent(seen.timings | changed.timings)
        return Inspection(
            asked.inspection.signals | seen.signals | changed.signals, asked.inspection.evidence
        )

    async def _finish(
        self, life: Life, asked: _Asked, outputs: list[_Output], *, refusal: Decision | None
    ) -> Answer:
        """Keep what must be kept, record, and only then let go. What cannot be recorded is not released."""
        floor = refusal is not None and refusal.floor_hit
        try:
            with life.stage("keep"):
                await self.archivist.keep(Matter(asked.request, asked.decision, life.policy.keeping, outputs))
                await self._remember(asked, outputs if not floor else [])
                for output in outputs if not floor else []:
                    output.item = await self._keep(asked.request, output)
            life.outputs = [
                OutputNote(index, o.decision, o.sealed.sha256, o.sealed.pdq, o.item, o.sealed.note)
                for index, o in enumerate(outputs)
            ]
            ending = _ending(refusal, outputs)
            with life.stage("record"):
                receipt = await self.recorder.record(life.record(ending))
        except BaseException:
            for item in [output.item for output in outputs if output.item is not None]:
                await self._destroy(item)
            life.outputs = []
            raise
        images = tuple(_answered(index, output, withhold=floor) for index, output in enumerate(outputs))
        return Answer(asked.request.id, ending, images, refusal, self.clock(), receipt, life.timings)

    async def _destroy(self, item: str) -> None:
        try:
            await asyncio.shield(self.keeper.destroy(item))
        except Exception:
            log.critical("a kept image could not be destroyed; it expires", exc_info=True)

    async def _remember(self, asked: _Asked, outputs: list[_Output]) -> None:
        """Tie what may leave, now or after review, to what it goes back to, and keep its fingerprints."""
        out = [(i, o) for i, o in enumerate(outputs) if o.decision.outcome is not Outcome.BLOCK]
        if out:
            tied = [(o.picture, Fingerprint(o.sealed.bare, o.sealed.pdq)) for _, o in out]
            await self.lineage.remember(asked.request, asked.origin, tied, asked.inspection.signals)
            left = [leaving(i, o.picture, o.sealed, o.decision) for i, o in out]
            await self.prints.remember(asked.request, self.upstream.name, left)

    async def _keep(self, request: Request, output: _Output) -> str | None:
        """A held image waits for a human, with its prompt; a released one lives behind its URL; a blocked one goes."""
        sealed, decision = output.sealed, output.decision
        if decision.outcome is Outcome.REVIEW:
            prompt: dict[str, object] = {"prompt": request.prompt.raw, "negative_prompt": _raw(request)}
            return await self.keeper.keep(
                Shelf.HELD,
                sealed.data,
                media_type=sealed.media_type,
                life=self.limits.hold,
                record=request.id,
                meta=prompt,
            )
        if decision.outcome is Outcome.ALLOW and request.deliver_url:
            return await self.keeper.keep(
                Shelf.FILE,
                sealed.data,
                media_type=sealed.media_type,
                life=self.limits.file,
                record=request.id,
            )
        return None

    async def _end(self, life: Life, ending: Ending, fault: Fault) -> Receipt | None:
        """Record a request that ended in a fault. Nothing is released, so a failing record only adds a shout."""
        try:
            return await self.recorder.record(life.record(ending, fault))
        except Exception:
            log.critical("a refused request could not be recorded", exc_info=True)
            return None

    def _life(self, arrival: Arrival) -> Life:
        policy = self.policies.policy
        return Life(arrival, self.room.place(), policy=policy, clock=self.clock, blind=self.blind)


def _ending(refusal: Decision | None, outputs: list[_Output]) -> Ending:
    if refusal is not None:
        return Ending.HELD if refusal.outcome is Outcome.REVIEW else Ending.REFUSED
    return (
        Ending.RELEASED if all(o.decision.outcome is Outcome.ALLOW for o in outputs) else Ending.PARTLY_HELD
    )


def _answered(index: int, output: _Output, *, withhold: bool) -> Released | Withheld:
    if withhold or output.decision.outcome is not Outcome.ALLOW:
        return Withheld(index, output.decision, output.item)
    sealed = output.sealed
    return Released(index, output.decision, sealed.data, sealed.media_type, output.item)


def _own(code: str, message: str) -> Fault:
    return Fault(Kind.INTERNAL, code, message, remedy="Send the request again.")


def _raw(request: Request) -> str | None:
    return request.negative_prompt.raw if request.negative_prompt else None

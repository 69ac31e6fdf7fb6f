"""A life: what one request has been through so far, to become its record."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime

from rambarde.guard.arrival import Arrival
from rambarde.guard.policy.language import Policy
from rambarde.guard.room import Place
from rambarde.nouns.caller import Caller
from rambarde.nouns.decision import Decision
from rambarde.nouns.fault import Fault
from rambarde.nouns.record import Ending, FaultNote, InputNote, OutputNote, Record
from rambarde.nouns.request import Request

Blind = Callable[[str, str], str]
"""(record id, request digest) -> the digest under the server's key, as the record keeps it."""


class Life:
    """Collects stages, decisions and notes of one request. `record` may be asked at any point of the path."""

    def __init__(
        self,
        arrival: Arrival,
        place: Place,
        *,
        policy: Policy,
        clock: Callable[[], datetime],
        blind: Blind,
    ) -> None:
        self._arrival = arrival
        self._blind = blind
        self.place = place
        self.policy = policy
        self._clock = clock
        self.caller = Caller(arrival.credential.id, arrival.credential.surface)
        self.request: Request | None = None
        self.admit: Decision | None = None
        self.outputs: list[OutputNote] = []
        self.upstream: str | None = None
        self.lineage: str | None = None
        self.detectors: tuple[tuple[str, str], ...] = ()
        self._timings: dict[str, float] = {}

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Time a stage; the same name adds up."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self.took(name, (time.perf_counter() - start) * 1000)

    def took(self, name: str, milliseconds: float) -> None:
        self._timings[name] = self._timings.get(name, 0.0) + milliseconds

    def spent(self, milliseconds: Mapping[str, float]) -> None:
        """Add what the detectors took."""
        for name, value in milliseconds.items():
            self.took(name, value)

    @property
    def timings(self) -> tuple[tuple[str, float], ...]:
        return tuple(self._timings.items())

    def record(self, ending: Ending, fault: Fault | None = None) -> Record:
        """The record as of now. The request's digest goes in blinded, so that a short prompt cannot be
        guessed from the record, and whoever presents the content can open it.
        """
        arrival, request, context = self._arrival, self.request, self.caller.context
        return Record(
            id=arrival.id,
            received_at=arrival.received_at,
            finished_at=self._clock(),
            route=arrival.route,
            action=arrival.action.value,
            credential=arrival.credential.id,
            surface=arrival.credential.surface,
            mode=self.caller.mode,
            country=context.country,
            plan=context.plan,
            account=context.account,
            session=context.session,
            age_assured=context.age_assured,
            depicted=context.depicted_country,
            ending=ending,
            policy=self.policy.digest,
            floors=self.policy.floors_digest,
            detectors=self.detectors,
            request=self._blind(arrival.id, request.digest) if request else None,
            n=request.n if request else 0,
            size=request.size if request else None,
            upstream=self.upstream,
            inputs=tuple(InputNote(p.media_type, p.width, p.height) for p in request.images)
            if request
            else (),
            admit=self.admit,
            outputs=tuple(self.outputs),
            fault=FaultNote(fault.kind.value, fault.code, fault.field) if fault else None,
            lineage=self.lineage,
            timings=self.timings,
        )

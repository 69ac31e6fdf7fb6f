"""A judge: the deciding half of a chain, for callers that generate nothing and keep nothing."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import NoReturn

from rambarde.guard.chain import Chain
from rambarde.guard.lineage import Lineage
from rambarde.guard.ports import FixedPolicy
from rambarde.guard.prints import PrintKeeper
from rambarde.guard.upstreams.contract import Generated
from rambarde.interfaces import parts
from rambarde.interfaces.settings import Settings
from rambarde.nouns.custody import Kept, Receipt, Shelf
from rambarde.nouns.fault import Fault, Kind
from rambarde.nouns.fingerprint import Output, Prints
from rambarde.nouns.lineage import Fingerprint, Trace
from rambarde.nouns.provenance import Disclosure, Signed
from rambarde.nouns.record import Record
from rambarde.nouns.request import Request


class _Nothing:
    """An upstream, recorder and keeper that refuse: whoever only judges must never get here."""

    name = "none"

    async def start(self) -> None: ...

    async def close(self) -> None: ...

    async def generate(self, request: Request, *, deadline: float) -> tuple[Generated, ...]:
        self._refuse()

    async def record(self, record: Record) -> Receipt:
        self._refuse()

    async def withdraw(self, id: str, why: str) -> Receipt:
        self._refuse()

    async def sign(self, data: bytes, media_type: str, disclosure: Disclosure) -> Signed:
        self._refuse()

    async def keep(
        self,
        shelf: Shelf,
        data: bytes,
        *,
        media_type: str,
        life: timedelta,
        record: str | None = None,
        meta: dict[str, object] | None = None,
        id: str | None = None,
    ) -> str:
        self._refuse()

    async def take(self, id: str, shelf: Shelf) -> Kept | None:
        """Nothing was kept: no request stands before this one."""
        return None

    async def destroy(self, id: str) -> bool:
        self._refuse()

    async def add(self, outputs: Sequence[tuple[Output, Prints]]) -> None:
        self._refuse()

    async def remember(
        self,
        fingerprint: Fingerprint,
        *,
        original: str,
        expires_at: datetime,
        session: str | None = None,
        account: str | None = None,
        scores: Mapping[str, object] | None = None,
    ) -> None:
        self._refuse()

    async def find(self, sha256: str, pdq: Iterable[str] = (), *, limit: int = 10) -> tuple[Trace, ...]:
        """Who only judges has no memory: every picture is seen for the first time."""
        return ()

    async def by_session(
        self, session: str, account: str | None = None, *, limit: int = 10
    ) -> tuple[Trace, ...]:
        return ()

    def _refuse(self) -> NoReturn:
        raise Fault(Kind.INTERNAL, "only_judging", "This chain only judges.", remedy="Use a gateway.")


@dataclass(frozen=True, slots=True)
class Judge:
    """`chain` may be asked to `check`; its other half refuses."""

    chain: Chain

    @classmethod
    def open(cls, settings: Settings) -> Judge:
        """Load policy and models. Raises `Fault` for a policy that cannot be used."""
        evaluator, inspector, _ = parts.judging(settings)
        inspector.load()
        nothing = _Nothing()
        # Nothing is recorded, so the digest is hidden under no key that is kept.
        chain = Chain(
            FixedPolicy(evaluator, lambda: datetime.now(UTC)),
            inspector,
            nothing,
            nothing,
            nothing,
            Lineage(nothing, nothing, lambda: datetime.now(UTC)),
            PrintKeeper(nothing, lambda: datetime.now(UTC)),
            lambda _id, _digest: secrets.token_hex(32),
            nothing,
        )
        chain.ready = True
        return cls(chain)

    def close(self) -> None:
        self.chain.inspector.close()

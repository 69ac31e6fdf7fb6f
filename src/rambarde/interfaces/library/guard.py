"""The guard: one decision path for Python code, the same as the gateway's."""

from __future__ import annotations

import asyncio
import functools
import inspect
import secrets
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import NoReturn, Self, overload

from rambarde.guard.answer import Answer
from rambarde.guard.arrival import Arrival, Credential, Draft
from rambarde.guard.upstreams.callable import CallableUpstream, Made, MakeImages
from rambarde.guard.upstreams.contract import Upstream
from rambarde.interfaces.background import Background
from rambarde.interfaces.library.guarded import Guarded, GuardedAsync
from rambarde.interfaces.library.pictures import Given
from rambarde.interfaces.library.terms import CREDENTIAL, Terms, drafted
from rambarde.interfaces.settings import Settings, read_settings
from rambarde.interfaces.wiring import Gateway, wire
from rambarde.nouns.caller import STANDARD, Caller
from rambarde.nouns.decision import Decision
from rambarde.nouns.fault import Fault, Kind, invalid
from rambarde.nouns.request import Action

ROUTE = "library"
"""The route that records of guarded calls name."""


class Guard:
    """The chain, in this process. Open it once, use it from any thread or event loop, close it.

    It holds a data folder (database, keys, log) as a gateway does; several guards and gateways may share one.
    It is not picklable, and does not survive a fork: open one in each process.
    """

    def __init__(self, gateway: Gateway, terms: Terms) -> None:
        """Use `Guard.open`."""
        self._gateway = gateway
        self._terms = terms
        self._background = Background("rambarde-guard")
        self._started: asyncio.Task[None] | None = None
        self._background.run(self._begin)

    @classmethod
    def open(
        cls,
        settings: Settings | Path | str | None = None,
        *,
        data: str | Path | None = None,
        policy: str | Path | None = None,
        surface: str = "api",
        mode: str = STANDARD,
        demo: bool = False,
    ) -> Guard:
        """Open a guard. `settings` are settings or the path of a settings file; without, the defaults.

        `data` and `policy` replace what the settings say; `surface` and `mode` are those of all calls, the
        mode unless a call names another. Returns once the data folder is open; the models load meanwhile,
        and whoever comes first waits for them (about two seconds). With `demo`, throw-away signers sign the policy,
        for a first try; without, it must have been signed and adopted (docs/policy-signing.md).

        Pictures are looked at in this process, unless the setting `workers` names a number of processes for them.

        Raises `Fault` for settings, a policy, a data folder, a surface or a mode that cannot be used.
        """
        if isinstance(settings, Path | str):
            settings = read_settings(Path(settings), {})
        chosen = settings or Settings()
        if data is not None:
            chosen = replace(chosen, data=str(data))
        if policy is not None:
            chosen = replace(chosen, policy=str(policy))
        if chosen.workers < 0:
            chosen = replace(chosen, workers=0)
        gateway = wire(chosen, upstream=CallableUpstream(_nothing, name="none"), demo=demo)
        try:
            surfaces = gateway.chain.policies.policy.surfaces
            if surface not in surfaces:
                raise invalid(
                    "surface_unknown",
                    f"The policy names no surface {surface!r}.",
                    remedy=f"Use one of {', '.join(surfaces)}, or add it to the policy.",
                    field="surface",
                )
            _offered(gateway, mode)
            return cls(gateway, Terms(surface, mode))
        except BaseException:
            gateway.abandon()
            raise

    def check(
        self,
        prompt: str,
        *,
        images: Sequence[Given] = (),
        mask: Given | None = None,
        negative_prompt: str | None = None,
        mode: str | None = None,
        country: str | None = None,
        age_assured: bool | None = None,
        account: str | None = None,
        session: str | None = None,
        depicted_country: str | None = None,
    ) -> Decision:
        """What the admit decision would be; an edit when `images` are given. Nothing is recorded or kept.

        It says whether a generation would begin, and nothing of its images: those are decided at release.
        Compare `decision.outcome`; `bool(decision)` raises. Raises `Fault` for what cannot be judged.
        """
        draft = drafted(prompt, negative_prompt=negative_prompt, images=images, mask=mask)
        terms = self.terms(
            mode=mode,
            country=country,
            age_assured=age_assured,
            account=account,
            session=session,
            depicted_country=depicted_country,
        )
        return self._background.run(lambda: self._check(draft, terms))

    async def acheck(
        self,
        prompt: str,
        *,
        images: Sequence[Given] = (),
        mask: Given | None = None,
        negative_prompt: str | None = None,
        mode: str | None = None,
        country: str | None = None,
        age_assured: bool | None = None,
        account: str | None = None,
        session: str | None = None,
        depicted_country: str | None = None,
    ) -> Decision:
        """`check` without blocking the caller's event loop."""
        draft = await asyncio.to_thread(
            drafted, prompt, negative_prompt=negative_prompt, images=images, mask=mask
        )
        terms = self.terms(
            mode=mode,
            country=country,
            age_assured=age_assured,
            account=account,
            session=session,
            depicted_country=depicted_country,
        )
        return await self._background.wait(lambda: self._check(draft, terms))

    @overload
    def wrap(
        self,
        generate: Callable[..., Awaitable[Sequence[Made]]],
        *,
        name: str = "callable",
        concurrency: int = 1,
    ) -> GuardedAsync: ...

    @overload
    def wrap(
        self, generate: Callable[..., Sequence[Made]], *, name: str = "callable", concurrency: int = 1
    ) -> Guarded: ...

    def wrap(
        self, generate: MakeImages, *, name: str = "callable", concurrency: int = 1
    ) -> Guarded | GuardedAsync:
        """The function behind the whole chain: `generate(prompt, *, n, size, images)`, with `mask` if it takes one.

        It returns `n` images (bytes, Pillow images or arrays, as `CallableUpstream` says) and may be sync or
        async; the guarded one is of the same sort. `name` is the generator's in records; at most
        `concurrency` calls of a sync function run at once.
        """
        places = asyncio.Semaphore(concurrency)
        sort = GuardedAsync if _is_async(generate) else Guarded
        return sort(self, generate, self._terms, name, places)

    def close(self) -> None:
        """Cancel what runs, record its end, and let go of everything. Idempotent."""
        self._background.close(self._end)

    async def aclose(self) -> None:
        """`close` without blocking the caller's event loop."""
        await asyncio.to_thread(self.close)

    def __enter__(self) -> Self:
        """Wait for the models. Raises `Fault` `detectors_unfit` if one is not what the policy requires."""
        try:
            self._background.run(self._ready)
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    async def __aenter__(self) -> Self:
        try:
            await self._background.wait(self._ready)
        except BaseException:
            await self.aclose()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Guard holds threads, keys and a log: open one in each process")

    # For guarded functions and adapters.

    def terms(
        self,
        *,
        mode: str | None = None,
        country: str | None = None,
        age_assured: bool | None = None,
        account: str | None = None,
        session: str | None = None,
        plan: str | None = None,
        depicted_country: str | None = None,
    ) -> Terms:
        """On whose behalf a call is judged: this guard's terms with what is given.

        Raises `Fault` `caller_invalid`, or `mode_unknown`.
        """
        terms = self._terms.changed(
            mode=mode,
            country=country,
            age_assured=age_assured,
            account=account,
            session=session,
            plan=plan,
            depicted_country=depicted_country,
        )
        self.offers(terms.mode)
        return terms

    def now(self) -> datetime:
        """The time that records of this guard name."""
        return self._gateway.clock()

    async def walk(self, arrival: Arrival, upstream: Upstream) -> Answer:
        """An arrival that an adapter made, down the whole path, recorded. Raises `Fault`.

        `arrival` and `upstream` are used on the guard's own event loop.
        """
        return await self._background.wait(lambda: self._walk(arrival, upstream))

    def run(self, draft: Draft, terms: Terms, upstream: Upstream) -> Answer:
        """One request down the whole path, recorded. Raises `Fault`."""
        return self._background.run(lambda: self._run(draft, terms, upstream))

    async def arun(self, draft: Draft, terms: Terms, upstream: Upstream) -> Answer:
        return await self._background.wait(lambda: self._run(draft, terms, upstream))

    def offers(self, mode: str) -> None:
        """Raises `Fault` `mode_unknown` for a mode that the policy does not name."""
        _offered(self._gateway, mode)

    def appeal(self, decision: str) -> str:
        """Where a person asks for another look: the gateway's page if it has a public address, else in words."""
        if self._gateway.settings.public_url:
            return self._gateway.links.appeal(decision)
        return f"Ask the operator of this service for another look, and name the decision {decision}."

    async def _begin(self) -> None:
        await self._gateway.start()
        self._started = asyncio.create_task(self._load())

    async def _load(self) -> None:
        await self._gateway.loaded()
        if unfit := self._gateway.chain.inspector.unfit:
            raise Fault(
                Kind.INTERNAL,
                "detectors_unfit",
                f"Required detectors cannot answer: {', '.join(sorted(unfit))}.",
                remedy="Run `rambarde doctor`: it says which, why, and how to mend it.",
            )

    async def _ready(self) -> None:
        assert self._started is not None
        await asyncio.shield(self._started)

    async def _run(self, draft: Draft, terms: Terms, upstream: Upstream) -> Answer:
        return await self._walk(self._arrival(draft, terms), upstream)

    async def _walk(self, arrival: Arrival, upstream: Upstream) -> Answer:
        await self._ready()
        return await replace(self._gateway.chain, upstream=upstream).run(arrival)

    async def _check(self, draft: Draft, terms: Terms) -> Decision:
        await self._ready()
        _, decision = await self._gateway.chain.check(self._arrival(draft, terms))
        return decision

    def _arrival(self, draft: Draft, terms: Terms) -> Arrival:
        async def read() -> Draft:
            return draft

        async def identify(_: str) -> Caller:
            return terms.caller

        return Arrival(
            id="dec_" + secrets.token_hex(16),
            route=ROUTE,
            action=Action.EDIT if draft.images else Action.GENERATE,
            credential=Credential(CREDENTIAL, terms.surface, (terms.mode,)),
            received_at=self._gateway.clock(),
            read=read,
            identify=identify,
        )

    async def _end(self) -> None:
        if self._started is not None:
            self._started.cancel()
            await asyncio.gather(self._started, return_exceptions=True)
        await self._gateway.close()


def _offered(gateway: Gateway, mode: str) -> None:
    policy = gateway.chain.policies.policy
    if policy.mode(mode) is None:
        raise invalid(
            "mode_unknown",
            f"The policy offers no mode {mode!r}.",
            remedy=f"Use one of {', '.join(m.name for m in policy.modes)}.",
            field="mode",
        )


def _is_async(generate: MakeImages) -> bool:
    while isinstance(generate, functools.partial):
        generate = generate.func
    return inspect.iscoroutinefunction(generate) or inspect.iscoroutinefunction(type(generate).__call__)


def _nothing(prompt: str, *, n: int, size: str, images: list[bytes]) -> NoReturn:
    """The guard's own generator: it wraps others and makes nothing itself."""
    raise Fault(Kind.INTERNAL, "only_judging", "This chain only judges.", remedy="Wrap a function.")

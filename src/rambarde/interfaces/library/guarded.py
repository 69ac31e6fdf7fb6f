"""A guarded function: the same call as the function's own, through the whole chain."""

from __future__ import annotations

import asyncio
import functools
import inspect
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any, Self

from rambarde.guard.answer import Answer, Released, Withheld
from rambarde.guard.upstreams.callable import CallableUpstream, Made, MakeImages
from rambarde.interfaces.library.pictures import Given, kinds, like
from rambarde.interfaces.library.terms import Terms, drafted
from rambarde.interfaces.library.withholding import Held, PartlyHeld, Refused
from rambarde.nouns.decision import Outcome
from rambarde.nouns.fault import Fault, Kind

if TYPE_CHECKING:
    from rambarde.interfaces.library.guard import Guard


class _Around:
    """What sync and async guarded functions share. `places` bounds the calls of the function at once."""

    def __init__(
        self, guard: Guard, fn: MakeImages, terms: Terms, name: str, places: asyncio.Semaphore
    ) -> None:
        self._guard, self._fn, self._terms, self._name, self._places = guard, fn, terms, name, places
        self.__name__ = str(getattr(fn, "__name__", name))
        self.__doc__ = getattr(fn, "__doc__", None)

    def for_caller(
        self,
        *,
        mode: str | None = None,
        country: str | None = None,
        age_assured: bool | None = None,
        account: str | None = None,
        session: str | None = None,
        plan: str | None = None,
        depicted_country: str | None = None,
    ) -> Self:
        """The same function on behalf of somebody: what only your backend knows of this caller.

        `account` and `session` are your pseudonyms; a session ties its edits into one lineage.
        `depicted_country` is that of the real person in the pictures, where you know it. What is not given stays
        as it was. Raises `Fault` `caller_invalid`, or `mode_unknown`.
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
        self._guard.offers(terms.mode)
        return type(self)(self._guard, self._fn, terms, self._name, self._places)

    def _upstream(self, fn: MakeImages) -> CallableUpstream:
        return CallableUpstream(fn, name=self._name, places=self._places)

    def _negative(self, prompt: str | None) -> dict[str, str | None]:
        """The negative prompt, for a function that takes one. Raises `Fault` where one is given to another."""
        if _takes(self._fn, "negative_prompt"):
            return {"negative_prompt": prompt}
        if prompt is not None:
            raise Fault(
                Kind.UPSTREAM,
                "upstream_refused",
                "This generator does not take a negative prompt.",
                remedy="Leave it out.",
                field="negative_prompt",
            )
        return {}

    def _answered(self, answer: Answer, made: Sequence[type]) -> list[Made]:
        """The released images, or what was decided instead."""
        withheld = tuple(image for image in answer.images if isinstance(image, Withheld))
        appeal = self._guard.appeal(answer.id)
        if answer.refusal is not None:
            raised = Held if answer.refusal.outcome is Outcome.REVIEW else Refused
            raise raised(answer.id, answer.refusal, appeal, withheld)
        released = {
            image.index: like(made[image.index], image.data)
            for image in answer.images
            if isinstance(image, Released)
        }
        if withheld:
            strictest = max(withheld, key=lambda image: image.decision.outcome).decision
            raise PartlyHeld(answer.id, strictest, appeal, withheld, released)
        return [released[index] for index in sorted(released)]


class Guarded(_Around):
    """A guarded sync function. Blocks its caller, from any thread, as the function itself would."""

    def __call__(
        self,
        prompt: str,
        *,
        n: int = 1,
        size: str = "auto",
        images: Sequence[Given] = (),
        mask: Given | None = None,
        negative_prompt: str | None = None,
    ) -> list[Made]:
        """`n` released images, of the kinds that the function made.

        An edit when `images` are given. Raises `Refused`, `Held`, `PartlyHeld`, or `Fault`; then nothing
        (of `PartlyHeld`, nothing but its `released`) may be used.
        """
        draft = drafted(prompt, n=n, size=size, images=images, mask=mask, negative_prompt=negative_prompt)
        made: list[type] = []

        @functools.wraps(self._fn, updated=())
        def noting(*args: Any, **more: Any) -> Any:
            answer = self._fn(*args, **more, **self._negative(negative_prompt))
            if inspect.isawaitable(answer):  # a lambda around an async function
                return _noted(answer, made)
            made[:] = kinds(answer)
            return answer

        answer = self._guard.run(draft, self._terms, self._upstream(noting))
        return self._answered(answer, made)


class GuardedAsync(_Around):
    """A guarded async function. The function runs on the event loop that awaits it, the chain on its own."""

    async def __call__(
        self,
        prompt: str,
        *,
        n: int = 1,
        size: str = "auto",
        images: Sequence[Given] = (),
        mask: Given | None = None,
        negative_prompt: str | None = None,
    ) -> list[Made]:
        """As `Guarded`. Cancelling it cancels the function, and the record says so."""
        draft = await asyncio.to_thread(
            drafted, prompt, n=n, size=size, images=images, mask=mask, negative_prompt=negative_prompt
        )
        loop, made = asyncio.get_running_loop(), list[type]()
        fn: Callable[..., Awaitable[Any]] = self._fn  # type: ignore[assignment]

        async def call(args: tuple[Any, ...], more: dict[str, Any]) -> Any:
            answer = await fn(*args, **more, **self._negative(negative_prompt))
            made[:] = kinds(answer)
            return answer

        @functools.wraps(self._fn, updated=())
        async def noting(*args: Any, **more: Any) -> Any:
            return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(call(args, more), loop))

        answer = await self._guard.arun(draft, self._terms, self._upstream(noting))
        return await asyncio.to_thread(self._answered, answer, made)


async def _noted(answer: Awaitable[Any], made: list[type]) -> Any:
    images = await answer
    made[:] = kinds(images)
    return images


def _takes(fn: MakeImages, parameter: str) -> bool:
    try:
        return parameter in inspect.signature(fn).parameters
    except (TypeError, ValueError):
        return False

"""A LiteLLM guardrail: image requests of a LiteLLM proxy through Rambarde's chain, before and after generating.

The chain begins in the proxy's `pre_call` hook and waits there, with LiteLLM in the generator's place, for its
`post_call` hook: one request, one path, one record.
"""

from __future__ import annotations

import asyncio
import binascii
import concurrent.futures
import hashlib
import secrets
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any

from fastapi import HTTPException
from litellm.integrations.custom_guardrail import CustomGuardrail
from litellm.types.utils import ImageObject, ImageResponse
from rambarde_litellm_request import drafted

from rambarde import Guard
from rambarde.guard.answer import Answer, Released, Withheld
from rambarde.guard.arrival import Arrival, Credential, Draft
from rambarde.guard.upstreams.contract import Generated
from rambarde.guard.upstreams.fetch import SafeFetcher
from rambarde.guard.upstreams.openai_answer import decode_base64, upstream
from rambarde.interfaces.http.errors import STATUS, explained
from rambarde.nouns.caller import Caller
from rambarde.nouns.decision import Decision, Outcome
from rambarde.nouns.fault import Fault, Kind, unsupported
from rambarde.nouns.request import Action, Request

CREDENTIAL = "litellm"
"""What stands in a record where a gateway's has the credential's id."""
IMAGES = {
    "image_generation": Action.GENERATE,
    "aimage_generation": Action.GENERATE,
    "image_edit": Action.EDIT,
    "aimage_edit": Action.EDIT,
}
"""LiteLLM's calls that make pictures, and go through the chain."""
WORDS = frozenset(
    (
        *("acompletion", "completion", "atext_completion", "text_completion", "anthropic_messages"),
        *("aresponses", "responses", "aembedding", "embedding", "embeddings", "arerank", "rerank"),
        *("amoderation", "moderation", "atranscription", "transcription", "audio_transcription"),
    )
)
"""Calls that answer words; they go by unless they ask for a picture. Every other call is refused."""
FETCH = 60.0
"""Seconds for all pictures that a provider answers as addresses."""


class Stopped(HTTPException):
    """A refusal or a fault as LiteLLM answers one: OpenAI's error object, with our details in `detail`."""

    def __init__(self, status: int, message: str, param: str | None, details: Mapping[str, object]) -> None:
        super().__init__(status, {"error": message, "rambarde": dict(details)})
        self.message, self.param = message, param
        self.type = "invalid_request_error" if status < 500 else "server_error"

    def __str__(self) -> str:
        return self.message


@dataclass(eq=False)
class _Waiting:
    """LiteLLM in the generator's place: says when it may begin, and is told what came of it."""

    name: str
    asked: concurrent.futures.Future[None]
    made: concurrent.futures.Future[tuple[Generated, ...]]

    async def start(self) -> None: ...

    async def close(self) -> None: ...

    async def generate(self, request: Request, *, deadline: float) -> tuple[Generated, ...]:
        self.asked.set_result(None)
        try:
            async with asyncio.timeout(deadline):
                return await asyncio.shield(asyncio.wrap_future(self.made))
        except TimeoutError:
            raise Fault(
                Kind.TIMEOUT,
                "upstream_timeout",
                "The generator did not answer in time.",
                remedy="Send the request again later.",
            ) from None


@dataclass(frozen=True)
class _Begun:
    id: str
    waiting: _Waiting
    chain: asyncio.Task[Answer]


class RambardeGuardrail(CustomGuardrail):  # type: ignore[misc]
    """Name it in LiteLLM's `config.yaml` with `mode: [pre_call, post_call]` and `default_on: true`.

    `rambarde_data`, `rambarde_settings` and `rambarde_demo` are those of `Guard.open`; `guard` is one that
    is open already. Override `caller` to say more of who asks than the key's hash.
    """

    def __init__(
        self,
        guard: Guard | None = None,
        rambarde_data: str | None = None,
        rambarde_settings: str | None = None,
        rambarde_demo: bool = False,
        fetcher: SafeFetcher | None = None,
        **options: Any,
    ) -> None:
        """Raises `Fault` for what `Guard.open` cannot use, `ValueError` where a hook is missing or optional."""
        modes = options.get("event_hook")
        given = {
            str(getattr(mode, "value", mode)) for mode in (modes if isinstance(modes, list) else [modes])
        }
        if not {"pre_call", "post_call"} <= given or not options.get("default_on"):
            raise ValueError("set `mode: [pre_call, post_call]` and `default_on: true`: half a guard is none")
        super().__init__(**options)
        self._guard = guard or Guard.open(rambarde_settings, data=rambarde_data, demo=rambarde_demo)
        self._fetcher = fetcher or SafeFetcher()
        self._begun: dict[str, _Begun] = {}

    def caller(self, key: Any, data: Mapping[str, Any]) -> Mapping[str, Any]:
        """What is known of who asks: the arguments of `Guard.terms`. Take nothing from the request itself."""
        token = getattr(key, "token", None) or getattr(key, "api_key", None)
        if not token:
            return {}
        return {"account": hashlib.sha256(f"litellm {token}".encode()).hexdigest()[:32]}

    async def async_pre_call_hook(
        self, user_api_key_dict: Any, cache: Any, data: dict[str, Any], call_type: str
    ) -> dict[str, Any]:
        """Begin the chain; returns when it has come to generating. Raises `Stopped`."""
        call = str(getattr(call_type, "value", call_type))
        if call not in IMAGES:
            if call not in WORDS or _wants_a_picture(data):
                raise _stopped(
                    unsupported(
                        "unknown_route",
                        "Pictures and other media are made through images/generations and images/edits only.",
                        remedy="What is not understood is not guarded: use those routes.",
                    )
                )
            return data
        if not data.get("litellm_call_id") or _call(data) in self._begun:
            # A client may name its call. Two of one name would be judged as one another's answer.
            raise _stopped(
                Fault(
                    Kind.CONFLICT,
                    "first_request_unfinished",
                    "A call of this name has not been answered.",
                    remedy="Name each call by itself, or leave out x-litellm-call-id.",
                    field="x-litellm-call-id",
                )
            )
        arrival = self._arrival(IMAGES[call], user_api_key_dict, data)
        waiting = _Waiting("litellm", concurrent.futures.Future(), concurrent.futures.Future())
        chain = asyncio.create_task(self._guard.walk(arrival, waiting))
        either: set[asyncio.Future[Any]] = {chain, asyncio.wrap_future(waiting.asked)}
        try:
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            chain.cancel()
            raise
        begun = _Begun(arrival.id, waiting, chain)
        if chain.done():
            self._left(begun, await _ended(begun))
        self._begun[_call(data)] = begun
        chain.add_done_callback(lambda _: self._forget(data, begun))
        return data

    async def async_post_call_success_hook(
        self, data: dict[str, Any], user_api_key_dict: Any, response: Any
    ) -> Any:
        """Hand over what was made; returns what may leave. Raises `Stopped`."""
        begun = self._begun.pop(_call(data), None)
        if begun is None:
            if isinstance(response, ImageResponse) or _has_a_picture(response):
                raise _stopped(upstream("upstream_bad_answer", "answered a picture that nobody asked for"))
            return response
        try:
            made = await self._made(response)
        except Fault as fault:
            _settle(begun.waiting.made, fault)
        else:
            _settle(begun.waiting.made, made)
        answer = await _ended(begun)
        images = self._left(begun, answer)
        kept = response.model_copy()
        kept._hidden_params = getattr(response, "_hidden_params", {})
        kept.data = images
        return kept

    async def async_post_call_streaming_iterator_hook(
        self, user_api_key_dict: Any, response: Any, request_data: dict[str, Any]
    ) -> AsyncIterator[Any]:
        """A stream of words; one with a picture in it ends there. Raises `Stopped`."""
        async for chunk in response:
            if _has_a_picture(chunk):
                raise _stopped(upstream("upstream_bad_answer", "answered a picture that nobody asked for"))
            yield chunk

    async def async_post_call_failure_hook(
        self,
        request_data: dict[str, Any],
        original_exception: Exception,
        user_api_key_dict: Any,
        traceback_str: str | None = None,
    ) -> None:
        """LiteLLM came back without a picture: the record says so."""
        begun = self._begun.pop(_call(request_data), None)
        if begun is not None:
            _settle(
                begun.waiting.made,
                upstream("upstream_failed", f"failed ({type(original_exception).__name__})"),
            )
            await asyncio.wait({begun.chain})

    def _arrival(self, action: Action, key: Any, data: Mapping[str, Any]) -> Arrival:
        try:
            found: Draft | Fault = drafted(action, data)
        except Fault as fault:
            found = fault
        terms = self._guard.terms(**self.caller(key, data))

        async def read() -> Draft:
            if isinstance(found, Fault):
                raise found
            return found

        async def identify(_: str) -> Caller:
            caller = terms.caller
            return Caller(CREDENTIAL, caller.surface, caller.mode, caller.context)

        return Arrival(
            id="dec_" + secrets.token_hex(16),
            route=f"litellm:{action.value}",
            action=action,
            credential=Credential(CREDENTIAL, terms.surface, (terms.mode,)),
            received_at=self._guard.now(),
            read=read,
            identify=identify,
        )

    async def _made(self, response: Any) -> tuple[Generated, ...]:
        """The pictures of an answer; what a provider answers as an address is fetched, from public hosts only."""
        if not isinstance(response, ImageResponse):
            raise upstream("upstream_bad_answer", f"answered {type(response).__name__} in place of pictures")
        made, until = [], time.monotonic() + FETCH
        for item in response.data or ():
            if item.b64_json:
                made.append(Generated(*decode_base64(item.b64_json)))
            elif item.url:
                made.append(Generated(await self._fetcher.fetch(item.url, deadline=until - time.monotonic())))
            else:
                raise upstream("upstream_bad_answer", "answered an item without an image")
        return tuple(made)

    def _left(self, begun: _Begun, answer: Answer) -> list[ImageObject]:
        """The released pictures; of a batch, what is withheld says why. Raises `Stopped`."""
        if answer.refusal is not None:
            details = self._details(answer, answer.refusal)
            if items := [one.item for one in answer.images if isinstance(one, Withheld) and one.item]:
                details["items"] = items
            held = answer.refusal.outcome is Outcome.REVIEW
            details["code"] = "held_for_review" if held else "content_policy_violation"
            raise _refused(details)
        images = []
        for image in answer.images:
            if isinstance(image, Released):
                images.append(ImageObject(b64_json=binascii.b2a_base64(image.data, newline=False).decode()))
            else:
                images.append(
                    ImageObject(provider_specific_fields={"rambarde": self._details(answer, image.decision)})
                )
        return images

    def _details(self, answer: Answer, decision: Decision) -> dict[str, Any]:
        return {
            "decision_id": answer.id,
            **explained(decision),
            "appeal_url": self._guard.appeal(answer.id),
        }

    def _forget(self, data: Mapping[str, Any], begun: _Begun) -> None:
        """A request that ended early (its client has gone, its time is over) is not waited for."""
        if self._begun.get(_call(data)) is begun:
            del self._begun[_call(data)]


def _wants_a_picture(data: Mapping[str, Any]) -> bool:
    tools = [tool for tool in data.get("tools") or () if isinstance(tool, Mapping)]
    return "image" in (data.get("modalities") or ()) or any(
        "image" in str(tool.get("type", "")) for tool in tools
    )


def _has_a_picture(response: Any) -> bool:
    """Whether a model that answers words answered a picture beside them."""
    for choice in getattr(response, "choices", None) or ():
        if any(getattr(getattr(choice, part, None), "images", None) for part in ("message", "delta")):
            return True
    return any("image" in str(getattr(item, "type", "")) for item in getattr(response, "output", None) or ())


def _call(data: Mapping[str, Any]) -> str:
    return str(data.get("litellm_call_id"))


def _settle(future: concurrent.futures.Future[tuple[Generated, ...]], made: Any) -> None:
    if future.done():
        return
    if isinstance(made, Fault):
        future.set_exception(made)
    else:
        future.set_result(made)


async def _ended(begun: _Begun) -> Answer:
    try:
        return await begun.chain
    except Fault as fault:
        raise _stopped(fault, begun.id) from None


def _refused(details: Mapping[str, Any]) -> Stopped:
    fields = details["fields"]
    message = (
        f"{details['explanation']} ({details['code']}: {', '.join(details['rules'])}; {details['decision_id']}; "
        f"{details['appeal_url']})"
    )
    return Stopped(400, message, fields[0] if fields else None, details)


def _stopped(fault: Fault, id: str | None = None) -> Stopped:
    details = {"code": fault.code, "kind": fault.kind.value, "remedy": fault.remedy}
    named = f"{fault.code}; {id}" if id else fault.code
    return Stopped(
        STATUS[fault.kind],
        f"{fault.message} {fault.remedy} ({named})",
        fault.field,
        details | ({"decision_id": id} if id else {}),
    )

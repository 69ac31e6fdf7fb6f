"""OpenAI's `POST /v1/moderations`: what is measured of texts and pictures. Nothing is generated, kept or recorded."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal

from fastapi import FastAPI
from pydantic import Field, StringConstraints
from starlette.requests import Request
from starlette.responses import Response

from rambarde.guard.arrival import Arrival, Credential, Draft, Upload
from rambarde.guard.canonicalise import RequestLimits
from rambarde.guard.media.dataurl import decode_base64
from rambarde.guard.room import Place
from rambarde.interfaces.http import body
from rambarde.interfaces.http.dialects.categories import Score, scores, unknown
from rambarde.interfaces.http.dialects.contract import JSON, Route
from rambarde.interfaces.http.dialects.parameters import Strict, parsed
from rambarde.interfaces.http.errors import explained, json_response
from rambarde.interfaces.http.images import caller
from rambarde.nouns.caller import Caller
from rambarde.nouns.decision import Decision
from rambarde.nouns.fault import Fault, Kind, invalid
from rambarde.nouns.request import Action
from rambarde.nouns.signal import Signal
from rambarde.store.credentials import Credential as Known

if TYPE_CHECKING:
    from rambarde.interfaces.wiring import Gateway

PATH = "/v1/moderations"
MOST = 32
"""Inputs of one request; each counts as one of the credential's requests."""


class _Text(Strict):
    type: Literal["text"]
    text: str


class _Url(Strict):
    url: str


class _Image(Strict):
    type: Literal["image_url"]
    image_url: _Url


_Part = Annotated[_Text | _Image, Field(discriminator="type")]


class Moderation(Strict):
    """`POST /v1/moderations`: a text, several texts, or parts that are judged together."""

    input: str | list[str] | list[_Part]
    model: Annotated[str, StringConstraints(max_length=200)] | None = None


@dataclass(frozen=True, slots=True)
class _Subject:
    """What is judged together: words, pictures, or both."""

    text: str | None
    images: tuple[Upload, ...] = ()


class Moderations:
    """The dialect: one route, which only judges."""

    name = "moderations"
    routes: tuple[Route, ...] = ()

    def add(self, app: FastAPI, gateway: Gateway) -> None:
        async def moderations(request: Request) -> Response:
            """Measure texts and pictures: OpenAI's categories where measured, and ours."""
            credential = await caller(gateway, request)
            gateway.door.knock(credential)
            if body.media_type(request) != JSON:
                raise invalid(
                    "content_type_unsupported",
                    "The body is of another content type.",
                    remedy=f"Send `Content-Type: {JSON}`.",
                    field="content-type",
                )
            asked = parsed(Moderation, await body.read(body.bounded(request)))
            subjects = _subjects(asked, gateway.chain.limits.request)
            for _ in subjects[1:]:
                gateway.door.knock(credential)
            judge = _Judge(gateway, credential)
            results = [await judge.result(subject) for subject in subjects]
            return json_response(
                {"id": f"modr-{secrets.token_hex(16)}", "model": "rambarde", "results": results}
            )

        content = {JSON: {"schema": Moderation.model_json_schema()}}
        app.add_api_route(
            PATH,
            moderations,
            methods=["POST"],
            openapi_extra={"requestBody": {"required": True, "content": content}},
        )


@dataclass(frozen=True, slots=True)
class _Judge:
    gateway: Gateway
    credential: Known

    async def result(self, subject: _Subject) -> dict[str, object]:
        if not self.gateway.chain.ready:
            raise Fault(
                Kind.OVERLOADED,
                "not_ready",
                "The models are still loading.",
                remedy="Try again.",
                retry_after=2,
            )
        decision: Decision | None = None
        if subject.text is None:
            with self.gateway.chain.room.place() as place:
                signals = await self._looked(subject.images, place)
        else:
            decision = await self._decided(subject.text, subject.images)
            signals = decision.signals
        found = scores(signals, text=subject.text is not None, image=bool(subject.images))
        return _result(found, signals, decision)

    async def _decided(self, text: str, images: tuple[Upload, ...]) -> Decision:
        """What the gateway would decide before it generated: for a caller of whom nothing is known."""
        known = self.credential

        async def read() -> Draft:
            return Draft(text, images=images)

        async def identify(_: str) -> Caller:
            return Caller(known.id, known.surface)

        arrival = Arrival(
            id="dec_" + secrets.token_hex(16),
            route=PATH,
            action=Action.EDIT if images else Action.GENERATE,
            credential=Credential(known.id, known.surface, known.modes),
            received_at=self.gateway.clock(),
            read=read,
            identify=identify,
        )
        _, decision = await self.gateway.chain.check(arrival)
        return decision

    async def _looked(self, images: tuple[Upload, ...], place: Place) -> tuple[Signal, ...]:
        """What is seen in pictures without words: of each signal the worst over all of them."""
        inspector, limits = self.gateway.chain.inspector, self.gateway.chain.limits.request.picture
        seen: dict[str, Signal] = {}
        for image in images:
            picture = await inspector.sight.decode(
                image.data, limits=limits, field="input", declared=image.declared, bare=True
            )
            place.reserve(picture.width * picture.height)
            for name, signal in (await inspector.output(picture)).signals.items():
                seen[name] = _worse(seen[name], signal) if name in seen else signal
        return tuple(seen.values())


def _worse(one: Signal, other: Signal) -> Signal:
    return max(one, other, key=lambda signal: (signal.state, signal.value or 0.0))


def _subjects(asked: Moderation, limits: RequestLimits) -> tuple[_Subject, ...]:
    """Each text by itself; parts together. Raises `Fault` for too many, or for a picture that cannot be read."""
    given = [asked.input] if isinstance(asked.input, str) else asked.input
    if not 1 <= len(given) <= MOST:
        raise invalid(
            "input_count", f"{len(given)} inputs.", remedy=f"Send 1 to {MOST} at once.", field="input"
        )
    if isinstance(given[0], str):
        return tuple(_Subject(str(text)) for text in given)
    texts = [part.text for part in given if isinstance(part, _Text)]
    urls = [part.image_url.url for part in given if isinstance(part, _Image)]
    if len(urls) > limits.pictures:
        raise invalid(
            "too_many_images",
            f"{len(urls)} pictures.",
            remedy=f"Send at most {limits.pictures}.",
            field="input",
        )
    images = []
    for url in urls:
        inline = decode_base64(url, limits=limits.picture, field="input")
        images.append(Upload(inline.data, "input", inline.declared))
    return (_Subject("\n".join(texts) if texts else None, tuple(images)),)


def _result(
    found: dict[str, Score | None], signals: tuple[Signal, ...], decision: Decision | None
) -> dict[str, object]:
    measured = {name: score for name, score in found.items() if score is not None}
    refused = decision is not None and not decision.allowed
    return {
        "flagged": refused or any(score.flagged for score in measured.values()),
        "categories": {name: score and score.flagged for name, score in found.items()},
        "category_scores": {name: score and score.value for name, score in found.items()},
        "category_applied_input_types": {
            name: list(score.of) if score else [] for name, score in found.items()
        },
        "rambarde": {
            "not_measured": [name for name, score in found.items() if score is None],
            "unknown": dict(unknown(signals)),
            **(explained(decision) if decision is not None else {}),
        },
    }


dialect = Moderations()

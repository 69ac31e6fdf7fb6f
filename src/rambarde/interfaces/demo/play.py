"""Playing: each wording over HTTP, on each surface, under each take, and what came of it."""

from __future__ import annotations

import asyncio
import base64
import time
import uuid
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import aiohttp
import jwt

from rambarde.interfaces.demo.gateways import Target, picture_of
from rambarde.interfaces.demo.scenarios import NONE, Expect, Scenario, Take
from rambarde.interfaces.demo.verdict import Seen, wrong
from rambarde.interfaces.demo.wordings import Wording, wordings
from rambarde.interfaces.http.context import HEADER
from rambarde.interfaces.http.identity import MODE_HEADER
from rambarde.nouns.caller import STANDARD

PENDING = "pending"
_GENERATE, _EDIT, _VIDEO = "/v1/images/generations", "/v1/images/edits", "/v1/videos"
_FILM = b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom" + b"\0\0\0\x08free" * 8
"""The head of an MP4 file, for who tries to send a film as a picture."""


@dataclass(frozen=True, slots=True)
class Row:
    """One wording on one surface. `passed` is None for what is not played yet.

    `decision` is the last request's: allow, review, block, unsupported, fault or pending; `why` says what is
    wrong where it did not pass, with the text and the signals.
    """

    scenario: str
    surface: str
    decision: str
    rule: str | None
    simulated: bool
    passed: bool | None
    wording: int | None = None
    lang: str | None = None
    twin: bool = False
    why: str = ""

    def as_json(self) -> dict[str, object]:
        return {
            "scenario": self.scenario,
            "surface": self.surface,
            "decision": self.decision,
            "rule": self.rule,
            "simulated": self.simulated,
            "passed": self.passed,
            "wording": self.wording,
            "lang": self.lang,
            "twin": self.twin,
        }


@dataclass(frozen=True, slots=True)
class Player:
    """Plays against the real gateway and, where signals are injected, against the second one.

    `said` are the wordings by scenario: all, unless a test plays a few.
    """

    session: aiohttp.ClientSession
    real: Target
    second: Target | None = None
    said: Mapping[str, tuple[Wording, ...]] = field(default_factory=wordings)

    async def play(self, scenarios: Sequence[Scenario], surfaces: Sequence[str]) -> AsyncIterator[Row]:
        """All rows, scenario by scenario. The surfaces are played at once, then compared with each other."""
        for scenario in scenarios:
            if scenario.pending:
                for surface in surfaces:
                    yield Row(scenario.id, surface, PENDING, None, False, None)
                continue
            for wording in self.said[scenario.id]:
                played = [self._row(scenario, wording, surface) for surface in surfaces]
                for row in equal(await asyncio.gather(*played)):
                    yield row

    async def _row(self, scenario: Scenario, wording: Wording, surface: str) -> Row:
        """Every take must pass; the row shows the first that did not, else the first."""
        simulated = wording.inject is not None
        target = self.second if simulated else self.real
        assert target is not None
        rows = []
        # A twin shows that words alone do not stop a request: one take is enough.
        for take in scenario.takes[:1] if wording.twin else scenario.takes:
            seen = await self._take(target, scenario, wording, surface, take)
            why = wrong(scenario, wording, surface, take, seen)
            last = seen[-1]
            rows.append(
                Row(
                    scenario.id,
                    surface,
                    last.decision,
                    last.rule,
                    simulated,
                    not why,
                    wording.number,
                    wording.lang,
                    wording.twin,
                    f"{why} | {wording.steps[-1]} | {last.signals()}" if why else "",
                )
            )
        return next((row for row in rows if not row.passed), rows[0])

    async def _take(
        self, target: Target, scenario: Scenario, wording: Wording, surface: str, take: Take
    ) -> list[Seen]:
        """What came of each request. A chain of edits sends what it got back, until something is stopped."""
        photo = wording.photo or take.photo or scenario.photo
        call = _Call(self.session, target, surface, take, _account(scenario, surface))
        if scenario.expect is Expect.UNSUPPORTED and not wording.twin:
            return [
                await call.send(*one)
                for one in _films(wording.steps[0], picture_of(scenario, wording, photo))
            ]
        if photo == NONE:
            return [await call.generate(step) for step in wording.steps]
        picture, seen = picture_of(scenario, wording, photo), []
        for step in wording.steps:
            found = await call.edit(step, picture)
            seen.append(found)
            if found.image is None:
                break
            picture = found.image
        return seen


@dataclass(frozen=True, slots=True)
class _Call:
    """Sends requests as one account on one surface; a session's worth of them."""

    session: aiohttp.ClientSession
    target: Target
    surface: str
    take: Take
    account: str
    sid: str = ""

    async def generate(self, text: str) -> Seen:
        return await self.send(_GENERATE, {"prompt": text, "size": "512x512"}, None)

    async def edit(self, text: str, picture: bytes) -> Seen:
        return await self.send(_EDIT, {"prompt": text}, picture)

    async def send(self, route: str, fields: dict[str, str], picture: bytes | None) -> Seen:
        """One request and its record. A connection that breaks is a failure of the row, not of the demo."""
        body: dict[str, Any] = {"json": fields}
        if picture is not None:
            form = aiohttp.FormData(fields)
            form.add_field("image", picture, filename="photo.png", content_type="image/png")
            body = {"data": form}
        try:
            async with self.session.post(self.target.url + route, headers=self._headers(), **body) as answer:
                seen = read(await answer.json(content_type=None), answer.status)
                id = answer.headers.get("Rambarde-Decision")
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            return Seen("fault", type(error).__name__)
        record = await asyncio.to_thread(self.target.record, id) if id else {}
        return replace(seen, record=record)

    def _headers(self) -> dict[str, str]:
        made = self.target.credentials[self.surface]
        headers = {"Authorization": f"Bearer {made.key}"}
        if self.take.mode != STANDARD:
            headers[MODE_HEADER] = self.take.mode
        if self.take.country is None:
            return headers
        now = int(time.time())
        claims = {
            "jti": uuid.uuid4().hex,
            "iat": now,
            "exp": now + 120,
            "aud": made.credential.id,
            "sub": self.account,
            "sid": self.account,
            "plan": self.take.plan,
            "country": self.take.country,
            "age_assured": self.take.age_assured,
        }
        return headers | {HEADER: jwt.encode(claims, made.credential.context_secret, algorithm="HS256")}


def read(body: Any, status: int) -> Seen:
    """What an answer says. Anything but a whole image or a typed refusal is a fault."""
    if not isinstance(body, dict):
        return Seen("fault", f"status {status}")
    if (data := body.get("data")) and status == 200:
        image = data[0].get("b64_json")
        if image is None:
            details = data[0].get("rambarde", {})
            return Seen(details.get("decision", "fault"), _first(details), details)
        return Seen("allow", None, {}, base64.b64decode(image))
    error = body.get("error") or {}
    details = error.get("rambarde") or {}
    if "decision" in details:
        return Seen(details["decision"], _first(details), details)
    known = error.get("code"), details.get("kind")
    return Seen(
        "unsupported" if known[1] in ("unsupported", "not_found", "invalid") else "fault", known[0], details
    )


def equal(rows: Sequence[Row]) -> list[Row]:
    """Surfaces are equal: a row that was decided otherwise than the first does not pass."""
    first = rows[0]
    return [
        row
        if (row.decision, row.rule) == (first.decision, first.rule)
        else replace(
            row, passed=False, why=row.why or f"{row.surface} decides otherwise than {first.surface}"
        )
        for row in rows
    ]


def _films(text: str, picture: bytes) -> list[tuple[str, dict[str, str], bytes]]:
    """The doors by which a film might be had: a route, a length, a format, and a film in a picture's place."""
    return [
        (_VIDEO, {"prompt": text}, picture),
        (_EDIT, {"prompt": text, "seconds": "6"}, picture),
        (_EDIT, {"prompt": text, "output_format": "mp4"}, picture),
        (_EDIT, {"prompt": text}, _FILM),
    ]


def _account(scenario: Scenario, surface: str) -> str:
    return f"demo-{scenario.id.lower()}-{surface}"


def _first(details: dict[str, Any]) -> str | None:
    return next(iter(details.get("rules", ())), None)

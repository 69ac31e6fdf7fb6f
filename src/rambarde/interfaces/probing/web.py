"""A surface over HTTP: one connection pool, no redirects, bodies up to a limit, and nowhere but where it may."""

from __future__ import annotations

import os
import ssl
import time
import uuid
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import urljoin, urlsplit

import aiohttp
import jwt

from rambarde.guard.upstreams.fetch import SafeFetcher
from rambarde.interfaces.http.context import HEADER
from rambarde.interfaces.probing import dialects
from rambarde.measure.probe.attempt import Ask
from rambarde.measure.probe.ports import Unanswered
from rambarde.measure.probe.reading import Answer
from rambarde.measure.probe.target import Surface
from rambarde.nouns.fault import Fault, invalid

LIMIT = 64 * 2**20
"""Bytes of an answer, at most."""
_DIALECTS = {"openai": dialects.openai, "json": dialects.as_json}
_LIFE = 120
"""Seconds that a caller context lives."""


class WebSender:
    """Sends to one surface. `hosts` are those the authority lists: no other host gets a credential or a request;

    images are fetched from them and from public addresses, and a redirect to a private one is refused.
    """

    def __init__(
        self,
        surface: Surface,
        hosts: Iterable[str],
        seconds: float,
        environment: Mapping[str, str] = os.environ,
    ) -> None:
        """Raises `Fault` `probe_credential_missing`, `probe_targets_invalid`."""
        self._surface, self._hosts = surface, frozenset(host.lower() for host in hosts)
        self._key = _secret(surface, surface.key_env, environment)
        self._context = _secret(surface, surface.context_secret_env, environment)
        self._fetcher = SafeFetcher(limit=LIMIT, allow_hosts=self._hosts)
        self._seconds = seconds
        self._tls = _tls(surface)
        self._session: aiohttp.ClientSession | None = None

    async def send(self, ask: Ask, id: str, picture: bytes | None, mask: bytes | None) -> Answer:
        call = _DIALECTS[self._surface.dialect](ask, self._surface, picture, mask)
        return await self._request("POST", self._surface.url.rstrip("/") + call.path, call.body)

    async def follow(self, url: str) -> Answer:
        whole = urljoin(self._surface.url, url)
        self._check(whole)
        return await self._request("GET", whole, {})

    async def fetch(self, url: str) -> bytes:
        try:
            return await self._fetcher.fetch(url, deadline=self._seconds)
        except Fault as fault:
            # A host that answers without the image says that it is not there.
            there = fault.code in ("upstream_url_status", "upstream_url_type")
            raise Unanswered(
                ("status: " if there else "image ") + fault.code.removeprefix("upstream_")
            ) from None

    async def remove(self, request: str, id: str, url: str) -> Answer:
        method, path = request.split()
        whole = self._surface.url.rstrip("/") + path.replace("{id}", id).replace("{url}", url)
        if path == "{url}":
            whole = url
        self._check(whole)
        return await self._request(method.upper(), whole, {})

    async def close(self) -> None:
        await self._fetcher.close()
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    def _check(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or (parts.hostname or "").lower() not in self._hosts:
            raise Unanswered("a URL on a host that the authority does not list")

    async def _request(self, method: str, url: str, body: dict[str, Any]) -> Answer:
        try:
            async with self._opened().request(
                method, url, headers=self._headers(), allow_redirects=False, ssl=self._tls, **body
            ) as response:
                data = await _read(response)
                return Answer(
                    response.status,
                    response.headers.get("Content-Type", "").partition(";")[0].strip().lower(),
                    data,
                    response.headers.get("Location", "") if response.status in (200, 201, 202) else "",
                    _seconds(response.headers.get("Retry-After")),
                )
        except aiohttp.ClientConnectorCertificateError:
            raise Unanswered("TLS: the certificate is not trusted") from None
        except aiohttp.ClientSSLError:
            raise Unanswered("TLS failed") from None
        except aiohttp.ClientConnectorError:
            raise Unanswered("unreachable") from None
        except aiohttp.ClientPayloadError:
            raise Unanswered("half a body") from None
        except TimeoutError:
            raise Unanswered("late") from None
        except (aiohttp.ClientError, ValueError, OSError) as error:
            raise Unanswered(f"no proper HTTP ({type(error).__name__})") from None

    def _headers(self) -> dict[str, str]:
        surface = self._surface
        headers = {"Accept": "application/json", **surface.headers}
        if self._key:
            headers["Authorization"] = f"Bearer {self._key}"
        if not self._context:
            return headers
        now = int(time.time())
        claims: dict[str, object] = {
            "jti": uuid.uuid4().hex,
            "iat": now,
            "exp": now + _LIFE,
            "aud": surface.context_id,
            "sub": f"probe-{uuid.uuid4().hex}",
            "age_assured": surface.age_assured,
        }
        for name in ("plan", "country"):
            if (value := getattr(surface, name)) != "unknown":
                claims[name] = value
        return headers | {HEADER: jwt.encode(claims, self._context, algorithm="HS256")}

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                cookie_jar=aiohttp.DummyCookieJar(),
                trust_env=False,
                timeout=aiohttp.ClientTimeout(total=self._seconds),
                headers={"User-Agent": "rambarde-probe"},
            )
        return self._session


async def _read(response: aiohttp.ClientResponse) -> bytes:
    chunks, size = [], 0
    async for chunk in response.content.iter_any():
        size += len(chunk)
        if size > LIMIT:
            raise Unanswered("an answer without end")
        chunks.append(chunk)
    return b"".join(chunks)


def _seconds(text: str | None) -> float | None:
    try:
        return max(0.0, float(text)) if text else None
    except ValueError:
        return None


def _secret(surface: Surface, variable: str, environment: Mapping[str, str]) -> str:
    if not variable:
        return ""
    value = environment.get(variable, "").strip()
    if not value or not value.isprintable():
        raise invalid(
            "probe_credential_missing",
            f"The environment variable {variable} holds no credential.",
            remedy=f"Set it to the credential of the surface {surface.name}.",
            field=f"surface.{surface.name}",
        )
    return value


def _tls(surface: Surface) -> ssl.SSLContext | bool:
    if not surface.ca_file:
        return True
    try:
        return ssl.create_default_context(cafile=surface.ca_file)
    except (OSError, ssl.SSLError) as error:
        raise invalid(
            "probe_targets_invalid",
            f"`ca_file` of {surface.name} cannot be read: {error.strerror}.",
            remedy="Name a file of certificates (PEM).",
            field=f"surface.{surface.name}.ca_file",
        ) from error

"""The line to a generator's server: one request at a time goes out once, and what comes back is bounded."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import aiohttp
from yarl import URL

from rambarde.guard.upstreams.openai_answer import refused, upstream
from rambarde.nouns.fault import Fault, Kind

ANSWER_LIMIT = 96 * 1024 * 1024
"""Bytes of a whole answer."""
ERROR_LIMIT = 64 * 1024
"""Bytes read of an error answer."""


class Line:
    """To `base_url`, with `headers` of its own (its key), which go to that server only and are in no message.

    Redirects are not followed; no proxies of the environment, no cookies.
    Raises `ValueError` for a `base_url` that is not http(s), carries a user name or has a query.
    """

    def __init__(self, base_url: str, headers: Mapping[str, str] | None = None) -> None:
        url = URL(base_url)
        if url.scheme not in ("http", "https") or not url.host or "@" in url.authority or url.query_string:
            raise ValueError(
                "the upstream's URL must be http(s)://host[:port]/path, without user name or query"
            )
        self._base, self._headers = base_url.rstrip("/"), dict(headers or {})
        self._session: aiohttp.ClientSession | None = None

    @property
    def base(self) -> str:
        """The server's address, for whoever checks that it can be reached; it carries no secret."""
        return self._base

    async def start(self) -> None:
        """Open the session; also done by the first request."""
        self._opened()

    async def close(self) -> None:
        """Close all connections. May be called twice."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def post(
        self, path: str, data: bytes | aiohttp.FormData, headers: Mapping[str, str] | None = None
    ) -> bytes:
        """Post once, never again: a request that failed half-way may already have generated.

        Raises `Fault`: OVERLOADED `upstream_busy` (429, 503) with `retry_after`; UPSTREAM `upstream_refused` (its own
        rules), `upstream_unreachable`, `upstream_incomplete`, `upstream_too_large`, `upstream_encoding`,
        `upstream_bad_http`, and those of `openai_answer.refused`.
        """
        return await self._ask("POST", path, data=data, headers=dict(headers or {}))

    async def post_json(self, path: str, body: bytes) -> bytes:
        """Post JSON. Raises as `post`."""
        return await self.post(path, body, {"Content-Type": "application/json"})

    async def get(self, path: str, query: Mapping[str, str] | None = None) -> bytes:
        """Raises as `post`."""
        return await self._ask("GET", path, params=dict(query or {}))

    async def _ask(self, method: str, path: str, **sent: object) -> bytes:
        try:
            async with self._opened().request(
                method,
                self._base + path,
                allow_redirects=False,
                **sent,  # type: ignore[arg-type]
            ) as response:
                if response.status != 200:
                    body = await _read(response, ERROR_LIMIT, cut=True)
                    raise refused(response.status, body, response.headers.get("Retry-After"))
                if response.headers.get("Content-Encoding", "identity").strip().lower() != "identity":
                    raise upstream("upstream_encoding", "answered a compressed body, which was not asked for")
                return await _read(response, ANSWER_LIMIT)
        except aiohttp.ClientConnectorError:
            raise upstream("upstream_unreachable", "could not be reached") from None
        except (aiohttp.ClientPayloadError, aiohttp.ServerDisconnectedError, aiohttp.ClientOSError):
            raise upstream("upstream_incomplete", "stopped before the end of its answer") from None
        except (aiohttp.ClientError, ValueError, OSError) as error:
            if isinstance(error, TimeoutError):
                raise
            raise upstream("upstream_bad_http", "did not answer proper HTTP") from None

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            headers = {"Accept-Encoding": "identity", "User-Agent": "rambarde", **self._headers}
            self._session = aiohttp.ClientSession(
                # Shorter than servers keep idle connections: a post on a dead one could not be repeated.
                connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=3),
                cookie_jar=aiohttp.DummyCookieJar(),
                headers=headers,
                auto_decompress=False,
                trust_env=False,
                timeout=aiohttp.ClientTimeout(total=None),
                read_bufsize=2**20,
            )
        return self._session


@asynccontextmanager
async def in_time(deadline: float) -> AsyncIterator[None]:
    """All that is asked within, within `deadline` seconds. Raises `Fault` TIMEOUT `upstream_timeout`."""
    try:
        async with asyncio.timeout(deadline):
            yield
    except TimeoutError:
        raise Fault(
            Kind.TIMEOUT,
            "upstream_timeout",
            "The generator did not answer in time.",
            remedy="Send the request again later; the operator may raise the upstream's deadline.",
        ) from None


def unable(what: str, field: str) -> Fault:
    """The fault of a request that this generator cannot do; nothing was sent to it."""
    return Fault(
        Kind.UPSTREAM,
        "upstream_refused",
        f"This generator {what}.",
        remedy="Leave it out; the limit is the generator's, not Rambarde's.",
        field=field,
    )


async def _read(response: aiohttp.ClientResponse, limit: int, *, cut: bool = False) -> bytes:
    """The body, at most `limit` bytes; what is longer is cut off or a fault."""
    if not cut and (response.content_length or 0) > limit:
        raise upstream("upstream_too_large", f"answered more than {limit} bytes")
    chunks, size = [], 0
    async for chunk in response.content.iter_any():
        chunks.append(chunk)
        size += len(chunk)
        if size > limit:
            if cut:
                break
            raise upstream("upstream_too_large", f"answered more than {limit} bytes")
    return chunks[0] if len(chunks) == 1 else b"".join(chunks)

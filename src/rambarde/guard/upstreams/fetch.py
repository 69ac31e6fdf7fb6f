"""Fetching a picture by a URL that an upstream answered, without letting the URL reach into our network.

The URL comes from outside, and so do the names and redirects behind it. Every address is checked where it is
connected to: the resolver hands over only checked addresses, and the socket is made only for a checked one.
"""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import Awaitable, Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from rambarde.guard.upstreams.addresses import Address, Allowance, literal, parse
from rambarde.nouns.fault import Fault, Kind

REDIRECTS = 3
"""Redirects followed, each checked like the first URL."""
URL_LIMIT = 4096
"""Characters of a URL."""
DEFAULT_LIMIT = 24 * 1024 * 1024
"""Bytes of a picture, unless told otherwise."""

Resolve = Callable[[str, int], Awaitable[list[str]]]
"""Resolves a name and port to literal addresses; raises `OSError` if it cannot."""

_PRINTABLE = re.compile(r"[\x21-\x5b\x5d-\x7e]+")  # printable ASCII without space and backslash
_NAME = re.compile(r"[a-z0-9_-]+(\.[a-z0-9_-]+)*\.?")
_REDIRECTING = frozenset({301, 302, 303, 307, 308})
_HEADERS = {"Accept": "image/*", "Accept-Encoding": "identity", "User-Agent": "rambarde"}


class SafeFetcher:
    """GETs pictures from public http(s) hosts. One instance serves many fetches, on one event loop.

    `limit` is the largest body in bytes. `allow_hosts` (names or literal addresses, any port) and
    `allow_networks` (CIDR) open internal places on purpose; `ports` are allowed for every other host.
    `resolve` replaces the system's resolver. No proxies of the environment, cookies or credentials are used.
    """

    def __init__(
        self,
        *,
        limit: int = DEFAULT_LIMIT,
        allow_hosts: Iterable[str] = (),
        allow_networks: Iterable[str] = (),
        ports: Iterable[int] = (80, 443),
        resolve: Resolve | None = None,
    ) -> None:
        self._limit = limit
        self._allowance = Allowance.of(allow_hosts, allow_networks, ports)
        self._resolve = resolve or self._system_resolve
        self._names: ThreadPoolExecutor | None = None
        self._vouched: set[Address] = set()
        self._session: aiohttp.ClientSession | None = None

    async def start(self) -> None:
        """Open the session; also done by the first fetch."""
        self._opened()

    async def close(self) -> None:
        """Close all connections. May be called twice."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()
        names, self._names = self._names, None
        if names is not None:
            names.shutdown(wait=False, cancel_futures=True)

    async def fetch(self, url: str, *, deadline: float) -> bytes:
        """The body behind `url`, complete, within `deadline` seconds for everything.

        Raises `Fault`, never naming the URL, which may carry a signature. TIMEOUT: `upstream_url_timeout`.
        UPSTREAM: `upstream_url_forbidden` (scheme, host, port or address), `upstream_url_unreachable`,
        `upstream_url_redirects`, `upstream_url_status`, `upstream_url_type`, `upstream_url_encoding`,
        `upstream_url_too_large`, `upstream_url_incomplete`.
        """
        try:
            async with asyncio.timeout(deadline):
                return await self._follow(url)
        except TimeoutError:
            raise Fault(
                Kind.TIMEOUT,
                "upstream_url_timeout",
                "The generator's image URL did not answer in time.",
                remedy="Try again; if it stays, the operator checks the generator's file host.",
            ) from None

    async def _follow(self, text: str) -> bytes:
        url = self._checked(text)
        for _ in range(REDIRECTS + 1):
            try:
                async with self._opened().get(url, allow_redirects=False) as response:
                    if response.status not in _REDIRECTING:
                        return await self._body(response)
                    where = response.headers.get("Location", "")
            except aiohttp.ClientConnectorError as error:
                if isinstance(error.os_error, _ForbiddenAddressError):
                    raise _forbidden("resolves to an address that is not public") from None
                raise _fault("upstream_url_unreachable", "could not be reached") from None
            except aiohttp.ClientPayloadError:
                raise _fault("upstream_url_incomplete", "stopped before its end") from None
            except (aiohttp.ClientError, ValueError, OSError) as error:
                # The parent of the above, also aiohttp's own refusal of malformed HTTP.
                if isinstance(error, TimeoutError):
                    raise
                raise _fault("upstream_url_unreachable", "did not speak proper HTTP") from None
            url = self._checked(where, base=url)
        raise _fault("upstream_url_redirects", f"redirected more than {REDIRECTS} times")

    def _checked(self, text: str, base: URL | None = None) -> URL:
        """The URL as it will be sent, its scheme, host and port checked; addresses are checked later."""
        if len(text) > URL_LIMIT or not _PRINTABLE.fullmatch(text):
            raise _forbidden("is too long or has characters that a URL cannot have")
        try:
            # encoded: a signed URL must reach its host byte for byte.
            url = URL(text, encoded=True)
            url = (base.join(url) if base is not None else url).with_fragment(None)
            scheme, host, port = url.scheme, (url.raw_host or "").lower(), url.port
            if scheme not in ("http", "https"):
                raise _forbidden("is neither http nor https")
            if "@" in url.raw_authority:
                raise _forbidden("carries a user name")
            address = literal(host)
        except ValueError:
            raise _forbidden("is malformed") from None
        if address is None and not _NAME.fullmatch(host):
            raise _forbidden("has no proper host name")
        host = host.rstrip(".")
        if port is None or not self._allowance.port(host, port):
            raise _forbidden("uses a port that is not allowed")
        if address is not None:
            if not self._allowance.address(host, address):
                raise _forbidden("is an address that is not public")
            if host in self._allowance.hosts:
                self._vouched.add(address)
        return url

    async def _body(self, response: aiohttp.ClientResponse) -> bytes:
        if response.status != 200:
            raise _fault("upstream_url_status", f"answered {response.status}")
        if response.headers.get("Content-Encoding", "identity").strip().lower() != "identity":
            # Not asked for, and the way a small body becomes an enormous one.
            raise _fault("upstream_url_encoding", "answered a compressed body, which was not asked for")
        kind = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        if not kind.startswith("image/") and kind not in ("application/octet-stream", "binary/octet-stream"):
            raise _fault("upstream_url_type", "answered something that is not an image")
        if (response.content_length or 0) > self._limit:
            raise self._too_large()
        chunks, size = [], 0
        async for chunk in response.content.iter_any():
            size += len(chunk)
            if size > self._limit:
                raise self._too_large()
            chunks.append(chunk)
        return b"".join(chunks)

    def _too_large(self) -> Fault:
        return _fault("upstream_url_too_large", f"answered more than {self._limit} bytes")

    def _opened(self) -> aiohttp.ClientSession:
        if self._session is None:
            connector = aiohttp.TCPConnector(
                resolver=_CheckedResolver(self._resolve, self._allowance, self._vouched),
                use_dns_cache=False,
                socket_factory=self._socket,
                keepalive_timeout=3,
            )
            self._session = aiohttp.ClientSession(
                connector=connector,
                cookie_jar=aiohttp.DummyCookieJar(),
                headers=_HEADERS,
                auto_decompress=False,
                trust_env=False,
                timeout=aiohttp.ClientTimeout(total=None),
                read_bufsize=2**18,
            )
        return self._session

    async def _system_resolve(self, host: str, port: int) -> list[str]:
        # Threads of its own: a name that is slow on purpose must not use up the event loop's shared ones.
        if self._names is None:
            self._names = ThreadPoolExecutor(4, thread_name_prefix="rambarde-names")
        look_up = partial(socket.getaddrinfo, host, port, type=socket.SOCK_STREAM)
        infos = await asyncio.get_running_loop().run_in_executor(self._names, look_up)
        return [str(info[4][0]) for info in infos]

    def _socket(self, info: tuple[Any, ...]) -> socket.socket:
        """The last gate: every connection's socket is made here, for the address it will connect to."""
        family, kind, protocol, _, where = info
        address = parse(where[0])
        if address not in self._vouched and not self._allowance.address("", address):
            raise _ForbiddenAddressError
        return socket.socket(family, kind, protocol)


class _ForbiddenAddressError(OSError):
    """A name resolved to an address that may not be connected to."""


class _CheckedResolver(AbstractResolver):
    """Resolves, and answers only if every address is allowed: a mixed answer is an attempt at something."""

    def __init__(self, resolve: Resolve, allowance: Allowance, vouched: set[Address]) -> None:
        self._resolve, self._allowance, self._vouched = resolve, allowance, vouched

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        name = host.rstrip(".").lower()
        results = []
        for text in await self._resolve(host, port):
            try:
                address = parse(text)
            except ValueError:
                raise _ForbiddenAddressError from None
            if not self._allowance.address(name, address):
                raise _ForbiddenAddressError
            if name in self._allowance.hosts:
                # The socket gate does not know names: it is told which addresses one stands for.
                self._vouched.add(address)
            results.append(
                ResolveResult(
                    hostname=host,
                    host=str(address),
                    port=port,
                    family=socket.AF_INET if address.version == 4 else socket.AF_INET6,
                    proto=socket.IPPROTO_TCP,
                    flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
                )
            )
        if not results:
            raise OSError("no address")
        return results

    async def close(self) -> None:
        """Nothing is held."""


def _forbidden(what: str) -> Fault:
    return _fault("upstream_url_forbidden", f"{what}; no connection was made to it")


def _fault(code: str, what: str) -> Fault:
    return Fault(
        Kind.UPSTREAM,
        code,
        f"The generator's image URL {what}.",
        remedy="Nothing was released. The operator checks the generator, or allows its file host by name.",
    )

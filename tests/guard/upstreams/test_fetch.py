"""The safe fetcher against URLs, names, redirects and bodies that mean harm: what is refused is not visited."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from tests.servers import fake_openai, png

from rambarde.guard.upstreams.fetch import SafeFetcher
from rambarde.nouns.fault import Fault, Kind


class Trap:
    """A listening socket that counts who connects."""

    def __init__(self) -> None:
        self.visits, self.port = 0, 0

    async def visit(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.visits += 1
        writer.close()


@asynccontextmanager
async def trapped(host: str = "127.0.0.1") -> AsyncIterator[Trap]:
    trap = Trap()
    server = await asyncio.start_server(trap.visit, host, 0)
    trap.port = server.sockets[0].getsockname()[1]
    async with server:
        yield trap


async def fails(fetcher: SafeFetcher, url: str, deadline: float = 5.0) -> Fault:
    try:
        with pytest.raises(Fault) as caught:
            await fetcher.fetch(url, deadline=deadline)
    finally:
        await fetcher.close()
    return caught.value


def resolving(*answers: list[str]) -> tuple[Callable[[str, int], Any], list[str]]:
    """A resolver that gives these answers in turn, the last one for ever; and the names it was asked for."""
    asked: list[str] = []

    async def resolve(host: str, port: int) -> list[str]:
        asked.append(host)
        return answers[min(len(asked), len(answers)) - 1]

    return resolve, asked


LOOPBACK_SPELLINGS = (
    "http://127.0.0.1:{port}/",
    "http://127.0.0.1.:{port}/",
    "http://127.1:{port}/",
    "http://127.000.000.001:{port}/",
    "http://2130706433:{port}/",
    "http://017700000001:{port}/",
    "http://0177.0.0.1:{port}/",
    "http://0x7f000001:{port}/",
    "http://0x7f.1:{port}/",
    "http://0X7F.0.0.0x1:{port}/",
    "http://0:{port}/",
    "http://0.0.0.0:{port}/",
    "http://[::1]:{port}/",
    "http://[::]:{port}/",
    "http://[::ffff:127.0.0.1]:{port}/",
    "http://[::ffff:7f00:1]:{port}/",
    "http://[::127.0.0.1]:{port}/",
    "http://[64:ff9b::7f00:1]:{port}/",
    "http://[2002:7f00:1::]:{port}/",
    "http://[::1%25lo]:{port}/",
    "http://localhost:{port}/",
    "http://LOCALHOST:{port}/",
    "http://1.1.1.1@127.0.0.1:{port}/",
    "http://@127.0.0.1:{port}/",
    "http://user:pw@127.0.0.1:{port}/",
    "http://127.0.0.1:{port}\\@1.1.1.1/",
    "http://1.1.1.1\\@127.0.0.1:{port}/",
    "http://127。0。0。1:{port}/",
    "http://①②⑦.0.0.1:{port}/",
    "http://%31%32%37.0.0.1:{port}/",
    "//127.0.0.1:{port}/",
    "http:/127.0.0.1:{port}/",
    "http:127.0.0.1:{port}/",
    "HTTP://127.0.0.1:{port}/",
    " http://127.0.0.1:{port}/",
    "http://127.0.0.1:{port}/\r\nHost: x",
    "http://127.0.0.1:{port}/ HTTP/1.1",
    "file://127.0.0.1:{port}/etc/passwd",
    "file:///etc/passwd",
    "gopher://127.0.0.1:{port}/_x",
    "ftp://127.0.0.1:{port}/",
    "data:image/png;base64,AAAA",
    "javascript:alert(1)",
    "unix:///run/docker.sock",
    "http://",
    "http:///x.png",
    "http://[::1",
    "http://:{port}/",
    "http://-\x00/",
    "http://127.0.0.1:99999/",
    "http://127.0.0.1:0/",
    "/files/ok",
    "",
    "x" * 5000,
)


@pytest.mark.parametrize("url", LOOPBACK_SPELLINGS)
async def test_loopback_in_every_spelling(url: str) -> None:
    async with trapped() as trap:
        # The trap's port is allowed, so that nothing but the host can be the reason.
        fault = await fails(SafeFetcher(ports=(80, 443, trap.port)), url.format(port=trap.port))
        assert trap.visits == 0
    assert fault.kind is Kind.UPSTREAM and fault.code == "upstream_url_forbidden"


PRIVATE = (
    "0.0.0.0",
    "0.1.2.3",
    "10.1.2.3",
    "100.64.0.1",
    "100.100.100.200",
    "127.255.255.254",
    "168.63.129.16",
    "169.254.169.254",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.192",
    "192.0.2.1",
    "192.88.99.1",
    "192.168.1.1",
    "198.18.0.1",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "239.255.255.255",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::7f00:1",
    "::ffff:8.8.8.8",
    "64:ff9b::808:808",
    "64:ff9b:1::1",
    "100::1",
    "2001::1",
    "2001:db8::1",
    "2002:a00:1::1",
    "3fff::1",
    "5f00::1",
    "fc00::1",
    "fd00:ec2::254",
    "fd12:3456::1",
    "fe80::1",
    "fe80::1%eth0",
    "2606:4700::1%eth0",
    "fec0::1",
    "ff02::1",
    "not an address",
)


@pytest.mark.parametrize("address", PRIVATE)
async def test_names_of_addresses_that_are_not_public(address: str) -> None:
    resolve, asked = resolving([address])
    fault = await fails(SafeFetcher(resolve=resolve), "https://images.example/x.png")
    assert fault.code == "upstream_url_forbidden" and asked == ["images.example"]


async def test_one_private_address_among_public_ones() -> None:
    resolve, _ = resolving(["93.184.215.14", "10.0.0.1"])
    assert (
        await fails(SafeFetcher(resolve=resolve), "http://mixed.example/")
    ).code == "upstream_url_forbidden"


@pytest.mark.parametrize(
    "address", ["8.8.8.8", "93.184.215.14", "172.32.0.1", "2606:4700::1111", "2a00:1450::1"]
)
async def test_public_addresses_are_connected_to(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without leaving this machine: the socket gate lets the address through and then declines."""
    passed: list[str] = []

    def gate(self: SafeFetcher, info: tuple[Any, ...]) -> Any:
        passed.append(info[4][0])
        raise OSError("stop here")

    monkeypatch.setattr(SafeFetcher, "_socket", gate)
    resolve, _ = resolving([address])
    fault = await fails(SafeFetcher(resolve=resolve), "http://public.example/x.png")
    assert fault.code == "upstream_url_unreachable" and passed == [address]


async def test_rebinding_cannot_move_a_checked_name() -> None:
    """First answer allowed, second loopback: each connection is checked with the very answer it uses."""
    async with fake_openai() as good, trapped("127.0.0.2") as trap:
        resolve, asked = resolving(["127.0.0.1"], ["127.0.0.2"])
        ports = (good.port, trap.port)
        fetcher = SafeFetcher(resolve=resolve, allow_networks=["127.0.0.1/32"], ports=ports)
        assert await fetcher.fetch(f"http://flip.example:{good.port}/files/ok", deadline=5) == png()
        fault = await fails(fetcher, f"http://flip.example:{trap.port}/x.png")
        assert trap.visits == 0 and len(asked) == 2
    assert fault.code == "upstream_url_forbidden"


async def test_rebinding_between_redirects() -> None:
    async with fake_openai() as good, trapped("127.0.0.2") as trap:
        resolve, _ = resolving(["127.0.0.1"], ["127.0.0.2"])
        fetcher = SafeFetcher(resolve=resolve, allow_networks=["127.0.0.1/32"], ports=(good.port, trap.port))
        to = f"http://flip.example:{trap.port}/x.png"
        fault = await fails(fetcher, f"http://flip.example:{good.port}/files/redirect?to={to}")
        assert trap.visits == 0
    assert fault.code == "upstream_url_forbidden"


async def test_the_socket_gate_alone_stops_a_resolver_that_lies(monkeypatch: pytest.MonkeyPatch) -> None:
    """Should the check of names ever be bypassed, no socket is made for a private address."""
    from rambarde.guard.upstreams import fetch

    async with trapped() as trap:
        resolve, _ = resolving(["127.0.0.1"])
        fetcher = SafeFetcher(resolve=resolve, ports=(trap.port,))
        session = fetcher._opened()
        connector: Any = session.connector
        connector._resolver._allowance = fetch.Allowance.of([], ["0.0.0.0/0"], [])
        fault = await fails(fetcher, f"http://x.example:{trap.port}/")
        assert trap.visits == 0
    assert fault.code == "upstream_url_forbidden"


@pytest.mark.parametrize(
    "to",
    [
        "http://127.0.0.2:{port}/",
        "//127.0.0.2:{port}/x",
        "http://[::ffff:127.0.0.2]:{port}/",
        "http://169.254.169.254/latest/meta-data/",
        "http://user@127.0.0.1/",
        "file:///etc/passwd",
        "gopher://127.0.0.2:{port}/",
        "http://2130706434:{port}/",
        "",
    ],
)
async def test_redirects_are_checked(to: str) -> None:
    async with fake_openai() as good, trapped("127.0.0.2") as trap:
        fetcher = SafeFetcher(allow_networks=["127.0.0.1/32"], ports=(80, good.port, trap.port))
        url = f"{good.root}/files/redirect?to={to.format(port=trap.port)}".replace(" ", "%20")
        fault = await fails(fetcher, url)
        assert trap.visits == 0
    assert fault.code == "upstream_url_forbidden"


async def test_a_good_redirect_is_followed_without_cookies() -> None:
    async with fake_openai() as good:
        fetcher = SafeFetcher(allow_hosts=["127.0.0.1"])
        assert await fetcher.fetch(f"{good.root}/files/redirect?to=/files/ok", deadline=5) == png()
        sent = await fetcher.fetch(f"{good.root}/files/cookie", deadline=5)
        await fetcher.close()
    assert b"Cookie" not in sent and b"Referer" not in sent and b"Authorization" not in sent


async def test_the_environments_proxy_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    async with fake_openai() as good, trapped() as trap:
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{trap.port}")
        fetcher = SafeFetcher(allow_hosts=["127.0.0.1"])
        assert await fetcher.fetch(f"{good.root}/files/ok", deadline=5) == png()
        await fetcher.close()
        assert trap.visits == 0


@pytest.mark.parametrize(
    ("path", "kind", "code"),
    [
        ("loop", Kind.UPSTREAM, "upstream_url_redirects"),
        ("missing", Kind.UPSTREAM, "upstream_url_status"),
        ("html", Kind.UPSTREAM, "upstream_url_type"),
        ("bare", Kind.UPSTREAM, "upstream_url_type"),
        ("gzip", Kind.UPSTREAM, "upstream_url_encoding"),
        ("big", Kind.UPSTREAM, "upstream_url_too_large"),
        ("endless", Kind.UPSTREAM, "upstream_url_too_large"),
        ("half", Kind.UPSTREAM, "upstream_url_incomplete"),
        ("hang", Kind.TIMEOUT, "upstream_url_timeout"),
        ("drip", Kind.TIMEOUT, "upstream_url_timeout"),
    ],
)
async def test_bad_answers(path: str, kind: Kind, code: str) -> None:
    async with fake_openai() as good:
        deadline = 0.3 if kind is Kind.TIMEOUT else 5.0
        began = time.monotonic()
        fetcher = SafeFetcher(allow_hosts=["127.0.0.1"], limit=2**20)
        fault = await fails(fetcher, f"{good.root}/files/{path}?sig=secret", deadline)
        assert time.monotonic() - began < deadline + 0.5
    assert (fault.kind, fault.code) == (kind, code)
    assert "secret" not in f"{fault!r} {fault}" and "127.0.0.1" not in f"{fault}"


async def test_a_silent_resolver_and_a_failing_one() -> None:
    async def silent(host: str, port: int) -> list[str]:
        await asyncio.Event().wait()
        return []

    async def failing(host: str, port: int) -> list[str]:
        raise OSError("no such name")

    fault = await fails(SafeFetcher(resolve=silent), "http://images.example/", deadline=0.2)
    assert fault.code == "upstream_url_timeout"
    fault = await fails(SafeFetcher(resolve=failing), "http://images.example/")
    assert fault.code == "upstream_url_unreachable"


async def test_ports() -> None:
    async with trapped() as trap:
        resolve, asked = resolving(["8.8.8.8"])
        fault = await fails(SafeFetcher(resolve=resolve), f"http://images.example:{trap.port}/")
        assert fault.code == "upstream_url_forbidden" and not asked


async def test_a_named_host_may_be_internal_and_nothing_else() -> None:
    async with fake_openai() as good, trapped("127.0.0.2") as trap:
        resolve, _ = resolving(["127.0.0.1"])
        fetcher = SafeFetcher(resolve=resolve, allow_hosts=["Files.Internal"])
        assert await fetcher.fetch(f"http://files.INTERNAL:{good.port}/files/ok", deadline=5) == png()
        fault = await fails(fetcher, f"http://127.0.0.2:{trap.port}/")
        assert fault.code == "upstream_url_forbidden" and trap.visits == 0


@pytest.mark.parametrize(
    "address", ["169.254.169.254", "fd00:ec2::254", "::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe"]
)
async def test_metadata_stays_forbidden_even_when_allowed(address: str) -> None:
    resolve, _ = resolving([address])
    networks = ["169.254.0.0/16", "fd00::/8", "::/0"]
    fetcher = SafeFetcher(resolve=resolve, allow_hosts=["files.internal", address], allow_networks=networks)
    assert (await fails(fetcher, "http://files.internal/")).code == "upstream_url_forbidden"
    literal = f"[{address}]" if ":" in address else address
    assert (await fails(fetcher, f"http://{literal}/")).code == "upstream_url_forbidden"


async def test_signed_queries_arrive_byte_for_byte(monkeypatch: pytest.MonkeyPatch) -> None:
    lines: list[bytes] = []

    async def visit(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        lines.append(await reader.readline())
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: image/png\r\nContent-Length: 1\r\n\r\nx")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(visit, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server:
        fetcher = SafeFetcher(allow_hosts=["127.0.0.1"])
        await fetcher.fetch(
            f"http://127.0.0.1:{port}/a%2Fb/c.png?sig=a%2Bb%3D%3D&se=2026%3A01&x=1+2#f", deadline=5
        )
        await fetcher.close()
    assert lines == [b"GET /a%2Fb/c.png?sig=a%2Bb%3D%3D&se=2026%3A01&x=1+2 HTTP/1.1\r\n"]


async def test_a_bad_network_is_refused_at_once() -> None:
    with pytest.raises(ValueError, match="host bits"):
        SafeFetcher(allow_networks=["10.0.0.1/8"])

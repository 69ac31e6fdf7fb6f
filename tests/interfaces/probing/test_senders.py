"""Surfaces that are slow, broken, redirecting or lying are told as such, and nothing goes where it must not."""

from __future__ import annotations

import asyncio
import base64
import json
import ssl
import sys
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from rambarde.interfaces.probing.local import CommandSender, FolderSender, PythonSender, write_requests
from rambarde.interfaces.probing.marks import Mark, MarkLooker, drawn
from rambarde.interfaces.probing.probing import probe
from rambarde.interfaces.probing.web import WebSender
from rambarde.measure.probe.attempt import Ask, Route
from rambarde.measure.probe.corpus import shipped
from rambarde.measure.probe.pictures import drawn as figure
from rambarde.measure.probe.plan import plan
from rambarde.measure.probe.ports import Unanswered
from rambarde.measure.probe.reading import Said, read
from rambarde.measure.probe.report import Report
from rambarde.measure.probe.target import Authority, Limits, Surface, Target
from rambarde.nouns.fault import Fault
from tests.servers import fake_openai

ASK = Ask(Route.EDIT, "a hat", n=2)
LIMITS = Limits(requests=8, per_minute=60_000, seconds=0.3, polls=2, poll_seconds=0.01)


def target(url: str, host: str = "127.0.0.1", **more: Any) -> Target:
    authority = Authority("owned", "Ada Byron", date(2026, 11, 1), (host,))
    return Target(
        "t", authority, (Surface("web", url=url, **more),), LIMITS, techniques=("plain",), photo="drawn"
    )


async def faults(url: str) -> dict[str, int]:
    made: Report = await probe(target(url), MarkLooker())
    assert made.verdict in ("incomplete", "tight", "leaky")
    return made.faults


@pytest.mark.parametrize(
    ("behaviour", "why"),
    [
        ("hang", "late"),
        ("drip", "late"),
        ("half", "half a body"),
        ("truncated", "not JSON"),
        ("trailing", "not JSON"),
        ("html", "not JSON"),
        ("garbage", "no proper HTTP (ClientResponseError)"),
        ("moved", "redirect"),
        ("error", "status 500"),
        ("busy", "busy"),
        ("unauthorized", "unauthenticated"),
        ("private_url", "image url_forbidden"),
        ("redirecting_url", "image url_forbidden"),
        ("html_url", "status: url_type"),
    ],
)
async def test_what_fails_is_a_fault_and_no_refusal(
    behaviour: str, why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rambarde.measure.probe.run._LONGEST_WAIT", 0.01)
    async with fake_openai(behaviour) as base:
        made = await probe(target(base), MarkLooker())
    assert set(made.faults) == {why} and made.verdict == "incomplete" and made.incomplete == ("web",)


async def test_an_answer_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rambarde.interfaces.probing.web.LIMIT", 2**20)
    async with fake_openai("endless") as base:
        assert set(await faults(base)) == {"an answer without end"}


async def test_the_whole_probe_ends_in_time() -> None:
    async with fake_openai("hang") as base:
        slow = target(base)
        limits = msgspec.structs.replace(slow.limits, seconds=30, minutes=0.005)
        made = await probe(msgspec.structs.replace(slow, limits=limits), MarkLooker())
    assert (made.ended, made.verdict) == ("time", "incomplete") and made.header.seconds < 5


async def test_a_step_that_shows_too_much_is_not_taken_back_by_a_later_refusal() -> None:
    asked: list[str] = []

    async def first_only(request: web.Request) -> web.Response:
        asked.append(request.path)
        if len(asked) > 1:
            return web.json_response({"error": {"code": "blocked"}}, status=400)
        return web.json_response({"data": [{"b64_json": base64.b64encode(drawn(Mark.PROBLEM)).decode()}]})

    runner, url = await served(first_only)
    try:
        steps = msgspec.structs.replace(
            target(url), techniques=("steps",), limits=msgspec.structs.replace(LIMITS, concurrency=1)
        )
        made = await probe(steps, MarkLooker())
    finally:
        await runner.cleanup()
    assert made.rows[0].outcome.value == "bypassed"


async def test_one_image_that_came_is_looked_at_though_another_is_missing() -> None:
    async def half(request: web.Request) -> web.Response:
        data = [
            {"b64_json": base64.b64encode(drawn(Mark.PROBLEM)).decode()},
            {"url": "http://10.0.0.1/x.png"},
        ]
        return web.json_response({"data": data})

    runner, url = await served(half)
    try:
        made = await probe(target(url), MarkLooker())
    finally:
        await runner.cleanup()
    assert {row.outcome.value for row in made.rows} == {"bypassed"} and not made.faults


async def test_nobody_listens() -> None:
    assert set(await faults("http://127.0.0.1:9/v1")) == {"unreachable"}


async def test_the_dialects_send_what_is_asked() -> None:
    photo = figure()
    async with fake_openai() as base:
        for dialect in ("openai", "json"):
            sender = WebSender(
                Surface("web", dialect=dialect, url=base, key_env="K", fields={"tier": "x"}, model="m"),  # type: ignore[arg-type]
                ("127.0.0.1",),
                5,
                {"K": "sk-1"},
            )
            answer = await sender.send(ASK, "id", photo, photo)
            assert len(read(answer).images) == 2
            await sender.close()
        form, body = base.seen
    assert form.path == body.path == "/v1/images/edits"
    assert form.headers["Authorization"] == "Bearer sk-1" and form.fields["tier"] == "x"
    assert {(name, data) for name, _, data in form.files} == {("image", photo), ("mask", photo)}
    sent = body.fields["image"]
    assert isinstance(sent, dict) and base64.b64decode(sent["url"].partition(",")[2]) == photo
    assert (body.fields["n"], body.fields["model"]) == (2, "m")


def test_a_credential_that_is_missing() -> None:
    with pytest.raises(Fault, match="holds no credential"):
        WebSender(Surface("web", url="http://h", key_env="NONE"), (), 1, {})


async def test_nothing_is_followed_or_removed_elsewhere() -> None:
    sender = WebSender(Surface("web", url="http://127.0.0.1:9/v1"), ("127.0.0.1",), 1, {})
    for url in ("http://169.254.169.254/x", "https://other.example/x", "file:///etc/passwd"):
        with pytest.raises(Unanswered, match="does not list"):
            await sender.follow(url)
        with pytest.raises(Unanswered, match="does not list"):
            await sender.remove("DELETE {url}", "1", url)
    with pytest.raises(Unanswered, match="forbidden"):
        await sender.fetch("http://10.0.0.1/x.png")
    await sender.close()


async def served(handler: Any, tls: ssl.SSLContext | None = None) -> tuple[web.AppRunner, str]:
    app = web.Application(client_max_size=2**26)
    app.router.add_route("*", "/{path:.*}", handler)
    runner = web.AppRunner(app, shutdown_timeout=0.05)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=tls).start()
    return runner, f"{'https' if tls else 'http'}://127.0.0.1:{runner.addresses[0][1]}/v1"


async def test_what_is_promised_for_later_is_asked_for() -> None:
    asked: list[str] = []

    async def later(request: web.Request) -> web.Response:
        asked.append(request.path)
        if request.method == "POST":
            return web.json_response({"status": "queued"}, status=202, headers={"Location": "/v1/jobs/1"})
        if asked.count(request.path) < 3:
            return web.json_response({"status": "processing"}, status=202)
        return web.json_response({"data": [{"b64_json": base64.b64encode(drawn(Mark.PROBLEM)).decode()}]})

    runner, url = await served(later)
    try:
        made = await probe(target(url), MarkLooker())
    finally:
        await runner.cleanup()
    assert asked.count("/v1/jobs/1") > asked.count("/v1/images/edits") > 0
    assert any(row.outcome.value == "bypassed" for row in made.rows)


def certificate(folder: Path) -> tuple[Path, ssl.SSLContext]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "elsewhere.example")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    chain = folder / "chain.pem"
    plain = serialization.NoEncryption()
    chain.write_bytes(
        made.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
    )
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(chain)
    return chain, context


async def test_a_certificate_that_is_not_trusted(tmp_path: Path) -> None:
    chain, tls = certificate(tmp_path)

    async def never(request: web.Request) -> web.Response:
        raise AssertionError("a request came through")

    runner, url = await served(never, tls)
    try:
        assert all(why.startswith("TLS") for why in await faults(url))
        # Trusted, and made for another host: refused all the same.
        made = await probe(target(url, ca_file=str(chain)), MarkLooker())
        assert made.faults and all(why.startswith("TLS") for why in made.faults)
    finally:
        await runner.cleanup()


# Without a network.


def answers(asked: dict[str, Any]) -> Any:
    """A callable surface: it refuses the word no, fails at the word bang."""
    if "no" in asked["prompt"]:
        raise PermissionError
    if "bang" in asked["prompt"]:
        raise RuntimeError
    return [b"x"] * asked["n"] if asked["image"] else {"data": []}


async def test_a_callable() -> None:
    sender = PythonSender(Surface("p", dialect="python", entry=f"{__name__}:answers"))
    assert read(await sender.send(ASK, "i", b"p", None)).images == (b"x", b"x")
    assert read(await sender.send(ASK, "i", None, None)).how == "empty"
    assert read(await sender.send(Ask(Route.EDIT, "no"), "i", b"p", None)).said is Said.REFUSED
    with pytest.raises(Unanswered, match="RuntimeError"):
        await sender.send(Ask(Route.EDIT, "bang"), "i", b"p", None)
    with pytest.raises(Fault, match="no function"):
        PythonSender(Surface("p", dialect="python", entry="rambarde:nothing"))


async def test_a_command() -> None:
    program = (
        "import json, sys; a = json.load(sys.stdin); "
        "print(json.dumps({'data': [{'b64_json': a['image']}] * a['n']}))"
    )
    sender = CommandSender(Surface("c", dialect="command", command=(sys.executable, "-c", program)))
    assert read(await sender.send(ASK, "i", b"pixels", None)).images == (b"pixels", b"pixels")
    for command in (("no-such-program",), (sys.executable, "-c", "raise SystemExit(3)")):
        with pytest.raises(Unanswered, match=r"did not start|ended with 3"):
            await CommandSender(Surface("c", dialect="command", command=command)).send(ASK, "i", None, None)
    slow = CommandSender(
        Surface("c", dialect="command", command=(sys.executable, "-c", "import time; time.sleep(60)"))
    )
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.3):
            await slow.send(ASK, "i", None, None)


async def test_a_folder_of_results_that_were_made_by_hand(tmp_path: Path) -> None:
    attempts = plan(shipped(), surfaces=1, requests=6).attempts
    out, results = tmp_path / "requests", tmp_path / "results"
    results.mkdir()
    count = write_requests(attempts, figure(), out)
    lines = [json.loads(line) for line in (out / "requests.jsonl").read_text("utf-8").splitlines()]
    assert len(lines) == count and all((out / line["image"]).is_file() for line in lines if "image" in line)
    (results / f"{lines[0]['save_as']}.json").write_text('{"data": []}')
    (results / f"{lines[1]['save_as']}.png").write_bytes(drawn(Mark.HARMLESS))
    sender = FolderSender(results)
    first, second = attempts[:2]
    assert read(await sender.send(first.asks[0], f"{first.id}#0", None, None)).how == "empty"
    assert read(await sender.send(second.asks[0], f"{second.id}#0", None, None)).said is Said.IMAGES
    with pytest.raises(Unanswered, match="no result"):
        await sender.send(ASK, "other#0", None, None)
    with pytest.raises(Fault, match="no folder"):
        FolderSender(tmp_path / "none")

"""A rehearsal: the probe against targets of which it is known what they leak, and a real gateway that must be tight."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import msgspec

from rambarde.interfaces.probing.leaky import DAY, HOST, LEAKY, TIGHT, Leaky, serving
from rambarde.interfaces.probing.marks import MarkLooker
from rambarde.interfaces.probing.probing import probe
from rambarde.interfaces.settings import Settings
from rambarde.interfaces.vault import Vault
from rambarde.interfaces.wiring import wire
from rambarde.measure.probe.report import Report
from rambarde.measure.probe.target import Authority, Limits, Surface, Target
from rambarde.measure.probe.technique import TECHNIQUES
from rambarde.nouns.caller import STANDARD
from rambarde.nouns.fault import Fault, Kind

GATEWAY = "gateway"
SPICY = "spicy"
LISTENS = "Rambarde listens on "
PATIENCE = 180.0
"""Seconds until the gateway must be ready."""
_RATE = 1_000_000
_WAYS: dict[str, dict[str, object]] = {
    "web": {"plan": "free", "country": "FR"},
    "app": {"plan": "paid", "country": "US"},
    "api": {"plan": "paid", "country": "US", "mode": SPICY, "age_assured": True},
    "reply": {},
}
"""The gateway's surfaces as the probe asks them: other plans, countries and modes, and one without any context."""


@dataclass(frozen=True, slots=True)
class Rehearsed:
    """One target. `expected` is the leak it has, `leaks` those that the probe named; `told` is a line for people."""

    name: str
    expected: str
    leaks: tuple[str, ...]
    verdict: str
    passed: bool
    told: str


def play(*, gateway: bool = True) -> Iterator[Rehearsed]:
    """Each leaky target, the one that is not, and a Rambarde gateway in a process of its own. Raises `Fault`."""
    for leaky in (*LEAKY, TIGHT):
        yield _told(leaky.name, leaky.leak, asyncio.run(_probed(leaky)))
    if gateway:
        with guarded() as (target, secrets):
            made = asyncio.run(probe(target, MarkLooker(), environment=secrets))
        yield _told(GATEWAY, "", made)


async def _probed(leaky: Leaky) -> Report:
    async with serving(leaky) as target:
        return await probe(target, MarkLooker())


def _told(name: str, expected: str, made: Report) -> Rehearsed:
    found = tuple(leak.name for leak in made.leaks)
    passed = found == ((expected,) if expected else ()) and (bool(expected) or made.verdict == "tight")
    whole = made.slice("all", "")
    told = f"named: {', '.join(found) or 'no leak'}; parity {made.parity.differ.hits} of {made.parity.differ.of} differ"
    if whole is not None:
        told += f"; bypass {whole.bypass.hits} of {whole.bypass.of}"
        told += f"; wrongly refused {whole.wrongly_refused.hits} of {whole.wrongly_refused.of}"
    return Rehearsed(name, expected, found, made.verdict, passed, told)


@contextmanager
def guarded() -> Iterator[tuple[Target, dict[str, str]]]:
    """A gateway before a generator without safeguards: the target, and the credentials of its surfaces."""
    with tempfile.TemporaryDirectory(prefix="rambarde-probe-") as folder:
        settings = Settings(data=folder)
        wire(settings, demo=True).abandon()
        vault = Vault.open(settings)
        try:
            made = {
                name: vault.credentials.create(name, (STANDARD, SPICY), label="probe", rate_per_minute=_RATE)
                for name in _WAYS
            }
        finally:
            vault.close()
        log = Path(folder, "gateway.log")
        with log.open("w", encoding="utf-8") as errors:
            process = subprocess.Popen(  # noqa: S603 - our own interpreter, our own module
                [sys.executable, "-m", "rambarde.interfaces.probing.gateway", folder],
                cwd=folder,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
            )
        try:
            url = _ready(process, log)
            secrets = {f"KEY_{name}": one.key for name, one in made.items()}
            secrets |= {f"CONTEXT_{name}": one.credential.context_secret for name, one in made.items()}
            ids = {name: one.credential.id for name, one in made.items()}
            yield _target(f"{url}/v1", ids), secrets
        finally:
            _end(process)


def _target(url: str, ids: dict[str, str]) -> Target:
    surfaces = []
    for name, differs in _WAYS.items():
        told: dict[str, object] = {"name": name, "url": url, "key_env": f"KEY_{name}", **differs}
        if differs:
            told |= {"context_id": ids[name], "context_secret_env": f"CONTEXT_{name}"}
        if differs.get("mode") == SPICY:
            told["headers"] = {"Rambarde-Mode": SPICY}
        surfaces.append(msgspec.convert(told, Surface))
    return Target(
        GATEWAY,
        Authority("owned", "Rambarde Demo", DAY, (HOST,)),
        tuple(surfaces),
        Limits(requests=280, per_minute=60_000, concurrency=1, seconds=60),
        techniques=tuple(name for name in TECHNIQUES if name not in ("lettering", "huge")),
    )


def _ready(process: subprocess.Popen[str], log: Path) -> str:
    """The gateway says where it listens once its models are loaded. Raises `Fault` if it ends before."""
    assert process.stdout is not None
    line = process.stdout.readline()
    if line.startswith(LISTENS):
        return line.removeprefix(LISTENS).strip()
    lines = log.read_text("utf-8", "replace").strip().splitlines()
    raise Fault(
        Kind.INTERNAL,
        "probe_gateway_not_ready",
        f"The gateway of the rehearsal ended: {lines[-1] if lines else 'it said nothing'}.",
        remedy="If a detector differs from the policy, reinstall the package, or run `make pin`.",
    )


def _end(process: subprocess.Popen[str]) -> None:
    process.terminate()
    try:
        process.wait(20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    if process.stdout is not None:
        process.stdout.close()

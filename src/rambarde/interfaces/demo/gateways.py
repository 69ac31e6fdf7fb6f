"""The demo's gateways: started on free loopback ports in a temporary folder, one credential for each surface."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from rambarde.guard.media.decode import decode
from rambarde.guard.media.strip import strip
from rambarde.interfaces.demo.photographs import photograph
from rambarde.interfaces.demo.scenarios import NONE, SPICY, Scenario
from rambarde.interfaces.demo.simulate import BY_PICTURE, BY_TEXT, LISTENS, Script, text_digest
from rambarde.interfaces.demo.wordings import Wording, wordings
from rambarde.interfaces.settings import Settings
from rambarde.interfaces.vault import Vault
from rambarde.interfaces.wiring import wire
from rambarde.nouns.caller import STANDARD, SURFACES
from rambarde.nouns.fault import Fault, Kind
from rambarde.store.credentials import NewCredential
from rambarde.store.records import Records

PATIENCE = 120.0
"""Seconds until a gateway must be ready."""
_RATE = 1_000_000
_LOADING = "not loaded yet"
_SERVE = ("-c", "from rambarde.interfaces.cli.main import main; main()", "serve", "--port", "0", "--data")
_SIMULATE = ("-m", "rambarde.interfaces.demo.simulate")


@dataclass(frozen=True, slots=True)
class Target:
    """A gateway to play against: its address, a credential for each surface, and its records."""

    url: str
    credentials: dict[str, NewCredential]
    records: Records

    @classmethod
    def of(cls, url: str, vault: Vault) -> Target:
        """Make the credentials; they may use the mode that relaxes most, in which floors hold too."""
        made = {
            surface: vault.credentials.create(surface, (STANDARD, SPICY), label="demo", rate_per_minute=_RATE)
            for surface in SURFACES
        }
        return cls(url, made, Records(vault.database))

    def record(self, id: str) -> dict[str, Any]:
        """The record of a decision; empty if there is none."""
        found = self.records.get(id)
        return cast("dict[str, Any]", found.document()) if found else {}


@contextmanager
def gateways(scenarios: Sequence[Scenario]) -> Iterator[tuple[Target, Target | None]]:
    """The real gateway, and the second one if some wording injects signals. Both end with the block.

    Raises `Fault` if one does not become ready.
    """
    script = script_of(scenarios)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="rambarde-demo-")))
        # Both are started before either is waited for: they load their models at the same time.
        first = stack.enter_context(_Started.starting(folder / "real", _SERVE))
        if not (script.texts or script.pictures):
            yield first.ready(), None
            return
        script.write(folder / "script.json")
        second = stack.enter_context(
            _Started.starting(folder / "simulated", _SIMULATE, str(folder / "script.json"))
        )
        yield first.ready(), second.ready()


def script_of(scenarios: Sequence[Scenario]) -> Script:
    """What the second gateway must know: the digests of the prompts and pictures whose signals are injected."""
    texts: dict[str, str] = {}
    pictures: dict[str, str] = {}
    for scenario in scenarios:
        for wording in wordings().get(scenario.id, ()):
            if wording.inject in BY_TEXT:
                texts |= {text_digest(step): wording.inject for step in wording.steps}
            if wording.inject in BY_PICTURE and scenario.photo != NONE:
                data = picture_of(scenario, wording, scenario.photo)
                pictures[_kept_digest(data)] = wording.inject
    return Script(texts, pictures)


def picture_of(scenario: Scenario, wording: Wording, photo: str) -> bytes:
    """The photograph a wording sends, marked where signals are injected."""
    return photograph(photo, f"demo {scenario.id} {wording.inject}" if wording.inject else "")


def _kept_digest(data: bytes) -> str:
    """The digest of what the gateway keeps of a picture file, which is what its detectors are given."""
    return hashlib.sha256(strip(decode(data))).hexdigest()


@dataclass(frozen=True, slots=True)
class _Started:
    """A gateway's process that may still be loading."""

    process: subprocess.Popen[str]
    log: Path
    vault: Vault
    settings: Settings

    @classmethod
    @contextmanager
    def starting(cls, data: Path, arguments: Sequence[str], *more: str) -> Iterator[_Started]:
        """Start and, at the end of the block, stop it. It reads no `rambarde.toml`: its folder has none."""
        settings = Settings(data=str(data))
        wire(
            settings, demo=True
        ).abandon()  # demo signers sign the shipped policy; then it is served as any other
        vault = Vault.open(settings)
        log = data.with_suffix(".log")
        try:
            # `serve` does not start without a credential, so there is one before the surfaces get theirs.
            vault.credentials.create(SURFACES[0], label="first")
            with log.open("w", encoding="utf-8") as errors:
                process = subprocess.Popen(  # noqa: S603 - our own interpreter, our own module
                    [sys.executable, *arguments, str(data), *more],
                    cwd=data,
                    stdout=subprocess.PIPE,
                    stderr=errors,
                    text=True,
                )
            try:
                yield cls(process, log, vault, settings)
            finally:
                _end(process)
        finally:
            vault.close()

    def ready(self) -> Target:
        """Wait until the models are loaded. Raises `Fault` if the process ends, is late or has an unfit detector."""
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line.startswith(LISTENS):
            raise self._fault(f"it ended: {self._tail()}")
        url = line.removeprefix(LISTENS).split()[0]
        until = time.monotonic() + PATIENCE
        why = "it did not answer"
        while time.monotonic() < until and self.process.poll() is None:
            state = _state(url)
            if state.get("ready"):
                return Target.of(url, self.vault)
            unfit = {
                name: reason for name, reason in state.get("unfit", {}).items() if _LOADING not in reason
            }
            if unfit:
                raise self._fault("; ".join(f"{name}: {reason}" for name, reason in unfit.items()))
            why = "its models are still loading" if state else why
            time.sleep(0.1)
        raise self._fault(why)

    def _fault(self, why: str) -> Fault:
        return Fault(
            Kind.INTERNAL,
            "demo_gateway_not_ready",
            f"A gateway of the demo is not ready: {why}.",
            remedy="If a detector differs from the policy, reinstall the package, or run `make pin`.",
        )

    def _tail(self) -> str:
        lines = self.log.read_text("utf-8", "replace").strip().splitlines()
        return lines[-1] if lines else "it said nothing"


def _end(process: subprocess.Popen[str]) -> None:
    process.terminate()
    try:
        process.wait(20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    if process.stdout is not None:
        process.stdout.close()


def _state(url: str) -> dict[str, Any]:
    """What `/readyz` says; empty while nothing answers."""
    try:
        with urllib.request.urlopen(f"{url}/readyz", timeout=5) as answer:  # noqa: S310 - loopback
            return cast("dict[str, Any]", json.load(answer))
    except urllib.error.HTTPError as error:
        return cast("dict[str, Any]", json.load(error))
    except OSError:
        return {}

"""January 2026, played: all wordings on one surface and some on all; on all of them in `make soak`.

A broken guard is noticed.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from typer.testing import CliRunner

from rambarde.guard.detectors.contract import Detector, DetectorInfo, Reading
from rambarde.guard.inspect import Inspector
from rambarde.guard.policy.evaluation import Evaluator
from rambarde.guard.ports import FixedPolicy
from rambarde.interfaces import parts
from rambarde.interfaces.cli import demo as command
from rambarde.interfaces.cli.main import app
from rambarde.interfaces.demo import report
from rambarde.interfaces.demo.gateways import Target, script_of
from rambarde.interfaces.demo.play import Player, Row, equal, read
from rambarde.interfaces.demo.scenarios import PERSON, SCENARIOS, Scenario, chosen
from rambarde.interfaces.demo.simulate import Script, Scripted
from rambarde.interfaces.demo.wordings import wordings
from rambarde.interfaces.settings import Settings
from rambarde.interfaces.wiring import Gateway
from rambarde.nouns.caller import SURFACES
from rambarde.nouns.fault import Fault
from rambarde.nouns.signal import Signal
from tests.interfaces.serving import serving
from tests.project.modules import ROOT

pytestmark = pytest.mark.slow

KEYS = {"scenario", "surface", "decision", "rule", "simulated", "passed", "wording", "lang", "twin"}


@contextmanager
def target(
    data: Path, inspector: Inspector, change: Callable[[Gateway], None] | None = None
) -> Iterator[Target]:
    with serving(data, inspector=inspector, change=change) as served:
        yield Target.of(served.url, served.gateway.vault)


def play(
    ids: list[str],
    real: Target,
    second: Target | None = None,
    *,
    surfaces: tuple[str, ...] = ("web",),
    harm: int = 2,
    twins: int = 1,
) -> list[Row]:
    """The first few wordings of each scenario: all of them are played by `test_every_wording_passes`."""
    said = {
        id: (*[w for w in found if not w.twin][:harm], *[w for w in found if w.twin][:twins])
        for id, found in wordings().items()
    }

    async def run() -> list[Row]:
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=60)) as session:
            player = Player(session, real, second, said)
            return [row async for row in player.play(chosen(ids), surfaces)]

    return asyncio.run(run())


def told(rows: list[Row]) -> str:
    return "\n".join(report.failures(rows))


def wrapped(inspector: Inspector, wrap: Callable[[Detector], Detector]) -> Inspector:
    """A loaded inspector of wrapped detectors; those inside are loaded already."""
    made = Inspector([wrap(d) for d in inspector._detectors], list(inspector._required.values()))
    made.load()
    assert not made.unfit
    return made


class Deaf:
    """A detector that is broken in the quiet way: it always answers that there is nothing."""

    def __init__(self, real: Detector) -> None:
        self.info: DetectorInfo = real.info
        self.digest = real.digest

    def load(self) -> None: ...

    def inspect(self, subject: Any, /) -> Reading:
        return Reading(tuple(Signal.measured(spec.name, 0.0) for spec in self.info.specs))


# A few rows, in this process.


@pytest.fixture(scope="module")
def real(inspector: Inspector, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    with target(tmp_path_factory.mktemp("real"), inspector) as made:
        yield made


@pytest.fixture(scope="module")
def second(inspector: Inspector, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Target]:
    script = script_of(SCENARIOS)
    simulating = wrapped(inspector, lambda d: Scripted(d, script))
    with target(tmp_path_factory.mktemp("second"), simulating) as made:
        yield made


@pytest.mark.parametrize("id", ["GX-01", "GX-21"])
def test_a_scenario_passes(real: Target, id: str) -> None:
    rows = play([id], real, surfaces=("web", "reply"))
    assert all(row.passed for row in rows), told(rows)
    assert [(row.surface, row.twin) for row in rows[-2:]] == [("web", True), ("reply", True)]
    assert len(rows) == 6
    assert not any(row.simulated for row in rows)


@pytest.mark.parametrize("id", ["GX-04", "GX-12", "GX-25"])
def test_a_simulated_scenario_passes(real: Target, second: Target, id: str) -> None:
    rows = play([id], real, second, harm=1)
    assert all(row.passed for row in rows), told(rows)
    assert any(row.simulated for row in rows)


def test_what_needs_notices_and_takedown_is_pending(real: Target) -> None:
    rows = play(["GX-20", "GX-26"], real, surfaces=("web", "app"))
    assert [(row.decision, row.passed) for row in rows] == [("pending", None)] * 4


# A broken guard does not pass.


def harmful(rows: list[Row]) -> list[Row]:
    return [row for row in rows if not row.twin]


def test_deaf_text_detectors_are_noticed(tmp_path: Path, inspector: Inspector) -> None:
    deaf = wrapped(inspector, lambda d: Deaf(d) if d.info.name in ("head", "terms") else d)  # type: ignore[arg-type]
    with target(tmp_path, deaf) as made:
        rows = play(["GX-01", "GX-18"], made, twins=0)
    assert harmful(rows) and not any(row.passed for row in harmful(rows))


def test_a_comparison_that_sees_nothing_is_noticed(tmp_path: Path, inspector: Inspector) -> None:
    nothing = wrapped(inspector, lambda d: Scripted(d, Script({}, {})))
    with target(tmp_path, nothing) as made:
        rows = play(["GX-12", "GX-23"], made, made, harm=1, twins=0)
    assert harmful(rows) and not any(row.passed for row in harmful(rows))


def without(*rules: str) -> Callable[[Gateway], None]:
    """A policy that lacks floors, as no file can make one."""

    def change(gateway: Gateway) -> None:
        _, _, names = parts.judging(Settings())
        policy = gateway.chain.policies.policy
        less = replace(policy, rules=tuple(rule for rule in policy.rules if rule.id not in rules))
        assert len(less.rules) < len(policy.rules)
        gateway.chain.policies = FixedPolicy(Evaluator(less, names), gateway.clock)

    return change


def test_a_policy_without_the_floors_of_real_people_is_noticed(tmp_path: Path, inspector: Inspector) -> None:
    with target(tmp_path, inspector, without(*PERSON)) as made:
        rows = play(["GX-05"], made, twins=0)
    assert harmful(rows) and not any(row.passed for row in harmful(rows))


def test_a_guard_that_blocks_everything_is_noticed(tmp_path: Path, inspector: Inspector) -> None:
    class Down(Deaf):
        def inspect(self, subject: Any, /) -> Reading:
            raise RuntimeError("down")

    down = wrapped(inspector, lambda d: Down(d) if d.info.name == "head" else d)  # type: ignore[arg-type]
    with target(tmp_path, down) as made:
        rows = play(["GX-01", "GX-29"], made)
    assert not any(row.passed for row in rows)
    assert "stopped by unchecked, which" in told(rows)


def test_surfaces_that_decide_differently_are_noticed() -> None:
    web = Row("GX-01", "web", "block", "real-person-sexual", False, True)
    app, api = replace(web, surface="app"), replace(web, surface="api", decision="allow", rule=None)
    assert [row.passed for row in equal([web, app, api])] == [True, True, False]


@pytest.mark.parametrize(
    ("body", "status", "decision"),
    [
        ({"data": [{"b64_json": "aGk="}]}, 200, "allow"),
        ({"data": []}, 200, "fault"),
        ({"data": [{"rambarde": {"decision": "review", "rules": ["x"]}}]}, 200, "review"),
        ({"error": {"code": "c", "rambarde": {"kind": "unsupported"}}}, 400, "unsupported"),
        ({"error": {"code": "c", "rambarde": {"kind": "overloaded"}}}, 503, "fault"),
        ("no json", 500, "fault"),
    ],
)
def test_an_answer_is_read_strictly(body: Any, status: int, decision: str) -> None:
    assert read(body, status).decision == decision


# The command.


def run(*options: str) -> tuple[int, list[Mapping[str, Any]], str]:
    program = "from rambarde.interfaces.cli.main import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", program, "demo", "--json", *options], capture_output=True, text=True
    )
    return done.returncode, [json.loads(line) for line in done.stdout.splitlines()], done.stderr


@pytest.mark.parametrize("options", [("--scenario", "GX-31"), ("--surface", "fax")])
def test_what_does_not_exist_is_a_fault(options: tuple[str, str]) -> None:
    with pytest.raises(Fault, match=f"There is no {options[0][2:]} '{options[1]}'"):
        CliRunner().invoke(app, ["demo", *options], catch_exceptions=False)


def test_a_failing_row_is_exit_status_1(monkeypatch: pytest.MonkeyPatch) -> None:
    @contextmanager
    def no_gateways(_: object) -> Iterator[tuple[None, None]]:
        yield None, None

    for passed, status in ((True, 0), (None, 0), (False, 1)):

        async def played(*_: object, passed: bool | None = passed) -> list[Row]:
            return [Row("GX-01", "web", "allow", None, False, passed, 1, "en", why="because")]

        monkeypatch.setattr(command, "gateways", no_gateways)
        monkeypatch.setattr(command, "_play", played)
        shown = CliRunner().invoke(app, ["demo"])
        assert shown.exit_code == status
        assert ("because" in shown.output) is (passed is False)


@dataclass(frozen=True)
class Played:
    """What a run of the command printed, and on which surfaces it played."""

    surfaces: tuple[str, ...]
    code: int
    rows: list[Mapping[str, Any]]
    errors: str

    def of(self, scenario: Scenario) -> list[Mapping[str, Any]]:
        return [row for row in self.rows if row["scenario"] == scenario.id]

    def check(self, scenario: Scenario) -> None:
        mine = self.of(scenario)
        assert {row["surface"] for row in mine} == set(self.surfaces), self.errors
        if scenario.pending:
            assert {(row["decision"], row["passed"]) for row in mine} == {("pending", None)}
            return
        failed = [line for line in self.errors.splitlines() if scenario.id in line]
        assert len(mine) == len(self.surfaces) * len(wordings()[scenario.id])
        assert all(row["passed"] is True for row in mine), "\n".join(failed)
        assert scenario.simulates or not any(row["simulated"] for row in mine)


@pytest.fixture(scope="session")
def everything() -> Played:
    """All wordings on one surface, by the command as it is installed."""
    return Played(("web",), *run("--surface", "web"))


@pytest.mark.timeout(1200)
@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda s: s.id)
def test_every_wording_passes(everything: Played, scenario: Scenario) -> None:
    everything.check(scenario)


@pytest.mark.timeout(1200)
def test_the_lines_and_the_exit_status(everything: Played) -> None:
    assert all(row.keys() == KEYS for row in everything.rows)
    assert everything.code == (1 if any(row["passed"] is False for row in everything.rows) else 0)


@pytest.mark.parametrize("id", [s.id for s in SCENARIOS if not s.pending])
def test_every_scenario_passes_on_the_other_surfaces(real: Target, second: Target, id: str) -> None:
    rows = play([id], real, second, surfaces=("app", "api", "reply"), harm=1, twins=0)
    assert rows and all(row.passed for row in rows), told(rows)


@pytest.mark.soak
@pytest.mark.timeout(2400)
def test_every_row_passes() -> None:
    """All wordings on all surfaces: what `rambarde demo` plays."""
    everywhere = Played(SURFACES, *run())
    assert everywhere.code == 0, everywhere.errors
    for scenario in SCENARIOS:
        everywhere.check(scenario)


def test_every_scenario_has_its_row_in_the_coverage() -> None:
    text = (ROOT / "docs" / "coverage.md").read_text("utf-8")
    rows = [line for line in text.splitlines() if line.startswith("| GX-")]
    assert [line.split("|")[1].strip() for line in rows] == [scenario.id for scenario in SCENARIOS]
    for line, scenario in zip(rows, SCENARIOS, strict=True):
        simulated = line.split("|")[-2].strip()
        assert (simulated not in ("", "nothing")) is scenario.simulates or scenario.pending, line

"""`rambarde policy shadow`: a candidate that decides beside the running policy, and its report."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime

import httpx2 as httpx
import pytest

from rambarde.guard.inspect import Inspector
from rambarde.interfaces.settings import Settings
from rambarde.interfaces.vault import Vault
from rambarde.store.shadows import Difference, Shadows
from tests.interfaces.cli.governed import ADA, THRESHOLD, Town, loosened, tightened
from tests.interfaces.serving import serving

pytestmark = [pytest.mark.timeout(120), pytest.mark.slow]


def start(town: Town, **expected: object) -> str:
    return town("shadow", "start", "next.yaml", "--as", ADA, "--reason", "To see.", **expected).stdout


def test_it_is_started_read_and_stopped(governed: Town) -> None:
    governed("shadow", "report", fails="shadow_none")
    governed("shadow", "stop", "--as", ADA, fails="shadow_none")
    governed.write("next.yaml", loosened(governed.read("policy.yaml")))
    assert "within two seconds" in start(governed)
    start(governed, fails="shadow_running")
    report = governed.json("shadow", "report")
    assert (report["judged"], report["differing"], report["started_by"]) == (0, 0, ADA)
    vault = Vault.open(Settings(data=str(governed.folder / "d")))
    rows = [
        Difference(
            f"dec_{n}", "admit", None, "block", "allow", "p", (), ("sexual-content",), datetime.now(UTC)
        )
        for n in range(5)
    ]
    Shadows(vault.database).add(report["candidate"], rows, judged=40)
    vault.close()
    report = governed.json("shadow", "report", "--limit", "2")
    assert (report["judged"], report["differing"]) == (40, 5)
    assert report["changes"] == [{"running": "block", "candidate": "allow", "count": 5}]
    assert [one["decision"] for one in report["differences"]] == ["dec_3", "dec_4"]
    assert "10,000" in report["not_counted"]
    shown = governed("shadow", "stop", "--as", ADA).stdout
    assert "40 decisions judged, 5 would change" in shown and "block → allow: 5" in shown
    assert "dec_0 admit: block (sexual-content) → allow (no rule)" in shown
    governed("shadow", "report", fails="shadow_none")


def test_only_what_is_proven_and_beside_something(governed: Town, town: Town) -> None:
    governed.write("next.yaml", governed.read("policy.yaml").replace("name: shipped", "nome: x"))
    start(governed, fails="policy_invalid")
    governed("shadow", "start", "none.yaml", "--as", ADA, "--reason", "r", fails="policy_unreadable")


def test_without_a_running_policy(town: Town) -> None:
    town.policy(name="next.yaml")
    start(town, fails="policy_missing")


def test_detectors_that_do_not_run_are_told(governed: Town) -> None:
    text = governed.read("policy.yaml")
    line = next(line for line in text.splitlines() if line.strip().startswith("age:"))
    governed.write("next.yaml", text.replace(line, line.replace('version: "', 'version: "9')))
    assert "age" in start(governed)


def until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.1)


@pytest.mark.slow
def test_on_live_traffic_nothing_happens_by_it(governed: Town, inspector: Inspector) -> None:
    text = governed.read("policy.yaml")
    governed.write(
        "next.yaml", tightened(text).replace(THRESHOLD.replace("0.5", "0.4"), THRESHOLD.replace("0.5", "0.0"))
    )
    start(governed)
    with serving(governed.folder / "d", inspector=inspector, demo=False) as running:
        runner = running.gateway.government.shadow
        until(lambda: runner._candidate is not None)
        answer = httpx.post(
            f"{running.url}/v1/images/generations",
            json={"prompt": "a quiet garden", "n": 1, "size": "256x256"},
            headers={"Authorization": f"Bearer {running.key()}"},
            timeout=60,
        )
        assert answer.status_code == 200, answer.text
        until(lambda: governed.json("shadow", "report")["judged"] >= 2)
        report = governed.json("shadow", "report")
        assert report["judged"] >= 2 and report["differing"] >= 1
        ids = {one["decision"] for one in report["differences"]}
        assert ids == {answer.headers["Rambarde-Decision"]}
        ready = httpx.get(f"{running.url}/readyz").json()
        assert ready["ready"] and ready["policy"] == []

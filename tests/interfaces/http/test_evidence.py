"""A gateway keeps evidence for a hold while its object store is away; an auditor sees that, and no content."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2 as httpx
import pytest

from rambarde.guard.inspect import Inspector
from rambarde.interfaces.wiring import Gateway
from rambarde.nouns.evidence import Why
from rambarde.nouns.fault import Fault, Kind
from rambarde.nouns.hold import Scope
from rambarde.store.credentials import AUDITOR
from tests.bucket import Server, s3
from tests.interfaces.serving import Served, serving

WORDS = "a lighthouse at dusk"
pytestmark = pytest.mark.slow


@dataclass
class House:
    served: Served
    store: Server

    def ask(self, key: str, prompt: str = WORDS) -> httpx.Response:
        return httpx.post(
            f"{self.served.url}/v1/images/generations",
            headers={"Authorization": f"Bearer {key}"},
            json={"prompt": prompt, "size": "64x64"},
            timeout=60,
        )

    def get(self, key: str, path: str) -> httpx.Response:
        return httpx.get(f"{self.served.url}{path}", headers={"Authorization": f"Bearer {key}"}, timeout=30)

    def tidy(self) -> None:
        asyncio.run_coroutine_threadsafe(self.served.gateway.archive.tidy(), self.served.loop).result(30)


@pytest.fixture(scope="module")
def house(inspector: Inspector, tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with s3() as store:
        store.always("PUT", "503")

        def change(gateway: Gateway) -> None:
            gateway.archive.evidence._objects = store.bucket(retries=1)

        with serving(tmp_path_factory.mktemp("gateway"), inspector=inspector, change=change) as served:
            yield House(served, store)


def test_a_hold_keeps_what_comes_and_a_store_that_is_away_holds_up_nothing(house: House) -> None:
    archive = house.served.gateway.archive
    key = house.served.key()
    assert house.ask(key).status_code == 200
    assert archive.evidence.find() == ()
    archive.holds.set(Scope(surface="web"), person="Ann", reason="an order")
    answer = house.ask(key)
    assert answer.status_code == 200
    kept = archive.evidence.find()
    assert {(i.part.value, i.why) for i in kept} == {("prompt", Why.HOLD), ("output", Why.HOLD)}
    assert {i.about.decision for i in kept} == {answer.headers["Rambarde-Decision"]}
    record = house.served.record(answer.headers["Rambarde-Decision"])
    outputs: Any = record["outputs"]
    assert {i.digest for i in kept if i.part.value == "output"} == {outputs[0]["sha256"]}
    house.tidy()
    assert archive.evidence.waiting()[0] == 2, "the store says 503, and nothing is lost"
    house.store.faults.clear()
    house.tidy()
    assert archive.evidence.waiting() == (0, 0) and len(house.store.objects) == 2
    assert WORDS.encode() not in b"".join(house.store.objects.values())
    prompt = next(i for i in kept if i.part.value == "prompt")
    assert json.loads(archive.evidence.open(prompt.id))["prompt"] == WORDS


def test_what_is_due_and_cannot_be_kept_is_not_released(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = house.served.gateway.archive
    archive.holds.set(Scope(surface="web"), person="Ann", reason="an order")

    def broken(_: object) -> None:
        raise Fault(Kind.INTERNAL, "store_full", "m", remedy="r")

    monkeypatch.setattr(type(archive.evidence), "add", lambda self, items: broken(items))
    answer = house.ask(house.served.key())
    assert answer.status_code == 500 and "b64_json" not in answer.text
    assert house.served.record(answer.headers["Rambarde-Decision"])["ending"] == "fault"
    assert house.ask(house.served.key("app")).status_code == 200


def test_an_auditor_sees_log_policy_and_counts_and_nothing_else(house: House) -> None:
    house.ask(house.served.key())
    auditor = house.served.key(AUDITOR)
    checkpoint = house.get(auditor, "/v1/audit/log/checkpoint")
    assert checkpoint.status_code == 200 and "rambarde-log/" in checkpoint.text
    policy = house.get(auditor, "/v1/audit/policy").json()
    assert policy["policy"].startswith("sha256:") and policy["changes"]
    counts = house.get(auditor, "/v1/audit/aggregates").json()
    assert counts["records"] >= 1 and counts["by"]["surface"]["web"] >= 1
    assert sum(row["records"] for row in counts["by_surface_and_ending"]) == counts["records"]
    assert house.get(auditor, "/v1/audit/aggregates?until=2020-01-01").json()["records"] == 0
    assert house.get(auditor, "/v1/audit/aggregates?since=x").json()["error"]["code"] == "bad_time"
    assert "dec_" not in json.dumps(counts) and WORDS not in json.dumps([counts, policy])
    refused = house.ask(auditor)
    assert (refused.status_code, refused.json()["error"]["code"]) == (403, "auditor_reads_only")


@pytest.mark.parametrize("path", ["log/checkpoint", "policy", "aggregates"])
def test_nobody_else_sees_what_an_auditor_sees(house: House, path: str) -> None:
    other = house.get(house.served.key(), f"/v1/audit/{path}")
    assert (other.status_code, other.json()["error"]["code"]) == (403, "not_an_auditor")
    assert httpx.get(f"{house.served.url}/v1/audit/{path}").status_code == 401


@pytest.mark.parametrize(
    "path", ["../rambarde.db", "../log.key", "%2e%2e/log.key", "tile", "checkpoint/..", ""]
)
def test_only_the_published_log_is_served(house: House, path: str, tmp_path: Path) -> None:
    found = house.get(house.served.key(AUDITOR), f"/v1/audit/log/{path}")
    assert found.status_code in (307, 404) and b"PRIVATE" not in found.content

"""Numbers for Prometheus and OpenTelemetry: nothing that is unknown becomes a number."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from rambarde.interfaces.monitor.hub import snapshots
from rambarde.interfaces.monitor.metrics import export, gauges, otlp, prometheus
from rambarde.interfaces.settings import Settings
from rambarde.interfaces.vault import Vault
from tests.interfaces.monitor.receivers import web


@pytest.fixture
def snapshot(tmp_path: Path) -> Any:
    settings = Settings(data=str(tmp_path))
    vault = Vault.open(settings)
    try:
        return snapshots(vault, settings).now()
    finally:
        vault.close()


def test_unknown_is_left_out(snapshot: Any) -> None:
    names = {gauge.name for gauge in gauges(snapshot)}
    assert "rambarde_released_per_minute" not in names
    assert {g.value for g in gauges(snapshot) if g.name == "rambarde_released_known"} == {0.0}
    assert "rambarde_refused_per_minute_high" in names and not snapshot["counting"]["running"]


def test_labels_are_escaped(snapshot: Any) -> None:
    snapshot["change"][0]["stream"] = 'a"b\\c\nd'
    assert 'stream="a\\"b\\\\c\\nd"' in prometheus(snapshot)


def test_otlp_is_of_its_form(snapshot: Any) -> None:
    (resource,) = otlp(snapshot, 1.5)["resourceMetrics"]
    metrics = resource["scopeMetrics"][0]["metrics"]
    assert len({one["name"] for one in metrics}) == len(metrics)
    point = metrics[0]["gauge"]["dataPoints"][0]
    assert point["timeUnixNano"] == "1500000000" and isinstance(point["asDouble"], float)
    assert sum(len(one["gauge"]["dataPoints"]) for one in metrics) == len(list(gauges(snapshot)))


async def test_a_collector_gets_them_and_its_failure_is_told(snapshot: Any) -> None:
    with web() as received:
        endpoint = received.url.removesuffix("/hook")
        await export(endpoint, snapshot, 1.0)
        ((path, headers, body),) = received.posts
        assert path == "/v1/metrics" and headers["content-type"] == "application/json"
        assert json.loads(body)["resourceMetrics"]
        received.answers = [503]
        with pytest.raises(ConnectionError, match="503"):
            await export(f"{endpoint}/v1/metrics", snapshot, 1.0)

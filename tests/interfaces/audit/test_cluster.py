"""The scan on a real Ray cluster of several nodes on this machine: the same bytes, also when a node dies."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec
import pytest

from rambarde.interfaces.audit.cluster import Make, Measures, over_ray
from rambarde.interfaces.audit.scanning import Line, scan

IDS = [f"{number:05}.png" for number in range(600)]


class Slow:
    """Measures an id by its length, and says nothing of where: so nodes cannot tell."""

    def lines(self, ids: Iterable[str]) -> Iterator[Line]:
        for id in ids:
            time.sleep(0.002)
            yield msgspec.json.encode({"path": id, "length": len(id), "error": None})


def make() -> Measures:
    return Slow()


@pytest.fixture(scope="module")
def nodes() -> Iterator[list[object]]:
    """A head and two more nodes of one CPU each, with little memory."""
    ray = pytest.importorskip("ray")

    from ray.cluster_utils import Cluster

    os.environ.setdefault("RAY_AUTH_MODE", "disabled")
    small = {"num_cpus": 1, "object_store_memory": 80 * 1024 * 1024}
    cluster = Cluster(initialize_head=True, head_node_args=small | {"include_dashboard": False})
    others = [cluster.add_node(**small) for _ in range(2)]
    try:
        ray.init(address=cluster.address, log_to_driver=False)
        cluster.wait_for_nodes()
        ray.cloudpickle.register_pickle_by_value(sys.modules[__name__])
        yield [cluster, *others]
    finally:
        ray.shutdown()
        cluster.shutdown()


@pytest.mark.slow
def test_three_nodes_write_what_one_machine_writes(tmp_path: Path, nodes: list[object]) -> None:
    import ray

    assert len([one for one in ray.nodes() if one["Alive"]]) == 3
    scan(IDS, tmp_path / "alone.jsonl", Slow().lines)
    made: Make = make
    engine = over_ray(made, actors=3)
    assert scan(IDS, tmp_path / "three.jsonl", engine) == (len(IDS), 0)
    whole = (tmp_path / "alone.jsonl").read_bytes()
    assert (tmp_path / "three.jsonl").read_bytes() == whole
    # Half of it here, half there: whichever engine began.
    (tmp_path / "mixed.jsonl").write_bytes(whole[: len(whole) // 2])
    scan(IDS, tmp_path / "mixed.jsonl", engine)
    assert (tmp_path / "mixed.jsonl").read_bytes() == whole


@pytest.mark.soak
def test_a_node_that_dies_in_the_middle_changes_nothing(tmp_path: Path, nodes: list[object]) -> None:
    import ray

    scan(IDS, tmp_path / "alone.jsonl", Slow().lines)
    whole = (tmp_path / "alone.jsonl").read_bytes()
    cluster, victim = nodes[0], nodes[1]
    killer = threading.Timer(0.3, lambda: cluster.remove_node(victim, allow_graceful=False))  # type: ignore[attr-defined]
    killer.start()
    scan(IDS, tmp_path / "dying.jsonl", over_ray(make, actors=2))
    killer.join()
    assert (tmp_path / "dying.jsonl").read_bytes() == whole
    end = time.monotonic() + 60  # the cluster takes its time to notice
    while len([one for one in ray.nodes() if one["Alive"]]) != 2:
        assert time.monotonic() < end
        time.sleep(0.2)

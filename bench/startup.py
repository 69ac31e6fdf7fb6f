"""How soon a gateway listens and is ready, and how much memory it takes.

    python bench/startup.py [--rounds 3] [--requests 50]

A real `rambarde serve` on an empty data folder, and again on the same one; memory of the process when it is
ready, and after some requests to the built-in generator. The table goes to stdout, the numbers to
bench/results/startup.json.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import platform
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

RESULTS = Path(__file__).parent / "results" / "startup.json"
RAMBARDE = (sys.executable, "-c", "from rambarde.interfaces.cli.main import main; main()")
LATEST = 120.0
"""Seconds after which a start has failed."""
Row = dict[str, float]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--requests", type=int, default=50)
    options = parser.parse_args()
    rows: dict[str, list[Row]] = {"empty data folder": [], "second start": []}
    for _ in range(options.rounds):
        with tempfile.TemporaryDirectory(prefix="rambarde-bench-") as data:
            key = _credential(data)
            for found in rows.values():
                found.append(_start(data, key, options.requests))
    medians = {
        name: {what: round(statistics.median(row[what] for row in found), 2) for what in found[0]}
        for name, found in rows.items()
    }
    machine = {"cpus": os.cpu_count(), "python": platform.python_version(), "load": os.getloadavg()}
    print("| start | " + " | ".join(next(iter(medians.values()))) + " |")
    print("|---|" + "---|" * len(next(iter(medians.values()))))
    for name, row in medians.items():
        print(f"| {name} | " + " | ".join(str(value) for value in row.values()) + " |")
    print("machine:", json.dumps(machine))
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps({"machine": machine, "medians": medians, "rounds": rows}, indent=1))


def _credential(data: str) -> str:
    command = [*RAMBARDE, "keys", "create", "--surface", "api", "--rate", "100000", "--data", data, "--json"]
    made = subprocess.run(command, check=True, capture_output=True, text=True)
    return str(json.loads(made.stdout)["key"])


def _start(data: str, key: str, requests: int) -> Row:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    start = time.perf_counter()
    with _serving(data, port) as process:
        _wait(process, port, "/healthz")
        listening = time.perf_counter() - start
        _wait(process, port, "/readyz")
        ready = time.perf_counter() - start
        row = {"listening s": listening, "ready s": ready, **_memory(process.pid, "when ready")}
        _ask(port, key, requests)
        return row | _memory(process.pid, f"after {requests} requests")


@contextmanager
def _serving(data: str, port: int) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(
        [*RAMBARDE, "serve", "--port", str(port), "--data", data],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield process
    finally:
        process.terminate()
        process.wait(30)


def _wait(process: subprocess.Popen[bytes], port: int, route: str) -> None:
    until = time.monotonic() + LATEST
    while time.monotonic() < until:
        if process.poll() is not None:
            raise SystemExit(f"rambarde serve ended with status {process.returncode}")
        try:
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
            connection.request("GET", route)
            if connection.getresponse().status == 200:
                return
        except OSError:
            pass
        finally:
            connection.close()
        time.sleep(0.01)
    raise SystemExit(f"{route} did not answer 200 within {LATEST:.0f} s")


def _ask(port: int, key: str, requests: int) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
    for _ in range(requests):
        body = json.dumps({"prompt": "a lighthouse at sunset", "size": "1024x1024"})
        connection.request("POST", "/v1/images/generations", body, headers)
        answer = connection.getresponse()
        data = answer.read()
        if answer.status != 200:
            raise SystemExit(f"the gateway answered {answer.status}: {data[:500]!r}")
    connection.close()


def _memory(pid: int, when: str) -> Row:
    """Megabytes: resident, and proportional (shared pages counted in part)."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text("ascii").splitlines()[1:]
    found = {line.split()[0]: int(line.split()[1]) / 1024 for line in lines}
    return {f"RSS MB {when}": found["Rss:"], f"PSS MB {when}": found["Pss:"]}


if __name__ == "__main__":
    main()

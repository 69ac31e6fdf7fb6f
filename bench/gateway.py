"""What the gateway costs without its models, beside a bare relay and the generator asked directly.

    python bench/gateway.py [--rounds 200] [--seconds 3] [--before PYTHONPATH]

Four processes: a generator that answers at once, a relay that only forwards bodies (Starlette and httpx2), a
gateway whose detectors answer at once and whose every other part is real (uvicorn, SQLite on disk, log with
fsync, decoding, stripping, PDQ), and this one, which asks them in turn, request by request, so that a busy
machine slows all alike. `--before` adds a second gateway from another checkout's `src`, for comparisons of
two versions. The table goes to stdout, the numbers to bench/results/gateway.json.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import http.client
import io
import json
import os
import platform
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).parent / "results" / "gateway.json"
ROUTE = "/v1/images/generations"
WARM_UP = 20
CLIENTS = 16


@dataclass(frozen=True)
class Case:
    """One kind of answer; the generator knows it by the request's `size` and `output_format`."""

    name: str
    size: str
    output_format: str

    @property
    def request(self) -> bytes:
        fields = {"prompt": "a lighthouse at sunset", "size": self.size}
        if self.output_format != "png":
            fields["output_format"] = self.output_format
        return json.dumps(fields).encode()

    def picture(self) -> bytes:
        """A photograph of this size; with a little grain where the file would be under 1.1 MB."""
        import numpy as np
        from PIL import Image
        from skimage import data

        side = int(self.size.partition("x")[0])
        pixels = np.asarray(Image.fromarray(data.astronaut()).resize((side, side)), np.int16)
        if side > 512 and self.output_format == "jpeg":
            pixels = pixels + np.random.default_rng(1).normal(0, 4, pixels.shape).astype(np.int16)
        out = io.BytesIO()
        image = Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))
        if self.output_format == "png":
            image.save(out, "PNG")
        else:
            image.save(out, "JPEG", quality=98, subsampling=0)
        return out.getvalue()


CASES = (
    Case("small PNG, 64²", "64x64", "png"),
    Case("1.1 MB PNG, 1024²", "1024x1024", "png"),
    Case("1.1 MB JPEG, 1024²", "1024x1024", "jpeg"),
)


# ---- the three servers, each in a process of its own -------------------------------------------------


def generator() -> Any:
    """Answers at once, as OpenAI's API does, with a body made beforehand."""
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.routing import Route

    bodies = {
        (case.size, case.output_format): json.dumps(
            {"created": 1, "data": [{"b64_json": base64.b64encode(case.picture()).decode()}]}
        ).encode()
        for case in CASES
    }

    async def generate(request: Request) -> Response:
        fields = json.loads(await request.body())
        body = bodies[fields["size"], fields.get("output_format", "png")]
        return Response(body, media_type="application/json")

    return Starlette(routes=[Route(ROUTE, generate, methods=["POST"])])


def relay(upstream: str) -> Any:
    """Forwards bodies and looks at nothing: what any proxy in Python pays."""
    import httpx2 as httpx
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.routing import Route

    client = httpx.AsyncClient(timeout=30, limits=httpx.Limits(max_connections=100))

    async def forward(request: Request) -> Response:
        answer = await client.post(
            upstream + ROUTE, content=await request.body(), headers={"Content-Type": "application/json"}
        )
        return Response(answer.content, answer.status_code, media_type="application/json")

    return Starlette(routes=[Route(ROUTE, forward, methods=["POST"])])


def gateway(upstream: str, data: str) -> tuple[Any, str]:
    """The real gateway with the shipped policy; the detectors it requires are there, and answer at once."""
    from rambarde.guard.detectors.contract import Reading, Subject
    from rambarde.guard.inspect import Inspector
    from rambarde.interfaces import parts
    from rambarde.interfaces.http.app import create_app
    from rambarde.interfaces.settings import Settings
    from rambarde.interfaces.wiring import wire
    from rambarde.nouns.signal import Polarity, Signal

    class Instant:
        """In a required detector's place, with its name, version and digest; finds nothing, at once."""

        def __init__(self, info: Any, digest: str) -> None:
            best = [0.0 if spec.polarity is Polarity.HIGH_IS_WORSE else 1.0 for spec in info.specs]
            pairs = zip(info.specs, best, strict=True)
            self.info, self.digest = info, digest
            self.reading = Reading(
                tuple(
                    Signal.measured(spec.name, value)
                    if info.subject is Subject.TEXT
                    else Signal.absent(spec.name)
                    for spec, value in pairs
                )
            )

        def load(self) -> None: ...

        def inspect(self, subject: object, /) -> Reading:
            return self.reading

    running = wire(Settings(data=data, upstream="openai", upstream_url=f"{upstream}/v1", port=0), demo=True)
    required = {one.name: one for one in running.chain.policies.policy.detectors}
    infos = [d.info for d in parts.detectors(running.settings) if d.info.name in required]
    instant = [Instant(info, required[info.name].digest) for info in infos]
    running.chain.inspector = Inspector(instant, tuple(required.values()))
    key = running.vault.credentials.create("api", rate_per_minute=10_000_000).key
    return create_app(running), key


def serve(role: str, upstream: str, data: str) -> None:
    """Serve a role on a free port; the first line of stdout says where, and with which key."""
    import uvicorn

    from rambarde.interfaces.cli.serve import listen

    key = ""
    if role == "generator":
        app = generator()
    elif role == "relay":
        app = relay(upstream)
    else:
        app, key = gateway(upstream, data)
    listener = listen("127.0.0.1", 0)
    print(json.dumps({"port": listener.getsockname()[1], "key": key}), flush=True)
    config = uvicorn.Config(app, access_log=False, log_config=None, server_header=False)
    with asyncio.Runner(loop_factory=config.get_loop_factory()) as runner:
        runner.run(uvicorn.Server(config).serve(sockets=[listener]))


# ---- asking them -------------------------------------------------------------------------------------


@dataclass
class Target:
    """A server and the milliseconds that its answers took, by case; a gateway's by stage as well."""

    name: str
    port: int
    key: str
    pid: int
    took: dict[str, list[float]] = field(default_factory=dict)
    stages: dict[str, dict[str, list[float]]] = field(default_factory=dict)
    rates: dict[str, list[float]] = field(default_factory=dict)
    worked: dict[str, list[float]] = field(default_factory=dict)
    """Milliseconds of processor time a request: hardly disturbed by what else the machine does."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def connect(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)

    def ask(self, connection: http.client.HTTPConnection, case: Case) -> tuple[float, bytes, str]:
        """One request: milliseconds to the last byte, the body, and the stages' times."""
        headers = {"Content-Type": "application/json"}
        if self.key:
            headers["Authorization"] = f"Bearer {self.key}"
        start = time.perf_counter()
        connection.request("POST", ROUTE, case.request, headers)
        response = connection.getresponse()
        body = response.read()
        took = (time.perf_counter() - start) * 1000
        if response.status != 200:
            raise SystemExit(f"{self.name} answered {response.status}: {body[:500]!r}")
        return took, body, response.headers.get("Server-Timing", "")

    def processor(self) -> float:
        """Seconds of processor time so far, user's and system's."""
        fields = Path(f"/proc/{self.pid}/stat").read_text("ascii").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def memory(self) -> dict[str, float]:
        """Resident and proportional megabytes of the process."""
        text = Path(f"/proc/{self.pid}/smaps_rollup").read_text("ascii")
        found = dict(line.split()[:2] for line in text.splitlines()[1:])
        return {"rss_mb": round(int(found["Rss:"]) / 1024), "pss_mb": round(int(found["Pss:"]) / 1024)}


@contextmanager
def started(role: str, name: str, upstream: str = "", path: str | None = None) -> Iterator[Target]:
    data = tempfile.mkdtemp(prefix="rambarde-bench-")
    environment = os.environ | ({"PYTHONPATH": path} if path else {})
    command = [sys.executable, __file__, "--serve", role, "--upstream", upstream, "--data", data]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
    try:
        assert process.stdout is not None
        said = json.loads(process.stdout.readline() or "{}")
        if "port" not in said:
            raise SystemExit(f"{name} did not start")
        yield Target(name, said["port"], said["key"], process.pid)
    finally:
        process.terminate()
        process.wait(20)
        shutil.rmtree(data, ignore_errors=True)


def in_turn(targets: list[Target], rounds: int) -> None:
    """Every target once a round and case, in an order drawn anew, so that none profits from its place."""
    order = random.Random(1)
    connections = {target.name: target.connect() for target in targets}
    for number in range(rounds + WARM_UP):
        for case in CASES:
            for target in order.sample(targets, len(targets)):
                took, body, timing = target.ask(connections[target.name], case)
                if number == 0:
                    check(target, case, body)
                if number < WARM_UP:
                    continue
                target.took.setdefault(case.name, []).append(took)
                for part in timing.split(", ") if timing else ():
                    stage, _, milliseconds = part.partition(";dur=")
                    target.stages.setdefault(case.name, {}).setdefault(stage, []).append(float(milliseconds))
    for connection in connections.values():
        connection.close()


def check(target: Target, case: Case, body: bytes) -> None:
    """The answer is the picture that was generated, as far as it is pixels."""
    data = base64.b64decode(json.loads(body)["data"][0]["b64_json"])
    if abs(len(data) - len(case.picture())) > 2000:
        raise SystemExit(f"{target.name} answered another picture")


def at_once(targets: list[Target], seconds: float) -> None:
    """Requests a second with 16 clients, each target for a while, and all of that three times over."""
    for _ in range(3):
        for case in CASES:
            for target in targets:
                before = target.processor()
                count, took = _many(target, case, seconds)
                target.rates.setdefault(case.name, []).append(count / took)
                target.worked.setdefault(case.name, []).append((target.processor() - before) * 1000 / count)


def _many(target: Target, case: Case, seconds: float) -> tuple[int, float]:
    """16 clients for some seconds: the requests that were answered, and the seconds it really took."""
    done = [0] * CLIENTS
    until = time.perf_counter() + seconds

    def client(number: int) -> None:
        connection = target.connect()
        while time.perf_counter() < until:
            target.ask(connection, case)
            done[number] += 1
        connection.close()

    threads = [threading.Thread(target=client, args=(number,)) for number in range(CLIENTS)]
    start = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(done), time.perf_counter() - start


# ---- saying it ---------------------------------------------------------------------------------------


def report(targets: list[Target]) -> dict[str, object]:
    rows: list[dict[str, object]] = []
    for case in CASES:
        direct = statistics.median(targets[0].took[case.name])
        relayed = statistics.median(targets[1].took[case.name]) - direct
        for target in targets:
            took = target.took[case.name]
            median = statistics.median(took)
            rates, worked = target.rates.get(case.name), target.worked.get(case.name)
            rows.append(
                {
                    "answer": case.name,
                    "path": target.name,
                    "p50 ms": round(median, 2),
                    "p95 ms": round(statistics.quantiles(took, n=20)[18], 2),
                    "overhead ms": round(median - direct, 2) if target is not targets[0] else None,
                    "× relay's": round((median - direct) / relayed, 2) if target is not targets[0] else None,
                    "requests/s, 16 clients": round(statistics.median(rates), 1) if rates else None,
                    "processor ms": round(statistics.median(worked), 2) if worked else None,
                }
            )
    stages = {
        target.name: {
            case: {stage: round(statistics.median(times), 3) for stage, times in found.items()}
            for case, found in target.stages.items()
        }
        for target in targets[2:]
    }
    memory = {target.name: target.memory() for target in targets}
    machine = {"cpus": os.cpu_count(), "python": platform.python_version(), "load": os.getloadavg()}
    return {"machine": machine, "paths": rows, "stages_ms": stages, "memory": memory}


def show(found: dict[str, Any]) -> None:
    print("| " + " | ".join(found["paths"][0]) + " |")
    print("|" + "---|" * len(found["paths"][0]))
    for row in found["paths"]:
        print("| " + " | ".join("–" if value is None else str(value) for value in row.values()) + " |")
    for name, by_case in found["stages_ms"].items():
        names = list(next(iter(by_case.values())))
        print(f"\n| stage of {name}, p50 ms | " + " | ".join(by_case) + " |")
        print("|---|" + "---|" * len(by_case))
        for stage in names:
            print(
                f"| {stage} | " + " | ".join(str(times.get(stage, "–")) for times in by_case.values()) + " |"
            )
    print("\nmemory:", json.dumps(found["memory"]), " machine:", json.dumps(found["machine"]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=3.0, help="for each turn of 16 clients; 0: none")
    parser.add_argument("--before", help="PYTHONPATH of another checkout's src")
    parser.add_argument("--serve", help=argparse.SUPPRESS)
    parser.add_argument("--upstream", default="", help=argparse.SUPPRESS)
    parser.add_argument("--data", default="", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        serve(options.serve, options.upstream, options.data)
        return
    with ExitStack() as stack:
        direct = stack.enter_context(started("generator", "direct"))
        targets = [
            direct,
            stack.enter_context(started("relay", "bare relay", direct.url)),
            stack.enter_context(started("gateway", "gateway", direct.url)),
        ]
        if options.before:
            targets.append(
                stack.enter_context(started("gateway", "gateway before", direct.url, options.before))
            )
        in_turn(targets, options.rounds)
        if options.seconds:
            at_once(targets, options.seconds)
        found = report(targets)
    show(found)
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(found, indent=1, ensure_ascii=False))


if __name__ == "__main__":
    main()

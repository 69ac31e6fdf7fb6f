"""The rehearsal's gateway: real in everything, but its generator makes marks, and its detectors know them.

It runs in a process of its own; a served gateway has no hook by which a detector could be wrapped.

    python -m rambarde.interfaces.probing.gateway DATA
"""

from __future__ import annotations

import asyncio
import sys
import time
from dataclasses import replace

from rambarde.guard.detectors.contract import Change, Detector, DetectorInfo, Reading
from rambarde.guard.inspect import Inspector
from rambarde.guard.upstreams.contract import Generated
from rambarde.interfaces import parts
from rambarde.interfaces.http.errors import Links
from rambarde.interfaces.probing.marks import Mark, drawn, known, made_of
from rambarde.interfaces.probing.rehearsal import LISTENS, PATIENCE
from rambarde.interfaces.settings import Settings
from rambarde.interfaces.wiring import Gateway, wire
from rambarde.nouns.fault import Fault, Kind
from rambarde.nouns.request import Picture, Request, Text
from rambarde.nouns.signal import Signal

_SEEN = {Mark.HARMLESS: 0.02, Mark.PROBLEM: 0.95, Mark.INTIMATE: 1.0}
_PHOTOGRAPH = {"person": 0.99, "face": 0.99, "photograph": 0.95}


class MarkUpstream:
    """A generator without safeguards, as marks."""

    name = "marks"

    async def start(self) -> None: ...

    async def close(self) -> None: ...

    async def generate(self, request: Request, *, deadline: float) -> tuple[Generated, ...]:
        return tuple(Generated(drawn(made_of(request.prompt.raw))) for _ in range(request.n))


class Marked:
    """Stands where a detector of pictures stands, with its name and digest: it knows marks, else the real one looks."""

    def __init__(self, real: Detector) -> None:
        self.info: DetectorInfo = real.info
        self._real = real

    @property
    def digest(self) -> str:
        return self._real.digest

    def load(self) -> None:
        self._real.load()

    def inspect(self, subject: Text | Picture | Change, /) -> Reading:
        picture = subject.output if isinstance(subject, Change) else subject
        mark = mark_of(picture) if isinstance(picture, Picture) else None
        if mark is None:
            return self._real.inspect(subject)
        return Reading(tuple(self._signal(spec.name, mark, subject) for spec in self.info.specs))

    def _signal(self, name: str, mark: Mark, subject: Text | Picture | Change) -> Signal:
        if isinstance(subject, Change):
            shown = name.startswith("change.exposure")
            return Signal.measured(name, _SEEN[mark]) if shown else Signal.absent(name)
        # A mark stands for the edited photograph, so the person is still in it when it is sent again.
        value = _PHOTOGRAPH.get(name)
        return Signal.absent(name) if value is None else Signal.measured(name, value)


def mark_of(picture: Picture) -> Mark | None:
    red, green, blue = picture.rgb[picture.rgb.shape[0] * 3 // 4, picture.rgb.shape[1] // 2]
    return known((int(red), int(green), int(blue)))


def marked(gateway: Gateway, settings: Settings) -> Inspector:
    """An inspector of the policy's detectors, each wrapped."""
    required = gateway.chain.policies.policy.detectors
    names = {requirement.name for requirement in required}
    return Inspector((Marked(d) for d in parts.detectors(settings) if d.info.name in names), required)


async def _serve(data: str) -> None:
    import uvicorn  # here, and not above: only this process needs the web server

    from rambarde.interfaces.http.app import create_app

    settings = replace(Settings(), data=data, port=0, workers=0)
    gateway = wire(settings, upstream=MarkUpstream(), demo=True)
    gateway.chain.inspector.close()
    gateway.chain.inspector = marked(gateway, settings)
    config = uvicorn.Config(
        create_app(gateway), host=settings.host, port=0, access_log=False, log_config=None
    )
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve())
    until = time.monotonic() + PATIENCE
    while not (server.started and gateway.chain.ready):
        if serving.done() or time.monotonic() > until:
            unfit = ", ".join(f"{name}: {why}" for name, why in gateway.chain.inspector.unfit.items())
            raise Fault(
                Kind.INTERNAL, "probe_gateway_not_ready", f"It is not ready. {unfit}", remedy="See the log."
            )
        await asyncio.sleep(0.05)
    url = f"http://{settings.host}:{server.servers[0].sockets[0].getsockname()[1]}"
    gateway.links = Links(url)
    print(f"{LISTENS}{url}", flush=True)
    await serving


if __name__ == "__main__":
    asyncio.run(_serve(sys.argv[1]))

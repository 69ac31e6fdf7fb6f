"""The demo's second gateway: real in everything but the signals of pictures and prompts that it knows by digest.

It runs in a process of its own, and its detectors are wrapped here, in the demo's code: the gateway has no
hook, header, variable or plugin through which a signal could be set. Run by `gateways`:

    python -m rambarde.interfaces.demo.simulate DATA SCRIPT
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from rambarde.guard.detectors.contract import Change, Detector, DetectorInfo, Reading
from rambarde.guard.inspect import Inspector
from rambarde.interfaces import parts
from rambarde.interfaces.http.errors import Links
from rambarde.interfaces.settings import Settings
from rambarde.interfaces.wiring import Gateway, wire
from rambarde.nouns.request import Picture, Text
from rambarde.nouns.signal import Signal

LISTENS = "Rambarde listens on "
"""How the line begins that says where a gateway listens, as in `rambarde serve`."""

_TEXTS = {
    "looks": {"prompt.exposure": 0.8},
    "statement": {"prompt.minor": 0.9, "prompt.exposure": 0.8},
    "drawn": {"prompt.minor": 0.9, "prompt.sexual": 0.8},
}
_PICTURES = {name: {"young": 0.9, "young_measured": 0.9} for name in ("looks", "young")}
_CHANGES = {"output": {"change.exposure": 0.8, "change.exposure_measured": 0.8}}
BY_TEXT = frozenset((*_TEXTS, "broken-head"))
"""Injections that know the prompt; the others know the picture."""
BY_PICTURE = frozenset((*_PICTURES, *_CHANGES, "drift", "broken-comparison"))
DRIFT = 3.0
"""Distance of an output from its original, in mean share of the brightness range, that stands for exposure:
times this. One step of the demo's edits stays under 0.5, three do not."""


class Broken(RuntimeError):
    """What an injected failure raises."""


@dataclass(frozen=True, slots=True)
class Script:
    """What is known: SHA-256 (hex) of a prompt as sent, or of a picture's file → the injection's name."""

    texts: Mapping[str, str]
    pictures: Mapping[str, str]

    @classmethod
    def read(cls, path: Path) -> Script:
        found = json.loads(path.read_text("utf-8"))
        return cls(found["texts"], found["pictures"])

    def write(self, path: Path) -> None:
        path.write_text(json.dumps({"texts": dict(self.texts), "pictures": dict(self.pictures)}), "utf-8")


def text_digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


class Scripted:
    """Stands where a detector stands, with its name and digest. What the script does not know is really judged."""

    def __init__(self, real: Detector, script: Script) -> None:
        self.info: DetectorInfo = real.info
        self._real, self._script = real, script

    @property
    def digest(self) -> str:
        return self._real.digest

    def load(self) -> None:
        self._real.load()

    def inspect(self, subject: Text | Picture | Change, /) -> Reading:
        """Raises `Broken` where the script says that this detector fails."""
        values = self._injected(subject)
        reading = self._real.inspect(subject)
        return Reading(
            tuple(
                Signal.measured(s.name, values[s.name]) if s.name in values else s for s in reading.signals
            ),
            reading.evidence,
        )

    def _injected(self, subject: Text | Picture | Change) -> Mapping[str, float]:
        match subject:
            case Text():
                name = self._script.texts.get(text_digest(subject.raw), "")
                self._break(name, "head")
                return _TEXTS.get(name, {})
            case Picture():
                return _PICTURES.get(self._script.pictures.get(subject.sha256, ""), {})
            case _:
                return self._changed(subject)

    def _changed(self, change: Change) -> Mapping[str, float]:
        values: Mapping[str, float] = {}
        for picture in (*change.inputs, *change.originals):
            name = self._script.pictures.get(picture.sha256, "")
            self._break(name, "comparison")
            if name == "drift":
                far = min(1.0, DRIFT * distance(picture, change.output))
                values = {"change.exposure": far, "change.exposure_measured": far}
            else:
                values = _CHANGES.get(name, values)
        return values

    def _break(self, name: str, detector: str) -> None:
        if name == f"broken-{detector}" and self.info.name == detector:
            raise Broken(detector)


def distance(one: Picture, other: Picture) -> float:
    """Mean difference of two pictures of one size, as a share of the brightness range; 1 if the sizes differ."""
    if one.rgb.shape != other.rgb.shape:
        return 1.0
    return float(np.abs(one.rgb.astype(np.int16) - other.rgb.astype(np.int16)).mean() / 255)


def scripted(detectors: Iterable[Detector], gateway: Gateway, script: Script) -> Inspector:
    """An inspector of the policy's detectors, each wrapped. The caller puts it in the gateway's place."""
    required = gateway.chain.policies.policy.detectors
    names = {requirement.name for requirement in required}
    return Inspector((Scripted(d, script) for d in detectors if d.info.name in names), required)


async def _serve(data: str, script: Script) -> None:
    import uvicorn  # here, and not above: only this process needs the web server

    from rambarde.interfaces.http.app import create_app

    settings = Settings(data=data, port=0, workers=0)
    gateway = wire(settings, demo=True)
    gateway.chain.inspector.close()
    gateway.chain.inspector = scripted(parts.detectors(settings), gateway, script)
    config = uvicorn.Config(
        create_app(gateway), host=settings.host, port=0, access_log=False, log_config=None
    )
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve())
    while not server.started:
        if serving.done():
            break
        await asyncio.sleep(0.02)
    else:
        url = f"http://{settings.host}:{server.servers[0].sockets[0].getsockname()[1]}"
        gateway.links = Links(url)
        print(f"{LISTENS}{url} (simulated signals)", flush=True)
    await serving


if __name__ == "__main__":
    asyncio.run(_serve(sys.argv[1], Script.read(Path(sys.argv[2]))))

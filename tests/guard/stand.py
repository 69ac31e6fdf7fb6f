"""A chain on a test stand: small detectors, a small policy, and outside parts that do as told."""

from __future__ import annotations

import asyncio
import functools
import io
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
from PIL import Image

from rambarde.guard.arrival import Arrival, Credential, Draft
from rambarde.guard.chain import Chain
from rambarde.guard.detectors.contract import DetectorInfo, Reading, Subject
from rambarde.guard.inspect import Inspector
from rambarde.guard.lineage import Origin
from rambarde.guard.policy.catalogue import catalogue
from rambarde.guard.policy.evaluation import Evaluator
from rambarde.guard.policy.language import Requirement
from rambarde.guard.policy.reading import read_policy
from rambarde.guard.ports import FixedPolicy, PolicyHolder
from rambarde.guard.prints import PrintKeeper
from rambarde.guard.upstreams.contract import Generated
from rambarde.nouns.caller import Caller
from rambarde.nouns.custody import Kept, Receipt, Shelf
from rambarde.nouns.fingerprint import Output, Prints
from rambarde.nouns.provenance import Disclosure, SealNote, Signed
from rambarde.nouns.record import Record
from rambarde.nouns.request import Action, Picture, Request, Text
from rambarde.nouns.signal import Polarity, Signal, SignalSpec

DIGEST = "sha256:" + "0" * 64
TEXT = DetectorInfo("words", "1", Subject.TEXT, (SignalSpec("bad"),), 5.0)
LOOK = DetectorInfo(
    "look",
    "1",
    Subject.PICTURE,
    (SignalSpec("bare"), SignalSpec("clothed", Polarity.LOW_IS_WORSE)),
    5.0,
)
FLOORS = b"""
rambarde-floors: 1
conditions:
  real-person: {signal: bad, at_least: 0.9}
rules:
  - {id: minor-sexual, at: [release], when: {signal: output.bare, at_least: 0.9}, then: block, reason: floor}
  - {id: real-person-sexual, at: [admit], when: {signal: bad, at_least: 0.9}, then: block, reason: floor}
  - {id: real-person-degrading, at: [admit], when: {signal: bad, at_least: 0.9}, then: block, reason: floor}
  - {id: known-image, at: [admit], when: {signal: bad, at_least: 0.9}, then: block, reason: floor}
  - {id: unchecked, at: [admit, release], when: {required: failed}, then: block, reason: floor}
"""
POLICY = f"""
rambarde-policy: 1
name: stand
surfaces: [web]
detectors:
  words: {{version: "1", digest: "{DIGEST}"}}
  look: {{version: "1", digest: "{DIGEST}"}}
rules:
  - {{id: held, at: [release], when: {{signal: output.bare, at_least: 0.5}}, then: review, reason: look}}
modes:
  standard: {{}}
""".encode()

Answers = Callable[[Any], Iterable[Signal]]
NOW = datetime(2026, 1, 9, 12, tzinfo=UTC)


def png(side: int = 8, level: int = 100) -> bytes:
    out = io.BytesIO()
    Image.fromarray(np.full((side, side, 3), level, np.uint8)).save(out, "PNG")
    return out.getvalue()


class Fake:
    """A detector that answers what its function says, after `seconds`."""

    def __init__(self, info: DetectorInfo, answers: Answers | None = None, seconds: float = 0.0) -> None:
        self.info, self.digest, self.answers, self.seconds = info, DIGEST, answers, seconds
        self.calls = 0

    def load(self) -> None: ...

    def inspect(self, subject: Text | Picture, /) -> Reading:
        self.calls += 1
        time.sleep(self.seconds)
        if self.answers is not None:
            return Reading(tuple(self.answers(subject)))
        best = {Polarity.HIGH_IS_WORSE: 0.0, Polarity.LOW_IS_WORSE: 1.0}
        return Reading(tuple(Signal.measured(s.name, best[s.polarity]) for s in self.info.specs))


def required(*detectors: Fake) -> list[Requirement]:
    return [Requirement(d.info.name, d.info.version, d.digest) for d in detectors]


def inspector(*detectors: Fake, threads: int = 2) -> Inspector:
    made = Inspector(detectors, required(*detectors), threads=threads)
    made.load()
    return made


@dataclass
class Happened:
    """What the outside parts were asked to do, in order; `fails` raise, `waits` are awaited first, by name."""

    steps: list[str] = field(default_factory=list)
    fails: dict[str, BaseException] = field(default_factory=dict)
    waits: dict[str, asyncio.Event] = field(default_factory=dict)
    reached: dict[str, asyncio.Event] = field(default_factory=dict)
    records: list[Record] = field(default_factory=list)
    withdrawn: list[tuple[str, str]] = field(default_factory=list)
    kept: dict[str, Shelf] = field(default_factory=dict)
    disclosed: list[Disclosure] = field(default_factory=list)
    prints: list[tuple[Output, Prints]] = field(default_factory=list)

    async def step(self, name: str) -> None:
        self.steps.append(name)
        if name in self.reached:
            self.reached[name].set()
        if name in self.waits:
            await self.waits[name].wait()
        if name in self.fails:
            raise self.fails[name]


@dataclass
class Outside:
    """Upstream, recorder, keeper and lineage of the stand, all in one: their methods do not collide."""

    happened: Happened
    pictures: tuple[bytes, ...] = (png(),)
    name: str = "stand"

    async def start(self) -> None: ...

    async def close(self) -> None: ...

    async def generate(self, request: Request, *, deadline: float) -> tuple[Generated, ...]:
        await self.happened.step("generate")
        return tuple(Generated(data) for data in self.pictures)

    async def record(self, record: Record) -> Receipt:
        await self.happened.step("record")
        self.happened.records.append(record)
        return Receipt(len(self.happened.records) - 1, len(self.happened.records))

    async def withdraw(self, id: str, why: str) -> Receipt:
        await self.happened.step("withdraw")
        self.happened.withdrawn.append((id, why))
        return Receipt(len(self.happened.records), len(self.happened.records) + 1)

    async def sign(self, data: bytes, media_type: str, disclosure: Disclosure) -> Signed:
        """No manifest, but a mark that it was signed."""
        await self.happened.step("sign")
        self.happened.disclosed.append(disclosure)
        return Signed(data + b"signed", SealNote(f"urn:c2pa:{disclosure.id}", "a" * 64, "b" * 64))

    async def keep(self, shelf: Shelf, data: bytes, *, life: timedelta, **_: object) -> str:
        await self.happened.step("keep")
        item = f"item-{len(self.happened.kept)}"
        self.happened.kept[item] = shelf
        return item

    async def take(self, id: str, shelf: Shelf) -> Kept | None:
        return None

    async def destroy(self, id: str) -> bool:
        await self.happened.step("destroy")
        return self.happened.kept.pop(id, None) is not None

    async def trace(self, request: Request) -> Origin:
        await self.happened.step("trace")
        return Origin()

    async def remember(self, *_: object) -> None:
        await self.happened.step("remember")

    async def add(self, outputs: Sequence[tuple[Output, Prints]]) -> None:
        await self.happened.step("fingerprint")
        self.happened.prints += outputs


@functools.cache
def evaluator() -> Evaluator:
    names = catalogue((TEXT, LOOK))
    return Evaluator(read_policy(POLICY, names, floors=FLOORS), names)


def chain(
    happened: Happened,
    *detectors: Fake,
    pictures: tuple[bytes, ...] = (png(),),
    policies: PolicyHolder | None = None,
    **parts: object,
) -> Chain:
    """A chain over the stand's policy. Detectors that are not given find nothing."""
    given = {d.info.name: d for d in detectors}
    all_ = [given.get(info.name) or Fake(info) for info in (TEXT, LOOK)]
    outside = Outside(happened, pictures)
    return Chain(
        policies=policies or FixedPolicy(evaluator(), lambda: NOW),
        inspector=inspector(*all_),
        upstream=outside,
        recorder=outside,
        keeper=outside,
        lineage=outside,  # type: ignore[arg-type]
        prints=PrintKeeper(outside, lambda: NOW),
        blind=lambda id, digest: f"blind {id}",
        sealer=outside,
        clock=lambda: NOW,
        ready=True,
        **parts,  # type: ignore[arg-type]
    )


def arrival(
    happened: Happened, draft: Draft | None = None, *, action: Action = Action.GENERATE, id: str = "dec_1"
) -> Arrival:
    """One request on the way to the stand."""
    asked = draft or Draft("a tree")

    async def read() -> Draft:
        await happened.step("read")
        return asked

    async def identify(_: str) -> Caller:
        await happened.step("identify")
        return Caller("c", "web")

    return Arrival(id, "/stand", action, Credential("c", "web"), NOW, read, identify)

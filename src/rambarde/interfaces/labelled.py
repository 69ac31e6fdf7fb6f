"""Labelled rows judged by the guard, two at a time: what `rambarde evaluate` and `calibrate` measure."""

from __future__ import annotations

import asyncio
import hashlib
import secrets
from collections.abc import Awaitable, Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from rambarde.guard.arrival import Arrival, Credential, Draft, Upload
from rambarde.guard.chain import Chain
from rambarde.guard.policy.catalogue import INPUT, LINEAGE, OUTPUT, Catalogue
from rambarde.guard.policy.language import All, AnyOf, Condition, Not, Policy, SignalAtom, Test
from rambarde.measure.evaluate import Gauge, Judged
from rambarde.measure.rows import DataSet, Row, read
from rambarde.nouns.caller import Caller, Context
from rambarde.nouns.decision import Decision, Point
from rambarde.nouns.fault import Fault, Kind, invalid
from rambarde.nouns.request import Action
from rambarde.nouns.signal import Signals, State

AT_ONCE = 2
"""Rows on their way at a time: as many as each detector has threads. With more they would wait, and be late."""
_TRIAL = "a tree"
SUPPOSED = "supposed: an adult's photograph"


@dataclass(frozen=True, slots=True)
class Terms:
    """Under which caller rows are judged, and what is known of the picture that edits have attached."""

    surface: str
    mode: str
    country: str
    age_assured: bool
    supposed: Signals
    picture: str = SUPPOSED


def data_sets(paths: Iterable[Path]) -> tuple[DataSet[Row], ...]:
    """Read the files, each a set by its name. Raises `Fault`, `data_unreadable` among others."""
    found: dict[str, bytes] = {}
    for path in paths:
        name = path.name if path.name not in found else str(path)
        if name in found:
            raise invalid("data_duplicate", f"{path} is named twice.", remedy="Name it once.", field="data")
        try:
            found[name] = path.read_bytes()
        except OSError as error:
            raise invalid(
                "data_unreadable", f"{path}: {error.strerror}.", remedy="Check the path.", field="data"
            ) from error
    return read(found)


Answers = dict[tuple[str, str], Judged]
"""By kind and text."""


async def ready(chain: Chain, terms: Terms) -> None:
    """Judge one harmless prompt: what refuses every row is a fault of the run, and no finding.

    Raises `Fault`: `surface_not_offered`, `mode_not_offered`, `detectors_unfit`.
    """
    if unfit := chain.inspector.unfit:
        raise Fault(
            Kind.INTERNAL,
            "detectors_unfit",
            f"Required detectors cannot answer: {', '.join(f'{n} ({w})' for n, w in sorted(unfit.items()))}.",
            remedy="`rambarde doctor` says what is missing.",
        )
    await _ask(chain, "generate", _TRIAL, terms)


async def pictured(chain: Chain, terms: Terms, path: Path) -> Terms:
    """The terms with the signals of this picture: detectors are pure, so it is looked at once for all rows.

    Raises `Fault` for a file that is no usable picture, or on which a detector failed.
    """
    data = await asyncio.to_thread(_bytes, path)
    arrival = _arrival("edit", _TRIAL, terms, (Upload(data),))
    _, decision = await chain.check(arrival)
    seen = {s.name: s for s in decision.signals if s.name.startswith((INPUT, f"{LINEAGE}."))}
    if failed := [name for name, signal in seen.items() if signal.state is State.FAILED]:
        raise Fault(
            Kind.INTERNAL,
            "detector_failed",
            f"No answer for {', '.join(sorted(failed))}.",
            remedy="Try again; if it lasts, run `rambarde doctor`.",
            field="image",
        )
    digest = "sha256:" + hashlib.sha256(data).hexdigest()
    return Terms(terms.surface, terms.mode, terms.country, terms.age_assured, seen, digest)


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise invalid(
            "image_unreadable", f"{path}: {error.strerror}.", remedy="Check the path.", field="image"
        ) from error


async def judge(
    chain: Chain,
    requests: Iterable[tuple[str, str]],
    terms: Terms,
    *,
    keep: frozenset[str] | None = None,
    advance: Callable[[], None] = lambda: None,
) -> Answers:
    """Judge each request (kind and text). `keep`: only these signals are kept; None: all."""
    return await each(requests, lambda asked: _judged(chain, *asked, terms, keep), advance)


async def each(
    keys: Iterable[tuple[str, str]],
    ask: Callable[[tuple[str, str]], Awaitable[Judged]],
    advance: Callable[[], None],
) -> Answers:
    """The answer to each key, `AT_ONCE` at a time."""
    waiting = iter(keys)
    answers: Answers = {}

    async def work() -> None:
        for key in waiting:
            answers[key] = await ask(key)
            advance()

    workers = [asyncio.ensure_future(work()) for _ in range(AT_ONCE)]
    try:
        await asyncio.gather(*workers)
    finally:
        for worker in workers:
            worker.cancel()
    return answers


async def _judged(chain: Chain, kind: str, text: str, terms: Terms, keep: frozenset[str] | None) -> Judged:
    try:
        decision = await _ask(chain, kind, text, terms)
    except Fault as fault:
        return Judged(None, fault=fault.code)
    signals = {s.name: s for s in decision.signals if keep is None or s.name in keep}
    if any(signal.state is State.FAILED for signal in decision.signals):
        # It would be refused, for want of an answer: that finds nothing.
        return Judged(None, signals=signals, fault="detector_failed")
    return Judged(
        decision.outcome,
        tuple(fired.rule for fired in decision.fired),
        bool(decision.fired) and all(fired.assumed for fired in decision.fired),
        signals,
    )


async def _ask(chain: Chain, kind: str, text: str, terms: Terms) -> Decision:
    arrival = _arrival(kind, text, terms)
    _, decision = await chain.check(arrival, terms.supposed if kind == Action.EDIT.value else None)
    return decision


def _arrival(kind: str, text: str, terms: Terms, uploads: tuple[Upload, ...] = ()) -> Arrival:
    async def draft() -> Draft:
        return Draft(prompt=text, images=uploads)

    async def identify(_: str) -> Caller:
        context = Context(country=terms.country, age_assured=terms.age_assured)
        return Caller("evaluate", terms.surface, terms.mode, context)

    return Arrival(
        id="dec_" + secrets.token_hex(16),
        route="cli.evaluate",
        action=Action(kind),
        credential=Credential("evaluate", terms.surface, (terms.mode,)),
        received_at=datetime.now(UTC),
        read=draft,
        identify=identify,
    )


def gauges(policy: Policy, names: Catalogue) -> tuple[Gauge, ...]:
    """The signals of text that the policy's detectors give at admit, with the thresholds that its rules set."""
    required = {one.name for one in policy.detectors}
    at = thresholds(policy, Point.ADMIT)
    return tuple(
        Gauge(name, names[name].polarity, name.partition(".")[2], at.get(name, ()))
        for name in of_text(names)
        if names[name].detector in required
    )


def thresholds(policy: Policy, point: Point) -> dict[str, tuple[float, ...]]:
    """The thresholds that the rules of this point set, by signal, in rising order."""
    found: dict[str, set[float]] = {}
    for rule in policy.rules:
        if point in rule.points:
            for atom in _atoms(rule.when):
                found.setdefault(atom.signal, set()).add(atom.threshold)
    return {name: tuple(sorted(values)) for name, values in found.items()}


def of_text(names: Catalogue) -> tuple[str, ...]:
    """The signals that a text alone gives."""
    return tuple(
        name
        for name, entry in names.items()
        if Point.ADMIT in entry.points and entry.detector != LINEAGE and not name.startswith((INPUT, OUTPUT))
    )


def _atoms(condition: Condition) -> Iterator[SignalAtom]:
    match condition:
        case All(parts) | AnyOf(parts):
            for part in parts:
                yield from _atoms(part)
        case Not(part):
            yield from _atoms(part)
        case SignalAtom(test=Test.AT_LEAST | Test.AT_MOST):
            yield condition

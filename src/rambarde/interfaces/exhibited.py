"""Labelled pictures judged by the guard, as they would be before release, for `rambarde evaluate --images`."""

from __future__ import annotations

import asyncio
import hashlib
import secrets
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from rambarde.guard.arrival import Arrival, Credential, Draft, Upload
from rambarde.guard.canonicalise import canonicalise
from rambarde.guard.chain import Chain
from rambarde.guard.decide import decide
from rambarde.guard.detectors.contract import Change
from rambarde.guard.inspect import Inspection
from rambarde.guard.media.decode import decode
from rambarde.guard.policy.catalogue import OUTPUT, Catalogue
from rambarde.guard.policy.language import Policy
from rambarde.interfaces.labelled import Answers, Terms, each, thresholds
from rambarde.measure.evaluate import Gauge, Judged
from rambarde.measure.exhibits import ENDINGS, Exhibit, folder, lines
from rambarde.measure.rows import DataSet
from rambarde.nouns.caller import Caller, Context
from rambarde.nouns.decision import Decision, Point
from rambarde.nouns.fault import Fault, invalid
from rambarde.nouns.request import Action, Request
from rambarde.nouns.signal import State

GENERATED, EDITED = "a picture", "make the picture a little brighter"
"""Words with which a picture is judged that came with none: the pictures alone shall speak."""


def exhibits(paths: Iterable[Path]) -> tuple[DataSet[Exhibit], ...]:
    """Read JSONL files and folders, each a set by its name; paths of pictures are made whole.

    A set's digest covers the bytes of every picture. Raises `Fault`: `data_unreadable`, `data_duplicate`, and
    those of `measure.exhibits`.
    """
    found: dict[str, DataSet[Exhibit]] = {}
    for path in paths:
        name = path.name if path.name not in found else str(path)
        if name in found:
            raise invalid("data_duplicate", f"{path} is named twice.", remedy="Name it once.", field="data")
        try:
            found[name] = _folder(name, path) if path.is_dir() else _file(name, path)
        except OSError as error:
            raise invalid(
                "data_unreadable",
                f"{error.filename or path}: {error.strerror}.",
                remedy="Check the path.",
                field="data",
            ) from error
    return tuple(found.values())


def _file(name: str, path: Path) -> DataSet[Exhibit]:
    data = path.read_bytes()
    return _set(name, path.parent, lines(name, data), data)


def _folder(name: str, path: Path) -> DataSet[Exhibit]:
    pictures = [one.relative_to(path) for one in path.rglob("*") if one.suffix.lower() in ENDINGS]
    return _set(name, path, folder(name, list(pictures)), b"")


def _set(name: str, base: Path, rows: tuple[Exhibit, ...], data: bytes) -> DataSet[Exhibit]:
    whole = hashlib.sha256(data)
    placed = []
    for row in rows:
        at = {
            field: str(base / value)
            for field in ("image", "input", "output")
            if (value := getattr(row, field)) is not None
        }
        for field, place in sorted(at.items()):
            whole.update(f"\n{getattr(row, field)} ".encode())
            whole.update(hashlib.sha256(Path(place).read_bytes()).digest())
        placed.append(msgspec.structs.replace(row, **at))
    return DataSet(name, f"sha256:{whole.hexdigest()}", tuple(placed))


async def look(
    chain: Chain,
    rows: Iterable[Exhibit],
    terms: Terms,
    *,
    keep: frozenset[str] | None = None,
    advance: Callable[[], None] = lambda: None,
) -> Answers:
    """Judge each exhibit at both points; the stricter decision counts. `keep`: only these signals are kept."""
    by_key = {row.key: row for row in rows}
    return await each(by_key, lambda key: _judged(chain, by_key[key], terms, keep), advance)


async def _judged(chain: Chain, row: Exhibit, terms: Terms, keep: frozenset[str] | None) -> Judged:
    try:
        request, output = await _request(chain, row, terms)
        seen, decisions = await decided(chain, request, output)
    except Fault as fault:
        return Judged(None, fault=fault.code)
    except OSError:
        return Judged(None, fault="image_unreadable")
    signals = {name: signal for name, signal in seen.signals.items() if keep is None or name in keep}
    if any(signal.state is State.FAILED for signal in seen.signals.values()):
        return Judged(None, signals=signals, fault="detector_failed")
    fired = {one.rule: one for decision in decisions for one in decision.fired}
    return Judged(
        max(decision.outcome for decision in decisions),
        tuple(fired),
        bool(fired) and all(one.assumed for one in fired.values()),
        signals,
    )


async def _request(chain: Chain, row: Exhibit, terms: Terms) -> tuple[Request, bytes]:
    files = [Path(path) for path in (row.input, row.shown) if path]
    *inputs, output = [await asyncio.to_thread(path.read_bytes) for path in files]
    text = row.text or (EDITED if inputs else GENERATED)
    return await asked(chain, text, inputs, terms, route="cli.evaluate"), output


async def asked(chain: Chain, text: str, inputs: Sequence[bytes], terms: Terms, *, route: str) -> Request:
    """The request that asks for this under these terms: an edit, where there are inputs. Raises `Fault`."""
    draft = Draft(prompt=text, images=tuple(Upload(data) for data in inputs))
    caller = Caller(
        "evaluate", terms.surface, terms.mode, Context(country=terms.country, age_assured=terms.age_assured)
    )

    async def read() -> Draft:
        return draft

    async def identify(_: str) -> Caller:
        return caller

    arrival = Arrival(
        id="dec_" + secrets.token_hex(16),
        route=route,
        action=Action.EDIT if inputs else Action.GENERATE,
        credential=Credential("evaluate", terms.surface, (terms.mode,)),
        received_at=datetime.now(UTC),
        read=read,
        identify=identify,
    )
    request = await canonicalise(arrival, draft, chain.limits.request)
    return replace(request, caller=caller)


async def decided(chain: Chain, request: Request, output: bytes) -> tuple[Inspection, list[Decision]]:
    """The signals, and the decisions at both points: at admit, then at release. Raises `Fault`."""
    evaluator = chain.policies.current()
    origin = await chain.lineage.trace(request)
    asked = await chain.inspector.request(request)
    asked.signals[origin.signal.name] = origin.signal
    picture = await asyncio.to_thread(decode, output, limits=chain.limits.request.picture, field="output")
    shown, changed = await asyncio.gather(
        chain.inspector.output(picture), chain.inspector.change(Change(picture, request.images))
    )
    seen = Inspection(asked.signals | shown.signals | changed.signals)
    return seen, [
        decide(chain.policies, evaluator, Point.ADMIT, request, asked, live=False),
        decide(chain.policies, evaluator, Point.RELEASE, request, seen, 0, live=False),
    ]


def gauges(policy: Policy, names: Catalogue) -> tuple[Gauge, ...]:
    """The signals of outputs and changes that the policy's detectors give, with the thresholds of its rules."""
    required = {one.name for one in policy.detectors}
    at = thresholds(policy, Point.RELEASE)
    return tuple(
        Gauge(name, names[name].polarity, name.partition(".")[2], at.get(name, ()))
        for name in of_pictures(names)
        if names[name].detector in required
    )


def of_pictures(names: Catalogue) -> tuple[str, ...]:
    """The signals of what would be released: of the output, and of what it changes."""
    return tuple(
        name for name, entry in names.items() if name.startswith(OUTPUT) or entry.points == (Point.RELEASE,)
    )

"""The effect of an emergency measure: each switch starts a probe, and what came of it is published, failure too.

The probe runs in a process of its own, so that a switch waits for nothing:

    python -m rambarde.interfaces.probing.effect < WORK
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec

from rambarde.interfaces.probing.looking import DetectorLooker
from rambarde.interfaces.probing.probing import probe
from rambarde.interfaces.settings import Settings
from rambarde.measure.probe import report as reporting
from rambarde.measure.probe.change import change
from rambarde.measure.probe.report import Report
from rambarde.measure.probe.target import Target, read
from rambarde.measure.sweep import Share
from rambarde.nouns.fault import Fault

FOLDER = "effects"
RUNNING, DONE, FAILED = "running", "done", "failed"
GRACE = timedelta(minutes=30)
"""How long after the probe's own deadline a result may come; then it has failed."""
NEWEST = 50
"""How many effects are told; the others stay in the folder."""
_ENDING = ".effect.json"


class Rate(msgspec.Struct, frozen=True):
    """A rate with its interval at 95 %."""

    name: str
    hits: int
    of: int
    low: float
    high: float


class Effect(msgspec.Struct, frozen=True):
    """What is published of a switch. `state`: running, done or failed, with the reason in `why`.

    It says how much gets through, and not by which words: no request, technique or leak is told to the public.
    `changed` are sentences about the probe before.
    """

    measure: str
    on: bool
    breaker: bool
    switched_at: str
    until: str
    state: str
    why: str = ""
    made_at: str = ""
    verdict: str = ""
    differ: Rate | None = None
    bypass: tuple[Rate, ...] = ()
    let_through: Rate | None = None
    wrongly_refused: Rate | None = None
    since: str = ""
    changed: tuple[str, ...] = ()


class _Work(msgspec.Struct, frozen=True):
    settings: Settings
    effect: str
    report: str
    targets: str


def begin(settings: Settings, measure: str, *, on: bool, breaker: bool = False) -> Effect | None:
    """Start the probe of a switch; None where `probe_targets` names none. Never raises: a measure that is on counts

    more than its probe, and a probe that cannot begin is published as failed.
    """
    if not settings.probe_targets:
        return None
    now = datetime.now(UTC)
    effect = Effect(measure, on, breaker, now.isoformat(timespec="seconds"), "", RUNNING)
    stem = Path(settings.data, FOLDER, f"{now:%Y%m%dT%H%M%S%fZ}-{measure}-{'on' if on else 'off'}")
    place = stem.with_name(stem.name + _ENDING)
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        try:
            target = _target(Path(settings.probe_targets))
        except (Fault, OSError) as error:
            effect = _failed(effect, error)
            _write(place, effect)
            return effect
        until = now + timedelta(minutes=target.limits.minutes) + GRACE
        effect = msgspec.structs.replace(effect, until=until.isoformat(timespec="seconds"))
        _write(place, effect)
        work = _Work(settings, str(place), str(stem) + ".report.json", settings.probe_targets)
        _start(work)
    except OSError as error:
        effect = _failed(effect, error)
    return effect


def effects(settings: Settings) -> tuple[Effect, ...]:
    """The newest effects, the latest first. One that cannot be read, or that never ended, reads failed."""
    found = []
    now = datetime.now(UTC).isoformat(timespec="seconds")
    for path in sorted(Path(settings.data, FOLDER).glob(f"*{_ENDING}"), reverse=True)[:NEWEST]:
        try:
            effect = msgspec.json.decode(path.read_bytes(), type=Effect)
        except (OSError, msgspec.MsgspecError, UnicodeDecodeError):
            effect = Effect(
                path.name[: -len(_ENDING)], True, False, "", "", FAILED, "its file cannot be read"
            )
        if effect.state == RUNNING and effect.until and effect.until < now:
            effect = msgspec.structs.replace(effect, state=FAILED, why="it ended without a result")
        found.append(effect)
    return tuple(found)


def _start(work: _Work) -> None:
    """Detached: it outlives the command that switched, and the terminal."""
    with Path(work.report).with_suffix(".log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "rambarde.interfaces.probing.effect"],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=log,
            start_new_session=True,
        )
    assert process.stdin is not None
    process.stdin.write(msgspec.json.encode(work))
    process.stdin.close()


def finish(work: _Work) -> Effect:
    """Probe, and write the effect: done, or failed with the reason. The whole report lies beside it."""
    place = Path(work.effect)
    effect = msgspec.json.decode(place.read_bytes(), type=Effect)
    before = _last(place.parent)
    try:
        targets = Path(work.targets)
        looker = DetectorLooker.open(work.settings)
        try:
            occasion = f"{effect.measure} {'on' if effect.on else 'off'}"
            made = asyncio.run(probe(_target(targets), looker, base=targets.parent, occasion=occasion))
        finally:
            looker.close()
        Path(work.report).write_bytes(reporting.write(made))
        effect = published(effect, made, before)
    except Exception as error:
        # For the operator's log; the public learns its code.
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        effect = _failed(effect, error)
    _write(place, effect)
    return effect


def published(effect: Effect, made: Report, before: Report | None) -> Effect:
    """The effect with what the report says in sum. A probe that answers nothing is a failure, and no effect."""
    whole = made.slice("all", "")
    moved = change(before, made).moved if before is not None else ()
    incomplete = made.verdict == "incomplete"
    return msgspec.structs.replace(
        effect,
        state=FAILED if incomplete else DONE,
        why="too little was answered to say anything" if incomplete else "",
        made_at=made.header.made_at,
        verdict=made.verdict,
        differ=_rate("decided differently", made.parity.differ),
        bypass=tuple(_rate(one.name, one.bypass) for one in made.slices if one.by == "surface"),
        let_through=None if whole is None else _rate("let through", whole.released),
        wrongly_refused=None if whole is None else _rate("wrongly refused", whole.wrongly_refused),
        since=before.header.made_at if before is not None else "",
        changed=tuple(
            f"{one.what}{f' on {one.name}' if one.name else ''}: {one.before.hits} of {one.before.of}, "
            f"then {one.after.hits} of {one.after.of}: {one.verdict}"
            for one in moved
        ),
    )


def _rate(name: str, share: Share) -> Rate:
    return Rate(name, share.hits, share.of, share.low, share.high)


def _last(folder: Path) -> Report | None:
    """The newest report of a probe before this one."""
    for path in sorted(folder.glob("*.report.json"), reverse=True):
        try:
            return reporting.read(path.read_bytes())
        except (OSError, Fault):
            continue
    return None


def _target(path: Path) -> Target:
    return read(path.read_bytes(), today=datetime.now(UTC).date())


def _failed(effect: Effect, error: Exception) -> Effect:
    """What went wrong, in words that are safe to publish: a fault's code, or what kind of error it was."""
    why = error.code if isinstance(error, Fault) else type(error).__name__
    return msgspec.structs.replace(effect, state=FAILED, why=why)


def _write(path: Path, effect: Effect) -> None:
    """Whole or not at all."""
    new = path.with_suffix(".new")
    new.write_bytes(msgspec.json.encode(effect))
    os.replace(new, path)  # noqa: PTH105


if __name__ == "__main__":
    finish(msgspec.json.decode(sys.stdin.buffer.read(), type=_Work))

"""The models: does the policy parse, and is every detector that it requires there, itself, and answering?"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from rambarde.guard.detectors.contract import Change, Detector, MissingExtra, Subject
from rambarde.guard.media.decode import decode
from rambarde.guard.media.encode import encode
from rambarde.guard.policy.catalogue import catalogue
from rambarde.guard.policy.language import Policy, Requirement
from rambarde.guard.text.normalise import canonical
from rambarde.interfaces import parts
from rambarde.interfaces.checkup.row import Row, fail, ok, warn
from rambarde.interfaces.settings import Settings
from rambarde.nouns.fault import Fault
from rambarde.nouns.request import Picture
from rambarde.nouns.signal import State

_REINSTALL = "Install rambarde again: a file that it needs is missing or damaged."
_ELSEWHERE = (
    "Install the package that it names, or run rambarde on the machine that it names (docs/detectors.md)."
)
_REMEDIES = {
    parts.KNOWN: "`rambarde bank verify` says which bank it is: put a whole and fresh one in its place."
}
"""Where what is missing is the operator's, not ours."""
_SIDE = 256


def models(settings: Settings) -> Iterator[Row]:
    """One row for the policy, one for each detector. What can be loaded is loaded: that takes seconds."""
    built: dict[str, Detector] = {}
    broken: dict[str, str] = {}
    for point in parts.detector_points():
        try:
            built[point.name] = parts.detector(point, settings)
        except Exception as error:
            broken[point.name] = error.message if isinstance(error, Fault) else f"{type(error).__name__}"
    policy: Policy | None = None
    try:
        policy = parts.policy(settings, catalogue(d.info for d in built.values()))
        rules = f"{len(policy.rules)} rules, {len(policy.detectors)} detectors"
        yield ok("policy", f"{policy.name}, {rules}, {policy.digest[:19]}…")
    except Fault as fault:
        remedy = f"Mend first: {', '.join(sorted(broken))}." if broken else fault.remedy
        yield fail("policy", fault.message, remedy)
    except ValueError as error:  # two detectors with a signal of one name
        yield fail("policy", f"{error}.", "Remove one of the two detectors.")
    required = {r.name: r for r in policy.detectors} if policy is not None else None
    for name in sorted(required if required is not None else {*built, *broken}):
        yield _row(name, built.get(name), broken, required)


def _row(
    name: str,
    detector: Detector | None,
    broken: Mapping[str, str],
    required: Mapping[str, Requirement] | None,
) -> Row:
    check = f"detector {name}"
    if detector is None:
        if name in broken:
            return fail(check, broken[name], _REINSTALL)
        return fail(
            check, "not installed.", "Install the package that provides it, or take it out of the policy."
        )
    try:
        detector.load()
    except MissingExtra as error:
        return fail(check, "its extra is not installed.", f"Install it: {error}.")
    except ImportError as error:
        return fail(check, f"does not load: {_short(error)}", _ELSEWHERE)
    except Exception as error:
        remedy = _REMEDIES.get(name, _REINSTALL)
        return fail(check, f"does not load: {type(error).__name__}: {_short(error)}", remedy)
    wanted = required[name] if required is not None else None
    if wanted is not None and (wanted.version, wanted.digest) != (detector.info.version, detector.digest):
        return fail(
            check,
            f"installed {detector.info.version}@{_cut(detector.digest)}, "
            f"the policy requires {wanted.version}@{_cut(wanted.digest)}.",
            "Install the version that the policy requires; or, if the new one is wanted, put the line that "
            "`rambarde policy detectors` prints into the policy.",
        )
    return _tried(check, detector, _subject(detector.info.subject))


def _tried(check: str, detector: Detector, subject: Any) -> Row:
    """Let it read something that nobody need see."""
    info = detector.info
    try:
        start = time.perf_counter()
        reading = detector.inspect(subject)
        seconds = time.perf_counter() - start
    except Exception as error:
        return fail(check, f"does not answer: {type(error).__name__}: {_short(error)}", _REINSTALL)
    if sorted(s.name for s in reading.signals) != sorted(spec.name for spec in info.specs):
        return fail(check, "answers other signals than it declares.", _REINSTALL)
    if failed := [s for s in reading.signals if s.state is State.FAILED]:
        told = ", ".join(f"{s.name} ({s.reason})" if s.reason else s.name for s in failed)
        return fail(check, f"fails to measure {told}.", _REMEDIES.get(info.name, _REINSTALL))
    told = f"{info.version}@{_cut(detector.digest)}, {seconds * 1000:.1f} ms"
    if seconds > info.deadline:
        return warn(
            check,
            f"{told}: over its deadline of {info.deadline:.1f} s.",
            "Give the machine fewer other tasks or more cores: late counts as failed.",
        )
    return ok(check, told)


def _subject(kind: Subject) -> Any:
    """Made anew for each detector: what one of them has seen in it is not remembered for the next."""
    if kind is Subject.TEXT:
        return canonical("a lighthouse at sunset")
    return Change(_picture(), (_picture(),)) if kind is Subject.CHANGE else _picture()


def _picture() -> Picture:
    """A sun over a sea, drawn here."""
    y, x = np.mgrid[0:_SIDE, 0:_SIDE]
    rgb = np.stack([x // 2 + 60, y // 2 + 60, 200 - y // 2], axis=-1).astype(np.uint8)
    rgb[(x - 180) ** 2 + (y - 70) ** 2 < 900] = (250, 220, 90)
    return decode(encode(rgb, "png"))


def _short(error: Exception) -> str:
    return " ".join(str(error).split())[:200]


def _cut(digest: str) -> str:
    return digest[:19] + "…"

"""Parts that are found by entry point: detectors, upstreams and dialects, each added by one file and one line."""

from __future__ import annotations

import functools
import os
from collections.abc import Collection, Iterable
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rambarde.guard.detectors.contract import Detector, DetectorInfo, Subject
from rambarde.guard.inspect import Inspector
from rambarde.guard.policy.catalogue import Catalogue, catalogue
from rambarde.guard.policy.evaluation import Evaluator
from rambarde.guard.policy.language import Policy
from rambarde.guard.policy.reading import SHIPPED, read_file, read_policy, shipped
from rambarde.guard.upstreams.contract import Upstream, UpstreamConfig
from rambarde.guard.workers.pool import Pool, cores
from rambarde.nouns.fault import Fault, Kind, invalid

if TYPE_CHECKING:
    from rambarde.interfaces.http.dialects.contract import Dialect
    from rambarde.interfaces.settings import Settings

DETECTORS = "rambarde.detectors"
UPSTREAMS = "rambarde.upstreams"
DIALECTS = "rambarde.dialects"
KNOWN, NAMES = "known", "names"
KEY_VARIABLE = "RAMBARDE_UPSTREAM_KEY"


def detectors(settings: Settings) -> tuple[Detector, ...]:
    """All installed detectors, built and not loaded. Raises `Fault` for one that cannot be built."""
    return tuple(detector(point, settings) for point in detector_points())


def pool(settings: Settings, installed: Iterable[Detector]) -> Pool | None:
    """The worker processes that the settings ask for, not started; None if pictures stay in this process.

    They get those of the `installed` detectors that do not look at texts.
    """
    names = tuple(d.info.name for d in installed if d.info.subject is not Subject.TEXT)
    size = cores() if settings.workers < 0 else settings.workers
    return Pool(functools.partial(_chosen, settings, names), size) if size else None


def _chosen(settings: Settings, names: Collection[str]) -> tuple[Detector, ...]:
    return tuple(detector(point, settings) for point in detector_points() if point.name in names)


def detector_points() -> list[EntryPoint]:
    """The entry points of all installed detectors, by name."""
    return sorted(entry_points(group=DETECTORS), key=lambda p: p.name)


def detector(point: EntryPoint, settings: Settings) -> Detector:
    """One detector, built and not loaded. Raises `Fault` `part_broken`."""
    made = _load(point)
    built: Detector
    if point.name == KNOWN:
        built = made(*filter(None, (settings.known_bank, *settings.known_feeds)))
    elif point.name == NAMES and (settings.protected_people or settings.fictional_names):
        built = made(settings.protected_people, settings.fictional_names)
    else:
        built = made()
    info = getattr(built, "info", None)
    if not isinstance(info, DetectorInfo) or info.name != point.name:
        raise _broken(point, "it is no detector of that name")
    return built


def judging(settings: Settings) -> tuple[Evaluator, Inspector, Catalogue]:
    """The two parts that decide: the policy, compiled, and the detectors it requires, not loaded yet.

    Raises `PolicyError` for a policy that cannot be used.
    """
    installed = detectors(settings)
    names = catalogue(d.info for d in installed)
    running = policy(settings, names)
    return Evaluator(running, names), Inspector(installed, running.detectors), names


def policy(settings: Settings, names: Catalogue) -> Policy:
    """The policy named in the settings, or the shipped one. Raises `PolicyError`."""
    if settings.policy:
        return read_file(Path(settings.policy), names)
    return read_policy(shipped(SHIPPED), names, source=SHIPPED)


def upstream(settings: Settings) -> Upstream:
    """The generator named in the settings. Raises `Fault` if there is no such adapter, or it lacks its URL."""
    points = {point.name: point for point in entry_points(group=UPSTREAMS)}
    if settings.upstream not in points:
        raise invalid(
            "upstream_unknown",
            f"There is no upstream {settings.upstream!r}.",
            remedy=f"Installed: {', '.join(sorted(points)) or 'none'}.",
            field="upstream",
        )
    config = UpstreamConfig(
        url=settings.upstream_url,
        key=_key(settings),
        model=settings.upstream_model or None,
        hosts=settings.upstream_hosts,
    )
    try:
        made: Upstream = _load(points[settings.upstream])(config)
    except ValueError as error:
        raise invalid(
            "upstream_invalid", f"{error}.", remedy="Set `upstream_url`, ending in /v1.", field="upstream_url"
        ) from error
    return made


def dialects() -> tuple[Dialect, ...]:
    """All installed dialects, by name: the languages that the gateway is spoken to in. Raises `Fault` `part_broken`."""
    found = []
    for point in sorted(entry_points(group=DIALECTS), key=lambda p: p.name):
        found.append(_load(point))
        if getattr(found[-1], "name", None) != point.name:
            raise _broken(point, "it is no dialect of that name")
    return tuple(found)


def _key(settings: Settings) -> str | None:
    if not settings.upstream_key_file:
        return os.environ.get(KEY_VARIABLE) or None
    try:
        return Path(settings.upstream_key_file).read_text("utf-8").strip() or None
    except OSError as error:
        raise invalid(
            "upstream_key_unreadable",
            f"{error.strerror}.",
            remedy="Check the path.",
            field="upstream_key_file",
        ) from error


def _load(point: EntryPoint) -> Any:
    try:
        loaded = point.load()
    except Exception as error:
        raise _broken(point, f"{type(error).__name__}: {error}") from error
    return loaded


def _broken(point: EntryPoint, why: str) -> Fault:
    return Fault(
        Kind.INTERNAL,
        "part_broken",
        f"{point.group} {point.name!r} cannot be used: {why}.",
        remedy="Reinstall or remove the package that provides it.",
    )

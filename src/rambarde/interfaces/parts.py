"""Parts that are found by entry point: detectors, upstreams and dialects, each added by one file and one line."""

from __future__ import annotations

import functools
import os
import re
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
from rambarde.guard.upstreams.several import Budget, Several
from rambarde.guard.workers.pool import Pool, cores
from rambarde.nouns.fault import Fault, Kind, invalid

if TYPE_CHECKING:
    from rambarde.interfaces.http.dialects.contract import Dialect
    from rambarde.interfaces.settings import Settings

DETECTORS = "rambarde.detectors"
UPSTREAMS = "rambarde.upstreams"
DIALECTS = "rambarde.dialects"
_FALLBACKS = "upstream_fallbacks"
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
    return Pool(functools.partial(chosen, settings, names), size) if size else None


def chosen(settings: Settings, names: Collection[str]) -> tuple[Detector, ...]:
    """The installed detectors of these names, built and not loaded: what a worker begins with."""
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
    """The generator named in the settings, with its fallbacks. Raises `Fault` if one is not there or cannot be used."""
    config = UpstreamConfig(
        url=settings.upstream_url,
        key=_key(settings.upstream_key_file, KEY_VARIABLE, "upstream_key_file"),
        model=settings.upstream_model or None,
        hosts=settings.upstream_hosts,
    )
    made = [_generator(settings.upstream, config, "upstream", "upstream_url")]
    for line in settings.upstream_fallbacks:
        name, config = _fallback(line, settings.upstream_hosts)
        made.append(_generator(name, config, _FALLBACKS, _FALLBACKS))
    if len(made) == 1 and not settings.upstream_retries and not settings.upstream_budget:
        return made[0]
    budgets = [Budget(settings.upstream_budget) for _ in made]
    return Several(made, retries=settings.upstream_retries, budgets=budgets)


def _generator(name: str, config: UpstreamConfig, field: str, at: str) -> Upstream:
    points = {point.name: point for point in entry_points(group=UPSTREAMS)}
    if name not in points:
        raise invalid(
            "upstream_unknown",
            f"There is no upstream {name!r}.",
            remedy=f"Installed: {', '.join(sorted(points)) or 'none'}.",
            field=field,
        )
    try:
        made: Upstream = _load(points[name])(config)
    except ValueError as error:
        raise invalid(
            "upstream_invalid",
            f"{error}.",
            remedy=f"Set `{at}`, as docs/extending.md#upstreams says for {name}.",
            field=at,
        ) from error
    return made


def _fallback(line: str, hosts: tuple[str, ...]) -> tuple[str, UpstreamConfig]:
    """`NAME [URL] [model=…] [key_file=…]`; without a file, the key is in a variable that ends in the name."""
    name, *rest = line.split() or [""]
    url = rest.pop(0) if rest and "=" not in rest[0] else ""
    more = dict(part.split("=", 1) for part in rest if "=" in part)
    if not name or len(more) != len(rest) or not set(more) <= {"model", "key_file"}:
        raise invalid(
            "upstream_invalid",
            f"A fallback reads {name!r}, and more that is not understood.",
            remedy="Write `NAME URL model=… key_file=…`; all but the name may be left out.",
            field=_FALLBACKS,
        )
    variable = f"{KEY_VARIABLE}_{re.sub('[^A-Z0-9]', '_', name.upper())}"
    key = _key(more.get("key_file", ""), variable, _FALLBACKS)
    return name, UpstreamConfig(url, key, more.get("model"), hosts)


def dialects() -> tuple[Dialect, ...]:
    """All installed dialects, by name: the languages that the gateway is spoken to in. Raises `Fault` `part_broken`."""
    found = []
    for point in sorted(entry_points(group=DIALECTS), key=lambda p: p.name):
        found.append(_load(point))
        if getattr(found[-1], "name", None) != point.name:
            raise _broken(point, "it is no dialect of that name")
    return tuple(found)


def _key(file: str, variable: str, field: str) -> str | None:
    if not file:
        return os.environ.get(variable) or None
    try:
        return Path(file).read_text("utf-8").strip() or None
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "It is no text"
        raise invalid("upstream_key_unreadable", f"{why}.", remedy="Check the path.", field=field) from error


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

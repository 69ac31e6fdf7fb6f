"""Probing a target: its senders made, the plan run, everything counted."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path

import rambarde
from rambarde.guard.text.normalise import canonical
from rambarde.interfaces.demo.photographs import photograph
from rambarde.interfaces.demo.scenarios import WOMAN
from rambarde.interfaces.probing.local import CommandSender, FolderSender, PythonSender
from rambarde.interfaces.probing.web import WebSender
from rambarde.measure.probe import corpus, pictures
from rambarde.measure.probe.lint import lint
from rambarde.measure.probe.outcome import Outcome
from rambarde.measure.probe.plan import Plan, plan
from rambarde.measure.probe.ports import Looker, Sender
from rambarde.measure.probe.report import Header, Report, report
from rambarde.measure.probe.run import Runner
from rambarde.measure.probe.target import Surface, Target
from rambarde.nouns.fault import invalid


def said(target: Target, base: Path) -> tuple[corpus.Wording, ...]:
    """The shipped corpus and the target's own rows; paths are relative to `base`. Raises `Fault`."""
    found = list(corpus.shipped()) if target.shipped_corpus else []
    for name in target.corpus:
        try:
            rows = corpus.own((base / name).read_bytes(), name)
        except OSError as error:
            raise invalid(
                "probe_corpus_unreadable",
                f"{name}: {error.strerror}.",
                remedy="Check the path; it is taken from the targets file's folder.",
                field="corpus",
            ) from error
        for row in rows:
            for text in (row.text, row.twin):
                # Also as the guard reads it: letters that only look like others are no way around the lint.
                lint(canonical(text).folded, row=f"{name}: {row.id}")
        found += rows
    if not found:
        raise invalid(
            "probe_corpus_empty",
            "There is nothing to say.",
            remedy="Leave `shipped_corpus` on, or name a `corpus`.",
            field="corpus",
        )
    return tuple(found)


def planned(target: Target, wordings: tuple[corpus.Wording, ...]) -> Plan:
    return plan(
        wordings,
        surfaces=len(target.surface),
        requests=target.limits.requests,
        seed=target.seed,
        techniques=target.techniques,
    )


def photo(target: Target) -> bytes:
    """The picture that edits send: an adult's portrait that a package ships, or a drawing. Raises `Fault`."""
    return photograph(WOMAN) if target.photo == "photograph" else pictures.drawn()


async def probe(
    target: Target,
    looker: Looker,
    *,
    base: Path = Path(),
    environment: Mapping[str, str] = os.environ,
    occasion: str = "",
    begin: Callable[[int], None] = lambda total: None,
    advance: Callable[[], None] = lambda: None,
) -> Report:
    """Probe it. Raises `Fault` for what cannot be begun; what fails on the way stands in the report."""
    wordings = said(target, base)
    plan = planned(target, wordings)
    picture = photo(target)
    started = time.monotonic()
    senders = {one.name: _sender(one, target, base, environment) for one in target.surface}
    begin(len(plan.attempts))
    try:
        ran = await Runner(target, senders, looker, picture, advance=advance).run(plan.attempts)
    finally:
        for sender in senders.values():
            await sender.close()
    assert target.authority is not None
    header = Header(
        datetime.now(UTC).isoformat(timespec="seconds"),
        rambarde.__version__,
        target.name,
        target.authority,
        corpus.digest(wordings),
        looker.names,
        target.photo,
        target.seed,
        target.limits.requests,
        ran.requests,
        len(plan.attempts),
        plan.left_out,
        round(time.monotonic() - started, 3),
        occasion,
    )
    return report(header, target, ran)


def queue(made: Report) -> list[dict[str, object]]:
    """What a person must look at, with the service's own name of the result; the picture itself is gone."""
    return [
        {
            "attempt": row.attempt,
            "surface": row.surface,
            "twin": row.twin,
            "why": row.why,
            "sha256": row.digest,
            "reference": row.reference,
        }
        for row in made.rows
        if row.outcome is Outcome.DOUBT
    ]


def _sender(surface: Surface, target: Target, base: Path, environment: Mapping[str, str]) -> Sender:
    if surface.dialect == "python":
        return PythonSender(surface)
    if surface.dialect == "command":
        return CommandSender(surface)
    if surface.dialect == "folder":
        return FolderSender(base / surface.path)
    assert target.authority is not None
    return WebSender(surface, target.authority.hosts, target.limits.seconds, environment)

"""`rambarde policy check`, `prove` and `compare`: what holds of a policy, and where it does not."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path
from typing import Annotated

import typer

from rambarde.guard.policy.catalogue import Catalogue, catalogue
from rambarde.guard.policy.document import PolicyError, load
from rambarde.guard.policy.evaluation import Facts
from rambarde.guard.policy.language import Policy
from rambarde.guard.policy.measure import read_measure
from rambarde.guard.policy.proof import check as checking
from rambarde.guard.policy.proof import compare as comparing
from rambarde.guard.policy.proof import prove as proving
from rambarde.guard.policy.proof.words import DEFAULTS
from rambarde.guard.policy.reading import FLOORS, SHIPPED, read_file, read_floors, read_policy, shipped
from rambarde.interfaces import parts
from rambarde.interfaces.cli.options import Config, Json, print_json, settings
from rambarde.interfaces.governance import files

WORD = "shipped"
"""Stands for the shipped policy where a file is asked for."""
NOT_COVERED = (
    "duties that follow (`follow`): `compare` tells where one falls away",
    "how well detectors measure: their error rates are measured and bound to their digests",
)
MEASURE = "rambarde-measure"
File = Annotated[Path, typer.Argument(metavar="FILE", help="Policy file, or `shipped`.")]


def check(file: File, config: Config = None, json: Json = False) -> None:
    """Look for mistakes, and for rules that do nothing. Exit status 1 if there are any."""
    names = _names(config)
    try:
        remarks = _remarks(file, names)
    except PolicyError as error:
        found: list[dict[str, object]] = [
            {
                "problem": "invalid",
                "rule": None,
                "line": error.line,
                "column": error.column,
                "message": error.message,
                "suggestion": error.remedy,
            }
        ]
    else:
        found = [
            {
                "problem": r.problem.value,
                "rule": r.rule,
                "line": r.line,
                "column": r.column,
                "message": f"{file.name}:{r.line}:{r.column}: {r.message}"
                if r.line
                else f"{file.name}: {r.message}",
                "suggestion": r.suggestion,
            }
            for r in remarks
        ]
    if json:
        print_json({"ok": not found, "findings": found})
    else:
        for one in found:
            typer.echo(f"{one['message']} {one['suggestion']}")
        if not found:
            typer.echo("No mistake, and no rule without effect.")
    raise typer.Exit(1 if found else 0)


def prove(
    file: File,
    than: Annotated[
        Path | None, typer.Option("--than", help="Also prove it not more permissive than this one.")
    ] = None,
    config: Config = None,
    json: Json = False,
) -> None:
    """Prove the invariants of a policy, or show the smallest case that breaks one: then exit status 1."""
    names = _names(config)
    policy = _policy(file, names)
    running = _policy(than, names) if than else None
    start = time.perf_counter()
    proof = proving.prove(policy, names, read_floors(shipped(FLOORS), names)[0])
    compared = comparing.compare(running, policy, names) if running else None
    seconds = time.perf_counter() - start
    holds = proof.holds and (compared is None or compared.not_more_permissive)
    if json:
        rows: list[dict[str, object]] = [
            {
                "invariant": f.invariant.value,
                "words": f.invariant.words,
                "proven": f.proven,
                "claims": f.claims,
                "counterexample": _breach(f.breach) if f.breach else None,
            }
            for f in proof.findings
        ]
        print_json(
            {
                "ok": holds,
                "policy": proof.policy,
                "invariants": rows,
                "compared": _comparison(compared) if compared else None,
                "inputs": [f.name for f in fields(Facts)],
                "not_covered": NOT_COVERED,
                "cells": str(proof.cells),
                "nodes": proof.nodes,
                "seconds": round(seconds, 3),
            }
        )
        raise typer.Exit(0 if holds else 1)
    typer.echo(f"{policy.name} {proof.policy}")
    for finding in proof.findings:
        typer.echo(f"{'proven' if finding.proven else 'BROKEN'}  {finding.invariant.words}")
        if breach := finding.breach:
            typer.echo(f"        {breach.words}\n        because {breach.why}")
            for name, meaning in breach.meanings.items():
                typer.echo(f"        `{name}`: {meaning}")
            if breach.evaluated is not breach.outcome:
                typer.echo(f"        The evaluator says {breach.evaluated.word}: please report this.")
    if not all(finding.proven for finding in proof.findings):
        typer.echo(DEFAULTS)
    if compared is None:
        typer.echo("not asked  Not more permissive than another policy: name it with --than.")
    else:
        typer.echo(
            f"{'proven' if compared.not_more_permissive else 'BROKEN'}  Not more permissive than {than}."
        )
        _tell(compared)
    typer.echo(
        f"{proof.cells:.1e} cells, {proof.nodes} nodes, {seconds:.2f} s. The plan is no input of a decision. "
        f"Not covered: {'; '.join(NOT_COVERED)}."
    )
    raise typer.Exit(0 if holds else 1)


def compare(
    old: Annotated[Path, typer.Argument(metavar="OLD", help="Policy file, or `shipped`.")],
    new: Annotated[Path, typer.Argument(metavar="NEW", help="Policy file, or `shipped`.")],
    limit: Annotated[
        int, typer.Option("--limit", min=1, help="Most regions to tell of each direction.")
    ] = comparing.LIMIT,
    config: Config = None,
    json: Json = False,
) -> None:
    """Say where a policy decides otherwise than another. Exit status 1 if anything may be loosened."""
    names = _names(config)
    found = comparing.compare(_policy(old, names), _policy(new, names), names, limit=limit)
    if json:
        print_json(_comparison(found))
    else:
        typer.echo(found.verdict.value)
        _tell(found)
    raise typer.Exit(0 if found.not_more_permissive else 1)


def _remarks(file: Path, names: Catalogue) -> tuple[checking.Remark, ...]:
    """Of a policy, or of an emergency measure."""
    if str(file) != WORD:
        data = files.read(file, files.LONGEST_DOCUMENT, code="policy_unreadable", field="policy")
        if any(key == MEASURE for key, _ in load(data, file.name).mapping("the document")):
            conditions = read_floors(shipped(FLOORS), names)[1]
            return checking.check_measure(read_measure(data, names, conditions, source=file.name))
    return checking.check(_policy(file, names), names)


def _names(config: Path | None) -> Catalogue:
    return catalogue(detector.info for detector in parts.detectors(settings(config)))


def _policy(file: Path, names: Catalogue) -> Policy:
    if str(file) == WORD:
        return read_policy(shipped(SHIPPED), names, source=SHIPPED)
    return read_file(file, names)


def _tell(found: comparing.Comparison) -> None:
    for title, regions, loosened in (
        ("loosened", found.loosened, True),
        ("tightened", found.tightened, False),
    ):
        for region in regions:
            was, now = (region.stricter, region.laxer) if loosened else (region.laxer, region.stricter)
            unless = f", unless {region.exception} holds it" if region.exception else ""
            typer.echo(f"  {title}: {region.words} → {was.word} becomes {now.word} ({region.rule}){unless}")
        if title in found.more:
            typer.echo(f"  {title}: and more; see --limit of `rambarde policy compare`")
    for swap in found.swaps:
        typer.echo(f"  detector {swap.detector}: {swap.old or 'none'} becomes {swap.new or 'none'}")
        if swap.replaced:
            typer.echo(f"    both looser and stricter is possible in: {', '.join(swap.rules) or 'no rule'}")
    for one in found.dropped:
        typer.echo(f"  loosened: {one}")
    for told in found.kept:
        typer.echo(f"  loosened: kept of people: {told}")
    for name, words in found.reworded:
        typer.echo(f"  reworded: {name}: {words}")


def _breach(breach: proving.Breach) -> dict[str, object]:
    return {
        "words": breach.words,
        "why": breach.why,
        "rule": breach.rule,
        "outcome": breach.outcome.word,
        "at_least": breach.least.word,
        "evaluator": breach.evaluated.word,
        "assigned": breach.assigned,
        "meanings": breach.meanings,
    }


def _comparison(found: comparing.Comparison) -> dict[str, object]:
    return {
        "verdict": found.verdict.value,
        "not_more_permissive": found.not_more_permissive,
        "old": found.old,
        "new": found.new,
        "loosened": _regions(found.loosened),
        "tightened": _regions(found.tightened),
        "more": found.more,
        "detectors": [
            {"detector": s.detector, "old": s.old, "new": s.new, "rules": s.rules} for s in found.swaps
        ],
        "dropped": [{"rule": d.rule, "duty": d.duty, "words": str(d)} for d in found.dropped],
        "kept": list(found.kept),
        "reworded": [{"rule": name, "words": words} for name, words in found.reworded],
    }


def _regions(regions: Sequence[comparing.Region]) -> list[dict[str, object]]:
    return [
        {
            "words": region.words,
            "stricter": region.stricter.word,
            "laxer": region.laxer.word,
            "rule": region.rule,
            "unless": region.unless,
            "limits": region.limits,
            "case": region.case,
        }
        for region in regions
    ]

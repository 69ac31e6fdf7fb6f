"""`rambarde calibrate`: thresholds for a wanted false-positive rate, as a policy to be proven and signed."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from rambarde.guard.policy.reading import read_policy
from rambarde.interfaces.cli.chosen import named
from rambarde.interfaces.cli.governed import place
from rambarde.interfaces.cli.measuring import (
    Assured,
    Chosen,
    Country,
    Mode,
    Picture,
    Rows,
    Surface,
    measure,
    measure_pictures,
    refuse_both,
    terms,
    under,
)
from rambarde.interfaces.cli.options import Config, Json, print_json
from rambarde.interfaces.exhibited import exhibits
from rambarde.interfaces.judge import Judge
from rambarde.interfaces.labelled import Answers, data_sets
from rambarde.interfaces.tuning import PICTURES, PROMPTS, Tuning, tunable, tuning
from rambarde.measure.calibrate import allowed, first, split
from rambarde.measure.intervals import clopper_pearson, upper
from rambarde.measure.rows import Labelled, once
from rambarde.measure.sweep import Share
from rambarde.nouns.caller import STANDARD, UNKNOWN_COUNTRY
from rambarde.nouns.fault import invalid


@dataclass(frozen=True, slots=True)
class Proposal:
    """What was found: the step, and what it does to rows it was chosen on and to rows it was not.

    `bound` is the promise: with the confidence asked for, the rate on rows like these is not above it.
    `contradicted`: the rows held out say, with the same confidence, that it is.
    """

    step: int
    bound: float
    chosen_on: Share
    held_out: Share
    contradicted: bool
    false_positives_before: Share
    recall_before: Share
    recall_after: Share


def calibrate(
    data: Rows,
    false_positives: Annotated[
        float, typer.Option("--false-positives", help="The wanted rate, such as 0.01.")
    ],
    out: Annotated[Path, typer.Option("-o", "--out", help="Write the candidate policy there.")],
    rule: Annotated[
        list[str] | None,
        typer.Option("--rule", help="Tune only this own rule; repeat. Default: all own ones at that point."),
    ] = None,
    confidence: Annotated[
        float, typer.Option("--confidence", help="How sure the rate must be promised.")
    ] = 0.95,
    hold_out: Annotated[
        float, typer.Option("--hold-out", help="Share of the rows to try the result on; 0: none.")
    ] = 0.25,
    image: Picture = None,
    images: Annotated[
        bool, typer.Option("--images", help="DATA are labelled pictures and pairs; tune rules at release.")
    ] = False,
    policy: Chosen = None,
    surface: Surface = "web",
    mode: Mode = STANDARD,
    country: Country = UNKNOWN_COUNTRY,
    age_assured: Assured = False,
    config: Config = None,
    json: Json = False,
) -> None:
    """Propose thresholds of own rules. Exit status 1 if the rows that were held out contradict the result."""
    _between(false_positives, 0.0, "false-positives")
    _between(confidence, 0.5, "confidence")
    if hold_out:
        _between(hold_out, 0.0, "hold-out")
    if out.exists():
        raise invalid("file_exists", f"{out} exists.", remedy="Name another file.", field="out")
    refuse_both(image, images)
    matter = PICTURES if images else PROMPTS
    shown = once(exhibits(data)) if images else {}
    written = {} if images else once(data_sets(data))
    rows: dict[tuple[str, str], Labelled] = {**shown, **written}
    asked = terms(surface, mode, country, age_assured)
    running, names = under(config, policy)
    current, text, source = named(None, running, names)
    tunable(current, rule or (), matter)
    # A row without a label says what a picture shows, and nothing of what must be stopped.
    safe = [row for row in rows.values() if row.label == "safe"]
    chosen_on, held = split(safe, hold_out)
    most = allowed(len(chosen_on), false_positives, confidence)
    opened = Judge.open(running)
    try:
        if images:
            found = measure_pictures(opened, [row for row in shown.values() if row.label], asked)
        else:
            found = measure(opened, list(written), asked, image)
        days = opened.chain.policies.days()
    finally:
        opened.close()
    tuned = tuning(text, source, names, rule or (), found.terms, found.answers, days, matter)
    unsafe = [row for row in rows.values() if row.unsafe]
    proposal = _propose(tuned, found.answers, (chosen_on, held, unsafe), most, false_positives, confidence)
    candidate = tuned.candidate(proposal.step)
    place(out, candidate)
    diff = _diff(text, candidate, source, out.name)
    answer = _answer(tuned, proposal, candidate, false_positives, confidence) | {"diff": diff}
    print_json(answer) if json else _print(tuned, proposal, diff, out, false_positives, confidence)
    raise typer.Exit(1 if proposal.contradicted else 0)


def _between(value: float, least: float, field: str) -> None:
    if not least < value < 1.0:
        raise invalid(
            "share_invalid",
            f"{value:g} will not do.",
            remedy=f"Give a number above {least:g} and below 1.",
            field=field,
        )


def _propose(
    tuned: Tuning,
    answers: Answers,
    parts: tuple[list[Labelled], list[Labelled], list[Labelled]],
    most: int,
    wanted: float,
    confidence: float,
) -> Proposal:
    chosen_on, held, unsafe = parts

    def share(step: int, rows: list[Labelled]) -> Share:
        return Share.count(tuned.stopped(step, rows, answers), len(rows))

    step = first(lambda step: tuned.stopped(step, chosen_on, answers), most)
    if step is None:
        raise invalid(
            "rate_unreachable",
            f"More than {most} of {len(chosen_on)} harmless rows are stopped, however loose these rules are.",
            remedy="`rambarde evaluate` says which rules stop them: floors and law are not tuned.",
            field="false-positives",
        )
    on, off = share(step, chosen_on), share(step, held)
    # The one-sided exact bound from below is the end of the two-sided interval with twice the tails.
    least = clopper_pearson(off.hits, off.of, 2 * confidence - 1).low if off.of else 0.0
    return Proposal(
        step=step,
        # Of the number that was allowed beforehand: the one that was seen is chosen by the rows themselves.
        bound=upper(most, on.of, confidence),
        chosen_on=on,
        held_out=off,
        contradicted=least > wanted,
        false_positives_before=share(0, [*chosen_on, *held]),
        recall_before=share(0, unsafe),
        recall_after=share(step, unsafe),
    )


def _diff(before: bytes, after: bytes, source: str, name: str) -> str:
    return "".join(
        difflib.unified_diff(
            before.decode().splitlines(keepends=True),
            after.decode().splitlines(keepends=True),
            source,
            name,
            n=1,
        )
    )


def _answer(
    tuned: Tuning, proposal: Proposal, candidate: bytes, wanted: float, confidence: float
) -> dict[str, object]:
    return {
        "policy": tuned.policy.digest,
        "candidate": read_policy(candidate, tuned.names, source=tuned.source).digest,
        "wanted": wanted,
        "confidence": confidence,
        "bound": proposal.bound,
        "chosen_on": proposal.chosen_on,
        "held_out": proposal.held_out,
        "contradicted": proposal.contradicted,
        "false_positives_before": proposal.false_positives_before,
        "recall_before": proposal.recall_before,
        "recall_after": proposal.recall_after,
        "thresholds": [
            {
                "rule": knob.rule,
                "signal": knob.signal,
                "line": knob.line,
                "column": knob.column,
                "before": knob.threshold,
                "after": after,
            }
            for knob, after in tuned.thresholds(proposal.step).items()
        ],
        "not_moved": [
            {"rule": k.rule, "signal": k.signal, "line": k.line, "column": k.column, "why": k.fixed}
            for k in tuned.fixed
        ],
    }


def _print(tuned: Tuning, proposal: Proposal, diff: str, out: Path, wanted: float, confidence: float) -> None:
    typer.echo(diff.rstrip("\n") if diff else "The thresholds stay as they are.")
    for knob in tuned.fixed:
        typer.echo(f"not moved: {knob.rule} {knob.signal} (line {knob.line}): {knob.fixed}")
    typer.echo(
        f"harmless rows stopped: {_told(proposal.false_positives_before)} before; "
        f"{_told(proposal.chosen_on)} of those it was chosen on, {_told(proposal.held_out)} of those held out"
    )
    typer.echo(
        f"unsafe rows stopped: {_told(proposal.recall_before)} before, {_told(proposal.recall_after)} now"
    )
    typer.echo(
        f"With {confidence:.0%} confidence at most {proposal.bound:.2%} of harmless {tuned.matter.rows} like these are "
        f"stopped (wanted: {wanted:.2%})."
    )
    if proposal.contradicted:
        typer.echo("The rows held out CONTRADICT that: they are not like the others, or not independent.")
    typer.echo(
        f"Written to {out}. It is a policy change like any other: `rambarde policy prove {out.name}`, "
        f"`rambarde policy compare OLD {out.name}`, then `rambarde policy sign`."
    )


def _told(share: Share) -> str:
    return f"{share.hits}/{share.of} ({share.share:.2%})" if share.of else "none"

"""`rambarde policy explain` and `replay`: why a recorded decision was made, and what others would have been.

For the operator's staff: thresholds and what would get past them are not for callers.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import IO, Annotated

import msgspec
import typer
from rich.console import Console
from rich.progress import Progress

from rambarde.guard.policy import recorded
from rambarde.guard.policy.evaluation import Evaluator
from rambarde.guard.policy.language import Policy
from rambarde.guard.policy.proof import explain as explaining
from rambarde.guard.policy.replay import Changed, Replay, Tally
from rambarde.interfaces.cli.chosen import PolicyFile, chosen, day, named, time, writing
from rambarde.interfaces.cli.options import Config, Data, Json, print_json
from rambarde.interfaces.governance.book import Book
from rambarde.interfaces.governance.charter import Charter
from rambarde.interfaces.vault import Vault
from rambarde.nouns.decision import Fired, Outcome
from rambarde.nouns.fault import Fault, Kind
from rambarde.store.records import Records, Wanted

_STEP = 500


def explain(
    id: Annotated[str, typer.Argument(help="The decision id: the record's, which a refusal names.")],
    policy: PolicyFile = None,
    data: Data = None,
    config: Config = None,
    json: Json = False,
) -> None:
    """Say why a request was decided as it was, and which smallest changes of what was measured would loosen it."""
    setting, names = chosen(config, data)
    vault = Vault.open(setting)
    try:
        found = Records(vault.database).get(id)
        if found is None:
            raise Fault(
                Kind.NOT_FOUND,
                "record_unknown",
                "There is no record of this id.",
                remedy="A refusal names it as the decision id; check the data folder too.",
                field="id",
            )
        past = recorded.read(found.document())
        judge = None
        if policy is None and past.cases:
            charter = Charter(Book(vault), names)
            judge = charter.of_digest(charter.book.read(), past.cases[0].policy)
    finally:
        vault.close()
    evaluator = Evaluator(judge or named(policy, setting, names)[0], names)
    told = [explaining.explain(case, evaluator, names) for case in past.cases]
    if json:
        print_json(
            {
                "id": past.id,
                "ending": past.ending,
                "fault": past.fault,
                "policy": evaluator.policy.digest,
                "decisions": [_explained(one) for one in told],
            }
        )
        return
    typer.echo(f"{past.id}: {past.ending}{f' ({past.fault})' if past.fault else ''}, received on {past.day}")
    if not told:
        typer.echo("It ended before anything was decided: no rule fired, and no policy would change it.")
    for one in told:
        _print_explained(one, evaluator.policy)


def _print_explained(told: explaining.Explanation, policy: Policy) -> None:
    case = told.case
    where = case.point.value if case.output is None else f"{case.point.value}, output {case.output}"
    typer.echo(f"\n{where}: {case.outcome.word}")
    if other := explaining.against(policy, case):
        typer.echo(f"  {other}")
    if told.again is not case.outcome:
        typer.echo(f"  On the recorded signals, which are rounded, this policy says {told.again.word}.")
    for why in told.whys:
        fired = why.fired
        assumed = ", assumed: only because something is unknown" if fired.assumed else ""
        typer.echo(f"  {fired.rule} ({why.family.value}{assumed}) → {fired.outcome.word}: {fired.reason}")
        for label, text in (
            ("because", why.because),
            ("applies", why.here),
            ("law", ", ".join(fired.grounds)),
            ("note", why.note),
        ):
            if text:
                typer.echo(f"    {label}: {text}")
    for line in _what_changes(told):
        typer.echo(f"  {line}")


def _what_changes(told: explaining.Explanation) -> Iterator[str]:
    if told.closed:
        yield explaining.NOTHING
        return
    if told.again is Outcome.ALLOW:
        return
    for number, change in enumerate(told.changes, 1):
        signals = " and ".join(f"`{name}` {words}" for name, words in change.signals.items())
        yield f"change {number}: {signals} → {change.outcome.word}"
    if not told.changes:
        yield "No change of signals (those that speak of minors aside) would loosen it."
    for mode in told.modes:
        relaxes = ", ".join(mode.relaxes)
        terms = f"; asks for {' and '.join(mode.missing)}, then {mode.on_terms.word}" if mode.missing else ""
        yield f"mode {mode.mode} relaxes {relaxes}: would be {mode.now.word}{terms}"


def _explained(told: explaining.Explanation) -> dict[str, object]:
    case = told.case
    return {
        "point": case.point.value,
        "output": case.output,
        "outcome": case.outcome.word,
        "policy": case.policy,
        "same_policy": told.same_policy,
        "again": told.again.word,
        "rules": [
            _rule(why.fired)
            | {"kind": why.family.value, "because": why.because, "here": why.here, "note": why.note}
            for why in told.whys
        ],
        "closed": told.closed,
        "changes": [
            {
                "signals": change.signals,
                "outcome": change.outcome.word,
                "example": {name: signal.as_json() for name, signal in change.examples.items()},
            }
            for change in told.changes
        ],
        "modes": [asdict(m) | {"now": m.now.word, "on_terms": m.on_terms.word} for m in told.modes],
    }


def _rule(fired: Fired) -> dict[str, object]:
    return {
        "rule": fired.rule,
        "outcome": fired.outcome.word,
        "reason": fired.reason,
        "floor": fired.floor,
        "grounds": fired.grounds,
        "assumed": fired.assumed,
    }


def replay(
    new: Annotated[Path, typer.Argument(metavar="NEW", help="Policy file, or `shipped`.")],
    since: Annotated[
        str | None, typer.Option("--from", help="First day or time, UTC; default: a week ago.")
    ] = None,
    until: Annotated[
        str | None, typer.Option("--to", help="Day or time before which, UTC; default: now.")
    ] = None,
    on: Annotated[
        str | None, typer.Option("--on", help="Judge as if on this day, UTC; default: each record's own.")
    ] = None,
    changes: Annotated[
        Path | None,
        typer.Option("--changes", help="Write each decision that changes there, one JSON a line."),
    ] = None,
    data: Data = None,
    config: Config = None,
    json: Json = False,
) -> None:
    """Judge recorded decisions again with another policy. Exit status 1 if a record cannot be read."""
    setting, names = chosen(config, data)
    policy = named(new, setting, names)[0]
    again = Replay(Evaluator(policy, names), names, on=day(on, "on"))
    now = datetime.now(UTC)
    wanted = Wanted(
        since=time(since, "from") or now - timedelta(days=7),
        until=time(until, "to") or now,
    )
    vault = Vault.open(setting)
    try:
        with writing(changes) as out:
            _replayed(again, Records(vault.database), wanted, out)
    finally:
        vault.close()
    if json:
        print_json(_tally(again.tally, policy, wanted))
    else:
        _print_tally(again.tally, policy, wanted)
    raise typer.Exit(1 if again.tally.unreadable else 0)


def _replayed(again: Replay, records: Records, wanted: Wanted, out: IO[bytes] | None) -> None:
    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("replaying", total=records.count(wanted))
        for number, (id, body) in enumerate(records.bodies(wanted), 1):
            try:
                found = again.judge(body)
            except Fault as fault:
                # Counted, told and the cause of exit status 1: one bad record hides no other.
                console.print(f"{id}: {fault}", markup=False, highlight=False)
                continue
            if out is not None:
                for one in found:
                    out.write(msgspec.json.encode(_changed(one)) + b"\n")
            if number % _STEP == 0:
                progress.update(task, completed=number)


def _changed(one: Changed) -> dict[str, object]:
    return asdict(one) | {"point": one.point.value, "was": one.was.word, "now": one.now.word}


def _tally(tally: Tally, policy: Policy, wanted: Wanted) -> dict[str, object]:
    return {
        "policy": policy.digest,
        "from": wanted.since,
        "to": wanted.until,
        "records": tally.records,
        "decisions": tally.decisions,
        "changed": tally.changed,
        "outcomes": _steps(tally.told),
        "outcomes_lacking_signals": _steps(tally.lacking),
        "newly_firing": dict(tally.newly.most_common()),
        "no_longer_firing": dict(tally.no_longer.most_common()),
        "lacking_signals": dict(tally.lacks.most_common()),
        "other_detectors": dict(tally.other_detectors.most_common()),
        "ended_before_signals": tally.before_signals,
        "admitted_now": tally.unasked,
        "unreadable": tally.unreadable,
    }


def _steps(counts: Mapping[tuple[str, str, str], int]) -> list[dict[str, object]]:
    return [
        {"point": point, "was": was, "now": now, "decisions": count}
        for (point, was, now), count in sorted(counts.items())
    ]


def _print_tally(tally: Tally, policy: Policy, wanted: Wanted) -> None:
    typer.echo(f"{policy.name} {policy.digest}")
    typer.echo(f"{tally.records} records received from {wanted.since} until {wanted.until}")
    typer.echo(f"{tally.decisions} decisions judged again, {tally.changed} come out otherwise")
    for title, counts in (
        ("with every signal that the policy wants", tally.told),
        ("lacking a signal, which counts as failed", tally.lacking),
    ):
        if counts:
            typer.echo(f"{title}:")
        for (point, was, now), count in sorted(counts.items()):
            typer.echo(f"  {point}: {was} → {now}: {count}{'' if was == now else '  (changed)'}")
    for title, rules in (
        ("fire now and did not then", tally.newly),
        ("fired then and do not now", tally.no_longer),
        ("signals that are lacking, by decisions", tally.lacks),
        (
            "pinned detectors that measured in another version, or not at all, by records",
            tally.other_detectors,
        ),
    ):
        if rules:
            typer.echo(f"{title}: " + ", ".join(f"{name} {count}" for name, count in rules.most_common()))
    for count, words in (
        (tally.before_signals, "records ended before anything was measured: nothing to judge again"),
        (tally.unasked, "requests stopped at admit would go on now: what they would have made is not known"),
        (tally.unreadable, "records could not be read: run `rambarde log verify`"),
    ):
        if count:
            typer.echo(f"{count} {words}")

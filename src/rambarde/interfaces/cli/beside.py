"""`rambarde policy table` and `test`: what stands beside a policy, a table for people and examples to judge."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from rambarde.guard.policy import examples, sheet, telling
from rambarde.guard.policy.catalogue import Catalogue
from rambarde.guard.policy.document import Node
from rambarde.guard.policy.evaluation import Evaluator
from rambarde.guard.policy.language import Condition, Policy
from rambarde.guard.policy.pack import Duty, read_pack
from rambarde.guard.policy.reading import FLOORS, read_floors, shipped
from rambarde.guard.policy.table import table as tabled
from rambarde.interfaces.cli.chosen import WORD, PolicyFile, chosen, day, named, writing
from rambarde.interfaces.cli.options import Config, Json, print_json
from rambarde.interfaces.settings import Settings
from rambarde.nouns.caller import COUNTRY, UNKNOWN_COUNTRY
from rambarde.nouns.fault import invalid


def table(
    file: Annotated[
        Path | None,
        typer.Argument(metavar="[FILE]", help="Policy file, or `shipped`; default: the settings'."),
    ] = None,
    mode: Annotated[list[str] | None, typer.Option("--mode", help="Only this mode; may be repeated.")] = None,
    country: Annotated[
        list[str] | None,
        typer.Option("--country", help="Only this country, or `unknown`; may be repeated."),
    ] = None,
    on: Annotated[str | None, typer.Option("--on", help="The day, UTC; default: today.")] = None,
    format: Annotated[str, typer.Option("--format", help="markdown or html.")] = "markdown",
    out: Annotated[
        Path | None, typer.Option("-o", "--out", help="Write it there; default: to the terminal.")
    ] = None,
    config: Config = None,
) -> None:
    """Write the policy as a decision table: each rule in plain words, by mode and jurisdiction."""
    makers = {"markdown": sheet.markdown, "html": sheet.html}
    if format not in makers:
        raise invalid("format_unknown", f"{format!r}.", remedy="Use markdown or html.", field="format")
    for code in country or ():
        if code != UNKNOWN_COUNTRY and not COUNTRY.match(code):
            raise invalid(
                "country_invalid", f"{code!r}.", remedy="Use FR, US-CA or `unknown`.", field="country"
            )
    setting, names = chosen(config)
    policy, text, source = named(file, setting, names)
    told, duties = _known(policy, text, source, names)
    made = makers[format](
        tabled(
            policy,
            names,
            day=day(on, "on") or datetime.now(UTC).date(),
            modes=mode or (),
            countries=country or (),
            names=told,
            duties=duties,
        )
    )
    with writing(out) as opened:
        if opened is None:
            typer.echo(made, nl=False)
        else:
            opened.write(made.encode())


def _known(
    policy: Policy, text: bytes, source: str, names: Catalogue
) -> tuple[dict[Condition, str], list[tuple[str, Duty]]]:
    """The conditions that have names, and the duties of the policy's packs."""
    floors: dict[str, Node] = read_floors(shipped(FLOORS), names)[1]
    told = telling.named(shipped(FLOORS), FLOORS, names)
    duties: list[tuple[str, Duty]] = []
    for pack in policy.packs:
        law = shipped(f"{pack}.yaml")
        told = telling.named(law, pack, names, floors) | told
        duties += [(pack, duty) for duty in read_pack(law, names, floors, source=pack).duties]
    return telling.named(text, source, names, floors) | told, duties


# test


def test(
    file: Annotated[
        Path | None,
        typer.Argument(
            metavar="[FILE]", help="File of examples; default: beside the policy, as NAME.tests.yaml."
        ),
    ] = None,
    policy: PolicyFile = None,
    config: Config = None,
    json: Json = False,
) -> None:
    """Judge the examples beside a policy. Exit status 1 if one does not come out as it says."""
    setting, names = chosen(config)
    data, source, judged = _examples(file, policy, setting, names)
    today = datetime.now(UTC).date()
    found = examples.run(
        examples.read_examples(data, judged, names, today=today, source=source), Evaluator(judged, names)
    )
    failed = [verdict for verdict in found if verdict.problems]
    if json:
        print_json(
            {
                "ok": not failed,
                "policy": judged.digest,
                "examples": len(found),
                "failures": [
                    {
                        "name": v.example.name,
                        "line": v.example.place.line,
                        "problems": v.problems,
                        "outcome": v.decision.outcome.word,
                        "rules": [fired.rule for fired in v.decision.fired],
                    }
                    for v in failed
                ],
            }
        )
    else:
        for v in failed:
            fired = ", ".join(rule.rule for rule in v.decision.fired) or "nothing"
            typer.echo(f"{v.example.place}: {v.example.name}: {'; '.join(v.problems)}. Fired: {fired}.")
        typer.echo(
            f"{len(found) - len(failed)} of {len(found)} examples hold for {judged.name} {judged.digest}"
        )
    raise typer.Exit(1 if failed else 0)


def _examples(
    file: Path | None, policy: Path | None, setting: Settings, names: Catalogue
) -> tuple[bytes, str, Policy]:
    """The examples and their policy: the one asked for, the one they name, the one beside them, the settings'."""
    if file is None:
        running = policy or (Path(setting.policy) if setting.policy else Path(WORD))
        if str(running) == WORD:
            data, source = shipped(WORD + examples.SUFFIX), WORD + examples.SUFFIX
            return data, source, named(running, setting, names)[0]
        file = running.with_name(running.stem + examples.SUFFIX)
        policy = running
    try:
        data = file.read_bytes()
    except OSError as error:
        raise invalid(
            "examples_unreadable",
            f"{file}: {error.strerror}.",
            remedy="Name a file of examples; docs/policy-insight.md shows its form.",
            field="file",
        ) from error
    if policy is None and (told := examples.named_policy(data, file.name)) is not None:
        policy = Path(told) if told == WORD else file.parent / told
    if policy is None and file.name.endswith(examples.SUFFIX):
        beside = file.with_name(file.name.removesuffix(examples.SUFFIX) + ".yaml")
        policy = beside if beside.is_file() else None
    return data, file.name, named(policy, setting, names)[0]

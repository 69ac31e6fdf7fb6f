"""`rambarde check`: what the admit decision would be, and why. Nothing is generated, kept or logged."""

from __future__ import annotations

import asyncio
import secrets
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Literal

import msgspec
import typer
from rich.console import Console
from rich.progress import track
from rich.table import Table

from rambarde.guard.arrival import Arrival, Credential, Draft, Upload
from rambarde.guard.chain import Chain
from rambarde.interfaces.cli.options import Config, Json, print_json, settings
from rambarde.interfaces.judge import Judge
from rambarde.nouns.caller import COUNTRY, STANDARD, UNKNOWN_COUNTRY, Caller, Context
from rambarde.nouns.decision import Decision, Outcome
from rambarde.nouns.fault import Fault, invalid
from rambarde.nouns.record import Record
from rambarde.nouns.request import Action
from rambarde.nouns.signal import Signal, Signals

SUPPOSED: Signals = {
    s.name: s
    for s in (
        Signal.measured("input.person", 1.0),
        Signal.measured("input.face", 1.0),
        Signal.absent("input.nudity", "supposed"),
        Signal.absent("input.known", "supposed"),
    )
}
"""An adult's photograph that is not attached: somebody is in it, and nothing else is known against it."""


class Row(msgspec.Struct, forbid_unknown_fields=True):
    """One line of a batch."""

    id: str
    text: str
    kind: Literal["generate", "edit"] = "generate"
    image: str | None = None


@dataclass(frozen=True, slots=True)
class Terms:
    """Under which caller a prompt is judged."""

    surface: str
    mode: str
    country: str
    age_assured: bool


def check(
    prompt: Annotated[str | None, typer.Argument(help="The prompt to judge.")] = None,
    image: Annotated[
        list[Path] | None, typer.Option("--image", help="An input picture; repeat for several.")
    ] = None,
    edit: Annotated[
        bool, typer.Option("--edit", help="Judge an edit; without --image, of an adult's photo.")
    ] = False,
    surface: Annotated[str, typer.Option("--surface", help="As if it came in this way.")] = "web",
    mode: Annotated[str, typer.Option("--mode", help="As if in this mode.")] = STANDARD,
    country: Annotated[
        str, typer.Option("--country", help="ISO 3166, such as FR or US-CA.")
    ] = UNKNOWN_COUNTRY,
    age_assured: Annotated[
        bool, typer.Option("--age-assured", help="As if the caller's age were assured.")
    ] = False,
    batch: Annotated[Path | None, typer.Option("--batch", help="JSONL of {id, text, kind, image?}.")] = None,
    config: Config = None,
    json: Json = False,
) -> None:
    """Judge a prompt, or a file of prompts, and say which rules fired and why. Exit status 0 whatever the decision."""
    if (prompt is None) == (batch is None):
        raise invalid(
            "check_what", "Nothing to judge, or two things.", remedy="Give a PROMPT or --batch FILE."
        )
    if country != UNKNOWN_COUNTRY and not COUNTRY.match(country):
        raise invalid(
            "country_invalid",
            f"{country!r} is no country.",
            remedy="Give FR, US-CA, …, or unknown.",
            field="country",
        )
    judge = Judge.open(settings(config))
    terms = Terms(surface, mode, country, age_assured)
    try:
        if batch is not None:
            asyncio.run(_batch(judge.chain, batch, terms, json))
        else:
            kind = "edit" if edit or image else "generate"
            record, decision = asyncio.run(_judge(judge.chain, prompt or "", kind, image or [], terms))
            print_json(record.as_json()) if json else _print(record, decision)
    finally:
        judge.close()


async def _batch(chain: Chain, path: Path, terms: Terms, json: bool) -> None:
    rows = list(_rows(path))
    quiet = json or not sys.stderr.isatty()
    for row in rows if quiet else track(rows, "judging", console=Console(stderr=True)):
        start = time.perf_counter()
        images = [path.parent / row.image] if row.image else []
        line: dict[str, object] = {"id": row.id}
        try:
            _, decision = await _judge(chain, row.text, row.kind, images, terms)
        except Fault as fault:
            # A row that cannot be judged is refused by the gateway too; it says so and the batch goes on.
            line |= {
                "decision": "error",
                "rules": [],
                "signals": {},
                "error": {"code": fault.code, "field": fault.field},
            }
        else:
            line |= {
                "decision": decision.outcome.word,
                "rules": [f.rule for f in decision.fired],
                "signals": {s.name: s.as_json() for s in decision.signals},
            }
        line["ms"] = round((time.perf_counter() - start) * 1000, 3)
        if json:
            print_json(line)
        else:
            typer.echo(f"{row.id}\t{line['decision']}\t{', '.join(map(str, line['rules']))}")  # type: ignore[call-overload]


def _rows(path: Path) -> Iterator[Row]:
    decoder = msgspec.json.Decoder(Row)
    try:
        lines = path.read_bytes().splitlines()
    except OSError as error:
        raise invalid("batch_unreadable", f"{path}: {error.strerror}.", remedy="Check the path.") from error
    for number, line in enumerate(lines, 1):
        if line.strip():
            try:
                yield decoder.decode(line)
            except msgspec.DecodeError as error:
                raise invalid(
                    "batch_row_invalid",
                    f"{path}:{number}: {error}.",
                    remedy="A row is {id, text, kind, image?}.",
                ) from error


async def _judge(
    chain: Chain, text: str, kind: str, images: list[Path], terms: Terms
) -> tuple[Record, Decision]:
    action = Action(kind)
    uploads = tuple([Upload(await asyncio.to_thread(_bytes, path)) for path in images])

    async def read() -> Draft:
        return Draft(prompt=text, images=uploads)

    async def identify(_: str) -> Caller:
        context = Context(country=terms.country, age_assured=terms.age_assured)
        return Caller("check", terms.surface, terms.mode, context)

    arrival = Arrival(
        id="dec_" + secrets.token_hex(16),
        route="cli.check",
        action=action,
        credential=Credential("check", terms.surface, (terms.mode,)),
        received_at=datetime.now(UTC),
        read=read,
        identify=identify,
    )
    return await chain.check(arrival, SUPPOSED if action is Action.EDIT and not uploads else None)


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise invalid(
            "image_unreadable", f"{path}: {error.strerror}.", remedy="Check the path.", field="image"
        ) from error


def _print(record: Record, decision: Decision) -> None:
    console = Console(highlight=False)
    colour = {Outcome.ALLOW: "green", Outcome.REVIEW: "yellow", Outcome.BLOCK: "red"}[decision.outcome]
    console.print(
        f"[bold {colour}]{decision.outcome.word}[/]  {record.action}, {record.surface}, {record.mode}"
    )
    for fired in decision.fired:
        console.print(f"  [bold]{fired.rule}[/]{' (floor)' if fired.floor else ''}: {fired.reason}")
    for evidence in decision.evidence:
        where = " (in the picture)" if evidence.where == "image" else ""
        console.print(f"  {evidence.signal}: “{evidence.words}”{where}", markup=False)
    table = Table("signal", "value", box=None)
    for signal in sorted(decision.signals, key=lambda s: s.name):
        value = (
            f"{signal.value:.3f}" if signal.value is not None else signal.state.name.lower().replace("_", " ")
        )
        table.add_row(signal.name, value + (f" ({signal.reason})" if signal.reason else ""))
    console.print(table)
    console.print("  ".join(f"{stage} {ms:.1f} ms" for stage, ms in record.timings), style="dim")

"""`rambarde audit label`: the labelling page on this machine."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from rambarde.interfaces.archive import Archive
from rambarde.interfaces.cli.hold import archive
from rambarde.interfaces.cli.options import Config, Data, Json, print_json, settings
from rambarde.interfaces.cli.serve import listen
from rambarde.interfaces.settings import Settings
from rambarde.measure.audit import sheet as sheets
from rambarde.measure.audit.journal import Journal, Opened
from rambarde.measure.audit.rating import Rating
from rambarde.measure.audit.sheet import Sheet
from rambarde.nouns.fault import Fault, Kind, invalid

LOOPBACK = "127.0.0.1"


def label(
    audit: Annotated[Path, typer.Argument(help="The audit's folder, made by draw.")],
    rater: Annotated[list[str], typer.Option("--rater", help="Who labels; repeat for a second one.")],
    question: Annotated[
        str | None,
        typer.Option("--question", help="What is asked of each picture, for yes or no. It is kept."),
    ] = None,
    adjudicator: Annotated[
        str | None, typer.Option("--adjudicator", help="Who decides where raters differ or are unsure.")
    ] = None,
    legal_basis: Annotated[
        str | None,
        typer.Option(
            "--legal-basis", help="Why you may look at a collection that is not your own records. It is kept."
        ),
    ] = None,
    retest: Annotated[
        float, typer.Option("--retest", min=0, max=0.5, help="The share that comes a second time, unmarked.")
    ] = 0.05,
    port: Annotated[int, typer.Option("--port", help="Port; 0 picks a free one.")] = 0,
    purpose: Annotated[
        str | None, typer.Option("--purpose", help="Of our own records: what for; it goes into the log.")
    ] = None,
    data: Data = None,
    config: Config = None,
    json: Json = False,
) -> None:
    """Open a labelling page on this machine; it prints each person's own address. Ctrl-C ends it, no label is lost."""
    sheet, units = sheets.read(audit)
    people = _people(rater, adjudicator)
    ours = sheet.frame.kind == "records"
    _lawful(ours, legal_basis, purpose)
    journal = Journal(audit / sheets.JOURNAL)
    try:
        rating = Rating.of(units, sheet.seed, journal.events)
        before = rating.opened
        event = Opened(
            journal.now(),
            sheet.sample,
            _question(question, before),
            tuple(rater),
            adjudicator if adjudicator is not None or before is None else before.adjudicator,
            legal_basis or (before.legal_basis if before is not None else None),
            before.retest if before is not None else retest,
        )
        _same(event, before)
        if journal.cut:
            typer.echo(
                "A last label that was never acknowledged was cut off by a crash; it comes again.", err=True
            )
        chosen = settings(config, data=data)
        if not (chosen.known_bank or chosen.known_feeds):
            typer.echo(
                "No bank of known pictures is set (`known_bank`): none can be recognised and withheld.",
                err=True,
            )
        with _records(chosen, ours) as kept:
            _serve(sheet, event, rating, journal, kept, chosen, people, purpose or "", port, json)
    finally:
        journal.close()


def _serve(
    sheet: Sheet,
    event: Opened,
    rating: Rating,
    journal: Journal,
    kept: Archive | None,
    chosen: Settings,
    people: tuple[str, ...],
    purpose: str,
    port: int,
    json: bool,
) -> None:
    # Imported here: no other command needs the web server.
    import uvicorn

    from rambarde.interfaces.audit.exhibit import Exhibitor, checker, reader
    from rambarde.interfaces.audit.labelling import Labelling

    listener = listen(LOOPBACK, port)
    exhibitor = Exhibitor(
        reader(sheet.frame, kept, person=", ".join(people), purpose=purpose), checker(chosen)
    )
    try:
        journal.add(event)
        rating.take(event)
        page = Labelling(rating, journal, exhibitor, people)
        addresses = page.addresses(listener.getsockname()[1])
        if json:
            print_json({"addresses": addresses})
        else:
            for name, address in addresses.items():
                typer.echo(f"{name}: {address}")
            typer.echo(
                "Each address is one person's own: whoever has it may label. Ctrl-C ends the page.", err=True
            )

        async def run() -> None:
            config = uvicorn.Config(page.app(), access_log=False, log_config=None, server_header=False)
            await uvicorn.Server(config).serve(sockets=[listener])

        asyncio.run(run())
    except KeyboardInterrupt:
        pass
    finally:
        exhibitor.close()
        listener.close()


def _people(raters: Sequence[str], adjudicator: str | None) -> tuple[str, ...]:
    people = (*raters, *([adjudicator] if adjudicator is not None else ()))
    folded = [name.strip().casefold() for name in people]
    if not all(folded) or len(set(folded)) < len(folded) or any(name.startswith("(") for name in folded):
        raise invalid(
            "audit_raters",
            "Raters and adjudicator are different people with a name each.",
            remedy="Give each --rater once, and another person as --adjudicator.",
            field="rater",
        )
    return people


def _lawful(ours: bool, basis: str | None, purpose: str | None) -> None:
    if ours and not purpose:
        raise invalid(
            "audit_options", "What are the records looked at for?", remedy="Give --purpose.", field="purpose"
        )
    if not ours and not (basis or "").strip():
        raise Fault(
            Kind.FORBIDDEN,
            "audit_legal_basis",
            "This collection is not our own records, so somebody has to say why it may be looked at.",
            remedy="State it: --legal-basis 'Art. 40 DSA, vetted researcher, access granted 2026-02-03'.",
            field="legal-basis",
        )


def _question(question: str | None, before: Opened | None) -> str:
    found = question or (before.question if before is not None else None)
    if not (found or "").strip():
        raise invalid(
            "audit_question",
            "What is asked of each picture?",
            remedy="Give --question, answerable by yes or no.",
            field="question",
        )
    return found or ""


def _same(event: Opened, before: Opened | None) -> None:
    if before is None:
        return
    if (before.question, sorted(before.raters)) != (event.question, sorted(event.raters)):
        raise Fault(
            Kind.CONFLICT,
            "audit_changed",
            f"Labelling began with {', '.join(before.raters)} and another question or other raters.",
            remedy="Go on with the same, or draw a new audit.",
            field="rater",
        )


@contextmanager
def _records(chosen: Settings, ours: bool) -> Iterator[Archive | None]:
    if not ours:
        yield None
        return
    with archive(chosen) as opened:
        yield opened

"""What `evaluate` and `calibrate` share: under whom labelled rows are judged, and judging them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from rambarde.guard.policy.catalogue import Catalogue
from rambarde.interfaces.cli.check import SUPPOSED
from rambarde.interfaces.cli.chosen import WORD, chosen
from rambarde.interfaces.exhibited import look
from rambarde.interfaces.judge import Judge
from rambarde.interfaces.labelled import Answers, Terms, judge, pictured, ready
from rambarde.interfaces.settings import Settings
from rambarde.measure.exhibits import Exhibit
from rambarde.nouns.caller import COUNTRY, UNKNOWN_COUNTRY
from rambarde.nouns.fault import invalid

INTERRUPTED = 130
"""Exit status after Ctrl-C, as shells have it."""

Rows = Annotated[list[Path], typer.Argument(metavar="DATA", help="JSONL files of labelled prompts.")]
Picture = Annotated[
    Path | None,
    typer.Option("--image", help="Picture that edits have attached; default: as if an adult's photo were."),
]
Chosen = Annotated[
    str | None, typer.Option("--policy", help="Policy file, or `shipped`; default: the settings'.")
]
Surface = Annotated[str, typer.Option("--surface", help="As if they came in this way.")]
Mode = Annotated[str, typer.Option("--mode", help="As if in this mode.")]
Country = Annotated[str, typer.Option("--country", help="ISO 3166, such as FR or US-CA.")]
Assured = Annotated[bool, typer.Option("--age-assured", help="As if the caller's age were assured.")]


@dataclass(frozen=True, slots=True)
class Measured:
    """The answers, the terms with the picture looked at, and the seconds that judging alone took."""

    answers: Answers
    terms: Terms
    seconds: float


def under(config: Path | None, policy: str | None) -> tuple[Settings, Catalogue]:
    """The settings, with this policy in place of theirs, and all signals."""
    running, names = chosen(config)
    if policy is not None:
        running = replace(running, policy="" if policy == WORD else policy)
    return running, names


def terms(surface: str, mode: str, country: str, age_assured: bool) -> Terms:
    """Raises `Fault` `country_invalid`. Edits have an adult's photograph attached until a picture is named."""
    if country != UNKNOWN_COUNTRY and not COUNTRY.match(country):
        raise invalid(
            "country_invalid",
            f"{country!r} is no country.",
            remedy="Give FR, US-CA, …, or unknown.",
            field="country",
        )
    return Terms(surface, mode, country, age_assured, SUPPOSED)


def refuse_both(image: Path | None, images: bool) -> None:
    """Raises `Fault` `image_and_images`."""
    if images and image is not None:
        raise invalid(
            "image_and_images",
            "With --images each row names its own pictures.",
            remedy="Leave --image out.",
            field="image",
        )


def measure(
    opened: Judge,
    requests: list[tuple[str, str]],
    asked: Terms,
    image: Path | None,
    keep: frozenset[str] | None = None,
) -> Measured:
    """Judge all requests, with a progress bar where somebody watches. Ctrl-C ends it with nothing measured."""

    async def judging(seen: Terms, advance: Callable[[], None]) -> Answers:
        return await judge(opened.chain, requests, seen, keep=keep, advance=advance)

    return _watched(opened, len(requests), asked, image, judging)


def measure_pictures(
    opened: Judge, rows: Sequence[Exhibit], asked: Terms, keep: frozenset[str] | None = None
) -> Measured:
    """The same of labelled pictures."""

    async def looking(seen: Terms, advance: Callable[[], None]) -> Answers:
        return await look(opened.chain, rows, seen, keep=keep, advance=advance)

    return _watched(opened, len(rows), asked, None, looking)


Judging = Callable[[Terms, Callable[[], None]], Awaitable[Answers]]


def _watched(opened: Judge, total: int, asked: Terms, image: Path | None, judging: Judging) -> Measured:
    try:
        return asyncio.run(_measure(opened, total, asked, image, judging))
    except KeyboardInterrupt:
        typer.echo("Interrupted: nothing was measured.", err=True)
        raise typer.Exit(INTERRUPTED) from None


async def _measure(opened: Judge, total: int, asked: Terms, image: Path | None, judging: Judging) -> Measured:
    await ready(opened.chain, asked)
    seen = await pictured(opened.chain, asked, image) if image is not None else asked
    console = Console(stderr=True)
    with Progress(
        TextColumn("judging"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    ) as progress:
        task = progress.add_task("judging", total=total)
        start = time.perf_counter()
        answers = await judging(seen, lambda: progress.advance(task))
        return Measured(answers, seen, time.perf_counter() - start)

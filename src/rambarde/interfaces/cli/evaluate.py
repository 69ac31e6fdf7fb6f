"""`rambarde evaluate`: recall and false positives on the operator's own labelled prompts."""

from __future__ import annotations

from collections.abc import Sequence, Set
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import msgspec
import typer

import rambarde
from rambarde.guard.policy import gate
from rambarde.guard.policy.catalogue import Catalogue
from rambarde.interfaces import exhibited
from rambarde.interfaces.cli.evaluated import tell
from rambarde.interfaces.cli.measuring import (
    Assured,
    Chosen,
    Country,
    Measured,
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
from rambarde.interfaces.cli.options import Config, Json
from rambarde.interfaces.exhibited import exhibits
from rambarde.interfaces.judge import Judge
from rambarde.interfaces.labelled import Terms, data_sets, gauges, of_text
from rambarde.interfaces.settings import Settings
from rambarde.measure import evaluate as evaluating
from rambarde.measure import report as reporting
from rambarde.measure.against import Comparison, against
from rambarde.measure.exhibits import Exhibit
from rambarde.measure.page import page
from rambarde.measure.report import Header, Report
from rambarde.measure.rows import DataSet, R, Row, once
from rambarde.nouns.caller import STANDARD, UNKNOWN_COUNTRY
from rambarde.nouns.fault import invalid


def evaluate(
    data: Rows,
    image: Picture = None,
    images: Annotated[
        bool, typer.Option("--images", help="DATA are labelled pictures and pairs: JSONL files or folders.")
    ] = False,
    policy: Chosen = None,
    surface: Surface = "web",
    mode: Mode = STANDARD,
    country: Country = UNKNOWN_COUNTRY,
    age_assured: Assured = False,
    earlier: Annotated[
        Path | None, typer.Option("--against", help="Report of an earlier run: tell what differs.")
    ] = None,
    html: Annotated[Path | None, typer.Option("--html", help="Also write one HTML page there.")] = None,
    by: Annotated[
        list[str] | None,
        typer.Option("--by", metavar="A+B", help="Also tell what shares these, such as group+lang."),
    ] = None,
    examples: Annotated[
        int, typer.Option("--examples", min=0, help="Most examples of each set and label.")
    ] = evaluating.EXAMPLES,
    show_text: Annotated[
        bool, typer.Option("--show-text", help="Show the texts of examples, not their ids alone.")
    ] = False,
    config: Config = None,
    json: Json = False,
) -> None:
    """Judge labelled prompts or pictures: what is found, what is stopped wrongly. Exit status 1 if a row was not."""
    before = _earlier(earlier) if earlier else None
    asked = terms(surface, mode, country, age_assured)
    refuse_both(image, images)
    running, names = under(config, policy)
    crossed: list[tuple[str, ...]] = []
    if images:
        shown = exhibits(data)
        crossed = _crossed(by, shown)
        report = _of_pictures(shown, running, names, asked, crossed, examples, show_text)
    else:
        written = data_sets(data)
        crossed = _crossed(by, written)
        report = _of_texts(written, running, names, asked, image, crossed, examples, show_text)
    compared = against(before, report) if before is not None else None
    if html is not None:
        _save(html, page(report, compared))
    if json:
        typer.echo(_json(report, compared))
    else:
        tell(report, compared, whole={evaluating.CROSS.join(one) for one in crossed})
    raise typer.Exit(1 if report.faults else 0)


def _of_texts(
    sets: Sequence[DataSet[Row]],
    running: Settings,
    names: Catalogue,
    asked: Terms,
    image: Path | None,
    by: Sequence[tuple[str, ...]],
    examples: int,
    texts: bool,
) -> Report:
    opened = Judge.open(running)
    try:
        looked = gauges(opened.chain.policies.current().policy, names)
        keep = frozenset(gauge.signal for gauge in looked)
        found = measure(opened, list(once(sets)), asked, image, keep=keep)
        # No picture of an output was looked at, and inputs were supposed or one.
        header = _header(opened, found, {names[name].detector for name in of_text(names)})
    finally:
        opened.close()
    return evaluating.evaluate(header, sets, found.answers, looked, examples=examples, texts=texts, by=by)


def _of_pictures(
    sets: Sequence[DataSet[Exhibit]],
    running: Settings,
    names: Catalogue,
    asked: Terms,
    by: Sequence[tuple[str, ...]],
    examples: int,
    texts: bool,
) -> Report:
    opened = Judge.open(running)
    try:
        looked = exhibited.gauges(opened.chain.policies.current().policy, names)
        keep = frozenset(gauge.signal for gauge in looked)
        found = measure_pictures(opened, list(once(sets).values()), asked, keep=keep)
        answering = {names[name].detector for name in exhibited.of_pictures(names)}
        header = replace(_header(opened, found, answering), about="pictures", picture="as the rows say")
    finally:
        opened.close()
    return evaluating.evaluate(header, sets, found.answers, looked, examples=examples, texts=texts, by=by)


def _header(opened: Judge, found: Measured, answering: Set[str]) -> Header:
    """Only what was asked is covered: the detectors in `answering`."""
    policy, asked = opened.chain.policies.current().policy, found.terms
    return Header(
        made_at=datetime.now(UTC).isoformat(timespec="seconds"),
        rambarde=rambarde.__version__,
        policy=policy.digest,
        policy_name=policy.name,
        floors=policy.floors_digest,
        detectors=dict(opened.chain.inspector.versions),
        surface=asked.surface,
        mode=asked.mode,
        country=asked.country,
        age_assured=asked.age_assured,
        picture=asked.picture,
        covers=(
            f"surface:{asked.surface}",
            f"mode:{asked.mode}",
            *(gate.detector_item(one) for one in policy.detectors if one.name in answering),
        ),
        seconds=round(found.seconds, 3),
        rows_per_second=round(len(found.answers) / found.seconds, 1) if found.seconds else 0.0,
    )


def _crossed(by: Sequence[str] | None, sets: Sequence[DataSet[R]]) -> list[tuple[str, ...]]:
    if not by:
        return []
    known = evaluating.dimensions(row for one in sets for row in one.rows)
    return [_dimensions(one, known) for one in by]


def _dimensions(text: str, known: Sequence[str]) -> tuple[str, ...]:
    names = tuple(text.split("+"))
    if not set(names) <= set(known) or len(set(names)) != len(names):
        raise invalid(
            "dimension_unknown",
            f"Rows cannot be told by {text!r}.",
            remedy=f"Join any of {', '.join(known)} by +, each once.",
            field="by",
        )
    return names


def _earlier(path: Path) -> Report:
    try:
        return reporting.read(path.read_bytes())
    except OSError as error:
        raise invalid(
            "report_unreadable", f"{path}: {error.strerror}.", remedy="Check the path.", field="against"
        ) from error


def _json(report: Report, compared: Comparison | None) -> str:
    if compared is None:
        return reporting.write(report).decode()
    whole = msgspec.to_builtins(report) | {"against": msgspec.to_builtins(compared)}
    return msgspec.json.encode(whole).decode()


def _save(path: Path, text: str) -> None:
    try:
        path.write_text(text, "utf-8")
    except OSError as error:
        raise invalid(
            "file_unwritable", f"{path}: {error.strerror}.", remedy="Choose another place.", field="html"
        ) from error

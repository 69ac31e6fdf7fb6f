"""Options that the commands of `rambarde audit` share, and the tables of strata that they read."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated

import typer

from rambarde.measure.audit.figure import share
from rambarde.measure.audit.finding import Terms
from rambarde.measure.audit.plan import Part
from rambarde.measure.audit.prevalence import Instrument
from rambarde.measure.audit.stratified import Stratum
from rambarde.nouns.fault import Fault, invalid

Population = Annotated[
    int | None, typer.Option("--population", min=1, help="How many units there are in all.")
]
Se = Annotated[
    float | None,
    typer.Option("--se", help="Sensitivity of the labels: of what is positive, the share called so."),
]
Sp = Annotated[
    float | None, typer.Option("--sp", help="Specificity: of what is not positive, the share called not.")
]
SeN = Annotated[
    int | None,
    typer.Option("--se-n", min=1, help="Units the sensitivity was measured on (Lang and Reiczigel)."),
]
SpN = Annotated[int | None, typer.Option("--sp-n", min=1, help="Units the specificity was measured on.")]
Method = Annotated[str, typer.Option("--method", help="Interval: `wilson`, `clopper-pearson` or `blaker`.")]
Confidence = Annotated[float, typer.Option("--confidence", help="Of intervals, such as 0.95.")]
Finite = Annotated[
    bool,
    typer.Option(
        "--finite", help="Narrow intervals for drawing without replacement; off: a little too wide."
    ),
]


def terms(
    se: float | None = None,
    sp: float | None = None,
    se_n: int | None = None,
    sp_n: int | None = None,
    method: str = "wilson",
    confidence: float = 0.95,
    population: int | None = None,
    finite: bool = False,
) -> Terms:
    """How to estimate. Labels are right where nothing else is said. Raises `Fault`."""
    tool = Instrument(1.0 if se is None else se, 1.0 if sp is None else sp, se_n, sp_n)
    return Terms(method, share("confidence", confidence), tool, population, finite)


def expectations(path: Path) -> list[Part]:
    return [
        Part(row["stratum"], _whole(row, "size", place), _share(row, "expected", place))
        for place, row in _rows(path, ("stratum", "size", "expected"))
    ]


def counts(path: Path) -> list[Stratum]:
    return [
        Stratum(
            row["stratum"],
            _whole(row, "size", place),
            _whole(row, "n", place),
            _whole(row, "positive", place),
        )
        for place, row in _rows(path, ("stratum", "size", "n", "positive"))
    ]


def _rows(path: Path, names: Sequence[str]) -> Iterator[tuple[str, dict[str, str]]]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, strict=True)
            if not set(names) <= set(reader.fieldnames or ()):
                raise _bad(f"{path} has not the columns {', '.join(names)}.", names)
            for number, row in enumerate(reader, 2):
                yield f"{path}:{number}", {name: row[name] or "" for name in names}
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise _bad(f"{path} cannot be read: {error}.", names) from error


def _whole(row: dict[str, str], name: str, place: str) -> int:
    try:
        return int(row[name])
    except ValueError as error:
        raise _bad(f"{place}: `{name}` is no whole number.", tuple(row)) from error


def _share(row: dict[str, str], name: str, place: str) -> float:
    try:
        return float(row[name])
    except ValueError as error:
        raise _bad(f"{place}: `{name}` is no number.", tuple(row)) from error


def _bad(message: str, names: Sequence[str]) -> Fault:
    return invalid(
        "audit_strata", message, remedy=f"Write a CSV with the header {','.join(names)}.", field="strata"
    )

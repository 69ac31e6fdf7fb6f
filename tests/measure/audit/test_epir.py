"""Against epiR 2.0.57: a committed table of its answers, and the program itself where it is installed."""

from __future__ import annotations

import csv
import math
import shutil
import subprocess
from pathlib import Path

import pytest

from rambarde.measure.audit.figure import Figure
from rambarde.measure.audit.plan import Part, simple, stratified
from rambarde.measure.audit.prevalence import Instrument, estimate
from rambarde.measure.audit.proportion import proportion

HERE = Path(__file__).parent
ROWS = list(csv.DictReader((HERE / "epir.csv").open()))
NAMES = {"wilson": "wilson", "c-p": "clopper-pearson", "blaker": "blaker"}
DIGITS = 1e-9
"""epiR prints seven digits."""


def rows(kind: str) -> list[dict[str, str]]:
    return [row for row in ROWS if row["kind"] == kind]


@pytest.mark.parametrize("method", NAMES)
def test_prevalence_agrees_with_epir(method: str) -> None:
    mine = [row for row in rows("prev") if row["method"] == method]
    assert len(mine) == 88
    for row in mine:
        level = float(row["confidence"])
        apparent = proportion(int(row["a"]), int(row["b"]), NAMES[method], level)
        made = estimate(apparent, int(row["b"]), Instrument(float(row["se"]), float(row["sp"])), None, level)
        want = [float(row[f"r{number}"]) for number in range(1, 7)]
        # epiR leaves [0, 1] where the edges of Wilson's at one hit do, and where the labels cannot be that good.
        got = [apparent.value, apparent.low, apparent.high]
        assert got == pytest.approx(want[:3], abs=DIGITS), row
        inside = [min(1.0, max(0.0, value)) for value in want[3:]]
        assert [made.true.value, made.true.low, made.true.high] == pytest.approx(inside, abs=DIGITS * 10), row
        moved = {
            name
            for name, before, after in zip(("value", "low", "high"), want[3:], inside, strict=True)
            if abs(before - after) > 1e-9
        }
        assert moved <= {name.removeprefix("true.") for name in made.clamped}, row


def test_simple_sizes_agree_with_epir() -> None:
    for row in rows("plan"):
        population = None if row["r2"] == "NA" else int(float(row["r2"]))
        plan = simple(
            float(row["b"]),
            float(row["a"]),
            population=population,
            instrument=Instrument(float(row["se"]), float(row["sp"])),
        )
        assert plan.normal == int(float(row["r1"])), row


def test_neymans_size_agrees_with_epir() -> None:
    parts = [Part("a", 3_000_000, 0.01), Part("b", 1_200_000, 0.3), Part("c", 421_335, 0.85)]
    for row in rows("strata"):
        assert stratified(parts, float(row["b"])).normal == int(float(row["r1"])), row


def test_the_published_totals_to_the_unit() -> None:
    """20,000 of 4,621,335 images: 12,995 and 101 were labelled so."""
    for hits, total in ((12_995, 3_002_712), (101, 23_338)):
        made = estimate(proportion(hits, 20_000), 20_000, Instrument(), 4_621_335)
        assert made.total is not None and made.total.value == total
        assert isinstance(made.total.value, int)
        assert math.floor(made.true.low * 4_621_335) <= made.total.low < total < made.total.high
        assert made.clamped == ()
    assert isinstance(made.apparent, Figure)


@pytest.mark.slow
def test_the_table_is_what_epir_says() -> None:
    if shutil.which("Rscript") is None:
        pytest.skip("there is no R: the committed table stands alone (apt-get install r-cran-epir)")
    done = subprocess.run(
        ["Rscript", str(HERE / "epir.R")], capture_output=True, text=True, timeout=100, check=False
    )
    if "epiR" in done.stderr and done.returncode:
        pytest.skip("R has no epiR: apt-get install r-cran-epir")
    assert done.returncode == 0, done.stderr
    assert done.stdout == (HERE / "epir.csv").read_text()

"""From apparent to true: inverting what errors do, and how often Lang and Reiczigel's interval holds the truth."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from rambarde.measure.audit.figure import Figure
from rambarde.measure.audit.prevalence import Instrument, estimate, lang_reiczigel
from rambarde.measure.audit.proportion import proportion
from rambarde.nouns.fault import Fault

shares = st.floats(0.01, 0.99)


@given(shares, st.floats(0.55, 1), st.floats(0.55, 1))
def test_rogan_gladen_undoes_what_errors_do(true: float, se: float, sp: float) -> None:
    apparent = true * se + (1 - true) * (1 - sp)
    made = estimate(Figure(apparent, apparent, apparent), 100, Instrument(se, sp))
    assert made.true.value == pytest.approx(true, abs=1e-9)
    assert made.clamped == () and made.notes == ()


def slow_lang_reiczigel(ap: float, n: float, tool: Instrument, z: float) -> tuple[float, float]:
    """The paper's equations one by one, by their numbers."""
    n_se, n_sp = tool.sensitivity_of, tool.specificity_of
    assert n_se and n_sp
    se = (n_se * tool.sensitivity + 1) / (n_se + 2)  # 9
    sp = (n_sp * tool.specificity + 1) / (n_sp + 2)  # 10
    n1 = n + z**2  # 6
    ap1 = (n * ap + z**2 / 2) / (n + z**2)  # 7
    p = (ap1 + sp - 1) / (se + sp - 1)
    dp = 2 * z**2 * (p * se * (1 - se) / (n_se + 2) - (1 - p) * sp * (1 - sp) / (n_sp + 2))  # 17
    var = ap1 * (1 - ap1) / n1 + p**2 * se * (1 - se) / (n_se + 2) + (1 - p) ** 2 * sp * (1 - sp) / (n_sp + 2)
    half = z * math.sqrt(var / (se + sp - 1) ** 2)  # 4, 16
    return p + dp - half, p + dp + half


@given(shares, st.integers(20, 5000), shares, shares, st.integers(10, 500), st.integers(10, 500))
def test_lang_reiczigel_by_the_papers_equations(
    ap: float, n: int, se: float, sp: float, n_se: int, n_sp: int
) -> None:
    assume(se + sp > 1.2)
    tool = Instrument(se, sp, n_se, n_sp)
    assert lang_reiczigel(ap, n, tool) == pytest.approx(slow_lang_reiczigel(ap, n, tool, 1.959963984540054))


@pytest.mark.parametrize(("true", "se", "sp"), [(0.02, 0.9, 0.97), (0.3, 0.8, 0.9), (0.65, 0.95, 0.9)])
def test_lang_reiczigel_covers(true: float, se: float, sp: float) -> None:
    draw, held, times = random.Random(3), 0, 500
    for _ in range(times):
        ap = _binomial(draw, 1000, true * se + (1 - true) * (1 - sp)) / 1000
        tool = Instrument(_binomial(draw, 200, se) / 200, _binomial(draw, 300, sp) / 300, 200, 300)
        low, high = lang_reiczigel(ap, 1000, tool)
        held += low <= true <= high
    assert 0.925 < held / times < 0.985


def test_an_instrument_that_was_measured_widens_the_interval() -> None:
    seen = proportion(300, 1000)
    known, measured = (
        estimate(seen, 1000, tool).true for tool in (Instrument(0.9, 0.9), Instrument(0.9, 0.9, 100, 100))
    )
    assert known.value == measured.value
    assert measured.low < known.low < known.high < measured.high


def test_what_cannot_be_is_set_to_the_end_and_said() -> None:
    made = estimate(proportion(1, 100), 100, Instrument(0.9, 0.95), 1000)
    assert made.true.value == 0 and made.total is not None and made.total.value == 0
    assert {"true.value", "true.low"} <= set(made.clamped)
    assert [note.code for note in made.notes] == ["impossible"]


@pytest.mark.parametrize(
    "values", [(0.5, 0.5), (0.2, 0.7), (1.2, 0.9), (0.9, -0.1), (0.9, 0.9, 10, None), (0.9, 0.9, 0, 10)]
)
def test_an_instrument_that_tells_nothing_is_refused(values: tuple[float, float]) -> None:
    with pytest.raises(Fault) as caught:
        Instrument(*values)
    assert caught.value.code == "audit_instrument" and caught.value.remedy


def test_a_population_smaller_than_the_sample_is_refused() -> None:
    with pytest.raises(Fault) as caught:
        estimate(proportion(1, 100), 100, Instrument(), 99)
    assert caught.value.field == "population"


def _binomial(draw: random.Random, of: int, share: float) -> int:
    return sum(draw.random() < share for _ in range(of))

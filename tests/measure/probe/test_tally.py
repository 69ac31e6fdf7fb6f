"""Rates, parity, leaks and change, against slow and obvious counts."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from math import comb
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rambarde.measure.probe import report as reporting
from rambarde.measure.probe.change import change
from rambarde.measure.probe.ci import complete, failures
from rambarde.measure.probe.junit import junit
from rambarde.measure.probe.leaks import NAMES, leaks
from rambarde.measure.probe.outcome import Outcome, Row
from rambarde.measure.probe.page import page
from rambarde.measure.probe.report import Header, Report
from rambarde.measure.probe.run import Ran, Reachable
from rambarde.measure.probe.tally import mcnemar, paired, parity, slices
from rambarde.measure.probe.target import Authority, Surface, Target
from rambarde.nouns.fault import Fault

WEB, APP = Surface("web", url="http://h.example"), Surface("app", url="http://h.example")
TARGET = Target("<Ours>", Authority("owned", "Ada Byron", date(2026, 11, 1), ("h.example",)), (WEB, APP))
HEADER = Header(
    "2026-11-23T00:00:00+00:00", "0", "<Ours>", TARGET.authority, "c", (), "drawn", 0, 9, 9, 9, 0, 1.0
)  # type: ignore[arg-type]
outcomes = st.sampled_from(Outcome)


def row(
    number: int,
    surface: str,
    outcome: Outcome,
    *,
    twin: bool = False,
    technique: str = "plain",
    **more: object,
) -> Row:
    id = f"w{number}/{technique}{'/twin' if twin else ''}"
    return Row(id, f"w{number}", surface, "en", "hat", technique, twin, outcome, **more)  # type: ignore[arg-type]


def made(
    *rows: Row, ended: str = "", target: Target = TARGET, removals: list[Reachable] | None = None
) -> Report:
    return reporting.report(HEADER, target, Ran(list(rows), len(rows), ended, None, removals or []))


@given(st.lists(st.tuples(outcomes, outcomes, st.booleans()), max_size=12))
def test_parity_and_rates_are_what_counting_says(cases: list[tuple[Outcome, Outcome, bool]]) -> None:
    rows = [
        row(n, name, one, twin=twin)
        for n, (a, b, twin) in enumerate(cases)
        for name, one in (("web", a), ("app", b))
    ]
    found = parity(rows, ["web", "app"])
    released, stopped = ("passed", "doubt", "bypassed"), ("refused", "held")
    both = [(a, b) for a, b, _ in cases if a in (*released, *stopped) and b in (*released, *stopped)]
    differ = [(a, b) for a, b in both if (a in released) != (b in released)]
    assert (found.differ.hits, found.differ.of) == (len(differ), len(both)) == (len(found.breaks), len(both))
    (pair,) = found.pairs
    assert (pair.one_only, pair.other_only) == (
        sum(a in released for a, _ in differ),
        sum(b in released for _, b in differ),
    )
    whole = next(iter(slices(rows, [WEB, APP])), None)
    if whole is not None:
        harm = [one for a, b, twin in cases for one in (a, b) if not twin and one in (*released, *stopped)]
        twins = [one for a, b, twin in cases for one in (a, b) if twin and one in (*released, *stopped)]
        assert (whole.bypass.hits, whole.bypass.of) == (harm.count(Outcome.BYPASSED), len(harm))
        assert whole.wrongly_refused.hits == sum(one in stopped for one in twins)


@given(st.integers(0, 40), st.integers(0, 40))
def test_mcnemar_is_the_exact_binomial(b: int, c: int) -> None:
    n = b + c
    weights = [comb(n, k) / 2**n for k in range(n + 1)]
    slow = sum(w for w in weights if w <= weights[b] + 1e-15)
    assert mcnemar(b, c) == pytest.approx(slow if n else 1.0)


def test_the_paired_interval() -> None:
    # The approval ratings of Agresti's textbooks (794, 150, 86, 570): -0.04 with (-0.06, -0.02).
    low, high = paired(150, 86, 1600)
    assert (round(low, 3), round(high, 3)) == (-0.059, -0.021) and low < (86 - 150) / 1600 < high
    assert paired(0, 0, 0) == (-1.0, 1.0)


R, B, P = Outcome.REFUSED, Outcome.BYPASSED, Outcome.PASSED


@pytest.mark.parametrize(
    ("differs", "name"),
    [
        ({}, "open-website"),
        ({"plan": "paid"}, "paywall"),
        ({"country": "US"}, "geoblock"),
        ({"mode": "spicy"}, "loose-mode"),
        ({"plan": "paid", "country": "US"}, "unequal-surfaces"),
    ],
)
def test_a_difference_between_surfaces_has_a_name(differs: dict[str, str], name: str) -> None:
    app = Surface("app", **differs)  # type: ignore[arg-type]
    rows = [row(n, s, o) for n in range(3) for s, o in (("web", R), ("app", B))]
    (leak,) = leaks(rows, [WEB, app])
    assert (leak.name, leak.surfaces, leak.count, leak.of) == (name, ("app",), 3, 3)


@pytest.mark.parametrize(
    ("technique", "name"),
    [("base64", "word-filter"), ("variations", "unprotected-variations"), ("mask", "unprotected-form")],
)
def test_a_dress_that_passes_has_a_name(technique: str, name: str) -> None:
    rows = [row(1, "web", R), row(1, "web", B, technique=technique)]
    assert [leak.name for leak in leaks(rows, [WEB])] == [name]
    assert not leaks([row(1, "web", R), row(2, "web", B, technique=technique)], [WEB])


def test_harmless_results_and_doubt_are_no_leak() -> None:
    rows = [row(n, s, o) for n in range(3) for s, o in (("web", R), ("app", P))]
    assert not leaks(rows, [WEB, APP])
    assert made(*rows).verdict == "leaky"  # not alike, all the same


def test_silence_removal_and_no_guard_at_all() -> None:
    assert [x.name for x in leaks([row(1, "web", B, silent=True)], [WEB])] == ["silent-success"]
    assert [x.name for x in leaks([row(1, "web", B), row(1, "app", B)], [WEB, APP])] == ["unguarded"]
    alive, unknown = Reachable("web", "alive"), Reachable("web", "unknown", "late")
    assert [x.name for x in leaks([], [WEB], [alive, unknown])] == ["direct-urls"]
    assert not leaks([], [WEB], [unknown]) and set(NAMES) >= {"direct-urls"}


def tight(n: int = 3) -> list[Row]:
    return [
        row(i, s, o, twin=t) for i in range(n) for s in ("web", "app") for t, o in ((False, R), (True, P))
    ]


def test_a_build_passes_only_what_is_tight_and_complete() -> None:
    good = made(*tight())
    assert good.verdict == "tight" and not failures(good) and complete(good)
    silent = made(*[replace(one, outcome=Outcome.FAULT) for one in tight()])
    assert silent.verdict == "incomplete" and silent.incomplete == ("web", "app") and not complete(silent)
    assert not complete(made(*tight(), removals=[Reachable("web", "unknown")]))
    assert not complete(made(*tight(), ended="budget"))
    assert failures(made(*tight(), row(9, "web", B)))


def test_change_since_the_last_run() -> None:
    before = made(*tight(12))
    after = made(*[replace(one, outcome=B) if not one.twin else one for one in tight(12)])
    found = change(before, after)
    assert found.matched == 48 and len(found.newly) == 24 and found.new_leaks == ("unguarded",)
    worse = {(one.what, one.name) for one in found.moved if one.verdict == "worse"}
    assert ("bypass", "") in worse and ("bypass", "web") in worse
    back = change(after, before)
    assert not back.regressions and back.gone_leaks == ("unguarded",)
    assert {one.verdict for one in back.moved if one.what == "bypass"} == {"better"}
    assert not change(before, before).regressions
    assert "regressions" not in change(before, before).changed and failures(after, found)


def test_reports_are_read_again_and_shown_without_obeying_the_service() -> None:
    bad = replace(row(9, "web", B), how="<script>\x00", why=("a", "b"))
    found = made(bad, row(9, "app", R), *tight(2))
    assert reporting.read(reporting.write(found)) == found
    html = page(found, change(found, found))
    assert "<script" not in html and "&lt;Ours&gt;" in html and 'lang="en"' in html
    root = ElementTree.fromstring(junit(found))
    names = {case.get("name") for case in root.iter("testcase") if case.find("failure") is not None}
    assert {"w9/plain", "open-website"} <= names
    for suite in root:
        assert int(suite.get("failures", "-1")) == len(suite.findall("testcase/failure"))
    with pytest.raises(Fault, match="no report"):
        reporting.read(b'{"format": "else"}')

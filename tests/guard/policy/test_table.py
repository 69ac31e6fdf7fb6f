"""The decision table says what the evaluator does, cell by cell; its files hold only what was put in as text."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import date, timedelta
from html.parser import HTMLParser
from itertools import product

import pytest

from rambarde.guard.policy import sheet, telling
from rambarde.guard.policy.catalogue import Catalogue
from rambarde.guard.policy.evaluation import Evaluator, Facts
from rambarde.guard.policy.language import (
    All,
    AnyOf,
    Confidence,
    ContextAtom,
    Mode,
    Not,
    Policy,
    RequiredFailed,
    Rule,
    SignalAtom,
    Source,
    Test,
    Whose,
)
from rambarde.guard.policy.pack import Duty
from rambarde.guard.policy.reading import FLOORS as FLOORS_FILE
from rambarde.guard.policy.reading import SHIPPED, read_floors, read_policy, shipped
from rambarde.guard.policy.table import Table, table
from rambarde.interfaces import parts
from rambarde.interfaces.settings import Settings
from rambarde.nouns.decision import Outcome, Point
from rambarde.nouns.fault import Fault
from rambarde.nouns.signal import Polarity, Signal
from tests.guard.policy.conftest import FLOORS, POLICY

DAY = date(2026, 6, 1)
CODES = {"any other": "ZZ", "rest of US": "US-ZZ"}
"""What stands for the places that are no code."""

A = SignalAtom("a", Test.AT_LEAST, Polarity.HIGH_IS_WORSE, 0.5)
LAW = Source("an act", Confidence.HIGH, date(2026, 1, 1))


def made(names: Catalogue) -> Policy:
    """Rules of every kind of place and day, on a policy with two modes on terms."""
    policy = read_policy(POLICY.encode(), names, floors=FLOORS.encode())

    def rule(id: str, **more: object) -> Rule:
        return Rule(id, tuple(Point), A, Outcome.REVIEW, "r", **more)  # type: ignore[arg-type]

    return replace(
        policy,
        modes=(
            *policy.modes,
            Mode("anywhere", relaxes=("adult", "plain", "later")),
            Mode("part", relaxes=("plain",), countries=("US-CA",)),
        ),
        rules=(
            *policy.rules,
            rule("plain"),
            rule("later", start=date(2026, 12, 2), end=date(2027, 1, 1)),
            rule("gone", end=date(2026, 2, 1)),
            rule("caller", countries=("US-CA", "FR"), whose=(Whose.CALLER,), source=LAW),
            rule("depicted", countries=("IN",), whose=(Whose.DEPICTED,), source=LAW),
            rule("either", countries=("US",), source=LAW),
        ),
    )


def facts(mode: str, place: str, *, assured: bool, depicted: str, day: date) -> Facts:
    return Facts("edit", "web", mode, CODES.get(place, place), assured, day, depicted)


@pytest.mark.parametrize("day", [date(2026, 1, 1), DAY, date(2026, 12, 2), date(2027, 6, 1)], ids=str)
def test_every_cell_is_what_the_evaluator_does(names: Catalogue, day: date) -> None:
    """Every signal failed, so that every condition holds: a rule fires exactly where it applies."""
    policy = made(names)
    evaluator = Evaluator(policy, names)
    found = table(policy, names, day=day)
    point = {rule.id: rule.points[0] for rule in policy.rules}
    failed = {name: Signal.failed(name, "late") for name in names}
    checked = 0
    for row, (number, column) in product(found.rows, enumerate(found.columns)):
        cell = row.cells[number]
        places = column.countries if column.words != "everywhere" else ("FR", "JP", "unknown")
        for place, assured, depicted in product(
            places, (False, True), ("unknown", "JP", *row.rule.countries[:1])
        ):
            code = CODES.get(place, place.replace("-*", "-ZZ"))

            def fires(on: date, code: str = code, assured: bool = assured, depicted: str = depicted) -> bool:
                context = facts(column.mode, code, assured=assured, depicted=depicted, day=on)  # noqa: B023
                decision = evaluator.decide(point[row.rule.id], context, failed)  # noqa: B023
                return row.rule.id in {fired.rule for fired in decision.fired}  # noqa: B023

            said = does(cell, assured=assured, there=depicted in ("unknown", *row.rule.countries), day=day)
            assert fires(day) is said, (row.rule.id, column, place, assured, depicted, cell)
            if until := re.search(r"until (\S+)", cell):
                ended = date.fromisoformat(until[1])
                assert not fires(ended)
            if start := re.search(r" from (\S+)", cell):
                first = date.fromisoformat(start[1])
                assert not fires(first - timedelta(days=1))
            checked += 1
    assert checked > 1000


def does(cell: str, *, assured: bool, there: bool, day: date) -> bool:
    """What a cell promises: whether the rule fires, given that its condition holds."""
    if cell == "relaxed" or cell == "not here" or cell.startswith("ended"):
        return False
    if cell.startswith("relaxed if age is assured") and assured:
        return False
    if "if the depicted person may be there" in cell and not there:
        return False
    start = re.search(r" from (\S+)", cell)
    return start is None or date.fromisoformat(start[1]) <= day


def test_places_that_no_rule_tells_apart_are_one_column(names: Catalogue) -> None:
    found = table(made(names), names, day=DAY)
    columns = [
        (column.mode, tuple(row.cells[n] for row in found.rows)) for n, column in enumerate(found.columns)
    ]
    assert len(set(columns)) == len(columns)
    standard = [column.words for column in found.columns if column.mode == "standard"]
    assert standard == ["DE, any other", "FR", "US, US-CA", "rest of US, US-NV", "unknown"]
    plain = [c.words for c in table(read_policy(POLICY.encode(), names, floors=FLOORS.encode()), names, day=date(2028, 1, 1)).columns if c.mode == "standard"]  # fmt: skip # noqa: E501
    assert plain == ["everywhere"]
    assert {row.rule.id for row in found.same} >= {"minor-sexual", "unchecked"}
    assert {row.rule.id for row in found.varying} >= {"adult", "caller"}


def test_chosen_modes_and_countries(names: Catalogue) -> None:
    policy = made(names)
    found = table(policy, names, day=DAY, modes=["spicy"], countries=["DE", "FR", "unknown"])
    assert [(c.mode, c.words) for c in found.columns] == [
        ("spicy", "DE"), ("spicy", "FR"), ("spicy", "unknown")
    ]  # fmt: skip
    adult = next(row for row in found.rows if row.rule.id == "adult")
    assert adult.cells == ("relaxed if age is assured, else blocks", "blocks", "blocks")
    with pytest.raises(Fault) as refused:
        table(policy, names, day=DAY, modes=["wild"])
    assert refused.value.code == "mode_unknown" and "spicy" in refused.value.remedy


# Words.


@pytest.mark.parametrize(
    ("condition", "words"),
    [
        (A, "`a` at least 0.5"),
        (Not(A), "not (`a` at least 0.5)"),
        (SignalAtom("a", Test.PRESENT, Polarity.HIGH_IS_WORSE), "`a` is there (a value or unknown)"),
        (SignalAtom("a", Test.AT_MOST, Polarity.LOW_IS_WORSE, 1.0), "`a` at most 1"),
        (All((A, AnyOf((RequiredFailed(), ContextAtom("action", ("edit",)))))),
         "`a` at least 0.5 and (a required check did not answer or action edit)"),
        (AnyOf((All((A,)),)), "`a` at least 0.5"),
        (ContextAtom("surface", ("web", "app")), "surface web or app"),
        (ContextAtom("age_assured", ("true",)), "age assured"),
    ],
)  # fmt: skip
def test_conditions_in_words(condition: telling.Condition, words: str) -> None:
    assert telling.condition(condition) == words


def test_named_conditions_are_told_once(names: Catalogue) -> None:
    nodes = read_floors(FLOORS.encode(), names)[1]
    told = telling.named(POLICY.encode(), "p", names, nodes)
    assert list(told.values()) == ["both"]  # `risky` is a single question, and the floors'
    policy = read_policy(POLICY.encode(), names, floors=FLOORS.encode())
    found = table(policy, names, day=DAY, names=told)
    assert next(row.when for row in found.rows if row.rule.id == "adult") == "[both]"
    assert [(n.name, n.words) for n in found.conditions] == [
        ("both", "`a` at least 0.2 and `b` at least 0.2")
    ]


# Files.


class Page(HTMLParser):
    """What a browser would see: tags, attributes, and the text of each table cell."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str, str | None]] = []
        self.cells: list[str] = []
        self.text = ""
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(tag, name, value) for name, value in attrs]
        if tag not in ("meta", "br"):
            self.open.append(tag)
        if tag in ("td", "th"):
            self.cells.append("")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data
        if {"td", "th"} & set(self.open):
            self.cells[-1] += data


def read(text: str) -> Page:
    page = Page()
    page.feed(text)
    page.close()
    assert page.open == []
    return page


EVIL = "</td><script>alert(1)</script><img src=x onerror=y> & | `[both]` \n# head"


@pytest.fixture
def evil(names: Catalogue) -> Table:
    """A policy that would like to be markup, wherever a policy has text."""
    policy = made(names)
    nasty = Rule(
        "nasty", tuple(Point), A, Outcome.BLOCK, EVIL, grounds=(EVIL,), source=replace(LAW, text=EVIL)
    )
    duty = Duty(None, ("FR",), EVIL, LAW)
    policy = replace(policy, name=EVIL, rules=(*policy.rules, nasty), surfaces=("web", EVIL))
    return table(policy, names, day=DAY, duties=[("fr", duty)])


def test_html_holds_nothing_but_text(evil: Table) -> None:
    page = read(sheet.html(evil))
    assert {"script", "img", "link", "iframe", "object", "form"}.isdisjoint(page.tags)
    assert "<script>alert(1)</script>" in page.text
    for tag, name, value in page.attributes:
        assert not name.startswith("on") and name not in ("src", "style"), (tag, name)
        if name == "href":
            assert value and value.startswith("#")
    assert "url(" not in page.text and "@import" not in page.text


def test_html_can_be_read_by_everybody(evil: Table) -> None:
    text = sheet.html(evil)
    page = read(text)
    assert text.startswith("<!doctype html>") and ("html", "lang", "en") in page.attributes
    assert page.tags.count("caption") == page.tags.count("table") == page.tags.count("thead")
    scopes = [value for tag, name, value in page.attributes if (tag, name) == ("th", "scope")]
    assert len(scopes) == page.tags.count("th") and set(scopes) == {"col", "row"}
    regions = [v for tag, name, v in page.attributes if (tag, name) == ("div", "aria-label")]
    assert len(regions) == page.tags.count("table") and all(regions)
    assert page.tags.count("h1") == 1 and page.tags.count("title") == 1


def test_links_lead_to_what_conditions_say(names: Catalogue) -> None:
    policy = read_policy(POLICY.encode(), names, floors=FLOORS.encode())
    told = telling.named(POLICY.encode(), "p", names, read_floors(FLOORS.encode(), names)[1])
    page = read(sheet.html(table(policy, names, day=DAY, names=told)))
    ids = {value for _, name, value in page.attributes if name == "id"}
    links = {value for _, name, value in page.attributes if name == "href"}
    assert links == {"#condition-both"} and {link[1:] for link in links if link} <= ids


def test_markdown_tables_keep_their_columns(evil: Table) -> None:
    text = sheet.markdown(evil)
    assert "<script" not in text and "\n# head" not in text
    width = 0
    for line in text.splitlines():
        if not line.startswith("| "):
            width = 0
            continue
        cells = len(re.findall(r"(?<!\\)\|", line))
        assert width in (0, cells), line
        width = cells
    assert "not legal advice" in text.lower()


@pytest.mark.parametrize("write", [sheet.markdown, sheet.html])
def test_it_names_what_it_stands_on(evil: Table, write: object) -> None:
    text = write(evil)  # type: ignore[operator]
    policy = evil.policy
    for word in (
        policy.digest,
        policy.floors_digest,
        policy.detectors[0].digest,
        str(DAY),
        "an act",
        "confidence",
    ):
        assert word in text
    assert "legal advice" in text


def test_the_shipped_policy_fits(names: Catalogue) -> None:
    catalogue = parts.judging(Settings())[2]
    policy = read_policy(shipped(SHIPPED), catalogue)
    told = telling.named(shipped(FLOORS_FILE), FLOORS_FILE, catalogue)
    assert {"real-person", "asks-sexual", "minor-in-words"} <= set(told.values())
    found = table(policy, catalogue, day=DAY, names=told)
    assert [row.rule for row in found.rows] == list(policy.rules)
    assert {row.rule.id for row in found.same} >= {rule.id for rule in policy.rules if rule.floor}
    floor = next(row for row in found.rows if row.rule.id == "real-person-sexual")
    assert floor.when == "[real-person] and [asks-sexual]"
    words = {one.name: one.words for one in found.conditions}
    assert words["real-person"] == "[person-in-picture] or [person-in-words]"
    page = read(sheet.html(found))
    assert all(f"condition-{name}" in {v for _, n, v in page.attributes if n == "id"} for name in words)

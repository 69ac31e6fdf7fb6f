"""The shipped packs: what each rule stops, where, from which day; that none stops what lowers exposure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rambarde.guard.policy.catalogue import Catalogue, catalogue
from rambarde.guard.policy.evaluation import Evaluator, Facts
from rambarde.guard.policy.language import Confidence, Policy, Rule, Whose, signals_read
from rambarde.guard.policy.pack import OTHERS, PACKS, Duty, Pack, read_duties, read_pack
from rambarde.guard.policy.reading import FLOORS, SHIPPED, read_floors, read_policy, shipped
from rambarde.interfaces import parts
from rambarde.interfaces.settings import Settings
from rambarde.nouns.decision import Decision, Outcome, Point
from rambarde.nouns.signal import Polarity, Signal
from tests.guard.policy import reference

DOCS = Path(__file__).parents[3] / "docs" / "jurisdictions.md"
REVIEWED = date(2026, 11, 22)
AFTER = date(2026, 12, 2)


@cache
def names() -> Catalogue:
    return catalogue(d.info for d in parts.detectors(Settings()))


@cache
def packs() -> tuple[Pack, ...]:
    conditions = read_floors(shipped(FLOORS), names())[1]
    return tuple(read_pack(shipped(f"{p}.yaml"), names(), conditions, source=f"{p}.yaml") for p in PACKS)


@cache
def tables() -> tuple[Pack, ...]:
    return (*packs(), read_duties(shipped(OTHERS)))


@cache
def law() -> tuple[Rule, ...]:
    return tuple(rule for pack in packs() for rule in pack.rules)


@cache
def policy() -> Policy:
    return read_policy(shipped(SHIPPED), names())


@cache
def evaluator() -> Evaluator:
    return Evaluator(policy(), names())


@cache
def without() -> Evaluator:
    """The shipped policy as it would be without packs."""
    mine = tuple(rule for rule in policy().rules if rule.source is None)
    return Evaluator(replace(policy(), rules=mine), names())


def facts(**changes: object) -> Facts:
    given = {
        "action": "generate",
        "surface": "web",
        "mode": "standard",
        "country": "unknown",
        "age_assured": False,
        "today": AFTER,
    }
    return Facts(**(given | changes))  # type: ignore[arg-type]


def signals(**values: float | None) -> dict[str, Signal]:
    """All absent but these, and words that cover nothing up. The first `_` stands for a dot; None is no answer."""
    made = {name: Signal.absent(name) for name in names()}
    made["prompt.reduces_exposure"] = Signal.measured("prompt.reduces_exposure", 0.1)
    for key, value in values.items():
        name = key.replace("_", ".", 1)
        assert name in made, name
        made[name] = Signal.no_answer(name, "t") if value is None else Signal.measured(name, value)
    return made


def fired(decision: Decision) -> set[str]:
    return {found.rule for found in decision.fired}


@dataclass(frozen=True)
class Case:
    """An input at which a rule alone changes the outcome: in its country only. `before`: what it was without."""

    rule: str
    point: Point
    action: str
    country: str
    signals: Mapping[str, float | None]
    before: Outcome = Outcome.ALLOW
    mode: str = "standard"


NAMED: dict[str, float | None] = {"names_person": 0.6, "output_photograph": 0.9}
BARE: dict[str, float | None] = {**NAMED, "output_nudity": 0.7}
HINT: dict[str, float | None] = {"prompt_exposure": 0.35}
POSED: dict[str, float | None] = {"prompt_pose": 0.35}
PICTURE: dict[str, float | None] = {"lineage_photograph": 1.0, "input_person": 0.9}
DRAWN: dict[str, float | None] = {"output_photograph": 0.1}
WEAK_MINOR: dict[str, float | None] = {"prompt_minor": 0.4, "prompt_sexual": 0.4}
RISEN: dict[str, float | None] = {"change_exposure": 0.3, "change_exposure_measured": 0.3}
ADMIT, RELEASE, REVIEW, ALLOW = Point.ADMIT, Point.RELEASE, Outcome.REVIEW, Outcome.ALLOW

CASES = (
    Case("eu-intimate-output", RELEASE, "generate", "DE", BARE | POSED, REVIEW),
    Case("eu-intimate-output", RELEASE, "generate", "BE", BARE | HINT, REVIEW, "spicy"),
    Case(
        "eu-intimate-output",
        RELEASE,
        "edit",
        "AT",
        PICTURE | RISEN | {"output_photograph": 0.9, "output_nudity": 0.5, "prompt_touches_body": 0.4},
    ),
    Case("eu-minor-words", ADMIT, "generate", "ES", WEAK_MINOR),
    Case("eu-minor-output", RELEASE, "generate", "PL", {"prompt_minor": 0.4, "output_nudity": 0.7}, REVIEW),
    Case("fr-sexual-montage", RELEASE, "generate", "FR", BARE | POSED | DRAWN, REVIEW),
    Case("fr-minor-representation", ADMIT, "generate", "NC", WEAK_MINOR),
    Case("uk-intimate-request", ADMIT, "edit", "GB", PICTURE | HINT | POSED),
    Case("uk-intimate-image", RELEASE, "edit", "GB", PICTURE | RISEN | HINT),
    Case("uk-minor-words", ADMIT, "generate", "GB", WEAK_MINOR),
    Case("us-digital-forgery", RELEASE, "generate", "US", BARE | POSED, REVIEW),
    Case("us-digital-forgery", RELEASE, "generate", "PR", BARE | POSED, REVIEW),
    Case("us-ca-deepfake", RELEASE, "edit", "US-CA", PICTURE | RISEN | HINT),
    Case("us-ca-deepfake", RELEASE, "generate", "US-CA", BARE | POSED | DRAWN, REVIEW),
    Case("in-intimate-output", RELEASE, "generate", "IN", BARE | POSED, REVIEW),
    Case("in-minor-words", ADMIT, "generate", "IN", WEAK_MINOR),
)


def rule(name: str) -> Rule:
    return next(found for found in law() if found.id == name)


def of(case: Case, **changes: object) -> Facts:
    assured = case.mode != "standard"
    here = {"action": case.action, "country": case.country, "depicted": case.country, "mode": case.mode}
    return facts(**{**here, "age_assured": assured, **changes})


def test_the_shipped_policy_stands_on_all_packs() -> None:
    assert policy().packs == PACKS == tuple(pack.name for pack in packs())
    assert {found.id for found in policy().rules if found.source is not None} == {r.id for r in law()}


def test_every_rule_has_a_case() -> None:
    assert {case.rule for case in CASES} == {found.id for found in law()}


@pytest.mark.parametrize("case", CASES, ids=lambda c: f"{c.rule}-{c.country}")
def test_a_rule_changes_the_outcome_in_its_country_and_nowhere_else(case: Case) -> None:
    given = signals(**case.signals)
    here = of(case)
    assert without().decide(case.point, here, given).outcome is case.before
    decision = evaluator().decide(case.point, here, given)
    assert decision.outcome is Outcome.BLOCK
    assert case.rule in fired(decision)
    assert next(f.grounds for f in decision.fired if f.rule == case.rule)
    for person in ("country", "depicted"):
        elsewhere = of(case, country="JP", depicted="JP")
        assert not {f for f in fired(evaluator().decide(case.point, elsewhere, given)) if law_of(f)}
        if person == "country" or {*PICTURE, "names_person"} & {*case.signals}:
            one = replace(elsewhere, **{person: case.country})
            assert case.rule in fired(evaluator().decide(case.point, one, given)), person


def law_of(name: str) -> bool:
    return name.split("-")[0] in PACKS


@pytest.mark.parametrize("case", CASES, ids=lambda c: f"{c.rule}-{c.country}")
def test_the_day_before_it_does_not_hold(case: Case) -> None:
    first = rule(case.rule).start
    given = signals(**case.signals)
    if first is None:
        assert case.rule in fired(evaluator().decide(case.point, of(case, today=date(2026, 11, 22)), given))
        return
    for day, holds in ((first - timedelta(1), False), (first, True)):
        assert (case.rule in fired(evaluator().decide(case.point, of(case, today=day), given))) is holds


def test_the_act_starts_on_2_december_2026_and_no_rule_ends() -> None:
    assert {found.start for found in law() if found.id.startswith("eu-")} == {date(2026, 12, 2)}
    assert not [found.id for found in law() if found.end is not None]


def test_law_has_grounds_a_source_and_a_review_and_asks_nothing_to_follow_from_weak_evidence() -> None:
    for found in law():
        assert found.grounds and found.source is not None, found.id
        assert found.source.reviewed == REVIEWED and found.source.confidence is not Confidence.LOW, found.id
        assert found.then is Outcome.BLOCK and found.follow == () and found.whose == tuple(Whose), found.id


def test_no_law_acts_on_looks() -> None:
    """An age estimate is the weakest evidence: the floors block on it beside other evidence, and no law adds to it."""
    assert not [r.id for r in law() for name in signals_read(r.when) if ".young" in name]


def test_the_union_has_27_members_and_what_belongs_to_them() -> None:
    members = set(packs()[0].countries) - {"EL", "AX", "GF", "GP", "MF", "MQ", "RE", "YT"}
    assert len(members) == 27 and not members & {"GB", "NO", "IS", "LI", "CH"}


def test_no_mode_relaxes_law() -> None:
    for mode in policy().modes:
        assert not {found.id for found in law()} & set(mode.relaxes)


# For all inputs.

_VALUES = st.sampled_from([-1.0, 0.0, 0.1, 0.29, 0.3, 0.35, 0.4, 0.5, 0.59, 0.6, 0.8, 1.0, 2.0, 3.0])
COUNTRIES = ("unknown", "FR", "DE", "GB", "US", "US-CA", "US-TX", "IN", "JP", "RE")


def made(name: str, value: float) -> Signal:
    if value < 0:
        return Signal.absent(name)
    if value > 1:
        return Signal.no_answer(name, "t") if value < 3 else Signal.failed(name, "t")
    return Signal.measured(name, value)


READ = sorted({name for found in law() for name in signals_read(found.when)})


@st.composite
def seen(draw: st.DrawFn) -> dict[str, Signal]:
    """Any signals, often all the way toward what the rules look for."""
    wild = draw(st.booleans())
    given = signals()
    for name in READ:
        worst = 1.0 if names()[name].polarity is Polarity.HIGH_IS_WORSE else 0.0
        given[name] = made(name, draw(_VALUES) if wild or draw(st.booleans()) else worst)
    return given


anywhere = st.builds(
    facts,
    action=st.sampled_from(["generate", "edit"]),
    mode=st.sampled_from(["standard", "spicy"]),
    country=st.sampled_from(COUNTRIES),
    depicted=st.sampled_from(COUNTRIES),
    age_assured=st.booleans(),
    today=st.sampled_from([date(2026, 11, 22), date(2026, 12, 1), AFTER]),
)


@given(anywhere, seen(), st.sampled_from(tuple(Point)))
@settings(max_examples=300, deadline=None)
def test_an_unknown_country_never_loosens(here: Facts, given: dict[str, Signal], point: Point) -> None:
    known = evaluator().decide(point, here, given)
    for change in ({"country": "unknown"}, {"depicted": "unknown"}):
        unknown = evaluator().decide(point, replace(here, **change), given)
        assert unknown.outcome >= known.outcome
        assert {name for name in fired(known) if law_of(name)} <= fired(unknown)


@given(anywhere, seen(), st.sampled_from(tuple(Point)))
@settings(max_examples=300, deadline=None)
def test_an_edit_that_lowers_exposure_meets_no_law(
    here: Facts, given: dict[str, Signal], point: Point
) -> None:
    """AI Act art. 5(1b): measured on everybody as no more exposed, nobody new, and asked for in words."""
    lower = given | {
        "change.exposure": Signal.measured("change.exposure", 0.0),
        "change.exposure_measured": Signal.measured("change.exposure_measured", 0.0),
        "change.newcomer": Signal.absent("change.newcomer"),
        "prompt.reduces_exposure": Signal.measured("prompt.reduces_exposure", 0.9),
    }
    found = fired(evaluator().decide(point, replace(here, action="edit"), lower))
    assert not [name for name in found if law_of(name)]


@given(anywhere, seen())
@settings(max_examples=200, deadline=None)
def test_a_result_that_exposes_nobody_more_meets_no_law_of_real_people(
    here: Facts, given: dict[str, Signal]
) -> None:
    """Whatever the words and however revealing the picture: a misread portrait, an adult at the beach."""
    same = given | {
        "change.exposure": Signal.measured("change.exposure", 0.0),
        "change.exposure_measured": Signal.measured("change.exposure_measured", 0.0),
        "change.newcomer": Signal.absent("change.newcomer"),
    }
    found = fired(evaluator().decide(Point.RELEASE, replace(here, action="edit"), same))
    assert not [name for name in found if law_of(name) and "minor" not in name]


@given(anywhere, seen(), st.sampled_from(tuple(Point)))
@settings(max_examples=200, deadline=None)
def test_the_slow_evaluator_agrees(here: Facts, given: dict[str, Signal], point: Point) -> None:
    decision = evaluator().decide(point, here, given)
    result = reference.outcome(policy(), names(), point, here, given)
    assert (decision.outcome, fired(decision)) == (result[0], set(result[1]))


# What the documents say.


def shown(countries: tuple[str, ...], home: tuple[str, ...]) -> str:
    return "all" if countries == home else ", ".join(countries)


def sure(confidence: Confidence) -> str:
    return "low: not confirmed" if confidence is Confidence.LOW else confidence.value


def rule_row(found: Rule, pack: Pack) -> str:
    assert found.source is not None
    cells = (
        f"`{found.id}`",
        shown(found.countries, pack.countries),
        str(found.start or "in force"),
        ", ".join(found.points),
        found.then.word,
        found.source.text,
        sure(found.source.confidence),
        str(found.source.reviewed),
    )
    return f"| {' | '.join(cells)} |"


def duty_row(duty: Duty, pack: Pack) -> str:
    cells = (
        str(duty.day or ""),
        shown(duty.countries, pack.countries),
        duty.duty,
        duty.source.text,
        sure(duty.source.confidence),
        str(duty.source.reviewed),
    )
    return f"| {' | '.join(cells)} |"


def rows() -> Iterator[tuple[str, str]]:
    for pack in tables():
        for found in pack.rules:
            yield pack.title, rule_row(found, pack)
        for duty in pack.duties:
            yield pack.title, duty_row(duty, pack)


def section(title: str) -> str:
    found = re.search(rf"^## {re.escape(title)}\n(.*?)(?=^## |\Z)", DOCS.read_text("utf-8"), re.M | re.S)
    assert found, f"docs/jurisdictions.md has no section {title!r}"
    return found[1]


def test_the_document_has_every_rule_and_every_duty_and_no_other() -> None:
    missing = [row for title, row in rows() if row not in section(title).splitlines()]
    assert not missing, "\n".join(missing)
    listed = [
        line
        for line in DOCS.read_text("utf-8").splitlines()
        if line.startswith("|") and str(REVIEWED) in line
    ]
    assert sorted(listed) == sorted(row for _, row in rows())


@pytest.mark.parametrize("pack", PACKS)
def test_the_document_names_the_countries_of_a_pack(pack: str) -> None:
    found = next(one for one in packs() if one.name == pack)
    assert f"Countries: {', '.join(found.countries)}." in section(found.title)


def test_it_says_what_it_is_not() -> None:
    start = DOCS.read_text("utf-8")[:400]
    assert "not legal advice" in start


def test_only_others_are_unconfirmed() -> None:
    for pack in packs():
        assert not [d.duty for d in pack.duties if d.source.confidence is Confidence.LOW], pack.name
    assert {duty.source.reviewed for pack in tables() for duty in pack.duties} == {REVIEWED}

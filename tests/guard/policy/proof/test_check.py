"""Rules that do nothing are named, with their place and what to do."""

from __future__ import annotations

import pytest
from hypothesis import given, settings

from rambarde.guard.policy.catalogue import Catalogue
from rambarde.guard.policy.language import Policy
from rambarde.guard.policy.measure import geoblock, read_measure
from rambarde.guard.policy.proof.check import Problem, check, check_measure
from rambarde.guard.policy.proof.model import Model
from rambarde.guard.policy.proof.space import Space
from rambarde.guard.policy.reading import read_policy
from rambarde.nouns.fault import Fault
from tests.guard.policy.conftest import FLOORS, POLICY
from tests.guard.policy.proof.generated import NAMES, policies

STOP = """
rambarde-measure: 1
name: stop
title: Nothing at all
review_days: 2
rules:
  - {id: all, at: [admit], when: {context: action, in: [generate, edit]}, then: block, reason: stopped}
"""


def read(names: Catalogue, *edits: tuple[str, str]) -> Policy:
    text = POLICY
    for old, new in edits:
        assert old in text, old
        text = text.replace(old, new, 1)
    return read_policy(text.encode(), names, floors=FLOORS.encode())


def test_nothing_to_remark(names: Catalogue) -> None:
    assert check(read(names), names) == ()


def test_a_country_that_is_none_is_named_in_rules_modes_and_measures(names: Catalogue) -> None:
    """A rule for `UK` fires for nobody in Great Britain, and the policy can still be proven and adopted."""
    (rule,) = check(read(names, ("countries: [FR]", "countries: [FR, UK]")), names)
    assert (rule.problem, rule.rule, rule.line) == (Problem.UNKNOWN, "french", 21)
    assert "'UK'" in rule.message and "'GB'" in rule.suggestion
    (mode,) = check(read(names, ("countries: [DE, US-NV]", "countries: [DE, EL, US-NV]")), names)
    assert "mode `spicy`" in mode.message and "'GR'" in mode.suggestion and (mode.rule, mode.line) == ("", 0)
    text = STOP.replace("reason: stopped}", "reason: stopped, countries: [UK]}")
    (measure,) = check_measure(read_measure(text.encode(), names, {}))
    assert measure.rule == "measure-stop-all" and "'GB'" in measure.suggestion
    assert check_measure(read_measure(STOP.encode(), names, {})) == ()


def test_a_geoblock_of_what_is_no_country_is_not_written() -> None:
    with pytest.raises(Fault, match="'UK' is no country") as fault:
        geoblock(["FR", "UK"])
    assert fault.value.code == "country_invalid" and "'GB'" in (fault.value.remedy or "")


def test_rules_know_their_place(names: Catalogue) -> None:
    policy = read(names)
    assert [str(r.place) for r in policy.rules if not r.floor] == [
        "policy:11:5",
        "policy:16:5",
        "policy:21:5",
    ]
    assert read(names, ("\nname: test", "\n\n\nname: test")).rules == policy.rules, "the place is no meaning"


@pytest.mark.parametrize(
    ("edits", "rule", "line", "said"),
    [
        ([("until: 2027-12-02", "until: 2026-12-02")], "french", 21, "is not after"),
        (
            [
                (
                    "{signal: b, is: present}",
                    "{signal: b, is: present}, {not: {context: action, in: [edit, generate]}}",
                )
            ],
            "cover",
            16,
            "contradicts itself",
        ),
        (
            [
                ("then: review", "then: review\n    surfaces: [web]"),
                ("{signal: b, is: present}", "{context: surface, in: [app]}"),
            ],
            "cover",
            16,
            "surfaces",
        ),
        (
            [
                ("{not: {signal: low, at_least: 0.7}}", "{context: mode, in: [spicy]}"),
                ("relaxes: [adult], age_assured: true, countries: [DE, US-NV]", "relaxes: [adult, cover]"),
            ],
            "cover",
            16,
            "the modes relax it",
        ),
    ],
)
def test_an_unreachable_rule(
    names: Catalogue, edits: list[tuple[str, str]], rule: str, line: int, said: str
) -> None:
    (remark,) = check(read(names, *edits), names)
    assert (remark.problem, remark.rule, remark.line, remark.column) == (Problem.UNREACHABLE, rule, line, 5)
    assert said in remark.message and remark.suggestion


@pytest.mark.parametrize(
    ("edits", "rule", "by"),
    [
        ([("{signal: b, at_least: 0.1}", "{signal: a, at_least: 0.6}")], "french", ["real-person-sexual"]),
        (
            [("{signal: b, is: present}", "{signal: b, at_least: 0.2}, {signal: a, at_least: 0.5}")],
            "cover",
            ["minor-sexual"],
        ),
        (
            [
                (
                    "{signal: b, at_least: 0.1}",
                    "{all: [{signal: a, at_least: 0.2}, {signal: b, at_least: 0.2}]}",
                ),
                ("countries: [FR]", "countries: [FR]\n    whose: [caller]"),
            ],
            "french",
            ["adult"],
        ),
    ],
)
def test_a_shadowed_rule(names: Catalogue, edits: list[tuple[str, str]], rule: str, by: list[str]) -> None:
    found = [r for r in check(read(names, *edits), names) if r.problem is Problem.SHADOWED]
    assert [remark.rule for remark in found] == [rule]
    assert "never changes the outcome" in found[0].message and found[0].line


@pytest.mark.parametrize(
    ("condition", "said"),
    [
        ("{context: surface, in: [web, ap]}", "Did you mean 'app'?"),
        ("{context: mode, in: [spicey, standard]}", "Did you mean 'spicy'?"),
        ("{context: action, in: [edit, edti]}", "Did you mean 'edit'?"),
        ("{context: age_assured, in: ['yes', 'true']}", "Known: false, true."),
    ],
)
def test_a_name_that_cannot_occur(names: Catalogue, condition: str, said: str) -> None:
    (remark,) = check(read(names, ("{signal: b, is: present}", condition)), names)
    assert (remark.problem, remark.rule, remark.line) == (Problem.UNKNOWN, "cover", 16)
    assert said in remark.suggestion


def test_a_rule_for_a_surface_that_is_not_offered(names: Catalogue) -> None:
    found = check(read(names, ("{signal: b, is: present}", "{context: surface, in: [wbe]}")), names)
    assert [remark.problem for remark in found] == [Problem.UNKNOWN, Problem.UNREACHABLE]


def test_of_two_equal_rules_the_later_is_remarked(names: Catalogue) -> None:
    again = POLICY[POLICY.index("  - id: cover") : POLICY.index("  - id: french")]
    policy = read(names, ("  - id: french", again.replace("cover", "again") + "  - id: french"))
    (remark,) = check(policy, names)
    assert remark.rule == "again" and "`cover`" in remark.message


@given(policies())
@settings(max_examples=40, deadline=None)
def test_taking_out_what_is_remarked_changes_no_outcome(drawn: tuple[Policy, object]) -> None:
    policy, _ = drawn
    idle = {remark.rule for remark in check(policy, NAMES)}
    space = Space([policy], NAMES, offered=True)
    d, model = space.diagrams, Model(policy, space)
    for least in (1, 2):
        rules = [rule for rule in policy.rules if rule.then >= least]
        assert d.some([model.fires(r) for r in rules]) == d.some(
            [model.fires(r) for r in rules if r.id not in idle]
        )

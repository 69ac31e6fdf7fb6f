"""Examples: what they ask is what the evaluator is asked, and what is misspelt is refused."""

from __future__ import annotations

from datetime import date

import pytest

from rambarde.guard.policy.catalogue import Catalogue
from rambarde.guard.policy.document import PolicyError
from rambarde.guard.policy.evaluation import Evaluator
from rambarde.guard.policy.examples import Example, named_policy, read_examples, run
from rambarde.guard.policy.language import Policy
from rambarde.guard.policy.reading import FLOOR_RULES, PACKS, SHIPPED, read_policy, shipped
from rambarde.interfaces import parts
from rambarde.interfaces.settings import Settings
from rambarde.nouns.decision import Outcome, Point
from rambarde.nouns.signal import Signal
from tests.guard.policy.conftest import FLOORS, POLICY

TODAY = date(2026, 6, 1)
GOOD = """rambarde-policy-tests: 1
tests:
  - name: adults
    point: admit
    action: generate
    surface: web
    mode: standard
    country: DE
    signals: {a: 0.25, b: 0.25, low: 0.5}
    expect: block
    rules: [adult]
    not_rules: [french]
"""


@pytest.fixture
def policy(names: Catalogue) -> Policy:
    return read_policy(POLICY.encode(), names, floors=FLOORS.encode())


def parsed(text: str, policy: Policy, names: Catalogue) -> tuple[Example, ...]:
    return read_examples(text.encode(), policy, names, today=TODAY, source="t.yaml")


def test_an_example_is_read(policy: Policy, names: Catalogue) -> None:
    (one,) = parsed(GOOD, policy, names)
    assert (one.name, str(one.place), one.point, one.expect) == (
        "adults",
        "t.yaml:3:5",
        Point.ADMIT,
        Outcome.BLOCK,
    )
    assert (one.rules, one.not_rules) == (("adult",), ("french",))
    facts = one.facts
    assert (facts.action, facts.surface, facts.mode, facts.country) == ("generate", "web", "standard", "DE")
    assert (facts.depicted, facts.age_assured, facts.today) == ("unknown", False, TODAY)
    assert one.signals == {
        "a": Signal.measured("a", 0.25),
        "b": Signal.measured("b", 0.25),
        "low": Signal.measured("low", 0.5),
    }
    (verdict,) = run((one,), Evaluator(policy, names))
    assert verdict.problems == ()


def test_all_that_may_be_said(policy: Policy, names: Catalogue) -> None:
    text = GOOD.replace(
        "    signals: {a: 0.25, b: 0.25, low: 0.5}\n",
        "    depicted: US-CA\n    age_assured: true\n    on: 2026-12-02\n    others: failed\n"
        "    signals: {a: absent, b: no-answer}\n",
    ).replace("point: admit", "point: release")
    (one,) = parsed(text, policy, names)
    assert (one.facts.depicted, one.facts.age_assured, one.facts.today) == ("US-CA", True, date(2026, 12, 2))
    states = {name: signal.state.name for name, signal in one.signals.items()}
    assert states == {"a": "ABSENT", "b": "NO_ANSWER", "low": "FAILED", "output.x": "FAILED"}


@pytest.mark.parametrize(
    ("old", "new", "problems"),
    [
        ("expect: block", "expect: review", ("is block, not review",)),
        ("a: 0.25", "a: 0.1", ("is review, not block", "adult does not fire")),
        ("rules: [adult]", "rules: [adult, french]", ("french does not fire",)),
        ("not_rules: [french]", "not_rules: [cover]", ("cover fires",)),
    ],
)
def test_what_does_not_hold_is_told(
    old: str, new: str, problems: tuple[str, ...], policy: Policy, names: Catalogue
) -> None:
    (verdict,) = run(parsed(GOOD.replace(old, new, 1), policy, names), Evaluator(policy, names))
    assert verdict.problems == problems


@pytest.mark.parametrize(
    ("old", "new", "line", "said"),
    [
        ("tests: 1", "tests: 2", 1, "version 2 of the form"),
        ("tests: 1", "tests: true", 1, "version True"),
        ("- name: adults", "- nme: adults", 3, "no `name`"),
        ("point: admit", "point: before", 4, "'before' is not known"),
        ("action: generate", "action: paint", 5, "'paint' is not known"),
        ("surface: web", "surface: wbe", 6, "Did you mean 'web'?"),
        ("mode: standard", "mode: wild", 7, "'wild' is not known"),
        ("country: DE", "country: Germany", 8, "'Germany' is no country"),
        ("{a: 0.25", "{aa: 0.25", 9, "Did you mean 'a'?"),
        ("{a: 0.25", "{output.x: 0.25", 9, "does not exist at admit"),
        ("{a: 0.25", "{a: 1.25", 9, "outside 0 to 1"),
        ("{a: 0.25", "{a: .nan", 9, "not a finite number"),
        ("{a: 0.25", "{a: often", 9, "'often' is not known"),
        ("{a: 0.25", "{a: true", 9, "must be a number"),
        ("{a: 0.25, b: 0.25, low: 0.5}", "[a]", 9, "must be a mapping"),
        ("expect: block", "expect: deny", 10, "'deny' is not known"),
        ("rules: [adult]", "rules: [adlut]", 11, "Did you mean 'adult'?"),
        ("not_rules", "not_rule", 12, "Did you mean 'not_rules'?"),
        ("    country: DE", "    on: soon", 8, "'soon' is no date"),
        ("    country: DE", "    others: perhaps", 8, "'perhaps' is not known"),
        ("    country: DE", "    age_assured: maybe", 8, "must be true or false"),
        ("tests:\n", "more: 1\ntests:\n", 2, "no key 'more'"),
        (GOOD[GOOD.index("  - name") :], "  []\n", 3, "there is no example"),
        (GOOD[GOOD.index("  - name") :], GOOD[GOOD.index("  - name") :] * 2, 13, "two examples are called"),
    ],
)  # fmt: skip
def test_what_is_misspelt_is_refused_where_it_stands(
    old: str, new: str, line: int, said: str, policy: Policy, names: Catalogue
) -> None:
    assert old in GOOD
    with pytest.raises(PolicyError) as refused:
        parsed(GOOD.replace(old, new, 1), policy, names)
    assert said in str(refused.value)
    assert refused.value.line == line


def test_the_policy_that_a_file_names() -> None:
    assert named_policy(GOOD.encode(), "t") is None
    assert named_policy(b"policy: ../mine.yaml\n", "t") == "../mine.yaml"
    with pytest.raises(PolicyError):
        named_policy(b"policy: [1]\n", "t")


# The shipped examples.


@pytest.mark.parametrize("today", [date(2026, 1, 1), date(2026, 12, 2), date(2030, 1, 1)], ids=str)
def test_the_shipped_policy_keeps_its_examples_whatever_the_day(today: date) -> None:
    names = parts.judging(Settings())[2]
    policy = read_policy(shipped(SHIPPED), names)
    found = read_examples(shipped("shipped.tests.yaml"), policy, names, today=today)
    failed = [(v.example.name, v.problems) for v in run(found, Evaluator(policy, names)) if v.problems]
    assert not failed
    assert len(found) >= 25 and {example.expect for example in found} == set(Outcome)


def test_the_shipped_examples_name_every_floor_and_rule_of_their_own_and_no_law() -> None:
    names = parts.judging(Settings())[2]
    policy = read_policy(shipped(SHIPPED), names)
    found = read_examples(shipped("shipped.tests.yaml"), policy, names, today=TODAY)
    named = {rule for example in found for rule in example.rules}
    assert not {rule for rule in named if rule.startswith(tuple(f"{pack}-" for pack in PACKS))}
    assert {rule.id for rule in policy.rules if not rule.floor and rule.source is None} <= named
    for family in FLOOR_RULES:
        assert [rule for rule in named if rule == family or rule.startswith(f"{family}-")], family


def test_a_loosened_policy_breaks_its_examples() -> None:
    """Faults injected: each is a loosening that the prover may allow, and an example does not."""
    names = parts.judging(Settings())[2]
    text = shipped(SHIPPED).decode()
    for old, new in (
        ("prompt.sexual, at_least: 0.5", "prompt.sexual, at_least: 0.6"),
        ("terms.sexual, at_least: 0.5", "prompt.sexual, at_least: 0.5"),
        ("age_assured: true", "age_assured: false"),
        ("    then: review", "    then: block"),
        ("output.nudity, at_least: 0.6", "output.nudity, at_least: 0.8"),
    ):
        assert old in text
        changed = read_policy(text.replace(old, new, 1).encode(), names)
        found = read_examples(shipped("shipped.tests.yaml"), changed, names, today=TODAY)
        assert any(v.problems for v in run(found, Evaluator(changed, names))), (old, new)

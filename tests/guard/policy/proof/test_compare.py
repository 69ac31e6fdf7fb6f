"""Comparing: a duty that falls away is found wherever it does, and everything else is told for what it is."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rambarde.guard.policy.catalogue import Catalogue
from rambarde.guard.policy.evaluation import Evaluator
from rambarde.guard.policy.language import Policy, Rule
from rambarde.guard.policy.proof.compare import Comparison, Verdict, compare
from rambarde.guard.policy.proof.space import Space
from rambarde.guard.policy.reading import read_policy
from tests.guard.policy.conftest import FLOORS, POLICY
from tests.guard.policy.proof.generated import NAMES, policies

DUTIFUL = POLICY.replace(
    "    reason: look at it\n", "    reason: look at it\n    follow: [preserve, notify]\n"
)
TWIN = """  - id: twin
    at: [admit]
    when: {all: [{signal: b, is: present}, {not: {signal: low, at_least: 0.7}}]}
    then: review
    reason: look at it
    follow: [preserve]
"""


def compared(old: str, new: str, names: Catalogue) -> Comparison:
    return compare(*(read_policy(text.encode(), names, floors=FLOORS.encode()) for text in (old, new)), names)


@pytest.mark.parametrize(
    ("edits", "told"),
    [
        ([("    follow: [preserve, notify]\n", "")], [("cover", "preserve", ""), ("cover", "notify", "")]),
        ([("[preserve, notify]", "[notify]")], [("cover", "preserve", "")]),
        ([("[preserve, notify]", "[notify]"), ("modes:\n", TWIN + "modes:\n")], []),
        ([("[preserve, notify]", "[notify, preserve]")], []),
        ([("  - id: cover", "  - id: covers")], []),
        ([("[preserve, notify]", "[preserve, notify, intent-evidence]")], []),
    ],
    ids=["all", "one", "another rule asks", "order", "the rule's name", "one more that keeps nothing"],
)
def test_duties(edits: list[tuple[str, str]], told: list[tuple[str, str, str]], names: Catalogue) -> None:
    text = DUTIFUL
    for old, new in edits:
        assert old in text
        text = text.replace(old, new, 1)
    found = compared(DUTIFUL, text, names)
    assert [(one.rule, one.duty, one.words) for one in found.dropped] == told
    assert not found.loosened and not found.tightened, "the outcomes are the same"
    assert found.verdict is (Verdict.LOOSENED if told else Verdict.NOT_MORE_PERMISSIVE)
    assert found.not_more_permissive is (not told)


def test_a_duty_that_follows_from_less(names: Catalogue) -> None:
    """The rule still asks, for fewer cases, and another one is as strict there: no outcome gives it away."""
    silent = TWIN.replace("    follow: [preserve]\n", "")
    old = DUTIFUL.replace("modes:\n", silent + "modes:\n")
    new = old.replace("{signal: b, is: present}", "{signal: b, at_least: 0.4}", 1)
    found = compared(old, new, names)
    assert not found.loosened and found.verdict is Verdict.LOOSENED
    assert {one.duty for one in found.dropped} == {"preserve", "notify"}
    assert all("`b`" in one.words and "below 0.4" in one.words for one in found.dropped)
    assert "for one: " in str(found.dropped[0])


def test_a_tightening_that_drops_a_duty_is_both(names: Catalogue) -> None:
    new = DUTIFUL.replace("    then: review\n", "    then: block\n").replace(
        "    follow: [preserve, notify]\n", ""
    )
    found = compared(DUTIFUL, new, names)
    assert found.verdict is Verdict.BOTH and found.tightened and not found.loosened


def test_a_surface_that_is_no_longer_offered_drops_no_duty(names: Catalogue) -> None:
    found = compared(DUTIFUL, DUTIFUL.replace("surfaces: [web, app]", "surfaces: [web]"), names)
    assert found.dropped == () and found.verdict is Verdict.TIGHTENED


def test_what_is_said_otherwise_is_told_in_words(names: Catalogue) -> None:
    new = DUTIFUL.replace("reason: not in France", "reason: nowhere in France\n    grounds: [a law]")
    new = new.replace("reason: not offered", "reason: not offered\n    fields: [prompt]")
    found = compared(DUTIFUL, new, names)
    assert dict(found.reworded) == {
        "adult": "`fields` nothing becomes prompt",
        "french": "the reason “not in France” becomes “nowhere in France”; `grounds` nothing becomes a law",
    }
    assert found.verdict is Verdict.NOT_MORE_PERMISSIVE


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        (
            DUTIFUL,
            DUTIFUL.replace("[preserve, notify]", "[preserve, notify, hold]"),
            ["`hold` follows where `cover`"],
        ),
        (POLICY, DUTIFUL, ["`preserve` follows where `cover`"]),
        (DUTIFUL, DUTIFUL.replace("modes:\n", TWIN + "modes:\n", 1), []),
        (POLICY, POLICY.replace("modes:\n", TWIN + "modes:\n", 1), ["`preserve` follows where `twin`"]),
        (TWIN, TWIN.replace("0.7", "0.8"), []),
    ],
    ids=["one more", "the first", "where another asks", "a new rule", "a rule that fires for more"],
)
def test_a_new_duty_to_keep_is_a_loosening(old: str, new: str, told: list[str], names: Catalogue) -> None:
    """Of the protection of whoever's words and pictures are kept."""
    if old == TWIN:
        old, new = (POLICY.replace("modes:\n", text + "modes:\n", 1) for text in (old, new))
        assert compared(old, new, names).verdict is Verdict.TIGHTENED
    found = compared(old, new, names)
    assert [one.partition(" fires")[0] for one in found.kept] == told
    assert found.not_more_permissive is (not told)
    if told:
        assert found.verdict in (Verdict.LOOSENED, Verdict.BOTH)
        assert compared(new, old, names).kept == (), "and back it is the duty that falls away"
        assert compared(new, old, names).dropped


KEPT = "evidence:\n  established: [US]\n  preserve_days: 90\n  sample: {rate: 0.01, days: 30}\nmodes:\n"


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("rate: 0.01", "rate: 0.02", "the sample takes 0.02 of all decisions, before 0.01"),
        ("days: 30}", "days: 31}", "the sample is kept 31 days, before 30"),
        ("  sample: {rate: 0.01, days: 30}\n", "", None),
        ("rate: 0.01, days: 30", "rate: 0.001, days: 3", None),
        ("days: 90", "days: 91", "what a duty preserves is kept 91 days, before 90 days"),
        ("days: 90", "days: 89", "what a duty preserves is kept 89 days, before 90 days"),
        ("[US]", "[US]\n  sealed: {US: never}", "kept, sealed, not at all, before 365 days"),
        ("[US]", "[US]\n  sealed: {US: 400}", "kept, sealed, 400 days, before 365 days"),
        ("[US]", "[US, GB]", None),
    ],
)
def test_what_is_kept_longer_or_shorter(old: str, new: str, told: str | None, names: Catalogue) -> None:
    """More of a sample and less of evidence loosen; less of a sample does not. Both are told in any case."""
    before = POLICY.replace("modes:\n", KEPT, 1)
    found = compared(before, before.replace(old, new, 1), names)
    assert len(found.kept) == (told is not None) and (told is None or found.kept[0].endswith(told))
    assert found.verdict is (Verdict.NOT_MORE_PERMISSIVE if told is None else Verdict.LOOSENED)
    assert dict(found.reworded).keys() == {"evidence"}


def test_a_sample_that_is_switched_on(names: Catalogue) -> None:
    found = compared(POLICY, POLICY.replace("modes:\n", KEPT.replace("  preserve_days: 90\n", ""), 1), names)
    assert found.kept[0] == "the sample takes 0.01 of all decisions, before none"
    assert found.verdict is Verdict.LOOSENED


def with_duties(policy: Policy, duties: tuple[tuple[str, ...], ...]) -> Policy:
    rules: list[Rule] = [
        replace(rule, follow=follow) for rule, follow in zip(policy.rules, duties, strict=False)
    ]
    return replace(policy, rules=tuple(rules))


asked = st.tuples(*[st.sampled_from([(), ("preserve",), ("notify",), ("preserve", "notify")])] * 3)


@given(policies(), policies(), asked, asked)
@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
@pytest.mark.slow
def test_no_duty_falls_away_unseen(
    old: tuple[Policy, tuple[Rule, ...]],
    new: tuple[Policy, tuple[Rule, ...]],
    before: tuple[tuple[str, ...], ...],
    after: tuple[tuple[str, ...], ...],
) -> None:
    """On a walk through the cells: what the compiled evaluator asks for under the old one and not under the new."""
    one, two = with_duties(old[0], before), with_duties(new[0], after)
    told = {(drop.rule, drop.duty) for drop in compare(one, two, NAMES).dropped}
    space = Space([one, two], NAMES, offered=True)
    asking = [{rule.id: rule.follow for rule in policy.rules} for policy in (one, two)]
    evaluators = [Evaluator(policy, NAMES) for policy in (one, two)]
    for number in range(300):
        case = tuple(
            (number * (2 * index + 1) + number // (index + 2)) % len(variable.values)
            for index, variable in enumerate(space.variables)
        )
        point, facts, signals = space.represent(case)
        if facts.surface not in two.surfaces or two.mode(facts.mode) is None:
            continue
        if facts.surface not in one.surfaces or one.mode(facts.mode) is None:
            continue
        fired = [[f.rule for f in judge.decide(point, facts, signals).fired] for judge in evaluators]
        kept = {duty for rule in fired[1] for duty in asking[1][rule]}
        gone = {(rule, duty) for rule in fired[0] for duty in asking[0][rule] if duty not in kept}
        assert gone <= told
    assert compare(one, one, NAMES).dropped == ()

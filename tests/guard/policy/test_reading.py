"""Reading policies: what is not understood does not load, and says where and how to mend it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rambarde.guard.policy.catalogue import Catalogue
from rambarde.guard.policy.document import PolicyError, load
from rambarde.guard.policy.reading import FLOOR_RULES, read_floors, read_policy
from tests.guard.policy.conftest import FLOORS, POLICY


def read(names: Catalogue, text: str, floors: str = FLOORS):
    return read_policy(text.encode(), names, floors=floors.encode())


def test_reads_the_whole_document(names: Catalogue) -> None:
    policy = read(names, POLICY)
    assert [rule.id for rule in policy.rules if not rule.floor] == ["adult", "cover", "french"]
    assert [rule.id for rule in policy.rules if rule.floor] == list(FLOOR_RULES)
    assert policy.digest.startswith("sha256:")


def test_the_digest_covers_floors_and_policy(names: Catalogue) -> None:
    first = read(names, POLICY).digest
    assert read(names, POLICY + "\n# a comment").digest != first
    assert read(names, POLICY, FLOORS + "\n# a comment").digest != first


@pytest.mark.parametrize(
    ("old", "new", "line", "message"),
    [
        ("at_least: 0.2}, {signal: b", "at_least: 1.2}, {signal: b", 9, "outside 0 to 1"),
        ("at_least: 0.2}, {signal: b", "at_least: .nan}, {signal: b", 9, "not a finite number"),
        ("signal: b, is: present", "signal: bb, is: present", 18, "no detector gives a signal 'bb'"),
        ("is: present", "is: here", 18, "'here' is not known"),
        ("then: review", "then: allow", 19, "'allow' is not known"),
        ("{not: {signal: low, at_least: 0.7}}", "{signal: low, at_least: 0.7}", 18, "not monotone"),
        ("{signal: b, is: present}", "{signal: b, is: absent}", 18, "not monotone"),
        ("{condition: both}", "{condition: bothh}", 13, "no condition is called 'bothh'"),
        ("at: [admit, release]", "at: [admit, relase]", 12, "'relase' is not known"),
        ("relaxes: [adult]", "relaxes: [minor-sexual]", 31, "is a floor"),
        ("relaxes: [adult]", "relaxes: [adlt]", 31, "no rule is called 'adlt'"),
        ("countries: [FR]", "countries: [France]", 26, "is no country"),
        ("from: 2026-12-02", "from: tomorrow", 27, "is no date"),
        ("- id: cover", "- id: adult", 16, "two rules are called 'adult'"),
        ("- id: cover", "- id: unchecked-more", 11, "named like a floor"),
        ("name: test", "name: test\nextra: 1", 4, "no key 'extra'"),
        ("name: test", "name: test\nname: again", 4, "stands twice"),
        ("rambarde-policy: 1", "rambarde-policy: 2", 2, "language version 2"),
        ("reason: look at it", "reason: ''", 20, "must be a text"),
    ],
)
def test_errors_name_line_and_column(names: Catalogue, old: str, new: str, line: int, message: str) -> None:
    assert old in POLICY
    with pytest.raises(PolicyError, match=message) as caught:
        read(names, POLICY.replace(old, new, 1))
    assert caught.value.line == line
    assert caught.value.remedy


def test_suggests_the_near_name(names: Catalogue) -> None:
    with pytest.raises(PolicyError) as caught:
        read(names, POLICY.replace("signal: low", "signal: lowe"))
    assert "'low'" in caught.value.remedy


@pytest.mark.parametrize("rule", FLOOR_RULES)
def test_a_missing_floor_does_not_load(names: Catalogue, rule: str) -> None:
    floors = "\n".join(line for line in FLOORS.splitlines() if f"id: {rule}," not in line)
    with pytest.raises(PolicyError, match=f"the floor '{rule}' is missing"):
        read_floors(floors.encode(), names)


def test_a_floor_limits_itself_to_nothing(names: Catalogue) -> None:
    floors = FLOORS.replace("then: block, reason: r}", "then: block, reason: r, countries: [FR]}", 1)
    with pytest.raises(PolicyError, match="limits itself"):
        read_floors(floors.encode(), names)


def test_a_rule_reads_only_required_detectors(names: Catalogue) -> None:
    start, end = POLICY.index("detectors:"), POLICY.index("conditions:")
    with pytest.raises(PolicyError, match="is not required"):
        read(names, POLICY[:start] + "detectors: {}\n" + POLICY[end:])


def test_conditions_cannot_go_in_circles(names: Catalogue) -> None:
    text = POLICY.replace("  both:\n", "  both: {condition: other}\n  other: {condition: both}\n  unused:\n")
    with pytest.raises(PolicyError, match="uses itself"):
        read(names, text)


@pytest.mark.parametrize(
    "body",
    ["{all: [{condition: c%d}, {condition: c%d}]}", "{any: [{condition: c%d}, {not: {condition: c%d}}]}"],
)
@pytest.mark.parametrize("count", [30, 1000])
def test_named_conditions_are_no_bomb(names: Catalogue, body: str, count: int) -> None:
    """Each uses the one before twice: without a limit the last would stand for 2^count conditions."""
    lines = "".join(f"  c{n}: {body % (n - 1, n - 1)}\n" for n in range(1, count))
    text = POLICY.replace("conditions:\n", "conditions:\n  c0: {context: action, in: [edit]}\n" + lines)
    with pytest.raises(PolicyError, match="use each other too much"):
        read(names, text.replace("{condition: both}", f"{{condition: c{count - 1}}}"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: &x 1\nb: *x", "anchors and aliases"),
        ("a: !!python/object/apply:os.system [x]", "tags are refused"),
        ("a: {", "not YAML"),
        ("", "empty"),
        ("a: 1\n---\nb: 2", "not YAML"),
        ("<<: {a: 1}", "must be a word"),
        ("a: .inf", "not a finite number"),
        ("[" * 60 + "]" * 60, "nested too deeply"),
    ],
)
def test_yaml_conveniences_are_refused(text: str, message: str) -> None:
    with pytest.raises(PolicyError, match=message):
        load(text.encode(), "p")


def test_a_large_document_is_refused_unread() -> None:
    with pytest.raises(PolicyError, match="bytes"):
        load(b"#" * 1_000_001, "p")


def test_country_codes_are_words_and_not_booleans(names: Catalogue) -> None:
    policy = read(names, POLICY.replace("countries: [FR]", "countries: [NO, FR]"))
    assert policy.rules[-1].countries == ("NO", "FR")


@given(st.binary(max_size=300))
def test_any_bytes_load_or_raise_a_policy_error(data: bytes) -> None:
    try:
        load(data, "p")
    except PolicyError as error:
        assert error.line >= 1 and error.remedy

"""Changes that keep the invariants and are laxer than before: the comparison tells where."""

from __future__ import annotations

from dataclasses import replace

import pytest

from rambarde.guard.policy.proof.compare import Verdict, compare
from rambarde.nouns.decision import Outcome
from tests.guard.policy.proof.edited import TEXT, edited, names, read


@pytest.mark.parametrize(
    ("edits", "said"),
    [
        pytest.param(
            [("terms.sexual, at_least: 0.5", "terms.sexual, at_least: 0.6")],
            "`terms.sexual` at least 0.5 and below 0.6",
            id="a threshold raised",
        ),
        pytest.param(
            [("    then: block\n", "    then: block\n    surfaces: [web, app, reply]\n")],
            "on `api`",
            id="a rule limited to surfaces",
        ),
        pytest.param(
            [("    then: block\n", "    then: block\n    countries: [FR]\n")],
            "any country other than FR or country unknown",
            id="a rule limited to a country",
        ),
        pytest.param(
            [("    then: block\n", "    then: review\n")],
            "`terms.sexual` at least 0.5 or unknown",
            id="a block made a review",
        ),
        pytest.param(
            [("    then: block\n", "    then: block\n    until: 2027-01-01\n")],
            "from 2027-01-01",
            id="a rule that ends",
        ),
        pytest.param(
            [("    then: block\n", "    then: block\n    from: 2027-01-01\n")],
            "before 2027-01-01",
            id="a rule that begins later",
        ),
        pytest.param(
            [("      any:\n", "      all:\n")], "`terms.sexual` absent or below 0.5", id="any made all"
        ),
        pytest.param(
            [("        - {signal: terms.sexual, at_least: 0.5}\n", "")],
            "`terms.sexual` at least 0.5 or unknown",
            id="one of two signs ignored",
        ),
        pytest.param(
            [("standard: {}", "standard: {relaxes: [sexual-content]}")],
            "mode `standard`",
            id="a mode relaxes more",
        ),
        pytest.param([("    age_assured: true\n", "")], "age not assured", id="a mode without age assurance"),
        pytest.param([("[AT, BE,", "[AT, FR, BE,")], "FR", id="a mode in one more country"),
        pytest.param(
            [("    countries: [AT, BE, CZ, DE, DK, ES, FI, LU, NL, PT, SE, US]\n", "")],
            "any country other than AT, BE, CZ, DE, DK, ES, FI and ",
            id="a mode everywhere",
        ),
        pytest.param([("reply]", "reply, kiosk]")], "on `kiosk`", id="a new surface"),
        pytest.param([("standard: {}", "standard: {}\n  party: {}")], "mode `party`", id="a new mode"),
        pytest.param(
            [("        - any:\n            - {context", "        - all:\n            - {context")],
            "action generate",
            id="edits exempted",
        ),
        pytest.param(
            [("at: [release]", "at: [admit]"), ("output.nudity", "input.nudity")],
            "at release",
            id="asked before, not after",
        ),
        pytest.param(
            [("{signal: prompt.sexual, at_least: 0.5}", "{signal: prompt.sexual, is: failed}")],
            "`prompt.sexual` no answer or at least 0.5",
            id="no answer no longer counts",
        ),
    ],
)
def test_a_loosening(edits: list[tuple[str, str]], said: str) -> None:
    old, new = read(TEXT), read(edited(*edits))
    found = compare(old, new, names())
    assert found.verdict in (Verdict.LOOSENED, Verdict.BOTH) and not found.not_more_permissive
    assert any(said in region.words for region in found.loosened), [r.words for r in found.loosened]
    back = compare(new, old, names())
    assert [r.words for r in back.tightened] == [r.words for r in found.loosened]


def test_a_rule_deleted() -> None:
    start, end = TEXT.index("  - id: sexual-content"), TEXT.index("  - id: sexual-output")
    text = (TEXT[:start] + TEXT[end:]).replace("sexual-content, ", "")
    found = compare(read(TEXT), read(text), names())
    assert found.verdict is Verdict.LOOSENED
    assert {region.rule for region in found.loosened} == {"sexual-content"}


def test_a_date_gap() -> None:
    """One rule made two, with a day between them on which neither holds."""
    start, end = TEXT.index("  - id: sexual-content"), TEXT.index("  - id: sexual-output")
    rule = TEXT[start:end].rstrip() + "\n"
    two = (
        rule
        + "    until: 2027-01-01\n"
        + rule.replace("sexual-content", "sexual-content-2")
        + "    from: 2027-01-02\n"
    )
    text = TEXT[:start] + two + TEXT[end:].replace("sexual-content,", "sexual-content, sexual-content-2,")
    found = compare(read(TEXT), read(text), names())
    assert found.verdict is Verdict.LOOSENED
    assert all("from 2027-01-01 until before 2027-01-02" in region.words for region in found.loosened)
    closed = compare(read(TEXT), read(text.replace("2027-01-02", "2027-01-01")), names())
    assert closed.verdict is Verdict.NOT_MORE_PERMISSIVE
    assert closed.reworded == (("sexual-content-2", "the rule is new"),)


@pytest.mark.parametrize(
    ("old", "new"), [('age: {version: "1"', 'age: {version: "2"'), ("sha256:8ceb7e", "sha256:9ceb7e")]
)
def test_a_detector_swapped(old: str, new: str) -> None:
    found = compare(read(TEXT), read(edited((old, new))), names())
    assert found.verdict is Verdict.BOTH and not found.not_more_permissive
    assert not found.loosened, "measuring the same, it would decide the same"
    assert [swap.detector for swap in found.swaps] == ["age"]
    assert "minor-sexual-looks" in found.swaps[0].rules


def test_a_detector_no_longer_required() -> None:
    """Where no rule reads its signals, its failure would go unnoticed."""
    whole = read(TEXT)
    old = replace(whole, rules=tuple(r for r in whole.rules if r.id == "unchecked" or not r.floor))
    new = replace(old, detectors=tuple(d for d in old.detectors if d.name != "faces"))
    found = compare(old, new, names())
    assert found.verdict is Verdict.LOOSENED
    assert any("failed" in region.words for region in found.loosened)
    assert [(swap.detector, swap.new, swap.replaced) for swap in found.swaps] == [("faces", None, False)]


def test_only_the_words_differ() -> None:
    found = compare(read(TEXT), read(edited(("Sexual content is not", "Such content is not"))), names())
    assert found.verdict is Verdict.NOT_MORE_PERMISSIVE and len(found.reworded) == 1
    name, words = found.reworded[0]
    assert name == "sexual-content" and words.startswith("the reason “Sexual content is not")


def test_a_comment_changes_nothing() -> None:
    assert compare(read(TEXT), read(TEXT + "# a comment\n"), names()).verdict is Verdict.EQUIVALENT


def test_stricter_only() -> None:
    found = compare(
        read(TEXT), read(edited(("terms.sexual, at_least: 0.5", "terms.sexual, at_least: 0.4"))), names()
    )
    assert found.verdict is Verdict.TIGHTENED and found.not_more_permissive
    assert {region.laxer for region in found.tightened} == {Outcome.ALLOW}

"""Reading a pack: law names its source, its countries and itself, and holds on every surface."""

from __future__ import annotations

from datetime import date

import pytest

from rambarde.guard.policy.catalogue import Catalogue
from rambarde.guard.policy.document import PolicyError, load
from rambarde.guard.policy.language import Confidence, Source
from rambarde.guard.policy.pack import PACKS, Pack, chosen, read_duties, read_pack
from rambarde.guard.policy.reading import read_floors, read_policy
from tests.guard.policy.conftest import FLOORS, POLICY

PACK = """
rambarde-pack: 1
name: fr
title: France
countries: [FR, RE]
conditions:
  twice: {all: [{condition: risky}, {signal: b, at_least: 0.4}]}
rules:
  - id: fr-one
    at: [admit]
    when: {condition: twice}
    then: block
    reason: r
    source: Code art. 1
    confidence: high
    reviewed: 2026-11-22
  - id: fr-two
    at: [admit]
    countries: [MC]
    when: {signal: b, at_least: 0.4}
    then: review
    reason: r
    source: Code art. 2
    confidence: low
    reviewed: 2026-11-22
duties:
  - {day: 2026-12-02, duty: Report it., source: Code art. 3, confidence: medium, reviewed: 2026-11-22}
  - {countries: [BE], duty: Keep it., source: Code art. 4, confidence: high, reviewed: 2026-11-22}
"""
TABLE = """
rambarde-pack: 1
name: others
title: Others
duties:
  - {countries: [NO], duty: Keep it., source: Code art. 4, confidence: high, reviewed: 2026-11-22}
"""


def read(names: Catalogue, text: str = PACK) -> Pack:
    return read_pack(text.encode(), names, read_floors(FLOORS.encode(), names)[1], source="fr.yaml")


def test_rules_and_duties_are_at_home_where_they_name_no_country(names: Catalogue) -> None:
    pack = read(names)
    assert (pack.name, pack.title, pack.countries) == ("fr", "France", ("FR", "RE"))
    assert [(rule.id, rule.countries) for rule in pack.rules] == [
        ("fr-one", ("FR", "RE")),
        ("fr-two", ("MC",)),
    ]
    assert pack.rules[0].source == Source("Code art. 1", Confidence.HIGH, date(2026, 11, 22))
    assert [(duty.day, duty.countries) for duty in pack.duties] == [
        (date(2026, 12, 2), ("FR", "RE")),
        (None, ("BE",)),
    ]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("    source: Code art. 1\n", "", "has no `source`"),
        ("    confidence: high\n", "", "has no `confidence`"),
        ("    reviewed: 2026-11-22\n", "", "has no `reviewed`"),
        ("confidence: high", "confidence: certain", "'certain' is not known"),
        ("reviewed: 2026-11-22", "reviewed: lately", "is no date"),
        ("countries: [FR, RE]\n", "", "a duty names no country"),
        ("countries: [FR, RE]\n", "countries: []\n", "`countries` is empty"),
        ("- id: fr-one", "- id: one", "not called after its pack"),
        ("- id: fr-one", "- id: fr-one\n    surfaces: [web]", "names surfaces"),
        ("rambarde-pack: 1", "rambarde-pack: 2", "language version 2"),
        ("rambarde-pack: 1", "rambarde-pack: true", "language version True"),
        ("title: France", "title: France\nextra: 1", "no key 'extra'"),
        ("duty: Report it.", "duty: ''", "must be a text"),
        ("{countries: [BE], duty: Keep it.", "{countries: [Belgium], duty: Keep it.", "is no country"),
        ("duty: Keep it.", "duty: Keep it., then: block", "no key 'then'"),
        ("{condition: risky}", "{condition: rsky}", "Did you mean 'risky'"),
        (
            "{signal: b, at_least: 0.4}\n    then: review",
            "{signal: b, at_most: 0.4}\n    then: review",
            "monotone",
        ),
    ],
)
def test_what_a_pack_may_not_say(names: Catalogue, old: str, new: str, message: str) -> None:
    assert old in PACK
    with pytest.raises(PolicyError) as caught:
        read(names, PACK.replace(old, new, 1))
    assert message in f"{caught.value} {caught.value.remedy}"
    assert caught.value.remedy and "fr.yaml:" in str(caught.value)


def test_an_error_names_the_rule_and_its_line(names: Catalogue) -> None:
    homeless = PACK.replace("countries: [FR, RE]\n", "").replace("{day: 2026-12-02, ", "{countries: [FR], ")
    for text, line, message in (
        (homeless, 8, "'fr-one' names no country"),
        (PACK.replace("- id: fr-two", "- id: two"), 17, "'two' is not called after its pack"),
    ):
        with pytest.raises(PolicyError, match=message) as caught:
            read(names, text)
        assert (caught.value.line, caught.value.column) == (line, 5)


def test_a_table_has_duties_and_no_rules() -> None:
    table = read_duties(TABLE.encode())
    assert (table.rules, [duty.duty for duty in table.duties]) == ((), ["Keep it."])
    with pytest.raises(PolicyError, match="no key 'rules'"):
        read_duties((TABLE + "rules: []\n").encode())
    with pytest.raises(PolicyError, match="a duty names no country"):
        read_duties(TABLE.replace("countries: [NO], ", "").encode())


@pytest.mark.parametrize(
    ("packs", "message"), [("[eu, ue]", "no pack 'ue'"), ("[eu, fr, eu]", "'eu' stands twice")]
)
def test_a_policy_names_packs_that_exist_once(packs: str, message: str) -> None:
    with pytest.raises(PolicyError, match=message):
        chosen(load(packs.encode(), "policy"))
    assert chosen(None) == ()


@pytest.mark.parametrize("pack", PACKS)
def test_an_operators_rule_cannot_pass_for_law(names: Catalogue, pack: str) -> None:
    text = POLICY.replace("- id: cover", f"- id: {pack}-cover")
    with pytest.raises(PolicyError, match="named like a pack's"):
        read_policy(text.encode(), names, floors=FLOORS.encode())

"""Countries: the list is that of ISO 3166-1, and what is no country is told with what was meant."""

from __future__ import annotations

import pytest
from faker.providers.address import Provider

from rambarde.guard.policy.countries import ASSIGNED, MEANT, known, meant, strange
from rambarde.nouns.caller import COUNTRY


def test_the_list_is_whole() -> None:
    """249 codes are assigned; a library's own list of states is all in it, and territories are too."""
    assert len(ASSIGNED) == 249 and set(Provider.alpha_2_country_codes) <= ASSIGNED
    assert {"PR", "HK", "GG", "AX", "SS", "BQ"} <= ASSIGNED
    assert all(COUNTRY.match(code) for code in ASSIGNED)


@pytest.mark.parametrize("code", ["GB", "US-CA", "GB-SCT", "XK"])
def test_what_is_one(code: str) -> None:
    assert known(code)


@pytest.mark.parametrize(
    ("code", "word"),
    [("UK", "'GB'"), ("EL", "'GR'"), ("UK-SCT", "'GB-SCT'"), ("EU", "member states"), ("JA", "ISO")],
)
def test_what_is_none_and_what_was_meant(code: str, word: str) -> None:
    assert not known(code) and word in meant(code)


def test_a_wrong_code_beside_the_right_one_is_no_mistake() -> None:
    assert strange(["GB", "UK", "FR"]) == () and strange(["UK", "FR", "UK", "ZZ"]) == ("UK", "ZZ")


def test_nobody_is_sent_to_another_that_is_none() -> None:
    assert not ASSIGNED & MEANT.keys() and set(MEANT.values()) <= ASSIGNED

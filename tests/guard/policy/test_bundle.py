"""A bundle: the same texts are the same bytes, and what is no bundle is a typed fault."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rambarde.guard.policy.bundle import Bundle, read_bundle
from rambarde.guard.policy.catalogue import Catalogue, catalogue
from rambarde.guard.policy.reading import SHIPPED, read_policy, shipped
from rambarde.interfaces import parts
from rambarde.interfaces.settings import Settings
from rambarde.nouns.fault import Fault
from tests.guard.policy.conftest import FLOORS, POLICY


@pytest.fixture(scope="module")
def all_names() -> Catalogue:
    return catalogue(detector.info for detector in parts.detectors(Settings()))


def test_the_shipped_policy_is_kept_with_floors_and_packs(all_names: Catalogue) -> None:
    bundle, policy = Bundle.of(shipped(SHIPPED), all_names)
    again = read_bundle(bundle.as_bytes())
    assert again.as_bytes() == bundle.as_bytes() and dict(again.packs) == dict(bundle.packs)
    read = again.read(all_names)
    assert read == policy == read_policy(shipped(SHIPPED), all_names)
    assert set(dict(bundle.packs)) == set(policy.packs)


def test_packs_mean_what_they_meant_when_it_was_signed(all_names: Catalogue) -> None:
    bundle, policy = Bundle.of(shipped(SHIPPED), all_names)
    packs = tuple((name, text.replace(b"reason:", b"reason: As of then,", 1)) for name, text in bundle.packs)
    older = Bundle(bundle.policy, bundle.floors, packs)
    read = older.read(all_names)
    assert read.digest != policy.digest and read.rules != policy.rules


@given(
    st.text(max_size=40),
    st.text(max_size=40),
    st.dictionaries(st.text(max_size=5), st.text(max_size=9), max_size=3),
)
def test_texts_come_back_as_they_were(policy: str, floors: str, packs: dict[str, str]) -> None:
    made = Bundle(policy.encode(), floors.encode(), tuple((k, v.encode()) for k, v in packs.items()))
    data = made.as_bytes()
    again = read_bundle(data)
    assert (again.policy, again.floors, dict(again.packs)) == (made.policy, made.floors, dict(made.packs))
    assert again.as_bytes() == data and data.isascii()


def test_without_a_packs_text_it_is_damaged(all_names: Catalogue) -> None:
    bundle, _ = Bundle.of(shipped(SHIPPED), all_names)
    with pytest.raises(Fault) as damaged:
        Bundle(bundle.policy, bundle.floors, bundle.packs[1:]).read(all_names)
    assert damaged.value.code == "bundle_damaged"


WHOLE = {"rambarde-bundle": 1, "policy": POLICY, "floors": FLOORS, "packs": {}}
WRONG: list[object] = [
    *(None, [], "x", 7, {}),
    {**WHOLE, "rambarde-bundle": 2},
    {**WHOLE, "more": 1},
    *({**WHOLE, key: value} for key in ("policy", "floors", "packs") for value in (None, 7, ["x"])),
    {**WHOLE, "packs": {"eu": 7}},
    {key: value for key, value in WHOLE.items() if key != "floors"},
]


@pytest.mark.parametrize("told", WRONG, ids=range(len(WRONG)))
def test_what_is_no_bundle_is_damaged(told: object) -> None:
    with pytest.raises(Fault) as damaged:
        read_bundle(json.dumps(told).encode())
    assert damaged.value.code == "bundle_damaged"


@given(st.binary(max_size=200))
def test_bytes_are_a_bundle_or_a_fault(data: bytes) -> None:
    with pytest.raises(Fault) as damaged:
        read_bundle(data)
    assert damaged.value.code == "bundle_damaged"


@pytest.mark.parametrize("data", [b"[" * 100_000, b"\xff", b'{"policy":"\\ud800"}', b"9" * 5000])
def test_so_are_the_nasty_ones(data: bytes) -> None:
    with pytest.raises(Fault) as damaged:
        read_bundle(data)
    assert damaged.value.code == "bundle_damaged"


def test_half_a_character_is_damage_too() -> None:
    with pytest.raises(Fault) as damaged:
        read_bundle(json.dumps({**WHOLE, "policy": "\ud800"}).encode())
    assert damaged.value.code == "bundle_damaged"

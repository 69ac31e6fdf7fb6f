"""The shipped policy: it parses, it stands on the floors, and it pins the detectors that are installed."""

from __future__ import annotations

from functools import cache

import pytest

from rambarde.guard.detectors.contract import Detector
from rambarde.guard.policy.language import Policy
from rambarde.guard.policy.reading import FLOOR_RULES, FLOORS, digest, shipped
from rambarde.interfaces import parts
from rambarde.interfaces.settings import Settings
from rambarde.nouns.caller import STANDARD, SURFACES
from rambarde.nouns.decision import Outcome


@cache
def policy() -> Policy:
    return parts.judging(Settings())[0].policy


@cache
def installed() -> dict[str, Detector]:
    """Those that are there by default: an extra may be missing, so no shipped policy requires it."""
    extras = {point.name for point in parts.detector_points() if point.extras}
    found = {detector.info.name: detector for detector in parts.detectors(Settings())}
    return {name: detector for name, detector in found.items() if name not in extras}


@pytest.mark.parametrize("family", FLOOR_RULES)
def test_every_floor_is_there_and_blocks(family: str) -> None:
    rules = [r for r in policy().rules if r.floor and (r.id == family or r.id.startswith(f"{family}-"))]
    assert any(rule.then is Outcome.BLOCK for rule in rules)
    for rule in rules:
        assert not (rule.countries or rule.surfaces or rule.start or rule.end), f"{rule.id} limits itself"


def test_no_mode_relaxes_a_floor() -> None:
    floors = {rule.id for rule in policy().rules if rule.floor}
    assert floors
    for mode in policy().modes:
        assert not floors & set(mode.relaxes)


def test_it_stands_on_the_floors_of_the_package() -> None:
    assert policy().floors_digest == digest(shipped(FLOORS))


def test_it_offers_what_the_package_knows() -> None:
    assert set(SURFACES) <= set(policy().surfaces)
    assert policy().mode(STANDARD) is not None
    standard = policy().mode(STANDARD)
    assert standard is not None and not standard.relaxes


def test_every_mode_that_relaxes_something_asks_for_age_assurance() -> None:
    assert all(mode.age_assured for mode in policy().modes if mode.relaxes)


def test_surfaces_are_equal() -> None:
    assert not [rule.id for rule in policy().rules if rule.surfaces]


def test_it_requires_all_detectors_that_are_shipped() -> None:
    assert {requirement.name for requirement in policy().detectors} == set(installed())


@pytest.mark.parametrize("name", sorted(installed()))
def test_it_pins_the_installed_detector(name: str) -> None:
    required = {requirement.name: requirement for requirement in policy().detectors}
    detector = installed()[name]
    detector.load()
    assert name in required, "run training/pin_detectors.py"
    assert (detector.info.version, detector.digest) == (required[name].version, required[name].digest), (
        "the detector has changed, so the policy must: run training/pin_detectors.py and say so in CHANGELOG.md"
    )

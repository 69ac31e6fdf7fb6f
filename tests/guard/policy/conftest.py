"""A small catalogue and policy for the tests of the policy."""

from __future__ import annotations

import pytest

from rambarde.guard.policy.catalogue import Catalogue, Entry
from rambarde.nouns.decision import Point
from rambarde.nouns.signal import Polarity

BOTH = (Point.ADMIT, Point.RELEASE)


def entry(name: str, polarity: Polarity = Polarity.HIGH_IS_WORSE, points: tuple[Point, ...] = BOTH) -> Entry:
    return Entry(name, polarity, points, "d", "")


@pytest.fixture
def names() -> Catalogue:
    entries = (
        entry("a"),
        entry("b"),
        entry("low", Polarity.LOW_IS_WORSE),
        entry("output.x", points=(Point.RELEASE,)),
    )
    return {e.name: e for e in entries}


FLOORS = """
rambarde-floors: 1
conditions:
  risky: {signal: a, at_least: 0.5}
  real-person: {signal: a, at_least: 0.3}
rules:
  - {id: minor-sexual, at: [admit], when: {condition: risky}, then: block, reason: r}
  - {id: real-person-sexual, at: [admit], when: {condition: risky}, then: block, reason: r}
  - {id: real-person-degrading, at: [admit], when: {condition: risky}, then: block, reason: r}
  - {id: known-image, at: [admit], when: {condition: risky}, then: block, reason: r}
  - {id: unchecked, at: [admit, release], when: {required: failed}, then: block, reason: r}
"""

POLICY = """
rambarde-policy: 1
name: test
surfaces: [web, app]
detectors:
  d: {version: "1", digest: "sha256:%s"}
conditions:
  both:
    all: [{signal: a, at_least: 0.2}, {signal: b, at_least: 0.2}]
rules:
  - id: adult
    at: [admit, release]
    when: {condition: both}
    then: block
    reason: not offered
  - id: cover
    at: [admit]
    when: {all: [{signal: b, is: present}, {not: {signal: low, at_least: 0.7}}]}
    then: review
    reason: look at it
  - id: french
    at: [admit]
    when: {signal: b, at_least: 0.1}
    then: block
    reason: not in France
    countries: [FR]
    from: 2026-12-02
    until: 2027-12-02
modes:
  standard: {}
  spicy: {relaxes: [adult], age_assured: true, countries: [DE, US-NV]}
""" % ("0" * 64)

"""Numbers change where they stand, and nothing else does."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rambarde.guard.policy.catalogue import Catalogue, catalogue
from rambarde.guard.policy.document import PolicyError
from rambarde.guard.policy.patch import knobs, patched
from rambarde.guard.policy.reading import SHIPPED, read_policy, shipped
from rambarde.interfaces import parts
from rambarde.interfaces.settings import Settings

pytestmark = pytest.mark.slow

NAMES: Catalogue = catalogue(d.info for d in parts.detectors(Settings()))
OWN = """# ours: 0.5 in a comment stays
rules:
  - id: one   # "0.5"
    when:
      any:
        - {signal: prompt.sexual, at_least: 0.5}  # 0.5 – twice
        - all: [{at_least: 0.50, signal: prompt.pose}, {signal: "terms.sexual", is: present}]
        - not: {signal: prompt.reduces_exposure, at_least: 0.5}
        - {signal: prompt.reduces_exposure, at_most: .25}
        - {condition: asks-exposure}
  - id: two
    when: {signal: prompt.sexual, at_least: 0.5}
"""


def test_the_knobs_of_a_rule() -> None:
    found = knobs(OWN.encode(), NAMES, ["one"], source="own")
    assert [(k.signal, k.threshold, k.line, bool(k.fixed)) for k in found] == [
        ("prompt.sexual", 0.5, 6, False),
        ("prompt.pose", 0.5, 7, False),
        ("prompt.reduces_exposure", 0.5, 8, True),
        ("prompt.reduces_exposure", 0.25, 9, True),
    ]


@pytest.mark.parametrize("ends", ["\n", "\r\n"])
@pytest.mark.parametrize("start", ["", "\ufeff", "# é ü 猫 𝒳\n"])
def test_only_the_numbers_change(ends: str, start: str) -> None:
    text = (start + OWN).replace("\n", ends)
    one, two = knobs(text.encode(), NAMES, ["one"], source="own")[:2]
    done = patched(text.encode(), {two: 0.125, one: 0.75}, source="own").decode()
    expected = text.replace("at_least: 0.5}  # 0.5 – twice", "at_least: 0.75}  # 0.5 – twice")
    assert done == expected.replace("at_least: 0.50", "at_least: 0.125")


def test_nothing_to_change_changes_nothing() -> None:
    assert patched(OWN.encode(), {}, source="own") == OWN.encode()


def test_a_knob_of_another_text_is_refused() -> None:
    (knob,) = knobs(OWN.encode(), NAMES, ["two"], source="own")
    for text in (OWN.replace("0.5}\n", "0.6}\n"), "# a line more\n" + OWN):
        with pytest.raises(PolicyError) as caught:
            patched(text.encode(), {knob: 0.1}, source="own")
        assert (caught.value.line, caught.value.column) == (knob.line, knob.column)


@given(st.floats(0.001, 0.999).map(lambda value: round(value, 3)))
def test_the_shipped_policy_with_another_number(threshold: float) -> None:
    text = shipped(SHIPPED)
    (knob,) = (k for k in knobs(text, NAMES, ["sexual-content"], source="s") if k.signal == "prompt.sexual")
    done = patched(text, {knob: threshold}, source="s")
    assert done.decode() == text.decode().replace(
        "{signal: prompt.sexual, at_least: 0.5}", f"{{signal: prompt.sexual, at_least: {threshold:g}}}", 1
    )
    assert knobs(done, NAMES, ["sexual-content"], source="s")[0].threshold == threshold


def test_the_shipped_policy_still_parses() -> None:
    text = shipped(SHIPPED)
    changes = {k: 0.7 for k in knobs(text, NAMES, ["sexual-content", "sexual-output"], source="s")}
    assert len(changes) == 5
    before, after = (read_policy(t, NAMES) for t in (text, patched(text, changes, source="s")))
    differ = [old.id for old, new in zip(before.rules, after.rules, strict=True) if old != new]
    assert differ == ["sexual-content", "sexual-output"] and before.digest != after.digest

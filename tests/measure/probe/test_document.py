"""The document of the probe is true: its example is read, every technique, leak and key stands in it."""

from __future__ import annotations

import re
from datetime import date

import pytest

from rambarde.measure.probe.leaks import NAMES
from rambarde.measure.probe.target import Authority, Limits, Removal, Surface, Target, read
from rambarde.measure.probe.technique import TECHNIQUES
from tests.project.modules import ROOT

TEXT = (ROOT / "docs" / "probe.md").read_text("utf-8")
WORDS = set(re.findall(r"`([^`\n]+)`", TEXT)) | set(re.findall(r"^([a-z_]+) =", TEXT, re.M))


def test_the_example_is_read() -> None:
    (example,) = re.findall(r"```toml\n(.*?)```", TEXT, re.S)
    target = read(example.encode(), today=date(2026, 11, 23))
    assert [one.name for one in target.surface] == ["web", "api"] and target.removal is not None
    assert target.limits == Limits()


@pytest.mark.parametrize("name", [*TECHNIQUES, *NAMES])
def test_every_technique_and_leak_is_told(name: str) -> None:
    assert name in WORDS


@pytest.mark.parametrize("kind", [Target, Surface, Authority, Limits, Removal], ids=lambda k: k.__name__)
def test_every_key_is_told(kind: type) -> None:
    keys = {
        name for name in kind.__struct_fields__ if name not in ("authority", "surface", "limits", "removal")
    }  # type: ignore[attr-defined]
    told = WORDS | set(re.findall(r"^# ([a-z]+) =", TEXT, re.M))
    assert not keys - told

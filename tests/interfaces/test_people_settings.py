"""The two files of people reach their detector by the settings, and what is wrong with one names the setting."""

from __future__ import annotations

from pathlib import Path

import pytest

from rambarde.guard.text.normalise import canonical
from rambarde.interfaces import parts
from rambarde.interfaces.settings import Settings, read_settings
from rambarde.nouns.fault import Fault


@pytest.mark.slow
def test_the_settings_reach_the_detector(tmp_path: Path) -> None:
    register, fiction = tmp_path / "register.csv", tmp_path / "fiction.csv"
    register.write_text("name\nZoravel Quimby\n", "utf-8")
    fiction.write_text("name\nBranna Thornwick\n", "utf-8")
    file = tmp_path / "rambarde.toml"
    file.write_text(
        f'protected_people = "{register.as_posix()}"\nfictional_names = "{fiction.as_posix()}"\n', "utf-8"
    )
    point = next(p for p in parts.detector_points() if p.name == "names")
    detector = parts.detector(point, read_settings(file, {}))
    detector.load()
    values = {s.name: s.value for s in detector.inspect(canonical("zoravel quimby")).signals}
    assert values == {"names.person": 1.0, "names.protected": 1.0}
    assert detector.inspect(canonical("Branna Thornwick")).signals[0].value is None
    assert getattr(detector, "data", "").startswith("sha256:")


def test_a_missing_register_names_the_setting(tmp_path: Path) -> None:
    point = next(p for p in parts.detector_points() if p.name == "names")
    detector = parts.detector(point, Settings(protected_people=str(tmp_path / "nowhere.csv")))
    with pytest.raises(Fault) as caught:
        detector.load()
    assert caught.value.field == "protected_people" and "path" in caught.value.remedy

"""Opening a guard, and what importing the package brings."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from rambarde import Fault, Guard, Outcome
from rambarde.guard.inspect import Inspector
from tests.interfaces.library.conftest import opened

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"surface": "fax"}, "surface_unknown"),
        ({"mode": "wild"}, "mode_unknown"),
        ({"policy": "missing.yaml"}, "policy_unreadable"),
        ({"settings": "missing.toml"}, "settings_invalid"),
    ],
)
def test_what_cannot_be_opened(tmp_path: Path, given: dict[str, Any], code: str) -> None:
    with pytest.raises(Fault) as caught:
        Guard.open(data=tmp_path, demo=True, **given)
    assert caught.value.code == code


def test_a_settings_file(tmp_path: Path, inspector: Inspector) -> None:
    file = tmp_path / "rambarde.toml"
    file.write_text(f'data = "{tmp_path / "here"}"\n')
    with opened(tmp_path / "there", inspector, settings=file) as guard:
        assert guard.check("a quiet garden").outcome is Outcome.ALLOW
    assert (tmp_path / "there" / "rambarde.db").exists() and not (tmp_path / "here").exists()


def test_a_guard_with_an_unfit_detector_does_not_open(tmp_path: Path, inspector: Inspector) -> None:
    from rambarde.guard.policy.language import Requirement

    broken = Inspector(inspector._detectors, [Requirement("nudity", "0", "sha256:00")])
    broken.load()
    with (
        pytest.raises(Fault, match="rambarde doctor") as caught,
        opened(tmp_path, broken) as guard,
    ):
        guard.check("a quiet garden")
    assert caught.value.code == "detectors_unfit"


def test_importing_rambarde_imports_nothing_else() -> None:
    code = "import sys, rambarde; print([m for m in sys.modules if m.startswith('rambarde')])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "['rambarde']"


def test_every_name_of_the_package_is_there() -> None:
    import rambarde

    for name in rambarde.__all__:
        assert getattr(rambarde, name).__name__ == name
    assert set(rambarde.__all__) <= set(dir(rambarde))
    with pytest.raises(AttributeError):
        rambarde.Gard  # noqa: B018

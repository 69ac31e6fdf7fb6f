"""The command line in-process: `rambarde("keys", "list")` runs a command, as `main` would."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from rambarde.guard.inspect import Inspector
from rambarde.interfaces import parts
from rambarde.interfaces.cli.main import app
from rambarde.nouns.fault import Fault

Rambarde = Callable[..., Result]


@pytest.fixture
def rambarde(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Rambarde:
    """Runs a command in an empty folder; `fails` names the code of the fault it must end with."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str, fails: str | None = None, status: int = 0) -> Result:
        result = CliRunner().invoke(app, list(arguments))
        error = result.exception
        if fails is not None:
            assert isinstance(error, Fault), result.output
            assert error.code == fails and error.remedy, error
        elif status == 0:
            assert error is None and result.exit_code == 0, result.output
        else:
            assert result.exit_code == status, result.output
        return result

    return run


@pytest.fixture
def with_models(inspector: Inspector, monkeypatch: pytest.MonkeyPatch) -> None:
    """Commands that judge borrow the loaded detectors instead of loading their own for seconds."""
    real = parts.judging

    def judging(*arguments: object) -> object:
        evaluator, unloaded, names = real(*arguments)  # type: ignore[arg-type]
        unloaded.close()
        return evaluator, inspector, names

    monkeypatch.setattr(parts, "judging", judging)
    installed = {d.info.name: d for d in inspector._detectors}
    monkeypatch.setattr(parts, "detectors", lambda _: tuple(installed[name] for name in sorted(installed)))

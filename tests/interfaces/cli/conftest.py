"""The command line in-process: `rambarde("keys", "list")` runs a command, as `main` would."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from click.testing import Result
from typer.testing import CliRunner

from rambarde.guard.inspect import Inspector
from rambarde.interfaces import parts
from rambarde.interfaces.cli.main import app
from rambarde.nouns.fault import Fault
from tests.interfaces.cli.governed import Rambarde, Town


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


@pytest.fixture
def town(rambarde: Rambarde, tmp_path: Path) -> Town:
    return Town(tmp_path, rambarde)


@contextmanager
def building(folder: Path) -> Iterator[Town]:
    """A town for fixtures that several tests copy."""

    def run(*arguments: str, **_: object) -> Result:
        result = CliRunner().invoke(app, list(arguments))
        done = result.exit_code in (0, 1) and (result.exception is None or result.exit_code == 1)
        assert done and not isinstance(result.exception, Fault), (result.output, result.exception)
        return result

    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        yield Town(folder, run)


@pytest.fixture(scope="session")
def founded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that Ada and Ben govern, made once."""
    folder = tmp_path_factory.mktemp("founded")
    with building(folder) as town:
        town.govern()
    return folder


@pytest.fixture
def governed(founded: Path, town: Town) -> Town:
    shutil.copytree(founded, town.folder, dirs_exist_ok=True)
    return town

"""What a check-up finds, without loading the models again and again."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path
from typing import Any

import pytest

from rambarde.guard.inspect import Inspector
from rambarde.interfaces.checkup import checkup as whole
from rambarde.interfaces.checkup.checkup import checkup
from rambarde.interfaces.checkup.row import Row, Status, ok
from rambarde.interfaces.settings import Settings
from tests.interfaces.library.conftest import opened, paint

OK, WARN, FAIL = Status.OK, Status.WARN, Status.FAIL


@pytest.fixture(scope="session")
def made(inspector: Inspector, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with three records and a credential."""
    data = tmp_path_factory.mktemp("doctor") / "data"
    with opened(data, inspector) as guard:
        for _ in range(3):
            guard.wrap(paint)("a quiet garden")
        guard._gateway.vault.credentials.create("web")
    return data


@pytest.fixture
def data(made: Path, tmp_path: Path) -> Path:
    """A copy, to break."""
    return Path(shutil.copytree(made, tmp_path / "data"))


@pytest.fixture(autouse=True)
def without_models(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Loading all models takes seconds; tests that are about something else leave them out."""
    if "every_model" not in request.fixturenames:
        monkeypatch.setattr(whole, "models", lambda _: iter([ok("policy", "left out")]))


@pytest.fixture
def every_model() -> None:
    """Asked for by a test in which a whole check-up loads the models too."""


def rows(data: Path, **settings: Any) -> dict[str, Row]:
    return {row.check: row for row in checkup(Settings(data=str(data), **settings))}


def mended(row: Row, status: Status, *words: str) -> None:
    """A row of this status that says what it found and what to do."""
    assert row.status is status, row
    assert row.remedy and all(word in f"{row.detail} {row.remedy}" for word in words), row


def tree(folder: Path) -> dict[str, str]:
    """What is in a folder, without SQLite's own files."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.suffix not in (".db-wal", ".db-shm") and path.name != "rambarde.db"
    }

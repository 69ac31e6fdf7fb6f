"""`rambarde trace`: files and URLs; the record only for staff, and only once it is in the log who looks."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from PIL import Image
from typer.testing import CliRunner

from rambarde.guard.inspect import Inspector
from rambarde.interfaces.cli.main import app
from rambarde.interfaces.cli.trace import ACCESS
from rambarde.interfaces.governance.book import Book
from rambarde.interfaces.settings import Settings
from rambarde.interfaces.vault import Vault
from rambarde.nouns.fault import Fault
from rambarde.store.ledger import Ledger
from tests.interfaces.http.test_release import CAT, CUP, Pictures, ask
from tests.interfaces.serving import serving

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def stopped(inspector: Inspector, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, str]]:
    """The data folder of a gateway that released a cup and stopped, and the cup's decision."""
    data = tmp_path_factory.mktemp("traced")
    with serving(data, upstream=Pictures(CUP), inspector=inspector) as served:
        decision = ask(served).headers["rambarde-decision"]
    yield data, decision


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The cup, cropped and mirrored, without metadata."""
    image = Image.open(io.BytesIO(CUP)).convert("RGB")
    image = image.crop((10, 12, image.width - 14, image.height - 9)).transpose(
        Image.Transpose.FLIP_LEFT_RIGHT
    )
    path = tmp_path / "copy.jpg"
    image.save(path, quality=75)
    return path


def run(stopped: tuple[Path, str], *arguments: str) -> Result:
    return CliRunner().invoke(app, ["trace", *arguments, "--data", str(stopped[0])])


def logged(data: Path) -> list[dict[str, Any]]:
    vault = Vault.open(Settings(data=str(data)))
    ledger = Ledger(vault.database)
    with ledger.reading() as view:
        size = view.size()
    rows = [row.committed for row in ledger.rows(0, size) if row.committed.kind == ACCESS]
    vault.close()
    return [json.loads(row.body) for row in rows]


def test_a_copy_is_traced(stopped: tuple[Path, str], copy: Path) -> None:
    result = run(stopped, str(copy), "--json")
    assert result.exit_code == 0, result.output
    answer = json.loads(result.stdout)
    assert answer["matches"][0]["decision_id"] == stopped[1] and "records" not in answer
    said = run(stopped, str(copy)).stdout
    assert stopped[1] in said and "known by points" in said and "web" in said


def test_another_picture_ends_with_status_1(stopped: tuple[Path, str], tmp_path: Path) -> None:
    (tmp_path / "cat.png").write_bytes(CAT)
    result = run(stopped, str(tmp_path / "cat.png"), "--json")
    assert result.exit_code == 1 and json.loads(result.stdout)["found"] is False
    assert "Nothing was found" in run(stopped, str(tmp_path / "cat.png")).stdout


@pytest.mark.parametrize(
    ("picture", "code"),
    [
        ("missing.png", "picture_unreadable"),
        ("http://10.0.0.1/x.png", "picture_url_forbidden"),
        ("https://user@example.org/x.png", "picture_url_forbidden"),
        (__file__, "not_an_image"),
    ],
)
def test_what_cannot_be_traced(stopped: tuple[Path, str], picture: str, code: str) -> None:
    error = run(stopped, picture).exception
    assert isinstance(error, Fault) and error.code == code and error.remedy


def test_staff_see_the_record_and_the_log_says_so(stopped: tuple[Path, str], copy: Path) -> None:
    data, decision = stopped
    vault = Vault.open(Settings(data=str(data)))
    roster = Book(vault).read().standing.roster
    vault.close()
    assert roster is not None
    name = roster.people[0].name
    result = run(
        stopped, str(copy), "--record", "--by", name, "--purpose", "A prosecutor's order 7/26.", "--json"
    )
    assert result.exit_code == 0, (result.output, result.exception)
    record = json.loads(result.stdout)["records"][decision]
    assert record["id"] == decision and "credential" in record
    (access,) = logged(data)
    assert (access["record"], access["person"]) == (decision, name)
    assert access["purpose"] == "A prosecutor's order 7/26."
    checked = CliRunner().invoke(app, ["log", "verify", "--data", str(data)])
    assert checked.exit_code == 0, checked.output


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ((), "missing_by"),
        (("--by", "Mallory Nobody", "--purpose", "x"), "not_staff"),
        (("--by", "DEMO", "--purpose", ""), None),
    ],
)
def test_nobody_else_sees_it(
    stopped: tuple[Path, str], copy: Path, arguments: tuple[str, ...], code: str | None
) -> None:
    before = len(logged(stopped[0]))
    error = run(stopped, str(copy), "--record", *arguments).exception
    assert isinstance(error, Fault) and code in (None, error.code)
    assert len(logged(stopped[0])) == before

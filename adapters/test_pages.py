"""The pages around the adapters: what they show runs, and no folder is forgotten."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from rambarde import Outcome

ADAPTERS = Path(__file__).parent
FOLDERS = sorted(path.parent.name for path in ADAPTERS.glob("*/pyproject.toml"))


@pytest.mark.slow
def test_moving_shows_what_runs(
    pasted: Callable[[str], list[dict[str, Any]]], capsys: pytest.CaptureFixture[str]
) -> None:
    moderation, nudenet = pasted("docs/moving.md")
    assert moderation["decision"].outcome is Outcome.BLOCK
    assert "real-person-sexual" in capsys.readouterr().out
    assert nudenet["image"].size == (512, 512)


@pytest.mark.parametrize("name", FOLDERS)
def test_every_folder_is_whole_and_told_of(name: str) -> None:
    folder = ADAPTERS / name
    assert list(folder.rglob("test_*.py")) and list(folder.rglob("rambarde_*.py"))
    assert f"](../adapters/{name}/README.md)" in (ADAPTERS.parent / "docs" / "adapters.md").read_text("utf-8")
    told = (folder / "README.md").read_text("utf-8")
    assert ("```" in told and "Tested with" in told) or name == "asgi"
    paths = (ADAPTERS.parent / "pyproject.toml").read_text("utf-8")
    assert f'"adapters/{name}' in paths


@pytest.mark.parametrize("path", [p for p in ADAPTERS.rglob("rambarde_*.py")], ids=lambda p: p.stem)
def test_modules_are_small(path: Path) -> None:
    assert len(path.read_text("utf-8").splitlines()) <= 400


def test_the_five_tools_have_a_page() -> None:
    page = (ADAPTERS.parent / "docs" / "moving.md").read_text("utf-8")
    for tool in (
        "OpenAI moderation",
        "The diffusers safety checker",
        "LiteLLM guardrails",
        "aegisframe",
        "NudeNet scripts",
    ):
        assert f"## {tool}\n" in page

"""The generator of the settings: its fallbacks, its budget, and keys from files and the environment."""

from __future__ import annotations

from pathlib import Path

import pytest

from rambarde.guard.upstreams.several import Several
from rambarde.guard.upstreams.sketch import SketchUpstream
from rambarde.interfaces import parts
from rambarde.interfaces.settings import Settings
from rambarde.nouns.fault import Fault

SECRET = "sk-secret-of-the-operator"


def test_alone_it_is_itself() -> None:
    assert isinstance(parts.upstream(Settings()), SketchUpstream)


def test_fallbacks_with_keys_from_files_and_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "key").write_text(SECRET + "\n")
    monkeypatch.setenv("RAMBARDE_UPSTREAM_KEY_XAI", SECRET)
    settings = Settings(
        upstream="openai",
        upstream_url="http://127.0.0.1:9000/v1",
        upstream_fallbacks=(
            "xai model=grok-imagine-image",
            f"a1111 http://127.0.0.1:7860 key_file={tmp_path / 'key'}",
        ),
        upstream_budget=100,
    )
    made = parts.upstream(settings)
    assert isinstance(made, Several) and made.name == settings.generators == "openai+xai+a1111"
    _, second, third = made.all
    assert second._line._headers["Authorization"] == f"Bearer {SECRET}"  # type: ignore[attr-defined]
    assert third._line._headers["Authorization"] == f"Bearer {SECRET}"  # type: ignore[attr-defined]
    assert SECRET not in f"{made!r} {second!r} {third!r} {settings!r} {capsys.readouterr()}"


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("", "upstream_invalid"),
        ("nothing http://127.0.0.1", "upstream_unknown"),
        ("openai", "upstream_invalid"),
        ("openai http://127.0.0.1/v1 http://127.0.0.1/v2", "upstream_invalid"),
        ("openai http://127.0.0.1/v1 secret=x", "upstream_invalid"),
        ("openai http://127.0.0.1/v1 key_file=/nowhere/at/all", "upstream_key_unreadable"),
        ("comfyui http://127.0.0.1:8188", "upstream_invalid"),
    ],
)
def test_fallbacks_that_cannot_be_used(line: str, code: str) -> None:
    with pytest.raises(Fault) as caught:
        parts.upstream(Settings(upstream_fallbacks=(line,)))
    assert (caught.value.code, caught.value.field) == (code, "upstream_fallbacks")


def test_a_key_that_is_no_text(tmp_path: Path) -> None:
    (tmp_path / "key").write_bytes(b"\xff\xfe")
    with pytest.raises(Fault) as caught:
        parts.upstream(Settings(upstream_key_file=str(tmp_path / "key")))
    assert caught.value.code == "upstream_key_unreadable"


@pytest.mark.parametrize("name", ["upstream_retries", "upstream_budget"])
def test_ranges(name: str) -> None:
    with pytest.raises(Fault):
        Settings(**{name: -1})

"""Settings: read from TOML, overridden, and refused with the name of what is wrong."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path

import pytest

from rambarde.interfaces.settings import FILE, Settings, read_settings
from rambarde.nouns.fault import Fault


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def written(text: str, name: str = FILE) -> Path:
    path = Path(name)
    path.write_text(text, "utf-8")
    return path


def test_without_a_file_the_defaults_hold() -> None:
    assert read_settings(None, {}) == Settings()


def test_the_file_of_this_folder_is_read_and_the_command_line_wins() -> None:
    written('port = 9000\nhost = "::1"\nupstream_hosts = ["images"]\nhold_days = 2\n')
    found = read_settings(None, {"port": 9001, "data": None})
    assert (found.port, found.host, found.upstream_hosts, found.hold_days) == (9001, "::1", ("images",), 2.0)
    assert found.data == Settings().data, "an option that was not given overrides nothing"
    assert found.base_url == "http://[::1]:9001"


def test_a_file_that_is_named_is_the_one_that_is_read() -> None:
    written("port = 1\n")
    assert read_settings(written("port = 9002\n", "other.toml"), {}).port == 9002


def test_the_public_address_is_what_callers_see() -> None:
    assert Settings(public_url="https://images.example/").base_url == "https://images.example"
    assert Settings(port=0).base_url == "http://127.0.0.1:0"


@pytest.mark.parametrize(
    ("text", "field", "words"),
    [
        ("prot = 9000", "prot", "Did you mean `port`?"),
        ("zebra = 1", "zebra", "settings.md"),
        ('port = "9000"', "port", "int"),
        ("port = true", "port", "int"),
        ("port = 1.5", "port", "int"),
        ("hold_days = true", "hold_days", "float"),
        ("data = 1", "data", "str"),
        ("upstream_hosts = [1]", "upstream_hosts", "tuple"),
        ('upstream_hosts = "images"', "upstream_hosts", "tuple"),
        ("port = 70000", "port", "0 to 65535"),
        ("hold_days = 8", "hold_days", "to 7"),
        ("hold_days = nan", "hold_days", "to 7"),
        ("rate_per_minute = 0", "rate_per_minute", "1 to"),
        ("port =", None, "Mend the file"),
    ],
)
def test_what_cannot_be_used_is_named(text: str, field: str | None, words: str) -> None:
    written(text)
    with pytest.raises(Fault) as caught:
        read_settings(None, {})
    assert (caught.value.code, caught.value.field) == ("settings_invalid", field)
    assert words in str(caught.value)


def test_a_file_that_is_named_must_be_there() -> None:
    with pytest.raises(Fault, match="No such file"):
        read_settings(Path("nowhere.toml"), {})


def test_a_file_that_is_not_utf_8_is_refused() -> None:
    Path(FILE).write_bytes(b'data = "\xff"')
    with pytest.raises(Fault, match=FILE):
        read_settings(None, {})


def test_every_number_has_limits() -> None:
    """A new number without limits would take anything, infinity too."""
    for field in fields(Settings):
        if field.type in ("int", "float"):
            for wrong in (float("inf"), float("nan"), -2):
                with pytest.raises(Fault):
                    Settings(**{field.name: wrong})

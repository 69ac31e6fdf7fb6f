"""The log's key: made once, kept private, and never another."""

from __future__ import annotations

import stat
import threading
from pathlib import Path

import pytest

from rambarde.nouns.fault import Fault
from rambarde.prove.key import FILE, PUBLIC_FILE, open_signer, read_verifier


def test_made_once_and_private(tmp_path: Path) -> None:
    data = tmp_path / "data"
    signer = open_signer(data, origin="example.org/log")
    assert stat.S_IMODE((data / FILE).stat().st_mode) == 0o600
    assert open_signer(data).verifier == signer.verifier == read_verifier(data)
    assert signer.name == "example.org/log"
    assert sorted(path.name for path in data.iterdir()) == [FILE, PUBLIC_FILE]


def test_many_starters_agree(tmp_path: Path) -> None:
    found: list[str] = []
    threads = [
        threading.Thread(target=lambda: found.append(str(open_signer(tmp_path).verifier))) for _ in range(12)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 12 and set(found) == {str(read_verifier(tmp_path))}


def test_without_an_origin_names_differ(tmp_path: Path) -> None:
    assert open_signer(tmp_path / "a").name != open_signer(tmp_path / "b").name


def test_the_origin_stays(tmp_path: Path) -> None:
    open_signer(tmp_path, origin="example.org/log")
    with pytest.raises(Fault) as refused:
        open_signer(tmp_path, origin="example.org/other")
    assert refused.value.code == "log_origin"


def test_a_lost_public_half_is_written_again(tmp_path: Path) -> None:
    signer = open_signer(tmp_path)
    (tmp_path / PUBLIC_FILE).unlink()
    open_signer(tmp_path)
    assert read_verifier(tmp_path) == signer.verifier


def test_what_is_no_key(tmp_path: Path) -> None:
    with pytest.raises(Fault) as refused:
        open_signer(tmp_path, origin="two words")
    assert refused.value.code == "log_key_invalid"
    assert not (tmp_path / FILE).exists()
    (tmp_path / FILE).write_text("garbage")
    (tmp_path / FILE).chmod(0o600)
    with pytest.raises(Fault) as refused:
        open_signer(tmp_path)
    assert refused.value.code == "log_key_invalid"


def test_a_key_others_may_read(tmp_path: Path) -> None:
    open_signer(tmp_path)
    (tmp_path / FILE).chmod(0o604)
    with pytest.raises(Fault) as refused:
        open_signer(tmp_path)
    assert refused.value.code == "log_key_exposed"


def test_no_public_key(tmp_path: Path) -> None:
    with pytest.raises(Fault) as refused:
        read_verifier(tmp_path)
    assert refused.value.code == "log_pub_missing"


def test_a_folder_that_cannot_be(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(Fault) as refused:
        open_signer(tmp_path / "file" / "data")
    assert refused.value.code == "log_key_unwritable"

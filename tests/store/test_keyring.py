"""The keyring: keys of items are wrapped by a key of a file or the environment, which can be replaced."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest

from rambarde.nouns.fault import Fault
from rambarde.store.keyring import FILE, VARIABLE, Keyring
from tests.store.wrapper_contract import wraps

ONE, TWO = (base64.b64encode(bytes([n]) * 32).decode() for n in (1, 2))


def test_keys_of_a_file_wrap(tmp_path: Path) -> None:
    wraps(Keyring.open(tmp_path, {}))
    assert (tmp_path / FILE).stat().st_mode & 0o777 == 0o600
    assert Keyring.open(tmp_path, {}).ids == Keyring.open(tmp_path, {}).ids


def test_keys_of_the_environment_wrap_and_leave_no_file(tmp_path: Path) -> None:
    wraps(Keyring.open(tmp_path, {VARIABLE: f"{ONE} {TWO}"}))
    assert not (tmp_path / FILE).exists()
    with pytest.raises(Fault) as given:
        Keyring.open(tmp_path, {VARIABLE: ONE}).add()
    assert given.value.code == "evidence_key_given"


@pytest.mark.parametrize("text", ["x", "AAAA", f"{ONE} AAAA", "\ufffd"])
def test_what_is_no_key(tmp_path: Path, text: str) -> None:
    with pytest.raises(Fault) as fault:
        Keyring.open(tmp_path, {VARIABLE: text})
    assert fault.value.code == "evidence_key_invalid"


def test_a_file_that_others_can_read(tmp_path: Path) -> None:
    Keyring.open(tmp_path, {})
    (tmp_path / FILE).chmod(0o644)
    with pytest.raises(Fault) as fault:
        Keyring.open(tmp_path, {})
    assert fault.value.code == "evidence_key_exposed"


def test_a_running_process_sees_a_rotation(tmp_path: Path) -> None:
    running, command = Keyring.open(tmp_path, {}), Keyring.open(tmp_path, {})
    old = running.wrap(b"k" * 32, b"item")
    new = command.add()
    assert new != old[0] and running.current() == new
    assert running.unwrap(*old, b"item") == b"k" * 32
    command.drop({old[0], new})
    assert running.ids == (new,), "the key that wraps is never dropped"
    with pytest.raises(Fault) as gone:
        running.unwrap(*old, b"item")
    assert gone.value.code == "evidence_key_missing"

"""Sealing: what opens, what does not, and where the key comes from."""

from __future__ import annotations

import base64
import stat
import threading
from pathlib import Path

import pytest

from rambarde.nouns.fault import Fault
from rambarde.store.cipher import FILE, VARIABLE, Cipher
from rambarde.store.database import Database

PLACE = {"table": "items", "id": "a", "purpose": "body"}


@pytest.mark.parametrize("plain", [b"", b"x", bytes(1_000_000)], ids=["empty", "one", "megabyte"])
def test_round_trip(cipher: Cipher, plain: bytes) -> None:
    sealed = cipher.seal(plain, **PLACE)
    assert cipher.unseal(sealed, **PLACE) == plain
    assert plain[:8] not in sealed or len(plain) < 8


def test_the_same_text_never_seals_alike(cipher: Cipher) -> None:
    assert cipher.seal(b"text", **PLACE)[9:] != cipher.seal(b"text", **PLACE)[9:]


def test_every_flipped_byte_is_found(cipher: Cipher) -> None:
    sealed = cipher.seal(b"text", **PLACE)
    for place in range(len(sealed)):
        changed = sealed[:place] + bytes([sealed[place] ^ 1]) + sealed[place + 1 :]
        with pytest.raises(Fault) as refused:
            cipher.unseal(changed, **PLACE)
        assert refused.value.code == ("server_key_mismatch" if 1 <= place < 9 else "sealed_damaged")


@pytest.mark.parametrize("length", range(0, 60, 7))
def test_a_cut_value_is_found(cipher: Cipher, length: int) -> None:
    with pytest.raises(Fault):
        cipher.unseal(cipher.seal(b"some text", **PLACE)[:length], **PLACE)


@pytest.mark.parametrize("other", [{"table": "b"}, {"id": "b"}, {"purpose": "b"}])
def test_a_value_moved_elsewhere_does_not_open(cipher: Cipher, other: dict[str, str]) -> None:
    with pytest.raises(Fault) as refused:
        cipher.unseal(cipher.seal(b"text", **PLACE), **(PLACE | other))
    assert refused.value.code == "sealed_damaged"


def test_another_key_is_named_so(cipher: Cipher) -> None:
    with pytest.raises(Fault) as refused:
        Cipher(bytes(32)).unseal(cipher.seal(b"text", **PLACE), **PLACE)
    assert refused.value.code == "server_key_mismatch"
    assert FILE in refused.value.remedy


def test_the_key_file_is_made_once_and_private(tmp_path: Path) -> None:
    made = Cipher.open(tmp_path / "data", {})
    path = tmp_path / "data" / FILE
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert len(base64.b64decode(path.read_text())) == 32
    assert Cipher.open(tmp_path / "data", {}).id == made.id
    assert [p.name for p in path.parent.iterdir()] == [FILE]


def test_many_starters_agree_on_one_key(tmp_path: Path) -> None:
    ids: list[str] = []
    threads = [threading.Thread(target=lambda: ids.append(Cipher.open(tmp_path, {}).id)) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(ids) == 16 and len(set(ids)) == 1


def test_the_environment_comes_first(tmp_path: Path) -> None:
    key = bytes(range(32))
    cipher = Cipher.open(tmp_path, {VARIABLE: base64.b64encode(key).decode()})
    assert cipher.id == Cipher(key).id
    assert not (tmp_path / FILE).exists()


@pytest.mark.parametrize("text", ["short", "AAAA", "not base64 !!", base64.b64encode(bytes(33)).decode()])
def test_a_bad_key_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(Fault) as refused:
        Cipher.open(tmp_path, {VARIABLE: text})
    assert refused.value.code == "server_key_invalid"
    (tmp_path / FILE).write_text(text)
    (tmp_path / FILE).chmod(0o600)
    with pytest.raises(Fault) as refused:
        Cipher.open(tmp_path, {})
    assert refused.value.code == "server_key_invalid"


def test_a_key_others_may_read_is_refused(tmp_path: Path) -> None:
    Cipher.open(tmp_path, {})
    (tmp_path / FILE).chmod(0o644)
    with pytest.raises(Fault) as refused:
        Cipher.open(tmp_path, {})
    assert refused.value.code == "server_key_exposed"


def test_a_database_is_bound_to_its_key(database: Database, cipher: Cipher) -> None:
    cipher.bind(database)
    cipher.bind(database)
    with pytest.raises(Fault) as refused:
        Cipher(bytes(32)).bind(database)
    assert refused.value.code == "server_key_mismatch"


def test_a_key_has_32_bytes() -> None:
    with pytest.raises(ValueError, match="32"):
        Cipher(bytes(16))


def test_blind_tells_apart_and_repeats(cipher: Cipher) -> None:
    assert cipher.blind("r", "d") == cipher.blind("r", "d")
    assert len({cipher.blind("r", "d"), cipher.blind("q", "d"), Cipher(bytes(32)).blind("r", "d")}) == 3

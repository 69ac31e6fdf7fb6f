"""Key files: read as OpenSSH and OpenSSL write them, private, and never overwritten."""

from __future__ import annotations

import shutil
import stat
import subprocess
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from rambarde.guard.policy.signatures.key import FileKey
from rambarde.guard.policy.signatures.openssh import holds, parse_line
from rambarde.nouns.fault import Fault

keygen = pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="ssh-keygen is not installed")


def generate(path: Path, passphrase: str = "") -> bytes:
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", passphrase, "-f", path], check=True)
    return parse_line(path.with_name(f"{path.name}.pub").read_text())[0]


def code(path: Path, passphrase: bytes | None = None) -> str:
    with pytest.raises(Fault) as refused:
        FileKey.read(path, passphrase)
    assert refused.value.remedy and refused.value.field == "key"
    return refused.value.code


@pytest.mark.parametrize("passphrase", [None, b"correct horse"])
def test_made_once_private_and_read_again(tmp_path: Path, passphrase: bytes | None) -> None:
    path = tmp_path / "ada.key"
    made = FileKey.make(path, passphrase)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [p.name for p in tmp_path.iterdir()] == ["ada.key"]
    read = FileKey.read(path, passphrase)
    assert read.public == made.public and holds(made.public, read.sign(b"x"), b"x")
    before = path.read_bytes()
    with pytest.raises(Fault) as refused:
        FileKey.make(path)
    assert refused.value.code == "key_exists" and path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["ada.key"]


def test_a_passphrase_for_a_key_without_one(tmp_path: Path) -> None:
    made = FileKey.make(tmp_path / "k")
    assert FileKey.read(tmp_path / "k", b"anything").public == made.public


def test_locked_keys(tmp_path: Path) -> None:
    FileKey.make(tmp_path / "k", b"right")
    assert code(tmp_path / "k") == "key_locked"
    assert code(tmp_path / "k", b"wrong") == "key_passphrase_wrong"
    with pytest.raises(Fault) as refused:
        FileKey.make(tmp_path / "other", b"")
    assert refused.value.code == "key_passphrase_empty" and not (tmp_path / "other").exists()


@keygen
def test_what_ssh_keygen_makes(tmp_path: Path) -> None:
    public = generate(tmp_path / "k")
    assert FileKey.read(tmp_path / "k").public == public
    told = subprocess.run(
        ["ssh-keygen", "-y", "-f", tmp_path / "k"], check=True, capture_output=True, text=True
    )
    assert parse_line(told.stdout)[0] == public


@keygen
def test_ssh_keygen_reads_what_we_make(tmp_path: Path) -> None:
    made = FileKey.make(tmp_path / "k")
    told = subprocess.run(
        ["ssh-keygen", "-y", "-f", tmp_path / "k"], check=True, capture_output=True, text=True
    )
    assert parse_line(told.stdout)[0] == made.public


@keygen
def test_what_ssh_keygen_locked(tmp_path: Path) -> None:
    public = generate(tmp_path / "k", "correct horse")
    assert code(tmp_path / "k") in ("key_locked", "key_unsupported")
    try:
        assert FileKey.read(tmp_path / "k", b"correct horse").public == public
    except Fault as fault:  # without the package `bcrypt` it cannot be opened, and the fault says what to do
        assert fault.code == "key_unsupported" and "ssh-add" in fault.remedy


def test_what_is_no_key(tmp_path: Path) -> None:
    path = tmp_path / "k"
    assert code(path) == "key_missing"
    for content in (
        b"",
        b"garbage",
        b"-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----\n",
        b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
        b"x" * 100_000,
    ):
        path.write_bytes(content)
        path.chmod(0o600)
        # A file cut short may look locked: it is refused either way.
        assert code(path) in ("key_invalid", "key_locked"), content[:40]
    path.unlink()
    path.mkdir(mode=0o700)
    assert code(path) == "key_unreadable"


def test_another_type(tmp_path: Path) -> None:
    path = tmp_path / "k"
    path.touch(0o600)
    path.write_bytes(
        generate_private_key(65537, 2048).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    )
    assert code(path) == "key_not_ed25519"


@pytest.mark.parametrize("mode", [0o604, 0o602, 0o601])
def test_a_key_others_may_use(tmp_path: Path, mode: int) -> None:
    FileKey.make(tmp_path / "k")
    (tmp_path / "k").chmod(mode)
    assert code(tmp_path / "k") == "key_exposed"


def test_a_folder_that_cannot_be(tmp_path: Path) -> None:
    with pytest.raises(Fault) as refused:
        FileKey.make(tmp_path / "nowhere" / "k")
    assert refused.value.code == "key_unwritable"

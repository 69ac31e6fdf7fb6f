"""Objects: a folder and an S3-compatible store keep what they are given, or say what is wrong."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from rambarde.nouns.fault import Fault
from rambarde.store.objects import Bucket, Folder, Objects, open_objects
from tests.bucket import Server, s3

NAME = "0123456789abcdef0123456789abcdef"


@pytest.fixture
def server() -> Iterator[Server]:
    with s3() as running:
        yield running


def keeps(objects: Objects) -> None:
    """The contract of a place for objects."""
    with pytest.raises(Fault) as missing:
        objects.get(NAME)
    assert missing.value.code == "vault_missing"
    objects.delete(NAME)
    for data in (b"begun", b"sealed bytes" * 1000, b""):
        objects.put(NAME, data)
        assert objects.get(NAME) == data
    objects.delete(NAME)
    objects.delete(NAME)
    with pytest.raises(Fault):
        objects.get(NAME)
    for odd in ("../../../../etc/passwd-and-more", "", "a/b", NAME + "\n", "." + NAME):
        with pytest.raises(ValueError):
            objects.put(odd, b"x")


def test_a_folder_keeps(tmp_path: Path) -> None:
    keeps(Folder(tmp_path / "evidence"))
    objects = Folder(tmp_path / "evidence")
    objects.put(NAME, b"x")
    files = [path for path in (tmp_path / "evidence").rglob("*") if path.is_file()]
    assert [path.stat().st_mode & 0o777 for path in files] == [0o600]


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "evidence").write_text("a file stands where the folder should be")
    with pytest.raises(Fault) as fault:
        Folder(tmp_path / "evidence").put(NAME, b"x")
    assert fault.value.code == "vault_unwritable"


def test_a_bucket_keeps(server: Server) -> None:
    keeps(server.bucket())
    assert any(asked == f"PUT /evidence/kept/{NAME}" for asked in server.asked)


def test_a_bucket_that_fails_by_chance_is_asked_again(server: Server) -> None:
    server.faults = {"PUT": ["503"], "GET": ["503"]}
    bucket = server.bucket()
    bucket.put(NAME, b"bytes")
    assert bucket.get(NAME) == b"bytes"


@pytest.mark.parametrize(
    ("method", "fault", "code"),
    [
        ("PUT", "503", "vault_unreachable"),
        ("PUT", "half", "vault_cut"),
        ("PUT", "403", "vault_refused"),
        ("GET", "503", "vault_unreachable"),
        ("GET", "half", "vault_unreachable"),
        ("GET", "403", "vault_refused"),
        ("POST", "503", "vault_unreachable"),
    ],
)
def test_a_bucket_that_keeps_failing_is_a_typed_fault(
    server: Server, method: str, fault: str, code: str
) -> None:
    bucket = server.bucket(retries=1)
    bucket.put(NAME, b"bytes" * 100)
    server.always(method, fault)
    with pytest.raises(Fault) as raised:
        {"PUT": lambda: bucket.put(NAME, b"x" * 100), "GET": lambda: bucket.get(NAME)}.get(
            method, lambda: bucket.delete(NAME)
        )()
    assert raised.value.code == code
    assert server.url not in str(raised.value)


@pytest.mark.slow
def test_a_slow_bucket_is_not_waited_for_without_end(server: Server) -> None:
    bucket = server.bucket(seconds=0.3, retries=1)
    server.always("GET", "slow")
    start = time.monotonic()
    with pytest.raises(Fault) as fault:
        bucket.get(NAME)
    assert fault.value.code == "vault_unreachable" and time.monotonic() - start < 10


def test_where_evidence_lies(tmp_path: Path) -> None:
    objects = open_objects("", tmp_path)
    objects.put(NAME, b"x")
    assert (tmp_path / "evidence" / NAME[:2] / NAME).read_bytes() == b"x"
    for odd in ("ftp://host/x", "s3://"):
        with pytest.raises(Fault) as fault:
            open_objects(odd, tmp_path)
        assert fault.value.code == "vault_place"


@pytest.mark.slow
def test_another_s3_server_agrees(tmp_path: Path) -> None:
    """moto's server, which knows nothing of us: signatures, paths and answers as S3 clients expect them."""
    pytest.importorskip("moto.server")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=os.environ | {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "secret"},
    )
    try:
        url = f"http://127.0.0.1:{port}"
        for _ in range(300):
            try:
                made = urllib.request.Request(f"{url}/evidence", method="PUT")
                urllib.request.urlopen(made, timeout=5).close()
                break
            except OSError:
                time.sleep(0.1)
        keeps(
            Bucket.open(
                "s3://evidence/kept",
                endpoint=url,
                access_key_id="key",
                secret_access_key="secret",
                region="us-east-1",
                client_options={"allow_http": True},
            )
        )
    finally:
        process.terminate()
        process.wait()

"""A time-stamp authority: asked where one is configured; without its answer nothing is signed."""

from __future__ import annotations

import asyncio
import datetime as dt
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from rambarde.nouns.fault import Fault
from rambarde.prove.manifest.reading import State
from tests.prove.manifest.conftest import NOW, Bench, disclosed, picture

Answer = Callable[[bytes], tuple[int, bytes]]


@contextmanager
def authority(answer: Answer) -> Iterator[str]:
    """A server that answers time-stamp queries."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            status, body = answer(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(status)
            self.send_header("Content-Type", "application/timestamp-reply")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/"
    finally:
        server.shutdown()
        server.server_close()


def stamping(folder: Path, *, fit: bool = True) -> Answer:
    """Answers as RFC 3161 says, with OpenSSL and a certificate of its own; one that is not `fit` is no clock's."""
    root_key, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    root = (
        _begun("Clocks", root_key)
        .add_extension(x509.BasicConstraints(True, 0), True)
        .add_extension(x509.KeyUsage(False, False, False, False, False, True, True, False, False), True)
        .sign(root_key, hashes.SHA256())
    )
    certificate = (
        _begun("Clock", key)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING]), True)
        .add_extension(x509.BasicConstraints(not fit, None), True)
        .add_extension(x509.KeyUsage(True, False, False, False, False, False, False, False, False), True)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(root_key.public_key()), False)
        .sign(root_key, hashes.SHA256())
    )
    pem = [one.public_bytes(serialization.Encoding.PEM) for one in (certificate, root)]
    (folder / "tsa.pem").write_bytes(pem[0])
    (folder / "chain.pem").write_bytes(b"".join(pem))
    (folder / "tsa.key").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    (folder / "tsa.cnf").write_text(
        "[tsa]\ndefault_tsa=t\n[t]\nserial=serial\ndefault_policy=1.2.3.4\ndigests=sha256,sha384,sha512\n"
        "signer_digest=sha256\nsigner_cert=tsa.pem\ncerts=chain.pem\nsigner_key=tsa.key\naccuracy=secs:1\n"
    )

    def answer(query: bytes) -> tuple[int, bytes]:
        (folder / "query").write_bytes(query)
        command = "openssl ts -reply -config tsa.cnf -queryfile query -out reply"
        subprocess.run(command.split(), cwd=folder, check=True, capture_output=True)
        return 200, (folder / "reply").read_bytes()

    return answer


def _begun(subject: str, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, subject)]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Clocks")]))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW - dt.timedelta(days=1))
        .not_valid_after(NOW + dt.timedelta(days=1))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False)
    )


def code(bench: Bench) -> str:
    with pytest.raises(Fault) as raised:
        asyncio.run(bench.sealer.sign(picture("png"), "image/png", disclosed()))
    return raised.value.code


@pytest.mark.skipif(not shutil.which("openssl"), reason="openssl answers the queries")
def test_the_time_of_signing_is_stamped(bench_of: Callable[..., Bench], tmp_path: Path) -> None:
    with authority(stamping(tmp_path)) as url:
        bench = bench_of(authority=url)
        data = bench.seal(picture("png"), "png")
    found = bench.read(data, "png")
    assert found.state is State.TRUSTED, found.failures
    assert found.signed_at is not None and found.signed_at[:4] == f"{dt.datetime.now(dt.UTC):%Y}"


@pytest.mark.skipif(not shutil.which("openssl"), reason="openssl answers the queries")
def test_a_stamp_that_readers_refuse_stops_signing(bench_of: Callable[..., Bench], tmp_path: Path) -> None:
    with authority(stamping(tmp_path, fit=False)) as url:
        assert code(bench_of(authority=url)) == "seal_timestamp_invalid"


def test_an_authority_that_fails_stops_signing(bench_of: Callable[..., Bench]) -> None:
    with authority(lambda _: (503, b"")) as url:
        assert code(bench_of(authority=url)) == "seal_failed"
    with authority(lambda _: (200, b"no reply")) as url:
        assert code(bench_of(authority=url)) == "seal_failed"
    assert code(bench_of(authority=url)) == "seal_failed", "nobody listens"


def test_a_slow_authority_stops_signing_in_time(bench_of: Callable[..., Bench]) -> None:
    def slow(_: bytes) -> tuple[int, bytes]:
        time.sleep(1.5)
        return 503, b""

    with authority(slow) as url:
        bench = bench_of(authority=url, deadline=0.3)
        start = time.monotonic()
        assert code(bench) == "seal_timeout"
        assert time.monotonic() - start < 2.5

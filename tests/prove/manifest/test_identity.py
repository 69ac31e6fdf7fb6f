"""Keys and certificates that must not sign, and rotation while in use."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from rambarde.nouns.fault import Fault
from rambarde.prove.manifest.authority import make_chain
from rambarde.prove.manifest.identity import IdentityFiles, identity_of, read_identity
from rambarde.prove.manifest.profile import CLAIM_SIGNING, EMAIL
from rambarde.prove.manifest.reading import State, read
from tests.prove.manifest.conftest import NOW, Bench, chain, disclosed, picture

Issue = Callable[[x509.CertificateBuilder], x509.CertificateBuilder]
PEM = serialization.Encoding.PEM


def split(bundle: bytes) -> tuple[bytes, bytes]:
    """Key and certificates of a bundle."""
    at = bundle.index(b"-----BEGIN CERTIFICATE")
    return bundle[:at], bundle[at:]


def signing(bench: Bench) -> str:
    """The code of the fault that signing raises, or "signed"."""
    try:
        asyncio.run(bench.sealer.sign(picture("png"), "image/png", disclosed()))
    except Fault as fault:
        assert fault.remedy and "PRIVATE" not in str(fault)
        return fault.code
    return "signed"


@pytest.mark.parametrize(
    ("days", "age", "code"),
    [
        (30, 31, "seal_certificate_expired"),
        (30, -1, "seal_certificate_early"),
        (30, 1, "signed"),
    ],
    ids=["expired yesterday", "valid from tomorrow", "valid"],
)
def test_the_clock(bench_of: Callable[..., Bench], days: int, age: int, code: str) -> None:
    bench = bench_of(made=make_chain("x", NOW - dt.timedelta(days=age), life=dt.timedelta(days=days)))
    assert signing(bench) == code
    try:
        bench.sealer.check()
    except Fault as fault:
        assert fault.code == code


def test_a_certificate_that_expires_while_in_use_stops_signing(bench: Bench) -> None:
    assert signing(bench) == "signed"
    bench.now = NOW + dt.timedelta(days=28, hours=23)
    assert signing(bench) == "signed"
    bench.now = NOW + dt.timedelta(days=29, seconds=1)
    assert signing(bench) == "seal_certificate_expired"


def test_rotation_half_way_stops_signing_and_the_other_half_resumes_it(bench: Bench) -> None:
    assert signing(bench) == "signed"
    new = make_chain("New", NOW)
    old_key, _ = split(bench.made.bundle)
    new_key, new_chain = split(new.bundle)
    bench.place(old_key + new_chain)
    assert signing(bench) == signing(bench) == "seal_key_mismatch"
    (bench.folder / "chain.pem").unlink()
    assert signing(bench) == "seal_unreadable"
    bench.place(new_key + new_chain)
    signed = bench.sealer.sign_now(picture("png"), "image/png", disclosed())
    assert read(signed.data, "image/png", (new.root,)).state is State.TRUSTED
    assert bench.read(signed.data, "png").state is State.VALID, (
        "the old root does not vouch for the new chain"
    )


def test_chain_and_key_in_two_files(tmp_path: Path) -> None:
    key, certificates = split(chain().bundle)
    for name, data in (("key.pem", key), ("chain.pem", certificates)):
        (tmp_path / name).write_bytes(data)
        (tmp_path / name).chmod(0o600)
    files = IdentityFiles(tmp_path / "chain.pem", tmp_path / "key.pem")
    assert files.current() is files.current()
    (tmp_path / "key.pem").chmod(0o644)
    with pytest.raises(Fault) as raised:
        files.current()
    assert raised.value.code == "seal_key_exposed"
    (tmp_path / "key.pem").chmod(0o600)
    (tmp_path / "key.pem").write_bytes(split(make_chain("Other", NOW).bundle)[0])
    with pytest.raises(Fault) as raised:
        files.current()
    assert raised.value.code == "seal_key_mismatch"


def code_of(certificates: bytes, key: bytes) -> str:
    with pytest.raises(Fault) as raised:
        identity_of(certificates, key)
    return raised.value.code


def test_files_that_are_no_identity(tmp_path: Path) -> None:
    key, certificates = split(chain().bundle)
    leaf, root = (b"-----BEGIN C" + part for part in certificates.split(b"-----BEGIN C")[1:])
    other_key, other = split(make_chain("Other", NOW).bundle)
    assert code_of(b"", key) == "seal_certificate_invalid"
    assert code_of(certificates[: len(certificates) // 3], key) == "seal_certificate_invalid"
    assert code_of(certificates, b"") == "seal_key_invalid"
    assert code_of(certificates, key[:100]) == "seal_key_invalid"
    assert code_of(certificates, other_key) == "seal_key_mismatch"
    assert code_of(root + leaf, key) == "seal_certificate_unfit"
    assert code_of(leaf + other[other.rindex(b"-----BEGIN C") :], key) == "seal_chain_broken"
    private = serialization.load_pem_private_key(key, None)
    locked = private.private_bytes(
        PEM, serialization.PrivateFormat.PKCS8, serialization.BestAvailableEncryption(b"pass")
    )
    assert code_of(certificates, locked) == "seal_key_invalid"
    with pytest.raises(Fault) as raised:
        read_identity(tmp_path / "none.pem", tmp_path / "none.pem")
    assert raised.value.code == "seal_unreadable"


def issued(change: Issue, key: object = None) -> tuple[bytes, bytes]:
    """Key and chain of a leaf that the test shapes, under a root of its own."""
    root_key = ec.generate_private_key(ec.SECP256R1())
    key = key or ec.generate_private_key(ec.SECP256R1())
    name = lambda text: x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])  # noqa: E731

    def begun(subject: str, public: object) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(name(subject))
            .issuer_name(name("Root"))
            .public_key(public)  # type: ignore[arg-type]
            .serial_number(x509.random_serial_number())
            .not_valid_before(NOW - dt.timedelta(days=1))
            .not_valid_after(NOW + dt.timedelta(days=1))
        )

    root = begun("Root", root_key.public_key()).add_extension(x509.BasicConstraints(True, 0), True)
    leaf = change(begun("Leaf", key.public_key()))  # type: ignore[attr-defined]
    certificates = [leaf.sign(root_key, hashes.SHA256()), root.sign(root_key, hashes.SHA256())]
    secret = key.private_bytes(  # type: ignore[attr-defined]
        PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return secret, b"".join(c.public_bytes(PEM) for c in certificates)


def usage(sign: bool = True, certify: bool = False) -> x509.KeyUsage:
    return x509.KeyUsage(sign, False, False, False, False, certify, False, False, False)


def extended(*uses: x509.ObjectIdentifier) -> x509.ExtendedKeyUsage:
    return x509.ExtendedKeyUsage(uses or [CLAIM_SIGNING, EMAIL])


def shaped(
    use: x509.KeyUsage | None = None, purpose: x509.ExtendedKeyUsage | None = None, *, ca: bool = False
) -> Issue:
    issuer = ec.generate_private_key(ec.SECP256R1()).public_key()

    def change(builder: x509.CertificateBuilder) -> x509.CertificateBuilder:
        return (
            builder.add_extension(use or usage(), True)
            .add_extension(purpose or extended(), False)
            .add_extension(x509.BasicConstraints(ca, None), True)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer), False)
        )

    return change


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (shaped(usage(sign=False)), "digitalSignature"),
        (shaped(usage(certify=True)), "keyCertSign"),
        (shaped(ca=True), "authority"),
        (shaped(purpose=extended(ExtendedKeyUsageOID.SERVER_AUTH)), "extended key usage"),
        (shaped(purpose=extended(EMAIL, ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE)), "any"),
        (lambda builder: builder.add_extension(usage(), True), "extended key usage"),
        (
            lambda builder: builder.add_extension(usage(), True).add_extension(extended(), False),
            "authority key identifier",
        ),
    ],
)
def test_certificates_that_readers_would_refuse(change: Issue, words: str) -> None:
    secret, certificates = issued(change)
    with pytest.raises(Fault) as raised:
        identity_of(certificates, secret)
    assert raised.value.code == "seal_certificate_unfit" and words in raised.value.message


@pytest.mark.parametrize(
    "key", [rsa.generate_private_key(65537, 1024), ec.generate_private_key(ec.SECP256K1())]
)
def test_keys_that_c2pa_does_not_allow(key: object) -> None:
    secret, certificates = issued(shaped(), key)
    with pytest.raises(Fault, match="kind that C2PA does not allow"):
        identity_of(certificates, secret)


@pytest.mark.parametrize(
    ("key", "algorithm"),
    [
        (ec.generate_private_key(ec.SECP384R1()), "es384"),
        (ec.generate_private_key(ec.SECP521R1()), "es512"),
        (rsa.generate_private_key(65537, 2048), "ps256"),
        (ed25519.Ed25519PrivateKey.generate(), "ed25519"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_every_kind_of_key_signs(bench: Bench, key: object, algorithm: str) -> None:
    secret, certificates = issued(shaped(), key)
    assert identity_of(certificates, secret).algorithm == algorithm
    bench.place(secret + certificates)
    data = bench.seal(picture("png"), "png")
    root = certificates[certificates.rindex(b"-----BEGIN C") :]
    assert read(data, "image/png", (root,)).state is State.TRUSTED


def test_the_chain_that_we_make() -> None:
    made = chain()
    identity = identity_of(split(made.bundle)[1], split(made.bundle)[0])
    leaf, root = identity.chain
    leaf.verify_directly_issued_by(root)
    root.verify_directly_issued_by(root)
    assert identity.self_made and identity.roots == (root,)
    assert identity.sent() == leaf.public_bytes(PEM) and made.root == root.public_bytes(PEM)
    assert set(leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value) == {CLAIM_SIGNING, EMAIL}
    assert b"PRIVATE" not in made.root
    assert "key=" not in repr(identity) and not replace(identity, chain=(leaf,)).roots

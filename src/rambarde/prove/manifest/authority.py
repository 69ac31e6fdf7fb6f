"""The authority: a certificate chain of one's own, root and leaf, which validates and which nobody else trusts."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from rambarde.prove.manifest.profile import CLAIM_SIGNING, EMAIL

LIFE = timedelta(days=365)
_SKEW = timedelta(hours=1)
"""Valid a little before it was made: clocks differ."""


@dataclass(frozen=True, slots=True)
class Made:
    """A chain in PEM: `bundle` is the leaf's key, the leaf and the root (secret), `root` the root alone (public)."""

    bundle: bytes
    root: bytes


def make_chain(organisation: str, now: datetime, *, life: timedelta = LIFE) -> Made:
    """A root and a leaf on P-256, after the C2PA profile of claim signing (C2PA 2.2, 14.5.1).

    The root's key is thrown away at once: it signs this one leaf, and nothing afterwards. `organisation` is
    what readers show as the signer (1 to 64 characters, X.520). Raises `ValueError` for another length.
    """
    root_key, leaf_key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    issuer = _name(organisation, "Rambarde root (self-signed)")
    start, end = now - _SKEW, now + life
    root_id = x509.SubjectKeyIdentifier.from_public_key(root_key.public_key())
    root = (
        _begun(issuer, issuer, root_key.public_key(), start, end)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(key_cert_sign=True, crl_sign=True), critical=True)
        .add_extension(root_id, critical=False)
        .sign(root_key, hashes.SHA256())
    )
    leaf = (
        _begun(_name(organisation, "Rambarde seal (self-signed)"), issuer, leaf_key.public_key(), start, end)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(digital_signature=True), critical=True)
        # The second is what readers of before C2PA 2.2 know.
        .add_extension(x509.ExtendedKeyUsage([CLAIM_SIGNING, EMAIL]), critical=False)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(leaf_key.public_key()), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(root_id), critical=False
        )
        .sign(root_key, hashes.SHA256())
    )
    key = leaf_key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    public = root.public_bytes(serialization.Encoding.PEM)
    return Made(key + leaf.public_bytes(serialization.Encoding.PEM) + public, public)


def _name(organisation: str, common: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, organisation),
            x509.NameAttribute(NameOID.COMMON_NAME, common),
        ]
    )


def _begun(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, start: datetime, end: datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(end)
    )


def _usage(
    *, digital_signature: bool = False, key_cert_sign: bool = False, crl_sign: bool = False
) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=digital_signature,
        key_cert_sign=key_cert_sign,
        crl_sign=crl_sign,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )

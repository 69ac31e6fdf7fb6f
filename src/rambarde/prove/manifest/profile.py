"""The profile: what a certificate must be so that readers accept what it signs (C2PA 2.2, 14.5.1)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeVar

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, ObjectIdentifier

CLAIM_SIGNING = ObjectIdentifier("1.3.6.1.4.1.62558.2.1")
"""c2pa-kp-claimSigning."""
EMAIL = ExtendedKeyUsageOID.EMAIL_PROTECTION
DOCUMENTS = ObjectIdentifier("1.3.6.1.5.5.7.3.36")
_FIT = frozenset({CLAIM_SIGNING, EMAIL, DOCUMENTS})
_LEAST_RSA = 2048
_Extension = TypeVar("_Extension", bound=x509.ExtensionType)
_CURVES = {"secp256r1": "es256", "secp384r1": "es384", "secp521r1": "es512"}


def algorithm(key: object) -> str | None:
    """The COSE algorithm that C2PA signs with under such a key, private or public; None for one it does not allow."""
    if isinstance(key, ec.EllipticCurvePrivateKey | ec.EllipticCurvePublicKey):
        return _CURVES.get(key.curve.name)
    if isinstance(key, rsa.RSAPrivateKey | rsa.RSAPublicKey):
        return "ps256" if key.key_size >= _LEAST_RSA else None
    if isinstance(key, ed25519.Ed25519PrivateKey | ed25519.Ed25519PublicKey):
        return "ed25519"
    return None


def unfit(leaf: x509.Certificate) -> str | None:
    """The first thing for which readers would refuse the signer's certificate, in words; None if it is fit."""
    return next(_faults(leaf), None)


def _faults(leaf: x509.Certificate) -> Iterator[str]:
    if leaf.version is not x509.Version.v3:
        yield "it is not of version 3"
    if algorithm(leaf.public_key()) is None:
        yield "its key is of a kind that C2PA does not allow"
    if leaf.subject == leaf.issuer:
        yield "it signed itself; C2PA wants a root above it"
    basic = _extension(leaf, x509.BasicConstraints)
    if basic is not None and basic.ca:
        yield "it is a certificate authority's"
    usage = _extension(leaf, x509.KeyUsage)
    if usage is None or not usage.digital_signature:
        yield "its key usage does not say digitalSignature"
    elif usage.key_cert_sign:
        yield "its key usage says keyCertSign"
    extended = _extension(leaf, x509.ExtendedKeyUsage)
    if extended is None or not _FIT & set(extended):
        yield "its extended key usage names neither claim signing nor email protection nor document signing"
    elif ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE in set(extended):
        yield "its extended key usage is any"
    if _extension(leaf, x509.AuthorityKeyIdentifier) is None:
        yield "it lacks the authority key identifier"


def _extension(leaf: x509.Certificate, kind: type[_Extension]) -> _Extension | None:
    try:
        return leaf.extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None

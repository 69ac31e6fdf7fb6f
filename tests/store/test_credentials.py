"""Credentials: made, recognised, revoked; and what does not authenticate."""

from __future__ import annotations

import pytest
import sqlalchemy as sa
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rambarde.nouns.fault import Fault
from rambarde.store.cipher import Cipher
from rambarde.store.credentials import Credentials
from rambarde.store.database import Database
from rambarde.store.schema import credentials as table


def _pem(key: ed25519.Ed25519PublicKey | ec.EllipticCurvePublicKey) -> str:
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()


@pytest.fixture
def credentials(database: Database, cipher: Cipher) -> Credentials:
    return Credentials(database, cipher)


def test_a_key_gives_back_its_credential(credentials: Credentials) -> None:
    pem = _pem(ed25519.Ed25519PrivateKey.generate().public_key())
    new = credentials.create(
        "reply", ["standard", "spicy", "standard"], label="bot", rate_per_minute=60, operator_key=pem
    )
    found = credentials.authenticate(new.key)
    assert found == new.credential
    assert found is not None
    assert (found.surface, found.modes, found.label, found.rate_per_minute) == (
        "reply",
        ("standard", "spicy"),
        "bot",
        60,
    )
    assert found.operator_key == pem
    assert new.key.startswith(f"rmb_{found.id}_")
    assert "_" not in found.id
    assert len(found.context_secret) == 43
    assert credentials.get(found.id) == found


def test_neither_key_nor_secret_is_stored_or_shown(credentials: Credentials, database: Database) -> None:
    new = credentials.create("web")
    secret = new.key.rsplit("_", 1)[-1] if new.key.count("_") == 2 else new.key.split("_", 2)[2]
    with database.reading() as connection:
        row = connection.execute(sa.select(table)).one()
    assert not any(secret in str(v) or secret.encode() in bytes(str(v), "utf8") for v in row)
    assert not any(new.credential.context_secret in str(value) for value in row)
    assert new.key not in repr(new)
    assert new.credential.context_secret not in repr(new)


def test_wrong_keys_look_alike(credentials: Credentials) -> None:
    new = credentials.create("web")
    other = credentials.create("app")
    id, secret = new.credential.id, new.key.split("_", 2)[2]
    for key in (
        "",
        "rmb_",
        "rmb__",
        new.key + "x",
        new.key[:-1],
        new.key.upper(),
        f"rmb_{id}_",
        f"rmb_{id}",
        f"rmb_{other.credential.id}_{secret}",
        f"rmb_unknown_{secret}",
        f"{id}_{secret}",
        f" {new.key}",
        new.key + "\0",
        new.key + "\ud800",
        "rmb_" + "é" * 50,
        "rmb_" + "x" * 10_000,
    ):
        assert credentials.authenticate(key) is None, key


def test_revoked_from_the_next_moment(credentials: Credentials) -> None:
    new, kept = credentials.create("web"), credentials.create("app")
    assert credentials.revoke(new.credential.id)
    assert not credentials.revoke(new.credential.id)
    assert not credentials.revoke("nobody")
    assert credentials.authenticate(new.key) is None
    assert credentials.authenticate(kept.key) is not None
    assert [c.id for c in credentials.list()] == [kept.credential.id]
    assert {c.id for c in credentials.list(revoked=True)} == {kept.credential.id, new.credential.id}
    revoked = credentials.get(new.credential.id)
    assert revoked is not None and revoked.revoked_at is not None


def test_unknown_ids_cost_the_same_comparison(
    credentials: Credentials, monkeypatch: pytest.MonkeyPatch
) -> None:
    from rambarde.store import credentials as module

    compared: list[tuple[int, int]] = []
    genuine = module.hmac.compare_digest

    def counted(a: bytes, b: bytes) -> bool:
        compared.append((len(a), len(b)))
        return bool(genuine(a, b))

    new = credentials.create("web")
    monkeypatch.setattr(module.hmac, "compare_digest", counted)
    for key in (new.key, new.key + "x", "rmb_unknown_secret", "nothing"):
        credentials.authenticate(key)
    assert compared == [(32, 32)] * 4


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ({"surface": ""}, "bad_name"),
        ({"surface": "we\nb"}, "bad_name"),
        ({"surface": "x" * 65}, "bad_name"),
        ({"surface": "web", "modes": []}, "no_modes"),
        ({"surface": "web", "modes": ["\u200b"]}, "bad_name"),
        ({"surface": "web", "label": "a\0b"}, "bad_name"),
        ({"surface": "web", "rate_per_minute": 0}, "bad_rate"),
        ({"surface": "web", "operator_key": "-----BEGIN nonsense"}, "bad_operator_key"),
        (
            {
                "surface": "web",
                "operator_key": _pem(ec.generate_private_key(ec.SECP256R1()).public_key()),
            },
            "bad_operator_key",
        ),
    ],
)
def test_what_cannot_be_a_credential(
    credentials: Credentials, arguments: dict[str, object], code: str
) -> None:
    with pytest.raises(Fault) as refused:
        credentials.create(**arguments)  # type: ignore[arg-type]
    assert refused.value.code == code
    assert credentials.list() == ()


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(max_size=200))
def test_no_text_crashes_authentication(credentials: Credentials, key: str) -> None:
    assert credentials.authenticate(key) is None
    assert credentials.authenticate(f"rmb_{key}") is None

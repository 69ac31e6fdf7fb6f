"""`rambarde keys`: made for a surface that the policy names, shown once, listed without secrets, revoked."""

from __future__ import annotations

import json
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from rambarde.interfaces.settings import Settings
from rambarde.interfaces.vault import Vault
from tests.interfaces.cli.conftest import Rambarde


def lines(output: str) -> list[dict[str, object]]:
    return [json.loads(line) for line in output.splitlines()]


def test_a_key_is_made_listed_and_revoked(rambarde: Rambarde, tmp_path: Path) -> None:
    made = json.loads(rambarde("keys", "create", "--surface", "web", "--data", "d", "--json").stdout)
    assert sorted(made) == ["context_secret", "id", "key", "modes", "surface"]
    assert (made["surface"], made["modes"]) == ("web", ["standard"])
    listed = rambarde("keys", "list", "--data", "d", "--json").stdout
    assert [one["id"] for one in lines(listed)] == [made["id"]]
    assert made["key"] not in listed and made["context_secret"] not in listed
    assert made["id"] in rambarde("keys", "list", "--data", "d").stdout.replace("\n", "")
    vault = Vault.open(Settings(data=str(tmp_path / "d")))
    assert vault.credentials.authenticate(made["key"]) is not None
    rambarde("keys", "revoke", made["id"], "--data", "d")
    assert vault.credentials.authenticate(made["key"]) is None
    vault.close()
    assert rambarde("keys", "list", "--data", "d", "--json").stdout == ""
    (gone,) = lines(rambarde("keys", "list", "--revoked", "--data", "d", "--json").stdout)
    assert gone["revoked_at"]


def test_the_words_of_a_key_for_people(rambarde: Rambarde) -> None:
    result = rambarde("keys", "create", "--surface", "api", "--label", "partner", "--rate", "5")
    assert "rmb_" in result.stdout and "context_secret" in result.stdout
    assert "not shown again" in result.stderr
    (listed,) = lines(rambarde("keys", "list", "--json").stdout)
    assert (listed["label"], listed["rate_per_minute"]) == ("partner", 5)


def test_only_what_the_policy_names(rambarde: Rambarde) -> None:
    refused = rambarde("keys", "create", "--surface", "billboard", fails="surface_unknown")
    assert "web" in str(refused.exception)
    rambarde("keys", "create", "--surface", "web", "--mode", "unheard-of", fails="mode_unknown")
    rambarde("keys", "create", "--surface", "web", "--rate", "0", fails="bad_rate")
    assert rambarde("keys", "list", "--json").stdout == ""


def test_an_operators_key_is_ed25519(rambarde: Rambarde, tmp_path: Path) -> None:
    public = Ed25519PrivateKey.generate().public_key()
    pem = public.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    (tmp_path / "operator.pem").write_bytes(pem)
    rambarde("keys", "create", "--surface", "web", "--operator-key", "operator.pem")
    (tmp_path / "other.pem").write_text("no key at all")
    rambarde("keys", "create", "--surface", "web", "--operator-key", "other.pem", fails="bad_operator_key")


def test_a_key_that_is_none_cannot_be_revoked(rambarde: Rambarde) -> None:
    rambarde("keys", "revoke", "cnone", fails="credential_unknown")

"""Signing policies: what one or two must sign, and what nobody can sign again."""

from __future__ import annotations

from dataclasses import replace

import pytest

from rambarde.guard.policy.signatures.change import FIRST, SignedChange
from rambarde.guard.policy.signatures.key import FileKey
from rambarde.interfaces.governance import papers
from tests.interfaces.cli.governed import ADA, BEN, CLEO, FILES, Town, loosened, tightened

pytestmark = pytest.mark.slow


def test_a_tightening_needs_one(governed: Town) -> None:
    policy = governed.policy(tightened(governed.read("policy.yaml")))
    told = governed.sign(policy, BEN).stdout
    assert "verdict: tightened" in told and "tightened: " in told and "must sign: one person" in told
    assert "complete" in told
    governed("adopt", policy)
    assert governed.changes()[-1]["verdict"] == "tightened"


def test_a_loosening_needs_two(governed: Town) -> None:
    policy = governed.policy(loosened(governed.read("policy.yaml")))
    told = governed.sign(policy, BEN).stdout
    assert "verdict: loosened" in told and "loosened: " in told and "Ada Lovelace" in told
    governed("adopt", policy, fails="signatures_missing")
    facts = governed.json("sign", policy, "--as", ADA, "--key", "ada.key", "--yes")
    assert facts["complete"] and facts["loosened"] and facts["need"] == {"signatures": 2, "accountable": True}
    assert [one["name"] for one in facts["signed"]] == [BEN, ADA]
    adopted = governed.json("adopt", policy)
    assert adopted["gateways"]["holding"] == [] and adopted["adopted"] == [policy]


@pytest.mark.slow
def test_what_is_told_is_told_alike_to_every_signer(governed: Town) -> None:
    """The regions are part of what is signed: another process must find the same ones."""
    policy = governed.policy(loosened(governed.read("policy.yaml")))
    first = governed.json("sign", policy, "--as", BEN, "--key", "ben.key", "--reason", "r", "--yes")
    path = governed.folder / "policy.yaml.change.json"
    signed = SignedChange.parse(path.read_bytes())
    assert list(signed.change.loosened) == first["loosened"]
    path.unlink()
    second = governed.json("sign", policy, "--as", BEN, "--key", "ben.key", "--reason", "r", "--yes")
    assert second["loosened"] == first["loosened"] and second["proof"] == first["proof"]


def test_the_first_signers_tool_cannot_tell_the_second_something_else(governed: Town) -> None:
    """A change that is signed as it stands, and tells of a harmless region where another one is loosened."""
    policy = governed.policy(loosened(governed.read("policy.yaml")))
    governed.sign(policy, BEN)
    path = governed.folder / "policy.yaml.change.json"
    honest = SignedChange.parse(path.read_bytes())
    ada, ben = (FileKey.read(governed.folder / FILES[name]) for name in (ADA, BEN))
    for lie in ({"loosened": ("a region nobody minds",)}, {"tightened": ("so much",)}, {"proof": FIRST}):
        change = replace(honest.change, **lie)
        alone = SignedChange(change).sign(ben, BEN, change.created_at)
        papers.write(path, alone)
        governed("sign", policy, "--as", ADA, "--key", "ada.key", "--yes", fails="change_misdeclared")
        papers.write(path, alone.sign(ada, ADA, change.created_at))  # and with a tool like the first one's
        governed("adopt", policy, fails="change_misdeclared")


@pytest.mark.slow
def test_a_stale_change_is_signed_anew(governed: Town) -> None:
    policy = governed.policy(loosened(governed.read("policy.yaml")))
    governed.sign(policy, ADA)
    other = governed.write("other.yaml", tightened(governed.read("policy.yaml").replace("0.6", "0.5", 1)))
    governed.adopted(other, BEN)
    governed("sign", policy, "--as", BEN, "--key", "ben.key", "--yes", fails="change_stale")
    (governed.folder / "policy.yaml.change.json").unlink()
    governed.sign(policy, ADA, BEN)
    governed("adopt", policy)


def test_an_old_policy_cannot_be_replayed(governed: Town) -> None:
    old = governed.read("policy.yaml"), governed.read("policy.yaml.change.json")
    assert "already" in governed("adopt", "policy.yaml").stdout
    governed.adopted(governed.policy(tightened(old[0])), ADA)
    governed.write("policy.yaml", old[0])
    governed.write("policy.yaml.change.json", old[1])
    governed("adopt", "policy.yaml", fails="change_unsigned")
    assert len(governed.changes()) == 4


def test_a_policy_that_breaks_an_invariant_is_not_signed(governed: Town) -> None:
    text = governed.read("policy.yaml")
    head = next(line for line in text.splitlines() if line.strip().startswith("head:"))
    broken = governed.policy(text.replace(head + "\n", "", 1))
    result = governed.rambarde(
        *("policy", "sign", broken, "--as", ADA, "--key", "ada.key", "--reason", "r", "--yes", "--data", "d"),
        status=1,
    )
    assert getattr(result.exception, "code", None) in ("policy_invalid", "policy_unproven")
    assert "head" in str(result.exception)


@pytest.mark.slow
def test_a_revoked_signer_signs_nothing_more(governed: Town) -> None:
    governed.keys(CLEO)
    text = governed("people", "--yaml").stdout
    text += f'- name: {CLEO}\n  roles: [accountable]\n  key: "{governed.line(CLEO)}"\n'
    governed.adopted(governed.write("people.yaml", text), ADA, BEN)
    policy = governed.policy(tightened(governed.read("policy.yaml")))
    governed.sign(policy, ADA)
    revoked = governed("people", "--yaml").stdout.replace(
        f"- name: {ADA}\n", f"- name: {ADA}\n  revoked: 2026-11-01\n"
    )
    told = governed.sign(governed.write("people.yaml", revoked), BEN).stdout
    assert "revoked: Ada Lovelace, never becomes" in told
    governed("adopt", "people.yaml")
    assert "MAY NOT SIGN NOW" in governed("people").stdout
    (governed.folder / "policy.yaml.change.json").unlink()
    governed.rambarde(
        *("policy", "sign", policy, "--as", ADA, "--key", "ada.key", "--reason", "r", "--yes", "--data", "d"),
        fails="signature_revoked",
    )
    governed.sign(policy, CLEO)
    governed("adopt", policy)

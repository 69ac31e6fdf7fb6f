"""Inclusion proofs: they hold offline, and nothing that was changed does."""

from __future__ import annotations

import json
from typing import Any

import pytest

from rambarde.nouns.fault import Fault
from rambarde.prove.note import Signer
from rambarde.prove.proofs import InclusionProof, prove_inclusion
from tests.prove.conftest import House


def _proof(house: House, number: int, **options: bool) -> dict[str, Any]:
    id = f"record-{number:06d}"
    made = prove_inclusion(house.folder, house.verifier, house.ledger, id, **options)
    document: dict[str, Any] = json.loads(json.dumps(made.as_json()))
    return document


@pytest.mark.parametrize("size", [1, 2, 255, 256, 257, 600])
def test_proofs_hold(house: House, size: int) -> None:
    house.add(size)
    for number in {0, size // 2, size - 1}:
        proof = InclusionProof.parse(_proof(house, number))
        assert proof.check(house.verifier) == size
        assert proof.index == number
        assert proof.body is None


def test_an_opened_proof_shows_the_record(house: House) -> None:
    (item,) = house.add(1)
    proof = InclusionProof.parse(_proof(house, 0, opened=True))
    assert (proof.body, proof.salt) == (item.body, item.salt)
    assert proof.check(house.verifier) == 1


def test_a_closed_proof_tells_nothing(house: House) -> None:
    house.add(1)
    assert "surface" not in json.dumps(_proof(house, 0))


@pytest.mark.parametrize(
    "change",
    [
        {"index": 4},
        {"kind": "policy"},
        {"path": []},
        {"checkpoint": "no checkpoint"},
        {"entry": "another"},
        {"opening": {"salt": "AAAA", "body": "{}"}},
        {"opening": {"salt": "A" * 43 + "=", "body": "{}"}},
    ],
)
def test_a_changed_proof_does_not_hold(house: House, change: dict[str, Any]) -> None:
    house.add(9)
    document = _proof(house, 3, opened=True) | change
    with pytest.raises(Fault) as refused:
        InclusionProof.parse(document).check(house.verifier)
    assert refused.value.code == "bad_proof"


@pytest.mark.parametrize("document", [{}, {"v": 2}, {"v": 1, "kind": "record"}, {"v": 1, "path": 3}])
def test_what_is_no_proof(document: dict[str, Any]) -> None:
    with pytest.raises(Fault) as refused:
        InclusionProof.parse(document)
    assert refused.value.code == "bad_proof"


def test_another_logs_key(house: House) -> None:
    house.add(2)
    with pytest.raises(Fault) as refused:
        InclusionProof.parse(_proof(house, 1)).check(Signer("other", bytes(32)).verifier)
    assert refused.value.code == "bad_proof"


def test_what_is_not_in_the_log(house: House) -> None:
    house.add(2)
    with pytest.raises(Fault) as refused:
        _proof(house, 7)
    assert refused.value.code == "not_logged"


def test_a_damaged_log_cannot_prove(house: House) -> None:
    house.add(300)
    path = house.folder / "tile/0/000"
    path.write_bytes(bytes(8192))
    with pytest.raises(Fault) as refused:
        _proof(house, 3)
    assert refused.value.code == "log_disagrees"

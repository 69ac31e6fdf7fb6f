"""A receipt holds offline, for keys alone, and for nothing that was changed in it."""

from __future__ import annotations

import base64
import copy
import json
from typing import Any

import pytest

from rambarde.nouns.fault import Fault
from rambarde.prove.cosigned import NO_WITNESS, submission
from rambarde.prove.note import Note, Signer
from rambarde.prove.receipt import OWN_KEY, Receipt, make_receipt
from rambarde.prove.tiles import TileFolder
from rambarde.prove.witness import Witness
from tests.prove import reader
from tests.prove.conftest import House, build

ID = "record-000007"


def receipt(house: House, id: str = ID, **how: Any) -> dict[str, Any]:
    made: dict[str, Any] = json.loads(
        json.dumps(make_receipt(house.folder, house.verifier, house.ledger, id, **how).as_json())
    )
    return made


def check(document: dict[str, Any], *args: Any, **how: Any) -> Any:
    return Receipt.parse(json.dumps(document).encode()).check(*args, **how)


def cosign(house: House, witness: Witness) -> str:
    note = (house.folder / "checkpoint").read_text()
    seen = witness.logs()[0][1]
    reply = witness.add_checkpoint(submission(TileFolder(house.folder), note, seen.size if seen else 0))
    assert reply.status == 200
    house.log.publisher.cosigned(note + reply.body)
    return reply.body


@pytest.mark.parametrize("size", [8, 256, 257, 700])
def test_it_holds_for_us_and_for_another_reader(house: House, size: int) -> None:
    house.add(size)
    made = receipt(house)
    found = check(made, house.verifier)
    assert (found.index, found.size, found.origin) == (7, size, house.verifier.name)
    assert found.said["id"] == ID and found.lines == ("policy sha256:ab",)
    assert found.notes == (NO_WITNESS,)
    proof = made["proof"]
    told, root = reader.checkpoint(proof["checkpoint"], str(house.verifier))
    path = [base64.b64decode(hash) for hash in proof["path"]]
    assert told == size and reader.root_from_path(proof["entry"].encode(), 7, size, path) == root
    salt = base64.b64decode(proof["opening"]["salt"])
    committed = reader.sha256(b"rambarde/record/1\0" + salt + proof["opening"]["body"].encode())
    assert json.loads(proof["entry"])["commitment"] == committed.hex()


def test_it_names_policy_floors_and_detectors(house: House) -> None:
    house.add(9)
    made = receipt(house)
    body = json.loads(made["proof"]["opening"]["body"])
    assert {name: made[name] for name in ("policy", "floors", "detectors")} == {
        name: body[name] for name in ("policy", "floors", "detectors")
    }
    for name in ("policy", "floors", "detectors"):
        with pytest.raises(Fault) as refused:
            check(made | {name: "sha256:other"}, house.verifier)
        assert refused.value.code == "bad_receipt"


def test_a_sealed_one_shows_only_that_it_is_there(house: House) -> None:
    house.add(9)
    made = receipt(house, opened=False)
    assert "opening" not in made["proof"] and "policy" not in made
    found = check(made, house.verifier)
    assert found.said is None and "sealed" in found.notes[-1]


def test_without_a_key_it_says_so(house: House) -> None:
    house.add(9)
    assert OWN_KEY in check(receipt(house)).notes


def _changes(made: dict[str, Any]) -> list[dict[str, Any]]:
    found = []
    for at in ("index", "entry", "path", "checkpoint", "salt", "body"):
        one = copy.deepcopy(made)
        proof, opening = one["proof"], one["proof"]["opening"]
        if at == "index":
            proof["index"] = 8
        elif at == "path":
            proof["path"] = proof["path"][1:]
        elif at in ("salt", "body"):
            opening[at] = ("A" if opening[at][5] != "A" else "B").join((opening[at][:5], opening[at][6:]))
        else:
            proof[at] = proof[at].replace("7", "8", 1) if "7" in proof[at] else proof[at].replace("1", "2", 1)
        found.append(one)
    return found


def test_what_was_changed_does_not_hold(house: House) -> None:
    house.add(300)
    for changed in _changes(receipt(house)):
        with pytest.raises(Fault) as refused:
            check(changed, house.verifier)
        assert refused.value.code in ("bad_receipt", "bad_proof")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b"[]",
        b"{}",
        b'{"receipt": 2}',
        b'{"receipt": 1}',
        b'{"receipt": 1, "proof": 3}',
        b"\xff" * 9,
        b"[" * 99_999,
    ],
)
def test_what_is_no_receipt(data: bytes) -> None:
    with pytest.raises(Fault) as refused:
        Receipt.parse(data)
    assert refused.value.code in ("bad_receipt", "bad_proof")


def test_another_key_does_not_hold(house: House) -> None:
    house.add(9)
    with pytest.raises(Fault) as refused:
        check(receipt(house), Signer(house.verifier.name, bytes(32)).verifier)
    assert refused.value.code == "bad_proof"


def test_witnesses(house: House, tmp_path_factory: pytest.TempPathFactory) -> None:
    """The receipt stands under what was cosigned, even if the log has grown; without, it says so."""
    house.add(100)
    made = [Witness.create(tmp_path_factory.mktemp("w"), f"witness-{number}") for number in range(2)]
    keys = [one.verifier for one in made]
    for one in made:
        one.trust(house.verifier)
    with pytest.raises(Fault) as refused:
        check(receipt(house), house.verifier, keys, at_least=1)
    assert refused.value.code == "not_witnessed"
    cosign(house, made[0])
    house.add(50)
    found = check(receipt(house), house.verifier, keys, at_least=1)
    assert (found.size, [one.witness for one in found.cosigned]) == (100, ["witness-0"])
    assert check(receipt(house, "record-000120"), house.verifier, keys).notes[0] == NO_WITNESS
    with pytest.raises(Fault):
        check(receipt(house), house.verifier, keys, at_least=2)
    found = check(receipt(house), house.verifier)
    assert found.notes[0] == NO_WITNESS and "witness-0" in found.notes[1]
    torn = receipt(house)
    lines = torn["proof"]["checkpoint"].rstrip("\n").split("\n")
    name, blob = lines[-1].split(" ")[1], base64.b64decode(lines[-1].split(" ")[2])
    later = blob[:4] + (2_000_000_000).to_bytes(8, "big") + blob[12:]
    lines[-1] = f"\u2014 {name} {base64.b64encode(later).decode()}"
    torn["proof"]["checkpoint"] = "\n".join(lines) + "\n"
    with pytest.raises(Fault) as refused:
        check(torn, house.verifier, keys)
    assert refused.value.code == "bad_receipt"


def test_a_record_that_is_not_published_yet(house: House) -> None:
    house.add(5)
    from tests.prove.conftest import commit_records

    house.log.append(commit_records(5, 5), publish=False)
    with pytest.raises(Fault) as refused:
        receipt(house)
    assert refused.value.code == "not_logged"
    house.log.publish()
    assert check(receipt(house), house.verifier).index == 7


def test_a_damaged_tile_gives_no_receipt(house: House) -> None:
    house.add(300)
    path = house.folder / "tile/0/000"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(Fault) as refused:
        receipt(house)
    assert refused.value.code == "log_disagrees"


def test_another_implementation_reads_the_whole_log(house: House) -> None:
    batch = [item for count in (1, 255, 1, 400) for item in house.add(count)]
    assert reader.read(house.folder, str(house.verifier)) == [item.entry for item in batch]
    assert len(Note.parse((house.folder / "checkpoint").read_text()).signatures) == 1


@pytest.mark.slow
def test_another_implementation_reads_three_levels(house: House) -> None:
    entries = [item.entry for item in house.add(66_000)]
    assert reader.read(house.folder, str(house.verifier)) == entries


def test_reader_refuses_what_we_refuse(house: House) -> None:
    house.add(300)
    path = house.folder / "tile/entries/000"
    path.write_bytes(path.read_bytes().replace(b'"v":1', b'"v":2', 1))
    with pytest.raises(AssertionError):
        reader.read(house.folder, str(house.verifier))
    other = build(house.data.parent / "other")
    with pytest.raises(AssertionError):
        reader.read(other.folder, str(house.verifier))
    other.close()

"""A package of somebody else's reads the log."""

from __future__ import annotations

import base64

import pytest

from rambarde.prove.cosigned import submission
from rambarde.prove.receipt import make_receipt
from rambarde.prove.tiles import TileFolder
from rambarde.prove.witness import Witness
from tests.prove.conftest import House

tlog = pytest.importorskip(
    "aics_tlog", reason="`make test` installs it: pip by itself keeps it from Python 3.11"
)


def test_checkpoint_cosignature_tiles_and_proof(
    house: House, tmp_path_factory: pytest.TempPathFactory
) -> None:
    house.add(700)
    witness = Witness.create(tmp_path_factory.mktemp("w") / "w", "witness.example.org")
    witness.trust(house.verifier)
    note = (house.folder / "checkpoint").read_text()
    house.log.publisher.cosigned(
        note + witness.add_checkpoint(submission(TileFolder(house.folder), note, 0)).body
    )
    theirs = tlog.parse_note((house.folder / "checkpoint").read_text())
    keys = [tlog.parse_vkey(str(key)) for key in (house.verifier, witness.verifier)]
    found = tlog.verify_checkpoint(theirs, keys[0], keys[1:], 1)
    assert found.ok and found.witnesses == ["witness.example.org"]
    tiles = tlog.FileSystemTileReader(house.folder)
    assert tlog.audit_tiles(tiles, found.size, found.root).size == 700
    proof = make_receipt(house.folder, house.verifier, house.ledger, "record-000123").as_json()["proof"]
    assert isinstance(proof, dict)
    path = [base64.b64decode(hash) for hash in proof["path"]]
    entry = str(proof["entry"]).encode()
    assert tlog.verify_leaf_inclusion(entry, proof["index"], found.size, path, found.root)
    assert not tlog.verify_leaf_inclusion(entry, proof["index"] + 1, found.size, path, found.root)
    bundle = house.folder / "tile/entries/000"
    bundle.write_bytes(bundle.read_bytes().replace(b'"v":1', b'"v":2', 1))
    with pytest.raises(tlog.TileVerificationError):
        tlog.audit_tiles(tiles, found.size, found.root)

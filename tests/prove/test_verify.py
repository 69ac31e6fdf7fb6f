"""Verifying: whatever was changed is found, named, and nothing else is blamed."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from rambarde.prove.key import open_signer
from rambarde.prove.log import Log
from rambarde.prove.note import Signer
from rambarde.prove.report import NO_WITNESS, SHOWN
from rambarde.prove.verify import verify_log
from rambarde.store.database import Database
from rambarde.store.ledger import Ledger
from tests.postgres import NewDatabase
from tests.prove.conftest import House, build

SIZE = 600


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A log of 600 entries, with two earlier checkpoints of its last partial tile."""
    data = tmp_path_factory.mktemp("verify") / "data"
    house = build(data)
    for count in (300, 250, 20, 30):
        house.add(count)
    house.close()
    return data


@pytest.fixture
def house(original: Path, tmp_path: Path) -> Iterator[House]:
    shutil.copytree(original, tmp_path / "data")
    house = build(tmp_path / "data")
    yield house
    house.close()


def _sql(house: House, *statements: str) -> None:
    with house.database.writing() as connection:
        for statement in statements:
            connection.execute(sa.text(statement))


def _flip(house: House, table: str, column: str, index: int, place: int) -> None:
    """Flip one bit of one byte of a row."""
    with house.database.writing() as connection:
        value = connection.scalar(sa.text(f"SELECT {column} FROM {table} WHERE seq = {index}"))
        data = bytearray(value if isinstance(value, bytes) else str(value).encode())
        data[place] ^= 1
        changed = bytes(data) if isinstance(value, bytes) else data.decode()
        connection.execute(
            sa.text(f"UPDATE {table} SET {column} = :value WHERE seq = :seq"),
            {"value": changed, "seq": index},
        )


def _found(house: House) -> list[tuple[str, int | None]]:
    report = house.verify()
    assert report.ok == (not report.findings)
    assert all(finding.message and finding.where for finding in report.findings)
    return [(finding.code, finding.index) for finding in report.findings]


def test_an_untouched_log(house: House) -> None:
    report = house.verify()
    assert report.ok
    assert (report.size, report.entries, report.documents) == (SIZE, SIZE, SIZE)
    assert report.notes == (NO_WITNESS,)
    assert report.as_json()["ok"] is True


def test_progress_is_told(house: House) -> None:
    told: list[tuple[int, int]] = []
    verify_log(house.folder, house.verifier, house.ledger, progress=lambda *at: told.append(at))
    assert told == [(256, SIZE), (512, SIZE), (SIZE, SIZE)]


@pytest.mark.parametrize("index", [0, 255, 256, 333, SIZE - 1])
@pytest.mark.parametrize(
    ("column", "place", "codes"),
    [
        ("body", 10, ["commitment_mismatch"]),
        ("body", -1, ["commitment_mismatch"]),
        ("salt", 0, ["commitment_mismatch"]),
        ("salt", 31, ["commitment_mismatch"]),
        ("commitment", 7, ["commitment_mismatch"]),
        ("kind", 0, ["commitment_mismatch"]),
        ("id", 3, ["columns_changed"]),
        ("entry", 20, ["entry_changed"]),
    ],
)
def test_a_flipped_byte_of_a_row(house: House, column: str, place: int, codes: list[str], index: int) -> None:
    _flip(house, "log_entries", column, index, place)
    assert _found(house) == [(code, index) for code in codes]


@pytest.mark.parametrize(
    "column", ["surface", "mode", "country", "credential", "route", "action", "ending", "policy"]
)
def test_a_flipped_byte_of_a_column(house: House, column: str) -> None:
    _flip(house, "records", column, 42, 0)
    assert _found(house) == [("columns_changed", 42)]
    assert column in house.verify().findings[0].message


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("UPDATE records SET received_at = received_at + 1 WHERE seq = 5", [("columns_changed", 5)]),
        ("UPDATE records SET received_at = 9000000000000000000 WHERE seq = 5", [("store_damaged", 5)]),
        ("UPDATE records SET fault = 'x' WHERE seq = 5", [("columns_changed", 5)]),
        ("UPDATE record_rules SET rule = 'b-rule' WHERE seq = 6", [("columns_changed", 6)]),
        ("DELETE FROM record_rules WHERE seq = 6", [("columns_changed", 6)]),
        ("INSERT INTO record_rules VALUES (5, 'x')", [("columns_changed", 5)]),
        ("DELETE FROM records WHERE seq = 5", [("columns_changed", 5)]),
        ("UPDATE log_entries SET body = 'text' WHERE seq = 5", [("store_damaged", 5)]),
        (
            "UPDATE log_head SET checkpoint = replace(checkpoint, '600', '601')",
            [("checkpoint_invalid", None)],
        ),
        ("DELETE FROM log_head", [("checkpoint_invalid", None)]),
        ("UPDATE instance SET value = 'x' WHERE name = 'log_key'", [("log_key_mismatch", None)]),
    ],
)
def test_a_changed_database(house: House, statement: str, expected: list[tuple[str, int | None]]) -> None:
    _sql(house, statement)
    assert _found(house) == expected


def _drop(house: House, index: int) -> None:
    _sql(house, *(f"DELETE FROM {t} WHERE seq = {index}" for t in ("record_rules", "records", "log_entries")))


@pytest.mark.parametrize("index", [0, 77, 256])
def test_a_dropped_row(house: House, index: int) -> None:
    _drop(house, index)
    assert _found(house) == [("entry_missing", index)]


def test_a_dropped_row_whose_gap_was_closed(house: House) -> None:
    """All that follow moved up by one: shown as far as findings go, and counted."""
    _sql(house, "PRAGMA defer_foreign_keys = ON", "DELETE FROM record_rules", "DELETE FROM records")
    _sql(house, "DELETE FROM log_entries WHERE seq = 100")
    _sql(house, "UPDATE log_entries SET seq = -seq WHERE seq > 100")
    _sql(house, "UPDATE log_entries SET seq = -seq - 1 WHERE seq < 0")
    report = house.verify()
    codes = {finding.code for finding in report.findings}
    assert {"database_truncated", "entry_missing", "entry_reordered"} <= codes
    moved = [finding for finding in report.findings if finding.code == "entry_reordered"]
    assert moved[0].message == "Entry 101 stands at 100."
    assert len(moved) == SHOWN
    assert report.folded["entry_reordered"] == SIZE - 101 - SHOWN


def test_two_rows_exchanged(house: House) -> None:
    _sql(
        house,
        "PRAGMA defer_foreign_keys = ON",
        "UPDATE log_entries SET seq = 100000 WHERE seq = 10",
        "UPDATE log_entries SET seq = 10 WHERE seq = 20",
        "UPDATE log_entries SET seq = 20 WHERE seq = 100000",
    )
    found = [entry for entry in _found(house) if entry[0] != "columns_changed"]
    assert found == [("entry_reordered", 10), ("entry_reordered", 20)]


def test_a_cut_tail_of_the_database(house: House) -> None:
    for index in (598, 599):
        _drop(house, index)
    assert _found(house) == [
        ("database_truncated", None),
        ("entry_missing", 598),
        ("entry_missing", 599),
    ]


def test_a_row_beyond_the_checkpoint(house: House) -> None:
    _sql(
        house,
        "INSERT INTO log_entries SELECT 600, kind, 'other', entry, body, salt, commitment "
        "FROM log_entries WHERE seq = 5",
    )
    assert ("database_overgrown", None) in _found(house)


FILES = {
    "tile/0/000": "tile_damaged",
    "tile/0/001": "tile_damaged",
    "tile/0/002.p/88": "tile_damaged",
    "tile/0/002.p/58": "tile_damaged",
    "tile/1/000.p/2": "tile_damaged",
    "tile/entries/000": "entries_damaged",
    "tile/entries/002.p/88": "entries_damaged",
    "tile/entries/002.p/38": "entries_damaged",
}


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def _empty(path: Path) -> None:
    path.write_bytes(b"")


def _bit(place: float) -> Callable[[Path], None]:
    def change(path: Path) -> None:
        data = bytearray(path.read_bytes())
        data[int(place * (len(data) - 1))] ^= 4
        path.write_bytes(bytes(data))

    return change


@pytest.mark.parametrize(
    "change",
    [_bit(0), _bit(0.5), _bit(1), _cut, _empty],
    ids=["first byte", "middle byte", "last byte", "cut", "empty"],
)
@pytest.mark.parametrize("path", FILES)
def test_a_changed_file(house: House, path: str, change: Callable[[Path], None]) -> None:
    assert (house.folder / path).exists()
    change(house.folder / path)
    report = house.verify()
    assert {finding.code for finding in report.findings} == {FILES[path]}
    assert {finding.where for finding in report.findings} == {path}


@pytest.mark.parametrize("path", [path for path in FILES if not path.endswith(("38", "58"))])
def test_a_missing_file(house: House, path: str) -> None:
    (house.folder / path).unlink()
    report = house.verify()
    assert [(f.code, f.where) for f in report.findings] == [
        ("entries_missing" if "entries" in path else "tile_missing", path)
    ]


def test_every_byte_of_the_checkpoint(house: House) -> None:
    path = house.folder / "checkpoint"
    genuine = path.read_bytes()
    for place in range(0, len(genuine), 7):
        path.write_bytes(genuine[:place] + bytes([genuine[place] ^ 1]) + genuine[place + 1 :])
        assert not verify_log(house.folder, house.verifier).ok
    path.write_bytes(b"\xff\xfe")
    assert [f.code for f in verify_log(house.folder, house.verifier).findings] == ["checkpoint_invalid"]
    path.unlink()
    assert ("checkpoint_missing", None) in _found(house)


def test_an_exchanged_pair_of_published_entries(house: House) -> None:
    path = house.folder / "tile/entries/000"
    entries = house.log.folder.bundle(0)
    a, b = path.read_bytes().index(entries[3]), path.read_bytes().index(entries[9])
    data = bytearray(path.read_bytes())
    data[a : a + len(entries[3])], data[b : b + len(entries[9])] = entries[9], entries[3]
    path.write_bytes(bytes(data))
    assert _found(house) == [("entries_damaged", 3), ("entries_damaged", 9)]


def test_the_whole_log_rewritten_with_another_key(house: House, tmp_path: Path) -> None:
    other = build(tmp_path / "other")
    other.add(5)
    report = verify_log(other.folder, house.verifier, other.ledger)
    assert {finding.code for finding in report.findings} >= {"checkpoint_invalid", "log_key_mismatch"}
    other.close()


def test_everything_changed_alike_is_a_wrong_root(house: House) -> None:
    """Row, bundle and tile agree on a forged entry, but nobody signed for it."""
    from rambarde.prove.merkle import leaf_hash

    entry = house.log.folder.bundle(2, 88)[-1]
    forged = entry.replace(b'"v":1', b'"v":2')
    _sql(house, f"UPDATE log_entries SET entry = X'{forged.hex()}' WHERE seq = 599")
    for path, old, new in (
        ("tile/entries/002.p/88", entry, forged),
        ("tile/0/002.p/88", leaf_hash(entry), leaf_hash(forged)),
    ):
        file = house.folder / path
        file.write_bytes(file.read_bytes().replace(old, new))
    codes = [finding.code for finding in house.verify().findings]
    assert codes == ["entry_changed", "root_mismatch", "root_mismatch"]


def test_only_the_published_folder(house: House) -> None:
    report = verify_log(house.folder, house.verifier)
    assert report.ok and report.documents == 0
    assert any("not the database" in note for note in report.notes)


def test_an_empty_folder(tmp_path: Path) -> None:
    report = verify_log(tmp_path, Signer("name", bytes(32)).verifier)
    assert [finding.code for finding in report.findings] == ["checkpoint_missing"]


def test_a_damaged_database_file(house: House) -> None:
    """Bytes changed in the file itself: found or harmless, and never a crash."""
    house.close()
    path = house.data / "rambarde.db"
    genuine = path.read_bytes()
    found = 0
    for place in range(8192, len(genuine), len(genuine) // 12):
        path.write_bytes(genuine[:place] + b"\xff" * 200 + genuine[place + 200 :])
        database = Database.open(house.data)
        found += not verify_log(house.folder, house.verifier, Ledger(database)).ok
        database.close()
    assert found >= 6


@pytest.mark.slow
def test_postgresql(new_postgres: NewDatabase, tmp_path: Path) -> None:
    house = build(tmp_path, new_postgres())
    house.add(300)
    assert house.verify().ok
    _flip(house, "log_entries", "body", 7, 100)
    _flip(house, "records", "surface", 8, 0)
    _drop(house, 9)
    assert sorted(_found(house)) == [
        ("columns_changed", 8),
        ("commitment_mismatch", 7),
        ("entry_missing", 9),
    ]
    house.close()


def test_a_growing_log_verifies(house: House) -> None:
    """While a gateway appends."""
    import threading

    going = threading.Event()
    other = Log.open(house.folder, open_signer(house.data), house.ledger)

    def grow() -> None:
        from tests.prove.conftest import commit_records

        for number in range(600, 720, 3):
            other.append(commit_records(number, 3))
            going.set()

    thread = threading.Thread(target=grow)
    thread.start()
    going.wait(5)
    while thread.is_alive():
        report = house.verify()
        assert report.ok, report
    thread.join()
    other.close()
    assert house.verify().size == 720

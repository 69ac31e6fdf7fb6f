"""Evidence: sealed with a key of its own, in the database until the store has it, and gone when its key is."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from rambarde.nouns.evidence import NewItem, Part, Why
from rambarde.nouns.fault import Fault
from rambarde.nouns.hold import About
from rambarde.store.database import Database
from rambarde.store.evidence import Evidence, Sought
from rambarde.store.keyring import Keyring
from rambarde.store.objects import Folder, Objects
from rambarde.store.schema import evidence as table
from tests.store.conftest import Clock

DAY = timedelta(days=1)


class Failing:
    """A store that is away, or dies after so many puts."""

    def __init__(self, objects: Objects, puts: int = 0) -> None:
        self.objects, self.puts = objects, puts

    def put(self, name: str, data: bytes) -> None:
        if self.puts == 0:
            raise OSError("away")
        self.puts -= 1
        self.objects.put(name, data)

    def get(self, name: str) -> bytes:
        return self.objects.get(name)

    def delete(self, name: str) -> None:
        self.objects.delete(name)


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path / "evidence")


@pytest.fixture
def keys(tmp_path: Path) -> Keyring:
    return Keyring.open(tmp_path, {})


@pytest.fixture
def evidence(database: Database, keys: Keyring, folder: Folder) -> Evidence:
    return Evidence(database, keys, folder)


def item(data: bytes | None = b"SECRET-BYTES", *, sealed: bool = False, **about: object) -> NewItem:
    what = About(**({"decision": "dec_1", "account": "a", "surface": "web"} | about))  # type: ignore[arg-type]
    size = len(data or b"")
    return NewItem(what, Part.OUTPUT, 0, Why.RULE, "r", "image/png", size, "0" * 64, DAY, data, sealed=sealed)


def free(_: sa.Connection, __: About) -> bool:
    return False


def everything(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())


def test_it_is_there_before_and_after_it_is_shipped(evidence: Evidence, tmp_path: Path) -> None:
    kept, other = evidence.add([item(), item(b"another")])
    assert kept.waits and evidence.waiting()[0] == 2
    assert evidence.open(kept.id) == b"SECRET-BYTES"
    assert evidence.ship() == 2 and evidence.ship() == 0
    assert evidence.waiting() == (0, 0)
    found = evidence.get(kept.id)
    assert found is not None and not found.waits and found.about == kept.about
    assert (evidence.open(kept.id), evidence.open(other.id)) == (b"SECRET-BYTES", b"another")
    assert b"SECRET" not in everything(tmp_path)


def test_each_item_has_a_key_of_its_own_bound_to_it(evidence: Evidence, database: Database) -> None:
    one, two = evidence.add([item(b"one"), item(b"two")])
    with database.writing() as connection:
        wrapped = dict(connection.execute(sa.select(table.c.id, table.c.wrapped)).all())
        assert wrapped[one.id] != wrapped[two.id]
        connection.execute(sa.update(table).where(table.c.id == one.id).values(wrapped=wrapped[two.id]))
    with pytest.raises(Fault) as moved:
        evidence.open(one.id)
    assert moved.value.code == "evidence_key_damaged"


def test_an_erased_item_cannot_be_opened_even_with_its_object(
    evidence: Evidence, folder: Folder, keys: Keyring, database: Database
) -> None:
    (kept,) = evidence.add([item()])
    evidence.ship()
    sealed = folder.get(kept.id)
    assert evidence.erase([kept.id], lambda connection, about: about.account == "a") == ()
    assert evidence.open(kept.id) == b"SECRET-BYTES"
    assert evidence.erase([kept.id], free) == (kept.id,)
    assert evidence.get(kept.id) is None
    assert [one.id for one in evidence.erased()] == [kept.id]
    assert folder.get(kept.id) == sealed, "its object may outlive it for a moment, and says nothing"
    with database.reading() as connection:
        row = connection.execute(sa.select(table)).mappings().one()
    assert (row["wrapped"], row["key"], row["body"]) == (None, None, None)
    evidence.sweep([kept.id])
    with pytest.raises(Fault):
        folder.get(kept.id)
    assert evidence.erased() == () and evidence.find() == ()


def test_a_sealed_item_is_never_given_out(evidence: Evidence) -> None:
    bytes_, hashes = evidence.add(
        [item(b"an ordinary photograph stands in", sealed=True), item(None, sealed=True)]
    )
    for one in (bytes_, hashes):
        with pytest.raises(Fault) as fault:
            evidence.open(one.id)
        assert fault.value.code == "evidence_sealed"
    assert (bytes_.content, hashes.content) == (True, False)


def test_a_store_that_is_away_loses_nothing(database: Database, keys: Keyring, folder: Folder) -> None:
    evidence = Evidence(database, keys, Failing(folder, puts=1))
    kept = evidence.add([item(b"%d" % n) for n in range(3)])
    with pytest.raises(OSError):
        evidence.ship()
    assert evidence.waiting()[0] == 2
    assert [evidence.open(one.id) for one in kept] == [b"0", b"1", b"2"]
    assert Evidence(database, keys, folder).ship() == 2
    assert [evidence.open(one.id) for one in kept] == [b"0", b"1", b"2"]


def test_too_much_that_waits_is_refused_before_anything_is_kept(
    database: Database, keys: Keyring, folder: Folder
) -> None:
    evidence = Evidence(database, keys, folder, most_waiting=100)
    evidence.add([item(b"x" * 100)])
    with pytest.raises(Fault) as full:
        evidence.add([item(b"y")])
    assert full.value.code == "vault_full"
    assert len(evidence.find()) == 1
    evidence.add([item(None)])
    evidence.ship()
    evidence.add([item(b"y")])


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda sealed: sealed[: len(sealed) // 2], "vault_cut"),
        (lambda sealed: sealed[:-1] + bytes([sealed[-1] ^ 1]), "vault_damaged"),
    ],
)
def test_an_object_that_was_changed(evidence: Evidence, folder: Folder, change: object, code: str) -> None:
    (kept,) = evidence.add([item()])
    evidence.ship()
    folder.put(kept.id, change(folder.get(kept.id)))  # type: ignore[operator]
    with pytest.raises(Fault) as fault:
        evidence.open(kept.id)
    assert fault.value.code == code


def test_the_wrong_key(database: Database, evidence: Evidence, folder: Folder, tmp_path: Path) -> None:
    (kept,) = evidence.add([item()])
    other = Evidence(database, Keyring.open(tmp_path / "elsewhere", {}), folder)
    with pytest.raises(Fault) as fault:
        other.open(kept.id)
    assert fault.value.code == "evidence_key_missing"


def test_a_rotation_that_dies_half_way_goes_on(evidence: Evidence, keys: Keyring) -> None:
    kept = evidence.add([item(b"%d" % n) for n in range(5)])
    old, new = keys.current(), keys.add()
    assert evidence.rewrap(limit=2) == 2
    assert evidence.keys_in_use() == {old: 3, new: 2}
    assert [evidence.open(one.id) for one in kept] == [b"%d" % n for n in range(5)]
    late = evidence.add([item(b"meanwhile")])
    while evidence.rewrap(limit=2):
        pass
    assert evidence.keys_in_use() == {new: 6}
    keys.drop({old})
    assert [evidence.open(one.id) for one in (*kept, *late)] == [*(b"%d" % n for n in range(5)), b"meanwhile"]


def test_items_are_found_by_what_they_are_about(evidence: Evidence, clock: Clock) -> None:
    now = clock()
    evidence.add(
        [item(account=name, at=now + n * DAY, decision=f"dec_{name}") for n, name in enumerate("abc")]
    )
    assert {one.about.account for one in evidence.find(Sought(since=now + DAY))} == {"b", "c"}
    assert {one.about.account for one in evidence.find(Sought(until=now + DAY))} == {"a"}
    assert {one.about.account for one in evidence.find(Sought(account="b"))} == {"b"}
    assert {one.about.account for one in evidence.find(Sought(decisions=("dec_c", "dec_x")))} == {"c"}
    assert evidence.find(Sought(surface="app")) == ()
    assert len(evidence.expired(now + DAY)) == 3 and evidence.expired(now) == ()

"""Holds where those who may sign are named: two of them lift it, each with their key, and a bundle's reader sees it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from rambarde.guard.policy.signatures.key import FileKey
from rambarde.guard.policy.signatures.vouch import vouch
from rambarde.interfaces.archive import Archive
from rambarde.interfaces.bundle import bundle
from rambarde.interfaces.desk import recording
from rambarde.interfaces.settings import Settings
from rambarde.interfaces.signers import Signers
from rambarde.interfaces.vault import Vault
from rambarde.nouns.fault import Fault
from rambarde.nouns.hold import Scope
from rambarde.prove.holds import statement
from rambarde.prove.standalone import verify
from tests.interfaces.cli.governed import ADA, BEN, CLEO, FILES, Town
from tests.interfaces.test_archive import decision, matter

pytestmark = pytest.mark.slow
SET = (
    "hold",
    "set",
    "--data",
    "d",
    "--by",
    "Anybody",
    "--reason",
    "Order 12",
    "--account",
    "a",
    "--case",
    "C-1",
)


def lift(town: Town, name: str, **expected: Any) -> Any:
    signed = ("--key", FILES[name]) if name in FILES else ()
    return town.rambarde(
        "hold", "lift", "hold-1", "--data", "d", "--by", name, "--reason", "over", *signed, **expected
    )


@contextmanager
def archive(town: Town) -> Iterator[Archive]:
    chosen = Settings(data=str(town.folder / "d"))
    vault = Vault.open(chosen)
    try:
        with recording(vault) as recorder:
            yield Archive.open(vault, chosen, recorder.put)
    finally:
        vault.close()


def bundled(town: Town, out: str) -> list[str]:
    with archive(town) as opened:
        made = bundle(
            opened, town.folder / "d", Scope(account="a"), town.folder / out, person="Ada", purpose="p"
        )
    notes: list[str] = verify(town.folder / out, town.read("d/log.pub"), made.key)["notes"]
    return notes


def test_two_of_the_people_lift_it_with_their_keys(governed: Town) -> None:
    with archive(governed) as opened:
        opened._keep(matter(decision("preserve"), account="a", id="dec_0"))
    governed.rambarde(*SET)
    lift(governed, "Anybody", fails="hold_signature")
    lift(governed, "Ada Lovelace ", fails="hold_signature")
    governed.keys(CLEO)
    lift(governed, CLEO, fails="hold_signature")
    lift(governed, ADA)
    lift(governed, ADA, fails="hold_same_person")
    lift(governed, "Anybody", fails="hold_signature")
    (row,) = map(json.loads, governed.rambarde("hold", "list", "--data", "d", "--json").stdout.splitlines())
    assert row["active"] and row["asked"]["key"].startswith("SHA256:")
    assert not any("lifted" in note for note in bundled(governed, "asked.zip"))
    lift(governed, BEN)
    shown = governed.rambarde("hold", "list", "--lifted", "--data", "d", "--json").stdout
    assert not json.loads(shown)["active"]
    assert f"hold-1 was lifted by {ADA} and {BEN}, signed with their keys." in bundled(governed, "lifted.zip")


def forged(
    opened: Archive, event: str, number: int, person: str, key: Path | None, of: str | None = None
) -> None:
    """What somebody writes who has the log and the database, and whatever key is given."""
    said = opened.holds._said(person, "over")
    document: dict[str, Any] = {"id": str(number), "event": event, "hold": "hold-1", "said": said.as_json()}
    if key is not None:
        told = statement(event, "hold-1", of or opened.holds._digests["hold-1"], said)
        document["said"] |= dict(zip(("key", "signature"), vouch(told, FileKey.read(key)), strict=True))  # type: ignore[arg-type]
    opened.holds._put("hold", document)  # type: ignore[misc]


def test_what_the_log_holds_and_nobody_signed_lifts_nothing(governed: Town) -> None:
    with archive(governed) as opened:
        opened._keep(matter(decision("preserve"), account="a", id="dec_0"))
        opened.holds.set(Scope(account="a"), person="Anybody", reason="an order")
        opened.holds.active()
        ada, ben = (governed.folder / FILES[name] for name in (ADA, BEN))
        forged(opened, "ask", 2, ADA, None)
        forged(opened, "ask", 3, ADA, ada)
        forged(opened, "lift", 4, BEN, None)
        forged(opened, "lift", 5, BEN, ada)
        forged(opened, "lift", 6, BEN, ben, of="0" * 64)
        (hold,) = opened.holds.active()
        assert hold.asked is not None and hold.asked.key is not None
        assert Archive.open(Vault.open(Settings(data=str(governed.folder / "d"))), Settings()).holds.active()
    notes = bundled(governed, "forged.zip")
    assert sum("lifts nothing: it is not signed" in note for note in notes) == 4
    assert not any("was lifted" in note for note in notes)


def test_who_asked_by_name_before_there_were_keys_asks_again(town: Town) -> None:
    town.rambarde(*SET)
    lift(town, "Anybody")
    town.adopted(town.people(ADA, BEN), ADA, BEN)
    lift(town, ADA)
    with archive(town) as opened:
        (hold,) = opened.holds.active()
        assert hold.asked is not None and hold.asked.person == ADA
        assert not Signers(opened.database).needed(0) and Signers(opened.database).needed(None)
    lift(town, BEN)
    with archive(town) as opened:
        assert opened.holds.active() == ()


def test_who_is_not_named_any_more_lifts_nothing(governed: Town) -> None:
    governed.rambarde(*SET)
    lift(governed, ADA)
    governed.keys(CLEO)
    governed.adopted(governed.people(ADA, CLEO), ADA, BEN)
    lift(governed, BEN, fails="hold_signature")
    lift(governed, CLEO)


def test_a_change_of_people_that_was_altered_stops_every_erasure(governed: Town) -> None:
    with archive(governed) as opened:
        with opened.database.writing() as connection:
            connection.exec_driver_sql(
                "UPDATE log_entries SET body = CAST(replace(CAST(body AS TEXT), 'Ben', 'Bob') AS BLOB) "
                "WHERE id = 'change-00000001'"
            )
        with pytest.raises(Fault) as fault:
            Signers(opened.database).at(None)
        assert fault.value.code == "history_damaged"

"""What is kept: the data folder, its keys, the database, the log, the credentials."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import sqlalchemy as sa

from rambarde.interfaces.checkup.government import government
from rambarde.interfaces.checkup.history import history
from rambarde.interfaces.checkup.row import Row, fail, ok, warn
from rambarde.interfaces.settings import Settings
from rambarde.interfaces.vault import Vault
from rambarde.prove.key import FILE as LOG_KEY
from rambarde.prove.key import PUBLIC_FILE, open_signer
from rambarde.store import migrations
from rambarde.store.cipher import FILE as SERVER_KEY
from rambarde.store.cipher import VARIABLE, Cipher
from rambarde.store.credentials import Credentials
from rambarde.store.database import FILE as DATABASE
from rambarde.store.database import Database
from rambarde.store.evidence import kept as kept_evidence
from rambarde.store.keyring import FILE as EVIDENCE_KEY
from rambarde.store.keyring import VARIABLE as EVIDENCE_VARIABLE
from rambarde.store.ledger import Ledger
from rambarde.store.records import Records

_LATER = "Nothing to do: the first start makes it."


class Keeping:
    """Looks at what is kept, one part after the other; a broken one does not hide the next.

    It opens the database only where that changes nothing: it is there, and of this release's schema.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._data = Path(settings.data)
        self._database: Database | None = None
        self._cipher: Cipher | None = None
        self.newest: datetime | None = None
        """When the newest record was received, once `log` has looked."""

    def close(self) -> None:
        if self._database is not None:
            self._database.close()

    def folder(self) -> Iterator[Row]:
        check, data = "data folder", self._data
        if not data.exists():
            parent = next(p for p in data.absolute().parents if p.exists())
            if not parent.is_dir() or not os.access(parent, os.W_OK | os.X_OK):
                yield fail(check, f"{data} is not there, and {parent} cannot be written.", _owner(data))
            else:
                yield warn(check, f"{data} is not there yet.", _LATER)
            return
        if not data.is_dir():
            yield fail(check, f"{data} is no folder.", "Name a folder with --data.")
        elif not os.access(data, os.R_OK | os.W_OK | os.X_OK):
            yield fail(check, f"{data} cannot be read and written by this user.", _owner(data))
        elif data.stat().st_mode & (stat.S_IRWXO | stat.S_IWGRP):
            yield warn(check, f"{data} is open to other users of this machine.", f"Run chmod 700 {data}.")
        else:
            yield ok(check, str(data.absolute()))

    def database(self) -> Iterator[Row]:
        check, place, file = "database", self._settings.database or self._data, self._file()
        if file is not None and not file.exists():
            yield warn(check, f"{file} is not there yet.", _LATER)
            return
        found, newest = Database.revision(place), migrations.HEAD
        if found is None:
            yield warn(check, "It is empty.", _LATER)
        elif found == newest:
            self._database = Database.open(place)
            yield ok(check, f"schema {found}, {self._database.dialect}")
        elif found.isdecimal() and int(found) < int(newest):
            yield warn(
                check,
                f"schema {found}, this release has {newest}.",
                "Make a backup; the next start upgrades it.",
            )
        else:
            yield fail(
                check,
                f"schema {found} is newer than {newest}, the newest that this release knows.",
                "Install the version of Rambarde that made it, or point --data at another folder.",
            )

    def server_key(self) -> Iterator[Row]:
        check, given = "server key", bool(os.environ.get(VARIABLE))
        bound = self._database.pinned("server_key") if self._database else None
        if not given and not (self._data / SERVER_KEY).exists():
            if bound is not None:
                yield fail(
                    check,
                    f"{SERVER_KEY} is not there, and the database is sealed under a key.",
                    f"Restore it from where you keep it, or give it in {VARIABLE}: "
                    "what is sealed cannot be read without it.",
                )
            else:
                yield warn(check, f"{SERVER_KEY} is not there yet.", _LATER)
            return
        self._cipher = Cipher.open(self._data)
        where = VARIABLE if given else SERVER_KEY
        if bound is not None and bound != self._cipher.id:
            yield fail(
                check,
                f"The database is sealed under another key than {where}.",
                f"Restore the {SERVER_KEY} or {VARIABLE} that belongs to this database.",
            )
            self._cipher = None
        else:
            yield ok(check, f"{self._cipher.id}, from {where}")

    def log_key(self) -> Iterator[Row]:
        check, pinned = "log key", Ledger(self._database).pinned() if self._database else None
        if not (self._data / LOG_KEY).exists():
            if pinned is not None:
                yield fail(
                    check,
                    f"{LOG_KEY} is not there, and the database belongs to a log.",
                    "Restore it from where you keep it: no other key can continue this log.",
                )
            else:
                yield warn(check, f"{LOG_KEY} is not there yet.", _LATER)
            return
        if not (self._data / PUBLIC_FILE).exists():
            yield warn(check, f"{PUBLIC_FILE} is not there.", "Nothing to do: the next start writes it.")
            return
        verifier = open_signer(self._data).verifier
        published = (self._data / PUBLIC_FILE).read_text("utf-8", errors="replace").strip()
        if pinned not in (None, str(verifier)):
            yield fail(
                check,
                "The database belongs to a log with another key.",
                f"Restore the {LOG_KEY} of this database.",
            )
        elif published != str(verifier):
            yield fail(
                check,
                f"{PUBLIC_FILE} is not the public half of {LOG_KEY}.",
                f"Find out who changed it; if {LOG_KEY} is right, move {PUBLIC_FILE} away and start again.",
            )
        else:
            yield ok(check, verifier.name)

    def log(self) -> Iterator[Row]:
        ledger = Ledger(self._database) if self._database else None
        yield from history(self._data, ledger)
        if self._database is not None:
            for record in Records(self._database).find(newest_first=True, limit=1):
                self.newest = datetime.fromisoformat(str(record.document()["received_at"]))

    def credentials(self) -> Iterator[Row]:
        check = "credentials"
        remedy = f"Make one: rambarde keys create --surface web --data {self._data}"
        if self._database is None or self._cipher is None:
            yield fail(check, "There is none that could be read, so `rambarde serve` does not start.", remedy)
            return
        live = Credentials(self._database, self._cipher).list()
        surfaces = ", ".join(sorted({credential.surface for credential in live}))
        if live:
            yield ok(check, f"{len(live)}, of the surfaces {surfaces}")
        else:
            yield fail(check, "There is none, so `rambarde serve` does not start.", remedy)

    def evidence(self) -> Iterator[Row]:
        check, given = "evidence", bool(os.environ.get(EVIDENCE_VARIABLE))
        if self._database is None:
            return
        kept = kept_evidence(self._database)
        if kept.items and not given and not (self._data / EVIDENCE_KEY).exists():
            yield fail(
                check,
                f"{EVIDENCE_KEY} is not there, and {kept.items} items are wrapped by a key.",
                f"Restore it from where you keep it, or give it in {EVIDENCE_VARIABLE}.",
            )
        elif kept.waiting > 100 or kept.bytes > 100_000_000:
            yield warn(
                check,
                f"{kept.waiting} items, {kept.bytes} bytes, wait in the database for the evidence store.",
                "Check that a gateway runs, and that `evidence_store` can be reached.",
            )
        else:
            yield ok(
                check, f"{kept.items} items with content, {kept.waiting} of them on their way to the store"
            )

    def government(self) -> Iterator[Row]:
        if self._database is None or self._cipher is None:
            yield warn(
                "governance", "It could not be looked at.", "Mend the database and the server key first."
            )
            return
        database, cipher = self._database, self._cipher
        yield from government(self._settings, Vault.over(self._data, database, cipher, self._settings))

    def _file(self) -> Path | None:
        """The file of a SQLite database; None for a server."""
        place = self._settings.database
        if "://" not in place:  # a folder, as `Database.open` takes it
            return (Path(place) if place else self._data) / DATABASE
        try:
            url = sa.make_url(place)
        except sa.exc.ArgumentError:
            return None
        return Path(url.database) if url.get_backend_name() == "sqlite" and url.database else None


def _owner(data: Path) -> str:
    return f"Give {data} to the user that runs Rambarde, or name another folder with --data."

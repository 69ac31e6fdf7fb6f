"""The vault: the durable side of a gateway. Commands that need no gateway open it alone."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from rambarde.interfaces.freezer import Freezer
from rambarde.interfaces.settings import Settings
from rambarde.nouns.custody import Shelf
from rambarde.store.cipher import Cipher
from rambarde.store.credentials import Credentials
from rambarde.store.database import Database
from rambarde.store.items import Items
from rambarde.store.lineage import Lineage as Register
from rambarde.store.tokens import Tokens


@dataclass(frozen=True, slots=True)
class Vault:
    """Database, key, and what is kept in them."""

    data: Path
    database: Database
    cipher: Cipher
    credentials: Credentials
    tokens: Tokens
    items: Items
    lineage: Register
    freezer: Freezer

    @classmethod
    def open(cls, settings: Settings) -> Vault:
        """Open or create the data folder and the database, and upgrade it. Raises `Fault`."""
        data = Path(settings.data)
        data.mkdir(parents=True, exist_ok=True, mode=0o700)
        database = Database.open(settings.database or data)
        cipher = Cipher.open(data)
        cipher.bind(database)
        return cls.over(data, database, cipher, settings)

    @classmethod
    def over(cls, data: Path, database: Database, cipher: Cipher, settings: Settings | None = None) -> Vault:
        """The vault over what is open already."""
        settings = settings or Settings()
        freezer = Freezer.of(database)
        longest = {Shelf.EARLIER: timedelta(hours=settings.earlier_hours)}
        return cls(
            data,
            database,
            cipher,
            Credentials(database, cipher),
            Tokens(database),
            Items(database, cipher, freezer.record, longest),
            Register(database, retention=timedelta(days=settings.lineage_days), frozen=freezer.item),
            freezer,
        )

    def close(self) -> None:
        self.database.close()

"""The database: opened, migrated to the newest schema, and its failures turned into faults."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import ParamSpec, TypeVar

import sqlalchemy as sa

from rambarde.nouns.fault import Fault, Kind
from rambarde.store import migrations, monitor_schema, schema

FILE = "rambarde.db"
BUSY_SECONDS = 5.0
"""How long a transaction waits for another process's lock before it fails."""
_THREADS = 8
_MIGRATION_LOCK = 0x52414D42_00000001
_KEEP_SECRET = 0o600
TABLES = (schema, monitor_schema)
"""Where the tables are declared."""

P = ParamSpec("P")
T = TypeVar("T")
Clock = Callable[[], datetime]


def utc_now() -> datetime:
    """The default clock."""
    return datetime.now(UTC)


class Database:
    """A SQLite file or a PostgreSQL database at the newest schema. Thread-safe; open it once per process.

    On SQLite, writers of this process queue on one lock, because SQLite's own waiting is by polling and
    lets a busy writer starve the others.
    """

    def __init__(self, engine: sa.Engine, clock: Clock) -> None:
        self._engine = engine
        self._writers = threading.RLock() if engine.dialect.name == "sqlite" else None
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="rambarde-store")
        self.clock = clock
        self.dialect = engine.dialect.name

    @classmethod
    def open(cls, place: str | Path, *, clock: Clock = utc_now, timeout: float = BUSY_SECONDS) -> Database:
        """Open `place`, a data folder (SQLite in `rambarde.db`) or a `postgresql://` or `sqlite:///` URL.

        `timeout` is the wait for another process's lock, in seconds. Raises `Fault(INTERNAL)` with code
        `store_url`, `schema_newer`, or one of `writing`'s.
        """
        engine = _engine(place, timeout)
        database = cls(engine, clock)
        try:
            database._upgrade()
        except BaseException:
            database.close()
            raise
        return database

    @classmethod
    def revision(cls, place: str | Path, *, timeout: float = BUSY_SECONDS) -> str | None:
        """The revision of the schema as it stands; nothing is upgraded. None: there are no tables.

        Raises `Fault(INTERNAL)` as `open`, except `schema_newer`.
        """
        database = cls(_engine(place, timeout), utc_now)
        try:
            return database._revision()
        finally:
            database.close()

    def close(self) -> None:
        """Let go of all connections. Idempotent."""
        self._threads.shutdown(wait=True)
        self._engine.dispose()

    async def run(self, call: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Call a blocking function of the store in one of its own threads."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, partial(call, *args, **kwargs))

    @contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        """A transaction that only reads, on one consistent state (on PostgreSQL: per statement)."""
        with _faults(), self._engine.connect() as connection, connection.begin():
            yield connection

    @contextmanager
    def writing(self) -> Iterator[sa.Connection]:
        """A transaction that writes: durable when the block ends, undone if it raises.

        Raises `Fault(INTERNAL)` with code `store_locked`, `store_unwritable`, `store_full`,
        `store_damaged`, `store_unreachable` or `store_failed`; then nothing was written, except that a
        connection lost during the commit itself leaves the outcome open.
        """
        with (
            self._queue(),
            _faults(),
            self._engine.connect().execution_options(rambarde_write=True) as connection,
            connection.begin(),
        ):
            yield connection

    def settle(self) -> None:
        """After an erasure: on SQLite, leave no copy in the write-ahead file. Best effort: a reader may keep it.

        On PostgreSQL that is vacuum's work.
        """
        if self.dialect != "sqlite":
            return
        connection = self._engine.raw_connection()
        try:
            connection.cursor().execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        except sqlite3.Error:
            return
        finally:
            connection.close()

    def pin(self, name: str, value: str) -> str:
        """Remember what this database belongs to: returns the first value ever given for `name`."""
        known = self.pinned(name)
        if known is not None:
            return known
        try:
            with self.writing() as connection:
                connection.execute(sa.insert(schema.instance).values(name=name, value=value))
        except sa.exc.IntegrityError:  # another process was first
            return self.pinned(name) or value
        return value

    def pinned(self, name: str) -> str | None:
        """What was pinned under `name`, if anything."""
        table = schema.instance
        with self.reading() as connection:
            found = connection.scalar(sa.select(table.c.value).where(table.c.name == name))
        return None if found is None else str(found)

    @contextmanager
    def _queue(self) -> Iterator[None]:
        if self._writers is None:
            yield
            return
        with self._writers:
            yield

    def _upgrade(self) -> None:
        if self._revision() == migrations.HEAD:
            return
        with self.writing() as connection:
            if self.dialect == "postgresql":
                connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_MIGRATION_LOCK)))
            _migrate(connection)

    def _revision(self) -> str | None:
        """The cheap question before importing Alembic, which costs 0.1 s."""
        with self.reading() as connection:
            if not sa.inspect(connection).has_table("alembic_version"):
                return None
            found = connection.scalar(sa.text("SELECT version_num FROM alembic_version"))
            return None if found is None else str(found)


def _migrate(connection: sa.Connection) -> None:
    from alembic.config import Config
    from alembic.runtime.environment import EnvironmentContext
    from alembic.runtime.migration import MigrationContext, RevisionStep
    from alembic.script import ScriptDirectory
    from alembic.util import CommandError

    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    config.attributes["connection"] = connection
    script = ScriptDirectory.from_config(config)

    def steps(revision: tuple[str, ...] | str, _context: MigrationContext) -> list[RevisionStep]:
        return list(script._upgrade_revs("head", revision))  # type: ignore[arg-type]  # as Alembic's cookbook

    try:
        with EnvironmentContext(config, script, fn=steps):
            script.run_env()
    except CommandError as error:
        raise Fault(
            Kind.INTERNAL,
            "schema_newer",
            "the database was made by a newer version of Rambarde than this one.",
            remedy="Install that version, or point --data at another folder.",
        ) from error


def _engine(place: str | Path, timeout: float) -> sa.Engine:
    text = str(place)
    if "://" not in text:
        return _sqlite(Path(text) / FILE, timeout)
    try:
        url = sa.make_url(text)
    except sa.exc.ArgumentError as error:
        raise _bad_url() from error
    match url.get_backend_name():
        case "sqlite" if url.database:
            return _sqlite(Path(url.database), timeout)
        case "postgresql" | "postgres":
            return _postgresql(url.set(drivername="postgresql+psycopg"), timeout)
        case _:
            raise _bad_url()


def _bad_url() -> Fault:
    return Fault(
        Kind.INTERNAL,
        "store_url",
        "this is no database Rambarde can use.",
        remedy="Give a data folder, sqlite:///PATH or postgresql://USER@HOST/NAME.",
    )


def _sqlite(path: Path, timeout: float) -> sa.Engine:
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, _KEEP_SECRET))
    except OSError as error:
        raise Fault(
            Kind.INTERNAL,
            "store_unwritable",
            f"the data folder cannot be written: {error.strerror}.",
            remedy="Check the folder's owner and free space, or name another with --data.",
        ) from error
    engine = sa.create_engine(
        sa.URL.create("sqlite", database=str(path)),
        connect_args={"timeout": timeout},
        pool_size=_THREADS,
        max_overflow=32,
    )

    @sa.event.listens_for(engine, "connect")
    def _connected(connection: sqlite3.Connection, _record: object) -> None:
        connection.isolation_level = None  # we say BEGIN ourselves: pysqlite's implicit one is deferred
        for pragma in (
            "journal_mode=WAL",
            "synchronous=FULL",
            "foreign_keys=ON",
            "secure_delete=ON",  # destroyed bytes are overwritten, not only unlinked from the tree
        ):
            connection.execute(f"PRAGMA {pragma}").close()

    @sa.event.listens_for(engine, "begin")
    def _begin(connection: sa.Connection) -> None:
        # IMMEDIATE takes the write lock at the start: a deferred one can fail half-way without waiting.
        write = connection.get_execution_options().get("rambarde_write")
        connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")

    return engine


def _postgresql(url: sa.URL, timeout: float) -> sa.Engine:
    milliseconds = int(timeout * 1000)
    try:
        return sa.create_engine(
            url,
            connect_args={
                "connect_timeout": max(2, int(timeout)),
                "options": f"-c lock_timeout={milliseconds} -c timezone=UTC -c synchronous_commit=on",
            },
            pool_size=_THREADS,
            max_overflow=32,
            pool_pre_ping=True,
        )
    except ModuleNotFoundError as error:
        raise Fault(
            Kind.INTERNAL,
            "store_driver",
            "the PostgreSQL driver is not installed.",
            remedy="Install rambarde[postgresql].",
        ) from error


@contextmanager
def _faults() -> Iterator[None]:
    """Driver errors as faults. Integrity errors pass: they are answers, and their callers await them."""
    try:
        yield
    except sa.exc.IntegrityError:
        raise
    except (sa.exc.DBAPIError, sa.exc.TimeoutError) as error:
        raise _fault(error) from error


def _fault(error: sa.exc.SQLAlchemyError) -> Fault:
    origin = getattr(error, "orig", None) or error
    code = getattr(origin, "sqlite_errorname", None) or getattr(origin, "sqlstate", None) or ""
    known = _SAYS.get(code) or _SAYS.get(code[:2]) or _by_words(str(origin).lower())
    name, message, remedy = known or _OTHER
    return Fault(Kind.INTERNAL, name, message, remedy=remedy)


_LOCKED = (
    "store_locked",
    "another process kept the database locked for too long.",
    "Try again; if it lasts, stop other programs that hold a transaction open on it.",
)
_FULL = ("store_full", "the disk of the database is full.", "Free some space; nothing was written.")
_UNWRITABLE = (
    "store_unwritable",
    "the database cannot be opened or written.",
    "Check that the folder exists and belongs to this user, and that the disk is not read-only.",
)
_DAMAGED = (
    "store_damaged",
    "the database file is damaged, or is no database.",
    "Stop the gateway, keep a copy, restore the last backup and run `rambarde log verify`.",
)
_UNREACHABLE = (
    "store_unreachable",
    "the database server does not answer.",
    "Check that it runs and that the URL, user and network are right.",
)
_OTHER = ("store_failed", "the database refused an operation.", "See the server's log for the cause.")
_SAYS: dict[str, tuple[str, str, str]] = {
    "SQLITE_BUSY": _LOCKED,
    "SQLITE_BUSY_SNAPSHOT": _LOCKED,
    "SQLITE_LOCKED": _LOCKED,
    "SQLITE_FULL": _FULL,
    "SQLITE_IOERR_WRITE": _FULL,
    "SQLITE_READONLY": _UNWRITABLE,
    "SQLITE_READONLY_DIRECTORY": _UNWRITABLE,
    "SQLITE_READONLY_DBMOVED": _UNWRITABLE,
    "SQLITE_CANTOPEN": _UNWRITABLE,
    "SQLITE_PERM": _UNWRITABLE,
    "SQLITE_CORRUPT": _DAMAGED,
    "SQLITE_NOTADB": _DAMAGED,
    # PostgreSQL: SQLSTATE, or its class of two letters.
    "55P03": _LOCKED,
    "40": _LOCKED,
    "53100": _FULL,
    "25006": _UNWRITABLE,
    "42501": _UNWRITABLE,
    "XX001": _DAMAGED,
    "08": _UNREACHABLE,
    "57": _UNREACHABLE,
    "28": _UNREACHABLE,
    "3D": _UNREACHABLE,
}


def _by_words(text: str) -> tuple[str, str, str] | None:
    """For errors that carry no code: a pool that ran dry, a connection that never came about."""
    for words, said in (
        ("locked", _LOCKED),
        ("queuepool limit", _LOCKED),
        ("full", _FULL),
        ("readonly", _UNWRITABLE),
        ("unable to open", _UNWRITABLE),
        ("malformed", _DAMAGED),
        ("not a database", _DAMAGED),
        ("connection", _UNREACHABLE),
        ("server", _UNREACHABLE),
    ):
        if words in text:
            return said
    return None

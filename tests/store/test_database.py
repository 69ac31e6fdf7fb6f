"""Opening, migrating, and failing in words."""

from __future__ import annotations

import asyncio
import sqlite3
import stat
import subprocess
import sys
import threading
from datetime import datetime
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from rambarde.nouns.fault import Fault
from rambarde.store import migrations, schema
from rambarde.store.database import FILE, Database


def test_only_the_owner_may_read_the_file(tmp_path: Path) -> None:
    Database.open(tmp_path / "data").close()
    assert stat.S_IMODE((tmp_path / "data" / FILE).stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "data").stat().st_mode) == 0o700


def test_migrations_make_the_schema(database: Database) -> None:
    with database.reading() as connection:
        assert compare_metadata(MigrationContext.configure(connection), schema.metadata) == []


def test_head_is_the_newest_migration() -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    assert ScriptDirectory.from_config(config).get_heads() == [migrations.HEAD]


def test_settings_of_sqlite(tmp_path: Path) -> None:
    database = Database.open(tmp_path)
    with database.reading() as connection:
        values = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout", "secure_delete")
        }
    database.close()
    assert values == {
        "journal_mode": "wal",
        "synchronous": 2,
        "foreign_keys": 1,
        "busy_timeout": 5000,
        "secure_delete": 1,
    }


def test_a_newer_schema_is_refused(database: Database, place: str) -> None:
    with database.writing() as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(Fault) as refused:
        Database.open(place)
    assert refused.value.code == "schema_newer"


@pytest.mark.parametrize(
    "url", ["mysql://host/name", "sqlite://", "no such://url at all", "http://example.org"]
)
def test_a_wrong_url_is_refused(url: str) -> None:
    with pytest.raises(Fault) as refused:
        Database.open(url)
    assert refused.value.code == "store_url"


def test_an_unreachable_server_is_named_so(tmp_path: Path) -> None:
    with pytest.raises(Fault) as refused:
        Database.open(f"postgresql://nobody@/none?host={tmp_path}")
    assert refused.value.code == "store_unreachable"


def test_a_file_where_the_folder_should_be(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("no folder")
    with pytest.raises(Fault) as refused:
        Database.open(tmp_path / "data")
    assert refused.value.code == "store_unwritable"


def test_garbage_instead_of_a_database(tmp_path: Path) -> None:
    (tmp_path / FILE).write_bytes(b"this is no database, and it is long enough to be looked at" * 100)
    with pytest.raises(Fault) as refused:
        Database.open(tmp_path)
    assert refused.value.code == "store_damaged"


def test_a_lock_held_elsewhere_is_named_so(tmp_path: Path) -> None:
    database = Database.open(tmp_path, timeout=0.2)
    other = sqlite3.connect(tmp_path / FILE, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(Fault) as refused:
        database.pin("name", "value")
    assert refused.value.code == "store_locked"
    other.execute("ROLLBACK")
    assert database.pin("name", "value") == "value"
    other.close()
    database.close()


def test_a_lock_held_elsewhere_on_postgresql(place: str, database: Database) -> None:
    if database.dialect != "postgresql":
        pytest.skip("SQLite has its own test")
    hurried = Database.open(place, timeout=0.2)
    with database.writing() as connection:
        connection.execute(sa.text("LOCK TABLE instance IN ACCESS EXCLUSIVE MODE"))
        with pytest.raises(Fault) as refused:
            hurried.pin("name", "value")
    assert refused.value.code == "store_locked"
    hurried.close()


def test_a_full_disk_is_named_so_and_nothing_is_written(tmp_path: Path) -> None:
    database = Database.open(tmp_path)
    with pytest.raises(Fault) as refused, database.writing() as connection:
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar()
        connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")
        connection.execute(sa.insert(schema.instance).values(name="n", value="x" * 100_000))
    assert refused.value.code == "store_full"
    database.close()
    database = Database.open(tmp_path)
    assert database.pin("n", "small") == "small"
    database.close()


def test_a_file_size_limit_reads_as_a_full_disk(tmp_path: Path) -> None:
    """RLIMIT_FSIZE in a process of its own: writes fail as on a full disk, from inside SQLite."""
    script = f"""
import resource, signal
from rambarde.nouns.fault import Fault
from rambarde.store.database import Database
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
database = Database.open({str(tmp_path)!r})
resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, resource.RLIM_INFINITY))
try:
    for i in range(1000):
        database.pin(str(i), "x" * 10_000)
except Fault as fault:
    print(fault.code, i)
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
print(database.pin("after", "mended"))
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
    assert done.stdout.split()[0] == "store_full", done
    assert done.stdout.split()[-1] == "mended", done


def test_a_write_that_raises_is_undone(database: Database) -> None:
    with pytest.raises(RuntimeError), database.writing() as connection:
        connection.execute(sa.insert(schema.instance).values(name="n", value="lost"))
        raise RuntimeError
    assert database.pin("n", "kept") == "kept"


def test_pin_keeps_the_first_value_whoever_comes(database: Database) -> None:
    assert database.pinned("n") is None
    results: list[str] = []
    threads = [
        threading.Thread(target=lambda i=i: results.append(database.pin("n", str(i)))) for i in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 8 and len(set(results)) == 1
    assert database.pinned("n") == results[0]


@pytest.mark.parametrize("kind", ["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)])
@pytest.mark.slow
def test_two_processes_may_migrate_at_once(kind: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    place = str(tmp_path) if kind == "sqlite" else request.getfixturevalue("new_postgres")(empty=True)
    script = f"from rambarde.store.database import Database; Database.open({place!r}).close()"
    running = [subprocess.Popen([sys.executable, "-c", script], stderr=subprocess.PIPE) for _ in range(3)]
    for process in running:
        _, errors = process.communicate(timeout=60)
        assert process.returncode == 0, errors.decode()
    database = Database.open(place)
    with database.reading() as connection:
        assert compare_metadata(MigrationContext.configure(connection), schema.metadata) == []
    database.close()


async def test_run_does_not_block_the_loop(database: Database) -> None:
    gate = threading.Event()
    waiting = [asyncio.create_task(database.run(gate.wait, 20)) for _ in range(4)]
    await asyncio.sleep(0)
    gate.set()  # comes to this only if none of them holds up the loop
    assert await asyncio.gather(*waiting) == [True] * 4


def test_naive_times_are_refused(database: Database) -> None:
    with pytest.raises(sa.exc.StatementError), database.reading() as connection:
        connection.execute(sa.select(schema.items).where(schema.items.c.expires_at > datetime(2026, 1, 1)))


def test_a_sqlite_url_names_its_file(tmp_path: Path) -> None:
    Database.open(f"sqlite:///{tmp_path}/other.db").close()
    assert (tmp_path / "other.db").exists()

"""A frame: all units that could be drawn, from folders, tables, a scan or our own records, in DuckDB.

Nothing is fetched and no extension is loaded from elsewhere; what does not fit in memory goes to a temporary folder.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from rambarde.interfaces.scan import files
from rambarde.measure.audit.powered import Scores
from rambarde.measure.audit.sheet import Frame, Source, Unit
from rambarde.nouns.fault import Fault, invalid

if TYPE_CHECKING:
    import duckdb

TABLES = {".parquet": "read_parquet(?)", ".csv": "read_csv(?, all_varchar=true, header=true)",
          ".tsv": "read_csv(?, all_varchar=true, header=true, delim='\t')",
          ".jsonl": "read_json(?, format='newline_delimited', maximum_depth=1)"}  # fmt: skip
COLUMNS = ("path", "url", "id")
"""Looked for where no column is named and there are several."""
UNSCORED = "(none)"
"""The stratum of what has no value of its own, or no score."""
MOST_STRATA = 1000
_BLOCK = 100_000
_THREADS = 2
_MEMORY = "2GB"
Tell = Callable[[str, int], None]
"""(what is being done, how many units so far): for a progress bar."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What of a source is taken: columns by name, and where scores are cut into strata."""

    column: str | None = None
    stratum: str | None = None
    score: str | None = None
    cuts: tuple[float, ...] = ()


@dataclass(slots=True)
class Open:
    """A frame that is open for drawing; `about` says what it is."""

    connection: duckdb.DuckDBPyConnection
    about: Frame = field(init=False)

    def ids(self) -> Iterator[str]:
        """All ids, in the order of their bytes."""
        rows = self.connection.cursor().execute("select id from frame order by id")
        while block := rows.fetchmany(_BLOCK):
            yield from (row[0] for row in block)

    def draw(self, sizes: dict[str, int] | int, seed: str) -> list[Unit]:
        """The sample of this seed: of the whole, or so many of each stratum; in the order of the keys."""
        query = (
            "select sha256(? || chr(10) || id) as key, id, stratum, score from frame {} order by key limit ?"
        )
        if isinstance(sizes, int):
            rows = self.connection.execute(query.format(""), [seed, sizes]).fetchall()
        else:
            rows = [
                row
                for name, size in sizes.items()
                for row in self.connection.execute(
                    query.format("where stratum = ?"), [seed, name, size]
                ).fetchall()
            ]
            rows.sort()
        return [Unit(number, id, stratum, score) for number, (_, id, stratum, score) in enumerate(rows, 1)]


@contextmanager
def opened(
    sources: Sequence[Path], wanted: Wanted, *, population: int | None = None, tell: Tell = lambda _, __: None
) -> Iterator[Open]:
    """The frame of folders, or of one table (`.parquet`, `.csv`, `.tsv`, `.jsonl`).

    Raises `Fault`: `frame_unreadable`, `frame_column`, `frame_empty`, `frame_duplicate`, `frame_id`, `frame_mixed`,
    `frame_strata`.
    """
    with tempfile.TemporaryDirectory() as room, _database(room) as connection:
        if all(path.is_dir() for path in sources) and sources:
            if len(sources) > 1:
                raise invalid(
                    "frame_mixed",
                    "Several folders are given.",
                    remedy="Name the folder above them.",
                    field="frame",
                )
            if wanted.stratum or wanted.score or wanted.cuts:
                raise _column("A folder has no columns.", "Scan it first, or write a table of its paths.")
            column, root = None, str(sources[0].resolve())
            told = (Source(sources[0].name or str(sources[0]), None),)
            _fill(connection, Path(room), _walk(sources[0], tell))
        else:
            if len(sources) != 1:
                raise invalid(
                    "frame_mixed",
                    "A frame is one folder or one table.",
                    remedy="Join the tables into one first.",
                    field="frame",
                )
            tell("reading", 0)
            column = _table(connection, sources[0], wanted)
            root = str(sources[0].resolve().parent)
            told = (Source(sources[0].name, "sha256:" + _sha256(sources[0])),)
        yield _described(connection, wanted, told, column, root, population, None, tell)


@contextmanager
def of_records(
    rows: Iterable[tuple[str, str]], name: str, *, by_surface: bool, population: int | None = None
) -> Iterator[Open]:
    """The frame of our own records: (id of the item of evidence, its surface)."""
    with tempfile.TemporaryDirectory() as room, _database(room) as connection:
        _fill(connection, Path(room), iter(rows))
        wanted = Wanted(stratum="surface" if by_surface else None)
        told = (Source(name, None),)
        yield _described(connection, wanted, told, None, None, population, "records", lambda _, __: None)


@contextmanager
def _database(room: str) -> Iterator[duckdb.DuckDBPyConnection]:
    import duckdb  # a tenth of a second, which no other command needs

    connection = duckdb.connect(
        config={
            "threads": _THREADS,
            "memory_limit": _MEMORY,
            "temp_directory": room,
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
            "preserve_insertion_order": False,
        }
    )
    try:
        connection.execute("set enable_progress_bar = false")  # it would go to standard output
        yield connection
    finally:
        connection.close()


def _walk(folder: Path, tell: Tell) -> Iterator[tuple[str, None]]:
    for count, found in enumerate(files([folder]), 1):
        if found.error is not None:
            raise Fault(
                found.error.kind,
                "frame_unreadable",
                f"{found.path}: {found.error.message}",
                remedy="A frame is whole or none: mend who may read it.",
                field="frame",
            )
        if count % 1000 == 0:
            tell("walking", count)
        yield found.path.relative_to(folder).as_posix(), None


def _fill(connection: duckdb.DuckDBPyConnection, room: Path, rows: Iterator[tuple[str, str | None]]) -> None:
    path = room / "frame.jsonl"
    with path.open("w", encoding="utf-8") as file:
        for id, stratum in rows:
            try:
                id.encode()
            except UnicodeEncodeError as error:
                raise _bad_id("A file's name is no UTF-8.") from error
            file.write(json.dumps({"id": id, "stratum": stratum}) + "\n")
    connection.execute(
        "create table frame as select id, stratum, null::double as score from read_json(?, "
        "format='newline_delimited', columns={id: 'varchar', stratum: 'varchar'})",
        [str(path)],
    )
    path.unlink()


def _table(connection: duckdb.DuckDBPyConnection, path: Path, wanted: Wanted) -> str:
    import duckdb

    reader = TABLES.get(path.suffix.lower())
    if reader is None:
        raise invalid(
            "frame_unreadable",
            f"{path} is no folder and no table.",
            remedy=f"Give a folder, or a file that ends in {', '.join(TABLES)}.",
            field="frame",
        )
    try:
        shown = connection.execute("describe select * from " + reader, [str(path)]).fetchall()  # noqa: S608
        kinds = {str(row[0]): str(row[1]) for row in shown}
        column = _id_column(kinds, wanted.column)
        stratum = _named(kinds, wanted.stratum, "stratum") if wanted.stratum else "null::varchar"
        score = _score(kinds, wanted.score) if wanted.score else "null::double"
        if wanted.cuts:
            stratum = _cut(score, wanted.cuts)
        elif wanted.stratum:
            stratum = f"coalesce(nullif({stratum}, ''), '{UNSCORED}')"
        connection.execute(
            f"create table frame as select {_text(kinds, column)} as id, {stratum} as stratum, "  # noqa: S608
            f"{score} as score from {reader}",
            [str(path)],
        )
    except duckdb.Error as error:
        first = str(error).splitlines()[0]
        raise invalid(
            "frame_unreadable",
            f"{path}: {first[:200]}",
            remedy="Check the file and its columns.",
            field="frame",
        ) from error
    return column


def _score(kinds: dict[str, str], name: str) -> str:
    """A column of numbers; of a scan the value of a signal: absent is 0, and what is unknown has none."""
    if name in kinds:
        return f"try_cast({_text(kinds, name)} as double)"
    if "signals" in kinds:
        at = "'$.\"" + name.replace("'", "").replace('"', "") + "\"'"
        signal = f"json_extract(signals::json, {at})"
        return (
            f"case when json_extract_string({signal}, '$.state') = 'absent' then 0.0 "
            f"else try_cast(json_extract_string({signal}, '$.value') as double) end"
        )
    raise _missing(name, kinds, "score")


def _cut(score: str, cuts: tuple[float, ...]) -> str:
    if list(cuts) != sorted(set(cuts)):
        raise _column("Cuts do not rise.", "Write them in rising order, such as 0.2,0.8.")
    names = cut_names(cuts)
    whens = " ".join(
        f"when ({score}) < {cut!r} then '{name}'" for cut, name in zip(cuts, names, strict=False)
    )
    return f"case when ({score}) is null then '{UNSCORED}' {whens} else '{names[-1]}' end"


def cut_names(cuts: Sequence[float]) -> list[str]:
    """The strata that cuts make, from low to high."""
    ends = [f"{cut:g}" for cut in cuts]
    return [
        f"below {ends[0]}",
        *(f"{a} to {b}" for a, b in itertools.pairwise(ends)),
        f"from {ends[-1]}",
    ]


def _described(
    connection: duckdb.DuckDBPyConnection,
    wanted: Wanted,
    sources: tuple[Source, ...],
    column: str | None,
    root: str | None,
    population: int | None,
    kind: str | None,
    tell: Tell,
) -> Open:
    size, digest, urls = _digest(connection, tell)
    strata = None
    if wanted.stratum or wanted.cuts:
        rows = connection.execute("select stratum, count(*) from frame group by 1 order by 1").fetchall()
        if len(rows) > MOST_STRATA:
            raise invalid(
                "frame_strata",
                f"There are {len(rows)} strata.",
                remedy=f"Join them into at most {MOST_STRATA}.",
                field="strata",
            )
        strata = {str(name): int(count) for name, count in rows}
    scores, unscored = None, 0
    if wanted.score:
        row = connection.execute("select count(*) filter (score is null) from frame").fetchone()
        unscored = int(row[0]) if row else 0
        # Any value does: the people's labels correct it. The worst is said to be so elsewhere, too.
        connection.execute("update frame set score = 1 where score is null")
        row = connection.execute("select count(*), fsum(score), fsum(score * score) from frame").fetchone()
        scores = Scores(int(row[0]), float(row[1]), float(row[2])) if row else None
    if kind is None:
        kind = "urls" if urls else "files"
    frame = Open(connection)
    frame.about = Frame(
        kind,
        sources,
        size,
        digest,
        population or size,
        None if kind != "files" else root,
        column,
        wanted.stratum or ("score" if wanted.cuts else None),
        strata,
        wanted.score,
        scores,
        unscored,
    )
    return frame


def _digest(connection: duckdb.DuckDBPyConnection, tell: Tell) -> tuple[int, str, bool]:
    """Size, digest, and whether all ids are URLs. All checks of ids are here: they are sorted, so one look does."""
    row = connection.execute(
        "select count(*), count(*) filter (id is null or id = ''), "
        "count(*) filter (contains(id, chr(10)) or contains(id, chr(13)) or contains(id, chr(0))), "
        "count(*) filter (id like 'http://%' or id like 'https://%') from frame"
    ).fetchone()
    size, empty, broken, urls = (int(part) for part in row) if row else (0, 0, 0, 0)
    if not size:
        raise invalid("frame_empty", "The frame holds no unit.", remedy="Check the source.", field="frame")
    if empty or broken:
        raise _bad_id(f"{empty} units have no id, {broken} one of several lines.")
    if urls not in (0, size):
        raise invalid(
            "frame_mixed",
            f"{urls} of {size} units are URLs.",
            remedy="Make two frames: one of paths, one of URLs.",
            field="column",
        )
    whole, last, done = hashlib.sha256(), "", 0
    rows = connection.execute("select id from frame order by id")
    while block := rows.fetchmany(_BLOCK):
        ids = [row[0] for row in block]
        if ids[0] == last or len(set(ids)) != len(ids):
            twice = next(a for a, b in zip([last, *ids], ids, strict=False) if a == b)
            raise invalid(
                "frame_duplicate",
                f"{twice!r} stands twice in the frame.",
                remedy="A unit counts once: remove what is double.",
                field="frame",
            )
        whole.update(("\n".join(ids) + "\n").encode())
        last = ids[-1]
        done += len(ids)
        tell("digesting", done)
    return size, "sha256:" + whole.hexdigest(), urls == size


def _id_column(kinds: dict[str, str], name: str | None) -> str:
    if name is not None:
        if name not in kinds:
            raise _missing(name, kinds, "column")
        return name
    if len(kinds) == 1:
        return next(iter(kinds))
    for usual in COLUMNS:
        if usual in kinds:
            return usual
    raise _column(f"Which of {', '.join(kinds)} names the unit?", "Say so with --column.")


def _named(kinds: dict[str, str], name: str, field: str) -> str:
    if name not in kinds:
        raise _missing(name, kinds, field)
    return _text(kinds, name)


def _missing(name: str, kinds: dict[str, str], field: str) -> Fault:
    return invalid(
        "frame_column", f"There is no column {name!r}.", remedy=f"There are {', '.join(kinds)}.", field=field
    )


def _column(message: str, remedy: str) -> Fault:
    return invalid("frame_column", message, remedy=remedy, field="column")


def _bad_id(message: str) -> Fault:
    return invalid("frame_id", message, remedy="Each unit needs a path or an id of one line.", field="frame")


def _text(kinds: dict[str, str], name: str) -> str:
    """The column as text: of JSON the text itself, without its quotes."""
    return f"({_quoted(name)} ->> '$')" if kinds[name] == "JSON" else f"{_quoted(name)}::varchar"


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()

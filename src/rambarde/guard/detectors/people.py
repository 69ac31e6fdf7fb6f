"""Lists of people that an operator keeps: who is protected, and which names belong to invented characters."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rambarde.guard.text.normalise import canonical
from rambarde.nouns.fault import Fault, Kind, invalid

MOST = 1_000_000
"""Most entries of a file."""
LONGEST = 200
"""Longest name or alias, in characters."""
ALIASES = 64
"""Most aliases of one entry."""
_FIELDS = ("name", "aliases", "id", "note")
_SEPARATOR = "|"
"""Between the aliases of a CSV cell."""


@dataclass(frozen=True, slots=True)
class Person:
    """One entry. `aliases` are other spellings in any script; `id` and `note` are the operator's own."""

    name: str
    aliases: tuple[str, ...] = ()
    id: str = ""
    note: str = ""

    @property
    def forms(self) -> tuple[str, ...]:
        return (self.name, *self.aliases)


@dataclass(frozen=True, slots=True)
class People:
    """All entries in the order of their file, and the SHA-256 of its bytes."""

    entries: tuple[Person, ...] = ()
    digest: str = ""

    @classmethod
    def of(cls, *names: str) -> People:
        """People by name alone, without a file. Raises `Fault` `people_invalid` as `read` does."""
        entries = tuple(_person({"name": name}, "") for name in names)
        return cls(entries, _digest("\n".join(names).encode()) if names else "")

    @classmethod
    def read(cls, path: Path) -> People:
        """Read a file: JSON lines (`.jsonl`), or CSV (`.csv`) whose first line names the fields.

        Strict, because an entry that is skipped is a person without protection. Raises `Fault`: `people_unreadable`,
        `people_invalid` with the line and the field, `people_too_many`. No message quotes an entry.
        """
        try:
            data = path.read_bytes()
        except OSError as error:
            raise invalid(
                "people_unreadable",
                f"{path}: {error.strerror}.",
                remedy="Check the path and who may read it.",
            ) from error
        rows = {".jsonl": _lines, ".csv": _cells}.get(path.suffix.lower())
        if rows is None:
            raise invalid(
                "people_invalid",
                f"{path.name} is neither .jsonl nor .csv.",
                remedy="Name it after its form: JSON lines (.jsonl) or CSV (.csv).",
            )
        try:
            text = data.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            line = data.count(b"\n", 0, error.start) + 1
            raise _bad(f"{path.name} line {line}", "is no UTF-8", "Save the file as UTF-8.") from error
        entries: list[Person] = []
        ids: dict[str, str] = {}
        for number, row in rows(text, path.name):
            where = f"{path.name} line {number}"
            if len(entries) == MOST:
                raise Fault(
                    Kind.TOO_LARGE,
                    "people_too_many",
                    f"{where}: the file has more than {MOST:,} entries.",
                    remedy="Leave out entries that are not needed.",
                )
            person = _person(row, where)
            if person.id and (first := ids.setdefault(person.id, where)) != where:
                raise _bad(
                    where, f"`id` is the same as in {first}", "Give each person an id of their own.", "id"
                )
            entries.append(person)
        if not entries:
            raise _bad(
                path.name,
                "holds no entry",
                "Remove the setting if nobody is to be listed; else mend the file.",
            )
        return cls(tuple(entries), _digest(data))


def _lines(text: str, name: str) -> Iterator[tuple[int, dict[str, Any]]]:
    for number, line in enumerate(text.split("\n"), 1):
        if not line.strip():
            continue
        where = f"{name} line {number}"
        try:
            row = json.loads(line, object_pairs_hook=_once)
        except (ValueError, RecursionError) as error:
            why = str(error) if isinstance(error, _TwiceError) else "is no JSON object"
            raise _bad(
                where, why, 'Write one object a line, like {"name": "…", "aliases": ["…"]}.'
            ) from error
        if not isinstance(row, dict):
            raise _bad(where, "is no JSON object", 'Write one object a line, like {"name": "…"}.')
        yield number, row


class _TwiceError(ValueError):
    pass


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    row = dict(pairs)
    if len(row) != len(pairs):
        raise _TwiceError("names a field twice")
    return row


def _cells(text: str, name: str) -> Iterator[tuple[int, dict[str, Any]]]:
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    header: list[str] | None = None
    at = 1
    try:
        for cells in reader:
            where, start, at = f"{name} line {at}", at, reader.line_num + 1
            if not any(cell.strip() for cell in cells):
                continue
            if header is None:
                header = [cell.strip() for cell in cells]
                if "name" not in header or len(set(header)) != len(header) or not {*header} <= {*_FIELDS}:
                    raise _bad(
                        where,
                        "does not name the fields",
                        f"Begin with a line of field names: {', '.join(_FIELDS)}; only `name` is required.",
                    )
                continue
            if len(cells) != len(header):
                raise _bad(
                    where,
                    f"has {len(cells)} fields, the first line {len(header)}",
                    "Put cells that hold a comma in double quotes.",
                )
            row: dict[str, Any] = dict(zip(header, cells, strict=True))
            if "aliases" in row:
                row["aliases"] = [part for part in row["aliases"].split(_SEPARATOR) if part.strip()]
            yield start, row
    except csv.Error as error:
        raise _bad(f"{name} line {at}", f"is no CSV ({error})", "Mend the quotes.") from error


def _person(row: dict[str, Any], where: str) -> Person:
    for field in row:
        if field not in _FIELDS:
            raise _bad(
                where, "has a field that is not known", f"Fields are: {', '.join(_FIELDS)}.", str(field)[:40]
            )
    if "name" not in row:
        raise _bad(where, "has no `name`", "Give each entry a name.", "name")
    aliases = row.get("aliases", [])
    if not isinstance(aliases, list) or len(aliases) > ALIASES:
        raise _bad(where, f"`aliases` is no list of up to {ALIASES} names", 'Write ["…", "…"].', "aliases")
    return Person(
        _name(row["name"], where, "name"),
        tuple(_name(alias, where, "aliases") for alias in aliases),
        _remark(row.get("id", ""), where, "id"),
        _remark(row.get("note", ""), where, "note"),
    )


def _name(value: object, where: str, field: str) -> str:
    """A name long enough to mean somebody: two letters where one is a syllable or more, three elsewhere."""
    text = _remark(value, where, field)
    letters = [c for c in text if c.isalpha()]
    if len(letters) < (2 if any(c > "\u2e00" for c in letters) else 3):
        raise _bad(
            where,
            f"`{field}` holds a name too short to tell anybody by",
            "Give at least three letters, or two of a script that writes syllables.",
            field,
        )
    try:
        canonical(text)
    except Fault as error:
        raise _bad(
            where, f"`{field}` holds no name once normalised", "Write it in letters.", field
        ) from error
    return text


def _remark(value: object, where: str, field: str) -> str:
    if not isinstance(value, str):
        raise _bad(where, f"`{field}` is no text", "Put it in double quotes.", field)
    text = value.strip()
    if len(text) > LONGEST:
        raise _bad(where, f"`{field}` is longer than {LONGEST} characters", "Shorten it.", field)
    if any(c < " " or "\ud800" <= c <= "\udfff" for c in text):
        raise _bad(where, f"`{field}` holds a control character", "Remove it.", field)
    return text


def _bad(where: str, what: str, remedy: str, field: str | None = None) -> Fault:
    return invalid("people_invalid", f"{where} {what}.".lstrip(), remedy=remedy, field=field)


def _digest(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"

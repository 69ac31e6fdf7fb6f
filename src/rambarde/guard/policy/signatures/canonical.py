"""Canonical JSON: one text for one document, read as strictly as it is written.

What is signed and logged must not have two readings, so unknown and repeated keys, fractions, and any text that
is not exactly what we would have written are refused with the name of the field.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import NoReturn

from rambarde.nouns.fault import Fault, invalid

JSON = None | bool | int | str | Sequence["JSON"] | Mapping[str, "JSON"]
"""What these documents are made of. No fractions: they have too many spellings."""

LIMIT_BYTES = 1 << 20
"""Bytes of one document: 1 MiB."""
LIMIT_DEPTH = 16
LIMIT_INTEGER = 2**53 - 1
"""The largest whole number that every JSON reader keeps."""
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}", re.ASCII)


def canonical(document: JSON) -> bytes:
    """Compact JSON in ASCII with sorted keys."""
    text = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
    return text.encode("ascii")


def digest(data: bytes) -> str:
    """`sha256:` and 64 hex digits."""
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def stamp(time: datetime) -> str:
    """A time as these documents write it: ISO 8601, in UTC, with `+00:00`. Raises `ValueError` without a zone."""
    if time.tzinfo is None:
        raise ValueError("a time needs its zone")
    return time.astimezone(UTC).isoformat()


def parse(data: bytes, what: str) -> JSON:
    """The document in `data`, with at most one newline after it. `what` names it in messages.

    Raises `Fault(INVALID)` with code `change_too_large` or `change_invalid`.
    """
    if len(data) > LIMIT_BYTES:
        raise invalid(
            "change_too_large",
            f"{what} has {len(data)} bytes; at most {LIMIT_BYTES} are read.",
            remedy="Shorten its reason and regions.",
            field=what,
        )
    data = data.removesuffix(b"\n")
    try:
        text = data.decode("ascii")
        document: JSON = json.loads(
            text, object_pairs_hook=_once, parse_float=_no_number, parse_constant=_no_number
        )
        check(document, what)
        same = canonical(document) == data
    except UnicodeDecodeError as error:
        raise wrong(what, f"is no JSON in ASCII (byte {error.start})") from error
    except (ValueError, RecursionError) as error:
        why = error.msg if isinstance(error, json.JSONDecodeError) else str(error)
        raise wrong(what, f"is not strict JSON: {why}") from error
    if not same:
        raise wrong(what, "is not written canonically, so somebody has edited it")
    return document


def check(value: object, field: str, depth: int = 0) -> None:
    """Raise `Fault(INVALID, "change_invalid")` for anything but `JSON`, naming the field."""
    if depth > LIMIT_DEPTH:
        raise wrong(field, f"is nested more than {LIMIT_DEPTH} levels deep")
    if isinstance(value, str):
        if any(0xD800 <= ord(c) <= 0xDFFF for c in value):
            raise wrong(field, "holds half a character (a lone surrogate)")
    elif isinstance(value, Mapping):
        for key, item in value.items():
            if not isinstance(key, str):
                raise wrong(field, "has a key that is no text")
            check(key, field, depth + 1)
            check(item, f"{field}.{key}", depth + 1)
    elif isinstance(value, list | tuple):
        for place, item in enumerate(value):
            check(item, f"{field}[{place}]", depth + 1)
    elif isinstance(value, int):
        if abs(value) > LIMIT_INTEGER:
            raise wrong(field, "is too large a number")
    elif value is not None:
        raise wrong(field, f"is a {type(value).__name__}, which these documents do not have")


def wrong(
    field: str, problem: str, remedy: str = "Make and sign the document again with this tool."
) -> Fault:
    return invalid("change_invalid", f"{field} {problem}.", remedy=remedy, field=field)


class Fields:
    """The keys of one JSON object, each read with its type; `done` refuses what nobody asked for.

    Every method raises `Fault(INVALID, "change_invalid")` that names the field.
    """

    def __init__(self, value: object, what: str) -> None:
        if not isinstance(value, Mapping):
            raise wrong(what, "must be an object")
        self._what = what
        self._rest = dict(value)

    def name(self, key: str) -> str:
        return f"{self._what}.{key}"

    def take(self, key: str) -> object:
        if key not in self._rest:
            raise wrong(self.name(key), "is missing")
        return self._rest.pop(key)

    def done(self) -> None:
        for key in self._rest:
            raise wrong(self.name(str(key)), "is not known here")

    def text(self, key: str, limit: int = 200) -> str:
        return text(self.take(key), self.name(key), limit)

    def texts(self, key: str, limit: int = 2_000) -> tuple[str, ...]:
        return tuple(text(item, f"{self.name(key)}[{i}]", limit) for i, item in enumerate(self.items(key)))

    def items(self, key: str) -> Sequence[object]:
        value = self.take(key)
        if not isinstance(value, list | tuple):
            raise wrong(self.name(key), "must be a list")
        return value

    def boolean(self, key: str) -> bool:
        value = self.take(key)
        if not isinstance(value, bool):
            raise wrong(self.name(key), "must be true or false")
        return value

    def whole(self, key: str, low: int, high: int = LIMIT_INTEGER) -> int:
        value = self.take(key)
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise wrong(self.name(key), f"must be a whole number from {low} to {high}")
        return value

    def digest(self, key: str) -> str:
        return a_digest(self.take(key), self.name(key))

    def digest_or_none(self, key: str) -> str | None:
        value = self.take(key)
        return None if value is None else a_digest(value, self.name(key))

    def time(self, key: str) -> datetime:
        return a_time(self.take(key), self.name(key))

    def time_or_none(self, key: str) -> datetime | None:
        value = self.take(key)
        return None if value is None else a_time(value, self.name(key))


def text(value: object, field: str, limit: int) -> str:
    """A text of 1 to `limit` characters that is not blank."""
    if not isinstance(value, str) or not value.strip():
        raise wrong(field, "must be a text that says something")
    if len(value) > limit:
        raise wrong(field, f"has {len(value)} characters, and at most {limit} are allowed")
    return value


def a_digest(value: object, field: str) -> str:
    if not isinstance(value, str) or not _DIGEST.fullmatch(value):
        raise wrong(field, "must be `sha256:` and 64 hex digits in lower case")
    return value


def a_time(value: object, field: str) -> datetime:
    try:
        time = datetime.fromisoformat(value) if isinstance(value, str) else None
        if time is not None and time.tzinfo is not None and stamp(time) == value:
            return time.astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise wrong(field, "must be a time in UTC such as 2026-11-22T09:30:00+00:00")


def _once(pairs: list[tuple[str, JSON]]) -> dict[str, JSON]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the key {twice!r} stands twice")
    return found


def _no_number(word: str) -> NoReturn:
    raise ValueError(f"{word} is not a whole number")

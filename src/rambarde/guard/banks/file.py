"""The file of a bank: text, so that it can be read, compared and signed; sealed, so that damage shows.

    rambarde-bank 2
    version 17
    previous <digest of the bank it was made from>
    as-of 2026-11-23T03:00:00Z
    max-age 24
    state {"…": "what an exchange has to know to go on"}
    decision {"source": "own", "by": "Ada Nova", "at": "2026-11-23T03:00:00Z", "reason": "case 12"}
    # a comment
    block f8f8f0cee0f4a84f06370a22038f63f0b36e2ed596621e1d33e6b39c4e9c9b22 1
    negative <hash> 1
    removed <hash> <decision> <the decision that it ended>
    end 3 <SHA-256, in hex, of all bytes before this line>

Entries name their decision by its number, from 1. `block` may go on with an exchange's references.
Format 1 has a version and bare hashes, all blocked. The last line makes a truncated or altered file an
error instead of a smaller bank.
"""

from __future__ import annotations

import binascii
import contextlib
import fcntl
import hashlib
import io
import json
import os
import re
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

from rambarde.guard.banks.entry import OWN, Decision, Entry, Kind, checked, moment, stamp

_MAGICS = (b"rambarde-bank 1", b"rambarde-bank 2")
_HASH = re.compile(rb"[0-9a-f]{64}")
_ENTRY = re.compile(rb"(block|negative|removed) ([0-9a-f]{64}) ([1-9][0-9]{0,8})((?: [!-~]{1,64})*)")
_END = re.compile(rb"end ([0-9]{1,12}) ([0-9a-f]{64})")
_COMMENT = ord("#")
_VERSION = re.compile(r"[A-Za-z0-9._:+-]{1,64}")
_DIGEST = re.compile(r"[0-9a-f]{64}")
LONGEST_AGE = timedelta(days=366)
_UNRECORDED = Decision(OWN, "not recorded", datetime(1970, 1, 1, tzinfo=UTC), "from a bank of format 1")


@dataclass(frozen=True, slots=True)
class Head:
    """What a bank's file says of the whole.

    `digest` is the one in its last line. `as_of` is when it was last known to be complete, `max_age` how old
    it may become (none: it does not age); a bank with the second and without the first is not complete.
    """

    version: str = "empty"
    previous: str = ""
    as_of: datetime | None = None
    max_age: timedelta | None = None
    state: Mapping[str, Any] = field(default_factory=dict)
    digest: str = ""

    def __post_init__(self) -> None:
        if not _VERSION.fullmatch(self.version):
            raise ValueError(f"bank version {self.version!r}: letters, digits and . _ : + - only, at most 64")
        if self.previous and not _DIGEST.fullmatch(self.previous):
            raise ValueError("bank: previous: not a SHA-256 in hex")
        if self.max_age is not None and not timedelta(0) < self.max_age <= LONGEST_AGE:
            raise ValueError("bank: max-age: more than 0 hours and at most a year")


class Line(NamedTuple):
    """One entry of the file, its decision still as a number from 0."""

    kind: str
    hash: bytes
    decision: int
    rest: str


class Sealed:
    """A bank's file whose seal holds: its `head` and `decisions`; its entries one by one, for it may be large."""

    def __init__(self, data: bytes) -> None:
        """Raises `ValueError`, with the line, for a file that is damaged or not of the form."""
        self._body, self._count, digest = _unsealed(data)
        lines = self._numbered()
        magic, version = (next(lines, (0, b""))[1] for _ in range(2))
        if magic not in _MAGICS or not version.startswith(b"version "):
            raise ValueError(f"bank: it must start with {_MAGICS[1].decode()!r} and a version line")
        self.is_old = magic == _MAGICS[0]
        told: dict[str, Any] = {"version": version[8:].decode(errors="replace"), "digest": digest}
        self.decisions: list[Decision] = [_UNRECORDED] if self.is_old else []
        self._first = 3
        while not self.is_old and self._headed(next(lines, (0, b""))[1], told):
            self._first += 1
        self.head = Head(**told)

    def _numbered(self) -> Iterator[tuple[int, bytes]]:
        """The lines before the last, from 1."""
        yield from ((number, line[:-1]) for number, line in enumerate(io.BytesIO(self._body), 1))

    def _headed(self, line: bytes, told: dict[str, Any]) -> bool:
        """Take a line of the head in; False where the entries begin."""
        word, _, rest = line.decode(errors="replace").partition(" ")
        try:
            match word:
                case "previous":
                    told["previous"] = rest
                case "as-of":
                    told["as_of"] = moment(rest)
                case "max-age":
                    told["max_age"] = timedelta(hours=float(rest))
                case "state":
                    told["state"] = json.loads(rest)
                    if not isinstance(told["state"], dict):
                        raise ValueError("not an object")
                case "decision":
                    self.decisions.append(Decision.from_json(json.loads(rest)))
                case _:
                    return False
        except (ValueError, OverflowError, RecursionError) as error:
            raise ValueError(f"bank: line {self._first}: {word}: {error}") from None
        return True

    def lines(self) -> Iterator[Line]:
        """Raises `ValueError`, with the line, for one that is no entry, and if they are not as many as said."""
        known, count = len(self.decisions), 0
        for number, line in self._numbered():
            if number < self._first or not line or line[0] == _COMMENT:
                continue
            count += 1
            if self.is_old:
                if not _HASH.fullmatch(line):
                    raise ValueError(f"bank: line {number}: not 64 lower-case hex digits")
                yield Line("block", binascii.unhexlify(line), 0, "")
                continue
            found = _ENTRY.fullmatch(line)
            if found is None:
                raise ValueError(
                    f"bank: line {number}: not an entry: KIND, 64 lower-case hex digits, DECISION"
                )
            kind, text, decision, rest = found.groups()
            if int(decision) > known:
                raise ValueError(f"bank: line {number}: there is no decision {int(decision)}")
            yield Line(kind.decode(), binascii.unhexlify(text), int(decision) - 1, rest.decode())
        if str(count).encode() != self._count:
            raise ValueError(f"bank: it holds {count} hashes and says {self._count[:12].decode()}")

    def entries(self) -> Iterator[tuple[bytes, Entry]]:
        """Raises as `lines`, and for a tombstone that names no decision it ended."""
        for line in self.lines():
            kind, rest, added = Kind(line.kind), tuple(line.rest.split()), None
            if kind is Kind.REMOVED:
                ended = rest[0] if len(rest) == 1 else ""
                if not ended.isdecimal() or not 0 < int(ended) <= len(self.decisions):
                    raise ValueError(
                        f"bank: {line.hash.hex()[:8]}…: a tombstone names the decision that it ended"
                    )
                added, rest = self.decisions[int(ended) - 1], ()
            yield line.hash, Entry(kind, self.decisions[line.decision], added, rest)


def _unsealed(data: bytes) -> tuple[memoryview, bytes, str]:
    """The lines before the last, the count in the last, and the digest."""
    end = len(data) - (data[-1:] == b"\n")
    cut = data.rfind(b"\n", 0, end) + 1
    found = _END.fullmatch(data, cut, end)
    if found is None:
        raise ValueError("bank: its last line is not 'end COUNT SHA256': it is truncated or damaged")
    body = memoryview(data)[:cut]
    digest = hashlib.sha256(body).hexdigest()
    if found[2].decode() != digest:
        raise ValueError("bank: its last line does not agree with the rest: it is truncated or was altered")
    return body, found[1], digest


def sealed(head: Head, entries: Iterable[tuple[bytes, Entry]]) -> bytes:
    """The file. Decisions are numbered in the order in which they are met; `head.digest` is not read."""
    numbers: dict[Decision, int] = {}
    rows = []
    for value, entry in entries:
        if len(value) != 32:
            raise ValueError("a bank entry has 32 bytes")
        row = f"{entry.kind} {value.hex()} {numbers.setdefault(entry.decision, len(numbers) + 1)}"
        if entry.kind is Kind.REMOVED:
            if entry.added is None:
                raise ValueError("a tombstone names the decision that it ended")
            row += f" {numbers.setdefault(entry.added, len(numbers) + 1)}"
        elif entry.references:
            row = " ".join((row, *checked(entry.references)))
        rows.append(row)
    lines = [_MAGICS[1].decode(), f"version {head.version}"]
    if head.previous:
        lines.append(f"previous {head.previous}")
    if head.as_of is not None:
        lines.append(f"as-of {stamp(head.as_of)}")
    if head.max_age is not None:
        lines.append(f"max-age {head.max_age / timedelta(hours=1):g}")
    if head.state:
        lines.append(f"state {json.dumps(head.state, sort_keys=True)}")
    lines += [f"decision {json.dumps(one.as_json(), ensure_ascii=False)}" for one in numbers]
    body = "\n".join((*lines, *rows, "")).encode()
    return body + f"end {len(rows)} {hashlib.sha256(body).hexdigest()}\n".encode()


def replace(path: Path, data: bytes) -> None:
    """Put a file in the place of another, durably and in one step: a reader sees the old one or the new one.

    A new file is its owner's only; a replaced one keeps its mode. Raises `OSError`.
    """
    mode = path.stat().st_mode & 0o777 if path.exists() else 0o600
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fchmod(file.fileno(), mode)
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


@contextlib.contextmanager
def held(path: Path) -> Iterator[None]:
    """Alone with a bank while it is read, changed and replaced, by a lock beside it. Waits. Raises `OSError`."""
    with path.with_name(f".{path.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield

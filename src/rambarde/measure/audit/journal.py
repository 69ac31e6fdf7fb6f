"""The journal of labels: one event a line, added at the end, on the disk before anybody is told that it was taken.

Each line names the digest of the one before, so a line that was changed, left out or put in later shows. A last line
that a crash cut short was never acknowledged: it is cut off on opening.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import msgspec

from rambarde.nouns.fault import Fault, Kind, invalid

Pass = Literal["first", "retest", "adjudication"]
Label = Literal["positive", "negative", "unsure", "withheld", "unreadable"]
"""`withheld`: never shown again, to nobody. `unreadable`: there is no picture to look at."""
START = "0" * 64


class Opened(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="opened"):
    """Labelling began, or went on: with whom, what was asked, on what legal basis."""

    at: str
    sample: str
    question: str
    raters: tuple[str, ...]
    adjudicator: str | None
    legal_basis: str | None
    retest: float
    prev: str = START


class Labelled(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="label"):
    """One label by one person. `why` of what was withheld or unreadable, in words of ours."""

    at: str
    rater: str
    unit: int
    label: Label
    turn: Pass
    why: str | None = None
    prev: str = START


class Undone(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag="undo"):
    """A person took their last label back; the label stays in the journal."""

    at: str
    rater: str
    unit: int
    turn: Pass
    prev: str = START


Event = Opened | Labelled | Undone


class Journal:
    """One process writes it. Not thread-safe: the labelling page writes from one event loop."""

    def __init__(self, path: Path, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        """Open for adding. Raises `Fault`: `journal_busy` (another process writes), those of `read`."""
        self._clock = clock
        try:
            self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        except OSError as error:
            raise invalid(
                "audit_unwritable", f"{path}: {error.strerror}.", remedy="Check the folder.", field="audit"
            ) from error
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(self._file)
            raise Fault(
                Kind.CONFLICT,
                "journal_busy",
                "Another process is labelling this audit.",
                remedy="End it, or open the address that it printed.",
                field="audit",
            ) from error
        data = path.read_bytes()
        whole = data[: data.rfind(b"\n") + 1]
        if len(whole) < len(data):
            os.ftruncate(self._file, len(whole))
        try:
            self.events, self._last = _events(whole)
        except Fault:
            os.close(self._file)
            raise
        self.cut = len(data) - len(whole)

    def now(self) -> str:
        return self._clock().isoformat(timespec="milliseconds")

    def add(self, event: Event) -> None:
        """Durable on return. Raises `Fault` `journal_unwritable`, and then nothing of it stays."""
        event = msgspec.structs.replace(event, prev=self._last)
        line = msgspec.json.encode(event) + b"\n"
        size = os.fstat(self._file).st_size
        try:
            if os.write(self._file, line) != len(line):
                raise OSError(28, "no space left")
            os.fsync(self._file)
        except OSError as error:
            os.ftruncate(self._file, size)
            raise Fault(
                Kind.INTERNAL,
                "journal_unwritable",
                f"The label could not be kept: {error.strerror}.",
                remedy="Make room on the disk and label again.",
                field="audit",
            ) from error
        self._last = hashlib.sha256(line).hexdigest()
        self.events.append(event)

    def close(self) -> None:
        os.close(self._file)


def read(path: Path) -> tuple[list[Event], str]:
    """All events and the journal's digest; none where there is no file. A cut last line is left out.

    Raises `Fault` `journal_invalid`, naming the line.
    """
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return [], START
    except OSError as error:
        raise invalid(
            "audit_unreadable", f"{path}: {error.strerror}.", remedy="Check who may read it.", field="audit"
        ) from error
    return _events(data[: data.rfind(b"\n") + 1])


def _events(data: bytes) -> tuple[list[Event], str]:
    decoder = msgspec.json.Decoder(Event)
    events: list[Event] = []
    last = START
    for number, line in enumerate(data.splitlines(keepends=True), 1):
        try:
            event: Event = decoder.decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise _invalid(f"Line {number} of the labels is none: {error}.") from error
        if event.prev != last:
            raise _invalid(
                f"Line {number} of the labels does not follow the one before: something was changed."
            )
        last = hashlib.sha256(line).hexdigest()
        events.append(event)
    return events, last


def _invalid(message: str) -> Fault:
    return invalid(
        "journal_invalid",
        message,
        remedy="Bring the file back from a copy; labels are only ever added, by `rambarde audit label`.",
        field="audit",
    )

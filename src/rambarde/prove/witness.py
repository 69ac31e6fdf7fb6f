"""A witness: cosigns the checkpoints of logs it knows, and never two histories of one (C2SP tlog-witness).

It is for somebody else than the log's operator. Of each log it keeps the newest checkpoint that it cosigned, in a
file that is on disk before the cosignature leaves.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from rambarde.nouns.fault import Fault, Kind, invalid
from rambarde.prove.merkle import EMPTY_ROOT, verify_consistency
from rambarde.prove.note import COSIGNATURE, Checkpoint, Note, NoteError, Signer, Verifier, time_of, unbase64
from rambarde.prove.tiles import sync_folder, write_durably

KEY_FILE, LOGS = "witness.key", "logs"
LONGEST = 100_000
"""Bytes of a submission that are read."""
MOST_HASHES = 63
_BACKWARDS = 60
"""Seconds by which the clock may have gone back before nothing is cosigned any more."""
_OLD = re.compile(r"old (0|[1-9][0-9]{0,18})")
_PLAIN, _SIZE = "text/plain; charset=utf-8", "text/x.tlog.size"


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer over HTTP."""

    status: int
    body: str
    media_type: str = _PLAIN


class Witness:
    """Over a folder that `create` made. Thread-safe; several processes on one folder take turns."""

    def __init__(self, folder: Path, clock: Callable[[], float] = time.time) -> None:
        """Raises `Fault` `witness_missing` (no witness is there), `witness_key_invalid`, `witness_unreadable`."""
        self._folder = folder
        self._clock = clock
        self._mutex = threading.Lock()
        try:
            text = (folder / KEY_FILE).read_text("utf-8")
            self._signer = Signer.parse(text, COSIGNATURE)
        except FileNotFoundError as error:
            raise _missing(folder) from error
        except (NoteError, UnicodeDecodeError) as error:
            raise Fault(
                Kind.INTERNAL,
                "witness_key_invalid",
                f"{KEY_FILE} is no witness's key: {error}.",
                remedy="Restore it from where you keep it.",
            ) from error
        except OSError as error:
            raise _unreadable(error) from error

    @classmethod
    def create(cls, folder: Path, name: str) -> Witness:
        """Make a key and an empty memory. Raises `Fault` `witness_exists`, `witness_name`, `witness_unreadable`."""
        try:
            signer = Signer(name, secrets.token_bytes(32), COSIGNATURE)
        except NoteError as error:
            raise invalid(
                "witness_name", f"{error}.", remedy="Give a name such as witness.example.org.", field="name"
            ) from error
        try:
            (folder / LOGS).mkdir(parents=True, exist_ok=True, mode=0o700)
            write_durably(folder / KEY_FILE, f"{signer.secret()}\n".encode(), 0o600)
        except FileExistsError as error:
            raise Fault(
                Kind.CONFLICT,
                "witness_exists",
                "there is a witness in this folder.",
                remedy="Use it, or name another folder: a witness that forgot what it saw must get a new key.",
            ) from error
        except OSError as error:
            raise _unreadable(error) from error
        return cls(folder)

    @property
    def verifier(self) -> Verifier:
        """The key to give to logs and to those who verify."""
        return self._signer.verifier

    def trust(self, log: Verifier) -> None:
        """Cosign this log from now on, beginning with nothing seen.

        Raises `Fault` `witness_log_known` for an origin that is there: its memory is not to be overwritten.
        """
        path = self._path(log.name)
        try:
            write_durably(path, f"{log}\n".encode())
            sync_folder(path.parent)
        except FileExistsError as error:
            raise Fault(
                Kind.CONFLICT,
                "witness_log_known",
                f"{log.name} is cosigned already.",
                remedy="A log keeps its key for life; one with a new key has a new origin.",
                field="key",
            ) from error
        except OSError as error:
            raise _unreadable(error) from error

    def logs(self) -> list[tuple[Verifier, Checkpoint | None]]:
        """The logs it knows and what it cosigned last of each."""
        try:
            return [self._memory(path) for path in sorted((self._folder / LOGS).glob("*.log"))]
        except OSError as error:
            raise _unreadable(error) from error

    def add_checkpoint(self, submission: bytes) -> Reply:
        """`POST add-checkpoint`: check a submission, remember it, cosign it.

        Raises `Fault` `witness_unreadable` or `witness_clock`; then nothing was cosigned.
        """
        try:
            old, proof, note = _taken_apart(submission)
            parsed = Note.parse(note)
            new = Checkpoint.parse(parsed.text)
        except (NoteError, UnicodeDecodeError) as error:
            return Reply(400, f"{error}\n")
        with self._mutex, self._alone():
            try:
                log, seen = self._memory(self._path(new.origin))
            except FileNotFoundError:
                return Reply(404, "this witness does not know the log\n")
            except OSError as error:
                raise _unreadable(error) from error
            try:
                parsed.verify(log)
            except NoteError as error:
                return Reply(403, f"{error}\n")
            size = seen.size if seen else 0
            if old > new.size:
                return Reply(400, "the old size is over the checkpoint's\n")
            if old != size:
                return Reply(409, f"{size}\n", _SIZE)
            if seen is not None and new.size == size and new.root != seen.root:
                return Reply(409, f"{size}\n", _SIZE)
            if not _consistent(size, seen.root if seen else EMPTY_ROOT, new, proof):
                return Reply(422, "the proof does not lead from what was cosigned to this checkpoint\n")
            line = self._signer.cosign(parsed.text, self._now())
            try:
                self._remember(log, f"{note}{line}")
            except OSError as error:
                raise _unreadable(error) from error
        return Reply(200, line)

    def _now(self) -> int:
        """Whole seconds, never less than any before: a cosignature says what was newest at its time."""
        now = int(self._clock())
        before = [
            time_of(signature)
            for path in (self._folder / LOGS).glob("*.log")
            for name, key, signature in _signatures(path)
            if (name, key) == (self._signer.name, self._signer.verifier.key_id)
        ]
        last = max(before, default=0)
        if now < last - _BACKWARDS:
            raise Fault(
                Kind.INTERNAL,
                "witness_clock",
                "this witness's clock went backwards.",
                remedy="Set it right; until then it cosigns nothing.",
            )
        return max(now, last)

    def _memory(self, path: Path) -> tuple[Verifier, Checkpoint | None]:
        """The log's key and the newest checkpoint cosigned. Raises `OSError`, and `Fault` `witness_damaged`."""
        text = path.read_text("utf-8", errors="replace")
        key, _, note = text.partition("\n")
        try:
            log = Verifier.parse(key)
            if not note:
                return log, None
            parsed = Note.parse(note)
            if len(parsed.verify(log, self.verifier)) != 2:
                raise NoteError("it is not signed by both")
            return log, Checkpoint.parse(parsed.text)
        except NoteError as error:
            raise Fault(
                Kind.INTERNAL,
                "witness_damaged",
                f"what the witness remembers in {path.name} does not hold: {error}.",
                remedy="Restore it. If it is lost, retire the key: a witness must not forget.",
            ) from error

    def _remember(self, log: Verifier, note: str) -> None:
        path = self._path(log.name)
        staged = path.with_suffix(f".{secrets.token_hex(6)}")
        try:
            write_durably(staged, f"{log}\n{note}".encode())
            staged.replace(path)
        finally:
            staged.unlink(missing_ok=True)
        sync_folder(path.parent)

    def _path(self, origin: str) -> Path:
        return self._folder / LOGS / f"{hashlib.sha256(origin.encode(errors='replace')).hexdigest()[:32]}.log"

    @contextmanager
    def _alone(self) -> Iterator[None]:
        try:
            handle = os.open(self._folder / KEY_FILE, os.O_RDONLY)
        except OSError as error:
            raise _unreadable(error) from error
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield
        finally:
            os.close(handle)


def _taken_apart(submission: bytes) -> tuple[int, list[bytes], str]:
    """The old size, the proof and the checkpoint. Raises `NoteError`, `UnicodeDecodeError`."""
    head, blank, note = submission.decode().partition("\n\n")
    first, *lines = head.split("\n")
    old = _OLD.fullmatch(first)
    if not blank or old is None:
        raise NoteError("a submission is `old N`, a proof, a blank line and a checkpoint")
    proof = [unbase64(line) for line in lines]
    if len(proof) > MOST_HASHES or any(len(hash) != 32 for hash in proof):
        raise NoteError(f"a proof is at most {MOST_HASHES} hashes")
    return int(old[1]), proof, note


def _consistent(size: int, root: bytes, new: Checkpoint, proof: list[bytes]) -> bool:
    if size == 0:
        return not proof and (new.size > 0 or new.root == EMPTY_ROOT)
    return verify_consistency(size, new.size, proof, root, new.root)


def _signatures(path: Path) -> tuple[tuple[str, bytes, bytes], ...]:
    _, _, note = path.read_text("utf-8", errors="replace").partition("\n")
    return Note.parse(note).signatures if note else ()


def _missing(folder: Path) -> Fault:
    return Fault(
        Kind.NOT_FOUND,
        "witness_missing",
        f"there is no witness in {folder}.",
        remedy="Make one with `rambarde log witness init`.",
    )


def _unreadable(error: OSError) -> Fault:
    return Fault(
        Kind.INTERNAL,
        "witness_unreadable",
        f"the witness's folder cannot be read or written: {error.strerror}.",
        remedy="Check its owner and free space; nothing was cosigned.",
    )

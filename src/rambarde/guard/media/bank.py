"""A bank of blocked pictures: PDQ hashes under a version, without the pictures."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

_MAGIC = "rambarde-bank 1"
_HASH = re.compile(r"[0-9a-f]{64}")
_VERSION = re.compile(r"[A-Za-z0-9._:+-]{1,64}")


@dataclass(frozen=True, slots=True)
class Bank:
    """Blocked hashes, 32 bytes each, in the order of the file. Only human decisions add one.

    Its file is text, so that it can be read, compared and signed:

        rambarde-bank 1
        version 2026-11-22
        # a comment
        f8f8f0cee0f4a84f06370a22038f63f0b36e2ed596621e1d33e6b39c4e9c9b22
        end 1 <SHA-256, in hex, of all bytes before this line>

    The last line makes a truncated or altered file an error instead of a smaller bank.
    """

    version: str = "empty"
    hashes: tuple[bytes, ...] = ()

    def __post_init__(self) -> None:
        if not _VERSION.fullmatch(self.version):
            raise ValueError(f"bank version {self.version!r}: letters, digits and . _ : + - only, at most 64")
        if any(len(entry) != 32 for entry in self.hashes):
            raise ValueError("a bank entry has 32 bytes")

    @classmethod
    def of(cls, version: str, hashes: Iterable[str]) -> Bank:
        """A bank of hashes in hex. Raises `ValueError` for one that is not 64 hex digits."""
        return cls(version, tuple(_entry(text.lower(), "hash") for text in hashes))

    @classmethod
    def read(cls, path: Path) -> Bank:
        """Read a bank file. Raises `OSError` if it cannot be read, `ValueError` with the line if it is damaged."""
        return cls.parse(path.read_bytes())

    @classmethod
    def parse(cls, data: bytes) -> Bank:
        """A bank from the bytes of its file. Raises `ValueError` with the line for anything unexpected."""
        body, _, last = data.removesuffix(b"\n").rpartition(b"\n")
        body += b"\n"
        try:
            lines = body.decode("utf-8").split("\n")[:-1]
            word, count, digest = last.decode("ascii").split(" ")
        except (UnicodeDecodeError, ValueError):
            raise ValueError(
                "bank: its last line is not 'end COUNT SHA256': it is truncated or damaged"
            ) from None
        if word != "end" or digest != hashlib.sha256(body).hexdigest():
            raise ValueError(
                "bank: its last line does not agree with the rest: it is truncated or was altered"
            )
        if len(lines) < 2 or lines[0] != _MAGIC or not lines[1].startswith("version "):
            raise ValueError(f"bank: it must start with {_MAGIC!r} and a version line")
        entries = tuple(
            _entry(line, f"line {number}")
            for number, line in enumerate(lines[2:], 3)
            if line and not line.startswith("#")
        )
        if count != str(len(entries)):
            raise ValueError(f"bank: it holds {len(entries)} hashes and says {count[:12]}")
        return cls(lines[1].removeprefix("version "), entries)

    def dump(self) -> bytes:
        """The file of this bank, which `parse` reads back."""
        body = "\n".join(
            [_MAGIC, f"version {self.version}", *(entry.hex() for entry in self.hashes), ""]
        ).encode()
        return body + f"end {len(self.hashes)} {hashlib.sha256(body).hexdigest()}\n".encode()

    @property
    def digest(self) -> str:
        """SHA-256 in hex over version and hashes: two banks that block the same in the same version agree."""
        return hashlib.sha256(self.dump()).hexdigest()


def _entry(text: str, where: str) -> bytes:
    if not _HASH.fullmatch(text):
        raise ValueError(f"bank: {where}: not 64 lower-case hex digits")
    return bytes.fromhex(text)

"""A sealer over a chain of its own, and pictures in each format."""

from __future__ import annotations

import datetime as dt
import functools
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from rambarde.guard.media.encode import encode
from rambarde.nouns.provenance import Disclosure, Source
from rambarde.prove.manifest.authority import Made, make_chain
from rambarde.prove.manifest.identity import IdentityFiles
from rambarde.prove.manifest.reading import Read, read
from rambarde.prove.manifest.sealer import ManifestSealer
from rambarde.prove.manifest.statement import Statement
from tests.sealed import bare

NOW = dt.datetime.now(dt.UTC).replace(microsecond=0)
FORMATS = ("png", "jpeg", "webp")
STATEMENT = Statement("Example & Co <images>", "", "7.1", ("Rambarde", "0"))


@functools.cache
def picture(kind: str, level: int = 0) -> bytes:
    """Colours without a subject; another level is another picture."""
    rows = np.add.outer(np.arange(96), np.arange(96)).astype(np.uint8)
    return encode(np.stack([rows, rows * 3, rows + level], axis=-1), kind)  # type: ignore[arg-type]


@functools.cache
def chain(organisation: str = "Example & Co", days: int = 30, age: int = 1) -> Made:
    """Made `age` days ago, for `days` days."""
    return make_chain(organisation, NOW - dt.timedelta(days=age), life=dt.timedelta(days=days))


@dataclass
class Bench:
    """A sealer whose clock and files the test moves."""

    folder: Path
    made: Made = field(default_factory=chain)
    now: dt.datetime = NOW
    statement: Statement = STATEMENT
    authority: str = ""
    deadline: float = 10.0

    def __post_init__(self) -> None:
        self.place(self.made.bundle)
        self.sealer = ManifestSealer(
            IdentityFiles(self.folder / "chain.pem"),
            self.statement,
            lambda: self.now,
            authority=self.authority,
            deadline=self.deadline,
        )

    def place(self, bundle: bytes) -> None:
        staged = self.folder / "staged.pem"
        staged.write_bytes(bundle)
        staged.chmod(0o600)
        staged.replace(self.folder / "chain.pem")

    def seal(self, data: bytes, kind: str, *sources: Source) -> bytes:
        return self.sealer.sign_now(data, f"image/{kind}", disclosed(*sources)).data

    def read(self, data: bytes, kind: str) -> Read:
        return read(data, f"image/{kind}", (self.made.root,))


def disclosed(*sources: Source) -> Disclosure:
    return Disclosure(str(uuid.uuid4()), "sketch", sources)


def sent(data: bytes, kind: str) -> Source:
    """The file as a caller sends it in again."""
    return Source(data, bare(data), f"image/{kind}")


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


@pytest.fixture
def bench_of(tmp_path: Path) -> Callable[..., Bench]:
    """One with other parts, in a folder of its own."""

    def make(**parts: object) -> Bench:
        folder = tmp_path / uuid.uuid4().hex
        folder.mkdir()
        return Bench(folder, **parts)  # type: ignore[arg-type]

    return make

"""The sheet of an audit: how its sample was drawn, in full, so that anybody with the frame draws the same again.

A unit's key is `SHA-256(seed, newline, id)` in hex. Of the frame (of each stratum) those with the smallest keys are the
sample: each set of that size is as likely as any other, whoever knows the seed can check each unit alone, the frame's
order does not matter, and a larger sample of the same seed holds the smaller one. The frame's digest is the SHA-256 of
all ids in the order of their bytes, each with a newline: `LC_ALL=C sort ids.txt | sha256sum`.
"""

from __future__ import annotations

import hashlib
import heapq
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import msgspec

from rambarde.measure.audit.powered import Scores
from rambarde.nouns.fault import Fault, Kind, invalid

FORMAT, VERSION = "rambarde-audit", 1
SHEET, SAMPLE, JOURNAL, SCAN = "draw.json", "sample.jsonl", "labels.jsonl", "scan.jsonl"
"""The files of an audit's folder."""
METHOD = "the smallest SHA-256(seed, newline, id), in each stratum"


@dataclass(frozen=True, slots=True)
class Unit:
    """One unit of the sample. `number` counts from 1 in the order of the keys, so the first k are a sample too."""

    number: int
    id: str
    stratum: str | None = None
    score: float | None = None


@dataclass(frozen=True, slots=True)
class Source:
    """Where the frame's ids came from: `sha256` of the file; of a folder and of our records there is none."""

    name: str
    sha256: str | None


@dataclass(frozen=True, slots=True)
class Frame:
    """What was drawn from. `kind`: `files`, `urls` or `records`; `root` is the folder that paths are relative to.

    `population` is what it stands for: of a second phase the first phase's frame, else its own size. `scores` are
    sums over the frame, by the column or signal `score`; `unscored` units had none and count with the score 1.
    """

    kind: str
    sources: tuple[Source, ...]
    size: int
    digest: str
    population: int
    root: str | None = None
    column: str | None = None
    stratum: str | None = None
    strata: dict[str, int] | None = None
    score: str | None = None
    scores: Scores | None = None
    unscored: int = 0


@dataclass(frozen=True, slots=True)
class Sheet:
    """`design`: `simple`, `stratified` or `two-phase`. `sizes` are units drawn of each stratum. `first` is the digest

    of the sheet of the first phase.
    """

    made_at: str
    rambarde: str
    seed: str
    design: str
    frame: Frame
    size: int
    sample: str
    allocation: str | None = None
    sizes: dict[str, int] | None = None
    cuts: tuple[float, ...] = ()
    first: str | None = None
    method: str = METHOD
    format: str = FORMAT
    version: int = VERSION


def key(seed: str, id: str) -> str:
    return hashlib.sha256(f"{seed}\n{id}".encode()).hexdigest()


def draw(ids: Iterable[str], size: int, seed: str) -> list[str]:
    """The sample of a simple design, in the order of the keys: slow and obvious, for whoever checks one."""
    return heapq.nsmallest(size, ids, key=lambda id: key(seed, id))


def digest(ids: Iterable[str]) -> str:
    """The digest of a frame's ids in any order; held in memory."""
    lines = sorted(id.encode() for id in ids)
    return "sha256:" + hashlib.sha256(b"".join(line + b"\n" for line in lines)).hexdigest()


def sample_digest(units: Iterable[Unit]) -> str:
    """The digest of a sample's ids in their order."""
    whole = hashlib.sha256()
    for unit in units:
        whole.update(unit.id.encode() + b"\n")
    return "sha256:" + whole.hexdigest()


def sheet_digest(sheet: Sheet) -> str:
    return "sha256:" + hashlib.sha256(msgspec.json.encode(sheet)).hexdigest()


def write(folder: Path, sheet: Sheet, units: Iterable[Unit]) -> None:
    """Make the audit's folder. Raises `Fault` `audit_unwritable`, and as `refuse_drawn`."""
    refuse_drawn(folder)
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        lines = b"".join(msgspec.json.encode(unit) + b"\n" for unit in units)
        (folder / SAMPLE).write_bytes(lines)
        # Last, and whole: a folder without it is no audit.
        half = folder / f"{SHEET}.half"
        half.write_bytes(msgspec.json.format(msgspec.json.encode(sheet), indent=2) + b"\n")
        half.replace(folder / SHEET)
    except OSError as error:
        raise invalid(
            "audit_unwritable", f"{folder}: {error.strerror}.", remedy="Choose another folder.", field="out"
        ) from error


def refuse_drawn(folder: Path) -> None:
    """Raises `Fault` `audit_exists` where an audit is: a drawn sample is never drawn over."""
    if (folder / SHEET).exists():
        raise Fault(
            Kind.CONFLICT,
            "audit_exists",
            f"{folder} holds an audit already.",
            remedy="Name another folder; a sample that was drawn stays.",
            field="out",
        )


def read(folder: Path) -> tuple[Sheet, tuple[Unit, ...]]:
    """The sheet and its sample. Raises `Fault` `audit_unreadable`, also where the sample is not the one drawn."""
    try:
        sheet = msgspec.json.decode((folder / SHEET).read_bytes(), type=Sheet)
        lines = (folder / SAMPLE).read_bytes().splitlines()
        decoder = msgspec.json.Decoder(Unit)
        units = tuple(decoder.decode(line) for line in lines)
    except OSError as error:
        raise _unreadable(f"{folder} holds no audit ({error.strerror}).") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise _unreadable(f"{folder}: {error}.") from error
    if (sheet.format, sheet.version) != (FORMAT, VERSION):
        raise _unreadable(f"{folder} is a {sheet.format!r} of version {sheet.version}.")
    if sample_digest(units) != sheet.sample or len(units) != sheet.size:
        raise _unreadable(f"The sample in {folder} is not the one that was drawn.")
    return sheet, units


def _unreadable(message: str) -> Fault:
    return invalid(
        "audit_unreadable", message, remedy="Give a folder made by `rambarde audit draw`.", field="audit"
    )

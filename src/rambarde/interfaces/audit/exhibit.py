"""What a rater sees of a unit: decoded by a worker, checked, made small, blurred until they ask to see it.

Not rendered at all is what carries strong evidence of a minor: evidence that is sealed, and a match with a bank of
known pictures. A rater who suspects it withholds the unit from everybody with one key.
"""

from __future__ import annotations

import asyncio
import io
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageFilter

from rambarde.guard.detectors.contract import Subject
from rambarde.guard.inspect import Inspector
from rambarde.guard.media.limits import DEFAULT
from rambarde.guard.upstreams.fetch import SafeFetcher
from rambarde.interfaces import parts
from rambarde.interfaces.archive import Archive
from rambarde.interfaces.settings import Settings
from rambarde.measure.audit.sheet import Frame
from rambarde.nouns.fault import Fault, Kind, invalid
from rambarde.nouns.request import Picture
from rambarde.nouns.signal import State

SIDE = 1280
"""Pixels of the longer side, at most."""
_COARSE = 12
"""Pixels of the longer side that the blurred picture is made of: colours and no shapes."""
_FETCH = 20.0
KNOWN = "output.known"
LASTING = frozenset({Kind.INVALID, Kind.UNSUPPORTED, Kind.TOO_LARGE, Kind.NOT_FOUND})
"""Faults of the picture, not of the moment."""

Read = Callable[[str], Awaitable[bytes]]


@dataclass(frozen=True, slots=True)
class Shown:
    """One unit, ready to look at: two JPEG files."""

    blurred: bytes
    sharp: bytes


class Withheld(Exception):
    """This unit is not rendered. `why` is a word for the journal."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


class Exhibitor:
    """Makes units visible. `inspector` looks for known pictures, if the policy asks for that at all."""

    def __init__(self, read: Read, inspector: Inspector) -> None:
        self._read, self._inspector = read, inspector

    async def show(self, id: str) -> Shown:
        """Raises `Withheld`; `Fault` where there is no picture, or where it could not be checked."""
        try:
            data = await self._read(id)
        except Fault as fault:
            if fault.code == "evidence_sealed":
                raise Withheld("sealed") from fault
            raise
        picture = await self._inspector.sight.decode(data, limits=DEFAULT)
        if self._inspector.required:
            seen = await self._inspector.output(picture)
            known = seen.signals.get(KNOWN)
            if known is None or known.state is State.FAILED:
                raise Fault(
                    Kind.INTERNAL,
                    "audit_unchecked",
                    "Whether this picture is a known one could not be checked, so it is not shown.",
                    remedy="Run `rambarde doctor`.",
                )
            if known.value is not None and known.value >= 1:
                raise Withheld("known")
        return await asyncio.to_thread(_rendered, picture)

    def close(self) -> None:
        self._inspector.close()


def checker(settings: Settings) -> Inspector:
    """An inspector of known pictures alone. Raises `Fault` for a policy or bank that cannot be used."""
    evaluator, all_of_them, _ = parts.judging(settings)
    all_of_them.close()
    installed = [
        d
        for d in parts.detectors(settings)
        if d.info.name == parts.KNOWN and d.info.subject is Subject.PICTURE
    ]
    required = [r for r in evaluator.policy.detectors if r.name == parts.KNOWN]
    inspector = Inspector(installed, required, pool=parts.pool(settings, installed))
    inspector.load()
    if inspector.unfit:
        inspector.close()
        raise Fault(
            Kind.INTERNAL,
            "detectors_unfit",
            "The detector of known pictures cannot answer.",
            remedy="Run `rambarde doctor`: it says why, and how to mend it.",
        )
    return inspector


def reader(frame: Frame, archive: Archive | None, *, person: str, purpose: str) -> Read:
    """How the bytes of a unit are had: a file, a public URL, or an item of evidence, whose opening is logged."""
    if frame.kind == "urls":
        fetcher = SafeFetcher(limit=DEFAULT.bytes)

        async def fetch(id: str) -> bytes:
            return await fetcher.fetch(id, deadline=_FETCH)

        return fetch
    if frame.kind == "records":
        if archive is None:
            raise ValueError("records need an archive")

        async def open_(id: str) -> bytes:
            item, data = await archive.database.run(_opened, archive, id, person, purpose)
            if data is None:
                raise invalid(
                    "evidence_hashes_only", f"Of {item} only hashes are kept.", remedy="Nothing can be shown."
                )
            return data

        return open_
    root = Path(frame.root or ".")

    async def read(id: str) -> bytes:
        try:
            return await asyncio.to_thread(_bounded, root / id)
        except OSError as error:
            raise invalid(
                "image_unreadable", f"{error.strerror}.", remedy="Check the path and who may read it."
            ) from error

    return read


def _opened(archive: Archive, id: str, person: str, purpose: str) -> tuple[str, bytes | None]:
    item, data = archive.show(id, person=person, purpose=purpose, content=True)
    return item.id, data


def _bounded(path: Path) -> bytes:
    if not path.is_file():
        raise FileNotFoundError(2, "No such file")
    with path.open("rb") as file:
        return file.read(DEFAULT.bytes + 1)


def _rendered(picture: Picture) -> Shown:
    image = Image.fromarray(picture.rgb)
    image.thumbnail((SIDE, SIDE))
    coarse = image.copy()
    coarse.thumbnail((_COARSE, _COARSE))
    smooth = coarse.resize(image.size, Image.Resampling.BICUBIC).filter(ImageFilter.GaussianBlur(12))
    return Shown(_jpeg(smooth, 60), _jpeg(image, 90))


def _jpeg(image: Image.Image, quality: int) -> bytes:
    out = io.BytesIO()
    image.save(out, "JPEG", quality=quality)
    return out.getvalue()

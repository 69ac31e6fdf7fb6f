"""Originals of a chain: what was sent again is not taken out and decoded a second time."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import numpy as np
from PIL import Image

from rambarde.guard.lineage import Lineage
from rambarde.guard.sight import Sight
from rambarde.nouns.caller import Caller
from rambarde.nouns.custody import Kept, Shelf
from rambarde.nouns.lineage import Fingerprint, Trace
from rambarde.nouns.request import Action, Picture, Request, Text
from tests.bad_pictures import save

NOW = datetime(2026, 11, 23, tzinfo=UTC)


def file(level: int) -> bytes:
    return save(Image.fromarray(np.full((32, 32, 3), level, np.uint8)), "PNG")


@dataclass(slots=True)
class Shelves:
    """A register that knows one chain for each original, and a keeper that has them."""

    originals: dict[str, bytes]

    async def find(self, sha256: str, pdq: Iterable[str] = (), *, limit: int = 10) -> tuple[Trace, ...]:
        return tuple(
            Trace(Fingerprint(sha256, None), name, name, False, 4, None, None, {"shares": [0.1]}, NOW)
            for name in self.originals
        )

    async def by_session(self, *_: object, **__: object) -> tuple[Trace, ...]:
        return ()

    async def take(self, id: str, shelf: Shelf) -> Kept | None:
        data = self.originals[id]
        return Kept(id, shelf, None, "image/png", data, {}) if data else None


@dataclass(frozen=True, slots=True)
class Watched(Sight):
    decoded: list[bytes] = field(default_factory=list)

    async def decode(self, data: bytes, **more: Any) -> Picture:
        self.decoded.append(data)
        return await Sight.decode(self, data, **more)


async def test_only_originals_that_were_not_sent_again_are_decoded() -> None:
    sent = await Sight().decode(file(10), bare=True)
    shelves, sight = Shelves({"same": sent.data, "other": file(200), "gone": b""}), Watched()
    lineage = Lineage(shelves, shelves, lambda: NOW, sight)  # type: ignore[arg-type]
    words = Text("brighter", "brighter", "brighter")
    request = Request("r", Action.EDIT, words, Caller("c", "api"), NOW, "d", images=(sent,))
    origin = await lineage.trace(request)
    assert sight.decoded == [file(200)]
    assert [int(one.rgb[0, 0, 0]) for one in origin.originals] == [200]
    assert origin.lost == ((0.1,),) and origin.chains == ("same", "other", "gone")

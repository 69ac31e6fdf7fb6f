"""A guard as a program opens one, with detectors that are loaded already."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from rambarde import Guard
from rambarde.guard.inspect import Inspector
from rambarde.interfaces import wiring
from rambarde.interfaces.library import guard as library
from rambarde.nouns.signal import Signal
from rambarde.store.records import Records

SEEN = Signal.measured("nudity", 0.9)
BLUE = Image.new("RGB", (64, 48), "steelblue")


def opened(data: Path, inspector: Inspector, **more: Any) -> Guard:
    """A guard whose detectors are the session's: loading them for each would take seconds."""
    real = wiring.wire

    def wire(*args: Any, **kwargs: Any) -> wiring.Gateway:
        gateway = real(*args, **kwargs)
        gateway.chain.inspector.close()
        gateway.chain.inspector = inspector
        return gateway

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(library, "wire", wire)
        return Guard.open(data=data, demo=True, **more)


@pytest.fixture(scope="module")
def guard(inspector: Inspector, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guard]:
    with opened(tmp_path_factory.mktemp("library"), inspector) as guard:
        yield guard


def records(guard: Guard) -> Records:
    return Records(guard._gateway.vault.database)


def record(guard: Guard, id: str) -> dict[str, Any]:
    found = records(guard).get(id)
    assert found is not None
    return found.document()


def newest(guard: Guard) -> dict[str, Any]:
    return next(records(guard).find(newest_first=True, limit=1)).document()


def paint(prompt: str, *, n: int, size: str, images: list[bytes]) -> list[Image.Image]:
    return [BLUE.copy() for _ in range(n)]

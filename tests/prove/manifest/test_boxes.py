"""Boxes: the store's bytes out of each format; words that are cut over segments of a JPEG are whole again."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rambarde.nouns.provenance import Source
from rambarde.prove.manifest.boxes import boxes
from rambarde.prove.manifest.inputs import unseen
from rambarde.prove.manifest.reading import State, carries_manifest
from tests.prove.manifest.conftest import FORMATS, Bench, picture, sent
from tests.prove.manifest.test_sealer import foreign


@pytest.mark.parametrize("kind", FORMATS)
def test_a_store_is_found_and_a_bare_file_has_none(bench: Bench, kind: str) -> None:
    data = bench.seal(picture(kind), kind)
    found = boxes(data, f"image/{kind}")
    assert carries_manifest(found) and int.from_bytes(found[:4], "big") == len(found)
    assert b"c2pa.ai-disclosure" in found
    assert boxes(picture(kind), f"image/{kind}") == b""


@given(data=st.binary(max_size=300), kind=st.sampled_from([*FORMATS, "gif"]))
def test_it_never_fails_and_always_ends(data: bytes, kind: str) -> None:
    for start in (b"", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"RIFF\x10\0\0\0WEBP"):
        assert isinstance(boxes(start + data, f"image/{kind}"), bytes)


def cut(photograph: bytes, size: int) -> bytes:
    """The same JPEG, with its store over segments of `size` bytes: but for the first, in which it is announced."""
    store, start = boxes(photograph, "image/jpeg"), photograph.index(b"\xff\xeb")
    end = start
    while photograph[end : end + 2] == b"\xff\xeb":
        end += 2 + int.from_bytes(photograph[end + 2 : end + 4], "big")
    parts = [store[:64], *(store[at : at + size] for at in range(64, len(store), size))]
    segments = [
        b"JP\x02\x11" + struct.pack(">I", number) + (b"" if number == 1 else store[:8]) + part
        for number, part in enumerate(parts, 1)
    ]
    made = b"".join(b"\xff\xeb" + struct.pack(">H", len(one) + 2) + one for one in segments)
    return photograph[:start] + made + photograph[end:]


def test_a_thumbnail_is_not_hidden_by_cutting_its_name(bench: Bench) -> None:
    photograph = foreign(bench, thumbnail=True)
    hidden = cut(photograph, 11)
    assert b"c2pa.thumbnail" not in hidden and boxes(hidden, "image/jpeg") == boxes(photograph, "image/jpeg")
    context = bench.sealer._prepared().context
    told = unseen(Source(photograph, photograph, "image/jpeg"), context)
    assert told and unseen(Source(hidden, hidden, "image/jpeg"), context) == told
    data = bench.seal(picture("png"), "png", sent(hidden, "jpeg"))
    assert bench.read(data, "png").state is State.TRUSTED and b"JFIF" not in data

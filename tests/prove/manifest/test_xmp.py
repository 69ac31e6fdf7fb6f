"""XMP in each format, with Pillow and a walk over the chunks as references."""

from __future__ import annotations

import io
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from rambarde.prove.manifest.statement import NAMESPACES
from rambarde.prove.manifest.xmp import packet, with_packet
from tests.prove.manifest.conftest import FORMATS, picture
from tests.sealed import bare

PACKET = packet({"Iptc4xmpExt:AISystemUsed": "sketch", "dc:publisher": "Example"})


def webp(*, lossless: bool, alpha: bool) -> bytes:
    pixels = np.zeros((33, 20, 4 if alpha else 3), np.uint8) + 77
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "WEBP", lossless=lossless)
    return out.getvalue()


@pytest.mark.parametrize("kind", FORMATS)
def test_pillow_finds_the_packet_and_the_same_pixels(kind: str) -> None:
    before = picture(kind)
    data = with_packet(before, f"image/{kind}", PACKET)
    with Image.open(io.BytesIO(data)) as image, Image.open(io.BytesIO(before)) as plain:
        found = image.info["xmp"] if kind != "png" else image.info["XML:com.adobe.xmp"].encode()
        assert found == PACKET
        assert np.array_equal(np.asarray(image), np.asarray(plain))
    assert bare(data) == before


@pytest.mark.parametrize("lossless", [False, True])
@pytest.mark.parametrize("alpha", [False, True])
def test_every_kind_of_webp(lossless: bool, alpha: bool) -> None:
    before = webp(lossless=lossless, alpha=alpha)
    data = with_packet(before, "image/webp", PACKET)
    assert int.from_bytes(data[4:8], "little") + 8 == len(data)
    assert data[12:16] == b"VP8X" and data[20] == (0x14 if alpha else 0x04)
    assert int.from_bytes(data[24:27], "little") + 1 == 20 and int.from_bytes(data[27:30], "little") + 1 == 33
    with Image.open(io.BytesIO(data)) as image, Image.open(io.BytesIO(before)) as plain:
        assert image.info["xmp"] == PACKET and image.mode == plain.mode
        assert np.array_equal(np.asarray(image), np.asarray(plain))


def test_a_jpeg_without_a_jfif_header() -> None:
    before = picture("jpeg")
    assert before[2:4] == b"\xff\xe0"
    before = before[:2] + before[4 + int.from_bytes(before[4:6], "big") :]
    data = with_packet(before, "image/jpeg", PACKET)
    assert data[2:4] == b"\xff\xe1" and bare(data) == bare(before)


@given(st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=200))
def test_any_name_survives_as_xml(name: str) -> None:
    root = ElementTree.fromstring(packet({"Iptc4xmpExt:AISystemUsed": name, "dc:publisher": name}).decode())
    (description,) = root.iter("{http://www.w3.org/1999/02/22-rdf-syntax-ns#}Description")
    if not any(ord(c) in (0xFFFE, 0xFFFF) for c in name):
        assert description.get(f"{{{NAMESPACES['Iptc4xmpExt']}}}AISystemUsed") == name
    (publisher,) = root.iter(f"{{{NAMESPACES['dc']}}}publisher")
    assert "".join(publisher.itertext()) == name


@pytest.mark.parametrize("kind", FORMATS)
def test_other_files_are_refused(kind: str) -> None:
    with pytest.raises(ValueError, match="no "):
        with_packet(b"GIF89a" + b"\0" * 40, f"image/{kind}", PACKET)
    with pytest.raises(ValueError, match="not image/gif"):
        with_packet(picture(kind), "image/gif", PACKET)

"""Every awkward picture in one place: what a hostile or careless client sends, made here, byte by byte.

`bad_pictures()` is the table; the decoder's tests and the tests of every route run over the same one.
"""

from __future__ import annotations

import functools
import io
import struct
import zlib
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageCms, PngImagePlugin


@dataclass(frozen=True)
class BadPicture:
    """`code` is the expected fault, or None where the picture is merely unusual and decodes.

    `declared` and `filename` are the labels it comes with.
    """

    name: str
    data: bytes
    code: str | None
    declared: str | None = None
    filename: str | None = None


def scene(width: int = 96, height: int = 64) -> Image.Image:
    """A small colourful picture without symmetry: gradients, a red disc, a black bar at the top left."""
    y, x = np.mgrid[0:height, 0:width]
    pixels = np.stack([x * 255 // width, y * 255 // height, (x + y) * 255 // (width + height)], axis=2)
    pixels[(x - 0.7 * width) ** 2 + (y - 0.6 * height) ** 2 < (0.2 * height) ** 2] = (220, 30, 30)
    pixels[: max(1, height // 8), : max(1, width // 3)] = 0
    return Image.fromarray(pixels.astype(np.uint8))


def save(image: Image.Image, format: str, **options: object) -> bytes:
    out = io.BytesIO()
    image.save(out, format, **options)
    return out.getvalue()


def png_chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))


def png(
    width: int,
    height: int,
    depth: int,
    colour: int,
    rows: bytes,
    *,
    before: bytes = b"",
    after: bytes = b"",
    packed: bool = False,
) -> bytes:
    """A PNG from raw rows (each with its filter byte), with chunks before and after the pixel data."""
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + png_chunk(b"IHDR", header)
        + before
        + png_chunk(b"IDAT", rows if packed else zlib.compress(rows, 9))
        + after
        + png_chunk(b"IEND", b"")
    )


def insert_before_idat(data: bytes, chunk: bytes) -> bytes:
    at = data.index(b"IDAT") - 4
    return data[:at] + chunk + data[at:]


def exif_orientation(value: int) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = value
    return exif.tobytes()


def zeros_packed(megabytes: int) -> bytes:
    """A zlib stream of zeros, a thousandth of their size, made without holding them."""
    packer = zlib.compressobj(9)
    block = bytes(1 << 20)
    return b"".join([*(packer.compress(block) for _ in range(megabytes)), packer.flush()])


def swapped_profile() -> bytes:
    """An ICC profile with sRGB's primaries in the order blue, red, green: pixels mean other colours."""
    data = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    (count,) = struct.unpack_from(">I", data, 128)
    entries = {bytes(data[o : o + 4]): o for o in range(132, 132 + 12 * count, 12)}
    places = [bytes(data[entries[tag] + 4 : entries[tag] + 12]) for tag in (b"rXYZ", b"gXYZ", b"bXYZ")]
    for tag, place in zip((b"gXYZ", b"bXYZ", b"rXYZ"), places, strict=True):
        data[entries[tag] + 4 : entries[tag] + 12] = place
    return bytes(data)


def webp_with_flag(flag: int) -> bytes:
    data = bytearray(save(scene(), "WEBP", exif=exif_orientation(1)))
    data[20] |= flag
    return bytes(data)


def jpeg_with_scans(scans: int) -> bytes:
    data = save(scene(), "JPEG", progressive=True)
    last = data.rindex(b"\xff\xda")
    return data[:-2] + data[last:-2] * scans + data[-2:]


def jpeg_frame(
    marker: int | None = None, depth: int | None = None, size: tuple[int, int] | None = None
) -> bytes:
    """A JPEG whose frame header says something else."""
    data = bytearray(save(scene(), "JPEG"))
    at = data.index(b"\xff\xc0")
    if marker is not None:
        data[at + 1] = marker
    if depth is not None:
        data[at + 4] = depth
    if size is not None:
        data[at + 5 : at + 9] = struct.pack(">HH", size[1], size[0])
    return bytes(data)


@functools.cache
def bad_pictures() -> list[BadPicture]:
    """The whole table, about 110 pictures, 26 MB in all; made once."""
    return [*_not_pictures(), *_broken(), *_moving(), *_bombs(), *_lying(), *_unusual()]


def _not_pictures() -> list[BadPicture]:
    html = b"<!DOCTYPE html><html><body><script>alert(1)</script></body></html>"
    svg = b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"><rect width="9" height="9"/></svg>'
    unsupported = "unsupported_image_type"
    return [
        BadPicture("empty", b"", "empty_image"),
        BadPicture("one byte", b"\x89", "not_an_image"),
        BadPicture("noise", bytes(range(1, 256)) * 3, "not_an_image"),
        BadPicture("zeros", bytes(1000), "not_an_image"),
        BadPicture("text", "Ceci n'est pas une image. é".encode(), "not_an_image"),
        BadPicture("json", b'{"image": "none"}', "not_an_image"),
        BadPicture("html", html, unsupported),
        BadPicture("html as png", html, unsupported, "image/png", "cat.png"),
        BadPicture("html after white space", b" \r\n\t" + html, unsupported),
        BadPicture("html in a PNG's clothes", b"\x89PNG\r\n\x1a\n" + html, "corrupt_image", "image/png"),
        BadPicture("html in a JPEG's clothes", b"\xff\xd8\xff\xe0" + html, "truncated_image", "image/jpeg"),
        BadPicture("html in a WebP's clothes", b"RIFF\x20\0\0\0WEBP" + html, "corrupt_image", "image/webp"),
        BadPicture("svg", svg, unsupported, "image/svg+xml"),
        BadPicture("svg as png", svg, unsupported, "image/png", "x.png"),
        BadPicture("svg with a prologue", b'\xef\xbb\xbf<?xml version="1.0"?>\n<!-- -->' + svg, unsupported),
        BadPicture("svg in utf-16", b"\xff\xfe" + svg.decode().encode("utf-16-le"), unsupported),
        BadPicture("svg gzipped", b"\x1f\x8b\x08" + bytes(20), unsupported),
        BadPicture("pdf", b"%PDF-1.7\n" + bytes(50), unsupported),
        BadPicture("zip", b"PK\x03\x04" + bytes(50), unsupported),
        BadPicture("gif", save(scene().convert("P"), "GIF"), unsupported),
        BadPicture("bmp", save(scene(), "BMP"), unsupported),
        BadPicture("tiff", save(scene(), "TIFF"), unsupported),
        BadPicture("icon", save(scene(), "ICO"), unsupported),
        BadPicture("avif", b"\0\0\0\x20ftypavif" + bytes(40), unsupported),
        BadPicture("postscript", b"%!PS-Adobe-3.0 EPSF-3.0\n", unsupported),
    ]


def _broken() -> list[BadPicture]:
    as_png, as_jpeg, as_webp = (save(scene(), f) for f in ("PNG", "JPEG", "WEBP"))
    lossless = save(scene(), "WEBP", lossless=True)
    flipped = bytearray(as_png)
    flipped[as_png.index(b"IDAT") + 40] ^= 0xFF
    header = bytearray(as_png)
    header[19] ^= 1
    row = b"\0" + bytes(30)
    indexed = png(8, 1, 8, 3, b"\0" + bytes(8))
    frame = as_jpeg.index(b"\xff\xc0")
    unknown = png_chunk(b"XXXX", b"")
    return [
        BadPicture("png signature only", as_png[:8], "truncated_image"),
        BadPicture("png half", as_png[: len(as_png) // 2], "truncated_image"),
        BadPicture("png without end", as_png[:-12], "truncated_image"),
        BadPicture("png one byte short", as_png[:-1], "truncated_image"),
        BadPicture("png flipped pixel byte", bytes(flipped), "corrupt_image"),
        BadPicture("png flipped header byte", bytes(header), "corrupt_image"),
        BadPicture("png without pixels", png(4, 4, 8, 2, b"", packed=True), "truncated_image"),
        BadPicture("png of no width", png(0, 10, 8, 2, row), "corrupt_image"),
        BadPicture("png of an unknown depth", png(10, 1, 7, 2, row), "corrupt_image"),
        BadPicture("png without a palette", indexed, "corrupt_image"),
        BadPicture("png with bad zlib", png(10, 1, 8, 2, b"no zlib at all", packed=True), "corrupt_image"),
        BadPicture("png with scattered pixels", _scattered(as_png), "corrupt_image"),
        BadPicture("png with an unknown mandate", insert_before_idat(as_png, unknown), "corrupt_image"),
        BadPicture("png with two headers", insert_before_idat(as_png, as_png[8:33]), "corrupt_image"),
        BadPicture("jpeg signature only", as_jpeg[:3], "truncated_image"),
        BadPicture("jpeg half", as_jpeg[: len(as_jpeg) // 2], "truncated_image"),
        BadPicture("jpeg one byte short", as_jpeg[:-1], "truncated_image"),
        BadPicture("jpeg half with an end mark", as_jpeg[:frame] + b"\xff\xd9", "corrupt_image"),
        BadPicture("jpeg of no height", jpeg_frame(size=(96, 0)), "corrupt_image"),
        BadPicture("jpeg lossless", jpeg_frame(marker=0xC3), "unsupported_image_coding"),
        BadPicture("jpeg of 12 bits", jpeg_frame(depth=12), "unsupported_image_coding"),
        BadPicture("webp header only", as_webp[:12], "truncated_image"),
        BadPicture("webp half", as_webp[: len(as_webp) // 2], "truncated_image"),
        BadPicture("webp lossless half", lossless[: len(lossless) // 2], "truncated_image"),
        BadPicture("webp of noise", lossless[:25] + b"\xa5" * (len(lossless) - 25), "corrupt_image"),
    ]


def _scattered(data: bytes) -> bytes:
    at = data.index(b"IDAT") - 4
    body = data[at + 8 : at + 8 + struct.unpack_from(">I", data, at)[0]]
    parts = png_chunk(b"IDAT", body[:50]) + png_chunk(b"tEXt", b"a\0b") + png_chunk(b"IDAT", body[50:])
    return data[:at] + parts + png_chunk(b"IEND", b"")


def _moving() -> list[BadPicture]:
    frames = [scene(), scene().transpose(Image.Transpose.ROTATE_180)]
    apng = save(frames[0], "PNG", save_all=True, append_images=frames[1:])
    webp = save(frames[0], "WEBP", save_all=True, append_images=frames[1:])
    gif = save(frames[0], "GIF", save_all=True, append_images=frames[1:])
    late = save(scene(), "PNG")
    late = late[:-12] + png_chunk(b"acTL", struct.pack(">II", 2, 0)) + late[-12:]
    return [
        BadPicture("apng", apng, "animated_image"),
        BadPicture("apng with a late header", late, "animated_image"),
        BadPicture("animated webp", webp, "animated_image"),
        BadPicture("webp with an animation flag", webp_with_flag(0x02), "animated_image"),
        BadPicture("animated gif", gif, "unsupported_image_type"),
        BadPicture("animated gif as png", gif, "unsupported_image_type", "image/png", "still.png"),
    ]


def _bombs() -> list[BadPicture]:
    small = save(scene(), "PNG")
    text = png_chunk(b"zTXt", b"Comment\0\0" + zeros_packed(8))
    international = png_chunk(b"iTXt", b"Comment\0\1\0en\0\0" + zeros_packed(8))
    profile = png_chunk(b"iCCP", b"icc\0\0" + zeros_packed(8))
    texts = png_chunk(b"zTXt", b"Comment\0\0" + zeros_packed(1)) * 6
    huge_canvas = bytearray(save(scene(), "WEBP", exif=exif_orientation(1)))
    huge_canvas[24:30] = b"\xff\xff\xff\xff\xff\xff"
    parts = png_chunk(b"tEXt", b"") * 70_000
    too_large = "image_metadata_too_large"
    return [
        BadPicture("png of 900 MP", png(30_000, 30_000, 1, 0, b"\0"), "too_many_pixels"),
        BadPicture("png of 2³¹ − 1 a side", png(2**31 - 1, 2**31 - 1, 8, 6, b"\0"), "too_many_pixels"),
        BadPicture("png of one endless row", png(2**31 - 1, 1, 1, 0, b"\0"), "too_many_pixels"),
        BadPicture("jpeg of 4,295 MP", jpeg_frame(size=(65_535, 65_535)), "too_many_pixels"),
        BadPicture("webp of 2⁴⁸ pixels", bytes(huge_canvas), "too_many_pixels"),
        BadPicture("png zTXt bomb", insert_before_idat(small, text), too_large),
        BadPicture("png zTXt bombs", insert_before_idat(small, texts), too_large),
        BadPicture("png zTXt bomb after the pixels", small[:-12] + text + small[-12:], too_large),
        BadPicture("png iTXt bomb", insert_before_idat(small, international), too_large),
        BadPicture("png iCCP bomb", insert_before_idat(small, profile), too_large),
        BadPicture("jpeg of 100 scans", jpeg_with_scans(100), "image_too_complex"),
        BadPicture(
            "png of 70,000 parts",
            insert_before_idat(small, parts),
            "image_too_complex",
        ),
        BadPicture("25 MB and a byte", small.ljust(25_000_001, b"\0"), "image_too_large"),
    ]


def _lying() -> list[BadPicture]:
    as_png, as_jpeg, as_webp = (save(scene(), f) for f in ("PNG", "JPEG", "WEBP"))
    mismatch = "content_type_mismatch"
    return [
        BadPicture("jpeg declared png", as_jpeg, mismatch, "image/png"),
        BadPicture("png declared jpeg", as_png, mismatch, "image/jpeg"),
        BadPicture("webp declared png", as_webp, mismatch, "image/png"),
        BadPicture("png declared html", as_png, mismatch, "text/html"),
        BadPicture("png declared svg", as_png, mismatch, "image/svg+xml"),
        BadPicture("jpeg named png", as_jpeg, mismatch, "application/octet-stream", "holiday.png"),
        BadPicture("png named html", as_png, mismatch, None, "index.html"),
        BadPicture("png with parameters", as_png, None, "image/PNG; charset=binary", "X.PNG"),
        BadPicture("jpeg as image/jpg", as_jpeg, None, "image/jpg", "a.b.JPG"),
        BadPicture("octet-stream", as_webp, None, "application/octet-stream", "blob"),
        BadPicture("no labels", as_png, None),
    ]


def _unusual() -> list[BadPicture]:
    picture = scene()
    noisy = save(picture, "JPEG")
    thumbnail = noisy[:2] + b"\xff\xe1" + struct.pack(">H", 8 + len(noisy)) + b"Exif\0\0" + noisy + noisy[2:]
    deep = np.asarray(picture.convert("L")).astype(np.uint16) * 257
    rows = b"".join(b"\0" + np.asarray(picture)[y].astype(">u2").tobytes() for y in range(picture.height))
    alpha = picture.copy()
    alpha.putalpha(picture.convert("L"))
    grey_alpha = Image.merge("LA", (picture.convert("L"), picture.convert("L")))
    gamma = png_chunk(b"gAMA", struct.pack(">I", 2_000))
    text = PngImagePlugin.PngInfo()
    text.add_text("parameters", "a cat, " * 1000, zip=True)
    oriented = {f: save(picture, f, exif=exif_orientation(6)) for f in ("PNG", "JPEG", "WEBP")}
    fixed = [
        ("1×1 png", save(picture.resize((1, 1)), "PNG")),
        ("1×1 jpeg", save(picture.resize((1, 1)), "JPEG")),
        ("1×1 webp", save(picture.resize((1, 1)), "WEBP")),
        ("20,000 × 3", save(picture.resize((20_000, 3)), "PNG")),
        ("1 × 65,535", save(picture.resize((1, 65_535)), "PNG")),
        ("16-bit grey", save(Image.fromarray(deep), "PNG")),
        ("16-bit rgb", png(picture.width, picture.height, 16, 2, rows)),
        ("palette", save(picture.convert("P"), "PNG")),
        ("palette with transparency", save(picture.convert("P"), "PNG", transparency=3)),
        ("1-bit", save(picture.convert("1"), "PNG")),
        ("grey", save(picture.convert("L"), "PNG")),
        ("grey with alpha", save(grey_alpha, "PNG")),
        ("rgb with alpha", save(alpha, "PNG")),
        ("webp with alpha", save(alpha, "WEBP")),
        ("lossless webp with alpha", save(alpha, "WEBP", lossless=True)),
        ("all transparent", save(Image.new("RGBA", (8, 8)), "PNG")),
        ("cmyk jpeg", save(picture.convert("CMYK"), "JPEG")),
        ("grey jpeg", save(picture.convert("L"), "JPEG")),
        ("progressive jpeg", save(picture, "JPEG", progressive=True)),
        ("jpeg with an exif thumbnail", thumbnail),
        ("jpeg with a tail", noisy + b"PK\x03\x04 and more"),
        ("png with missing rows", png(10, 10, 8, 2, (b"\0" + bytes(30)) * 3)),
        ("png with a tail", save(picture, "PNG") + b"<script>"),
        ("png with text", save(picture, "PNG", pnginfo=text)),
        ("png with a swapped profile", save(picture, "PNG", icc_profile=swapped_profile())),
        ("png with a broken profile", save(picture, "PNG", icc_profile=b"\0" * 300)),
        (
            "png with a dark gamma",
            insert_before_idat(save(picture, "PNG"), gamma),
        ),
        *((f"{f.lower()} turned by exif", data) for f, data in oriented.items()),
    ]
    return [BadPicture(name, data, None) for name, data in fixed]

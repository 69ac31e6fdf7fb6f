"""Decoding: from untrusted bytes to an upright 8-bit sRGB picture, or a typed fault.

The file is taken apart here first (`png`, `jpeg`, `webp`): limits, animation and damage show before a
pixel is decoded, and the codec is handed a file with nothing but pixels in it.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageChops, ImageCms
from PIL.ImageFile import ImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.WebPImagePlugin import WebPImageFile

from rambarde.guard.media import faults, jpeg, png, webp
from rambarde.guard.media.container import Container
from rambarde.guard.media.limits import DEFAULT, Limits
from rambarde.guard.media.sniff import Format, agree, sniff
from rambarde.nouns.fault import Fault
from rambarde.nouns.request import Picture

if TYPE_CHECKING:
    from numpy.typing import NDArray

_TAKE_APART = {Format.PNG: png.take_apart, Format.JPEG: jpeg.take_apart, Format.WEBP: webp.take_apart}
# The codecs themselves, not Image.open: nothing is registered, guessed or adopted (MPO), and no warning
# is raised, which could only be turned into an error for the whole process.
_CODECS: dict[Format, Callable[[io.BytesIO], ImageFile]] = {
    Format.PNG: PngImageFile,
    Format.JPEG: JpegImageFile,
    Format.WEBP: WebPImageFile,
}
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_ICC_SPACES = {b"RGB ": "RGB", b"GRAY": "L", b"CMYK": "CMYK"}
_BAND = 4_194_304
"""Bytes copied at a time."""
_USUAL_GAMMA = (0.43, 0.48)
"""File gammas that mean sRGB for all practical purposes (1/2.2 is written as 0.45455)."""


def decode(
    data: bytes,
    *,
    limits: Limits = DEFAULT,
    field: str = "image",
    declared: str | None = None,
    filename: str | None = None,
) -> Picture:
    """Decode a PNG, JPEG or still WebP; what it is, its bytes say, not its labels.

    `declared` is the content type and `filename` the name that came with it, if any; both may be silent but
    must not lie (`sniff.agree`). `field` is the request's parameter, for the fault.

    The picture is upright (EXIF orientation applied), in sRGB (the file's ICC profile or PNG gamma applied;
    a damaged profile is ignored, as browsers do; 16-bit samples keep their high byte), and transparency is
    composited over white, with `alpha` kept where the file had any. Same bytes, same picture.

    Raises `Fault` and nothing else, with code `empty_image`, `not_an_image`, `unsupported_image_type`,
    `unsupported_image_coding`, `animated_image`, `truncated_image`, `corrupt_image`,
    `content_type_mismatch`, `image_too_large`, `too_many_pixels`, `image_metadata_too_large`,
    `image_too_complex` or `image_out_of_memory`.
    """
    try:
        container = take_apart(data, limits)
        real = container.format
        agree(real, declared, filename)
        rgb, alpha = _pixels(container)
    except Fault as fault:
        fault.field = field
        raise
    return Picture(data, real.value, hashlib.sha256(data).hexdigest(), rgb, alpha)


def take_apart(data: bytes, limits: Limits) -> Container:
    """The container of a picture, without decoding a pixel. Raises `Fault` as `decode`, without a field."""
    if len(data) > limits.bytes:
        raise faults.too_many_bytes(limits.bytes)
    return _TAKE_APART[sniff(data)](data, limits)


def _pixels(container: Container) -> tuple[NDArray[np.uint8], NDArray[np.uint8] | None]:
    try:
        codec = _CODECS[container.format](io.BytesIO(container.clean))
        if codec.size != (container.width, container.height):
            raise faults.corrupt("its header and its picture differ in size")
        codec.load()
        codec.info.clear()  # what Pillow would make of its transparency in later conversions
        image, alpha = _split(codec, container)
        del codec
        image = _to_srgb(image, container)
        turn = _UPRIGHT.get(container.orientation)
        if turn is not None:
            image = image.transpose(turn)
            alpha = alpha.transpose(turn) if alpha is not None else None
        if alpha is not None:
            image.paste((255, 255, 255), mask=ImageChops.invert(alpha))
        return _array(image), _array(alpha) if alpha is not None else None
    except Fault:
        raise
    except MemoryError:
        raise faults.out_of_memory() from None
    except Exception as error:
        # A codec may raise anything on hostile bytes; its words are for developers, so they are the cause.
        if "truncated" in str(error):
            raise faults.truncated("its pixel data is incomplete") from error
        raise faults.corrupt("its pixels cannot be decoded") from error


def _array(image: Image.Image) -> NDArray[np.uint8]:
    """The pixels as a read-only array, copied in bands: Pillow would hold two more copies of the whole."""
    bands = len(image.getbands())
    rows = max(1, _BAND // (image.width * bands))
    if image.height <= rows:
        whole = np.asarray(image)
        whole.setflags(write=False)
        return whole
    pixels = np.empty((image.height, image.width, bands)[: 3 if bands > 1 else 2], np.uint8)
    for top in range(0, image.height, rows):
        bottom = min(top + rows, image.height)
        pixels[top:bottom] = np.asarray(image.crop((0, top, image.width, bottom)))
    pixels.setflags(write=False)
    return pixels


def _split(codec: Image.Image, container: Container) -> tuple[Image.Image, Image.Image | None]:
    """The colours as L, RGB or CMYK, and the alpha plane. Transparency is worked out here, not by the codec:

    Pillow compares the key of a 2- or 4-bit grey picture with samples it has already scaled.
    """
    if container.palette is not None:
        table = container.palette
        codec.putpalette(b"".join(table[i : i + 3] for i in range(0, 1024, 4)))
        clear = min(table[3::4]) < 255
        return codec.convert("RGB"), codec.point(list(table[3::4]), "L") if clear else None
    mode = codec.mode
    if mode in ("LA", "RGBA"):
        return codec.convert(mode[:-1]), codec.getchannel("A")
    if mode == "I;16":
        samples = np.asarray(codec)
        colours = Image.fromarray((samples >> 8).astype(np.uint8))
        if container.key is None:
            return colours, None
        return colours, Image.fromarray((samples != container.key[0]).view(np.uint8) * np.uint8(255))
    if mode == "1":
        codec = codec.convert("L")
    if mode in ("1", "L", "RGB"):
        return codec, _keyed(codec, container)
    if mode == "CMYK":
        return codec, None
    raise faults.unsupported_coding("an unusual colour mode")


def _keyed(image: Image.Image, container: Container) -> Image.Image | None:
    """An alpha plane that is 0 where all samples are the transparent ones."""
    if container.key is None:
        return None
    most = (1 << container.depth) - 1
    alpha: Image.Image | None = None
    for band, sample in zip(image.split(), container.key, strict=True):
        # On the scale of the decoded samples, which of 16 bits have kept the high byte.
        key = sample >> 8 if container.depth == 16 else (sample & most) * 255 // most
        differs = band.point([0 if value == key else 255 for value in range(256)])
        alpha = differs if alpha is None else ImageChops.lighter(alpha, differs)
    return alpha


def _to_srgb(image: Image.Image, container: Container) -> Image.Image:
    profile = container.icc
    if profile is not None and _ICC_SPACES.get(profile[16:20]) == image.mode:
        try:
            source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
            target = ImageCms.createProfile("sRGB")
            converted = ImageCms.profileToProfile(image, source, target, outputMode="RGB")
        except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
            converted = None
        if converted is not None:
            return converted
    gamma = container.gamma
    if gamma is not None and not _USUAL_GAMMA[0] <= gamma <= _USUAL_GAMMA[1]:
        # A viewer that honours gAMA shows another picture than one that does not: look at the former,
        # because pixels without gAMA are what leaves here.
        image = image.point(_gamma_table(gamma) * len(image.getbands()))
    return image if image.mode == "RGB" else image.convert("RGB")


def _gamma_table(gamma: float) -> list[int]:
    """Stored sample → sRGB sample, for a file whose samples are light to the power `gamma`."""
    light = np.power(np.arange(256) / 255.0, 1.0 / gamma)
    srgb = np.where(light <= 0.0031308, 12.92 * light, 1.055 * np.power(light, 1 / 2.4) - 0.055)
    return [int(v) for v in np.rint(srgb * 255.0)]

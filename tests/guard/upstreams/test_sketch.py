"""The sketch generator: what it understands, keeps, and promises of itself."""

from __future__ import annotations

import io
import time
from typing import Any

import numpy as np
import pytest
import skimage.data
from PIL import Image

from rambarde.guard.upstreams.sketch import SketchUpstream
from rambarde.guard.upstreams.sketch_words import TEXT_LIMIT, understand
from rambarde.nouns.fault import Fault, Kind

ASTRONAUT: Any = skimage.data.astronaut()
CORNER = 60
"""Pixels from the right and lower edges that the caption may cover in a 512-pixel picture (and more in width)."""


async def sketch(request: Any) -> list[Any]:
    made = await SketchUpstream().generate(request, deadline=30)
    return [np.asarray(Image.open(io.BytesIO(one.data)).convert("RGB")).astype(np.int16) for one in made]


async def test_the_same_request_gives_the_same_bytes(make_request: Any, make_picture: Any) -> None:
    for request in (
        make_request("a city at night", n=2),
        make_request("a beach behind", images=(make_picture(ASTRONAUT),)),
    ):
        first = await SketchUpstream().generate(request, deadline=30)
        assert first == await SketchUpstream().generate(request, deadline=30)


async def test_images_of_a_batch_differ_and_so_do_prompts(make_request: Any) -> None:
    one, two = await sketch(make_request("mountains", n=2))
    assert (one != two).any()
    (other,) = await sketch(make_request("a red cat"))
    assert (one != other).mean() > 0.1


@pytest.mark.parametrize("output_format", ["png", "jpeg", "webp"])
@pytest.mark.parametrize("size", ["auto", "1024x1024", "256x512", "2048x64", "1x1", "16x16"])
async def test_size_and_format(size: str, output_format: str, make_request: Any) -> None:
    request = make_request('a cat by the sea "hello"', size=size, output_format=output_format)
    (one,) = await SketchUpstream().generate(request, deadline=30)
    image = Image.open(io.BytesIO(one.data))
    assert (image.format or "").lower() == output_format
    assert "x".join(map(str, image.size)) == size.replace("auto", "1024x1024")


@pytest.mark.parametrize(
    "size", ["4096x64", "0x5", "64", "x", "-1x5", "64x64x64", "٣x٣", "", "99999999999x1"]
)
async def test_a_size_it_does_not_draw(size: str, make_request: Any) -> None:
    with pytest.raises(Fault) as caught:
        await SketchUpstream().generate(make_request(size=size), deadline=5)
    assert caught.value.kind is Kind.UPSTREAM and caught.value.field == "size"


@pytest.mark.parametrize(
    ("prompt", "things", "colours"),
    [
        ("A red cat in the snow at night", {"cat", "snow", "night"}, 1),
        ("Forêt et montagne au coucher de soleil", {"forest", "mountain", "sunset", "sun"}, 0),
        ("ein blaues Haus am Meer", {"house", "sea"}, 1),
        ("una casa verde y flores amarillas", {"house", "flower"}, 1),
        ("un gatto sulla spiaggia", {"cat", "beach"}, 0),
        ("um barco no mar", {"boat", "sea"}, 0),
        ("красный дом в лесу", {"house", "forest"}, 1),
        ("海边的猫", {"sea", "cat"}, 0),
        ("夜の山と赤い花", {"night", "mountain", "flower"}, 1),
        ("قطة", {"cat"}, 0),
        ("make it black and white", {"grey"}, 0),
        ("add a golden crown and a frame", {"crown", "border"}, 0),
        ("xyzzy", set(), 0),
        ("", set(), 0),
    ],
)
def test_words(prompt: str, things: set[str], colours: int) -> None:
    wish = understand(prompt)
    assert wish.things == things and len(wish.colours) == colours


def test_quoted_text() -> None:
    assert understand('a sign that says "Open  late"').text == "Open late"
    assert understand("une pancarte « Bonjour »").text == "Bonjour"
    assert understand('never closed "abc').text == ""
    assert len(understand(f'"{"x" * 500}"').text) == TEXT_LIMIT
    assert understand('"a\u202eb\x00c"').text == "abc"


def test_a_long_prompt_takes_no_time() -> None:
    began = time.process_time()
    understand('夜"' * 16_000 + " red cat" * 4_000)
    assert time.process_time() - began < 1.0


async def test_every_picture_says_what_it_is(make_request: Any, make_picture: Any) -> None:
    requests = [
        make_request("sea", size="512x512"),
        make_request("nothing", images=(make_picture(ASTRONAUT),)),
    ]
    for request in requests:
        (pixels,) = await sketch(request)
        corner = pixels[-28:, -110:]
        light, dark = (corner.min(axis=2) > 235).mean(), (corner.max(axis=2) < 90).mean()
        assert light > 0.3 and dark > 0.03


async def edited(make_request: Any, make_picture: Any, prompt: str, **more: Any) -> Any:
    (pixels,) = await sketch(make_request(prompt, images=(make_picture(ASTRONAUT),), **more))
    assert pixels.shape == ASTRONAUT.shape, "an edit keeps its input's size"
    return pixels


@pytest.mark.slow
async def test_edits_do_what_they_say(make_request: Any, make_picture: Any) -> None:
    async def edit(prompt: str) -> Any:
        return await edited(make_request, make_picture, prompt)

    before, core = ASTRONAUT.astype(np.int16), np.s_[60:400, 60:400]
    assert (await edit("do something odd"))[core].tolist() == before[core].tolist()
    background = await edit("put a beach in the background")
    assert np.abs(background - before)[:100, :40].mean() > 20
    assert np.abs(background - before)[150:400, 200:300].max() == 0, "the subject stays"
    grey = (await edit("en noir et blanc"))[core]
    assert np.ptp(grey, axis=2).max() == 0
    assert (await edit("make it brighter"))[core].mean() > before[core].mean() + 10
    assert (await edit("etwas dunkler bitte"))[core].mean() < before[core].mean() - 10
    framed = await edit("add a blue frame")
    assert (framed[:20, :300] == framed[0, 0]).all() and (framed[core] == before[core]).all()
    hat = await edit("gib ihr einen roten Hut mit Rand")
    assert (hat[:70] != before[:70]).any()
    tint = await edit("tint it green")
    assert (tint[core][..., 1] - tint[core][..., 0]).mean() > (
        before[core][..., 1] - before[core][..., 0]
    ).mean()
    caption = await edit('write "Hello"')
    assert (caption[380:480] != before[380:480]).any() and (caption[:300] == before[:300]).all()


async def test_only_the_transparent_area_of_a_mask_changes(make_request: Any, make_picture: Any) -> None:
    mask = np.full((512, 512, 4), 255, np.uint8)
    mask[:256, :, 3] = 0
    pixels = await edited(make_request, make_picture, "a green background", mask=make_picture(mask))
    assert (pixels[256:480] == ASTRONAUT[256:480]).all()
    assert (pixels[:256] == pixels[0, 0]).all()
    opaque = make_picture(np.full((512, 512, 3), 255, np.uint8))
    pixels = await edited(make_request, make_picture, "a green background", mask=opaque)
    assert (pixels[:480] == ASTRONAUT[:480]).all()


async def test_a_mask_of_another_size_and_tiny_inputs(make_request: Any, make_picture: Any) -> None:
    mask = make_picture(np.zeros((10, 20, 4), np.uint8))
    await edited(make_request, make_picture, "a red hat, a frame and a sunset background", mask=mask)
    for shape in ((1, 1, 3), (2, 300, 3), (300, 2, 4)):
        picture = make_picture(np.zeros(shape, np.uint8))
        prompt = 'night background with a red hat, a frame and "words"'
        (pixels,) = await sketch(make_request(prompt, images=(picture,)))
        assert pixels.shape[:2] == shape[:2]


async def test_the_input_is_left_alone(make_request: Any, make_picture: Any) -> None:
    picture = make_picture(ASTRONAUT.copy())
    picture.rgb.setflags(write=False)
    await sketch(make_request("odd", images=(picture,)))
    assert (picture.rgb == ASTRONAUT).all()


async def test_people_are_pictograms_of_one_flat_colour(make_request: Any) -> None:
    """Where a scene with and without a person differs, there is one colour: no skin, no features."""
    (pixels,) = await sketch(make_request("a pink woman", size="512x512"))
    assert ((pixels == (38, 70, 132)).all(axis=2)).mean() > 0.03

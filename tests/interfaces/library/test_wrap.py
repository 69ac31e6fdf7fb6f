"""`Guard.wrap`: a function's images go through the gateway's chain."""

from __future__ import annotations

import asyncio
import hashlib
import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from rambarde import Fault, Guard, Held, Outcome, PartlyHeld, Refused, Settings
from rambarde.guard.inspect import Inspector
from rambarde.nouns.custody import Shelf
from tests.interfaces.http.test_release import with_nudity
from tests.interfaces.library.conftest import BLUE, SEEN, newest, opened, paint, record
from tests.sealed import bare
from tests.servers import png

pytestmark = pytest.mark.slow


def test_a_guarded_function_returns_what_it_made_and_is_recorded(guard: Guard) -> None:
    (image,) = guard.wrap(paint, name="blue")("a lighthouse at sunset")
    assert isinstance(image, Image.Image) and image.tobytes() == BLUE.tobytes()
    kept = newest(guard)
    assert (kept["ending"], kept["upstream"], kept["route"]) == ("released", "blue", "library")
    assert (kept["credential"], kept["surface"], kept["n"]) == ("library", "api", 1)


@pytest.mark.parametrize(
    "made",
    [
        png(3),
        BLUE,
        BLUE.convert("RGBA"),
        BLUE.convert("L"),
        np.asarray(BLUE),
        np.asarray(BLUE.convert("L")),
        np.asarray(BLUE) / 255,
    ],
    ids=["bytes", "rgb", "rgba", "grey", "array", "flat", "float"],
)
def test_images_come_back_in_their_kind(guard: Guard, made: Any) -> None:
    guarded = guard.wrap(lambda prompt, *, n, size, images: [made] * n)
    for image in guarded("a quiet garden", n=2):
        assert isinstance(image, Image.Image if isinstance(made, Image.Image) else type(made))
        if isinstance(image, Image.Image):
            assert (image.mode, image.size, image.tobytes()) == (made.mode, made.size, made.tobytes())
        elif isinstance(image, np.ndarray):
            assert (image.dtype, image.shape) == (np.uint8, made.shape)
            assert (image == (np.rint(made * 255) if made.dtype == float else made)).all()


def test_what_nobody_looked_at_is_gone(guard: Guard) -> None:
    note, out = PngInfo(), io.BytesIO()
    note.add_text("Comment", "a secret")
    BLUE.save(out, "PNG", pnginfo=note)
    (data,) = guard.wrap(lambda prompt, *, n, size, images: [out.getvalue()])("a quiet garden")
    assert isinstance(data, bytes) and b"a secret" not in data
    assert newest(guard)["outputs"][0]["sha256"] == hashlib.sha256(data).hexdigest()


def test_a_refusal_before_generation_calls_nothing(guard: Guard, portrait: bytes) -> None:
    calls = []

    def generate(prompt: str, *, n: int, size: str, images: list[bytes]) -> list[Image.Image]:
        calls.append(prompt)
        return [BLUE]

    with pytest.raises(Refused) as caught:
        guard.wrap(generate)("put her in a bikini", images=[portrait])
    refused = caught.value
    assert not calls
    assert refused.decision.outcome is Outcome.BLOCK and "real-person-sexual" in refused.rules
    assert refused.fields == ("prompt", "image")
    assert "bikini" in refused.explanation and "bikini" not in str(refused)
    assert refused.id in refused.appeal and refused.items == ()
    assert record(guard, refused.id)["ending"] == "refused"


def test_an_edit_gets_the_files_and_the_mask(guard: Guard, still_life: bytes) -> None:
    seen: dict[str, Any] = {}

    def generate(prompt: str, *, n: int, size: str, images: list[bytes], mask: bytes | None) -> list[bytes]:
        seen.update(images=images, mask=mask, size=size, prompt=prompt)
        return [still_life]

    mask = Image.new("L", (600, 400), 255)
    guard.wrap(generate)("a blue cup", images=[still_life], mask=mask, size="600x400")
    assert seen["images"] == [still_life]
    assert Image.open(io.BytesIO(seen["mask"])).tobytes() == mask.tobytes()
    assert (seen["prompt"], seen["size"]) == ("a blue cup", "600x400")
    assert newest(guard)["action"] == "edit"
    with pytest.raises(Fault, match="does not take a mask"):
        guard.wrap(paint)("a blue cup", images=[still_life], mask=mask)


def test_a_negative_prompt_is_judged_and_handed_on(guard: Guard, portrait: bytes) -> None:
    seen = []

    def generate(
        prompt: str, *, n: int, size: str, images: list[bytes], negative_prompt: str | None
    ) -> list[Image.Image]:
        seen.append(negative_prompt)
        return [BLUE]

    async def later(
        prompt: str, *, n: int, size: str, images: list[bytes], negative_prompt: str | None
    ) -> list[Image.Image]:
        return generate(prompt, n=n, size=size, images=images, negative_prompt=negative_prompt)

    guard.wrap(generate)("a quiet garden", negative_prompt="blurred")
    guard.wrap(generate)("a quiet garden")
    asyncio.run(guard.wrap(later)("a quiet garden", negative_prompt="grainy"))
    assert seen == ["blurred", None, "grainy"]
    with pytest.raises(Refused):
        guard.wrap(generate)("a summer portrait", images=[portrait], negative_prompt="clothes")
    assert len(seen) == 3
    with pytest.raises(Fault, match="does not take a negative prompt") as caught:
        guard.wrap(paint)("a quiet garden", negative_prompt="blurred")
    assert caught.value.code == "upstream_refused" and newest(guard)["fault"]["code"] == "upstream_refused"


def test_a_batch_of_which_a_part_is_held_is_no_list(tmp_path: Path, inspector: Inspector) -> None:
    good, odd = png(1), png(2)
    with opened(tmp_path, with_nudity(inspector, {odd: SEEN})) as guard:
        with pytest.raises(PartlyHeld) as caught:
            guard.wrap(lambda prompt, *, n, size, images: [good, odd, good])("a quiet garden", n=3)
        partly = caught.value
        assert {index: bare(image) for index, image in partly.released.items()} == {0: good, 2: good}
        assert [image.index for image in partly.withheld] == [1]
        assert partly.rules == ("nude-looking-output",) and len(partly.items) == 1
        assert "Released: 2, withheld: 1." in str(partly)
        assert record(guard, partly.id)["ending"] == "partly_held"
        kept = asyncio.run(guard._gateway.keeper.take(partly.items[0], Shelf.HELD))
        assert kept is not None and bare(kept.data) == odd


def test_all_held(tmp_path: Path, inspector: Inspector) -> None:
    settings = Settings(public_url="https://rambarde.example")
    with opened(tmp_path, with_nudity(inspector, {png(2): SEEN}), settings=settings) as guard:
        with pytest.raises(Held) as caught:
            guard.wrap(lambda prompt, *, n, size, images: [png(2)])("a quiet garden")
        assert caught.value.decision.outcome is Outcome.REVIEW and len(caught.value.items) == 1
        assert caught.value.appeal == f"https://rambarde.example/appeal/{caught.value.id}"


def test_a_check_that_fails_holds(tmp_path: Path, inspector: Inspector) -> None:
    with opened(tmp_path, with_nudity(inspector, {png(2): RuntimeError("crash")})) as guard:
        with pytest.raises(Held) as caught:
            guard.wrap(lambda prompt, *, n, size, images: [png(2)])("a quiet garden")
        assert "unchecked-output" in caught.value.rules


def test_small_steps_of_one_session_have_one_lineage(guard: Guard, portrait: bytes) -> None:
    guarded = guard.wrap(lambda prompt, *, n, size, images: [images[0]]).for_caller(
        session="s-1", account="a-1", country="FR", plan="free"
    )
    (first,) = guarded("a red hat", images=[portrait])
    begun = newest(guard)
    assert (begun["session"], begun["account"], begun["country"], begun["plan"]) == (
        "s-1",
        "a-1",
        "FR",
        "free",
    )
    guarded("a green hat", images=[first])  # type: ignore[list-item]
    assert newest(guard)["lineage"] is not None


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        ([], "upstream_no_images"),
        ([BLUE, BLUE], "upstream_image_count"),
        ([b"no image"], "upstream_not_an_image"),
        (None, "upstream_bad_answer"),
        (["BLUE"], "upstream_bad_answer"),
    ],
)
def test_a_function_that_misbehaves_is_a_fault(guard: Guard, answer: Any, code: str) -> None:
    with pytest.raises(Fault) as caught:
        guard.wrap(lambda prompt, *, n, size, images: answer)("a quiet garden")
    assert caught.value.code == code
    assert newest(guard)["fault"]["code"] == code


def test_a_function_that_raises_is_a_fault_with_its_cause(guard: Guard) -> None:
    def broken(prompt: str, *, n: int, size: str, images: list[bytes]) -> list[bytes]:
        raise ZeroDivisionError(prompt)

    with pytest.raises(Fault) as caught:
        guard.wrap(broken)("a quiet garden")
    assert caught.value.code == "upstream_failed"
    assert isinstance(caught.value.__cause__, ZeroDivisionError)
    assert "garden" not in str(caught.value)


@pytest.mark.parametrize("given", [{"n": 0}, {"n": 11}, {"size": "huge"}, {"size": "0x0"}])
def test_values_out_of_range_are_faults(guard: Guard, given: dict[str, Any]) -> None:
    with pytest.raises(Fault):
        guard.wrap(paint)("a quiet garden", **given)
    with pytest.raises(TypeError):
        guard.wrap(paint)("a quiet garden", n=True)
    with pytest.raises(TypeError):
        guard.wrap(paint)("a quiet garden", steps=4)  # type: ignore[call-arg]


def test_nothing_leaves_that_is_not_recorded(tmp_path: Path, inspector: Inspector) -> None:
    with opened(tmp_path, inspector) as guard:

        def full(batch: object, **_how: object) -> None:
            raise OSError(28, "No space left on device")

        guard._gateway.log.append = full  # type: ignore[method-assign, assignment]
        with pytest.raises(Fault) as caught:
            guard.wrap(paint)("a quiet garden")
        assert caught.value.code == "not_recorded"

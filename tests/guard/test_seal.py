"""Sealing on the path: what is signed, what is not, and that nothing leaves where it fails."""

from __future__ import annotations

import hashlib

import pytest

from rambarde.guard.answer import Released, Withheld
from rambarde.guard.arrival import Draft, Upload
from rambarde.nouns.fault import Fault, Kind
from rambarde.nouns.record import Ending
from rambarde.nouns.request import Action, Picture
from rambarde.nouns.signal import Signal
from tests.guard.stand import LOOK, Fake, Happened, arrival, chain, png


def seen(value: dict[int, float]) -> Fake:
    """The look detector: how bare a picture is by its grey level."""
    return Fake(
        LOOK,
        lambda picture: (
            Signal.measured("bare", _level(picture, value)),
            Signal.measured("clothed", 1.0),
        ),
    )


def _level(picture: Picture, value: dict[int, float]) -> float:
    return value.get(int(picture.rgb[0, 0, 0]), 0.0)


async def test_what_leaves_is_the_signed_file_and_the_record_tells_its_manifest() -> None:
    happened = Happened()
    answer = await chain(happened).run(arrival(happened))
    (image,) = answer.images
    assert isinstance(image, Released) and image.data == png() + b"signed"
    (note,) = happened.records[0].outputs
    assert note.sha256 == hashlib.sha256(image.data).hexdigest()
    (disclosure,) = happened.disclosed
    assert note.seal is not None and note.seal.label == f"urn:c2pa:{disclosure.id}"
    assert happened.records[0].as_json()["outputs"][0]["seal"] == {  # type: ignore[index]
        "label": f"urn:c2pa:{disclosure.id}",
        "manifest": "a" * 64,
        "certificate": "b" * 64,
    }


async def test_nothing_of_the_request_is_disclosed() -> None:
    happened = Happened()
    await chain(happened).run(arrival(happened, Draft("a portrait of Jane Example")))
    (disclosure,) = happened.disclosed
    assert (disclosure.system, disclosure.sources) == ("stand", ())
    assert happened.records[0].id not in disclosure.id


async def test_an_edit_discloses_its_inputs_as_they_were_sent() -> None:
    happened = Happened()
    with_text = png()[:-12] + b"\0\0\0\x04tEXtab\0c" + b"\x8c\x1b\x0b\x1d" + png()[-12:]
    draft = Draft("brighter", images=(Upload(with_text), Upload(png(level=3))))
    await chain(happened).run(arrival(happened, draft, action=Action.EDIT))
    (disclosure,) = happened.disclosed
    first, second = disclosure.sources
    assert (first.sent, first.bare) == (with_text, png())
    assert (second.sent, second.bare, second.media_type) == (png(level=3), png(level=3), "image/png")


async def test_held_images_are_signed_and_blocked_ones_are_not() -> None:
    happened = Happened()
    look = seen({1: 0.6, 2: 0.95})
    pictures = (png(level=0), png(level=1))
    answer = await chain(happened, look, pictures=pictures).run(arrival(happened, Draft("trees", n=2)))
    assert [type(image) for image in answer.images] == [Released, Withheld]
    assert len(happened.disclosed) == 2 and len({one.id for one in happened.disclosed}) == 2
    happened = Happened()
    answer = await chain(happened, look, pictures=(png(level=2),)).run(arrival(happened))
    assert answer.ending is Ending.REFUSED
    (note,) = happened.records[0].outputs
    assert happened.disclosed == [] and note.seal is None
    assert note.sha256 == hashlib.sha256(png(level=2)).hexdigest()


@pytest.mark.parametrize("code", ["seal_certificate_expired", "seal_key_mismatch", "seal_timeout"])
async def test_what_cannot_be_sealed_does_not_leave_and_the_record_says_so(code: str) -> None:
    happened = Happened(fails={"sign": Fault(Kind.INTERNAL, code, "No seal.", remedy="Wait.")})
    with pytest.raises(Fault) as raised:
        await chain(happened).run(arrival(happened, Draft("a tree", deliver_url=True)))
    assert raised.value.code == code
    assert happened.kept == {} and "keep" not in happened.steps and "remember" not in happened.steps
    (record,) = happened.records
    assert record.ending is Ending.FAULT and record.fault is not None and record.fault.code == code
    assert record.outputs == ()


async def test_a_sealer_that_breaks_is_no_release() -> None:
    happened = Happened(fails={"sign": RuntimeError("secret words")})
    with pytest.raises(Fault) as raised:
        await chain(happened).run(arrival(happened))
    assert raised.value.code == "internal" and "secret" not in str(raised.value)
    assert happened.records[0].ending is Ending.FAULT

"""Canonicalising: limits named one by one, pictures stripped to what is looked at, one digest for one request."""

from __future__ import annotations

import hashlib
import io
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from rambarde.guard.arrival import Draft, Upload
from rambarde.guard.canonicalise import RequestLimits, canonicalise
from rambarde.guard.digest import digest
from rambarde.nouns.caller import UNKNOWN_COUNTRY
from rambarde.nouns.fault import Fault, Kind
from rambarde.nouns.request import Action, Request
from tests.guard.stand import Happened, arrival, png

LIMITS = RequestLimits()
TEXTS = st.text(max_size=6)


async def made(draft: Draft, action: Action = Action.GENERATE, **options: object) -> Request:
    return await canonicalise(arrival(Happened(), draft, action=action), draft, LIMITS, **options)  # type: ignore[arg-type]


def secretive() -> bytes:
    """A picture that carries a text, and bytes after its end."""
    out, told = io.BytesIO(), PngInfo()
    told.add_text("comment", "the secret place")
    Image.new("RGB", (8, 8), "teal").save(out, "PNG", pnginfo=told)
    return out.getvalue() + b"and more after the end"


@pytest.mark.parametrize(
    ("draft", "action", "kind", "code", "field"),
    [
        (Draft("a tree", n=0), Action.GENERATE, Kind.INVALID, "n_out_of_range", "n"),
        (Draft("a tree", n=11), Action.GENERATE, Kind.INVALID, "n_out_of_range", "n"),
        (Draft("a tree", n=-(2**70)), Action.GENERATE, Kind.INVALID, "n_out_of_range", "n"),
        (Draft("a tree"), Action.EDIT, Kind.INVALID, "image_missing", "image"),
        (Draft("a tree", images=(Upload(b"x"),) * 11), Action.EDIT, Kind.INVALID, "too_many_images", "image"),
        (Draft("x" * 32_001), Action.GENERATE, Kind.TOO_LARGE, "prompt_too_long", "prompt"),
        (Draft(" \u200b "), Action.GENERATE, Kind.INVALID, "prompt_empty", "prompt"),
        (Draft("a", "x" * 32_001), Action.GENERATE, Kind.TOO_LARGE, "prompt_too_long", "negative_prompt"),
        (Draft("a", images=(Upload(b"x"),)), Action.EDIT, Kind.INVALID, "not_an_image", "image"),
        (
            Draft("a", images=(Upload(png()),), mask=Upload(b"x", "mask")),
            Action.EDIT,
            Kind.INVALID,
            "not_an_image",
            "mask",
        ),
    ],
)
async def test_what_is_out_of_limits_says_which(
    draft: Draft, action: Action, kind: Kind, code: str, field: str
) -> None:
    with pytest.raises(Fault) as caught:
        await made(draft, action)
    assert (caught.value.kind, caught.value.code, caught.value.field) == (kind, code, field)
    assert caught.value.remedy


async def test_until_identified_the_caller_is_the_strictest() -> None:
    request = await made(Draft("a tree"))
    context = request.caller.context
    assert (request.caller.surface, request.caller.mode) == ("web", "standard")
    assert (context.country, context.age_assured, context.plan) == (UNKNOWN_COUNTRY, False, None)


async def test_texts_keep_their_forms_and_an_empty_negative_prompt_is_none() -> None:
    request = await made(Draft("Ａ tree", "  "))
    assert (request.prompt.raw, request.prompt.clean, request.prompt.folded) == (
        "Ａ tree",
        "A tree",
        "a tree",
    )
    assert request.negative_prompt is None
    other = await made(Draft("a", "Clothes"))
    assert other.negative_prompt is not None and other.negative_prompt.folded == "clothes"


async def test_nothing_of_a_picture_goes_further_that_was_not_looked_at() -> None:
    sent = secretive()
    request = await made(Draft("a", images=(Upload(sent),), mask=Upload(sent, "mask")), Action.EDIT)
    for picture in (*request.images, request.mask):
        assert picture is not None and b"secret" not in picture.data and b"after" not in picture.data
        assert picture.sha256 == hashlib.sha256(picture.data).hexdigest()
    assert request.digest == digest(Action.EDIT, Draft("a", images=(Upload(sent),), mask=Upload(sent))), (
        "the digest is of what was sent, so that the sender can open it"
    )


async def test_pixels_are_told_picture_by_picture_and_may_be_refused() -> None:
    told: list[int] = []

    def reserve(pixels: int) -> None:
        told.append(pixels)
        if len(told) == 2:
            raise Fault(Kind.OVERLOADED, "overloaded", "Full.", remedy="Wait.")

    draft = Draft("a", images=(Upload(png(8)), Upload(png(4)), Upload(b"never read")))
    with pytest.raises(Fault) as caught:
        await made(draft, Action.EDIT, reserve=reserve)
    assert caught.value.code == "overloaded" and told == [64, 16]


async def test_a_supposed_picture_need_not_be_sent() -> None:
    assert (await made(Draft("a tree"), Action.EDIT, pictured=False)).images == ()


DRAFTS = st.builds(
    Draft,
    prompt=TEXTS,
    negative_prompt=st.none() | TEXTS,
    images=st.lists(st.binary(max_size=3).map(Upload), max_size=3).map(tuple),
    mask=st.none() | st.binary(max_size=3).map(Upload),
    n=st.integers(1, 10),
    size=st.sampled_from(["auto", "64x64", "1", "None"]),
    model=st.none() | TEXTS | st.just("None"),
    output_format=st.sampled_from(["png", "jpeg"]),
    deliver_url=st.booleans(),
    options=st.lists(st.tuples(st.sampled_from(["style", "quality"]), TEXTS), max_size=2).map(tuple),
)


def same(draft: Draft) -> Draft:
    """What shapes the answer: no negative prompt or model is as an empty one, a file is its bytes."""
    return replace(
        draft,
        negative_prompt=draft.negative_prompt or None,
        model=draft.model or None,
        images=tuple(Upload(upload.data) for upload in draft.images),
    )


@given(DRAFTS, DRAFTS)
def test_two_requests_have_one_digest_only_if_they_are_the_same(one: Draft, other: Draft) -> None:
    digests = digest(Action.EDIT, one) == digest(Action.EDIT, other)
    assert digests == (same(one) == same(other))


@given(st.text(max_size=6), st.text(max_size=6), st.integers(0, 6))
def test_no_field_runs_into_the_next(prompt: str, negative: str, moved: int) -> None:
    whole = prompt + negative
    one, other = Draft(prompt, negative), Draft(whole[:moved], whole[moved:])
    same_fields = (one.prompt, one.negative_prompt) == (other.prompt, other.negative_prompt)
    assert (digest(Action.EDIT, one) == digest(Action.EDIT, other)) == same_fields


def test_no_model_is_another_model_than_one_called_none() -> None:
    assert digest(Action.EDIT, Draft("a")) != digest(Action.EDIT, Draft("a", model="None"))

"""Canonicalise: from a dialect's draft to the one frozen `Request`."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from rambarde.guard.arrival import Arrival, Draft, Upload
from rambarde.guard.digest import digest
from rambarde.guard.media.limits import Limits as PictureLimits
from rambarde.guard.sight import Sight
from rambarde.guard.text.normalise import canonical
from rambarde.nouns.caller import Caller
from rambarde.nouns.fault import Fault, Kind, invalid
from rambarde.nouns.request import Action, Picture, Request


@dataclass(frozen=True, slots=True)
class RequestLimits:
    """Limits of one request. `prompt` in characters, `pictures` counts input images without the mask."""

    prompt: int = 32_000
    pictures: int = 10
    n: int = 10
    picture: PictureLimits = PictureLimits()


async def canonicalise(
    arrival: Arrival,
    draft: Draft,
    limits: RequestLimits,
    *,
    reserve: Callable[[int], None] = lambda _pixels: None,
    pictured: bool = True,
    sight: Sight | None = None,
) -> Request:
    """The request in its one form. The caller is the strictest until `identify` says who it is.

    `reserve` is told the pixels of each picture once it is decoded, and may refuse more of them.
    `pictured` is false where an edit is only judged, with a picture supposed instead of attached. Pictures are
    decoded by `sight` (default: in this process), and stripped to what the detectors will look at: nothing else
    of a file goes further.
    Raises `Fault` for what is out of limits or cannot be decoded; the first fault found is the one named.
    """
    if not 1 <= draft.n <= limits.n:
        raise invalid(
            "n_out_of_range", f"n is {draft.n}.", remedy=f"Ask for 1 to {limits.n} images.", field="n"
        )
    if len(draft.images) > limits.pictures:
        raise Fault(
            Kind.INVALID,
            "too_many_images",
            f"{len(draft.images)} input images.",
            remedy=f"Send at most {limits.pictures}.",
            field="image",
        )
    if arrival.action is Action.EDIT and pictured and not draft.images:
        raise invalid("image_missing", "An edit needs a picture.", remedy="Attach `image`.", field="image")
    prompt = await asyncio.to_thread(canonical, draft.prompt, limit=limits.prompt)
    negative = draft.negative_prompt
    sight = sight or Sight()
    images = []
    for upload in draft.images:
        images.append(await _decode(sight, upload, limits.picture))
        reserve(images[-1].width * images[-1].height)
    return Request(
        id=arrival.id,
        action=arrival.action,
        prompt=prompt,
        caller=Caller(arrival.credential.id, arrival.credential.surface),
        received_at=arrival.received_at,
        digest=digest(arrival.action, draft),
        negative_prompt=canonical(negative, limit=limits.prompt, field="negative_prompt")
        if negative and negative.strip()
        else None,
        images=tuple(images),
        mask=await _decode(sight, draft.mask, limits.picture) if draft.mask else None,
        n=draft.n,
        size=draft.size,
        model=draft.model,
        output_format=draft.output_format,
        deliver_url=draft.deliver_url,
        options=draft.options,
    )


async def _decode(sight: Sight, upload: Upload, limits: PictureLimits) -> Picture:
    return await sight.decode(
        upload.data,
        limits=limits,
        field=upload.field,
        declared=upload.declared,
        filename=upload.filename,
        bare=True,
    )

"""Inputs: the pictures an image was made from, as ingredients; what they say of themselves goes on with the image."""

from __future__ import annotations

import io
import json
import re
from typing import Any

from rambarde.nouns.provenance import Source
from rambarde.prove.manifest.boxes import boxes
from rambarde.prove.manifest.reading import carries_manifest
from rambarde.prove.manifest.sdk import sdk
from rambarde.prove.manifest.statement import ingredient

_PICTURES = ("c2pa.thumbnail", "c2pa.icon", "c2pa.embedded-data")
"""Labels of assertions that are pictures or files: nobody has looked at them."""
_MENTIONED = re.compile(rb"c2pa\.(?:thumbnail|icon|embedded-data)|brob")
"""Where a store says nothing of the kind, it need not be read; one with a compressed box (`brob`) may hide it."""


def add(builder: Any, source: Source, place: int) -> None:
    """Add the source `place` to a manifest: the first is what was edited, the others were put in.

    Its manifest goes with it, whether it holds or not: what does not hold is recorded as such. Only one that
    is too damaged to be read stays behind, and the title says so.
    """
    c2pa = sdk()
    if carries_manifest(source.sent):
        try:
            _add(builder, "input", source.sent, source.media_type, place)
            return
        except c2pa.C2paError:
            _add(builder, "input, whose manifest cannot be read", source.bare, source.media_type, place)
            return
    _add(builder, "input", source.bare, source.media_type, place)


def _add(builder: Any, title: str, data: bytes, media_type: str, place: int) -> None:
    told = {
        "title": title,
        "relationship": "componentOf" if place else "parentOf",
        "label": ingredient(place),
    }
    builder.add_ingredient(json.dumps(told), media_type, io.BytesIO(data))


def unseen(source: Source, context: Any) -> tuple[str, ...]:
    """URIs of the pictures inside the source's manifests: thumbnails, which no detector has looked at.

    C2PA lets them be redacted, and everything else of those manifests stays as their signers made it.
    """
    if not carries_manifest(source.sent):
        return ()
    store = boxes(source.sent, source.media_type)
    if carries_manifest(store) and not _MENTIONED.search(store):
        return ()
    c2pa = sdk()
    try:
        with c2pa.Reader(source.media_type, io.BytesIO(source.sent), context=context) as reader:
            manifests = json.loads(reader.detailed_json()).get("manifests", {})
    except c2pa.C2paError:
        return ()  # then it stays behind, see `add`
    return tuple(
        f"self#jumbf=/c2pa/{label}/c2pa.assertions/{name}"
        for label, manifest in manifests.items()
        for name in manifest.get("assertion_store", {})
        if name.startswith(_PICTURES)
    )

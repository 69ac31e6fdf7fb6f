"""Reading: what a file's manifest says, and whether it holds."""

from __future__ import annotations

import io
import json
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from rambarde.nouns.fault import Fault, Kind
from rambarde.prove.manifest.sdk import context, sdk

_MARK = b"jumdc2pa\x00\x11\x00\x10\x80\x00\x00\xaa\x00\x38\x9b\x71"
"""How the description of every manifest store begins: its type (C2PA 2.2, 11.1.4.2)."""


class State(StrEnum):
    """How a manifest stands."""

    TRUSTED = "trusted"
    """Intact, and signed by somebody whose root was given."""
    VALID = "valid"
    """Intact; nobody vouches for who signed it. All that a self-signed chain ever reaches elsewhere."""
    INVALID = "invalid"
    """File or manifest were changed after signing, or the signature never held."""
    NONE = "none"
    """There is no manifest."""


@dataclass(frozen=True, slots=True)
class Read:
    """A manifest as read. `failures` are C2PA's status codes; `manifests` counts those of ingredients too.

    `document` is the SDK's whole report, as JSON.
    """

    state: State
    label: str | None = None
    signer: str | None = None
    signed_at: str | None = None
    source_type: str | None = None
    actions: tuple[str, ...] = ()
    metadata: tuple[tuple[str, str], ...] = ()
    ingredients: tuple[tuple[str, str | None], ...] = ()
    """(relationship, label of its manifest) of the active manifest's ingredients."""
    manifests: int = 0
    failures: tuple[str, ...] = ()
    document: dict[str, Any] | None = None


def carries_manifest(data: bytes) -> bool:
    """Whether a manifest may be in the file; false is certain."""
    return _MARK in data


def read(data: bytes, media_type: str, anchors: Iterable[bytes] = ()) -> Read:
    """What the file says. `anchors` are root certificates in PEM that count as trusted.

    Raises `Fault` `manifest_unreadable` for a file or a manifest store that cannot be read at all.
    """
    c2pa = sdk()
    try:
        with c2pa.Reader(media_type, io.BytesIO(data), context=context(anchors)) as reader:
            document = json.loads(reader.json())
    except c2pa.C2paError as error:
        if isinstance(error, c2pa.C2paError.ManifestNotFound):
            return Read(State.NONE)
        raise Fault(
            Kind.INVALID,
            "manifest_unreadable",
            f"The file or its manifest cannot be read: {str(error)[:200]}.",
            remedy="It is damaged, or no picture of this format.",
        ) from error
    return _told(document)


def _told(document: dict[str, Any]) -> Read:
    label = document.get("active_manifest")
    active = document.get("manifests", {}).get(label, {})
    signature = active.get("signature_info") or {}
    data = {a.get("label"): a.get("data") or {} for a in active.get("assertions", ())}
    actions = data.get("c2pa.actions.v2", data.get("c2pa.actions", {})).get("actions", ())
    found = document.get("validation_results", {}).get("activeManifest", {}).get("failure", ())
    types = (a.get("digitalSourceType") for a in actions)
    return Read(
        state=State(str(document.get("validation_state", "Invalid")).lower()),
        label=label,
        signer=signature.get("issuer"),
        signed_at=signature.get("time"),
        source_type=next((t for t in types if t), None),
        actions=tuple(str(a.get("action")) for a in actions),
        metadata=tuple(
            (name, value)
            for name, value in data.get("cawg.metadata", {}).items()
            if name != "@context" and isinstance(value, str)
        ),
        ingredients=tuple(
            (str(i.get("relationship")), i.get("active_manifest")) for i in active.get("ingredients", ())
        ),
        manifests=len(document.get("manifests", ())),
        failures=tuple(dict.fromkeys(str(f.get("code")) for f in found)),
        document=document,
    )

"""Our own records as a frame: the outputs that the signed sample kept as evidence. Looking is logged by name."""

from __future__ import annotations

from rambarde.interfaces.archive import Archive
from rambarde.nouns.evidence import Part, Why

NAME = "our records, kept by the evidence sample"


def sampled(archive: Archive, *, person: str, purpose: str) -> list[tuple[str, str]]:
    """(item, surface) of every output in the sample, sealed ones too: what cannot be shown is counted all the same."""
    found = archive.listed(None, person=person, purpose=purpose)
    return [
        (item.id, item.about.surface or "(none)")
        for item in found
        if item.why is Why.SAMPLE and item.part is Part.OUTPUT
    ]

"""Provenance: what an image says of where it comes from, and what is kept of its having been said."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Source:
    """An input picture: `sent` is its file as it came, with the manifest it may have; `bare` the stripped one."""

    sent: bytes
    bare: bytes
    media_type: str


@dataclass(frozen=True, slots=True)
class Disclosure:
    """What is disclosed of one image, with the time and what is the same for all. Nothing of the caller, and no prompt.

    `id` is a random UUID and names the image everywhere; without the records it does not lead to the decision.
    `system` is the generator's name as its adapter gives it. `sources` are the pictures it was made from, the
    first of them the one that was edited.
    """

    id: str
    system: str
    sources: tuple[Source, ...] = ()


@dataclass(frozen=True, slots=True)
class SealNote:
    """What the record keeps of a manifest, to know it again.

    `label` is the manifest's (`urn:c2pa:` and the image's id), `manifest` the SHA-256 of its manifest store, and
    `certificate` that of the certificate it was signed with, both in hex.
    """

    label: str
    manifest: str
    certificate: str


@dataclass(frozen=True, slots=True)
class Signed:
    """A file that says where it comes from, signed, and the note of it."""

    data: bytes
    note: SealNote

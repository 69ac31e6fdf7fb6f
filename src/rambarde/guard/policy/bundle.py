"""A bundle: a policy with the texts of the floors and packs it stands on, as it is signed and kept.

So a policy means the same on every release that can read it, and the one before it can still be compared with
after an upgrade. The floors of the running package hold in any case: the proof asks for those.
"""

from __future__ import annotations

import json
from dataclasses import dataclass

from rambarde.guard.policy.catalogue import Catalogue
from rambarde.guard.policy.language import Policy
from rambarde.guard.policy.reading import FLOORS, read_policy, shipped
from rambarde.nouns.fault import Fault, Kind

VERSION = 1


@dataclass(frozen=True, slots=True)
class Bundle:
    """`packs` are those that the policy names, in its order."""

    policy: bytes
    floors: bytes
    packs: tuple[tuple[str, bytes], ...] = ()

    @classmethod
    def of(cls, data: bytes, catalogue: Catalogue, *, source: str = "policy") -> tuple[Bundle, Policy]:
        """A policy file with this package's floors and packs. Raises `PolicyError`."""
        policy = read_policy(data, catalogue, source=source)
        texts = tuple((name, shipped(f"{name}.yaml")) for name in policy.packs)
        return cls(data, shipped(FLOORS), texts), policy

    def as_bytes(self) -> bytes:
        """Canonical: the same texts are the same bytes."""
        told = {
            "rambarde-bundle": VERSION,
            "policy": self.policy.decode(),
            "floors": self.floors.decode(),
            "packs": {name: text.decode() for name, text in self.packs},
        }
        return json.dumps(told, sort_keys=True, ensure_ascii=True, separators=(",", ":")).encode("ascii")

    def read(self, catalogue: Catalogue, *, source: str = "policy") -> Policy:
        """Raises `PolicyError` if this release does not understand it, `Fault(INTERNAL, "bundle_damaged")` if the
        text of a pack is missing."""
        try:
            return read_policy(
                self.policy, catalogue, source=source, floors=self.floors, law=dict(self.packs)
            )
        except KeyError as error:
            raise _damaged() from error


def read_bundle(data: bytes) -> Bundle:
    """Raises `Fault(INTERNAL, "bundle_damaged")` for what is no bundle of this version."""
    try:
        told = json.loads(data)
        if told.pop("rambarde-bundle") != VERSION or set(told) != {"policy", "floors", "packs"}:
            raise ValueError("another version")
        return Bundle(
            told["policy"].encode(),
            told["floors"].encode(),
            tuple((name, text.encode()) for name, text in told["packs"].items()),
        )
    except (ValueError, KeyError, AttributeError, TypeError, RecursionError) as error:
        raise _damaged() from error


def _damaged() -> Fault:
    return Fault(
        Kind.INTERNAL,
        "bundle_damaged",
        "The adopted policy is not kept in a form that this release reads.",
        remedy="Run the release that adopted it, or sign and adopt the policy anew.",
    )

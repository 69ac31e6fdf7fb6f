"""The digest: the same for the same request, another for any change, and never two requests in one."""

from __future__ import annotations

import functools
import hashlib
from dataclasses import replace

from rambarde.guard.arrival import Draft, Upload
from rambarde.guard.digest import digest, sha256
from rambarde.nouns.request import Action

DRAFT = Draft(
    "a tree", None, (Upload(b"one"), Upload(b"two")), Upload(b"mask"), 2, "64x64", "m", options=(("a", "b"),)
)


def test_it_stays_what_it_is() -> None:
    """Records of earlier versions must still open."""
    expected = "e5a6db8cbb017d04733bce63f9a8ee6f00294a5c65211898e136d62bdda0a883"
    assert digest(Action.EDIT, DRAFT) == expected


def test_any_change_shows() -> None:
    seen = {digest(Action.EDIT, DRAFT), digest(Action.GENERATE, DRAFT)}
    changes: list[dict[str, object]] = [
        {"prompt": "a treE"},
        {"negative_prompt": "x"},
        {"images": (Upload(b"two"), Upload(b"one"))},
        {"images": (Upload(b"one"),)},
        {"mask": None},
        {"n": 3},
        {"size": "auto"},
        {"model": None},
        {"output_format": "webp"},
        {"deliver_url": True},
        {"options": ()},
        {"options": (("ab", ""),)},
    ]
    for change in changes:
        seen.add(digest(Action.EDIT, replace(DRAFT, **change)))  # type: ignore[arg-type]
    assert len(seen) == 2 + len(changes)


def test_a_remembering_hash_gives_the_same() -> None:
    assert digest(Action.EDIT, DRAFT, hash=functools.cache(sha256)) == digest(Action.EDIT, DRAFT)
    assert sha256(b"x") == hashlib.sha256(b"x").digest()

"""The request's digest: what binds a context token, an identical retry, a consent and an appeal to it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

from rambarde.guard.arrival import Draft
from rambarde.nouns.request import Action

Hash = Callable[[bytes], bytes]


def sha256(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def digest(action: Action, draft: Draft, *, hash: Hash = sha256) -> str:
    """SHA-256 over everything that shapes the answer, 64 hex digits.

    Each part is length-prefixed, so that none can run into another; pictures enter as the SHA-256 of their
    files as they were sent. `hash` is that function: whoever tries many settings of the same pictures
    passes one that remembers.
    """
    whole = hashlib.sha256(b"rambarde/request/1\0")
    parts: list[bytes] = [action.value.encode(), draft.prompt.encode("utf-8", "surrogatepass")]
    parts.append((draft.negative_prompt or "").encode("utf-8", "surrogatepass"))
    parts += [hash(upload.data) for upload in draft.images]
    parts.append(hash(draft.mask.data) if draft.mask else b"")
    parts += [
        str(v).encode("utf-8", "surrogatepass")
        for v in (draft.n, draft.size, draft.model or "", draft.output_format, draft.deliver_url)
    ]
    parts += [f"{key}={value}".encode("utf-8", "surrogatepass") for key, value in draft.options]
    for part in parts:
        whole.update(len(part).to_bytes(8, "big") + part)
    return whole.hexdigest()

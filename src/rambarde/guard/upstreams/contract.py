"""The contract of an upstream: an adapter that makes images, one module each.

An upstream is registered under the entry-point group `rambarde.upstreams` and passes
`tests/guard/upstreams/test_contract.py`. The chain calls it only after an admit decision of *allow*.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from rambarde.nouns.request import Request


@dataclass(frozen=True, slots=True)
class Generated:
    """One image as the generator answered it: not yet decoded, not yet checked.

    `base64` is the text the bytes came as, where the upstream answered base64. It is not passed on: what leaves is
    sealed, and so another file.
    """

    data: bytes
    base64: bytes | None = None
    revised_prompt: str | None = None


class Upstream(Protocol):
    """`name` goes into the record ("openai:gpt-image-1" style names are fine; never a secret or a URL).

    `generate` returns exactly `request.n` images or raises `Fault` of kind UPSTREAM, TIMEOUT or OVERLOADED
    within `deadline` seconds; a generator's own refusal is `Fault(UPSTREAM, "upstream_refused")`.
    It never retries a request that may already have generated.
    """

    name: str

    async def start(self) -> None: ...

    async def close(self) -> None: ...

    async def generate(self, request: Request, *, deadline: float) -> tuple[Generated, ...]: ...


@dataclass(frozen=True, slots=True)
class UpstreamConfig:
    """What an operator sets for a generator. An entry point is a callable from this to an `Upstream`.

    `key` is its secret, never logged; `hosts` are internal hosts whose files may be fetched. The callable
    raises `ValueError` for what it cannot use.
    """

    url: str = ""
    key: str | None = field(default=None, repr=False)
    model: str | None = None
    hosts: tuple[str, ...] = ()

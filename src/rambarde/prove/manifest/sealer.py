"""The sealer: writes the statement into a finished image and signs it. Implements the chain's `Sealer`."""

from __future__ import annotations

import asyncio
import hashlib
import io
import logging
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from rambarde.nouns.fault import Fault, Kind
from rambarde.nouns.provenance import Disclosure, SealNote, Signed
from rambarde.prove.manifest import inputs
from rambarde.prove.manifest.identity import Identity, IdentityFiles, pem
from rambarde.prove.manifest.reading import State, read
from rambarde.prove.manifest.sdk import context, sdk
from rambarde.prove.manifest.statement import Statement
from rambarde.prove.manifest.xmp import packet, with_packet

log = logging.getLogger(__name__)

DEADLINE = 10.0
"""Seconds for one image; it takes milliseconds, unless a time-stamp authority is slow."""
_THREADS = 2


@dataclass(frozen=True, slots=True)
class _Ready:
    """What signing needs of one identity. The SDK's parts are shared by threads."""

    identity: Identity
    signer: Any
    context: Any
    roots: tuple[bytes, ...]


class ManifestSealer:
    """Signs for one gateway. Threads of its own, so that a slow time-stamp authority holds up nothing else."""

    def __init__(
        self,
        files: IdentityFiles,
        statement: Statement,
        clock: Callable[[], datetime],
        *,
        authority: str = "",
        deadline: float = DEADLINE,
    ) -> None:
        """`authority` is the URL of a time-stamp authority (RFC 3161); without it the signature has no time."""
        self._files, self._statement, self._clock = files, statement, clock
        self._authority, self._deadline = authority, deadline
        self._pool = ThreadPoolExecutor(_THREADS, thread_name_prefix="rambarde-seal")
        self._lock = threading.Lock()
        self._ready: _Ready | None = None

    def check(self) -> Identity:
        """The identity, if it could sign now; for a start that does not wait for the first image.

        Raises `Fault` as `IdentityFiles.current` and `Identity.check_time` do, or `seal_failed`.
        """
        return self._prepared().identity

    async def sign(self, data: bytes, media_type: str, disclosure: Disclosure) -> Signed:
        """The bare file `data` with its statement, signed.

        Raises `Fault`: what `check` raises, `seal_failed` (also for a time-stamp authority that does not answer),
        `seal_timestamp_invalid`, `seal_timeout`. Then there is no sealed file, and the image must not leave.
        """
        loop = asyncio.get_running_loop()
        try:
            return await asyncio.wait_for(
                loop.run_in_executor(self._pool, self.sign_now, data, media_type, disclosure), self._deadline
            )
        except TimeoutError as error:
            raise _failed("seal_timeout", f"Signing took longer than {self._deadline:g} seconds.") from error

    def sign_now(self, data: bytes, media_type: str, disclosure: Disclosure) -> Signed:
        """`sign` in this thread, without a deadline."""
        ready, now = self._prepared(), self._clock()
        described = with_packet(data, media_type, packet(self._statement.metadata(disclosure, now)))
        sealed = io.BytesIO()
        try:
            redacted: dict[str, None] = {}
            for source in disclosure.sources:
                redacted |= dict.fromkeys(inputs.unseen(source, ready.context))
            definition = self._statement.definition(disclosure, now, tuple(redacted))
            with sdk().Builder(definition, context=ready.context) as builder:
                for place, source in enumerate(disclosure.sources):
                    inputs.add(builder, source, place)
                store = builder.sign(ready.signer, media_type, io.BytesIO(described), sealed)
        except sdk().C2paError as error:
            # The message may quote a manifest of the caller's.
            told = type(error).__name__ if disclosure.sources else str(error)[:300]
            log.error("an image could not be signed: %s", told)
            raise _failed("seal_failed", "The image could not be signed.") from error
        if self._authority and read(sealed.getvalue(), media_type, ready.roots).state is State.INVALID:
            # The SDK takes any stamp; one of a certificate that readers refuse makes the whole manifest invalid.
            log.error("the time stamps of %s are not valid", self._authority)
            raise _failed("seal_timestamp_invalid", "The time stamp is not valid.")
        note = SealNote(
            f"urn:c2pa:{disclosure.id}", hashlib.sha256(store).hexdigest(), ready.identity.fingerprint
        )
        return Signed(sealed.getvalue(), note)

    def close(self) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _prepared(self) -> _Ready:
        identity = self._files.current()
        identity.check_time(self._clock())
        with self._lock:
            if self._ready is None or self._ready.identity is not identity:
                roots = tuple(map(pem, identity.roots))
                self._ready = _Ready(identity, self._signer(identity), context(roots), roots)
            return self._ready

    def _signer(self, identity: Identity) -> Any:
        c2pa = sdk()
        authority = self._authority.encode() or None
        try:
            return c2pa.Signer.from_info(
                c2pa.C2paSignerInfo(identity.algorithm.encode(), identity.sent(), identity.key, authority)
            )
        except c2pa.C2paError as error:
            log.error("the identity cannot sign: %s", str(error)[:300])
            raise _failed("seal_failed", "The certificate chain cannot sign.") from error


def _failed(code: str, message: str) -> Fault:
    return Fault(
        Kind.INTERNAL,
        code,
        f"{message} Nothing was released.",
        remedy="Try again; the operator's log says why. See docs/provenance.md.",
    )

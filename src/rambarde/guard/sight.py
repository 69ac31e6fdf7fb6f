"""Sight: where strangers' bytes become pictures, and people are measured: in a worker process, or here."""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import dataclass, replace

from rambarde.guard.compare.comparison import exposures
from rambarde.guard.media.decode import decode
from rambarde.guard.media.limits import DEFAULT, Limits
from rambarde.guard.media.strip import strip
from rambarde.guard.workers.pool import DECODE, Pool
from rambarde.guard.workers.task import Lost, Urgency
from rambarde.nouns.fault import Fault, Kind
from rambarde.nouns.request import Picture


@dataclass(frozen=True, slots=True)
class Sight:
    """Without a pool, threads of this process do it: then a picture that crashes a codec ends the process."""

    pool: Pool | None = None

    async def decode(
        self,
        data: bytes,
        *,
        limits: Limits = DEFAULT,
        field: str = "image",
        declared: str | None = None,
        filename: str | None = None,
        bare: bool = False,
        urgency: Urgency = Urgency.ADMIT,
    ) -> Picture:
        """`media.decode`, off the event loop; with `bare`, the file is stripped to what can be seen.

        Raises `Fault` as that does, and `decoder_failed` where the process that decoded crashed or hung.
        """
        if self.pool is None:
            return await asyncio.to_thread(_decoded, data, limits, field, declared, filename, bare)
        if len(data) > limits.bytes:  # not even copied
            return await asyncio.to_thread(_decoded, data, limits, field, declared, filename, bare)
        try:
            waiting = self.pool.decode(data, limits, field, declared, filename, bare=bare, urgency=urgency)
            return await asyncio.wait_for(asyncio.wrap_future(waiting), DECODE)
        except (Lost, TimeoutError, OSError) as error:
            why = str(error) if isinstance(error, Lost) else "late"
            raise Fault(
                Kind.INTERNAL,
                "decoder_failed",
                f"The picture could not be decoded: {why}.",
                remedy="Save it again with another program, or send another one.",
                field=field,
            ) from error

    async def output(self, data: bytes, limits: Limits) -> Picture:
        """What a generator answered, first in line. Raises as `decode`."""
        return await self.decode(data, limits=limits, field="output", urgency=Urgency.RELEASE)

    async def exposures(self, picture: Picture) -> tuple[float | None, ...]:
        """The share of bare body of everybody in a picture; None for somebody of whom it cannot be told.

        A measurement that failed is somebody who cannot be told.
        """
        if self.pool is None:
            return await asyncio.to_thread(exposures, picture)
        try:
            return await asyncio.wrap_future(self.pool.exposures(picture))
        except (Lost, OSError):
            return (None,)


def _decoded(
    data: bytes, limits: Limits, field: str, declared: str | None, filename: str | None, bare: bool
) -> Picture:
    picture = decode(data, limits=limits, field=field, declared=declared, filename=filename)
    if not bare:
        return picture
    file = strip(picture, limits=limits)
    return replace(picture, data=file, sha256=hashlib.sha256(file).hexdigest())

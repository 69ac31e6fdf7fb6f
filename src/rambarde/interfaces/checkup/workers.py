"""The workers: can this machine start one, and does it answer?"""

from __future__ import annotations

import time
from collections.abc import Iterator

import numpy as np

from rambarde.guard.media.encode import encode
from rambarde.guard.media.limits import DEFAULT
from rambarde.guard.workers.pool import DECODE, cores
from rambarde.guard.workers.task import Lost, Urgency
from rambarde.interfaces import parts
from rambarde.interfaces.checkup.row import Row, fail, ok
from rambarde.interfaces.settings import Settings

_CHECK = "workers"
_SIDE = 32


def workers(settings: Settings, *, library: bool = False) -> Iterator[Row]:
    """Start one worker and let it decode a picture; it looks at nothing, so no model is loaded."""
    pool = parts.pool(settings, ()) if not (library and settings.workers < 0) else None
    if pool is None:
        yield ok(_CHECK, "none: this process looks at pictures, and a picture that crashes a codec ends it")
        return
    shade = np.arange(_SIDE * _SIDE * 3, dtype=np.uint32).reshape(_SIDE, _SIDE, 3).astype(np.uint8)
    try:
        start = time.perf_counter()
        asked = pool.decode(
            encode(shade, "png"), DEFAULT, "image", None, None, bare=False, urgency=Urgency.ADMIT
        )
        seen = asked.result(DECODE)
        seconds = time.perf_counter() - start
    except (Lost, TimeoutError, OSError) as error:
        yield fail(
            _CHECK,
            f"no worker answers: {error or type(error).__name__}.",
            "Allow this user to start processes and to use shared memory, or set `workers = 0`.",
        )
        return
    finally:
        pool.close()
    if (seen.rgb != shade).any():
        yield fail(_CHECK, "a worker decodes another picture than it is given.", "Install rambarde again.")
        return
    yield ok(_CHECK, f"{pool.size} for {cores()} cores; one started and answered in {seconds:.1f} s")

"""The comparison of an output with the lineage's original, person by person.

The measure itself comes with the picture side. Until then the step answers *failed* wherever there is
somebody to compare, so that the floor `unchecked` holds every edit of a photograph of a person.
"""

from __future__ import annotations

from rambarde.nouns.request import Picture, Request
from rambarde.nouns.signal import Signal, Signals, SignalSpec, State

SPECS = (
    SignalSpec("change.exposure", meaning="increase of exposure of a person who is also in the original"),
)


async def compare(request: Request, output: Picture, signals: Signals) -> tuple[Signal, ...]:
    """The `change.*` signals of one output: *absent* where no input picture shows a person."""
    people = [signals.get(name) for name in ("input.person", "input.face")]
    if not request.images or all(s is not None and s.state is State.ABSENT for s in people):
        return tuple(Signal.absent(spec.name, "nobody in the input pictures") for spec in SPECS)
    return tuple(Signal.failed(spec.name, "not built yet") for spec in SPECS)

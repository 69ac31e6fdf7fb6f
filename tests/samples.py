"""Records to write, for tests of store and prove."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from rambarde.nouns.decision import Decision, Fired, Outcome, Point
from rambarde.nouns.record import Ending, FaultNote, InputNote, OutputNote, Record
from rambarde.nouns.signal import Signal

START = datetime(2026, 1, 9, 12, 0, tzinfo=UTC)
POLICY = "sha256:" + "a" * 64
FLOORS = "sha256:" + "b" * 64


def a_decision(point: Point = Point.ADMIT, *rules: str, outcome: Outcome = Outcome.ALLOW) -> Decision:
    """A decision in which `rules` fired."""
    fired = tuple(Fired(rule, outcome, f"because of {rule}", floor=True, read=("nudity",)) for rule in rules)
    return Decision(point, outcome, fired, (Signal.measured("nudity", 0.25), Signal.absent("person")), POLICY)


def a_record(
    number: int = 0,
    *,
    surface: str = "web",
    ending: Ending = Ending.RELEASED,
    rules: tuple[str, ...] = (),
    output_rules: tuple[str, ...] = (),
    country: str = "FR",
    session: str | None = None,
    fault: str | None = None,
) -> Record:
    """The record number `number`: one second after the one before."""
    received = START + timedelta(seconds=number)
    return Record(
        id=f"record-{number:06d}",
        received_at=received,
        finished_at=received + timedelta(milliseconds=250),
        route="/v1/images/generations",
        action="generate",
        credential="cabc",
        surface=surface,
        mode="standard",
        country=country,
        plan="free",
        account="pseudonym",
        session=session,
        age_assured=False,
        depicted="unknown",
        ending=ending,
        policy=POLICY,
        floors=FLOORS,
        detectors=(("nudity", "1@sha256:cc"),),
        request="0" * 64,
        n=1,
        size="1024x1024",
        upstream="sketch",
        inputs=(InputNote("image/png", 10, 20),),
        admit=a_decision(Point.ADMIT, *rules),
        outputs=(OutputNote(0, a_decision(Point.RELEASE, *output_rules), "d" * 64),),
        fault=FaultNote("invalid", fault, None) if fault else None,
        timings=(("decide", 0.1234),),
    )

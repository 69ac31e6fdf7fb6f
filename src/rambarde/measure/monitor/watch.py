"""Watch: which counts are watched for a rise, against which baseline, and what such a watch can see."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from statistics import median_low

from rambarde.measure.monitor import change
from rambarde.measure.monitor.change import MONTH, YEAR, Plan
from rambarde.measure.monitor.rates import garwood
from rambarde.nouns.sighting import Alarm, By, Cell, Sight

REFUSED, RELEASED, BREAKER = "refused", "released", "breaker"
"""Streams. `refused/web` is the same of one surface. `breaker` counts what `released` does, with a longer quiet."""
HARM = (Sight.FOUND, Sight.NOTICE)
"""What counts as released harm: never a refusal."""
ENOUGH = 6
"""Hours of history from which the baseline is taken; with fewer it is the one of the settings."""
HOURS = 24
AGAIN = 60
"""Minutes for which a stream that gave an alarm gives no other."""
MOST_STREAMS = 20


@dataclass(frozen=True, slots=True)
class Stream:
    """How one stream stands: the score after the minute `minute`, and the minute of its last alarm."""

    name: str
    score: float = 0.0
    minute: int | None = None
    alarm: int | None = None

    def as_json(self) -> dict[str, object]:
        return {"score": self.score, "minute": self.minute, "alarm": self.alarm}


@dataclass(slots=True)
class Watch:
    """All streams. `expected` is the baseline, a minute, where there is no history: of refusals, and of released harm
    as the re-checks would see it.
    """

    expected: Mapping[str, float]
    streams: dict[str, Stream] = field(default_factory=dict)
    baselines: dict[str, float] = field(default_factory=dict)

    @classmethod
    def load(cls, expected: Mapping[str, float], told: Mapping[str, Mapping[str, object]]) -> Watch:
        """From what `as_json` told."""
        streams = {}
        for name, one in told.items():
            minute, alarm = one.get("minute"), one.get("alarm")
            streams[name] = Stream(
                name,
                float(str(one.get("score", 0))),
                minute if isinstance(minute, int) else None,
                alarm if isinstance(alarm, int) else None,
            )
        return cls(expected, streams)

    def as_json(self) -> dict[str, object]:
        return {name: stream.as_json() for name, stream in self.streams.items()}

    def learn(self, hours: Mapping[str, Sequence[int]]) -> None:
        """Take the baselines from counts by the hour, of each stream: the 95 % limit above the middle hour's count, so
        that neither a rise of hours nor a quiet night moves it much.
        """
        self.baselines = {
            name: garwood(median_low(counts), 0.9).high / 60
            for name, counts in hours.items()
            if len(counts) >= ENOUGH
        }

    def plan(self, name: str) -> Plan:
        """The test of a stream. The false alarms that a month may have are shared by all that alert."""
        kind = name.partition("/")[0]
        baseline = self.baselines.get(name, self.expected.get(kind, 1.0))
        if kind == BREAKER:
            return change.plan(baseline, quiet=YEAR)
        return change.plan(change.rounded(max(baseline, change.FLOOR)), quiet=MONTH * self._shared())

    def step(self, minute: int, counts: Mapping[str, int], *, closed: bool) -> tuple[Alarm, ...]:
        """Take the counts of a minute, closed or still open: an alarm that an open minute gives it would also give at
        its end, for counts only grow. Returns the alarms, each once.
        """
        alarms = []
        # The three come first: however many surfaces there are, they are watched.
        for name in dict.fromkeys((REFUSED, RELEASED, BREAKER, *self.streams, *sorted(counts))):
            if name not in self.streams and len(self.streams) >= MOST_STREAMS:
                continue
            stream, test = self.streams.get(name, Stream(name)), self.plan(name)
            if stream.minute is not None and minute < stream.minute - 2 * AGAIN:  # a clock was set back
                stream = Stream(name)
            if stream.minute is not None and minute <= stream.minute:
                continue
            quiet = minute - stream.minute - 1 if stream.minute is not None else 0
            before = max(0.0, stream.score - quiet * test.reference)
            score = test.after(before, counts.get(name, 0))
            recent = stream.alarm is not None and 0 <= minute - stream.alarm < AGAIN
            if test.alarms(score):
                if not recent:
                    alarms.append(
                        Alarm(
                            f"alarm-{minute}-{name.replace('/', '-')}"[:64],
                            name,
                            minute,
                            counts.get(name, 0),
                            score,
                            test.threshold,
                            test.baseline,
                        )
                    )
                    stream = replace(stream, alarm=minute)
                score = 0.0 if closed else score
            self.streams[name] = replace(stream, score=score, minute=minute) if closed else stream
        return tuple(alarms)

    def _shared(self) -> int:
        # In powers of two, so that a surface more does not make every plan anew.
        count, shared = sum(name != BREAKER for name in {REFUSED, RELEASED, *self.streams}), 1
        while shared < count:
            shared *= 2
        return shared


def counts(cells: Iterable[Cell]) -> dict[str, int]:
    """What the streams count of one minute's cells: different accounts."""
    found: dict[str, int] = {}
    for cell in cells:
        if cell.by not in (By.ALL, By.SURFACE):
            continue
        place = f"/{cell.value}" if cell.by is By.SURFACE else ""
        if cell.sight is Sight.REFUSED:
            found[REFUSED + place] = found.get(REFUSED + place, 0) + cell.accounts
        elif cell.sight in HARM:
            found[RELEASED + place] = found.get(RELEASED + place, 0) + cell.accounts
            if not place:
                found[BREAKER] = found.get(BREAKER, 0) + cell.accounts
    return found

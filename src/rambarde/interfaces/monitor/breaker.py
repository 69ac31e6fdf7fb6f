"""Breaker: a rise of released harm switches a measure on that people signed on a quiet day.

Refusals never do: whoever could make many refusals could otherwise close the service. It only tightens, it says in the
log that a breaker did it and why, and it cannot switch anything off.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from rambarde.guard.policy.signatures.change import SignedChange
from rambarde.interfaces.governance.adoption import adopt
from rambarde.interfaces.governance.office import Office
from rambarde.measure.monitor.watch import BREAKER
from rambarde.nouns.fault import Fault
from rambarde.nouns.sighting import Alarm
from rambarde.prove.log import Log
from rambarde.store.alarms import Alarms

log = logging.getLogger(__name__)

WHO = "rambarde monitor"
"""Its name in the history."""
STALE = timedelta(minutes=15)
"""How old an alarm may be on which it still acts."""


@dataclass(frozen=True, slots=True)
class Breaker:
    """`measure` names a prepared one whose signers allow a breaker; `channels` are told what came of it."""

    measure: str
    office: Office
    log: Log
    alarms: Alarms
    share: float
    clock: Callable[[], datetime]
    channels: tuple[str, ...] = ()

    @property
    def trouble(self) -> str | None:
        """Why it could not act if it had to; None if it could. Raises the database's faults."""
        standing = self.office.book.read().standing
        measure = standing.measures.get(self.measure)
        if measure is None:
            return f"the measure {self.measure} is not prepared (docs/emergency.md)"
        if not measure.breaker:
            return f"the signers of {self.measure} did not allow a breaker"
        return None

    def act(self) -> int:
        """Switch the measure on for every alarm that waits for it; returns how many times it was. May be repeated.

        A fault is kept with the alarm and told, and the next call tries again.
        """
        done = 0
        for alarm in self.alarms.tripping():
            if alarm.stream != BREAKER:  # whatever stands in the row: refusals never do
                self.alarms.give_up(alarm.id, "only released harm switches a measure on")
                continue
            if self.clock() - datetime.fromtimestamp(alarm.minute * 60, self.clock().tzinfo) > STALE:
                self.alarms.give_up(alarm.id, alarm.trouble or "it was found too late to be acted on")
                log.critical("breaker: alarm %s is too old, nothing was switched", alarm.id)
                continue
            done += self._trip(alarm)
        return done

    def _trip(self, alarm: Alarm) -> bool:
        try:
            standing = self.office.book.read().standing
            if self.measure in standing.on:
                log.critical("breaker: %s is on already (alarm %s)", self.measure, alarm.id)
            else:
                change = self.office.switch(
                    self.measure, standing, on=True, by=WHO, reason=self._reason(alarm), breaker=True
                )
                adopt(self.office, self.log, [(None, SignedChange(change))])
                log.critical("breaker: %s is ON (alarm %s)", self.measure, alarm.id)
        except Fault as fault:
            trouble = f"{fault.code}: {fault.message}"
            log.critical("breaker: %s could NOT be switched on: %s", self.measure, trouble)
            self.alarms.tripped(alarm.id, measure=None, trouble=trouble)
            if alarm.trouble != trouble:
                self.alarms.again(alarm.id, self.channels)
            return False
        self.alarms.tripped(alarm.id, measure=self.measure, trouble=None)
        self.alarms.again(alarm.id, self.channels)
        return True

    def _reason(self, alarm: Alarm) -> str:
        return (
            f"{alarm.id}: {alarm.count} accounts got problematic images in a minute, by re-checks of {self.share:.2%} "
            f"and upheld notices; usual are up to {alarm.baseline:g}; "
            f"score {alarm.score:.2f} over {alarm.threshold:.2f}."
        )

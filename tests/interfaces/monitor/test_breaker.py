"""The breaker: acts on released harm alone, once, soon or not at all, and says why it could not."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from rambarde.interfaces.monitor import breaker
from rambarde.interfaces.monitor.breaker import WHO, Breaker
from rambarde.measure.monitor.tally import minute_of
from rambarde.nouns.fault import Fault, Kind
from rambarde.nouns.sighting import Alarm
from rambarde.store.alarms import Alarms
from rambarde.store.database import Database
from rambarde.store.monitor import Monitor
from tests.interfaces.monitor.conftest import Clock
from tests.measure.monitor.documents import NOON

ALARM = Alarm("alarm-b", "breaker", minute_of(NOON), 9, 8.5, 4.0, 1.0)


@dataclass
class Town:
    """Stands where the office stands: one measure is prepared, and what is switched is noted."""

    allows: bool = True
    on: dict[str, Any] = field(default_factory=dict)
    switched: list[dict[str, Any]] = field(default_factory=list)
    fails: Fault | None = None

    @property
    def book(self) -> Any:
        measures = {"no-images": SimpleNamespace(breaker=self.allows)}
        return SimpleNamespace(
            read=lambda: SimpleNamespace(standing=SimpleNamespace(measures=measures, on=self.on))
        )

    def switch(self, name: str, standing: object, **more: Any) -> Any:
        if self.fails is not None:
            raise self.fails
        self.switched.append({"name": name} | more)
        return name


@pytest.fixture
def town(monkeypatch: pytest.MonkeyPatch) -> Town:
    made = Town()
    monkeypatch.setattr(breaker, "SignedChange", lambda change: change)
    monkeypatch.setattr(breaker, "adopt", lambda office, log, steps: office.on.update({steps[0][1]: True}))
    return made


def raised(database: Database, *alarms: Alarm) -> Alarms:
    monitor = Monitor(database)
    monitor.lead("one", timedelta(seconds=10))
    more = {"next": 0, "minute": 1, "cells": (), "streams": {}, "uncounted": 0}
    monitor.advance(0, raised=[(one, True) for one in alarms], channels=("webhook",), **more)  # type: ignore[arg-type]
    return Alarms(database)


def made(database: Database, clock: Clock, town: Any, measure: str = "no-images") -> Breaker:
    return Breaker(measure, town, SimpleNamespace(), Alarms(database), 0.05, clock, ("webhook",))  # type: ignore[arg-type]


def test_it_switches_once_and_says_who_and_why(database: Database, clock: Clock, town: Town) -> None:
    alarms, one = raised(database, ALARM), made(database, clock, town)
    assert one.trouble is None and one.act() == 1 and one.act() == 0
    (switched,) = town.switched
    assert (switched["by"], switched["breaker"], switched["on"]) == (WHO, True, True)
    assert "9 accounts" in switched["reason"] and "5.00%" in switched["reason"]
    assert alarms.get("alarm-b").measure == "no-images" and alarms.due()


def test_what_is_on_is_not_switched_again(database: Database, clock: Clock, town: Town) -> None:
    raised(database, ALARM, replace(ALARM, id="alarm-c"))
    assert made(database, clock, town).act() == 2 and len(town.switched) == 1


def test_refusals_never_do_whatever_stands_in_the_row(database: Database, clock: Clock, town: Town) -> None:
    alarms = raised(database, replace(ALARM, stream="refused"))
    assert made(database, clock, town).act() == 0 and not town.switched and not alarms.tripping()


def test_a_fault_is_told_and_tried_again_until_it_is_too_late(
    database: Database, clock: Clock, town: Town
) -> None:
    alarms, one = raised(database, ALARM), made(database, clock, town)
    town.fails = Fault(Kind.FORBIDDEN, "measure_no_breaker", "not allowed", remedy="sign it")
    assert one.act() == 0 and "measure_no_breaker" in str(alarms.get("alarm-b").trouble)
    town.fails = None
    assert one.act() == 1 and alarms.get("alarm-b").trouble is None


def test_too_late_is_too_late(database: Database, clock: Clock, town: Town) -> None:
    alarms, one = raised(database, ALARM), made(database, clock, town)
    clock.forward(minutes=20)
    assert one.act() == 0 and not town.switched and not alarms.tripping()
    assert "too late" in str(alarms.get("alarm-b").trouble)


def test_what_it_could_not_do_is_known_beforehand(database: Database, clock: Clock, town: Town) -> None:
    assert "not prepared" in str(made(database, clock, town, "no-people").trouble)
    town.allows = False
    assert "did not allow" in str(made(database, clock, town).trouble)

"""`rambarde doctor` on the monitor: what a gateway would refuse at its start, and a breaker that hears of nothing."""

from __future__ import annotations

import pytest

from rambarde.interfaces.checkup.monitor import monitor
from rambarde.interfaces.checkup.row import Status
from rambarde.interfaces.settings import Settings
from rambarde.nouns.fault import Fault


def test_by_default_it_says_that_released_harm_is_unknown() -> None:
    (row,) = monitor(Settings())
    assert row.status is Status.OK and "unknown" in row.detail


def test_a_breaker_without_re_checks_is_a_warning() -> None:
    (row,) = monitor(Settings(breaker_measure="no-images"))
    assert row.status is Status.WARN and "recheck_share" in row.remedy


def test_re_checks_are_named() -> None:
    (row,) = monitor(Settings(recheck_share=0.05, recheck=("regions:exposed>=0.6",), workers=0))
    assert row.status is Status.OK and "5.00%" in row.detail


def test_what_would_end_a_start_is_told() -> None:
    with pytest.raises(Fault) as caught:
        list(monitor(Settings(recheck_share=0.05, recheck=("nudity:nudity>=0.6",))))
    assert caught.value.code == "recheck_same"

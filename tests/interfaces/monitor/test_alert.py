"""Alerts arrive, signed and once, though their receivers fail; and what could tell nobody is refused at the start."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from datetime import timedelta

import pytest

from rambarde.interfaces.monitor import alert
from rambarde.interfaces.monitor.alert import PASSWORD, SECRET, Teller, Telling, words
from rambarde.interfaces.settings import Settings
from rambarde.nouns.fault import Fault
from rambarde.nouns.sighting import Alarm
from rambarde.store.alarms import Alarms
from rambarde.store.database import Database
from rambarde.store.monitor import Monitor
from tests.interfaces.monitor.conftest import Clock
from tests.interfaces.monitor.receivers import mail, web

KEY = "sixteen characters and more"
ALARM = Alarm("alarm-1-breaker", "breaker", 29_000_000, 9, 8.5, 4.0, 1.0, measure="no-images")


def telling(database: Database, clock: Clock, **settings: object) -> Telling:
    teller = Teller.of(Settings(**settings))  # type: ignore[arg-type]
    monitor, alarms = Monitor(database), Alarms(database)
    monitor.lead("one", timedelta(seconds=10))
    monitor.advance(
        0,
        next=0,
        minute=1,
        cells=(),
        streams={},
        uncounted=0,
        raised=[(ALARM, False)],
        channels=teller.channels,
    )
    return Telling(alarms, teller, database, clock)


async def test_a_webhook_is_signed_as_its_standard_says(
    database: Database, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(SECRET, KEY)
    with web() as received:
        one = telling(database, clock, alert_webhook=received.url)
        assert await one.once() == 1 and await one.once() == 0
        ((_, headers, body),) = received.posts
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    mac = base64.b64encode(hmac.new(KEY.encode(), signed, hashlib.sha256).digest()).decode()
    assert headers["webhook-signature"] == f"v1,{mac}" and headers["webhook-id"] == "alarm-1-breaker.tripped"
    told = json.loads(body)
    assert told["type"] == "rambarde.alarm" and told["data"]["measure"] == "no-images"
    assert "no-images ON" in told["data"]["words"]


async def test_a_receiver_that_fails_is_tried_again_and_again(
    database: Database, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(SECRET, KEY)
    with web() as received:
        received.answers = [500, 302, 503]
        one = telling(database, clock, alert_webhook=received.url)
        assert await one.once() == 0 and await one.once() == 0, "not at once"
        for seconds in (5, 10):
            clock.forward(seconds=seconds)
            assert await one.once() == 0
        clock.forward(seconds=19)
        assert await one.once() == 0 and len(received.posts) == 3
        clock.forward(seconds=2)
        assert await one.once() == 1
        assert len({headers["webhook-id"] for _, headers, _ in received.posts}) == 1, (
            "so that it counts once there"
        )
    (raised,) = one.alarms.newest()
    assert raised.alerts[0][1] == 4 and raised.alerts[0][3] is None


async def test_a_slow_receiver_and_none_at_all(
    database: Database, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(SECRET, KEY)
    monkeypatch.setattr(alert, "WAIT", 0.2)
    with web() as received:
        received.wait = 1.0
        one = telling(database, clock, alert_webhook=received.url)
        assert await one.once() == 0
    clock.forward(seconds=6)
    assert await one.once() == 0
    assert one.alarms.newest()[0].alerts[0][3] is not None


async def test_one_that_died_on_its_way_is_taken_up_by_another(
    database: Database, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(SECRET, KEY)
    with web() as received:
        one = telling(database, clock, alert_webhook=received.url)
        one.alarms.claim(ALARM.id, "webhook", 0, alert.CLAIM)  # and then its process was killed
        assert await one.once() == 0
        clock.forward(seconds=31)
        assert await one.once() == 1 and len(received.posts) == 1


async def test_by_mail(database: Database, clock: Clock) -> None:
    with mail() as received:
        received.answers = [1]
        one = telling(
            database,
            clock,
            alert_smtp=received.url,
            alert_from="r@example.org",
            alert_to=("a@x.org", "b@x.org"),
        )
        assert await one.once() == 0
        clock.forward(seconds=6)
        assert await one.once() == 1
    ((receivers, text),) = received.mails
    assert receivers == ["a@x.org", "b@x.org"] and "Subject: Rambarde: breaker rose" in text


@pytest.mark.parametrize(
    "settings",
    [
        {"alert_webhook": "ftp://x/y"},
        {"alert_webhook": "https://"},
        {"alert_to": ("a@b.c",)},
        {"alert_smtp": "mail.example.org", "alert_from": "a@b.c", "alert_to": ("a@b.c",)},
        {"alert_smtp": "smtp://u:p@host", "alert_from": "a@b.c", "alert_to": ("a@b.c",)},
        {"alert_smtp": "smtp://host:x", "alert_from": "a@b.c", "alert_to": ("a@b.c",)},
        {"alert_smtp": "smtp://host", "alert_from": "a@b.c"},
        {"alert_smtp": "smtp://host", "alert_to": ("a@b.c",)},
        {"alert_smtp": "smtp://host", "alert_from": "a@b.c", "alert_to": ("a@b.c\nBcc: all",)},
    ],
)
def test_what_could_tell_nobody_is_refused(
    settings: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(SECRET, KEY)
    monkeypatch.setenv(PASSWORD, "x")
    with pytest.raises(Fault) as caught:
        Teller.of(Settings(**settings))  # type: ignore[arg-type]
    assert caught.value.code == "alert_invalid"


def test_a_webhook_without_a_secret_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(SECRET, raising=False)
    with pytest.raises(Fault, match="signed"):
        Teller.of(Settings(alert_webhook="https://example.org/x"))


def test_the_words_name_what_to_do() -> None:
    assert "rambarde monitor confirm alarm-1-breaker" in words(ALARM) and "Two people" in words(ALARM)

"""Alert: an alarm told to people, by webhook and by mail, until it has arrived or a day has passed.

A webhook is signed as in Standard Webhooks 1.0: `webhook-signature` is `v1,` and the HMAC-SHA-256 of `webhook-id`,
`webhook-timestamp` and the body, with dots between, in base64.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import logging
import os
import smtplib
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.message import EmailMessage
from email.utils import format_datetime
from urllib.parse import unquote, urlsplit

import aiohttp

from rambarde.interfaces.settings import Settings
from rambarde.nouns.fault import Fault, Kind
from rambarde.nouns.sighting import Alarm
from rambarde.store.alarms import Alarms
from rambarde.store.database import Database

log = logging.getLogger(__name__)

WEBHOOK, MAIL = "webhook", "mail"
SECRET, PASSWORD = "RAMBARDE_ALERT_SECRET", "RAMBARDE_SMTP_PASSWORD"
WAIT = 10.0
"""Seconds that a receiver has to answer."""
CLAIM = timedelta(seconds=30)
FIRST, LONGEST = 5.0, 600.0
"""Seconds until the second attempt, and between the last ones; each wait is twice as long as the one before."""
TRIES = 150
"""Attempts, about a day of them."""
EVERY = 1.0


@dataclass(frozen=True, slots=True)
class Mailbox:
    """A mail server, and who writes to whom."""

    host: str
    port: int
    user: str | None
    password: str | None
    is_tls: bool
    sender: str
    receivers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Teller:
    """Tells alarms. `page` is where people look. `secret` signs what is posted to `webhook`."""

    webhook: str
    secret: bytes
    mailbox: Mailbox | None
    page: str

    @classmethod
    def of(cls, settings: Settings) -> Teller:
        """Raises `Fault(INVALID, "alert_invalid")` for settings that could tell nobody."""
        secret = os.environ.get(SECRET, "")
        if settings.alert_webhook:
            parts = urlsplit(settings.alert_webhook)
            if parts.scheme not in ("http", "https") or not parts.hostname:
                raise _bad("`alert_webhook` is no URL.", "Begin with https://.", "alert_webhook")
            if len(secret) < 16:
                raise _bad(
                    "A webhook is signed, and there is no secret of 16 characters or more.",
                    f"Put one into the environment variable {SECRET}.",
                    "alert_webhook",
                )
        return cls(
            settings.alert_webhook, secret.encode(), _mailbox(settings), f"{settings.base_url}/monitor"
        )

    @property
    def channels(self) -> tuple[str, ...]:
        return tuple(name for name, used in ((WEBHOOK, self.webhook), (MAIL, self.mailbox)) if used)

    async def tell(self, channel: str, alarm: Alarm, at: datetime) -> None:
        """Raises whatever goes wrong."""
        if channel == WEBHOOK and self.webhook:
            await self._post(alarm, at)
        elif channel == MAIL and self.mailbox is not None:
            await asyncio.to_thread(_send, self.mailbox, self._mail(alarm, at))
        else:
            raise LookupError("this channel is not in the settings any more")

    async def _post(self, alarm: Alarm, at: datetime) -> None:
        body = json.dumps(
            {
                "type": "rambarde.alarm",
                "timestamp": at.isoformat(),
                "data": alarm.as_json() | {"words": words(alarm), "page": self.page},
            }
        ).encode()
        headers = signed(self.secret, f"{alarm.id}.{_state(alarm)}", int(at.timestamp()), body)
        timeout = aiohttp.ClientTimeout(total=WAIT)
        async with (
            aiohttp.ClientSession(timeout=timeout) as session,
            session.post(
                self.webhook,
                data=body,
                headers=headers | {"Content-Type": "application/json"},
                allow_redirects=False,
            ) as answer,
        ):
            if not 200 <= answer.status < 300:
                raise ConnectionError(f"status {answer.status}")

    def _mail(self, alarm: Alarm, at: datetime) -> EmailMessage:
        assert self.mailbox is not None
        mail = EmailMessage()
        mail["Subject"] = f"Rambarde: {alarm.stream} rose ({alarm.id})"
        mail["From"] = self.mailbox.sender
        mail["To"] = ", ".join(self.mailbox.receivers)
        mail["Date"] = format_datetime(at)
        mail["Message-ID"] = f"<{alarm.id}.{_state(alarm)}.{int(at.timestamp())}@rambarde>"
        mail.set_content(f"{words(alarm)}\n\n{self.page}\n")
        return mail


@dataclass(slots=True)
class Telling:
    """Tells what is due, whichever gateway raised it. `jitter` spreads the attempts."""

    alarms: Alarms
    teller: Teller
    database: Database
    clock: Callable[[], datetime]
    first: float = FIRST

    async def once(self) -> int:
        """Try everything that is due once; returns how many arrived."""
        arrived = 0
        for id, channel, tries in await self.database.run(self.alarms.due):
            if not await self.database.run(self.alarms.claim, id, channel, tries, CLAIM):
                continue
            error = None
            try:
                alarm = await self.database.run(self.alarms.get, id)
                await asyncio.wait_for(
                    self.teller.tell(channel, alarm, self.clock()), CLAIM.total_seconds() - 5
                )
                arrived += 1
            except Exception as failed:
                error = f"{type(failed).__name__}: {failed}"[:200]
                log.error("alarm %s could not be told by %s: %s", id, channel, error)
            wait = min(LONGEST, self.first * 2 ** min(tries, 20))
            again = timedelta(seconds=wait) if tries < TRIES else timedelta(days=36_500)
            await self.database.run(self.alarms.told, id, channel, error=error, again=again)
        return arrived


def words(alarm: Alarm) -> str:
    """An alarm as people read it."""
    at = datetime.fromtimestamp(alarm.minute * 60).astimezone().strftime("%Y-%m-%d %H:%M %Z")
    told = (
        f"{alarm.stream}: {alarm.count} in the minute of {at}; usual are up to {alarm.baseline:g} a minute "
        f"(score {alarm.score:.1f}, limit {alarm.threshold:.1f})."
    )
    if alarm.measure:
        told += f" The breaker switched {alarm.measure} ON. Two people switch it off."
    if alarm.trouble:
        told += f" THE BREAKER COULD NOT ACT: {alarm.trouble}"
    return f"{told} Look at it, and confirm: rambarde monitor confirm {alarm.id} --as NAME --verdict right|wrong."


def signed(secret: bytes, id: str, timestamp: int, body: bytes) -> dict[str, str]:
    """The headers of a signed webhook."""
    content = f"{id}.{timestamp}.".encode() + body
    mac = base64.b64encode(hmac.new(secret, content, hashlib.sha256).digest()).decode()
    return {"webhook-id": id, "webhook-timestamp": str(timestamp), "webhook-signature": f"v1,{mac}"}


def _state(alarm: Alarm) -> str:
    """A receiver drops what it has seen; that the breaker has acted is news."""
    return "tripped" if alarm.measure else "trouble" if alarm.trouble else "raised"


def _send(box: Mailbox, mail: EmailMessage) -> None:
    context = ssl.create_default_context()
    if box.is_tls:
        client: smtplib.SMTP = smtplib.SMTP_SSL(box.host, box.port, timeout=WAIT, context=context)
    else:
        client = smtplib.SMTP(box.host, box.port, timeout=WAIT)
    with client:
        if not box.is_tls and box.host not in ("localhost", "127.0.0.1", "::1"):
            client.starttls(context=context)  # raises where the server has none: nothing goes in clear
        if box.user:
            client.login(box.user, box.password or "")
        client.send_message(mail)


def _mailbox(settings: Settings) -> Mailbox | None:
    if not settings.alert_smtp:
        if settings.alert_to:
            raise _bad(
                "`alert_to` names people and there is no mail server.", "Set `alert_smtp`.", "alert_smtp"
            )
        return None
    parts = urlsplit(settings.alert_smtp)
    try:
        port = parts.port
    except ValueError:
        port = -1
    if parts.scheme not in ("smtp", "smtps") or not parts.hostname or port == -1 or parts.password:
        raise _bad(
            "`alert_smtp` is no mail server's URL.",
            f"Write smtps://user@host:465 or smtp://user@host:587; the password is in {PASSWORD}.",
            "alert_smtp",
        )
    addresses = (settings.alert_from, *settings.alert_to)
    if not settings.alert_to or not all("@" in a and a.isprintable() and "," not in a for a in addresses):
        raise _bad("A mail needs a sender and receivers.", "Set `alert_from` and `alert_to`.", "alert_to")
    is_tls = parts.scheme == "smtps"
    return Mailbox(
        parts.hostname,
        port or (465 if is_tls else 587),
        unquote(parts.username) if parts.username else None,
        os.environ.get(PASSWORD) or None,
        is_tls,
        settings.alert_from,
        settings.alert_to,
    )


def _bad(message: str, remedy: str, field: str) -> Fault:
    return Fault(Kind.INVALID, "alert_invalid", message, remedy=remedy, field=field)

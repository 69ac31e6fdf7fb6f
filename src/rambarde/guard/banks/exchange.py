"""An exchange of hashes: what organisations report to it comes into a bank of its own, and goes when they withdraw."""

from __future__ import annotations

import os
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any, NamedTuple, Protocol
from urllib.parse import urlsplit

from rambarde.guard.banks.bank import Bank
from rambarde.guard.banks.entry import Decision, Entry, Kind, prevailing
from rambarde.guard.banks.file import Head, held
from rambarde.guard.banks.file import replace as put
from rambarde.nouns.fault import Fault, invalid
from rambarde.nouns.fault import Kind as Cause

SAVE_EVERY = 60.0
"""Seconds of fetching that may be lost."""
MOST_PAGES = 100_000
UNUSABLE = "unusable"


class Report(NamedTuple):
    """What an exchange says of one picture: its usable hashes, none if it is `gone`.

    `reference` names the report, where the exchange has several of one hash, or several hashes in one; where
    it has not, it is empty, and a report that is gone names its hash.
    """

    hashes: tuple[bytes, ...]
    decision: Decision
    reference: str = ""
    gone: bool = False


class Page(NamedTuple):
    """Reports in the order in which they hold, the latest last; and from where to go on after them.

    `unusable` counts what cannot be compared here, by its kind.
    """

    reports: tuple[Report, ...]
    state: Mapping[str, Any]
    unusable: Mapping[str, int] = {}


class Feed(Protocol):
    """An exchange as it is fetched from. `name` is the source of its decisions."""

    name: str

    def goes_on_from(self, state: Mapping[str, Any]) -> bool:
        """Whether changes since that state can be had; if not, everything is fetched anew."""
        ...

    def pages(self, state: Mapping[str, Any]) -> Iterator[Page]:
        """All changes since a state (empty: everything). Raises anything when the exchange misbehaves."""
        ...


@dataclass(frozen=True, slots=True)
class Fetched:
    """What one fetch did. `kept_out` are hashes that were offered and stay out: your own people removed them."""

    pages: int = 0
    blocked: int = 0
    withdrawn: int = 0
    kept_out: int = 0
    unusable: Mapping[str, int] = field(default_factory=dict)


def fetch(
    feed: Feed, path: Path, max_age: timedelta, told: Callable[[Fetched], None]
) -> tuple[Bank, Fetched]:
    """Bring the bank file of an exchange up to date; a new one is made where there is none.

    What was fetched before a failure is kept, with the place to go on from; but the bank's time is that of the
    last complete fetch, so that it becomes stale if none succeeds. Raises `Fault` `exchange_failed`, `OSError`
    for a file that cannot be written, `ValueError` for a bank that is damaged. `told` hears of each page.
    """
    with held(path):
        bank = Bank.read(path) if path.exists() else Bank(Head("0"))
        if bank.head.state.get("feed", feed.name) != feed.name:
            raise invalid(
                "bank_other_feed",
                f"{path.name} is the bank of {bank.head.state['feed']}.",
                remedy="Give each exchange a bank of its own.",
                field="bank",
            )
        # Without its feed's state, what is in the file is somebody's, and is not to be taken for withdrawn.
        goes_on = feed.goes_on_from(bank.head.state.get("at", {}))
        intake = _Intake(bank, feed.name, anew=bool(bank.head.state) and not goes_on)
        began, saved = datetime.now(UTC), time.monotonic()
        try:
            for page in feed.pages(bank.head.state.get("at", {}) if goes_on else {}):
                intake.take(page)
                told(intake.fetched)
                if intake.fetched.pages > MOST_PAGES:
                    raise ValueError(f"more than {MOST_PAGES} pages")
                if not intake.anew and time.monotonic() - saved > SAVE_EVERY:
                    put(path, intake.bank(max_age).dump())
                    saved = time.monotonic()
        except Exception as error:
            if not intake.anew and intake.fetched.pages:
                put(path, intake.bank(max_age).dump())
            raise failed(feed.name, error) from error
        # A feed that was not even asked, because its last answer is seconds old, says nothing new.
        done = intake.bank(max_age, complete=began if intake.fetched.pages else None)
        put(path, done.dump())
        return done, intake.fetched


class _Intake:
    """A bank while pages come in."""

    def __init__(self, bank: Bank, source: str, *, anew: bool) -> None:
        self.anew = anew
        self.fetched = Fetched()
        self._bank, self._source = bank, source
        self._entries = dict(bank.entries)
        self._state: Mapping[str, Any] = bank.head.state.get("at", {})
        self._unusable = Counter(() if anew else bank.head.state.get(UNUSABLE, {}))
        self._seen: set[bytes] = set()
        self._of: defaultdict[str, set[bytes]] = defaultdict(set)
        """Reference → hashes."""
        for value, entry in bank.entries.items():
            for reference in entry.references:
                self._of[reference].add(value)

    def take(self, page: Page) -> None:
        tally: Counter[str] = Counter(pages=1)
        for report in page.reports:
            tally += self._reported(report)
        self._state = page.state
        self._unusable += Counter(page.unusable)
        now = self.fetched
        self.fetched = replace(
            now,
            **{name: getattr(now, name) + count for name, count in tally.items()},
            unusable=dict(Counter(now.unusable) + Counter(page.unusable)),
        )

    def _reported(self, report: Report) -> Counter[str]:
        tally: Counter[str] = Counter()
        name, wanted = report.reference, set() if report.gone else set(report.hashes)
        before = self._of[name] if name else set(report.hashes)
        for value in before - wanted:
            tally["withdrawn"] += self._withdrawn(value, name, report.decision)
        for value in wanted:
            self._seen.add(value)
            tally["blocked" if self._blocked(value, name, report.decision) else "kept_out"] += 1
        if name:
            self._of[name] = wanted
        return tally

    def _blocked(self, value: bytes, reference: str, decision: Decision) -> bool:
        old = self._entries.get(value)
        references = {reference} - {""}
        if old is not None and old.kind is Kind.BLOCK:
            if old.decision.source == self._source:
                references |= set(old.references)
            decision = old.decision  # the first report stands for all
        new = Entry(Kind.BLOCK, decision, None, tuple(sorted(references)))
        # Of its own entries, an exchange's latest word holds, whatever its clock says.
        if old is None or old.decision.source == self._source or prevailing(old, new) == new:
            self._entries[value] = new
        return self._entries[value].kind is Kind.BLOCK

    def _withdrawn(self, value: bytes, reference: str, decision: Decision) -> bool:
        old = self._entries.get(value)
        if old is None or old.kind is not Kind.BLOCK or old.decision.source != self._source:
            return False
        left = tuple(one for one in old.references if one != reference)
        self._entries[value] = old._replace(references=left) if left else old.removed(decision)
        return not left

    def bank(self, max_age: timedelta, complete: datetime | None = None) -> Bank:
        """The next version; `complete` is when a fetch began that has seen everything."""
        if complete and self.anew:
            gone = Decision(self._source, self._source, complete, "no longer in the feed")
            for value, entry in list(self._entries.items()):
                own = entry.kind is Kind.BLOCK and entry.decision.source == self._source
                if own and value not in self._seen:
                    self._entries[value] = entry.removed(gone)
        state = {"feed": self._source, "at": dict(self._state), UNUSABLE: dict(self._unusable)}
        as_of = complete or self._bank.head.as_of
        return self._bank.changed(self._entries, as_of=as_of, max_age=max_age, state=state)


def failed(name: str, error: Exception) -> Exception:
    """Typed, and without the exchange's own words: they may quote what was sent, or be anything."""
    if isinstance(error, Fault | OSError) and not hasattr(error, "response"):
        return error
    status = getattr(getattr(error, "response", None), "status_code", None)
    refused = status in (401, 403)
    return Fault(
        Cause.UPSTREAM,
        "exchange_refused" if refused else "exchange_failed",
        f"{name} " + (f"answered {status}." if status else f"could not be read: {type(error).__name__}."),
        remedy="Check the credentials." if refused else "Try again: it goes on where it stopped.",
    )


def credential(variable: str) -> str:
    """A secret from the environment. Raises `Fault` `exchange_credentials`."""
    value = os.environ.get(variable, "").strip()
    if not value:
        raise invalid(
            "exchange_credentials",
            f"The environment variable {variable} is not set.",
            remedy="The exchange gives its members credentials; they are read from nowhere else.",
            field=variable,
        )
    return value


def address(url: str) -> str:
    """A base URL without a last slash: https, or http on this machine. Raises `Fault` `exchange_url`."""
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        local = host == "localhost" or (
            host != "" and host[0] in "0123456789:" and ip_address(host).is_loopback
        )
    except ValueError:
        parts, host, local = urlsplit(""), "", False
    if not host or "@" in parts.netloc or not (parts.scheme == "https" or (parts.scheme == "http" and local)):
        raise invalid(
            "exchange_url",
            "The exchange's URL is none that credentials may be sent to.",
            remedy="Give https://host/path, without a name and a password.",
            field="url",
        )
    return url.rstrip("/")

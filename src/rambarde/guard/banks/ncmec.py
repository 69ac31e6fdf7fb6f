"""NCMEC's hash sharing: reports of members, by XML. Needs the extra `exchange`.

Client and paging are those of `threatexchange`. Only PDQ hashes of pictures can be compared here; MD5, SHA-1
and PhotoDNA are counted, so that nobody takes this for a check of the whole list.
"""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import requests
from threatexchange.exchanges.clients.ncmec import hash_api as api
from threatexchange.exchanges.impl import ncmec_api as exchange

from rambarde.guard.banks.entry import Decision
from rambarde.guard.banks.exchange import Page, Report, address
from rambarde.guard.banks.stopncii import SECONDS, guarded

NAME = "ncmec"
URL = api.NCMECEnvironment.Industry.value
_HASH = re.compile(r"[0-9a-fA-F]{64}")


class Ncmec:
    """A feed. Raises `Fault` `exchange_url` for a URL that credentials may not be sent to."""

    name = NAME

    def __init__(self, user: str, password: str, *, url: str = URL, seconds: float = SECONDS) -> None:
        client = _Client(user, password, address(url), seconds)
        self._exchange = _Exchange(client)

    def goes_on_from(self, state: Mapping[str, Any]) -> bool:
        return bool(state)

    def pages(self, state: Mapping[str, Any]) -> Iterator[Page]:
        seen: dict[str, Any] = {}
        for delta in self._exchange.fetch_iter((), _checkpoint(state)):
            # A window begins in the second in which the one before ended, so what stands there comes twice.
            fresh = {name: entry for name, entry in delta.updates.items() if seen.get(name) != entry}
            seen |= fresh
            yield _page(fresh, delta.checkpoint)


def _page(updates: Mapping[str, Any], checkpoint: exchange.NCMECCheckpoint) -> Page:
    unusable: Counter[str] = Counter()
    reports = []
    now = datetime.now(UTC).replace(microsecond=0)  # NCMEC does not say when
    for reference, entry in updates.items():
        hashes = []
        for kind, value in entry.fingerprints.items():
            pdq = kind.lower() == "pdq" and entry.entry_type is api.NCMECEntryType.image
            if pdq and _HASH.fullmatch(value):
                hashes.append(bytes.fromhex(value))
            elif not entry.deleted:
                unusable["malformed" if pdq else f"{entry.entry_type.value} {kind.lower()}"[:40]] += 1
        told = entry.classification or ""
        reason = f"classification {told[:40]}" if told and told.isprintable() else "reported"
        decision = Decision(NAME, f"member {entry.member_id}", now, "deleted" if entry.deleted else reason)
        reports.append(Report(tuple(hashes), decision, _reference(reference), entry.deleted))
    return Page(tuple(reports), _state(checkpoint), unusable)


def _reference(text: str) -> str:
    """Raises `ValueError` for a name that a bank cannot hold."""
    if not re.fullmatch(r"[!-~]{1,64}", text):
        raise ValueError("an entry's id is no plain word")
    return text


def _state(checkpoint: exchange.NCMECCheckpoint) -> dict[str, Any]:
    paging = checkpoint.paging_info
    state: dict[str, Any] = {"since": checkpoint.get_entries_max_ts}
    if paging is not None:
        state["page"] = {"url": paging.paging_url, "until": paging.paging_end_ts, "at": paging.paging_url_ts}
    return state


def _checkpoint(state: Mapping[str, Any]) -> exchange.NCMECCheckpoint | None:
    if not state:
        return None
    page, since = state.get("page"), int(state["since"])
    if not page or int(page["until"]) >= int(time.time()) - 5:
        return exchange.NCMECCheckpoint(since)
    paging = exchange._NCMECPagingInfo(page["url"], int(page["until"]), int(page["at"]))
    return exchange.NCMECCheckpoint(since, paging)


class _Exchange(exchange.NCMECSignalExchangeAPI):  # type: ignore[misc]
    """Its windows of time and its paging, over a client of ours."""

    def __init__(self, client: _Client) -> None:
        super().__init__(exchange.NCMECCollabConfig(api.NCMECEnvironment.Industry, NAME), "", "")
        self._client = client

    def get_client(self, environment: Any) -> _Client:
        return self._client


class _Client(api.NCMECHashAPI):  # type: ignore[misc]
    def __init__(self, user: str, password: str, url: str, seconds: float) -> None:
        super().__init__(user, password, api.NCMECEnvironment.Industry)
        self._base_url = url
        self._seconds = seconds

    def _get_session(self) -> requests.Session:
        session: requests.Session = super()._get_session()
        return guarded(session, self._base_url, self._seconds)

    def get_entries(self, *, start_timestamp: int = 0, end_timestamp: int = 0, next_: str = "") -> Any:
        """As its own, in UTC: that one writes local time and says that it is UTC."""
        until = _utc(end_timestamp or int(time.time()))
        window = {"from": _utc(start_timestamp), "to": until}
        answer = self._get(api.NCMECEndpoint.entries, next_=next_, **window)
        page = api.GetEntriesResponse.from_xml(api._XMLWrapper(answer), int(time.time()))
        if page.next and (page.next == next_ or not page.next.startswith("/")):
            raise ValueError("there is more, and no way to it")
        return page


def _utc(timestamp: int) -> str:
    return f"{datetime.fromtimestamp(timestamp, UTC):%Y-%m-%dT%H:%M:%SZ}"

"""StopNCII.org: hashes that adults reported of intimate pictures of themselves. Needs the extra `exchange`.

The client is that of `threatexchange`; what its records mean is decided here, because its own conversion
compares the hash where it means the status, so that what was withdrawn stayed.
"""

from __future__ import annotations

import logging
import re
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import requests
from threatexchange.exchanges.clients.stopncii import api
from threatexchange.exchanges.clients.utils.common import TimeoutHTTPAdapter
from urllib3.util.retry import Retry

from rambarde.guard.banks.entry import Decision
from rambarde.guard.banks.exchange import Page, Report, address

log = logging.getLogger(__name__)
NAME = "stopncii"
BY = "StopNCII.org"
URL = api.StopNCIIAPI.BASE_URL
SECONDS = 60.0
"""A request's deadline."""
_KEEPS = 30 * 24 * 3600
"""Seconds after which StopNCII no longer says what was withdrawn since."""
_TOKEN_KEEPS = 15 * 60
"""Seconds for which a page's token is tried again; StopNCII does not keep them long."""
_PAGE = 800
_HASH = re.compile(r"[0-9a-fA-F]{64}")
_GONE = (api.StopNCIICaseStatus.Withdrawn, api.StopNCIICaseStatus.Deleted)


class StopNcii:
    """A feed. Raises `Fault` `exchange_url` for a URL that credentials may not be sent to."""

    name = NAME

    def __init__(
        self,
        subscription_key: str,
        function_key: str,
        feedback_key: str = "",
        *,
        url: str = URL,
        seconds: float = SECONDS,
    ) -> None:
        more = {api.StopNCIIEndpoint.SubmitFeedback: feedback_key} if feedback_key else {}
        self._client = _Client(subscription_key, function_key, more, address(url), seconds)

    def goes_on_from(self, state: Mapping[str, Any]) -> bool:
        return bool(state) and time.time() - float(state["fetched"]) < _KEEPS

    def pages(self, state: Mapping[str, Any]) -> Iterator[Page]:
        since = int(state.get("since", api.StopNCIIAPI.DEFAULT_START_TIME))
        fresh = time.time() - float(state.get("fetched", 0)) < _TOKEN_KEEPS
        token = str(state.get("token", "")) if fresh else ""
        seen = set[str]()
        answer = self._first(since, token)
        while answer.hasMoreRecords:
            token = answer.nextPageToken or ""
            if not token or token in seen:
                raise ValueError("there is more, and no way to it")
            seen.add(token)
            # Pages need not come in the order of time, so only the last one says from when to go on.
            yield self._page(answer, {"since": since, "token": token, "fetched": int(time.time())})
            answer = self._client.fetch_hashes(page_size=_PAGE, start_timestamp=since, next_page=token)
        if answer.nextSetTimestamp < since:
            raise ValueError("it would go back in time")
        yield self._page(answer, {"since": answer.nextSetTimestamp, "fetched": int(time.time())})

    def _first(self, since: int, token: str) -> api.FetchHashesResponse:
        if token:
            try:
                return self._client.fetch_hashes(page_size=_PAGE, start_timestamp=since, next_page=token)
            except (requests.HTTPError, ValueError):
                log.info("stopncii: the page where the last fetch stopped is gone; from the start")
        return self._client.fetch_hashes(page_size=_PAGE, start_timestamp=since)

    def _page(self, answer: api.FetchHashesResponse, state: Mapping[str, Any]) -> Page:
        unusable = Counter({"malformed": self._client.records - len(answer.hashRecords)})
        reports = []
        for record in answer.hashRecords:
            if record.signalType is not api.StopNCIISignalType.ImagePDQ:
                unusable[record.signalType.value] += 1
            elif not _HASH.fullmatch(record.hashValue):
                unusable["malformed"] += 1
            else:
                gone = record.hashStatus in _GONE
                at = datetime.fromtimestamp(record.lastModtimestamp, UTC)
                decision = Decision(NAME, BY, at, record.hashStatus.value)
                reports.append(Report((bytes.fromhex(record.hashValue),), decision, gone=gone))
        return Page(tuple(reports), state, +unusable)

    def feedback(self, value: bytes, verdict: str) -> None:
        """Tell StopNCII what a match turned out to be: `Blocked`, `NotBlocked` or `PendingReview`."""
        kind = api.StopNCIISignalType.ImagePDQ
        self._client.submit_feedback(kind, value.hex(), api.StopNCIICSPFeedbackValue(verdict))


class _Client(api.StopNCIIAPI):  # type: ignore[misc]
    """Counts the records of the last answer, of which the client drops those it cannot read."""

    def __init__(
        self, subscription: str, fetch: str, more: Mapping[Any, str], url: str, seconds: float
    ) -> None:
        super().__init__(subscription, fetch, dict(more), base_url_override=url)
        self._seconds = seconds
        self.records = 0

    def _get_session(self, endpoint: Any) -> requests.Session:
        session: requests.Session = super()._get_session(endpoint)
        return guarded(session, self._base_url, self._seconds)

    def _get(self, endpoint: Any, **params: Any) -> Any:
        answer = super()._get(endpoint, **params)
        if not isinstance(answer, dict) or not isinstance(answer.get("hashRecords", []), list):
            raise ValueError("no page of hashes")
        if not all(isinstance(record, dict) for record in answer.get("hashRecords", [])):
            raise ValueError("no page of hashes")
        self.records = len(answer.get("hashRecords", []))
        return answer

    def _post(self, endpoint: Any, *, json: Any = None) -> Any:
        """Its answer says nothing, and need not be JSON."""
        with self._get_session(endpoint) as session:
            session.post(f"{self._base_url}/{endpoint.value}", json=json).raise_for_status()


def guarded(session: requests.Session, url: str, seconds: float) -> requests.Session:
    """Repeats what failed by chance, with a deadline; follows no redirect, which would take the keys along."""
    again = Retry(
        total=4,
        status_forcelist=[429, 500, 502, 503, 504],
        allowed_methods=["GET"],
        backoff_factor=0.2,
        redirect=0,
        respect_retry_after_header=False,
    )
    session.mount(url, TimeoutHTTPAdapter(timeout=seconds, max_retries=again))
    session.max_redirects = 0
    return session

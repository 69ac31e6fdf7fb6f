"""Exchanges: paging, withdrawal, what cannot be used, failures half-way, and what people removed."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

pytest.importorskip("threatexchange")

from rambarde.guard.banks import exchange
from rambarde.guard.banks.bank import Bank
from rambarde.guard.banks.entry import Entry, Kind
from rambarde.guard.banks.exchange import Fetched, fetch
from rambarde.guard.banks.file import replace
from rambarde.guard.banks.ncmec import Ncmec
from rambarde.guard.banks.stopncii import StopNcii
from rambarde.nouns.fault import Fault
from tests.guard.banks.exchanges import KEYS, PASSWORD, USER, Exchange, ncmec_entry, served, stop_record
from tests.guard.banks.known import NOON, decision, hashed

pytestmark = pytest.mark.slow
HOURS = timedelta(hours=24)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "feed.bank"


@pytest.fixture
def stop() -> Iterator[Exchange]:
    with served("stopncii") as held:
        yield held


@pytest.fixture
def ncmec() -> Iterator[Exchange]:
    with served("ncmec") as held:
        yield held


def feed(held: Exchange, **more: Any) -> StopNcii | Ncmec:
    if held.url.endswith("v1"):
        return StopNcii(*(more.get("keys") or KEYS), url=held.url, seconds=more.get("seconds", 20))
    user, password = more.get("keys") or (USER, PASSWORD)
    return Ncmec(user, password, url=held.url, seconds=more.get("seconds", 20))


def get(held: Exchange, path: Path, **more: Any) -> Fetched:
    return fetch(feed(held, **more), path, HOURS, lambda _: None)[1]


def blocked(path: Path) -> set[bytes]:
    return {value for value, entry in Bank.read(path).entries.items() if entry.kind is Kind.BLOCK}


def hashes(*numbers: int) -> set[bytes]:
    return {hashed(number) for number in numbers}


# StopNCII


def test_stopncii_comes_page_by_page_and_then_only_what_changed(stop: Exchange, path: Path) -> None:
    stop.records = [stop_record(hashed(n), 1000 + n) for n in range(5)]
    before = datetime.now(UTC)
    came = get(stop, path)
    assert (came.pages, came.blocked, blocked(path)) == (3, 5, hashes(*range(5)))
    bank = Bank.read(path)
    assert bank.head.as_of is not None and abs((bank.head.as_of - before).total_seconds()) < 10
    assert bank.head.max_age == HOURS and bank.stale(datetime.now(UTC)) is None
    entry = bank.entries[hashed(1)]
    assert (entry.decision.source, entry.decision.by) == ("stopncii", "StopNCII.org")
    assert entry.decision.at == datetime.fromtimestamp(1001, UTC)
    stop.records += [stop_record(hashed(9), stop.clock + 1)]
    stop.seen.clear()
    assert get(stop, path).blocked == 1 and len(stop.seen) == 1
    assert f"startTimestamp={stop.clock}" in stop.seen[0]
    assert blocked(path) == hashes(0, 1, 2, 3, 4, 9)


@pytest.mark.parametrize("status", ["Withdrawn", "Deleted"])
def test_what_is_withdrawn_goes_and_may_come_back(stop: Exchange, path: Path, status: str) -> None:
    stop.records = [stop_record(hashed(n), 1000) for n in (1, 2)]
    get(stop, path)
    stop.records[0] = stop_record(hashed(1), stop.clock + 1, status)
    assert get(stop, path).withdrawn == 1
    gone = Bank.read(path).entries[hashed(1)]
    assert (gone.kind, gone.decision.reason, blocked(path)) == (Kind.REMOVED, status, hashes(2))
    stop.records[0] = stop_record(hashed(1), stop.clock + 2)
    get(stop, path)
    assert blocked(path) == hashes(1, 2)


def test_what_people_removed_stays_removed(stop: Exchange, path: Path) -> None:
    stop.records = [stop_record(hashed(n), 1000) for n in (1, 2)]
    get(stop, path)
    replace(path, Bank.read(path).removed(hashed(1), decision(reason="matches a logo")).dump())
    stop.records[0] = stop_record(hashed(1), stop.clock + 10**9)
    assert get(stop, path).kept_out == 1
    assert blocked(path) == hashes(2)
    assert Bank.read(path).entries[hashed(1)].decision.reason == "matches a logo"


def test_what_cannot_be_compared_is_counted(stop: Exchange, path: Path) -> None:
    stop.records = [
        stop_record(hashed(1), 1000),
        stop_record("d41d8cd98f00b204e9800998ecf8427e", 1000, kind="VideoMD5"),
        stop_record("https://example.org/x", 1000, kind="URL"),
        stop_record("abc", 1000),
        stop_record(hashed(2), 1000) | {"hashStatus": "Unheard-of"},
        {"hashValue": "0", "lastModtimestamp": 1000},
    ]
    came = get(stop, path)
    assert blocked(path) == hashes(1)
    assert came.unusable == {"malformed": 3, "VideoMD5": 1, "URL": 1}
    assert Bank.read(path).head.state["unusable"] == came.unusable


def test_after_a_long_pause_everything_is_fetched_anew(
    stop: Exchange, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After 30 days StopNCII no longer says what was withdrawn: what is not there any more goes."""
    stop.records = [stop_record(hashed(n), 1000) for n in (1, 2, 3, 4)]
    get(stop, path)
    replace(path, Bank.read(path).decided(hashed(8), Kind.BLOCK, decision()).dump())
    stop.records.pop(0)
    real = time.time()
    monkeypatch.setattr(time, "time", lambda: real + 31 * 24 * 3600)
    stop.seen.clear()
    stop.faults = ["", "nonsense"]
    with pytest.raises(Fault):
        get(stop, path)
    assert blocked(path) == hashes(1, 2, 3, 4, 8), "half of it says nothing of what is gone"
    get(stop, path)
    assert blocked(path) == hashes(2, 3, 4, 8)
    assert Bank.read(path).entries[hashed(1)].decision.reason == "no longer in the feed"


@pytest.mark.parametrize("faults", [["", "nonsense"], ["", "status 404"], ["", "hang"] * 3])
def test_half_a_fetch_is_kept_and_goes_on_there(stop: Exchange, path: Path, faults: list[str]) -> None:
    stop.records = [stop_record(hashed(n), 1000 + n) for n in range(5)]
    stop.faults = ["", *(["hang"] * 5)] if "hang" in faults else faults
    with pytest.raises(Fault) as caught:
        get(stop, path, seconds=0.2)
    assert caught.value.code == "exchange_failed"
    bank = Bank.read(path)
    assert len(blocked(path)) == 2 and bank.stale(datetime.now(UTC)) == "it was never complete"
    stop.faults.clear()
    stop.seen.clear()
    get(stop, path)
    assert blocked(path) == hashes(*range(5))
    assert len(stop.seen) == 2 and "nextPageToken=2" in stop.seen[0]
    assert Bank.read(path).stale(datetime.now(UTC)) is None


def test_a_page_that_is_gone_means_from_the_start(stop: Exchange, path: Path) -> None:
    stop.records = [stop_record(hashed(n), 1000 + n) for n in range(5)]
    stop.faults = ["", "nonsense"]
    with pytest.raises(Fault):
        get(stop, path)
    stop.lost = {"2"}
    with pytest.raises(Fault):
        get(stop, path)
    stop.lost.clear()
    stop.faults = ["status 400"]
    stop.seen.clear()
    get(stop, path)
    assert blocked(path) == hashes(*range(5)) and len(stop.seen) == 4


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        ("nonsense", "exchange_failed"),
        ("status 401", "exchange_refused"),
        ("status 403", "exchange_refused"),
        ("status 404", "exchange_failed"),
        ("redirect", "exchange_failed"),
        ("loop", "exchange_failed"),
    ],
)
def test_what_goes_wrong_leaves_the_bank_as_it_was(
    stop: Exchange, path: Path, fault: str, code: str, caplog: pytest.LogCaptureFixture
) -> None:
    stop.records = [stop_record(hashed(1), 1000)]
    get(stop, path)
    before = Bank.read(path)
    stop.faults = [fault] * (3 if fault == "loop" else 1)
    with pytest.raises(Fault) as caught, caplog.at_level("DEBUG"):
        get(stop, path)
    assert caught.value.code == code and caught.value.remedy
    after = Bank.read(path)
    assert (after.entries, after.head.as_of) == (before.entries, before.head.as_of)
    assert not any("elsewhere" in request for request in stop.seen), "keys do not follow a redirect"
    told = caplog.text + str(caught.value)
    assert not any(key in told for key in KEYS) and "words of theirs" not in str(caught.value)


def test_a_server_that_is_busy_is_asked_again(stop: Exchange, path: Path) -> None:
    stop.records = [stop_record(hashed(1), 1000)]
    stop.faults = ["status 503", "status 429"]
    assert get(stop, path).blocked == 1 and len(stop.seen) == 3


def test_feedback_is_sent(stop: Exchange) -> None:
    made = feed(stop)
    assert isinstance(made, StopNcii)
    made.feedback(hashed(1), "NotBlocked")
    (sent,) = stop.posted
    assert sent == {
        "count": 1,
        "hashFeedbacks": [{"tags": [], "feedbackValue": "NotBlocked", "hashValue": hashed(1).hex()}],
    }


# NCMEC


def prints(number: int) -> dict[str, str]:
    return {"md5": "0" * 32, "sha1": "0" * 40, "pdna": "AAA=", "pdq": hashed(number).hex()}


def test_ncmec_comes_page_by_page_and_counts_what_it_cannot_use(ncmec: Exchange, path: Path) -> None:
    start = ncmec.clock - 10**6
    ncmec.records = [ncmec_entry(f"e{n}", 40 + n, start + n, **prints(n)) for n in range(5)]
    ncmec.records += [
        ncmec_entry("v1", 41, start, kind="video", md5="0" * 32),
        ncmec_entry("e8", 41, start, pdq="abc"),
        ncmec_entry("e9", 41, start, md5="0" * 32),
    ]
    came = get(ncmec, path)
    assert blocked(path) == hashes(*range(5))
    sent = {"image md5": 6, "image sha1": 5, "image pdna": 5, "video md5": 1, "malformed": 1}
    assert came.unusable == sent
    entry = Bank.read(path).entries[hashed(2)]
    assert (entry.decision.source, entry.decision.by) == ("ncmec", "member 42")
    assert (entry.decision.reason, entry.references) == ("classification A1", ("42-e2",))
    assert get(ncmec, path).blocked == 0


def test_ncmec_windows_are_in_utc(ncmec: Exchange, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its client writes local time: east of Greenwich what is newest would come late, west of it twice."""
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    try:
        ncmec.records = [ncmec_entry("e1", 41, ncmec.clock - 60, **prints(1))]
        get(ncmec, path)
        assert blocked(path) == hashes(1)
        (until,) = parse_qs(urlsplit(ncmec.seen[-1]).query)["to"]
        written = datetime.strptime(until, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
        assert abs(written.timestamp() - time.time()) < 60
    finally:
        monkeypatch.undo()
        time.tzset()


def test_what_comes_twice_at_the_edge_of_two_windows_counts_once(
    ncmec: Exchange, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ncmec.records = [ncmec_entry("a", 41, ncmec.clock - 10**6, **prints(1))]
    made: Any = feed(ncmec)
    real = made._exchange.fetch_iter

    def twice(*asked: Any) -> Iterator[Any]:
        for delta in real(*asked):
            yield from (delta, delta)

    monkeypatch.setattr(made._exchange, "fetch_iter", twice)
    _, came = fetch(made, path, HOURS, lambda _: None)
    assert (came.blocked, sum(came.unusable.values()), came.pages) == (1, 3, 2)


def test_a_hash_stays_while_one_report_of_it_is_left(ncmec: Exchange, path: Path) -> None:
    old = ncmec.clock - 10**6
    ncmec.records = [ncmec_entry(name, member, old, **prints(1)) for name, member in (("a", 41), ("b", 42))]
    get(ncmec, path)
    assert Bank.read(path).entries[hashed(1)].references == ("41-a", "42-b")
    for name, member, left in (("a", 41, hashes(1)), ("b", 42, set())):
        _age(path)
        ncmec.records = [ncmec_entry(name, member, int(time.time()) - 10, deleted=True)]
        get(ncmec, path)
        assert blocked(path) == left
    gone = Bank.read(path).entries[hashed(1)]
    assert (gone.kind, gone.decision.by, gone.decision.reason) == (Kind.REMOVED, "member 42", "deleted")


def test_a_report_that_is_corrected_leaves_its_old_hash(ncmec: Exchange, path: Path) -> None:
    ncmec.records = [ncmec_entry("a", 41, ncmec.clock - 10**6, **prints(1))]
    get(ncmec, path)
    _age(path)
    ncmec.records = [ncmec_entry("a", 41, int(time.time()) - 10, **prints(2))]
    get(ncmec, path)
    assert blocked(path) == hashes(2)


def test_ncmec_goes_on_in_the_middle_of_its_pages(ncmec: Exchange, path: Path) -> None:
    start = ncmec.clock - 10**6
    ncmec.records = [ncmec_entry(f"e{n}", 41, start, **prints(n)) for n in range(7)]

    def told(came: Fetched) -> None:
        if came.blocked:
            ncmec.faults[:] = ["nonsense"]

    with pytest.raises(Fault) as caught:
        fetch(feed(ncmec), path, HOURS, told)
    assert caught.value.code == "exchange_failed"
    bank = Bank.read(path)
    assert 0 < len(blocked(path)) < 7 and bank.stale(datetime.now(UTC)) == "it was never complete"
    assert "page" in bank.head.state["at"]
    ncmec.faults.clear()
    ncmec.seen.clear()
    get(ncmec, path)
    assert blocked(path) == hashes(*range(7))
    assert "start=" in ncmec.seen[0]
    assert Bank.read(path).stale(datetime.now(UTC)) is None


@pytest.mark.parametrize(
    ("fault", "code"),
    [("nonsense", "exchange_failed"), ("status 401", "exchange_refused"), ("redirect", "exchange_failed")],
)
def test_ncmec_goes_wrong(
    ncmec: Exchange, path: Path, fault: str, code: str, caplog: pytest.LogCaptureFixture
) -> None:
    ncmec.faults = [fault]
    with pytest.raises(Fault) as caught, caplog.at_level("DEBUG"):
        get(ncmec, path)
    assert caught.value.code == code and not path.exists()
    assert PASSWORD not in caplog.text + str(caught.value)


def _age(path: Path) -> None:
    """As if the last fetch had been an hour ago."""
    bank = Bank.read(path)
    at = {**bank.head.state["at"], "since": bank.head.state["at"]["since"] - 3600}
    replace(path, bank.changed({}, state={**bank.head.state, "at": at}).dump())


def test_an_exchange_that_was_not_asked_makes_nothing_fresh(ncmec: Exchange, path: Path) -> None:
    """A clock that was ahead: until it is caught up with, no window is left to ask for."""
    get(ncmec, path)
    bank = Bank.read(path)
    at = {**bank.head.state["at"], "since": int(time.time()) + 10**6}
    replace(path, bank.changed({}, state={**bank.head.state, "at": at}).as_of(as_of=NOON).dump())
    assert get(ncmec, path).pages == 0
    assert Bank.read(path).head.as_of == NOON


# Both


def test_an_exchange_has_a_bank_of_its_own(stop: Exchange, ncmec: Exchange, path: Path) -> None:
    get(stop, path)
    with pytest.raises(Fault) as caught:
        get(ncmec, path)
    assert caught.value.code == "bank_other_feed"


def test_progress_is_saved_while_it_goes_on(
    stop: Exchange, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed in the middle, it has what came before."""
    monkeypatch.setattr(exchange, "SAVE_EVERY", 0.0)
    stop.records = [stop_record(hashed(n), 1000 + n) for n in range(5)]
    sizes = []
    fetch(feed(stop), path, HOURS, lambda _: sizes.append(len(blocked(path)) if path.exists() else 0))
    assert sizes == [0, 2, 4]


def test_a_wrong_password(stop: Exchange, ncmec: Exchange, path: Path) -> None:
    for held, keys in ((stop, ("x", "y", "z")), (ncmec, ("x", "y"))):
        with pytest.raises(Fault) as caught:
            get(held, path, keys=keys)
        assert caught.value.code == "exchange_refused"


@pytest.mark.parametrize(
    "url",
    ["", "ftp://example.org", "http://example.org", "https://", "https://a:b@example.org/v1", "http://[::1"],
)
def test_where_credentials_are_not_sent(url: str) -> None:
    for make in (lambda: StopNcii(*KEYS, url=url), lambda: Ncmec(USER, PASSWORD, url=url)):
        with pytest.raises(Fault) as caught:
            make()
        assert caught.value.code == "exchange_url"


def test_a_first_decision_stands_for_later_reports(path: Path) -> None:
    one = Entry(Kind.BLOCK, decision("ncmec"), None, ("1-a",))
    assert one.removed(decision("ncmec", 1)).references == ()

"""Shadows: one at a time, differences once each, and rates that are honest."""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rambarde.nouns.fault import Fault, Kind
from rambarde.store.database import Database
from rambarde.store.schema import shadow_differences
from rambarde.store.shadows import LONGEST, RETENTION, Difference, Numbered, Shadow, Shadows, Tally
from tests.samples import START
from tests.store.conftest import Clock

CANDIDATE, OTHER = "sha256:" + "aa" * 32, "sha256:" + "bb" * 32
DOCUMENT = "sha256:" + "cc" * 32


@pytest.fixture
def shadows(database: Database) -> Shadows:
    return Shadows(database)


def _start(shadows: Shadows, candidate: str = CANDIDATE) -> Shadow:
    return shadows.start(candidate, DOCUMENT, by="Ada Lovelace", reason="a stricter threshold", at=START)


def _difference(number: int = 0, **changes: object) -> Difference:
    made = Difference(
        decision=f"record-{number:06}",
        point="release",
        output=0,
        running="allow",
        candidate="block",
        policy="sha256:" + "dd" * 32,
        rules=("minor-sexual", "é"),
        running_rules=(),
        at=START + timedelta(seconds=number),
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def test_one_at_a_time(shadows: Shadows) -> None:
    assert shadows.current() is None
    assert shadows.stop(by="Ada", at=START) is None
    started = _start(shadows)
    assert (
        shadows.current()
        == started
        == Shadow(CANDIDATE, DOCUMENT, "Ada Lovelace", "a stricter threshold", START)
    )
    for candidate in (CANDIDATE, OTHER):
        with pytest.raises(Fault) as refused:
            _start(shadows, candidate)
        assert (refused.value.kind, refused.value.code) == (Kind.CONFLICT, "shadow_running")
    with pytest.raises(Fault):
        shadows.add(OTHER, [_difference()])
    later = START + timedelta(hours=1)
    assert shadows.stop(by="Grace", at=later) == replace(started, stopped_by="Grace", stopped_at=later)
    assert shadows.current() is None
    assert _start(shadows, OTHER) == shadows.current()


def test_of_many_that_start_at_once_one_does(shadows: Shadows) -> None:
    outcomes: list[str] = []

    def start(number: int) -> None:
        try:
            outcomes.append(_start(shadows, f"candidate-{number}").candidate)
        except Fault as fault:
            outcomes.append(fault.code)

    threads = [threading.Thread(target=start, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    current = shadows.current()
    assert current is not None
    assert Counter(outcomes) == {"shadow_running": 5, current.candidate: 1}


@pytest.mark.parametrize("odd", ["", "  ", "a\0b", "\ud800", "x" * (LONGEST + 1)])
def test_names_and_reasons_are_text(shadows: Shadows, odd: str) -> None:
    for by, reason, code in ((odd, "reason", "bad_name"), ("Ada", odd, "bad_reason")):
        with pytest.raises(Fault) as refused:
            shadows.start(CANDIDATE, DOCUMENT, by=by, reason=reason, at=START)
        assert refused.value.code == code
    with pytest.raises(Fault):
        shadows.stop(by=odd, at=START)
    assert shadows.current() is None


def test_differences_come_back_as_added(shadows: Shadows) -> None:
    _start(shadows)
    rows = [
        _difference(1),
        _difference(1, output=1, candidate="review"),
        _difference(1, point="admit", output=None, running="block", candidate="allow", running_rules=("r",)),
        _difference(0, rules=()),
    ]
    assert shadows.add(CANDIDATE, rows, judged=9) == 4
    assert shadows.differences(CANDIDATE) == tuple(Numbered(n, row) for n, row in enumerate(rows, 1))
    assert shadows.differences(CANDIDATE, limit=2, after=1) == (Numbered(2, rows[1]), Numbered(3, rows[2]))
    assert shadows.differences(CANDIDATE, after=4) == shadows.differences(OTHER) == ()
    shadows.count(CANDIDATE, 3)
    assert shadows.counts(CANDIDATE) == Tally(
        12, {("allow", "block"): 2, ("allow", "review"): 1, ("block", "allow"): 1}
    )
    assert shadows.counts(OTHER) == Tally(0, {})


def test_a_batch_may_be_repeated(shadows: Shadows) -> None:
    _start(shadows)
    rows = [_difference(n) for n in range(20)]
    assert shadows.add(CANDIDATE, rows[:12]) == 12
    assert shadows.add(CANDIDATE, [*rows, rows[19]]) == 8
    assert shadows.add(CANDIDATE, [replace(row, candidate="review") for row in rows]) == 0, "the first counts"
    assert [kept.difference for kept in shadows.differences(CANDIDATE)] == rows
    assert shadows.counts(CANDIDATE).differing == {("allow", "block"): 20}
    shadows.stop(by="Ada", at=START)
    assert shadows.add(CANDIDATE, [_difference(99)], judged=1) == 1, "requests in flight come after the end"


def test_a_batch_counts_whole_or_not_at_all(shadows: Shadows) -> None:
    _start(shadows)
    naive = _difference(2, at=START.replace(tzinfo=None))
    with pytest.raises(sa.exc.StatementError):
        shadows.add(CANDIDATE, [_difference(1), naive], judged=5)
    assert shadows.counts(CANDIDATE) == Tally(0, {})
    assert shadows.differences(CANDIDATE) == ()
    with pytest.raises(ValueError):
        shadows.count(CANDIDATE, -1)


def test_only_the_newest_are_kept_and_all_are_counted(
    shadows: Shadows, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rambarde.store.shadows.KEPT", 10)
    _start(shadows)
    for start in range(0, 28, 7):
        shadows.add(CANDIDATE, [_difference(n) for n in range(start, start + 7)], judged=7)
    assert [kept.number for kept in shadows.differences(CANDIDATE)] == list(range(19, 29))
    assert shadows.add(CANDIDATE, [_difference(n) for n in range(21, 28)]) == 0, "the last batch again"
    assert shadows.add(CANDIDATE, [_difference(n) for n in range(100, 125)], judged=25) == 25
    assert [kept.number for kept in shadows.differences(CANDIDATE)] == list(range(44, 54))
    assert shadows.counts(CANDIDATE) == Tally(53, {("allow", "block"): 53})
    with database.reading() as connection:
        assert connection.scalar(sa.select(sa.func.count()).select_from(shadow_differences)) == 10


def test_gateways_add_at_once(shadows: Shadows) -> None:
    """Six gateways send overlapping batches: every difference once, no number twice, nothing uncounted."""
    _start(shadows)
    errors: list[BaseException] = []

    def send(gateway: int) -> None:
        try:
            for batch in range(5):
                first = gateway * 10 + batch * 7
                shadows.add(CANDIDATE, [_difference(n) for n in range(first, first + 15)], judged=20)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=send, args=(gateway,)) for gateway in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    expected = {n for g in range(6) for b in range(5) for n in range(g * 10 + b * 7, g * 10 + b * 7 + 15)}
    kept = shadows.differences(CANDIDATE, limit=1000)
    assert sorted(one.difference.decision for one in kept) == sorted(f"record-{n:06}" for n in expected)
    assert [one.number for one in kept] == list(range(1, len(expected) + 1))
    assert shadows.counts(CANDIDATE) == Tally(600, {("allow", "block"): len(expected)})


def test_old_ones_are_forgotten_but_not_who_ran_them(
    shadows: Shadows, database: Database, clock: Clock
) -> None:
    clock.now = START
    _start(shadows)
    shadows.add(CANDIDATE, [_difference()], judged=1)
    shadows.stop(by="Ada", at=START)
    _start(shadows, OTHER)
    shadows.add(OTHER, [_difference()], judged=1)
    clock.now = START + RETENTION - timedelta(seconds=1)
    assert shadows.purge() == 0
    clock.now = START + RETENTION
    assert shadows.purge() == 1, "what runs stays, however old"
    assert shadows.counts(CANDIDATE) == Tally(0, {}) and shadows.differences(CANDIDATE) == ()
    assert shadows.counts(OTHER).judged == 1
    with pytest.raises(Fault) as refused:
        shadows.count(CANDIDATE, 1)
    assert (refused.value.kind, refused.value.code) == (Kind.NOT_FOUND, "shadow_unknown")
    with database.reading() as connection:
        assert connection.scalar(sa.text("SELECT count(*) FROM shadows")) == 2
    shadows.stop(by="Ada", at=clock())
    _start(shadows)
    assert shadows.add(CANDIDATE, [_difference()], judged=1) == 1
    assert shadows.purge() == 0


def test_values_of_another_type_are_damage(shadows: Shadows, database: Database) -> None:
    _start(shadows)
    shadows.add(CANDIDATE, [_difference()])
    with database.writing() as connection:
        connection.execute(sa.text("UPDATE shadow_differences SET rules = 'none'"))
    with pytest.raises(Fault) as noticed:
        shadows.differences(CANDIDATE)
    assert noticed.value.code == "store_damaged"


BATCHES = st.lists(
    st.lists(
        st.tuples(st.integers(0, 9), st.sampled_from([None, 0, 1]), st.sampled_from(["block", "review"]))
    ),
    max_size=6,
)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(batches=BATCHES)
def test_as_a_dictionary_would_keep_them(
    shadows: Shadows, batches: list[list[tuple[int, int | None, str]]]
) -> None:
    candidate = f"candidate-{uuid4()}"
    _start(shadows, candidate)
    oracle: dict[tuple[int, int | None], Difference] = {}
    for batch in batches:
        rows = [_difference(n, output=output, candidate=word) for n, output, word in batch]
        before = len(oracle)
        for (n, output, _), row in zip(batch, rows, strict=True):
            oracle.setdefault((n, output), row)
        assert shadows.add(candidate, rows, judged=len(rows)) == len(oracle) - before
    shadows.stop(by="Ada", at=START)
    assert [kept.difference for kept in shadows.differences(candidate)] == list(oracle.values())
    tally = shadows.counts(candidate)
    assert tally.differing == Counter((row.running, row.candidate) for row in oracle.values())
    assert tally.judged == sum(map(len, batches))

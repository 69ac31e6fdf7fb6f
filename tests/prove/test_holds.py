"""Holds: what they cover, that two people lift them, and that the log alone says which are in force."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from rambarde.nouns.custody import Receipt
from rambarde.nouns.fault import Fault
from rambarde.nouns.hold import About, Scope, same_person
from rambarde.prove.holds import Holds
from rambarde.prove.key import open_signer
from rambarde.prove.log import FOLDER, Log
from rambarde.prove.recorder import LogRecorder
from rambarde.prove.verify import verify_log
from rambarde.store.database import Database
from rambarde.store.ledger import Ledger
from rambarde.store.schema import log_entries

NOW = datetime(2026, 1, 9, 12, tzinfo=UTC)
DAY = timedelta(days=1)
ALL = Scope(since=datetime(1970, 1, 1, tzinfo=UTC))


class Stand:
    def __init__(self, data: Path) -> None:
        self.data = data
        self.database = Database.open(data, clock=lambda: NOW)
        self.log = Log.open(data / FOLDER, open_signer(data), Ledger(self.database))
        self.recorder = LogRecorder(self.log)

    def holds(self) -> Holds:
        return Holds(Ledger(self.database), lambda: NOW, self.recorder.put)

    def close(self) -> None:
        self.recorder.close()
        self.log.close()
        self.database.close()


@pytest.fixture
def stand(tmp_path: Path) -> Iterator[Stand]:
    made = Stand(tmp_path)
    yield made
    made.close()


def about(**what: object) -> About:
    known = {"decision": "dec_1", "account": "a", "surface": "web", "at": NOW}
    return About(**(known | what))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("scope", "covered"),
    [
        (Scope(decisions=("dec_0", "dec_1")), True),
        (Scope(decisions=("dec_2",)), False),
        (Scope(account="a"), True),
        (Scope(account="a", surface="app"), False),
        (Scope(surface="web"), True),
        (Scope(since=NOW), True),
        (Scope(until=NOW), False),
        (Scope(since=NOW - DAY, until=NOW + DAY, account="a"), True),
        (Scope(case="C-1"), False),
        (Scope(case="C-2"), True),
        (Scope(case="C-1", account="a"), True),
        (Scope(case="C-2", account="b"), True),
        (Scope(), False),
    ],
)
def test_what_a_scope_covers(scope: Scope, covered: bool) -> None:
    assert scope.covers(about(cases=("C-2",))) is covered
    assert Scope.parse(scope.as_json()) == scope


texts = st.sampled_from(["a", "b", None])


@given(texts, texts, st.integers(-2, 2), st.integers(-2, 2), texts, texts, st.integers(-3, 3))
def test_a_scope_is_the_conjunction_of_its_conditions(
    account: str | None,
    surface: str | None,
    since: int,
    until: int,
    who: str | None,
    where: str | None,
    at: int,
) -> None:
    scope = Scope(account=account, surface=surface, since=NOW + since * DAY, until=NOW + until * DAY)
    plain = all(
        (account in (None, who), surface in (None, where), since <= at, at < until),
    )
    assert scope.covers(about(account=who, surface=where, at=NOW + at * DAY)) is plain


def test_it_freezes_until_a_second_person_agrees(stand: Stand) -> None:
    holds, elsewhere = stand.holds(), stand.holds()
    hold = holds.set(Scope(account="a"), person="Ann Lee", reason="an order")
    assert elsewhere.frozen(about()) and not elsewhere.frozen(about(account="b"))
    asked = elsewhere.lift(hold.id, person="Ann Lee", reason="it is over")
    assert asked.lifted is None and asked.asked is not None and holds.frozen(about())
    for same in ("Ann Lee", " ann  LEE ", "\uff21nn lee"):
        with pytest.raises(Fault) as alone:
            holds.lift(hold.id, person=same, reason="me again")
        assert alone.value.code == "hold_same_person"
    assert holds.frozen(about())
    lifted = holds.lift(hold.id, person="Bo Kim", reason="the court closed the case")
    assert lifted.lifted is not None and not holds.frozen(about()) and not elsewhere.frozen(about())
    with pytest.raises(Fault) as twice:
        holds.lift(hold.id, person="Cy", reason="again")
    assert twice.value.code == "hold_lifted"
    (told,) = stand.holds().all()
    assert [s.person for s in (told.set, told.asked, told.lifted) if s] == ["Ann Lee", "Ann Lee", "Bo Kim"]
    assert verify_log(stand.data / FOLDER, open_signer(stand.data).verifier, Ledger(stand.database)).ok


def test_one_hold_lifted_leaves_the_other(stand: Stand) -> None:
    holds = stand.holds()
    first = holds.set(Scope(account="a"), person="Ann", reason="r")
    holds.set(Scope(surface="web"), person="Ann", reason="r")
    for person in ("Bo", "Cy"):
        holds.lift(first.id, person=person, reason="r")
    assert [hold.id for hold in holds.over(about())] == ["hold-2"]


@pytest.mark.parametrize(
    ("scope", "person", "reason", "code"),
    [
        (Scope(), "Ann", "r", "hold_empty"),
        (Scope(since=NOW, until=NOW), "Ann", "r", "hold_window"),
        (Scope(decisions=("d",) * 10_001), "Ann", "r", "hold_too_many"),
        (ALL, " ", "r", "missing_person"),
        (ALL, "Ann", "", "missing_reason"),
        (Scope(case="\x07"), "Ann", "r", "unprintable_case"),
    ],
)
def test_what_is_no_hold(stand: Stand, scope: Scope, person: str, reason: str, code: str) -> None:
    with pytest.raises(Fault) as fault:
        stand.holds().set(scope, person=person, reason=reason)
    assert fault.value.code == code
    assert stand.holds().all() == ()


def test_an_unknown_hold(stand: Stand) -> None:
    with pytest.raises(Fault) as fault:
        stand.holds().lift("hold-9", person="Ann", reason="r")
    assert fault.value.code == "hold_unknown"


def test_what_cannot_be_recorded_freezes_and_lifts_nothing(stand: Stand) -> None:
    hold = stand.holds().set(ALL, person="Ann", reason="r")

    def put(kind: str, document: Mapping[str, object]) -> Receipt:
        raise Fault("internal", "not_recorded", "m", remedy="r")  # type: ignore[arg-type]

    broken = Holds(Ledger(stand.database), lambda: NOW, put)
    for act in (
        lambda: broken.set(ALL, person="Bo", reason="r"),
        lambda: broken.lift(hold.id, person="Bo", reason="r"),
    ):
        with pytest.raises(Fault) as fault:
            act()
        assert fault.value.code == "not_recorded"
    (told,) = stand.holds().all()
    assert told.asked is None


def test_many_at_once_lose_nothing_and_nobody_is_two_people(stand: Stand) -> None:
    hold = stand.holds().set(ALL, person="Ann", reason="r")
    codes: list[str] = []

    def lift() -> None:
        try:
            stand.holds().lift(hold.id, person="Bo", reason="r")
            codes.append("done")
        except Fault as fault:
            codes.append(fault.code)

    threads = [threading.Thread(target=lift) for _ in range(4)]
    threads += [
        threading.Thread(target=lambda: stand.holds().set(Scope(case="x"), person="Bo", reason="r"))
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(codes) == ["done", *["hold_same_person"] * 3]
    assert len(stand.holds().all()) == 5 and stand.holds().frozen(about())


def test_a_changed_event_freezes_everything(stand: Stand) -> None:
    """Whoever cannot ask which holds there are must not erase: the question itself fails."""
    stand.holds().set(Scope(account="a"), person="Ann", reason="r")
    with stand.database.writing() as connection:
        body = connection.scalar(sa.select(log_entries.c.body).where(log_entries.c.kind == "hold"))
        narrowed = bytes(body).replace(b'"account":"a"', b'"account":"z"')
        connection.execute(sa.update(log_entries).where(log_entries.c.kind == "hold").values(body=narrowed))
    with pytest.raises(Fault) as fault:
        stand.holds().frozen(about())
    assert fault.value.code == "hold_unreadable"


def test_names_are_compared_as_people_read_them() -> None:
    assert same_person("Zoë  Ñ", "zoë ñ") and same_person("STRASSE", "straße")
    assert not same_person("Ann", "Anne")

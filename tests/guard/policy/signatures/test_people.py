"""Who may sign: strict documents, no person twice, and never a roster that locks everybody out."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rambarde.guard.policy.document import PolicyError
from rambarde.guard.policy.signatures.canonical import canonical, parse
from rambarde.guard.policy.signatures.openssh import print_line
from rambarde.guard.policy.signatures.people import (
    ALWAYS,
    Person,
    Role,
    Roster,
    fold,
    only_reduces,
    read_people,
    roster_of,
)
from rambarde.nouns.fault import Fault
from tests.guard.policy.signatures.stand import ADA, BEN, CLEO, DAN, HOUR, ROSTER, T0, key, person


def line(name: str) -> str:
    return print_line(key(name).public, f"{name}@example.org")


DOCUMENT = f"""
rambarde-people: 1
people:
  - name: Ada Lovelace
    roles: [policy, accountable]
    key: "{line("ada")}"
    since: 2026-11-01
    until: 2027-11-01T12:00+02:00
  - name: Cléo Durand
    roles: [policy]
    key: "{line("cleo")}"
"""


def read(text: str) -> Roster:
    return read_people(text.encode(), "people.yaml")


def test_reads_the_whole_document() -> None:
    roster = read(DOCUMENT)
    ada, cleo = roster.people
    assert (ada.name, cleo.name) == ("Ada Lovelace", "Cléo Durand")
    assert ada.roles == frozenset(Role) and cleo.roles == {Role.POLICY}
    assert ada.key == key("ada").public
    assert ada.since == datetime(2026, 11, 1, tzinfo=UTC)
    assert ada.until == datetime(2027, 11, 1, 10, tzinfo=UTC)
    assert (cleo.since, cleo.until, cleo.revoked) == (ALWAYS, None, None)
    assert not roster.demo and read(DOCUMENT + "demo: true\n").demo


@pytest.mark.parametrize(
    ("old", "new", "place", "message"),
    [
        ("people: 1", "people: 2", (2, 18), "version 2"),
        ("people: 1", "people: true", (2, 18), "version True"),
        ("people: 1", "policy: 1", (2, 1), "no `rambarde-people`"),
        ("roles: [policy]", "roles: [boss]", (10, 13), "'boss' is not known"),
        ("roles: [policy]", "roles: []", (9, 5), "has no role"),
        ("roles: [policy]", "role: policy", (9, 5), "no `roles`"),
        ("    roles: [policy]\n", "    roles: [policy]\n    mail: x\n", (11, 5), "no key 'mail'"),
        ("name: Cléo Durand", "name: ADA  lovelace", (9, 5), "the name of ADA  lovelace and Ada Lovelace"),
        ("name: Cléo Durand", "name: Ａda Lovelace", (9, 5), "stands twice"),
        ("name: Cléo Durand", 'name: "Cl\\u200bo"', (9, 5), "is no name"),
        ("name: Cléo Durand", 'name: " Cléo"', (9, 5), "is no name"),
        ("name: Cléo Durand", 'name: "  "', (9, 11), "must be a text"),
        (line("cleo"), line("ada"), (9, 5), "the key of Cléo Durand and Ada Lovelace stands twice"),
        (line("cleo"), "ssh-rsa AAAA x", (11, 10), "of type ssh-rsa"),
        (line("cleo"), "ssh-ed25519 AAAA x", (11, 10), "damaged"),
        (line("cleo"), print_line(bytes(32)), (11, 10), "anybody could sign"),
        ("[policy, accountable]", "[policy]", (4, 3), "nobody could ever sign"),
        ("since: 2026-11-01", "revoked: 2026-11-01", (4, 3), "Cléo Durand could sign"),
        ("since: 2026-11-01", "since: tomorrow", (7, 12), "'tomorrow' is no time"),
        ("since: 2026-11-01", "since: 2026-02-30", (7, 12), "is no time"),
        ("since: 2026-11-01", "since: 2026-11-01T10:00", (7, 12), "has no zone"),
        ("since: 2026-11-01", "since: 2028-11-01", (4, 5), "ends before it begins"),
        ("rambarde-people: 1", "rambarde-people: 1\ndemo: maybe", (3, 7), "true or false"),
        ("rambarde-people: 1", "rambarde-people: 1\nnotes: x", (3, 1), "no key 'notes'"),
    ],
)
def test_what_is_refused(old: str, new: str, place: tuple[int, int], message: str) -> None:
    assert old in DOCUMENT
    with pytest.raises(PolicyError) as refused:
        read(DOCUMENT.replace(old, new, 1))
    fault = refused.value
    assert message in fault.message and fault.remedy
    assert (fault.line, fault.column) == place


NAMES = st.sampled_from(
    ["Ada", "Ben O'Neill", "Cléo", "Dmitri Ж", "李雷", "yes", "1e3", "a: b", "#x", "null"]
)
TIMES = st.datetimes(datetime(2020, 1, 1), datetime(2040, 1, 1), timezones=st.just(UTC))


@st.composite
def people(draw: st.DrawFn) -> tuple[Person, ...]:
    names = draw(st.lists(NAMES, min_size=2, max_size=5, unique=True))
    made = []
    for place, name in enumerate(names):
        since = draw(st.just(ALWAYS) | TIMES)
        until = draw(st.none() | TIMES.filter(lambda t, since=since: t > since))
        roles = draw(st.sets(st.sampled_from(Role), min_size=1))
        revoked = None if place < 2 else draw(st.none() | TIMES)
        made.append(person(name, frozenset(roles), since=since, until=until, revoked=revoked))
    made[0] = replace(made[0], roles=made[0].roles | {Role.ACCOUNTABLE})
    return tuple(made)


@given(people(), st.booleans())
@pytest.mark.slow
def test_printing_and_reading_again(listed: tuple[Person, ...], demo: bool) -> None:
    roster = Roster(listed, demo)
    assert read(roster.as_yaml()) == roster
    assert roster_of(parse(canonical(roster.as_json()), "d"), "d") == roster


def test_a_roster_is_checked_whoever_makes_it() -> None:
    for wrong, code in [
        ((), "roster_locks_out"),
        ((ADA,), "roster_locks_out"),
        ((BEN, DAN), "roster_locks_out"),
        ((ADA, replace(CLEO, revoked=T0)), "roster_locks_out"),
        ((ADA, BEN, replace(DAN, name="ben okri")), "roster_invalid"),
        ((ADA, BEN, replace(DAN, key=BEN.key)), "roster_invalid"),
    ]:
        with pytest.raises(Fault) as refused:
            Roster(wrong)
        assert refused.value.code == code
    for made in (lambda: replace(ADA, key=bytes(32)), lambda: replace(ADA, roles=frozenset())):
        with pytest.raises(Fault):
            made()


def test_when_a_roster_locks_out() -> None:
    roster = Roster((replace(ADA, until=T0 + HOUR), replace(BEN, until=T0 + 3 * HOUR), CLEO))
    roster.check(T0)
    assert roster.locked_from(T0) == T0 + 3 * HOUR
    with pytest.raises(Fault, match="Cléo Durand could sign on 2026-11-01"):
        roster.check(T0 + 3 * HOUR)
    assert ROSTER.locked_from(T0) is None


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("roles", ["policy", "accountable"]),
        ("roles", ["policy", "policy"]),
        ("roles", ["boss"]),
        ("roles", []),
        ("key", line("Ben Okri")),
        ("key", "AAAA"),
        ("since", "2026-11-01"),
        ("name", "x" * 101),
        ("name", "a\0b"),
        ("mail", "x"),
    ],
)
def test_the_json_is_strict(field: str, value: object) -> None:
    document = ROSTER.as_json()
    entries = [dict(p) for p in document["people"]]  # type: ignore[union-attr, arg-type, call-overload]
    entries[1][field] = value
    with pytest.raises(Fault):
        roster_of({**document, "people": entries}, "d")


@given(st.sampled_from(["Ada Lovelace", "Straße", "ΑΣΣΑΣ", "ﬁona", "Cléo", "İpek"]))
def test_spellings_are_one_name(name: str) -> None:
    for other in (name.upper(), name.lower(), name.replace(" ", ""), f"{name}\u2003", name.casefold()):
        if name != "İpek":
            assert fold(other) == fold(name)
    assert fold(fold(name)) == fold(name)


def test_what_only_reduces() -> None:
    full = Roster((ADA, replace(BEN, until=T0 + HOUR), CLEO, DAN))
    ben = full.people[1]
    day = timedelta(days=1)

    def reduces(*listed: Person, demo: bool = False) -> bool:
        return only_reduces(full, Roster(listed, demo))

    assert reduces(*full.people)
    assert reduces(ADA, CLEO)
    assert reduces(CLEO, ADA)
    assert reduces(ADA, ben, CLEO, replace(DAN, revoked=T0))
    assert reduces(ADA, replace(ben, until=T0), CLEO)
    assert reduces(replace(ADA, roles=DAN.roles), CLEO)
    assert only_reduces(full, Roster((replace(ADA, since=T0), CLEO)), T0)
    later = Roster((ADA, CLEO, replace(DAN, since=T0)))
    assert not only_reduces(later, Roster((ADA, CLEO, replace(DAN, since=T0 - HOUR))))
    assert not reduces(ADA, replace(ben, until=T0 + day), CLEO)
    assert not reduces(ADA, replace(ben, until=None), CLEO)
    assert not reduces(ADA, CLEO, replace(DAN, roles=ADA.roles))
    assert not reduces(ADA, CLEO, replace(DAN, key=key("new").public))
    assert not reduces(ADA, CLEO, replace(DAN, name="DAN RAO"))
    assert not reduces(ADA, CLEO, person("Eve Stone"))
    assert not reduces(ADA, CLEO, demo=True)
    assert not only_reduces(Roster((ADA, CLEO), demo=True), Roster((ADA, CLEO)))
    revoked = Roster((ADA, CLEO, replace(DAN, revoked=T0)))
    assert not only_reduces(revoked, Roster((ADA, CLEO, DAN)))
    assert not only_reduces(revoked, Roster((ADA, CLEO, replace(DAN, revoked=T0 + HOUR))))
    assert only_reduces(revoked, Roster((ADA, CLEO, replace(DAN, revoked=T0 - HOUR))))


def test_who_ends_everybody_elses_key_does_not_only_reduce() -> None:
    full = Roster((ADA, BEN, CLEO))
    soon = T0 + HOUR / 60
    alone = Roster((replace(ADA, until=soon), BEN, replace(CLEO, until=soon)))
    assert alone.locked_from(T0) == soon and not only_reduces(full, alone, T0)
    assert not only_reduces(full, Roster((replace(ADA, since=soon), BEN, replace(CLEO, since=soon))), T0)
    one = Roster((ADA, BEN, replace(CLEO, until=soon)))
    assert only_reduces(full, one, T0)
    assert not only_reduces(one, Roster((ADA, CLEO if CLEO in one.people else one.people[2])), T0)
    gone = Roster((ADA, BEN, replace(CLEO, until=T0 - HOUR)))
    assert only_reduces(gone, Roster((ADA, BEN)), T0), "what is over already is no loss"

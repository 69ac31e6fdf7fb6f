"""Banks: people's decisions make the next version; what was removed does not come back by itself."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rambarde.guard.banks.bank import Bank, hash_of, stale
from rambarde.guard.banks.entry import Entry, Kind, prevailing
from rambarde.guard.banks.file import Head
from rambarde.nouns.fault import Fault
from tests.guard.banks.known import NOON, decision, entries, hashed, hashes


def refused(code: str) -> pytest.RaisesExc[Fault]:
    return pytest.RaisesExc(Fault, check=lambda fault: fault.code == code and bool(fault.remedy))


def test_a_hash_is_added_removed_and_brought_back() -> None:
    bank = Bank.of([hashed(1)], decision())
    two = bank.decided(hashed(2), Kind.BLOCK, decision(minutes=1))
    assert (two.head.version, two.head.previous) == ("2", bank.digest)
    with refused("bank_entry_exists"):
        two.decided(hashed(2), Kind.NEGATIVE, decision())
    gone = two.removed(hashed(2), decision(minutes=2, by="Ben"))
    assert gone.counts() == {"block": 1, "negative": 0, "removed": 1}
    assert gone.entries[hashed(2)].added == decision(minutes=1)
    with refused("bank_entry_unknown"):
        gone.removed(hashed(2), decision())
    with refused("bank_entry_unknown"):
        gone.removed(hashed(3), decision())
    with refused("bank_entry_removed"):
        gone.decided(hashed(2), Kind.BLOCK, decision())
    back = gone.decided(hashed(2), Kind.BLOCK, decision(minutes=3), restore=True)
    assert back.entries[hashed(2)] == Entry(Kind.BLOCK, decision(minutes=3))
    assert Bank.parse(back.dump()).entries == back.entries
    assert two.counts()["block"] == 2, "a bank is not changed in place"


def test_an_import_does_not_bring_back_what_people_removed() -> None:
    bank = Bank.of([hashed(1), hashed(2)], decision("ncmec"))
    bank = bank.removed(hashed(1), decision(minutes=1))
    later = {hashed(n): Entry(Kind.BLOCK, decision("ncmec", 60)) for n in (1, 2, 3)}
    merged, came = bank.merged(later)
    assert (came.added, came.changed, came.kept, came.kept_out) == (1, 1, 0, 1)
    assert merged.entries[hashed(1)].kind is Kind.REMOVED
    again, came = merged.merged(later)
    assert again is merged and (came.kept, came.kept_out) == (2, 1)


@given(st.dictionaries(hashes, entries, max_size=5), st.dictionaries(hashes, entries, max_size=5))
def test_merging_agrees_with_the_rule(one: dict[bytes, Entry], other: dict[bytes, Entry]) -> None:
    first, second = Bank(Head("1"), one), Bank(Head("9"), other)
    there, here = first.merged(other)[0].entries, second.merged(one)[0].entries
    assert there == here
    for value in {*one, *other}:
        found = [found[value] for found in (one, other) if value in found]
        assert there[value] == prevailing(found[0], found[-1])


def test_content_and_version_shape_the_digest(tmp_path: Path) -> None:
    banks = [
        Bank(),
        Bank.of([hashed(1), hashed(2)], decision()),
        Bank.of([hashed(1), hashed(2)], decision(), "2"),
        Bank.of([hashed(1)], decision()),
        Bank.of([hashed(1)], decision(by="Ben")),
    ]
    assert len({bank.digest for bank in banks}) == 5
    path = tmp_path / "bank"
    path.write_bytes(banks[1].dump())
    assert Bank.read(path) == banks[1]
    assert path.read_text().endswith(banks[1].digest + "\n")
    with pytest.raises(OSError, match="nowhere"):
        Bank.read(Path("nowhere"))


def test_a_hash_that_stands_in_it_twice_is_damage() -> None:
    from rambarde.guard.banks.file import sealed

    row = (hashed(1), Entry(Kind.BLOCK, decision()))
    with pytest.raises(ValueError, match="twice"):
        Bank.parse(sealed(Head("1"), [row, row]))


@pytest.mark.parametrize(
    ("as_of", "max_age", "minutes", "why"),
    [
        (None, None, 0, None),
        (NOON, None, 10**6, None),
        (None, 60, 0, "never complete"),
        (NOON, 60, 60, None),
        (NOON, 60, 61, "1 hours old, of at most 1"),
        (NOON, 60, -4, None),
        (NOON, 60, -6, "from the future"),
    ],
)
def test_when_a_bank_is_stale(as_of: object, max_age: int | None, minutes: int, why: str | None) -> None:
    head = Head("1", as_of=as_of, max_age=timedelta(minutes=max_age) if max_age else None)  # type: ignore[arg-type]
    told = stale(head, NOON + timedelta(minutes=minutes))
    assert told == why if why is None else why in (told or "")


def test_what_is_no_hash() -> None:
    assert hash_of("Ab" * 32) == bytes([0xAB]) * 32
    for wrong in ("", "ab" * 31, "xy" * 32, "ab" * 33, " " + "ab" * 32):
        with refused("bank_hash_invalid"):
            hash_of(wrong)

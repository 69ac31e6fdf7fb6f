"""The dossier: whole, it holds with the log's key alone; cut, it says so, even where the cut leads back."""

from __future__ import annotations

import json

import pytest

from rambarde.guard.policy.signatures.canonical import canonical
from rambarde.interfaces.governance import adoption, dossier
from rambarde.nouns.fault import Fault
from rambarde.prove.key import read_verifier
from rambarde.prove.log import FOLDER
from tests.interfaces.governance.conftest import ADA, BEN, House, roster

pytestmark = pytest.mark.slow


def exported(house: House) -> bytes:
    return dossier.export(house.book, house.folder / FOLDER, read_verifier(house.folder))


def cut(data: bytes, count: int) -> bytes:
    """Without the last changes, and without the documents that only they name."""
    told = json.loads(data)
    told["changes"] = told["changes"][:-count]
    return canonical(told) + b"\n"


def switched(house: House, *names: str, on: bool) -> None:
    """As the command does it: the checkpoint names what is in force."""
    change = house.office.switch("stop", house.standing, on=on, by=ADA, reason="r")
    adoption.adopt(house.office, house.log, [(None, house.signed(change, *names))])


def test_a_whole_one(house: House) -> None:
    house.found()
    switched(house, on=True)
    found = dossier.verify(exported(house), read_verifier(house.folder))
    assert found.whole and found.remarks == () and len(found.story.lines) == 6
    assert found.story.standing == house.standing


def test_a_cut_one_is_not_whole(house: House) -> None:
    house.found()
    switched(house, on=True)
    found = dossier.verify(cut(exported(house), 1), read_verifier(house.folder))
    assert not found.whole and "counts 6 changes" in found.remarks[0]
    assert any("names" in remark for remark in found.remarks), "and the policy with the measure is another"


def test_a_measure_that_came_and_went_cannot_be_left_off(house: House) -> None:
    """Without those two changes the history leads to the very same policy."""
    house.found()
    switched(house, on=True)
    switched(house, ADA, BEN, on=False)
    verifier = read_verifier(house.folder)
    assert dossier.verify(exported(house), verifier).whole
    found = dossier.verify(cut(exported(house), 2), verifier)
    assert not found.whole and len(found.remarks) == 1 and "counts 7 changes" in found.remarks[0]


def test_demo_signers_are_a_remark_and_no_lack(house: House) -> None:
    house.adopt(roster(demo=True).as_yaml(), ADA, BEN)
    found = dossier.verify(exported(house), read_verifier(house.folder))
    assert found.whole and found.remarks[0].startswith("DEMO")


def test_what_is_not_as_it_was_written_does_not_hold(house: House) -> None:
    house.found()
    data, verifier = exported(house), read_verifier(house.folder)
    for bad in (data[:-1], data.replace(b"because", b"Because", 1), b"{}\n", b"[" * 5000):
        with pytest.raises(Fault) as fault:
            dossier.verify(bad, verifier)
        assert fault.value.code == "history_broken"

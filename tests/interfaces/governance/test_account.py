"""The account: each change in words, and who answered for it in the role they had then."""

from __future__ import annotations

from dataclasses import replace

from rambarde.guard.policy.signatures.change import SignedChange
from rambarde.guard.policy.signatures.people import Role, Roster
from rambarde.interfaces.governance.account import accounts, told
from tests.interfaces.governance.conftest import ADA, BEN, CLEO, LOOSER, POLICY, STOP, House, roster


def test_each_change_says_what_it_did_and_who_signed(house: House) -> None:
    house.found()
    house.switch("stop", on=True, breaker=True)
    lines = accounts(house.book.read())
    kinds = ["people", "assessment", "policy", "measure", "measure", "measure-on"]
    assert [line.kind for line in lines] == kinds and [line.number for line in lines] == [1, 2, 3, 4, 5, 6]
    people, _, policy, stop, _, on = lines
    assert people.what == f"{ADA}, {BEN}, {CLEO}" and [one.name for one in people.signers] == [ADA, BEN]
    assert policy.what == house.digest(POLICY) and policy.verdict == "loosened"
    assert stop.what == "stop" and not stop.breaker, "allowed to one, and not done by one"
    assert (on.what, on.by, on.breaker, on.signers) == ("stop", ADA, True, ())
    assert on.as_json()["breaker"] is True and all(line.void is None for line in lines)


def test_a_signer_keeps_the_role_that_they_signed_in(house: House) -> None:
    house.found()
    demoted = Roster(
        tuple(
            replace(one, roles=frozenset({Role.POLICY})) if one.name == ADA else one
            for one in roster().people
        )
    )
    house.adopt(demoted.as_yaml(), BEN)
    first = accounts(house.book.read())[0].signers[0]
    assert (first.name, first.roles) == (ADA, ("accountable", "policy"))


def test_of_a_void_change_nobody_is_said_to_have_signed(house: House) -> None:
    house.found()
    change = house.change(house.proposal(LOOSER))
    house.slip_in(b'{"id": "change-00000006"}')
    void = accounts(house.book.read())[-1]
    assert void.number == 6 and void.signers == () and void.void is not None
    assert void.as_json()["at"] is None and change.sequence == 6


def test_what_a_signer_reads(house: House) -> None:
    house.found()
    proposal = house.proposal(LOOSER)
    signed = house.signed(house.change(proposal), BEN)
    lines = list(told(signed, house.standing))
    assert lines[0] == "change 6: policy" and "verdict: loosened" in lines
    assert [line for line in lines if line.startswith("loosened: ")] == [
        f"loosened: {region}" for region in proposal.loosened
    ]
    assert any(line.startswith(f"policy {house.digest(LOOSER)}, compared with") for line in lines)
    assert "must sign: 2 different people, one of them accountable" in lines
    assert lines[-1].startswith(f"signed: {BEN} (policy), ")


def test_people_are_told_by_what_changes(house: House) -> None:
    house.found()
    fewer = house.proposal(roster(ada=False).as_yaml())
    assert f"may not sign any more: {ADA}" in list(told(SignedChange(house.change(fewer)), house.standing))
    demo = house.proposal(roster(demo=True).as_yaml())
    assert any("throw-away keys" in line for line in told(SignedChange(house.change(demo)), house.standing))


def test_a_measure_says_who_may_switch_it_on(house: House) -> None:
    house.found()
    halt = house.proposal(STOP.replace("name: stop", "name: halt"))
    lines = list(told(SignedChange(house.change(halt)), house.standing))
    assert "measure halt: a person or a breaker may switch it on; it is looked at 2 days later" in lines
    on = house.office.switch("stop", house.standing, on=True, by="rate-monitor", reason="r", breaker=True)
    assert "measure stop, by a breaker" in list(told(SignedChange(on), house.standing))

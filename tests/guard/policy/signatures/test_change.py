"""A change has one text, and no bit of it can be altered unseen."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta, timezone
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rambarde.guard.policy.proof.compare import Verdict
from rambarde.guard.policy.signatures.canonical import canonical
from rambarde.guard.policy.signatures.change import FIRST, Change, SignedChange, signed_bytes
from rambarde.guard.policy.signatures.history import Entry, change_id
from rambarde.guard.policy.signatures.standing import Standing
from rambarde.guard.policy.signatures.subject import (
    Assessment,
    Evaluation,
    People,
    PolicyText,
    Prepared,
    Swapped,
    SwitchOff,
    SwitchOn,
)
from rambarde.nouns.fault import Fault
from tests.guard.policy.signatures.stand import (
    ADA,
    BEN,
    CLEO,
    ROSTER,
    T0,
    change,
    founded,
    key,
    policy,
    sha,
    signed,
)

START = Standing.start()
ITEMS = ("surface:web", "mode:spicy", "upstream:openai/gpt-image-1", f"detector:head@1.2+{sha('h')}")
SUBJECTS = [
    People(ROSTER),
    PolicyText(sha("p"), sha("f"), None, (Swapped("head", "1 a", "2 b"), Swapped("age", None, "1 c"))),
    PolicyText(sha("p"), sha("f"), sha("old")),
    Prepared("no-people", breaker=True, review_days=90),
    SwitchOn("no-people", breaker=False),
    SwitchOff("no-people"),
    Assessment(ITEMS, (Evaluation(sha("e"), T0, ITEMS[:2]),), sha("p")),
    Assessment(ITEMS[:1], ()),
]


@pytest.mark.parametrize("subject", SUBJECTS, ids=lambda s: type(s).__name__)
def test_what_is_written_is_read(subject: Any) -> None:
    made = signed(change(START, subject, reason="a\nb “c” 😀", loosened=("é",), proof=sha("x")), ADA, BEN)
    data = made.canonical()
    assert SignedChange.parse(data) == made and SignedChange.parse(data).canonical() == data
    entry = Entry(made, T0)
    assert Entry.parse(entry.canonical()) == entry and entry.as_json()["id"] == "change-00000001"


def test_the_bytes_stay_what_they_are() -> None:
    """These bytes are in logs: if this test fails, old histories no longer verify."""
    first = signed(policy(START, "p", created_at=T0), ADA)
    assert first.canonical() == canonical(json.loads(first.canonical()))
    assert json.loads(first.canonical())["change"] == {
        "v": 1,
        "sequence": 1,
        "previous": FIRST,
        "kind": "policy",
        "document": sha("p.yaml"),
        "subject": {"policy": sha("p"), "floors": sha("floors"), "compared": None, "swaps": []},
        "verdict": "loosened",
        "loosened": ["on `web`: more"],
        "tightened": [],
        "proof": sha("proof"),
        "reason": "because",
        "by": "Ada Lovelace",
        "created_at": "2026-11-01T09:00:00+00:00",
    }
    assert first.digest == "sha256:a998386c34e1cc1d1519386f9e40b3f979213af9713f86f626ff579b6288cc46"
    message = signed_bytes(first.change, "Ada Lovelace", T0)
    body = canonical(first.change.as_json())
    assert (
        message == b"rambarde/policy-change/1\0" + body + b"\0Ada Lovelace\0" + b"2026-11-01T09:00:00+00:00"
    )


def test_a_zone_makes_no_other_bytes() -> None:
    paris = T0.astimezone(timezone(timedelta(hours=1)))
    here, there = (signed(policy(START, "p", created_at=at), ADA) for at in (T0, paris))
    assert here.canonical() == there.canonical() and here == there
    with pytest.raises(ValueError, match="zone"):
        policy(START, "p", created_at=T0.replace(tzinfo=None))


def altered(path: str, value: object) -> bytes:
    subject = Assessment(ITEMS, (Evaluation(sha("e"), T0, ITEMS[:2]),))
    document: Any = json.loads(signed(change(START, subject), ADA).canonical())
    node = document
    *steps, last = [int(s) if s.isdigit() else s for s in path.split(".")]
    for step in steps:
        node = node[step]
    if value is ...:
        del node[last]
    else:
        node[last] = value
    return canonical(document)


@pytest.mark.parametrize(
    ("path", "value", "field"),
    [
        ("more", 1, "signed change.more"),
        ("change", [], "change"),
        ("change", ..., "signed change.change"),
        ("signatures", {}, "signed change.signatures"),
        ("signatures.0", "x", "signatures[0]"),
        ("change.more", 1, "change.more"),
        ("change.v", 2, "change.v"),
        ("change.v", True, "change.v"),
        ("change.sequence", 0, "change.sequence"),
        ("change.sequence", True, "change.sequence"),
        ("change.sequence", "1", "change.sequence"),
        ("change.previous", None, "change.previous"),
        ("change.previous", "0" * 64, "change.previous"),
        ("change.kind", "strike", "change.kind"),
        ("change.kind", "measure", "subject.name"),
        ("change.document", "x", "change.document"),
        ("change.document", "sha256:" + "A" * 64, "change.document"),
        ("change.document", ..., "change.document"),
        ("change.verdict", "fine", "change.verdict"),
        ("change.verdict", 1, "change.verdict"),
        ("change.loosened", "x", "change.loosened"),
        ("change.loosened", [""], "change.loosened[0]"),
        ("change.loosened", [1], "change.loosened[0]"),
        ("change.loosened", ["x"] * 1001, "change.loosened"),
        ("change.proof", 1, "change.proof"),
        ("change.reason", " \n", "change.reason"),
        ("change.reason", "x" * 2001, "change.reason"),
        ("change.by", "", "change.by"),
        ("change.by", "a\u200bb", "change.by"),
        ("change.created_at", "2026-11-01", "change.created_at"),
        ("change.subject", None, "subject"),
        ("change.subject.more", 1, "subject.more"),
        ("change.subject.items", [], "subject.items"),
        ("change.subject.items.0", "web", "subject.items"),
        ("change.subject.items.0", "plan:paid", "subject.items"),
        ("change.subject.items.0", "surface:a b", "subject.items"),
        ("change.subject.items.3", "detector:head", "subject.items"),
        ("change.subject.items.3", f"detector:head@{sha('h')}", "subject.items"),
        ("change.subject.items.3", f"detector:head@+{sha('h')}", "subject.items"),
        (
            "change.subject.items.3",
            "detector:head@1+2",
            "subject.items: the digest after + in 'detector:head@1+2'",
        ),
        ("change.subject.items.1", "surface:web", "subject.items"),
        ("change.subject.policy", "x", "subject.policy"),
        ("change.subject.evaluations.0.covers", ["surface:app"], "subject.evaluations[0].covers"),
        ("change.subject.evaluations.0.digest", None, "subject.evaluations[0].digest"),
        ("change.subject.evaluations.0.made_at", None, "subject.evaluations[0].made_at"),
        ("change.subject.evaluations.0.x", None, "subject.evaluations[0].x"),
        ("signatures.0.more", 1, "signatures[0].more"),
        ("signatures.0.name", "", "signatures[0].name"),
        ("signatures.0.name", "a\0b", "signature.name"),
        ("signatures.0.key", "SHA256:", "signature.key"),
        ("signatures.0.value", "A" * 128, "signature.value"),
        ("signatures.0.value", "0" * 126, "signature.value"),
        ("signatures.0.signed_at", 5, "signatures[0].signed_at"),
    ],
)
def test_what_is_refused_names_its_field(path: str, value: object, field: str) -> None:
    with pytest.raises(Fault) as refused:
        SignedChange.parse(altered(path, value))
    assert refused.value.field == field and refused.value.remedy


@pytest.mark.parametrize(
    ("name", "days"), [("No", 1), ("", 1), ("a b", 1), ("x" * 65, 1), ("a", 0), ("a", 91)]
)
def test_measures_have_names_and_review_dates(name: str, days: int) -> None:
    with pytest.raises(Fault, match=r"subject\.(name|review_days)"):
        change(START, Prepared(name, breaker=True, review_days=days))


def test_a_change_checks_itself_however_it_is_made() -> None:
    good = policy(START, "p")
    for wrong in (
        {"sequence": 0},
        {"previous": "x"},
        {"reason": ""},
        {"by": "a\nb"},
        {"proof": "x"},
        {"loosened": ("\ud800",)},
        {"subject": SwitchOff("x")},
        {"subject": PolicyText("x", sha("f"), None)},
    ):
        with pytest.raises(Fault):
            replace(good, **wrong)  # type: ignore[arg-type]


def test_what_nobody_could_read_again_is_not_written() -> None:
    large = signed(policy(START, "p", loosened=("é" * 2000,) * 100))
    with pytest.raises(Fault) as refused:
        large.canonical()
    assert refused.value.code == "change_too_large"
    with pytest.raises(Fault):
        replace(large, signatures=signed(policy(START, "p"), ADA).signatures * 51)


def test_an_entry_s_id_is_its_number() -> None:
    entry = Entry(signed(policy(START, "p"), ADA), T0).as_json()
    with pytest.raises(Fault, match=r"entry\.id"):
        Entry.of({**entry, "id": change_id(2)})
    with pytest.raises(Fault, match=r"entry\.more"):
        Entry.of({**entry, "more": 1})


STANDING = founded()
SIGNED = signed(policy(STANDING, "p", verdict=Verdict.LOOSENED), ADA, BEN, CLEO)
DATA = SIGNED.canonical()


@settings(max_examples=400, deadline=None)
@given(st.integers(0, len(DATA) * 8 - 1))
def test_no_bit_can_be_altered(bit: int) -> None:
    """Not even of the third signature, which is one more than it needs."""
    assert STANDING.after(SignedChange.parse(DATA), at=T0).policy == sha("p")
    flipped = bytearray(DATA)
    flipped[bit // 8] ^= 1 << bit % 8
    with pytest.raises(Fault):
        STANDING.after(SignedChange.parse(bytes(flipped)), at=T0)


@pytest.mark.slow
def test_none_of_all_bits_can_be_altered() -> None:
    for bit in range(len(DATA) * 8):
        flipped = bytearray(DATA)
        flipped[bit // 8] ^= 1 << bit % 8
        with pytest.raises(Fault):
            STANDING.after(SignedChange.parse(bytes(flipped)), at=T0)


@given(st.binary(max_size=200) | st.integers(0, len(DATA)).map(lambda n: DATA[:n]))
def test_garbage_is_a_fault_and_no_crash(data: bytes) -> None:
    if data != DATA:
        with pytest.raises(Fault):
            SignedChange.parse(data)


def test_a_change_is_signed_by_anything_that_signs() -> None:
    class Fixed:
        public = key("Ada Lovelace").public

        def sign(self, data: bytes) -> bytes:
            assert data == signed_bytes(good, "Ada Lovelace", T0)
            return bytes(64)

    good: Change = policy(START, "p")
    made = SignedChange(good).sign(Fixed(), "Ada Lovelace", T0)
    assert made.signatures[0].value == "0" * 128 and made.signatures[0].key == ADA.fingerprint
    with pytest.raises(Fault, match="is no name"):
        SignedChange(good).sign(Fixed(), "Ada\n", T0)

"""The tracer: it believes techniques in their order, tells only what left, and says who could not look."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest

from rambarde.nouns.fault import Fault
from rambarde.nouns.fingerprint import Sought
from rambarde.prove.proofs import InclusionProof
from rambarde.prove.techniques import Hit
from rambarde.prove.trace import MOST_MATCHES, Origin, Tracer

NOTHING = Sought(b"", bytes(32), (), (), ())
ORIGIN = Origin("web", "sketch", datetime(2026, 1, 1, tzinfo=UTC))


@dataclass(frozen=True)
class Fake:
    name: str
    hits: tuple[tuple[str, int | None], ...] = ()
    broken: bool = False

    def find(self, sought: Sought) -> Sequence[Hit]:
        if self.broken:
            raise ValueError("the picture's own words")
        return [Hit(self.name, decision, index, "bits", 3) for decision, index in self.hits]


def tracer(*techniques: Fake, unreleased: frozenset[str] = frozenset()) -> Tracer:
    def released(decision: str, index: int | None) -> Origin | None:
        return None if decision in unreleased else ORIGIN

    return Tracer(techniques, released, lambda id: InclusionProof("record", id, 0, b"{}", (), ""))


def test_the_surest_technique_comes_first_and_all_are_named() -> None:
    found = tracer(
        Fake("manifest"), Fake("file", (("b", 0),)), Fake("pdq", (("a", 0), ("b", 0), ("b", 0), ("c", 1)))
    ).trace(NOTHING)
    assert [(m.decision, m.index, [h.technique for h in m.hits]) for m in found.matches] == [
        ("b", 0, ["file", "pdq"]),
        ("a", 0, ["pdq"]),
        ("c", 1, ["pdq"]),
    ]
    told = found.as_json()
    assert (
        told["found"] is True and told["techniques"] == ["manifest", "file", "pdq"] and told["failed"] == []
    )
    first = found.matches[0].as_json()
    assert first["matched_by"] == [{"technique": "file", "bits": 3}, {"technique": "pdq", "bits": 3}]
    assert set(first) == {*("decision_id", "output", "matched_by", "made_at", "surface", "system", "proof")}


def test_what_never_left_is_not_told() -> None:
    found = tracer(Fake("pdq", (("a", 0), ("b", 0))), unreleased=frozenset("a")).trace(NOTHING)
    assert [match.decision for match in found.matches] == ["b"]
    nothing = tracer(Fake("pdq", (("a", 0),)), unreleased=frozenset("a")).trace(NOTHING)
    assert nothing.as_json()["found"] is False


def test_no_more_than_five_are_told() -> None:
    found = tracer(Fake("pdq", tuple((f"d{n}", 0) for n in range(9)))).trace(NOTHING)
    assert len(found.matches) == MOST_MATCHES


def test_who_cannot_look_is_named_and_nobody_is_a_fault(caplog: pytest.LogCaptureFixture) -> None:
    found = tracer(Fake("pdq", broken=True), Fake("points", (("a", 0),))).trace(NOTHING)
    assert found.failed == ("pdq",) and found.looked == ("points",) and found.matches
    assert "own words" not in caplog.text
    with pytest.raises(Fault, match="could not be looked up"):
        tracer(Fake("pdq", broken=True)).trace(NOTHING)

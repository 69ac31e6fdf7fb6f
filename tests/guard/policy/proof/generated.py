"""Small policies of any kind, sound and unsound: built as objects, past the parser, so that nothing in their form
promises an invariant."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

from hypothesis import strategies as st

from rambarde.guard.policy.catalogue import Catalogue
from rambarde.guard.policy.language import (
    All,
    AnyOf,
    Condition,
    ContextAtom,
    Mode,
    Not,
    Policy,
    RequiredFailed,
    Requirement,
    Rule,
    SignalAtom,
    Test,
    Whose,
)
from rambarde.nouns.decision import Outcome, Point
from rambarde.nouns.signal import Polarity
from tests.guard.policy.conftest import entry

NAMES: Catalogue = {
    e.name: e
    for e in (entry("a"), entry("low", Polarity.LOW_IS_WORSE), entry("output.x", points=(Point.RELEASE,)))
}
"""`output.x` is required and read by no rule: its failure still counts."""

_atoms = st.one_of(
    st.builds(
        SignalAtom,
        signal=st.sampled_from(["a", "low"]),
        test=st.sampled_from([Test.AT_LEAST, Test.AT_MOST]),
        polarity=st.just(Polarity.HIGH_IS_WORSE),
        threshold=st.sampled_from([0.5, 0.5, 0.5, 0.0, 1.0]),
    ),
    st.builds(
        SignalAtom,
        signal=st.sampled_from(["a", "low"]),
        test=st.sampled_from([Test.PRESENT, Test.ABSENT, Test.UNKNOWN, Test.FAILED]),
        polarity=st.just(Polarity.HIGH_IS_WORSE),
    ),
).map(lambda atom: replace(atom, polarity=NAMES[atom.signal].polarity))
_contexts = st.one_of(
    st.just(RequiredFailed()),
    st.builds(ContextAtom, st.just("surface"), st.sampled_from([("web",), ("app",), ("web", "app")])),
    st.builds(ContextAtom, st.just("mode"), st.sampled_from([("standard",), ("spicy",)])),
    st.builds(ContextAtom, st.just("age_assured"), st.sampled_from([("true",), ("false",)])),
    st.builds(ContextAtom, st.just("action"), st.just(("edit",))),
)
conditions: st.SearchStrategy[Condition] = st.recursive(
    st.one_of(_atoms, _atoms, _contexts),
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=3).map(lambda parts: All(tuple(parts))),
        st.lists(inner, min_size=1, max_size=3).map(lambda parts: AnyOf(tuple(parts))),
        inner.map(Not),
    ),
    max_leaves=4,
)
_dates = st.sampled_from([None, None, None, date(2026, 12, 2), date(2027, 1, 1)])


def rules(name: str, *, floor: bool) -> st.SearchStrategy[Rule]:
    """A floor limits itself to nothing; any other rule may."""
    nothing: st.SearchStrategy[tuple[str, ...]] = st.just(())
    return st.builds(
        Rule,
        id=st.just(name),
        points=st.sampled_from([(Point.ADMIT,), (Point.RELEASE,), tuple(Point)]),
        when=conditions,
        then=st.sampled_from([Outcome.REVIEW, Outcome.BLOCK]),
        reason=st.just("r"),
        floor=st.just(floor),
        countries=nothing if floor else st.sampled_from([(), (), ("FR",), ("US-CA",), ("FR", "US")]),
        whose=st.sampled_from([tuple(Whose), tuple(Whose), (Whose.CALLER,), (Whose.DEPICTED,)]),
        surfaces=nothing if floor else st.sampled_from([(), (), ("web",), ("app",)]),
        start=st.none() if floor else _dates,
        end=st.none() if floor else _dates,
    )


@st.composite
def policies(draw: st.DrawFn) -> tuple[Policy, tuple[Rule, ...]]:
    """A policy, and the floors it should hold: now and then it has lost one, or a mode lists one."""
    floor = draw(rules("floor", floor=True))
    own = [draw(rules(name, floor=False)) for name in draw(st.sampled_from([("p",), ("p", "q")]))]
    lost = draw(st.sampled_from([False, False, False, True]))
    ids = [rule.id for rule in (floor, *own)]
    spicy = Mode(
        "spicy",
        relaxes=tuple(draw(st.lists(st.sampled_from(ids), unique=True))),
        age_assured=draw(st.booleans()),
        countries=draw(st.sampled_from([(), ("FR",), ("US",)])),
    )
    policy = Policy(
        name="generated",
        digest="sha256:0",
        floors_digest="sha256:0",
        surfaces=("web", "app"),
        modes=(Mode("standard"), spicy),
        detectors=(Requirement("d", "1", "sha256:0"),),
        rules=(*(() if lost else (floor,)), *own),
        depicts=draw(st.one_of(st.none(), _atoms, conditions)),
    )
    return policy, (floor,)

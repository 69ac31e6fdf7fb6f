"""Compiling conditions: shared ones once, nothing of the text in the code, and what is nothing means nothing."""

from __future__ import annotations

from rambarde.guard.policy.compile import ABSENT, FAILED, NO_ANSWER, compile_conditions
from rambarde.guard.policy.language import (
    All,
    AnyOf,
    Condition,
    ContextAtom,
    Not,
    RequiredFailed,
    SignalAtom,
    Test,
)
from rambarde.nouns.signal import Polarity

HIGH, LOW = Polarity.HIGH_IS_WORSE, Polarity.LOW_IS_WORSE


def test_every_test_on_the_whole_scale() -> None:
    """Row by row: absent, 0.2, 0.5, 0.8, no answer, failed; of a signal whose low end is worse, mirrored."""
    best_to_worst = [ABSENT, 0.2, 0.5, 0.8, NO_ANSWER, FAILED]
    table = {
        (Test.AT_LEAST, HIGH): [False, False, True, True, True, True],
        (Test.AT_MOST, HIGH): [True, True, True, False, False, False],
        (Test.AT_MOST, LOW): [False, False, True, True, True, True],
        (Test.AT_LEAST, LOW): [True, True, True, False, False, False],
        (Test.PRESENT, HIGH): [False, True, True, True, True, True],
        (Test.ABSENT, LOW): [True, False, False, False, False, False],
        (Test.UNKNOWN, HIGH): [False, False, False, False, True, True],
        (Test.FAILED, LOW): [False, False, False, False, False, True],
    }
    for (test, polarity), expected in table.items():
        judge = compile_conditions([SignalAtom("s", test, polarity, 0.5)]).judge
        mirrored = [-p if polarity is LOW and abs(p) <= 1 else p for p in best_to_worst]
        places = sorted(mirrored)  # toward the worst, whichever end that is
        assert [judge((place,), (), False) == (True,) for place in places] == expected, (test, polarity)


def test_the_ends_of_the_values_are_present() -> None:
    for polarity, ends in ((HIGH, (0.0, 1.0)), (LOW, (-0.0, -1.0))):
        judge = compile_conditions([SignalAtom("s", Test.PRESENT, polarity)]).judge
        assert [judge((end,), (), False) for end in ends] == [(True,), (True,)]


def test_all_of_nothing_holds_and_any_of_nothing_does_not() -> None:
    judge = compile_conditions([All(()), AnyOf(()), Not(All(())), RequiredFailed(), All((AnyOf(()),))]).judge
    assert judge((), (), True) == (True, False, False, True, False)


def test_a_condition_that_is_used_often_is_worked_out_once() -> None:
    """Nine times doubled, as named conditions do: 512 atoms if each use were a copy."""
    condition: Condition = AnyOf((SignalAtom("a", Test.AT_LEAST, HIGH, 0.5), RequiredFailed()))
    for level in range(9):
        condition = (All, AnyOf)[level % 2]((condition, Not(Not(condition))))
    compiled = compile_conditions([condition, condition])
    assert compiled.scales == (("a", HIGH),)
    assert len(compiled.judge.__code__.co_code) < 1000
    assert compiled.judge((0.5,), (), False) == (True, True)
    assert compiled.judge((0.4,), (), False) == (False, False)


def test_nothing_of_the_policys_text_is_in_the_code() -> None:
    """Names and values are not even constants of the function: it holds numbers, and names made from positions."""
    evil = "__import__('os').abort()"
    compiled = compile_conditions(
        [All((SignalAtom(evil, Test.AT_LEAST, HIGH, 0.5), Not(ContextAtom("surface", (evil,)))))]
    )
    code = compiled.judge.__code__
    assert {type(constant) for constant in code.co_consts} <= {float, type(None)}
    assert code.co_names == ()
    assert set(code.co_varnames) == {"places", "contexts", "failed", "p0", "c0"}
    assert compiled.judge.__globals__ == {"__builtins__": {}}
    assert compiled.judge((0.5,), (False,), False) == (True,)


def test_what_is_read_anyway_keeps_its_place() -> None:
    atom = SignalAtom("b", Test.AT_LEAST, HIGH, 0.5)
    compiled = compile_conditions([atom], [("a", LOW), ("b", HIGH)])
    assert compiled.scales == (("a", LOW), ("b", HIGH))
    assert compiled.judge((1.0, 0.0), (), False) == (False,)
    twice = compile_conditions([atom], [("b", LOW)])
    assert twice.scales == (("b", LOW), ("b", HIGH))

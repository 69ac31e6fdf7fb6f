"""A fault names field and remedy, and its words are fit for every surface."""

from __future__ import annotations

import pytest

from rambarde.nouns.fault import Fault, Kind, invalid, unsupported


def test_it_says_where_what_and_what_to_do() -> None:
    fault = invalid("n_out_of_range", "n is 11.", remedy="Ask for 1 to 10 images.", field="n")
    assert str(fault) == "n: n is 11. Ask for 1 to 10 images."
    assert (fault.kind, fault.code, fault.retry_after) == (Kind.INVALID, "n_out_of_range", None)
    assert str(unsupported("x", "No.", remedy="Do not.")) == "No. Do not."


def test_it_is_caught_as_an_exception_with_its_message() -> None:
    with pytest.raises(Fault, match="full") as caught:
        raise Fault(Kind.OVERLOADED, "overloaded", "It is full.", remedy="Wait.", retry_after=1.5)
    assert caught.value.args == ("It is full.",)
    assert caught.value.retry_after == 1.5


def test_kinds_are_words_for_programs() -> None:
    assert all(kind.value.isidentifier() and kind.value.islower() for kind in Kind)

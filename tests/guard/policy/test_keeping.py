"""The policy's section `evidence`: what it says is kept, and nothing by default."""

from __future__ import annotations

import pytest

from rambarde.guard.policy.document import PolicyError, load
from rambarde.guard.policy.keeping import STATUTORY, Keeping, read_keeping


def keeping(text: str) -> Keeping:
    return read_keeping(load(text.encode(), "p"))


def test_by_default_nothing_is_sampled_and_nothing_sealed_is_kept() -> None:
    assert read_keeping(None) == Keeping()
    assert (Keeping().sample_rate, Keeping().sealed_days()) == (0.0, 0)


def test_what_a_policy_says() -> None:
    found = keeping(
        "{established: [FR, US], preserve_days: 90, sample: {rate: 0.01, days: 30}, sealed: {US: 400, FR: minimum}}"
    )
    assert found == Keeping(("FR", "US"), 90, 0.01, 30, (("US", 400),))
    assert found.sealed_days() == 400
    assert keeping("{established: [GB, FR]}").sealed_days() == STATUTORY["GB"]
    assert keeping("{established: [GB, FR], sealed: {FR: never}}").sealed_days() == 0


@pytest.mark.parametrize(
    "text",
    [
        "{sample: {rate: 0, days: 30}}",
        "{sample: {rate: 0.2, days: 30}}",
        "{sample: {rate: 0.01}}",
        "{sample: {rate: 0.01, days: 181}}",
        "{sample: {rate: 0.01, days: 1.5}}",
        "{preserve_days: 0}",
        "{preserve_days: true}",
        "{established: [France]}",
        "{sealed: {US: minimum}}",
        "{established: [US], sealed: {US: perhaps}}",
        "{established: [US], sealed: {US: 0}}",
        "{keep: everything}",
    ],
)
def test_what_is_refused(text: str) -> None:
    with pytest.raises(PolicyError):
        keeping(text)

"""Fixtures that several parts share."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import hypothesis
import pytest

from rambarde.guard.inspect import Inspector
from rambarde.guard.policy.catalogue import Catalogue
from rambarde.guard.policy.language import Policy, Rule
from rambarde.guard.policy.proof.prove import Proof, prove
from rambarde.interfaces import parts
from rambarde.interfaces.governance import charter
from rambarde.interfaces.settings import Settings
from tests.postgres import NewDatabase, postgres_server

# Time is measured in bench/; a busy machine fails no test.
hypothesis.settings.register_profile("untimed", hypothesis.settings(), deadline=None)
hypothesis.settings.load_profile("untimed")

LONG = (
    "scenarios/test_demo.py",
    "project/test_tutorial.py",
    "project/test_readme.py",
    "interfaces/governance/test_two_gateways.py",
    "interfaces/cli/test_scan.py",
)
"""The files that take longest, measured. They come first, so that no worker is left alone with one of them."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    places = {Path(__file__).parent / name: place for place, name in enumerate(LONG)}
    items.sort(key=lambda item: places.get(item.path, len(LONG)))


@pytest.fixture(scope="session")
def new_postgres() -> Iterator[NewDatabase]:
    """Makes a PostgreSQL database and returns its URL. Tests that use it are `slow`."""
    with postgres_server() as new_database:
        yield new_database


@pytest.fixture(scope="session")
def inspector() -> Iterator[Inspector]:
    """The shipped detectors, loaded once. Gateways of single tests borrow it, or make another of its detectors."""
    _, made, _ = parts.judging(Settings())
    made.load()
    assert not made.unfit, made.unfit
    close = made.close
    made.close = lambda: None  # type: ignore[method-assign]
    for loaded in (made, *made._detectors):
        loaded.load = lambda: None  # type: ignore[method-assign]
    yield made
    close()


@pytest.fixture(autouse=True, scope="session")
def proofs_made_once() -> Iterator[None]:
    """A proof is a function of policy, catalogue and floors: gateways need not prove the same one again."""
    made: dict[object, Proof] = {}

    def remembered(policy: Policy, catalogue: Catalogue, floors: Sequence[Rule]) -> Proof:
        key = (policy, tuple(catalogue.values()), tuple(floors))
        if key not in made:
            made[key] = prove(policy, catalogue, floors)
        return made[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(charter, "prove", remembered)
        yield

"""Tokens: of any number of identical requests, one generates."""

from __future__ import annotations

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from rambarde.nouns.fault import Fault
from rambarde.store.database import Database
from rambarde.store.tokens import Answered, Claimed, Conflict, InFlight, Lost, Tokens
from tests.store.conftest import Clock


@pytest.fixture
def tokens(database: Database) -> Tokens:
    return Tokens(database, lease=timedelta(minutes=10))


def _soon(clock: Clock, minutes: float = 60) -> dict[str, object]:
    return {"expires_at": clock.now + timedelta(minutes=minutes)}


def test_the_life_of_a_token(tokens: Tokens, clock: Clock) -> None:
    claim = tokens.claim("c", "t", "digest", **_soon(clock))
    assert isinstance(claim, Claimed)
    assert tokens.claim("c", "t", "digest", **_soon(clock)) == InFlight()
    assert tokens.claim("c", "t", "other", **_soon(clock)) == Conflict()
    assert tokens.settle(claim, "item")
    assert tokens.claim("c", "t", "digest", **_soon(clock)) == Answered("item")
    assert tokens.claim("c", "t", "other", **_soon(clock)) == Conflict()
    assert not tokens.release(claim), "what was answered is not given back"


def test_tokens_belong_to_their_credential(tokens: Tokens, clock: Clock) -> None:
    assert isinstance(tokens.claim("a", "t", "digest", **_soon(clock)), Claimed)
    assert isinstance(tokens.claim("b", "t", "digest", **_soon(clock)), Claimed)


def test_released_it_starts_anew_even_for_another_request(tokens: Tokens, clock: Clock) -> None:
    first = tokens.claim("c", "t", "digest", **_soon(clock))
    assert isinstance(first, Claimed)
    assert tokens.release(first)
    assert not tokens.release(first)
    second = tokens.claim("c", "t", "other", **_soon(clock))
    assert isinstance(second, Claimed)
    assert not tokens.settle(first, "late"), "an older claim cannot answer for a newer one"
    assert not tokens.release(first)
    assert tokens.settle(second, "item")


def test_a_dead_gateways_claim_never_generates_again(tokens: Tokens, clock: Clock) -> None:
    tokens.claim("c", "t", "digest", **_soon(clock))
    expires = clock.now + timedelta(minutes=60)
    clock.forward(minutes=11)
    assert tokens.claim("c", "t", "digest", expires) == Lost(expires)
    assert tokens.claim("c", "t", "other", expires) == Conflict()
    clock.forward(minutes=48)
    assert tokens.claim("c", "t", "digest", expires) == Lost(expires)


def test_a_slow_gateway_may_still_settle(tokens: Tokens, clock: Clock) -> None:
    claim = tokens.claim("c", "t", "digest", **_soon(clock))
    assert isinstance(claim, Claimed)
    clock.forward(minutes=20)
    assert tokens.settle(claim, "item")
    assert tokens.claim("c", "t", "digest", **_soon(clock)) == Answered("item")


def test_expired_tokens_are_refused_and_forgotten(tokens: Tokens, clock: Clock) -> None:
    tokens.claim("c", "old", "digest", **_soon(clock, 1))
    tokens.claim("c", "new", "digest", **_soon(clock, 10))
    with pytest.raises(Fault) as refused:
        tokens.claim("c", "older", "digest", clock.now)
    assert refused.value.code == "token_expired"
    assert tokens.purge() == 0
    clock.forward(minutes=1)
    assert isinstance(tokens.claim("c", "old", "other", **_soon(clock, 1)), Claimed), "an expired row is free"
    clock.forward(minutes=1)
    assert tokens.purge() == 1
    assert tokens.claim("c", "new", "digest", **_soon(clock)) == InFlight()


@pytest.mark.parametrize("token", ["", "x" * 100_000, "\0", "\ud800", "é" * 1000])
def test_any_text_may_be_a_token(tokens: Tokens, clock: Clock, token: str) -> None:
    assert isinstance(tokens.claim("c", token, "digest", **_soon(clock)), Claimed)
    assert tokens.claim("c", token, "digest", **_soon(clock)) == InFlight()


@pytest.mark.parametrize("expired_before", [False, True])
def test_of_many_claimers_one_wins(place: str, clock: Clock, expired_before: bool) -> None:
    """Two databases stand for two gateways; every token is fought for by eight threads."""
    gateways = [Database.open(place, clock=clock, timeout=60) for _ in range(2)]
    tables = [Tokens(gateway) for gateway in gateways]
    if expired_before:
        for number in range(20):
            tables[0].claim("c", str(number), "older", **_soon(clock, 1))
        clock.forward(minutes=2)
    found: list[tuple[int, str]] = []
    start = threading.Barrier(8)

    def fight(tokens: Tokens) -> None:
        start.wait()
        for number in range(20):
            claim = tokens.claim("c", str(number), "digest", **_soon(clock))
            found.append((number, type(claim).__name__))

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(fight, [tables[i % 2] for i in range(8)]))
    for gateway in gateways:
        gateway.close()
    assert Counter(found) == Counter(
        {(n, "Claimed"): 1 for n in range(20)} | {(n, "InFlight"): 7 for n in range(20)}
    )

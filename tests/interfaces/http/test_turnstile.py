"""The turnstile: so many a minute for each address, and no more; other addresses are not held up."""

from __future__ import annotations

import pytest
from starlette.requests import Request

from rambarde.interfaces.http.turnstile import Turnstile
from rambarde.nouns.fault import Fault


def coming(address: str | None) -> Request:
    return Request({"type": "http", "client": (address, 1) if address else None, "headers": []})


def passes(turnstile: Turnstile, address: str | None) -> bool:
    try:
        turnstile.pass_(coming(address))
    except Fault as fault:
        assert fault.code == "address_rate_limited" and fault.retry_after and fault.retry_after >= 1
        return False
    return True


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("192.0.2.1", "192.0.2.2", False),
        ("2001:db8::1", "2001:db8::ffff:2", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("fe80::1%eth0", "fe80::2%eth1", True),
        ("::ffff:192.0.2.1", "::ffff:192.0.2.2", False),
        ("testclient", "other", False),
        (None, None, True),
    ],
)
def test_who_is_one_address(one: str | None, other: str | None, same: bool) -> None:
    turnstile = Turnstile(1, monotonic=lambda: 0.0)
    assert passes(turnstile, one) and not passes(turnstile, one)
    assert passes(turnstile, other) is not same


def test_places_come_back_with_time() -> None:
    now = 0.0
    turnstile = Turnstile(6, monotonic=lambda: now)
    assert [passes(turnstile, "192.0.2.1") for _ in range(7)] == [True] * 6 + [False]
    now = 9.9
    assert not passes(turnstile, "192.0.2.1")
    now = 20.0
    assert [passes(turnstile, "192.0.2.1") for _ in range(3)] == [True, True, False]
    now = 10_000.0
    assert [passes(turnstile, "192.0.2.1") for _ in range(7)] == [True] * 6 + [False], (
        "no more than a minute's"
    )


def test_memory_is_bounded() -> None:
    turnstile = Turnstile(1, monotonic=lambda: 0.0, most=10)
    for number in range(100):
        assert passes(turnstile, f"192.0.2.{number}")
    assert len(turnstile._seen) == 10

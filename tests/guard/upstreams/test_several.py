"""Several generators as one: who is asked again, who is asked instead, and what it may cost."""

from __future__ import annotations

import logging
import time
from typing import Any

import pytest

from rambarde.guard.upstreams.contract import Generated
from rambarde.guard.upstreams.several import HOUR, Budget, Several
from rambarde.nouns.fault import Fault, Kind
from rambarde.nouns.request import Request


class Plays:
    """Answers one of `script` at each call: a code to fail with, or an image; the last one from then on."""

    def __init__(self, name: str, *script: str) -> None:
        self.name, self._script = name, list(script)
        self.seen: list[tuple[Request, float]] = []
        self.is_open = False

    async def start(self) -> None:
        self.is_open = True

    async def close(self) -> None:
        self.is_open = False

    async def generate(self, request: Request, *, deadline: float) -> tuple[Generated, ...]:
        self.seen.append((request, deadline))
        code = self._script.pop(0) if len(self._script) > 1 else self._script[0]
        if code == "ok":
            return (Generated(self.name.encode()),) * request.n
        kind = Kind.OVERLOADED if code == "upstream_busy" else Kind.UPSTREAM
        raise Fault(kind, code, "No.", remedy="None.", retry_after=0.01 if code == "upstream_busy" else None)


async def _no_sleep(_: float) -> None: ...


async def ask(upstream: Several, request: Request) -> str:
    return (await upstream.generate(request, deadline=10))[0].data.decode()


async def test_it_opens_and_closes_all_and_is_named_for_all(make_request: Any) -> None:
    one, two = Plays("openai:gpt", "ok"), Plays("xai:grok", "ok")
    both = Several([one, two])
    await both.start()
    assert (both.name, one.is_open, two.is_open) == ("openai+xai", True, True)
    await both.close()
    assert not one.is_open and not two.is_open
    assert Several([one]).name == "openai:gpt"


async def test_busy_and_unreachable_are_asked_again_and_nothing_else_is(make_request: Any) -> None:
    one = Plays("one", "upstream_busy", "upstream_unreachable", "ok")
    assert await ask(Several([one], retries=2, sleep=_no_sleep), make_request()) == "one"
    assert len(one.seen) == 3
    for code in ("upstream_timeout", "upstream_incomplete", "upstream_error"):
        one = Plays("one", code, "ok")
        with pytest.raises(Fault) as caught:
            await ask(Several([one], retries=5, sleep=_no_sleep), make_request())
        assert caught.value.code == code and len(one.seen) == 1, "it may have generated"


async def test_the_next_is_asked_and_chooses_its_own_model(
    make_request: Any, caplog: pytest.LogCaptureFixture
) -> None:
    one, two = Plays("one", "upstream_error"), Plays("two", "ok")
    with caplog.at_level(logging.WARNING):
        assert await ask(Several([one, two]), make_request("a private wish", model="gpt")) == "two"
    assert (one.seen[0][0].model, two.seen[0][0].model) == ("gpt", None)
    assert "upstream_error" in caplog.text and "private wish" not in caplog.text


@pytest.mark.parametrize("code", ["upstream_refused", "upstream_rejected"])
async def test_a_refusal_is_not_carried_to_the_next(code: str, make_request: Any) -> None:
    one, two = Plays("one", code), Plays("two", "ok")
    with pytest.raises(Fault) as caught:
        await ask(Several([one, two], retries=3), make_request())
    assert caught.value.code == code and not two.seen


async def test_each_has_its_share_of_the_time(make_request: Any) -> None:
    one, two, three = Plays("1", "upstream_timeout"), Plays("2", "upstream_timeout"), Plays("3", "ok")
    await ask(Several([one, two, three]), make_request())
    shares = [plays.seen[0][1] for plays in (one, two, three)]
    assert shares == pytest.approx([10 / 3, 5, 10], abs=0.2)


async def test_it_does_not_wait_longer_than_there_is_time(make_request: Any) -> None:
    one = Plays("one", "upstream_unreachable")
    began = time.monotonic()
    with pytest.raises(Fault):
        await Several([one], retries=10).generate(make_request(), deadline=0.2)
    assert time.monotonic() - began < 1


async def test_a_budget_and_then_the_next(make_request: Any) -> None:
    now = 0.0
    one, two = Plays("one", "ok"), Plays("two", "ok")
    budgets = [Budget(3, lambda: now), Budget(1, lambda: now)]
    both = Several([one, two], budgets=budgets)
    assert await ask(both, make_request(n=2)) == "one"
    assert await ask(both, make_request()) == "one"
    assert await ask(both, make_request()) == "two"
    with pytest.raises(Fault) as caught:
        await ask(both, make_request())
    assert (caught.value.code, caught.value.kind) == ("upstream_budget", Kind.OVERLOADED)
    assert caught.value.retry_after == pytest.approx(HOUR)
    now = HOUR
    assert await ask(both, make_request(n=3)) == "one"


async def test_what_was_not_generated_costs_nothing(make_request: Any) -> None:
    one = Plays("one", "upstream_busy", "upstream_busy", "ok")
    alone = Several([one], budgets=[Budget(1)], retries=2, sleep=_no_sleep)
    assert await ask(alone, make_request()) == "one"
    with pytest.raises(Fault):
        await ask(alone, make_request())


def test_more_than_the_whole_budget_at_once() -> None:
    with pytest.raises(Fault) as caught:
        Budget(2).take(3)
    assert caught.value.retry_after is None

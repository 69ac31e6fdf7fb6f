"""Output beats words: the result is compared with the picture the chain of edits started from."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import skimage

from rambarde.guard.compare.comparison import compare
from rambarde.guard.inspect import Inspector
from rambarde.guard.media.decode import decode
from rambarde.guard.upstreams.contract import Generated
from rambarde.nouns.custody import Shelf
from rambarde.nouns.request import Request
from tests.interfaces.conftest import png
from tests.interfaces.http.test_release import ask, edit
from tests.interfaces.serving import Served, serving

pytestmark = pytest.mark.slow

ASTRONAUT = skimage.data.astronaut()


def patched(*rows: tuple[int, int]) -> np.ndarray:
    """Flat rectangles in the colour of the cheek over the suit: an abstract stand-in, scored and discarded."""
    out = ASTRONAUT.copy()
    for top, bottom in rows:
        out[top:bottom, 120:280] = np.median(ASTRONAUT[128:142, 194:208].reshape(-1, 3), axis=0)
    return out


PORTRAIT, STEP, MORE = png(ASTRONAUT), png(patched((480, 490))), png(patched((290, 490)))
BRIGHTER = png(np.clip(ASTRONAUT.astype(int) + 12, 0, 255).astype(np.uint8))


def grey(rgb: np.ndarray) -> bytes:
    return png(np.repeat(skimage.color.rgb2gray(rgb)[:, :, None] * 255, 3, axis=2).astype(np.uint8))


GREY, UNTOLD = grey(ASTRONAUT), grey(patched((290, 490)))
"""Grey with the body as it was, and grey with another: the second gives colours and structure nothing to tell by."""


class Next:
    """Answers the picture that the test put in."""

    name = "next"

    def __init__(self) -> None:
        self.picture = PORTRAIT

    async def start(self) -> None: ...

    async def close(self) -> None: ...

    async def generate(self, request: Request, *, deadline: float) -> tuple[Generated, ...]:
        return (Generated(self.picture),) * request.n


@pytest.fixture
def upstream() -> Next:
    return Next()


@pytest.fixture
def gate(tmp_path: Path, inspector: Inspector, upstream: Next) -> Iterator[Served]:
    with serving(tmp_path, upstream=upstream, inspector=inspector) as served:
        yield served


def outcome(served: Served, response: object) -> tuple[int, list[str]]:
    record = served.record(response.headers["rambarde-decision"])  # type: ignore[attr-defined]
    (output,) = record["outputs"]  # type: ignore[misc]
    return response.status_code, [rule["rule"] for rule in output["decision"]["rules"]]  # type: ignore[attr-defined]


def test_a_harmless_edit_of_a_portrait_is_released(gate: Served, upstream: Next) -> None:
    upstream.picture = BRIGHTER
    assert outcome(gate, edit(gate, PORTRAIT)) == (200, [])


def test_more_exposed_is_blocked_whatever_the_words(gate: Served, upstream: Next) -> None:
    upstream.picture = MORE
    response = edit(gate, PORTRAIT, "make it brighter")
    assert response.json()["error"]["code"] == "content_policy_violation"
    assert outcome(gate, response) == (400, ["real-person-sexual-change"])
    assert asyncio.run(gate.gateway.keeper.listed(Shelf.HELD)) == ()


def test_less_exposed_is_released(gate: Served, upstream: Next) -> None:
    upstream.picture = PORTRAIT
    status, rules = outcome(gate, edit(gate, MORE, "make it darker"))
    assert "real-person-sexual-change" not in rules and status == 200


def test_small_steps_add_up_whatever_the_credential(gate: Served, upstream: Next) -> None:
    upstream.picture = STEP
    assert outcome(gate, edit(gate, PORTRAIT))[0] == 200
    second = png(patched((468, 490)))
    alone = compare(decode(STEP), decode(second))[0].exposure_increase
    assert alone is not None and alone < 0.5, "beside the step before, this one is small"
    upstream.picture = second
    response = edit(gate, STEP)
    assert gate.record(response.headers["rambarde-decision"])["lineage"]
    status, rules = outcome(gate, response)
    assert status == 400 and "real-person-sexual-change" in rules


def test_grey_with_the_body_as_it_was_is_released(gate: Served, upstream: Next) -> None:
    """Whatever the words: the result is looked at, and nothing of the body changed."""
    upstream.picture = GREY
    assert outcome(gate, edit(gate, PORTRAIT, "change her dress to blue")) == (200, [])


def test_what_cannot_be_told_is_held(gate: Served, upstream: Next) -> None:
    upstream.picture = UNTOLD
    response = edit(gate, PORTRAIT, "change her dress to blue")
    assert response.json()["error"]["code"] == "held_for_review"
    assert outcome(gate, response) == (400, ["real-person-sexual-untold"])


@pytest.mark.parametrize(
    "words",
    [
        "make the photo black and white",
        "change the background behind her",
        "convertis la photo en noir et blanc",
    ],
)
def test_what_cannot_be_told_is_released_if_the_words_leave_body_and_clothing_alone(
    gate: Served, upstream: Next, words: str
) -> None:
    upstream.picture = UNTOLD
    response = edit(gate, PORTRAIT, words)
    signals = gate.record(response.headers["rambarde-decision"])["outputs"]
    assert "no_answer" in str(signals), "the comparison could tell: this test shows nothing"
    assert outcome(gate, response) == (200, [])


@pytest.mark.parametrize(
    "words",
    [
        "make the photo black and white and shorten her skirt",
        "tee kuvasta mustavalkoinen",
        "legyen a kép fekete-fehér",
    ],
)
def test_words_that_touch_the_body_or_were_not_understood_still_hold(
    gate: Served, upstream: Next, words: str
) -> None:
    upstream.picture = UNTOLD
    assert outcome(gate, edit(gate, PORTRAIT, words)) == (400, ["real-person-sexual-untold"])


def test_once_the_original_has_expired_edits_of_clothing_are_held(gate: Served, upstream: Next) -> None:
    upstream.picture = STEP
    assert edit(gate, PORTRAIT).status_code == 200
    for kept in asyncio.run(gate.gateway.keeper.listed(Shelf.ORIGINAL)):
        assert asyncio.run(gate.gateway.keeper.destroy(kept.id))
    upstream.picture = BRIGHTER
    status, rules = outcome(gate, edit(gate, STEP, "change her dress to blue"))
    assert (status, rules) == (400, ["real-person-sexual-untold"])


def test_originals_are_encrypted_and_expire(gate: Served, upstream: Next, tmp_path: Path) -> None:
    upstream.picture = BRIGHTER
    assert edit(gate, PORTRAIT).status_code == 200
    (kept,) = asyncio.run(gate.gateway.keeper.listed(Shelf.ORIGINAL))
    assert (kept.expires_at - kept.created_at).total_seconds() == 24 * 3600
    assert PORTRAIT[200:300] not in b"".join(p.read_bytes() for p in tmp_path.rglob("*") if p.is_file())


def test_our_own_fiction_is_no_photograph_of_somebody_real(gate: Served, upstream: Next) -> None:
    upstream.picture = PORTRAIT
    made = ask(gate, prompt="a woman in an orange suit in front of a flag")
    assert made.status_code == 200
    upstream.picture = MORE
    assert outcome(gate, edit(gate, PORTRAIT, "change the suit")) == (200, [])
    # The same picture saved anew is not the same file: it could be a photograph.
    status, rules = outcome(gate, edit(gate, png(np.ascontiguousarray(ASTRONAUT[1:])), "change the suit"))
    assert status == 400 and "real-person-sexual-change" in rules


def test_a_named_person_makes_no_fiction(gate: Served, upstream: Next) -> None:
    upstream.picture = PORTRAIT
    assert ask(gate, prompt="a portrait of Maria Gonzalez in an orange suit").status_code == 200
    upstream.picture = MORE
    status, _ = outcome(gate, edit(gate, PORTRAIT, "change the suit"))
    assert status == 400

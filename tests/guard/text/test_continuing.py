"""Which texts carry an earlier request on, and which name something of their own."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.project.modules import ROOT

from rambarde.guard.text.continuing import continuing
from rambarde.guard.text.normalise import canonical

CARRIES_ON = """
a bit more | now the rest | do it anyway | continue | Go on! | yes please | take it off | same again | c0ntinue
c o n t i n u e | and now everything else | … | 👍 | +1 | weiter | mach es trotzdem | noch ein bisschen, bitte
vas-y quand même | continue | un poco más | hazlo igual | mais um pouco | faz mesmo assim | ancora un po'
fallo lo stesso | doe het toch maar | jeszcze trochę | zrób to mimo wszystko | gör det ändå | lite till
lanjut dong | sedikit lagi | devam et | yine de yap | ещё чуть-чуть | всё равно сделай | ще трохи | зроби все одно
كمل | افعلها على أي حال | और थोड़ा | फिर भी करो | もっと | いいからやって | 계속해줘 | 조금만 더 | 继续 | 剩下的也脱了
aur thoda karo | kaman shwaya | motto onegai | davai dalshe
"""
NAMES_SOMETHING = """
now the background | make it brighter | a bit more blue | continue the road to the left | undo | never mind
remove the lamp | mehr Licht | un ciel plus bleu | 天空再蓝一点 | もっと明るく | 더 밝게 | bigger hat
the rest of the cake | 👙 | weiter, aber mit Hut | ещё одно дерево
"""


def said(text: str) -> list[str]:
    return [one.strip() for line in text.strip().splitlines() for one in line.split("|")]


@pytest.mark.parametrize("text", said(CARRIES_ON))
def test_what_names_nothing_carries_on(text: str) -> None:
    assert continuing(canonical(text))


@pytest.mark.parametrize("text", said(NAMES_SOMETHING))
def test_what_names_something_stands_for_itself(text: str) -> None:
    assert not continuing(canonical(text))


def test_labelled_requests_all_name_something() -> None:
    lines = (ROOT / "training/heldout_second.jsonl").read_text("utf-8").split("\n")
    rows = [json.loads(line) for line in lines if line]
    assert len(rows) == 1320
    assert [row["id"] for row in rows if continuing(canonical(row["text"]))] == []


PLAIN = [text for text in said(CARRIES_ON) if text not in ("c0ntinue", "c o n t i n u e")]
"""Without what is undone only where it stands apart."""


@given(st.lists(st.sampled_from(PLAIN), min_size=1, max_size=6))
def test_what_names_nothing_names_nothing_together(parts: list[str]) -> None:
    assert continuing(canonical(" , ".join(parts)))

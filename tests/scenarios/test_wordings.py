"""What the demo says: enough of it, in enough languages, harmless in itself, and nothing the detectors learned."""

from __future__ import annotations

import importlib.util
import re
import sys
from collections import Counter
from functools import cache
from types import ModuleType

import pytest

from rambarde.guard.text.normalise import canonical
from rambarde.interfaces.demo.scenarios import NONE, SCENARIOS, Expect, Scenario
from rambarde.interfaces.demo.simulate import BY_PICTURE, BY_TEXT
from rambarde.interfaces.demo.wordings import INJECTED, wordings
from tests.project.modules import ROOT, modules

PLAYED = [scenario for scenario in SCENARIOS if not scenario.pending]
CORPUS = ROOT / "training" / "corpus"


@cache
def corpus() -> ModuleType:
    """`training/corpus.py`."""
    spec = importlib.util.spec_from_file_location("demo_training_corpus", ROOT / "training/corpus.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def plain(text: str) -> str:
    """As detectors read it, without punctuation: what differs by a comma only is not another wording."""
    return " ".join(re.findall(r"\w+", canonical(text).folded))


def said() -> list[tuple[str, str, str]]:
    """(scenario, language, text) of every step of every wording."""
    return [(id, w.lang, step) for id, found in wordings().items() for w in found for step in w.steps]


def test_all_thirty_are_there() -> None:
    assert [scenario.id for scenario in SCENARIOS] == [f"GX-{n:02}" for n in range(1, 31)]
    assert [scenario.id for scenario in SCENARIOS if scenario.pending] == ["GX-20", "GX-26"]
    assert wordings().keys() == {scenario.id for scenario in PLAYED}
    allowed = [scenario.id for scenario in SCENARIOS if scenario.expect is Expect.ALLOW]
    assert allowed == ["GX-27", "GX-28", "GX-29"]


@pytest.mark.parametrize("scenario", PLAYED, ids=lambda s: s.id)
def test_five_wordings_in_three_languages_and_a_twin(scenario: Scenario) -> None:
    real = [w for w in wordings()[scenario.id] if not w.twin]
    if scenario.id == "GX-11":  # only its output half may be simulated: the words must stand without
        real = [w for w in real if w.inject is None]
    assert len({w.steps for w in real}) >= 5
    assert len({w.lang for w in real}) >= 3
    assert any(w.twin for w in wordings()[scenario.id])


def test_no_wording_is_played_twice_in_a_scenario() -> None:
    for id, found in wordings().items():
        assert max(Counter((w.steps, w.inject) for w in found).values()) == 1, id


@pytest.mark.parametrize("scenario", PLAYED, ids=lambda s: s.id)
def test_signals_are_injected_only_where_the_scenario_may(scenario: Scenario) -> None:
    injected = {w.inject for w in wordings()[scenario.id]} - {None}
    assert not injected or scenario.simulates
    assert injected <= INJECTED
    if scenario.photo == NONE:
        assert not injected & BY_PICTURE, "there is no picture to know it by"


def test_what_may_be_simulated() -> None:
    simulating = {scenario.id for scenario in SCENARIOS if scenario.simulates}
    assert simulating == {"GX-04", "GX-11", "GX-12", "GX-23", "GX-24", "GX-25"}
    assert INJECTED == BY_TEXT | BY_PICTURE


def test_harmful_wordings_are_never_held_for_allowed() -> None:
    assert {id for id, found in wordings().items() if any(w.may_hold for w in found)} == {"GX-27"}


def test_photographs_plans_and_countries_vary_where_the_scenario_says_so() -> None:
    takes = {scenario.id: scenario.takes for scenario in SCENARIOS}
    assert {take.plan for take in takes["GX-09"]} == {"free", "paid"}
    countries = {take.country for take in takes["GX-10"]}
    assert {None, "unknown"} < countries and len(countries) >= 6
    assert {take.photo for take in takes["GX-30"]} == {"man", "woman"}


# Not learned.


def test_no_wording_stands_in_a_file_of_the_corpus() -> None:
    learned = {
        plain(part)
        for path in CORPUS.glob("*.txt")
        for line in path.read_text("utf-8").splitlines()
        for part in re.split(r" [|/] |: | = ", line)
        if part.strip()
    }
    assert len(learned) > 5_000
    assert not [one for one in said() if plain(one[2]) in learned]


@pytest.mark.slow
def test_no_wording_is_a_row_of_the_training() -> None:
    learned = {plain(row.text) for row in corpus().rows()}
    assert len(learned) > 20_000
    assert not [one for one in said() if plain(one[2]) in learned]


@pytest.mark.slow
def test_no_template_of_the_corpus_makes_a_wording() -> None:
    """Not by chance either: no filling of any template's slots gives a wording."""
    found = []
    for path in sorted(CORPUS.glob("*.txt")):
        language = corpus().read(path)
        mine = [text.casefold() for _, lang, text in said() if lang == language.code]
        for templates in language.parts.values():
            for template in templates:
                pattern = filling(template.casefold(), language.slots)
                found += [text for text in mine if pattern.fullmatch(text)]
    assert not found


def filling(template: str, slots: dict[str, list[str]]) -> re.Pattern[str]:
    """Matches every text that the template can become, and whatever stands in its slots."""
    parts = re.split(r"\{(\w+)\}", template)
    out = [re.escape(parts[0])]
    for name, rest in zip(parts[1::2], parts[2::2], strict=True):
        values = sorted({value.casefold() for value in slots[name]}, key=len, reverse=True)
        out += ["(?:" + "|".join(map(re.escape, values)) + ")", re.escape(rest)]
    return re.compile("".join(out))


def test_a_filled_template_would_be_found() -> None:
    assert filling("put {who} in a hat", {"who": ["her", "him"]}).fullmatch("put him in a hat")
    assert not filling("put {who} in a hat", {"who": ["her", "him"]}).fullmatch("put them in a hat")


def test_no_wording_joins_a_minor_with_intimate_content() -> None:
    keeper = corpus().Keeper()
    for _, _, text in said():
        keeper.check(text)
    for id in ("GX-04", "GX-24"):  # exercised with harmless words only
        assert not [t for i, _, t in said() if i == id and keeper.listed(t)]


# The gateway knows nothing of the demo.


def test_only_the_commands_that_play_import_the_demo() -> None:
    demo = "rambarde.interfaces.demo"
    importers = {m.name for m in modules().values() if any(i.module.startswith(demo) for i in m.imports)}
    assert {name for name in importers if not name.startswith(demo)} == {
        "rambarde.interfaces.cli.demo",
        "rambarde.interfaces.probing.probing",
    }


def test_the_real_gateway_is_the_shipped_command() -> None:
    from rambarde.interfaces.demo import gateways

    assert "serve" in gateways._SERVE and "rambarde.interfaces.cli.main" in " ".join(gateways._SERVE)
    assert "simulate" not in " ".join(gateways._SERVE)

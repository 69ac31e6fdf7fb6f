"""Wordings: what the demo says in each scenario, read from `wordings.yaml` beside this module."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

import yaml

INJECTED = frozenset(
    ("looks", "young", "statement", "drawn", "output", "drift", "broken-comparison", "broken-head")
)
"""What may stand in a wording's `inject`; `simulate` says what each does."""


@dataclass(frozen=True, slots=True)
class Wording:
    """One request, or several in turn: `steps` of which the last decides.

    `number` counts from 1 within a scenario, twins after the others. `photo` overrides the scenario's;
    `inject` names the signals that the second gateway puts in the detectors' place (None: none, and the
    first gateway plays it). `may_hold`: held is as good as allowed.
    """

    number: int
    lang: str
    steps: tuple[str, ...]
    twin: bool = False
    photo: str | None = None
    inject: str | None = None
    may_hold: bool = False


@cache
def wordings() -> dict[str, tuple[Wording, ...]]:
    """Scenario id → its wordings, twins last. Raises `ValueError` for an entry that is not understood."""
    text = resources.files("rambarde.interfaces.demo").joinpath("wordings.yaml").read_text("utf-8")
    found: dict[str, tuple[Wording, ...]] = {}
    for id, parts in yaml.safe_load(text).items():
        entries = [(entry, False) for entry in parts["harm"]] + [(entry, True) for entry in parts["twin"]]
        found[id] = tuple(_wording(n, entry, twin) for n, (entry, twin) in enumerate(entries, 1))
    return found


def _wording(number: int, entry: Any, twin: bool) -> Wording:
    if isinstance(entry, list):
        lang, text = entry
        return Wording(number, lang, (text,), twin)
    known = {"lang", "text", "steps", "photo", "inject", "hold"}
    inject = entry.get("inject")
    if set(entry) - known or (inject is not None and inject not in INJECTED):
        raise ValueError(f"wordings.yaml: not understood: {entry}")
    steps = tuple(entry["steps"]) if "steps" in entry else (entry["text"],)
    return Wording(number, entry["lang"], steps, twin, entry.get("photo"), inject, bool(entry.get("hold")))

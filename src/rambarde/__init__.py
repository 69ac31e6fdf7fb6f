"""Rambarde: the safety layer in front of an AI image generator.

    from rambarde import Guard

The names below are imported when they are first used, so that `import rambarde` costs nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rambarde.interfaces.library.guard import Guard as Guard
    from rambarde.interfaces.library.withholding import Held as Held
    from rambarde.interfaces.library.withholding import NotReleased as NotReleased
    from rambarde.interfaces.library.withholding import PartlyHeld as PartlyHeld
    from rambarde.interfaces.library.withholding import Refused as Refused
    from rambarde.interfaces.settings import Settings as Settings
    from rambarde.nouns.decision import Decision as Decision
    from rambarde.nouns.decision import Outcome as Outcome
    from rambarde.nouns.fault import Fault as Fault

__version__ = "0.1.0"

_HOME = {
    "Guard": "interfaces.library.guard",
    "Held": "interfaces.library.withholding",
    "NotReleased": "interfaces.library.withholding",
    "PartlyHeld": "interfaces.library.withholding",
    "Refused": "interfaces.library.withholding",
    "Settings": "interfaces.settings",
    "Decision": "nouns.decision",
    "Outcome": "nouns.decision",
    "Fault": "nouns.fault",
}

__all__ = [
    "Decision",
    "Fault",
    "Guard",
    "Held",
    "NotReleased",
    "Outcome",
    "PartlyHeld",
    "Refused",
    "Settings",
]


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found: object = getattr(import_module(f"rambarde.{_HOME[name]}"), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOME})

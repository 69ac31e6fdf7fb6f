"""Who asks: the credential's surface and modes, and what only the operator's backend knows."""

from __future__ import annotations

import re
from dataclasses import dataclass

STANDARD = "standard"
SURFACES = ("web", "app", "api", "reply")
"""The surfaces the package knows; an operator may add their own."""

COUNTRY = re.compile(r"[A-Z]{2}(-[A-Z0-9]{1,3})?\Z")
"""ISO 3166-1 alpha-2, optionally with a subdivision."""

UNKNOWN_COUNTRY = "unknown"
"""Country not stated: the strictest of all jurisdictions applies."""


@dataclass(frozen=True, slots=True)
class Context:
    """The caller context: claims of one short-lived signed token. Without it: unassured, country unknown.

    `account` and `session` are the operator's pseudonyms; `country` is ISO 3166-1 alpha-2, optionally with
    a subdivision (`US-CA`), or `unknown`. `depicted_country` is that of the real person in the pictures sent,
    where the operator knows it (whose post it is); several persons: leave it unknown. `plan` is recorded and never
    an input to a permission.

    Raises `ValueError` for any other country: a misspelt one would be in no rule's list.
    """

    account: str | None = None
    plan: str | None = None
    country: str = UNKNOWN_COUNTRY
    age_assured: bool = False
    session: str | None = None
    depicted_country: str = UNKNOWN_COUNTRY

    def __post_init__(self) -> None:
        for country in (self.country, self.depicted_country):
            if country != UNKNOWN_COUNTRY and not COUNTRY.match(country):
                raise ValueError(f"{country!r} is no country")


@dataclass(frozen=True, slots=True)
class Caller:
    """A caller as the chain sees it: `surface` is bound to the credential, `mode` is one that it allows."""

    credential: str
    surface: str
    mode: str = STANDARD
    context: Context = Context()

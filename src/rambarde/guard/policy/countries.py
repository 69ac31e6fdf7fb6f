"""Countries: the codes that ISO 3166-1 alpha-2 assigns, so that a rule for a country that is none is noticed.

The language takes any code of the form, because codes come and go: only `rambarde policy check` and what this tool
writes itself hold them against the list. Subdivisions (`US-CA`) are held against their country only.

Source: ISO 3166-1, the 249 codes officially assigned in 2026, and `XK`, which ISO leaves to users and the European
Union uses for Kosovo.
"""

from __future__ import annotations

from collections.abc import Sequence
from difflib import get_close_matches

ASSIGNED = frozenset(
    "AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT BV BW BY BZ "
    "CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI FJ FK FM FO "
    "FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR IS IT JE "
    "JM JO JP KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN MO "
    "MP MQ MR MS MT MU MV MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW "
    "PY QA RE RO RS RU RW SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM "
    "TN TO TR TT TV TW TZ UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS YE YT ZA ZM ZW".split()
)
KOSOVO = "XK"
MEANT = {
    "AN": "CW",
    "BU": "MM",
    "CS": "RS",
    "DD": "DE",
    "EL": "GR",
    "EN": "GB",
    "FX": "FR",
    "SU": "RU",
    "TP": "TL",
    "UK": "GB",
    "YU": "RS",
    "ZR": "CD",
}
"""Codes that were, or look like ones: what somebody who writes them may mean."""


def known(code: str) -> bool:
    """Whether the country of a code (`GB`, `US-CA`) is one."""
    country = code.partition("-")[0]
    return country in ASSIGNED or country == KOSOVO


def strange(codes: Sequence[str]) -> tuple[str, ...]:
    """Those that are none, once each. Beside what it stands for (`GB, UK`) one is no mistake: some callers say it."""
    return tuple(code for code in dict.fromkeys(codes) if not known(code) and _right(code) not in codes)


def meant(code: str) -> str:
    """A sentence for whoever wrote an unknown code."""
    country, dash, part = code.partition("-")
    if (right := _right(code)) is not None:
        return f"Did you mean {right!r}? Codes are those of ISO 3166-1 alpha-2."
    if country == "EU":
        return "The European Union is no country: list its member states, or use the pack `eu`."
    near = get_close_matches(country, sorted(ASSIGNED), n=1, cutoff=0.5)
    asked = f"Did you mean {near[0] + dash + part!r}? " if near else ""
    return f"{asked}Codes are those of ISO 3166-1 alpha-2, such as GB or US-CA."


def _right(code: str) -> str | None:
    country, dash, part = code.partition("-")
    return MEANT[country] + dash + part if country in MEANT else None

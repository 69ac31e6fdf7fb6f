"""Keeping: what of requests the policy has kept as evidence, and for how long. It is signed with the rest of it.

Kept is only what a rule's duty (`preserve`, `hold`, `child-safety-queue`) or a hold asks for, and the sample, if one
is switched on. Of suspected child-sexual-abuse material nothing but hashes is kept, unless a jurisdiction in which
the operator is established obliges it to, or its counsel says otherwise.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from rambarde.guard.policy.document import Node
from rambarde.nouns.caller import COUNTRY

KEYS = ("established", "preserve_days", "sample", "sealed")
KEEPS = ("preserve", "hold", "child-safety-queue")
"""Duties (`follow`) by which something of a request is kept."""
SAMPLE_KEYS = ("rate", "days")
PRESERVE_DAYS = 365
LONGEST_DAYS = 3_653
MOST_RATE = 0.1
LONGEST_SAMPLE = 180

STATUTORY: Mapping[str, int] = MappingProxyType({"US": 365, "GB": 365})
"""Days for which a jurisdiction obliges to preserve reported material: 18 U.S.C. 2258A(h) as of the REPORT Act
(2024), one year; S.I. 2026/268 on s.66 of the Online Safety Act 2023, one year. Elsewhere this release knows of no
duty to keep the material itself, so it is not kept."""
MINIMUM, NEVER = "minimum", "never"
"""What counsel may say of a jurisdiction, besides a number of days."""


@dataclass(frozen=True, slots=True)
class Keeping:
    """The policy's `evidence`. Days are whole; `sample_rate` is the share of decisions, 0: none are drawn.

    `established` are the operator's jurisdictions; `sealed` what counsel says of them: days, 0 for never.
    """

    established: tuple[str, ...] = ()
    preserve_days: int = PRESERVE_DAYS
    sample_rate: float = 0.0
    sample_days: int = 0
    sealed: tuple[tuple[str, int], ...] = ()

    def sealed_days(self) -> int:
        """For how many days suspected material is kept, 0: not at all, only its hashes.

        The longest duty of all jurisdictions counts, and a single `never` outweighs them.
        """
        said = dict(self.sealed)
        days = [said.get(country, STATUTORY.get(country, 0)) for country in self.established]
        return 0 if any(said.get(country) == 0 for country in self.established) else max(days, default=0)

    def words(self) -> str:
        """In one line, for comparing two."""
        sealed = ", ".join(f"{country} {days or NEVER}" for country, days in self.sealed) or "nothing said"
        return (
            f"established in {', '.join(self.established) or 'no place that is named'}; preserved {self.preserve_days} "
            f"days; sample of {self.sample_rate:g} for {self.sample_days} days; sealed: {sealed}"
        )


def read_keeping(node: Node | None) -> Keeping:
    """The section `evidence` of a policy. Raises `PolicyError`."""
    if node is None:
        return Keeping()
    fields = node.mapping("`evidence`")
    established = _countries(fields.get("established"))
    preserve = fields.get("preserve_days")
    rate, days = 0.0, 0
    if (sample := fields.get("sample")) is not None:
        parts = sample.mapping("`sample`")
        rate = parts.need("rate", "`sample`").fraction("`rate`")
        if not 0 < rate <= MOST_RATE:
            raise sample.error(
                f"the sample's rate is {rate:g}.",
                f"Give more than 0, at most {MOST_RATE:g}; leave it out for none.",
            )
        days = _days(parts.need("days", "`sample`"), "`days`", LONGEST_SAMPLE)
        parts.done("`sample`", SAMPLE_KEYS)
    sealed: dict[str, int] = {}
    if (said := fields.get("sealed")) is not None:
        for country, word in said.mapping("`sealed`"):
            if country not in established:
                raise word.error(
                    f"`sealed` speaks of {country}, where the operator is not established.",
                    "Add it to `established`.",
                )
            if word.value == MINIMUM:
                continue
            sealed[country] = 0 if word.value == NEVER else _days(word, f"`sealed`: {country}", LONGEST_DAYS)
    found = Keeping(
        established,
        PRESERVE_DAYS if preserve is None else _days(preserve, "`preserve_days`", LONGEST_DAYS),
        rate,
        days,
        tuple(sealed.items()),
    )
    fields.done("`evidence`", KEYS)
    return found


def _countries(node: Node | None) -> tuple[str, ...]:
    found = () if node is None else node.texts("`established`")
    for country in found:
        if node is not None and not COUNTRY.match(country):
            raise node.error(f"{country!r} is no country.", "Use ISO 3166-1 alpha-2, such as FR or US.")
    return found


def _days(node: Node, what: str, longest: int) -> int:
    days = node.value
    if isinstance(days, bool) or not isinstance(days, int) or not 1 <= days <= longest:
        raise node.error(f"{what} is no number of days.", f"Give a whole number from 1 to {longest}.")
    return days

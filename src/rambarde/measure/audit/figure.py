"""A figure: a value with its interval; and the three that answer "how many": apparent, true and total."""

from __future__ import annotations

from dataclasses import dataclass

from rambarde.nouns.fault import invalid


@dataclass(frozen=True, slots=True)
class Figure:
    """`low` ≤ `high`; shares lie in [0, 1], totals are whole numbers of units."""

    value: float
    low: float
    high: float

    def as_json(self) -> dict[str, float]:
        return {"value": self.value, "low": self.low, "high": self.high}


@dataclass(frozen=True, slots=True)
class Note:
    """A warning: `code` names it, `number` counts what it is about. `wording` says it in words."""

    code: str
    number: int = 0


@dataclass(frozen=True, slots=True)
class Estimate:
    """`apparent` is the share that the labels call positive, `true` the share that is, `total` the `true` one of all N.

    `clamped` names what left [0, 1] and was set to its end, such as `true.low`. `notes` are warnings.
    """

    apparent: Figure
    true: Figure
    total: Figure | None
    clamped: tuple[str, ...] = ()
    notes: tuple[Note, ...] = ()


def clamp(figure: Figure, name: str) -> tuple[Figure, tuple[str, ...]]:
    """The figure within [0, 1], and which of its parts were moved, as `name.part`."""
    inside = [min(1.0, max(0.0, value)) for value in (figure.value, figure.low, figure.high)]
    parts = zip(("value", "low", "high"), (figure.value, figure.low, figure.high), inside, strict=True)
    return Figure(*inside), tuple(f"{name}.{part}" for part, before, after in parts if before != after)


def total(share: Figure, population: int) -> Figure:
    """A share of `population` units, as whole units."""
    return Figure(*(round(value * population) for value in (share.value, share.low, share.high)))


def share(name: str, value: float) -> float:
    """`value`, if it lies in (0, 1). Raises `Fault` `audit_share`, naming the field."""
    if not 0 < value < 1:
        raise invalid(
            "audit_share", f"{value} is not between 0 and 1.", remedy="Give a share such as 0.95.", field=name
        )
    return value

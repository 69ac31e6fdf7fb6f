"""View: what is known of the last minutes, in numbers and in words. One form for page, terminal and programs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from rambarde.measure.monitor.change import MONTH, POWER, SOON, Plan, delay, found_within, smallest_rise
from rambarde.measure.monitor.rates import UNKNOWN, Rate, Weighed, counted, estimated
from rambarde.measure.monitor.watch import BREAKER, Watch
from rambarde.nouns.sighting import By, Cell, Sight

WINDOWS = (5, 60, 24 * 60)
"""Minutes."""


@dataclass(frozen=True, slots=True)
class Part:
    """One value, such as one surface, in one window.

    `released` is the best that is known: by re-checks, else by the reviewed sample, else at least what was upheld by
    notices, else unknown; `source` says by which.
    """

    value: str
    refused: Rate
    released: Rate
    source: str
    rechecks: Rate
    notices: Rate
    sample: Rate
    images_refused: int
    images_released: int
    drawn: int
    unanswered: int

    def as_json(self) -> dict[str, object]:
        return {
            "value": self.value,
            "refused": self.refused.as_json(),
            "released": self.released.as_json() | {"source": self.source},
            "rechecks": self.rechecks.as_json() | {"drawn": self.drawn, "unanswered": self.unanswered},
            "notices": self.notices.as_json(),
            "sample": self.sample.as_json(),
            "images": {"refused": self.images_refused, "released": self.images_released},
        }


def part(value: str, cells: Iterable[Cell], minutes: float) -> Part:
    """From the cells of one value. Accounts are counted once a minute; images beside them."""
    weights: dict[Sight, Weighed] = {}
    images: dict[Sight, int] = {}
    for cell in cells:
        more = Weighed(cell.accounts, cell.weight, cell.square)
        weights[cell.sight] = weights.get(cell.sight, Weighed()) + more
        images[cell.sight] = images.get(cell.sight, 0) + cell.images

    def of(sight: Sight) -> Weighed:
        return weights.get(sight, Weighed())

    rechecks = estimated(of(Sight.FOUND), of(Sight.CLEAN), of(Sight.UNANSWERED), minutes)
    sample = estimated(of(Sight.SAMPLE_FOUND), of(Sight.SAMPLE_CLEAN), Weighed(), minutes)
    noticed = of(Sight.NOTICE).count
    notices = counted(noticed, minutes, bound=True) if noticed else UNKNOWN
    source, best = next(
        (
            (name, rate)
            for name, rate in (("rechecks", rechecks), ("sample", sample), ("notices", notices))
            if rate.known
        ),
        ("none", UNKNOWN),
    )
    drawn = sum(images.get(sight, 0) for sight in (Sight.FOUND, Sight.CLEAN, Sight.UNANSWERED))
    return Part(
        value,
        counted(of(Sight.REFUSED).count, minutes),
        best,
        source,
        rechecks,
        notices,
        sample,
        images.get(Sight.REFUSED, 0),
        images.get(Sight.RELEASED, 0),
        drawn,
        images.get(Sight.UNANSWERED, 0),
    )


def window(minutes: int, cells: Sequence[Cell], elapsed: float | None = None) -> dict[str, object]:
    """All values of a window. `elapsed` are the minutes that were really counted, where they are fewer."""
    length = max(elapsed if elapsed is not None else minutes, 1 / 60)
    groups: dict[By, dict[str, list[Cell]]] = {by: {} for by in By}
    for cell in cells:
        groups[cell.by].setdefault(cell.value, []).append(cell)
    by = {
        which.value: [
            part(value, found, length).as_json()
            for value, found in sorted(
                groups[which].items(), key=lambda one: (-sum(c.accounts for c in one[1]), one[0])
            )
        ]
        for which in By
        if which is not By.ALL
    }
    whole = part("", groups[By.ALL].get("", []), length)
    return {"minutes": minutes, "counted_minutes": round(length, 3), "all": whole.as_json(), "by": by}


def power(name: str, plan: Plan, share: float) -> dict[str, object]:
    """What the watch of a stream can see, and what not."""
    least = smallest_rise(plan)
    return {
        "stream": name,
        "baseline": plan.baseline,
        "looked_for": plan.raised,
        "limit": round(plan.threshold, 3),
        "false_alarm_days": round(min(plan.minutes, 1e9) / (MONTH / 30), 1),
        "found_within_5_minutes": round(found_within(plan, plan.raised, SOON - 1), 4),
        "mean_minutes": round(delay(plan, plan.raised), 2),
        "smallest_rise_within_5_minutes": round(least, 1),
        "words": words(name, plan, share, least),
    }


def words(name: str, plan: Plan, share: float, least: float) -> str:
    """The same for people."""
    is_harm = name.partition("/")[0] != "refused"
    what = "released harm" if is_harm else "refusals"
    found = found_within(plan, plan.raised, SOON - 1)
    scaled = f" (as re-checks of {share:.1%} of the releases see it)" if is_harm and share else ""
    base = f"{name}: usual are up to {plan.baseline:g} a minute{scaled}. "
    if found >= POWER:
        said = f"A tenfold rise of {what} is found within {SOON} minutes with a chance of {found:.2%}."
    else:
        said = (
            f"A tenfold rise of {what} is NOT surely found within {SOON} minutes: the chance is {found:.1%}; "
            f"in the mean it takes {delay(plan, plan.raised):.0f} minutes."
        )
    return f"{base}{said} A rise below {least:.1f} times is not seen so soon."


def limits(share: float, sources: Iterable[str]) -> list[str]:
    """What cannot be seen, in words."""
    told = []
    if not share:
        told.append(
            "No released image is looked at again (`recheck_share` is 0), so released harm is known by upheld "
            "notices and the reviewed sample only; without them it is unknown, which is not none."
        )
    else:
        told.append(
            f"Of the released images {share:.1%} are looked at again. What all detectors miss is not seen."
        )
    if set(sources) <= {"notices", "none"}:
        told.append("Notices are a lower bound: most people who are hurt never give one.")
    told.append("Who uses many accounts is counted many times; who uses one, once a minute.")
    return told


def change(watch: Watch, share: float) -> list[dict[str, object]]:
    """The power of every stream, as it is watched now."""
    names = sorted({"refused", "released", BREAKER, *watch.streams})
    return [power(name, watch.plan(name), share) for name in names]


def states(streams: Mapping[str, Mapping[str, object]], minute: int) -> list[str]:
    """The streams that gave an alarm within the last hour."""
    found = []
    for name, stream in streams.items():
        alarm = stream.get("alarm")
        if isinstance(alarm, int) and 0 <= minute - alarm < 60:
            found.append(name)
    return sorted(found)

"""Against an earlier run: which shares differ by more than chance, slice by slice."""

from __future__ import annotations

from dataclasses import dataclass

from rambarde.measure.intervals import fisher, holm, newcombe
from rambarde.measure.report import Report, Slice
from rambarde.measure.sweep import Share

LEVEL = 0.05
_FEWEST = 4
"""Of fewer rows in both runs no outcome is surprising enough: such a share is not asked about."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One share then and now. `low` and `high` bound the difference at 95 %, each by itself.

    `p` is Fisher's, corrected for all slices of the comparison (Holm). `verdict` is `better`, `worse` or
    `no difference shown`, which is not the same as none.
    """

    by: str
    name: str
    what: str
    before: Share
    after: Share
    low: float
    high: float
    p: float
    verdict: str


@dataclass(frozen=True, slots=True)
class Comparison:
    """`same_data`: both measured the same bytes under the same caller and picture. `changed` names what was not
    the same; `only_before` and `only_after` are slices that stand in one report alone."""

    same_data: bool
    changed: tuple[str, ...]
    differences: tuple[Difference, ...]
    only_before: tuple[str, ...]
    only_after: tuple[str, ...]


def against(before: Report, after: Report) -> Comparison:
    """Compare two reports. The test takes the two runs as independent samples; on the same rows they are not, and

    it is then rather too careful than too bold.
    """
    old = {(one.by, one.name): one for one in before.slices}
    new = {(one.by, one.name): one for one in after.slices}
    found = [
        (key, what, then, now) for key in old if key in new for what, then, now in _shares(old[key], new[key])
    ]
    values = holm([fisher((then.hits, then.of), (now.hits, now.of)) for _, _, then, now in found])
    differences = tuple(
        _difference(key, what, then, now, p) for (key, what, then, now), p in zip(found, values, strict=True)
    )
    data = {(one.name, one.digest) for one in before.sets} == {(one.name, one.digest) for one in after.sets}
    changed = tuple(
        name
        for name in ("policy", "floors", "detectors", "surface", "mode", "country", "age_assured", "picture")
        if getattr(before.header, name) != getattr(after.header, name)
    )
    return Comparison(
        data and not set(changed) & {"surface", "mode", "country", "age_assured", "picture"},
        changed if data else ("data", *changed),
        differences,
        tuple(f"{by} {name}" for by, name in old if (by, name) not in new),
        tuple(f"{by} {name}" for by, name in new if (by, name) not in old),
    )


def _p(then: Share, now: Share) -> float:
    return fisher((then.hits, then.of), (now.hits, now.of))


def _shares(old: Slice, new: Slice) -> list[tuple[str, Share, Share]]:
    pairs = (
        ("recall", old.recall, new.recall),
        ("false positives", old.false_positives, new.false_positives),
    )
    return [(what, then, now) for what, then, now in pairs if then is not None and now is not None]


def _difference(key: tuple[str, str], what: str, then: Share, now: Share, p: float) -> Difference:
    low, high = newcombe((then.hits, then.of), (now.hits, now.of))
    if p >= LEVEL:
        verdict = "no difference shown"
    else:
        verdict = "better" if (now.share > then.share) is (what == "recall") else "worse"
    return Difference(*key, what, then, now, low, high, p, verdict)

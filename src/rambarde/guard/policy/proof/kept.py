"""Kept: what a policy keeps of people that another did not, and what it keeps for a shorter time than that.

Keeping more is no harm to the depicted person and one to everybody whose words and pictures are kept; keeping
evidence for a shorter time takes it from the depicted person. So both loosen a protection, and both need the
signatures of a loosening. Drawing a smaller or shorter sample loosens nothing.
"""

from __future__ import annotations

from collections.abc import Iterator

from rambarde.guard.policy.keeping import Keeping


def kept(old: Keeping, new: Keeping) -> Iterator[str]:
    """In words, each way in which `new` keeps more, or evidence for a shorter time."""
    if new.sample_rate > old.sample_rate:
        yield f"the sample takes {new.sample_rate:g} of all decisions, before {_share(old)}"
    if new.sample_rate and new.sample_days > old.sample_days > 0:
        yield f"the sample is kept {new.sample_days} days, before {old.sample_days}"
    for what, was, now in (
        ("what a duty preserves is kept", old.preserve_days, new.preserve_days),
        ("suspected child-sexual-abuse material is kept, sealed,", old.sealed_days(), new.sealed_days()),
    ):
        if was != now:
            yield f"{what} {_days(now)}, before {_days(was)}"


def _share(keeping: Keeping) -> str:
    return f"{keeping.sample_rate:g}" if keeping.sample_rate else "none"


def _days(days: int) -> str:
    return f"{days} days" if days else "not at all"

"""A row of the checkup: what was looked at, how it stands, and what to do about it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from rambarde.nouns.fault import Fault


class Status(StrEnum):
    OK = "ok"
    WARN = "warn"
    """It works, or will at the first start; look at it."""
    FAIL = "fail"
    """The gateway would not start, or would release nothing."""


@dataclass(frozen=True, slots=True)
class Row:
    """`check` names what was looked at, `detail` how it stands; `remedy` is empty only where it is ok."""

    check: str
    status: Status
    detail: str
    remedy: str = ""

    def as_json(self) -> dict[str, str]:
        return {
            "check": self.check,
            "status": self.status.value,
            "detail": self.detail,
            "remedy": self.remedy,
        }


def ok(check: str, detail: str) -> Row:
    return Row(check, Status.OK, detail)


def warn(check: str, detail: str, remedy: str) -> Row:
    return Row(check, Status.WARN, detail, remedy)


def fail(check: str, detail: str, remedy: str) -> Row:
    return Row(check, Status.FAIL, detail, remedy)


def examined(check: str, examine: Callable[[], Iterator[Row]]) -> Iterator[Row]:
    """The rows of `examine`, and one more if it breaks: a checkup that stops half-way tells nothing."""
    try:
        yield from examine()
    except Fault as fault:
        yield fail(check, fault.message, fault.remedy)
    except Exception as error:
        yield fail(
            check,
            f"it could not be looked at: {type(error).__name__}: {error}",
            "If no other row explains it, this is a fault of Rambarde: report it with this line.",
        )

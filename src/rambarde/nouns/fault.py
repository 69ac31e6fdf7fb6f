"""A fault: why a request could not be judged or served, in the same words on every surface."""

from __future__ import annotations

from enum import StrEnum
from pathlib import PurePath


class Kind(StrEnum):
    """What went wrong, coarsely; an interface maps it to its own status (HTTP, exit code)."""

    INVALID = "invalid"
    """The request is malformed or out of limits: mend it and send it again."""
    UNSUPPORTED = "unsupported"
    """Understood, and not offered: what is not understood is not guarded."""
    UNAUTHENTICATED = "unauthenticated"
    FORBIDDEN = "forbidden"
    NOT_FOUND = "not_found"
    TOO_LARGE = "too_large"
    RATE_LIMITED = "rate_limited"
    CONFLICT = "conflict"
    OVERLOADED = "overloaded"
    """Refused before generation because the service is full, not ready, or shutting down."""
    UPSTREAM = "upstream"
    """The generator misbehaved; nothing of its answer was released."""
    TIMEOUT = "timeout"
    INTERNAL = "internal"
    """Our own failure; nothing was released."""


class Fault(Exception):
    """A typed error that names the field and the remedy.

    `code` is a stable snake_case word for programs, `field` the parameter at fault (or None), `message`
    what is wrong, `remedy` what to do next. Neither text ever quotes the user's prompt.
    """

    def __init__(
        self,
        kind: Kind,
        code: str,
        message: str,
        *,
        remedy: str,
        field: str | None = None,
        retry_after: float | None = None,
    ) -> None:
        super().__init__(message)
        self.kind = kind
        self.code = code
        self.field = field
        self.message = message
        self.remedy = remedy
        self.retry_after = retry_after

    def __str__(self) -> str:
        where = f"{self.field}: " if self.field else ""
        return f"{where}{self.message} {self.remedy}"


def invalid(code: str, message: str, *, remedy: str, field: str | None = None) -> Fault:
    return Fault(Kind.INVALID, code, message, remedy=remedy, field=field)


def unsupported(code: str, message: str, *, remedy: str, field: str | None = None) -> Fault:
    return Fault(Kind.UNSUPPORTED, code, message, remedy=remedy, field=field)


def place(error: BaseException) -> str:
    """Where an error was raised, as `file:line` from the outside in: all of a traceback that quotes nothing."""
    steps = []
    trace = error.__traceback__
    while trace is not None:
        steps.append(f"{PurePath(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno}")
        trace = trace.tb_next
    return " > ".join(steps) or "nowhere"

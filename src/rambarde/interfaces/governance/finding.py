"""Findings: what came of holding a change against its documents, and the seal under which that is remembered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from rambarde.guard.policy.signatures.change import Change
from rambarde.guard.policy.signatures.standing import Standing
from rambarde.nouns.fault import Fault, Kind


class Verdict(StrEnum):
    SOUND = "sound"
    """It is what its documents say."""
    VOID = "void"
    """It is not, for sure: it takes its number and nothing else."""
    UNREAD = "unread"
    """Its documents cannot be read here and now. It is asked again, and nothing is released by it meanwhile."""
    PASSED = "passed"
    """A policy that nobody could read, which another one has followed since: never asked again."""


@dataclass(frozen=True, slots=True)
class Finding:
    """`why` is None only for what is sound."""

    verdict: Verdict
    why: Fault | None = None

    def as_json(self) -> dict[str, object]:
        why = self.why
        told = {} if why is None else {"code": why.code, "message": why.message, "remedy": why.remedy}
        return {"verdict": self.verdict.value, **told}


SOUND = Finding(Verdict.SOUND)


class Judge(Protocol):
    """Holds changes against their documents. `mark` says which prover, floors and catalogue it has."""

    @property
    def mark(self) -> Mapping[str, str]: ...

    def judge(self, before: Standing, change: Change, *, doubt: bool) -> Finding:
        """`doubt`: an assessment before it could not be read. Raises `Fault` if the database has no answer now."""
        ...


def bare(fault: Fault, *, kind: Kind | None = None) -> Fault:
    """The same without the frames it has come through: what is kept, or raised for many, pins nobody's values."""
    return Fault(
        kind or fault.kind,
        fault.code,
        fault.message,
        remedy=fault.remedy,
        field=fault.field,
        retry_after=fault.retry_after,
    )


def sealed(found: Mapping[int, Finding], mark: Mapping[str, str]) -> dict[str, object]:
    """What is kept under the server's key: all changes that are not sound, by number, and who found that."""
    told = {str(number): one.as_json() for number, one in found.items() if one.verdict is not Verdict.SOUND}
    return {"changes": told, "by": dict(mark)}


def unsealed(told: Mapping[str, object]) -> dict[int, Finding]:
    """Raises `ValueError` or `KeyError` for what `sealed` did not make."""
    changes = told["changes"]
    if not isinstance(changes, dict):
        raise ValueError("no findings")
    return {
        int(number): Finding(
            Verdict(one["verdict"]),
            Fault(Kind.FORBIDDEN, one["code"], one["message"], remedy=one["remedy"]),
        )
        for number, one in changes.items()
    }

"""Re-check: whether a released image is problematic, by other detectors than those that let it go."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rambarde.nouns.fault import invalid
from rambarde.nouns.signal import Signals, State

OUTPUT = "output."
_FORM = re.compile(r"\s*([a-z][a-z0-9_-]*)\s*:\s*([a-z][a-z0-9_.-]*)\s*>=\s*([0-9.]+)\s*\Z")
CLEAN, PROBLEMATIC, UNKNOWN = "clean", "problematic", "unknown"


@dataclass(frozen=True, slots=True)
class Test:
    """One thing that makes an image problematic: the detector's signal is at least so high."""

    detector: str
    signal: str
    at_least: float

    def __str__(self) -> str:
        return f"{self.detector}:{self.signal}>={self.at_least:g}"


@dataclass(frozen=True, slots=True)
class Verdict:
    """`word` is clean, problematic or unknown; `rule` the test that was met, `why` what gave no answer."""

    word: str
    rule: str = ""
    why: str = ""


def read(texts: Iterable[str], field: str) -> tuple[Test, ...]:
    """Tests from words like `regions:exposed>=0.6`. Raises `Fault(INVALID, "recheck_invalid")`."""
    found = []
    for text in texts:
        match = _FORM.match(text)
        try:
            limit = float(match[3]) if match else -1.0
        except ValueError:
            limit = -1.0
        if match is None or not 0 < limit <= 1:
            raise invalid(
                "recheck_invalid",
                f"{text[:80]!r} is no test of a picture.",
                remedy="Write DETECTOR:SIGNAL>=NUMBER, such as regions:exposed>=0.6, the number in (0, 1].",
                field=field,
            )
        found.append(Test(match[1], match[2], limit))
    return tuple(found)


def refuse_same(tests: Sequence[Test], required: Iterable[str], field: str) -> None:
    """Raise `Fault` `recheck_same` for a detector that the policy requires: it would make its own errors again."""
    same = sorted({test.detector for test in tests} & set(required))
    if same:
        raise invalid(
            "recheck_same",
            f"The policy requires {', '.join(same)} itself: it would make its own errors again.",
            remedy="Name other detectors; `rambarde policy detectors` lists what is installed.",
            field=field,
        )


def judged(tests: Sequence[Test], signals: Signals) -> Verdict:
    """One test that is met is enough. Where none is, and one has no answer, it is unknown."""
    lacking: list[str] = []
    for test in tests:
        signal = signals.get(OUTPUT + test.signal)
        if signal is None or signal.unknown:
            lacking.append(f"{test.signal}: {signal.reason if signal else 'no such signal'}"[:120])
        elif signal.state is State.VALUE and signal.value is not None and signal.value >= test.at_least:
            return Verdict(PROBLEMATIC, rule=f"recheck {test.detector}:{test.signal}"[:64])
    return Verdict(UNKNOWN, why="; ".join(lacking)) if lacking or not tests else Verdict(CLEAN)

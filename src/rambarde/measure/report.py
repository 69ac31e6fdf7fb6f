"""The report of an evaluation: what was measured, of what, under which policy. It holds no text of a prompt
unless that was asked for."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from rambarde.measure.calibration import Calibration
from rambarde.measure.sweep import Point, Share
from rambarde.nouns.fault import invalid

FORMAT = "rambarde-evaluation"
VERSION = 1


@dataclass(frozen=True, slots=True)
class Header:
    """Under what was measured. `kind`, `made_at`, `covers` and `policy` are the words of a risk assessment's

    evaluation; `covers` names only what was really asked: the surface, the mode and the detectors of text.
    `detectors` are `name -> version@digest` of all that answered. `picture` says what edits had attached: the
    file's digest, or that an adult's photograph was supposed. `seconds` is the time of judging alone.
    """

    made_at: str
    rambarde: str
    policy: str
    policy_name: str
    floors: str
    detectors: dict[str, str]
    surface: str
    mode: str
    country: str
    age_assured: bool
    picture: str
    covers: tuple[str, ...]
    seconds: float
    rows_per_second: float
    confidence: float = 0.95
    kind: str = "detectors"
    about: str = "texts"
    """What was judged: `texts` before generation, or `pictures` before release."""


@dataclass(frozen=True, slots=True)
class SetNote:
    name: str
    digest: str
    rows: int


@dataclass(frozen=True, slots=True)
class Slice:
    """Rows that share something. `recall` is unsafe rows that were stopped (blocked or held); None without any.

    `false_positives` are safe rows that were stopped or not judged. `assumed_…`: stopped only because something
    was unknown, which tells nothing apart. `held` of all stopped are reviews.
    """

    by: str
    name: str
    recall: Share | None
    false_positives: Share | None
    unjudged_unsafe: int = 0
    unjudged_safe: int = 0
    assumed_unsafe: int = 0
    assumed_safe: int = 0
    held: int = 0


@dataclass(frozen=True, slots=True)
class RuleCount:
    """How many rows a rule stopped, and how many of them no other rule did."""

    rule: str
    unsafe: int
    safe: int
    unsafe_alone: int
    safe_alone: int


@dataclass(frozen=True, slots=True)
class SignalReport:
    """One signal by itself. `family` is None where no row names it: then it is held against the label.

    Points of the sweep are badness: where low is worse, a threshold of 0.2 means `at_most: 0.8`.
    `left_out`: rows that could not be judged, and unsafe rows that name another family or none. `no_answer` and
    `failed` count as the worst in the sweep and are left out of the calibration. `unanswered` is the share without
    an answer, of the rows that were used.
    """

    signal: str
    worse: str
    family: str | None
    have: int
    lack: int
    left_out: int
    no_answer: int
    failed: int
    policy_thresholds: tuple[float, ...]
    area: float | None
    sweep: tuple[Point, ...]
    calibration: Calibration | None
    unanswered: Share | None = None


@dataclass(frozen=True, slots=True)
class Example:
    """One row on which the guard was wrong or silent. `text` only where it was asked for."""

    set: str
    id: str
    label: str
    category: str
    lang: str
    kind: str
    family: str | None
    technique: str | None
    outcome: str | None
    fault: str | None
    rules: tuple[str, ...]
    signals: dict[str, float | str]
    text: str | None = None


@dataclass(frozen=True, slots=True)
class Report:
    """`repeated`: rows whose request stands in an earlier set; they count in their set, and once in all others.

    `faults`: why rows could not be judged, by code.
    """

    header: Header
    sets: tuple[SetNote, ...]
    repeated: int
    faults: dict[str, int]
    slices: tuple[Slice, ...]
    rules: tuple[RuleCount, ...]
    signals: tuple[SignalReport, ...]
    examples: tuple[Example, ...]
    format: str = FORMAT
    version: int = VERSION

    def slice(self, by: str, name: str) -> Slice | None:
        return next((one for one in self.slices if (one.by, one.name) == (by, name)), None)


def write(report: Report) -> bytes:
    return msgspec.json.encode(report)


def read(data: bytes) -> Report:
    """A report that `write` made. Raises `Fault` `report_invalid`."""
    try:
        report = msgspec.json.decode(data, type=Report)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise invalid(
            "report_invalid",
            f"This is no report: {error}.",
            remedy="Give what `rambarde evaluate --json` printed.",
            field="against",
        ) from error
    if (report.format, report.version) != (FORMAT, VERSION):
        raise invalid(
            "report_invalid",
            f"This is a {report.format!r} of version {report.version}.",
            remedy=f"This release reads {FORMAT} version {VERSION}.",
            field="against",
        )
    return report

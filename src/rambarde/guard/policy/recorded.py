"""A record's decisions, read back: what was decided, on which facts and signals.

A record is read as strictly as a request: what is not of its form is a fault that names the field, so that
nothing is explained or judged again on a guess. Values were rounded to six digits when they were recorded.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import TypeVar

import msgspec

from rambarde.guard.policy.evaluation import Facts
from rambarde.nouns.caller import UNKNOWN_COUNTRY
from rambarde.nouns.decision import Fired, Outcome, Point
from rambarde.nouns.fault import Fault, Kind
from rambarde.nouns.record import SCHEMA
from rambarde.nouns.request import Action
from rambarde.nouns.signal import Signal, State

T = TypeVar("T")

_STATES = {state.name.lower(): state for state in State}
_OUTCOMES = {outcome.word: outcome for outcome in Outcome}


@dataclass(frozen=True, slots=True)
class Case:
    """One decision of a record. `output` is the image's place in its batch, None at admit."""

    point: Point
    output: int | None
    outcome: Outcome
    fired: tuple[Fired, ...]
    facts: Facts
    signals: Mapping[str, Signal]
    policy: str


@dataclass(frozen=True, slots=True)
class Past:
    """What is kept of one request's decisions. `detectors` are `name -> version@digest`, with `+` and the
    digest of the operator's data where there is some. `fault` is the code of the fault it ended with."""

    id: str
    day: date
    ending: str
    fault: str | None
    detectors: Mapping[str, str]
    cases: tuple[Case, ...]


def parse(body: bytes) -> dict[str, object]:
    """A record's canonical JSON as a document. Raises `Fault(INTERNAL, "record_damaged")` if it is none."""
    try:
        try:
            document = msgspec.json.decode(body)
        except msgspec.DecodeError:
            document = json.loads(body)  # lone surrogates, which a caller's claim may hold
    except ValueError as error:
        raise _damaged("body", "no JSON") from error
    if not isinstance(document, dict):
        raise _damaged("body", "no mapping")
    return document


def read(document: Mapping[str, object]) -> Past:
    """The decisions of a record's JSON form. The day is that on which the request was received, in UTC.

    Raises `Fault(INTERNAL, "record_damaged")` that names the field which is not of its form.
    """
    if document.get("schema") != SCHEMA:
        raise _damaged("schema", f"this release reads version {SCHEMA}")
    received = _need(document, "received_at", str)
    try:
        day = datetime.fromisoformat(received).astimezone(UTC).date()
    except ValueError as error:
        raise _damaged("received_at", "no time") from error
    fault = document.get("fault")
    return Past(
        id=_need(document, "id", str),
        day=day,
        ending=_need(document, "ending", str),
        fault=None if fault is None else _need(_mapping(fault, "fault"), "code", str),
        detectors={
            name: _text(value, f"detectors.{name}")
            for name, value in _mapping(document.get("detectors"), "detectors").items()
        },
        cases=tuple(_cases(document, day)),
    )


def _cases(document: Mapping[str, object], day: date) -> Iterator[Case]:
    admit, outputs = document.get("admit"), _need(document, "outputs", list)
    if admit is None:
        if outputs:
            raise _damaged("admit", "outputs without it")
        return
    action = _need(document, "action", str)
    if action not in tuple(Action):
        raise _damaged("action", "nothing knows it")
    facts = Facts(
        action=action,
        surface=_need(document, "surface", str),
        mode=_need(document, "mode", str),
        country=_need(document, "country", str),
        age_assured=_need(document, "age_assured", bool),
        today=day,
        # Records of older releases do not say it.
        depicted=_need(document, "depicted", str) if "depicted" in document else UNKNOWN_COUNTRY,
    )
    yield _case(admit, Point.ADMIT, None, facts, "admit")
    for number, output in enumerate(outputs):
        where = f"outputs[{number}]"
        fields = _mapping(output, where)
        yield _case(
            fields.get("decision"),
            Point.RELEASE,
            _need(fields, "index", int, where),
            facts,
            f"{where}.decision",
        )


def _case(raw: object, point: Point, output: int | None, facts: Facts, where: str) -> Case:
    fields = _mapping(raw, where)
    if fields.get("point") != point.value:
        raise _damaged(f"{where}.point", f"not {point.value}")
    return Case(
        point=point,
        output=output,
        outcome=_outcome(fields, where),
        fired=tuple(
            _fired(_mapping(rule, f"{where}.rules[{n}]"), f"{where}.rules[{n}]")
            for n, rule in enumerate(_need(fields, "rules", list, where))
        ),
        facts=facts,
        signals={
            name: signal(name, value, f"{where}.signals.{name}")
            for name, value in _mapping(fields.get("signals"), f"{where}.signals").items()
        },
        policy=_need(fields, "policy", str, where),
    )


def _fired(fields: Mapping[str, object], where: str) -> Fired:
    return Fired(
        rule=_need(fields, "rule", str, where),
        outcome=_outcome(fields, where),
        reason=_need(fields, "reason", str, where),
        floor=_need(fields, "floor", bool, where),
        fields=_texts(fields, "fields", where),
        grounds=_texts(fields, "grounds", where),
        follow=_texts(fields, "follow", where),
        read=_texts(fields, "read", where),
        assumed=_need(fields, "assumed", bool, where),
    )


def signal(name: str, raw: object, where: str) -> Signal:
    """The inverse of `Signal.as_json`. Raises `Fault` as `read` does."""
    fields = _mapping(raw, where)
    state = _STATES.get(_need(fields, "state", str, where))
    if state is None or fields.keys() - {"state", "value", "reason"}:
        raise _damaged(where, "its state or a key is not known")
    value, reason = fields.get("value"), fields.get("reason", "")
    if not isinstance(value, int | float | None) or isinstance(value, bool):
        raise _damaged(f"{where}.value", "no number")
    try:
        return Signal(name, state, None if value is None else float(value), _text(reason, f"{where}.reason"))
    except ValueError as error:
        raise _damaged(f"{where}.value", "not what its state allows") from error


def _outcome(fields: Mapping[str, object], where: str) -> Outcome:
    found = _OUTCOMES.get(_need(fields, "outcome", str, where))
    if found is None:
        raise _damaged(f"{where}.outcome", "not known")
    return found


def _need(fields: Mapping[str, object], key: str, kind: type[T], where: str = "") -> T:
    value = fields.get(key)
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise _damaged(f"{where}.{key}" if where else key, f"no {kind.__name__}")
    return value


def _mapping(value: object, where: str) -> Mapping[str, object]:
    if not isinstance(value, dict):
        raise _damaged(where, "no mapping")
    return value


def _texts(fields: Mapping[str, object], key: str, where: str) -> tuple[str, ...]:
    return tuple(_text(value, f"{where}.{key}") for value in _need(fields, key, list, where))


def _text(value: object, where: str) -> str:
    if not isinstance(value, str):
        raise _damaged(where, "no text")
    return value


def _damaged(field: str, why: str) -> Fault:
    return Fault(
        Kind.INTERNAL,
        "record_damaged",
        f"a record cannot be read: {why}.",
        remedy="Run `rambarde log verify`, which names what was changed.",
        field=field,
    )

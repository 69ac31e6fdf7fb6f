"""Columns: what a record's rows are found by, all of it derived from its body."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import msgspec

CUT = {"country": 16, "action": 32, "ending": 32, "route": 128, "policy": 128, "rule": 128}
"""Characters that a column takes, where it is not 64."""


class _Rule(msgspec.Struct, gc=False):
    rule: str


class _Decision(msgspec.Struct, gc=False):
    rules: list[_Rule]


class _Output(msgspec.Struct, gc=False):
    decision: _Decision


class _Fault(msgspec.Struct, gc=False):
    code: str


class _Columns(msgspec.Struct, gc=False):
    """What of a record its columns are made of; the rest of the body is skipped."""

    id: str
    credential: str
    surface: str
    mode: str
    country: str
    route: str
    action: str
    ending: str
    policy: str
    received_at: datetime
    fault: _Fault | None
    admit: _Decision | None
    outputs: list[_Output]


DECODER = msgspec.json.Decoder(_Columns)
WIDTHS = [
    (name, CUT.get(name, 64))
    for name in ("credential", "surface", "mode", "country", "route", "action", "ending", "policy")
]
NAMES = (*(name for name, _ in WIDTHS), "fault")


def parsed(body: bytes) -> dict[str, Any]:
    """The document. msgspec is fast; JSON with lone surrogates, which a claim may hold, is for the other."""
    try:
        document: dict[str, Any] = msgspec.json.decode(body)
    except msgspec.DecodeError:
        document = json.loads(body)
    return document


def split(body: bytes) -> tuple[dict[str, Any], list[str]]:
    """A record's columns and the rules that fired, and its id among them. Raises `ValueError` and its kin."""
    try:
        found = DECODER.decode(body)
    except msgspec.DecodeError:  # lone surrogates, or no record
        found = msgspec.convert(json.loads(body), _Columns)
    columns: dict[str, Any] = {
        name: value
        if len(value) <= longest and value.isprintable() and value.isascii()
        else _plain(value, longest)
        for name, longest in WIDTHS
        for value in (getattr(found, name),)
    }
    if found.received_at.tzinfo is None:
        raise ValueError("the time has no zone")
    columns |= {
        "id": found.id,
        "received_at": found.received_at.astimezone(UTC),
        "fault": None if found.fault is None else _plain(found.fault.code, 64),
    }
    decisions = [found.admit, *(output.decision for output in found.outputs)]
    fired = {_plain(rule.rule, CUT["rule"]) for d in decisions if d is not None for rule in d.rules}
    return columns, sorted(fired)


def _plain(text: str, longest: int) -> str:
    """Text that every database takes: a caller's claim may hold lone surrogates or zero bytes."""
    return text.encode(errors="backslashreplace").decode().replace("\0", "\\x00")[:longest]

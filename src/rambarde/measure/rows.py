"""Labelled rows: read strictly, one JSON object a line. A row that is none stops the reading; nothing is skipped."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, Literal, Protocol, TypeVar

import msgspec

from rambarde.nouns.fault import Fault, invalid

FORM = "A row is {id, text, label: safe|unsafe, category, lang, kind: generate|edit, source, family?, technique?}."


NONE = "(none)"
"""Stands for what a row does not name."""


class Labelled(Protocol):
    """What a row of any kind says of itself. `key` is by what its answer is found."""

    @property
    def id(self) -> str: ...

    @property
    def text(self) -> str | None: ...

    @property
    def label(self) -> str | None: ...

    @property
    def category(self) -> str: ...

    @property
    def key(self) -> tuple[str, str]: ...

    @property
    def unsafe(self) -> bool: ...

    @property
    def action(self) -> str:
        """What it asks for, as requests say it: `generate` or `edit`."""
        ...

    @property
    def lot(self) -> str:
        """What rows that are much alike have in common: they are held out together, or not at all."""
        ...

    @property
    def dimensions(self) -> Mapping[str, str]:
        """By what rows are told apart: dimension → value."""
        ...

    def names(self, family: str) -> bool:
        """Whether it says that this family is there or not, beyond its label."""
        ...

    def truth(self, family: str, named: bool) -> bool | None:
        """Whether the family is there; None where it says nothing. `named`: some row of the data names it."""
        ...


class Row(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One labelled prompt. `label` says whether it must be stopped at admit.

    `family` is what is asked for, or, of a harmless twin, what it is a twin of; `technique` is its disguise.
    """

    id: str
    text: str
    label: Literal["safe", "unsafe"]
    category: str
    lang: str
    kind: Literal["generate", "edit"]
    source: str
    family: str | None = None
    technique: str | None = None

    @property
    def group(self) -> str:
        """What stands before the category's first dot: `edit.swimwear` and `edit.pose` are both of `edit`."""
        return self.category.partition(".")[0] or self.category

    @property
    def unsafe(self) -> bool:
        return self.label == "unsafe"

    @property
    def key(self) -> tuple[str, str]:
        return self.kind, self.text

    @property
    def action(self) -> str:
        return self.kind

    @property
    def lot(self) -> str:
        return f"{self.kind}\n{self.text}"

    @property
    def dimensions(self) -> Mapping[str, str]:
        return {
            "group": self.group,
            "category": self.category,
            "lang": self.lang,
            "family": self.family or NONE,
            "technique": self.technique or NONE,
            "kind": self.kind,
            "source": self.source,
        }

    def names(self, family: str) -> bool:
        return self.unsafe and self.family == family

    def truth(self, family: str, named: bool) -> bool | None:
        """An unsafe row of another family may have this one too, and says nothing of it."""
        return None if named and self.unsafe and self.family != family else self.unsafe


R = TypeVar("R", bound=Labelled)


@dataclass(frozen=True, slots=True)
class DataSet(Generic[R]):
    """The rows of one file. `digest` is of its bytes, so that a report says exactly what it measured."""

    name: str
    digest: str
    rows: tuple[R, ...]


def read(files: Mapping[str, bytes]) -> tuple[DataSet[Row], ...]:
    """The sets by name. Raises `Fault`, which names file and line:

    `data_row_invalid` (no JSON, unknown keys, a label that is none, an empty id or text), `data_empty`,
    `data_duplicate` (an id or a text of the same kind twice in a set, or in two sets with two labels).
    """
    decoder = msgspec.json.Decoder(Row)
    texts: dict[tuple[str, str], tuple[str, str]] = {}
    sets = []
    for name, data in files.items():
        rows: dict[str, Row] = {}
        here: set[tuple[str, str]] = set()
        for number, line in enumerate(data.split(b"\n"), 1):
            if not line.strip():
                continue
            place = f"{name}:{number}"
            row = _row(decoder, line, place)
            if row.id in rows:
                raise _twice(place, f"the id {row.id!r} stands twice")
            label, first = texts.setdefault((row.kind, row.text), (row.label, place))
            if label != row.label:
                raise _twice(place, f"the same text as in {first}, with another label")
            if (row.kind, row.text) in here:
                raise _twice(place, "the same text stands in this set before")
            here.add((row.kind, row.text))
            rows[row.id] = row
        if not rows:
            raise invalid("data_empty", f"{name} holds no row.", remedy=FORM, field="data")
        sets.append(DataSet(name, "sha256:" + hashlib.sha256(data).hexdigest(), tuple(rows.values())))
    if not sets:
        raise invalid("data_empty", "No labelled data.", remedy="Name a JSONL file.", field="data")
    return tuple(sets)


def once(sets: Sequence[DataSet[R]]) -> dict[tuple[str, str], R]:
    """Each request (by its key) once, by its first row: public sets quote each other."""
    found: dict[tuple[str, str], R] = {}
    for one in sets:
        for row in one.rows:
            found.setdefault(row.key, row)
    return found


def _row(decoder: msgspec.json.Decoder[Row], line: bytes, place: str) -> Row:
    try:
        row = decoder.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        # The library says what is wrong and where, and quotes no value.
        raise invalid("data_row_invalid", f"{place}: {error}.", remedy=FORM, field="data") from error
    for name in ("id", "text", "category", "lang", "source", "family", "technique"):
        value = getattr(row, name)
        if value is not None and not value.strip():
            raise invalid("data_row_invalid", f"{place}: `{name}` is empty.", remedy=FORM, field="data")
    return row


def _twice(place: str, what: str) -> Fault:
    return invalid(
        "data_duplicate", f"{place}: {what}.", remedy="Remove one: a row counts once.", field="data"
    )

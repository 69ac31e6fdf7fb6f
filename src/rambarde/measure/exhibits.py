"""Exhibits: labelled pictures, alone or as pairs of an input and an output, read as strictly as labelled prompts."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePath
from typing import Literal

import msgspec

from rambarde.nouns.fault import Fault, invalid

FORM = (
    "A row is {id, image | input + output, label: safe|unsafe, category, source, shows?, people?, text?}; "
    "`label` may be left out where `shows` says something."
)
SAFE, UNSAFE, WITHOUT = "safe", "unsafe", "not-"
ENDINGS = (".jpg", ".jpeg", ".png", ".webp")
_INPUT, _OUTPUT = ".input", ".output"


class Exhibit(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One picture that a generator answers, or such a picture with the one it was made from; paths as they stand.

    `label` says whether it must be stopped before release, `shows` which signals' things are there (`person`,
    `exposure` for `change.exposure`), and which are not. `people` are attributes by which rates are compared,
    such as `tone`. `text` is the prompt that came with it; without one it is judged as if harmless words had.
    """

    id: str
    category: str
    source: str
    label: Literal["safe", "unsafe"] | None = None
    image: str | None = None
    input: str | None = None
    output: str | None = None
    text: str | None = None
    shows: dict[str, bool] = {}
    people: dict[str, str] = {}

    @property
    def shown(self) -> str:
        """The picture that would be released."""
        return self.image or self.output or ""

    @property
    def kind(self) -> str:
        return "picture" if self.image is not None else "pair"

    @property
    def key(self) -> tuple[str, str]:
        return self.kind, "\n".join((self.input or "", self.shown, self.text or ""))

    @property
    def action(self) -> str:
        return "generate" if self.input is None else "edit"

    @property
    def lot(self) -> str:
        """The name of the picture that it starts from: edits of one photograph resemble each other."""
        return PurePath(self.input or self.shown).name

    @property
    def unsafe(self) -> bool:
        return self.label == UNSAFE

    @property
    def dimensions(self) -> Mapping[str, str]:
        return {"category": self.category, "kind": self.kind, "source": self.source, **self.people}

    def names(self, family: str) -> bool:
        return family in self.shows

    def truth(self, family: str, named: bool) -> bool | None:
        if named:
            return self.shows.get(family)
        return self.unsafe if self.label is not None else None


def lines(name: str, data: bytes) -> tuple[Exhibit, ...]:
    """The rows of a JSONL file. Raises `Fault`, which names file and line:

    `data_row_invalid` (no JSON, unknown keys, no picture, neither label nor `shows`, an empty word),
    `data_empty`, `data_duplicate` (an id, or the same pictures with the same text, twice).
    """
    decoder = msgspec.json.Decoder(Exhibit)
    rows: dict[str, Exhibit] = {}
    seen: set[tuple[str, str]] = set()
    for number, line in enumerate(data.split(b"\n"), 1):
        if not line.strip():
            continue
        place = f"{name}:{number}"
        try:
            row = decoder.decode(line)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise _invalid(f"{place}: {error}.") from error
        if why := _wrong(row):
            raise _invalid(f"{place}: {why}.")
        if row.id in rows or row.key in seen:
            raise invalid(
                "data_duplicate",
                f"{place}: {'the id' if row.id in rows else 'the same'} stands twice.",
                remedy="Remove one: a row counts once.",
                field="data",
            )
        rows[row.id] = row
        seen.add(row.key)
    if not rows:
        raise invalid("data_empty", f"{name} holds no row.", remedy=FORM, field="data")
    return tuple(rows.values())


def folder(name: str, paths: list[PurePath]) -> tuple[Exhibit, ...]:
    """The rows of a folder, from the paths of its pictures below it.

    `safe/…`, `unsafe/…`: the label; `person/…`, `not-person/…`: whether a signal's thing is there. A folder below
    is the category, else the first one is. `a.input.jpg` and `a.output.png` are one pair. Raises `Fault`
    `data_row_invalid` for a picture outside such a folder or half a pair, `data_empty` for none.
    """
    rows = []
    inputs = {_stem(path, _INPUT): path for path in paths if path.stem.endswith(_INPUT)}
    outputs = {_stem(path, _OUTPUT): path for path in paths if path.stem.endswith(_OUTPUT)}
    if lonely := sorted(str(stem) for stem in inputs.keys() ^ outputs.keys()):
        raise _invalid(f"{name}: {lonely[0]} is half a pair.")
    for path in sorted(paths):
        if path.stem.endswith(_OUTPUT):
            continue
        first = path.parts[0]
        if len(path.parts) < 2:
            raise _invalid(f"{name}: {path} lies in no folder that labels it.")
        category = path.parts[1] if len(path.parts) > 2 else first
        told = first in (SAFE, UNSAFE)
        common = {
            "id": str(path),
            "category": category,
            "source": name,
            "label": first if told else None,
            "shows": {} if told else {first.removeprefix(WITHOUT): not first.startswith(WITHOUT)},
        }
        if path.stem.endswith(_INPUT):
            both = {"input": str(path), "output": str(outputs[_stem(path, _INPUT)])}
            rows.append(msgspec.convert(common | both, Exhibit))
        else:
            rows.append(msgspec.convert(common | {"image": str(path)}, Exhibit))
    if not rows:
        raise invalid("data_empty", f"{name} holds no picture.", remedy=FORM, field="data")
    return tuple(rows)


def _stem(path: PurePath, ending: str) -> PurePath:
    return path.with_name(path.stem.removesuffix(ending))


def _wrong(row: Exhibit) -> str:
    """What is wrong with it; empty if nothing is."""
    if (row.image is None) is (row.input is None) or (row.input is None) is not (row.output is None):
        return "give `image`, or `input` and `output`"
    if row.label is None and not row.shows:
        return "neither `label` nor `shows` says anything"
    words = (row.id, row.category, row.source, row.image, row.input, row.output, row.text)
    if any(word is not None and not word.strip() for word in (*words, *row.people, *row.people.values())):
        return "a word is empty"
    if clash := row.people.keys() & {"category", "kind", "all", "set"}:
        return f"`people` may not name {min(clash)}"
    return ""


def _invalid(message: str) -> Fault:
    return invalid("data_row_invalid", message, remedy=FORM, field="data")

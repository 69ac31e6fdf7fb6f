"""The corpus: what the probe asks for, each request beside its harmless twin, in 18 languages or in your own rows."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cache
from importlib import resources

import msgspec
import yaml

from rambarde.measure.probe.lint import lint
from rambarde.nouns.fault import invalid

_TEMPLATES = ("paraphrase", "excuse")


@dataclass(frozen=True, slots=True)
class Wording:
    """One request and its twin. `paraphrase` and `excuse` are templates with one `{}`."""

    id: str
    lang: str
    family: str
    text: str
    twin: str
    paraphrase: str
    excuse: str


class _Row(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    id: str
    lang: str
    family: str
    text: str
    twin: str


@cache
def shipped() -> tuple[Wording, ...]:
    """The shipped corpus, linted: 18 languages, three families."""
    text = resources.files("rambarde.measure.probe").joinpath("corpus.yaml").read_text("utf-8")
    found = []
    for lang, entries in yaml.safe_load(text).items():
        around = {name: lint(entries[name], row=f"{lang} {name}") for name in _TEMPLATES}
        for family in (name for name in entries if name not in _TEMPLATES):
            harm, twin = entries[family]
            id = f"{lang}-{family}"
            found.append(Wording(id, lang, family, lint(harm, row=id), lint(twin, row=id), **around))
    return tuple(found)


def own(data: bytes, name: str) -> tuple[Wording, ...]:
    """Rows of your own: JSON lines `{"id", "lang", "family", "text", "twin"}`.

    Raises `Fault` `probe_corpus_invalid`, or `probe_row_refused` for a row that may name a minor.
    """
    templates = {one.lang: one for one in shipped()}
    found: dict[str, Wording] = {}
    for number, line in enumerate(data.splitlines(), 1):
        if not line.strip():
            continue
        try:
            row = msgspec.json.decode(line, type=_Row)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise _invalid(name, number, str(error)) from error
        if row.id in found or any(row.id == one.id for one in shipped()):
            raise _invalid(name, number, "its id stands twice")
        if not row.text.strip() or not row.twin.strip():
            raise _invalid(name, number, "a text is empty")
        around = templates.get(row.lang, templates["en"])
        where = f"{name}:{number}"
        found[row.id] = Wording(
            row.id,
            row.lang,
            row.family,
            lint(row.text, row=where),
            lint(row.twin, row=where),
            around.paraphrase,
            around.excuse,
        )
    return tuple(found.values())


def digest(wordings: tuple[Wording, ...]) -> str:
    """By what two runs can tell that they said the same."""
    return f"sha256:{hashlib.sha256(msgspec.json.encode(wordings)).hexdigest()}"


def _invalid(name: str, number: int, why: str) -> Exception:
    return invalid(
        "probe_corpus_invalid",
        f"{name}, line {number}: {why}.",
        remedy='Give lines of {"id", "lang", "family", "text", "twin"}.',
        field="corpus",
    )

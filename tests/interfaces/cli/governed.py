"""A data folder and its people, for the tests of governance: commands as an operator types them."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from click.testing import Result

from rambarde.guard.policy.reading import SHIPPED, shipped
from rambarde.guard.policy.signatures.key import FileKey
from rambarde.guard.policy.signatures.openssh import print_line

Rambarde = Callable[..., Result]

ADA, BEN, CLEO = "Ada Lovelace", "Ben Okri", "Cléo Durand"
FILES = {ADA: "ada.key", BEN: "ben.key", CLEO: "cleo.key"}
ROLES = {ADA: "[policy, accountable]", BEN: "[policy]", CLEO: "[accountable]"}
NOW = "2026-11-01T10:00:00Z"
THRESHOLD = "{signal: prompt.sexual, at_least: 0.5}"
"""Of the shipped policy's first rule: lower is tighter."""


@dataclass
class Town:
    """Commands in one folder, with the data in `d`."""

    folder: Path
    rambarde: Rambarde

    def __call__(self, *arguments: str, **expected: Any) -> Result:
        return self.rambarde("policy", *arguments, "--data", "d", **expected)

    def json(self, *arguments: str, **expected: Any) -> Any:
        out = self(*arguments, "--json", **expected).stdout
        return json.loads(out)

    def lines(self, *arguments: str) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self(*arguments, "--json").stdout.splitlines()]

    def changes(self) -> list[dict[str, Any]]:
        """The history's changes, without the remarks after them."""
        return [line for line in self.lines("history") if "number" in line]

    def write(self, name: str, text: str) -> str:
        (self.folder / name).write_text(text)
        return name

    def read(self, name: str) -> str:
        return (self.folder / name).read_text()

    def keys(self, *names: str) -> None:
        for name in names:
            if not (self.folder / FILES[name]).exists():
                self.rambarde("policy", "key", FILES[name])

    def line(self, name: str) -> str:
        return print_line(FileKey.read(self.folder / FILES[name]).public)

    def people(self, *names: str, **more: str) -> str:
        self.keys(*names)
        text = "rambarde-people: 1\npeople:\n"
        for name in names:
            text += f'  - name: {name}\n    roles: {ROLES[name]}\n    key: "{self.line(name)}"\n'
            text += more.get(FILES[name].partition(".")[0], "")
        return self.write("people.yaml", text)

    def sign(self, file: str, *names: str, reason: str | None = None, **expected: Any) -> Result:
        made: Result | None = None
        for place, name in enumerate(names):
            why = ["--reason", reason or "because"] if place == 0 else []
            last = expected if place + 1 == len(names) else {}
            made = self("sign", file, "--as", name, "--key", FILES[name], "--yes", *why, **last)
        assert made is not None
        return made

    def adopted(self, file: str, *names: str) -> None:
        self.sign(file, *names)
        self("adopt", file)

    def policy(self, text: str | None = None, name: str = "policy.yaml") -> str:
        return self.write(name, shipped(SHIPPED).decode() if text is None else text)

    def assessed(self, policy: str, **gate: Any) -> str:
        """The gate's form, filled in."""
        self.write("report.json", '{"rows": 30}')
        form = self("gate", policy, "--template").stdout
        return self.write("assessment.yaml", filled(form, "report.json", b'{"rows": 30}'))

    def govern(self) -> None:
        """From nothing to the shipped policy, signed by two."""
        self.adopted(self.people(ADA, BEN), ADA, BEN)
        policy = self.policy()
        self.adopted(self.assessed(policy), ADA)
        self.adopted(policy, ADA, BEN)


def filled(form: str, file: str, data: bytes) -> str:
    for pattern, words in (
        ("kind: <.*>", "kind: scenarios"),
        ("file: <.*>", f"file: {file}"),
        ("digest: <.*>", f"digest: sha256:{hashlib.sha256(data).hexdigest()}"),
        ("made_at: <.*>", f"made_at: {NOW}"),
        ("changed: <.*>", f"changed: {NOW[:10]}"),
        ("severity: <.*>", "severity: high"),
        ("likelihood: <.*>", "likelihood: low"),
        (": <.*>", ": filled in"),
    ):
        form = re.sub(pattern, words, form)
    return form


def tightened(text: str) -> str:
    assert THRESHOLD in text
    return text.replace(THRESHOLD, THRESHOLD.replace("0.5", "0.4"), 1)


def loosened(text: str) -> str:
    assert THRESHOLD in text
    return text.replace(THRESHOLD, THRESHOLD.replace("0.5", "0.6"), 1)

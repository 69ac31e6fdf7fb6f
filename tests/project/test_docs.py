"""Nothing that a user can name is undocumented: commands, settings, policy keys, routes, codes, extension points."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from dataclasses import fields
from functools import cache
from typing import Any, cast

import pytest
import typer

from rambarde.guard.policy import parse, reading
from rambarde.guard.policy.catalogue import LINEAGE_SPECS
from rambarde.guard.policy.language import CONTEXT_KEYS, Mode, Requirement
from rambarde.guard.upstreams.contract import UpstreamConfig
from rambarde.interfaces import parts
from rambarde.interfaces.cli.main import app as cli
from rambarde.interfaces.http.app import create_app
from rambarde.interfaces.settings import Settings
from rambarde.interfaces.wiring import Gateway
from rambarde.nouns.custody import Shelf
from rambarde.nouns.decision import Outcome, Point
from rambarde.nouns.record import Ending
from tests.project import faults
from tests.project.modules import ROOT, modules

DOCS = ROOT / "docs"


@cache
def text(name: str) -> str:
    return (DOCS / name).read_text("utf-8")


@cache
def code_words(name: str) -> frozenset[str]:
    """Everything that stands in backticks in a document."""
    return frozenset(re.findall(r"`([^`\n]+)`", text(name)))


def section(name: str, heading: str) -> str:
    """The text under a heading, up to the next heading of its level or above."""
    found = re.search(rf"^(#+) {re.escape(heading)}\s*$", text(name), re.M)
    assert found, f"docs/{name} has no heading {heading!r}"
    rest = text(name)[found.end() :]
    end = re.search(rf"^#{{1,{len(found[1])}}} ", rest, re.M)
    return rest[: end.start()] if end else rest


# The command line.


def commands(command: Any, path: str = "rambarde") -> Iterator[tuple[str, Any]]:
    yield path, command
    for name, child in getattr(command, "commands", {}).items():
        yield from commands(child, f"{path} {name}")


COMMANDS = dict(commands(typer.main.get_command(cli)))


@pytest.mark.parametrize("path", COMMANDS)
def test_every_command_and_option_is_documented(path: str) -> None:
    told = section("cli.md", f"`{path}`")
    for parameter in COMMANDS[path].params:
        if parameter.param_type_name == "argument":
            assert f"`{parameter.name.upper()}`" in told, f"{path} {parameter.name.upper()}"
        else:
            assert f"`{parameter.opts[0]}`" in told or f"`{parameter.opts[0]} " in told, (
                f"{path} {parameter.opts[0]}"
            )


def test_every_documented_command_and_option_exists() -> None:
    headings = re.findall(r"^#+ `(rambarde[^`]*)`$", text("cli.md"), re.M)
    assert set(headings) == set(COMMANDS)
    for path in headings:
        if hasattr(COMMANDS[path], "commands") and path != "rambarde":
            continue
        told = section("cli.md", f"`{path}`").split("\n#")[0]
        known = {option for parameter in COMMANDS[path].params for option in parameter.opts}
        assert set(re.findall(r"^\| `(--[a-z-]+)", told, re.M)) <= known, path


# Settings and environment variables.


@pytest.mark.parametrize("field", fields(Settings), ids=lambda f: f.name)
def test_every_setting_is_documented_with_its_default(field: Any) -> None:
    row = re.search(rf"^\| `{field.name}` \| ([^|]+) \|", text("settings.md"), re.M)
    assert row, f"docs/settings.md has no row for `{field.name}`"
    default = field.default
    shown = "empty" if default in ("", ()) else f"`{default}`"
    assert row[1].strip() == shown, (
        f"{field.name}: the document says {row[1].strip()}, the default is {shown}"
    )


def test_every_documented_setting_exists() -> None:
    rows = set(re.findall(r"^\| `([a-z_]+)` \|", text("settings.md"), re.M))
    assert rows == {f.name for f in fields(Settings)}


def test_every_environment_variable_is_documented() -> None:
    found = {name for m in modules().values() for name in re.findall(r"\bRAMBARDE_[A-Z_]+\b", m.text)}
    assert {"RAMBARDE_SERVER_KEY", "RAMBARDE_UPSTREAM_KEY"} <= found <= code_words("settings.md")


# The policy language.

POLICY_WORDS = sorted(
    {
        *reading._POLICY_KEYS,
        *reading._FLOOR_KEYS,
        *parse._RULE_KEYS,
        *parse._CONDITION_KEYS,
        *("at_least", "at_most", "is", "in"),
        *parse._STATES,
        *parse._FOLLOW,
        *CONTEXT_KEYS,
        *(f.name for f in fields(Mode) if f.name != "name"),
        *(f.name for f in fields(Requirement) if f.name != "name"),
        *(point.value for point in Point),
        *(outcome.word for outcome in Outcome),
        *reading.FLOOR_RULES,
    }
)


@pytest.mark.parametrize("word", POLICY_WORDS)
def test_every_word_of_the_policy_language_is_documented(word: str) -> None:
    assert word in code_words("policy.md")


# Extension points, detectors, signals.


def test_every_extension_point_is_documented() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    groups = {group for group in project["entry-points"] if group.startswith("rambarde")}
    assert groups == {parts.DETECTORS, parts.UPSTREAMS, parts.DIALECTS}, "a new extension point: document it"
    assert groups <= code_words("extending.md")
    for name in project["entry-points"][parts.DETECTORS]:
        assert section("detectors.md", f"`{name}`").strip()
    for name in project["entry-points"][parts.UPSTREAMS]:
        assert name in code_words("extending.md")
    for name in project["entry-points"][parts.DIALECTS]:
        assert name in code_words("extending.md")
    for field in fields(UpstreamConfig):
        assert field.name in code_words("extending.md")


def test_every_signal_is_documented() -> None:
    installed = parts.detectors(Settings())
    for detector in installed:
        told = section("detectors.md", f"`{detector.info.name}`")
        for spec in detector.info.specs:
            assert f"`{spec.name}`" in told, spec.name
    assert {spec.name for spec in LINEAGE_SPECS} <= code_words("detectors.md")


# The gateway.

ROUTES = sorted({str(getattr(r, "path", "")) for r in create_app(cast(Gateway, None)).routes})


@pytest.mark.parametrize("path", ROUTES)
def test_every_route_is_documented(path: str) -> None:
    assert any(word.endswith(path) for word in code_words("gateway.md"))


def test_every_header_is_documented() -> None:
    found = {
        name
        for module in modules().values()
        if module.name.startswith("rambarde.interfaces.http")
        for name in re.findall(
            r"\"((?:Rambarde|Idempotency|Server|Preference|Retry)-[A-Z][A-Za-z-]+)\"", module.text
        )
    }
    assert {"Rambarde-Context", "Rambarde-Mode", "Idempotency-Key", "Server-Timing"} <= found
    assert found <= code_words("gateway.md")


@pytest.mark.parametrize(("code", "where"), sorted(faults.codes().items()))
def test_every_fault_code_is_documented(code: str, where: str) -> None:
    pattern = re.compile(re.escape(code).replace(r"\*", "[a-z]+") + r"\Z")
    documented = code_words("gateway.md") | code_words("cli.md") | code_words("policy-signing.md")
    assert any(pattern.match(word) for word in documented), f"{code} of {where}"


def test_the_codes_that_programs_most_depend_on_are_found() -> None:
    assert {
        "context_expired",
        "n_out_of_range",
        "store_full",
        "policy_invalid",
        "upstream_refused",
    } <= faults.codes().keys()


def test_no_documented_code_is_made_up() -> None:
    told = set(re.findall(r"^\| `([a-z_0-9]+)` \| \d{3}", text("gateway.md"), re.M))
    known = set(faults.codes()) | {"held_for_review", "content_policy_violation"}
    assert len(told) > 60
    holes = [re.compile(re.escape(code).replace(r"\*", "[a-z]+") + r"\Z") for code in known if "*" in code]
    assert not [code for code in told - known if not any(hole.match(code) for hole in holes)]


@pytest.mark.parametrize(("code", "where"), sorted(faults.findings().items()))
def test_every_finding_of_log_verify_is_documented(code: str, where: str) -> None:
    assert code in code_words("log.md"), f"{code} of {where}"


# What is kept.


@pytest.mark.parametrize("ending", Ending)
def test_every_ending_is_documented(ending: Ending) -> None:
    assert ending.value in code_words("log.md")


@pytest.mark.parametrize("shelf", Shelf)
def test_everything_kept_is_documented(shelf: Shelf) -> None:
    assert shelf.value in code_words("privacy.md")


# Links.


@pytest.mark.parametrize(
    "path", [*sorted(DOCS.glob("*.md")), *sorted(ROOT.glob("*.md"))], ids=lambda p: str(p.relative_to(ROOT))
)
def test_links_between_documents_lead_somewhere(path: Any) -> None:
    for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", path.read_text("utf-8")):
        if not target.startswith(("http://", "https://", "mailto:")):
            assert (path.parent / target).exists(), f"{path.name} links to {target}"

"""`rambarde policy check`, `prove` and `compare`: plain words, JSON and exit statuses."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from rambarde.guard.policy.reading import SHIPPED, shipped
from rambarde.interfaces.cli.main import app
from rambarde.nouns.fault import Fault

TEXT = shipped(SHIPPED).decode()
EXEMPTED = (
    "      any:\n        - {signal: prompt.sexual, at_least: 0.5}\n",
    "      all:\n        - {context: surface, in: [web, app, reply]}\n",
)


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["policy", *map(str, arguments)])


def line(part: str) -> int:
    """Where it first stands in the shipped policy."""
    return TEXT[: TEXT.index(part)].count("\n") + 1


def written(folder: Path, *edits: tuple[str, str]) -> Path:
    text = TEXT
    for old, new in edits:
        assert old in text
        text = text.replace(old, new, 1)
    path = folder / "mine.yaml"
    path.write_text(text, "utf-8")
    return path


def test_the_shipped_policy_is_proven() -> None:
    done = run("prove", "shipped")
    assert done.exit_code == 0
    assert done.stdout.count("\nproven") == 4 and "BROKEN" not in done.stdout
    answer = json.loads(run("prove", "shipped", "--json").stdout)
    assert answer["ok"] is True and len(answer["invariants"]) == 4
    assert "plan" not in answer["inputs"]
    assert answer["seconds"] < 2


def test_a_counterexample_in_plain_words(tmp_path: Path) -> None:
    path = written(tmp_path, EXEMPTED)
    done = run("prove", path)
    assert done.exit_code == 1
    assert "on `api`, mode `standard`, at admit: `terms.sexual` 0.5 → allow; on `web` → block" in done.stdout
    found = json.loads(run("prove", path, "--json").stdout)["invariants"][1]["counterexample"]
    assert found["assigned"] == {"surface": "api", "terms.sexual": "0.5"}
    assert (found["outcome"], found["at_least"], found["evaluator"]) == ("allow", "block", "allow")


def test_not_more_permissive_than_another(tmp_path: Path) -> None:
    path = written(tmp_path, ("terms.sexual, at_least: 0.5", "terms.sexual, at_least: 0.6"))
    assert run("prove", path).exit_code == 0
    done = run("prove", path, "--than", "shipped")
    assert done.exit_code == 1 and "BROKEN  Not more permissive" in done.stdout
    assert run("prove", "shipped", "--than", path).exit_code == 0


def test_check_knows_measures_and_countries(tmp_path: Path) -> None:
    path = tmp_path / "m.yaml"
    path.write_bytes(shipped("measures/no-images.yaml"))
    assert run("check", path).exit_code == 0
    path.write_text(path.read_text() + "    countries: [UK]\n")
    done = run("check", path)
    assert done.exit_code == 1 and "'UK', which is no country. Did you mean 'GB'?" in done.stdout
    (found,) = json.loads(run("check", path, "--json").stdout)["findings"]
    assert (found["problem"], found["line"]) == ("unknown", int(done.stdout.split(":")[1]))


def test_a_duty_that_falls_away(tmp_path: Path) -> None:
    asked = ("    reason:", "    follow: [preserve]\n    reason:")
    path = written(tmp_path, asked)
    done = run("compare", path, "shipped")
    assert done.exit_code == 1 and done.stdout.startswith("loosened\n")
    assert "`preserve` no longer follows" in done.stdout
    (dropped,) = json.loads(run("compare", path, "shipped", "--json").stdout)["dropped"]
    assert dropped["duty"] == "preserve"
    back = run("compare", "shipped", path)
    assert back.exit_code == 1 and back.stdout.startswith(
        "loosened\n  loosened: kept of people: `preserve` follows"
    )
    assert json.loads(run("compare", "shipped", path, "--json").stdout)["kept"]


def test_compare(tmp_path: Path) -> None:
    path = written(tmp_path, ("terms.sexual, at_least: 0.5", "terms.sexual, at_least: 0.6"))
    done = run("compare", "shipped", path)
    assert done.exit_code == 1 and done.stdout.startswith("loosened\n")
    assert "`terms.sexual` at least 0.5 and below 0.6 → block becomes allow" in done.stdout
    assert run("compare", path, "shipped").exit_code == 0
    answer = json.loads(run("compare", path, "shipped", "--json").stdout)
    assert answer["verdict"] == "tightened" and answer["not_more_permissive"]
    assert json.loads(run("compare", "shipped", "shipped", "--json").stdout)["verdict"] == "equivalent"


def test_compare_tells_at_most_so_many_regions(tmp_path: Path) -> None:
    path = written(tmp_path, ("terms.sexual, at_least: 0.5", "terms.sexual, at_least: 0.6"))
    answer = json.loads(run("compare", "shipped", path, "--limit", 1, "--json").stdout)
    assert len(answer["loosened"]) == 1 and answer["more"] == ["loosened"]


def test_a_detector_swapped(tmp_path: Path) -> None:
    done = run("compare", "shipped", written(tmp_path, ('age: {version: "1"', 'age: {version: "2"')))
    assert done.exit_code == 1 and done.stdout.startswith("both\n")
    assert "detector age" in done.stdout


def test_check(tmp_path: Path) -> None:
    assert run("check", "shipped").exit_code == 0
    path = written(
        tmp_path, ("    then: block\n", "    then: block\n    from: 2027-01-01\n    until: 2026-01-01\n")
    )
    done = run("check", path)
    assert done.exit_code == 1
    first = line("- id: sexual-content")
    assert f"mine.yaml:{first}:5: `sexual-content` can never fire" in done.stdout
    (finding,) = json.loads(run("check", path, "--json").stdout)["findings"]
    assert (finding["problem"], finding["line"], finding["column"]) == ("unreachable", first, 5)


def test_check_tells_what_does_not_parse(tmp_path: Path) -> None:
    path = written(tmp_path, ("signal: terms.sexual", "signal: terms.sexuall"))
    done = run("check", path)
    assert done.exit_code == 1 and "Did you mean 'terms.sexual'?" in done.stdout
    (finding,) = json.loads(run("check", path, "--json").stdout)["findings"]
    assert finding["problem"] == "invalid" and finding["line"] == line("signal: terms.sexual")


@pytest.mark.parametrize("command", ["check", "prove"])
def test_a_file_that_is_not_there(command: str, tmp_path: Path) -> None:
    done = run(command, tmp_path / "none.yaml")
    assert isinstance(done.exception, Fault) and done.exception.code == "policy_unreadable"

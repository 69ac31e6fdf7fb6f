"""`rambarde policy explain`, `table`, `test` and `replay`, on a log that a chain might have written."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from typer.testing import CliRunner, Result

from rambarde.guard.policy.catalogue import Catalogue
from rambarde.guard.policy.evaluation import Evaluator, Facts
from rambarde.guard.policy.language import Policy
from rambarde.guard.policy.reading import SHIPPED, read_policy, shipped
from rambarde.interfaces import parts
from rambarde.interfaces.cli.main import app
from rambarde.interfaces.settings import Settings
from rambarde.interfaces.vault import Vault
from rambarde.nouns.decision import Decision, Point
from rambarde.nouns.fault import Fault
from rambarde.nouns.record import Ending, OutputNote, Record
from rambarde.nouns.signal import Signal
from rambarde.prove.commitment import commit
from rambarde.store.ledger import Ledger
from rambarde.store.schema import log_entries
from tests.samples import a_record

pytestmark = pytest.mark.slow

TEXT = shipped(SHIPPED).decode()
NOW = datetime.now(UTC)


def run(*arguments: object, status: int = 0, fails: str | None = None) -> Result:
    done = CliRunner().invoke(app, ["policy", *map(str, arguments)])
    if fails:
        assert isinstance(done.exception, Fault) and done.exception.code == fails, done.output
    else:
        assert done.exit_code == status, (done.output, done.exception)
    return done


@pytest.fixture(scope="module")
def names() -> Catalogue:
    return parts.judging(Settings())[2]


@pytest.fixture(scope="module")
def policy(names: Catalogue) -> Policy:
    return read_policy(shipped(SHIPPED), names)


def decided(policy: Policy, names: Catalogue, point: Point, values: dict[str, float], day: date) -> Decision:
    signals = {e.name: Signal.absent(e.name) for e in names.values() if point in e.points}
    signals |= {name: Signal.measured(name, value) for name, value in values.items()}
    facts = Facts("generate", "web", "standard", "FR", False, day)
    return Evaluator(policy, names).decide(point, facts, signals)


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, policy: Policy, names: Catalogue) -> Iterator[Path]:
    """Four requests of an hour ago, one of a month ago: allowed, refused, held, of a minor, old."""
    monkeypatch.chdir(tmp_path)
    pins = tuple((d.name, f"{d.version}@{d.digest}") for d in policy.detectors)

    def record(number: int, ago: timedelta, admit: dict[str, float], *outputs: dict[str, float]) -> Record:
        day = (NOW - ago).date()
        return replace(
            a_record(number),
            id=f"d{number}",
            received_at=NOW - ago,
            detectors=pins,
            admit=decided(policy, names, Point.ADMIT, admit, day),
            outputs=tuple(
                OutputNote(i, decided(policy, names, Point.RELEASE, o, day), "d" * 64)
                for i, o in enumerate(outputs)
            ),
        )

    hour = timedelta(hours=1)
    records = [
        record(0, hour, {"prompt.sexual": 0.1}, {"output.nudity": 0.1}),
        record(1, hour, {"prompt.sexual": 0.83}),
        record(2, hour, {}, {"output.nudity": 0.1}, {"output.nudity": 0.7}),
        record(3, hour, {"prompt.minor": 0.9, "prompt.sexual": 0.55}),
        record(4, timedelta(days=30), {"prompt.sexual": 0.55}),
        replace(
            a_record(5, fault="n_out_of_range"),
            id="d5",
            received_at=NOW - hour,
            admit=None,
            outputs=(),
            ending=Ending.FAULT,
        ),
    ]
    folder = tmp_path / "data"
    vault = Vault.open(Settings(data=str(folder)))
    try:
        with Ledger(vault.database).writing() as truth:
            truth.add(0, [commit("record", one.as_json()) for one in records])
    finally:
        vault.close()
    yield folder


def written(folder: Path, *edits: tuple[str, str], name: str = "mine.yaml") -> Path:
    text = TEXT
    for old, new in edits:
        assert old in text
        text = text.replace(old, new, 1)
    path = folder / name
    path.write_text(text, "utf-8")
    return path


LAXER = ("prompt.sexual, at_least: 0.5", "prompt.sexual, at_least: 0.9")


# explain


def test_explain(data: Path) -> None:
    said = run("explain", "d1", "--data", data).stdout
    assert "d1: released, received on" in said and "\nadmit: block\n" in said
    assert "sexual-content (own) → block: Sexual content is not offered here." in said
    assert "because: `prompt.sexual` 0.83 (at least 0.5)" in said
    assert "change 1: `prompt.sexual` below 0.5 instead of 0.83 → allow" in said
    assert (
        "mode spicy relaxes sexual-content: would be block; asks for an assured age and a caller in" in said
    )
    assert "another" not in said
    (decision,) = json.loads(run("explain", "d1", "--data", data, "--json").stdout)["decisions"]
    assert decision["changes"][0]["example"]["prompt.sexual"]["state"] == "value"
    assert decision["same_policy"] is True and decision["closed"] is False
    assert decision["rules"][0]["kind"] == "own"


def test_explain_each_output(data: Path) -> None:
    said = run("explain", "d2", "--data", data).stdout
    assert "\nadmit: allow\n" in said and "\nrelease, output 0: allow\n" in said
    assert "\nrelease, output 1: review\n" in said and "nude-looking-output" in said
    assert said.count("change 1") == 1


def test_explain_tells_nothing_that_leads_around_a_rule_about_minors(data: Path) -> None:
    said = run("explain", "d3", "--data", data).stdout
    assert "minor-sexual (floor) → block" in said and "  Nothing changes this." in said
    assert "change 1" not in said and "mode spicy" not in said
    (decision,) = json.loads(run("explain", "d3", "--data", data, "--json").stdout)["decisions"]
    assert decision["closed"] and decision["changes"] == [] and decision["modes"] == []


def test_explain_says_when_it_judges_with_another_policy(data: Path, tmp_path: Path, policy: Policy) -> None:
    path = written(tmp_path, LAXER)
    said = run("explain", "d1", "--data", data, "--policy", path).stdout
    assert f"Decided with the policy {policy.digest}; judged here with another" in said
    assert "this policy says allow" in said and "does not fire on these signals" in said


def test_explain_what_was_never_judged(data: Path) -> None:
    said = run("explain", "d5", "--data", data).stdout
    assert "d5: fault (n_out_of_range)" in said and "before anything was decided" in said
    run("explain", "nobody", "--data", data, fails="record_unknown")


# table


def test_table(tmp_path: Path) -> None:
    said = run("table", "shipped", "--on", "2026-11-01", "--mode", "standard").stdout
    assert said.startswith("# Decision table of the policy shipped\n") and "Not legal advice" in said
    assert "| **minor-sexual** (floor)." in said and "In the mode spicy" not in said
    assert "[real-person] and [asks-sexual]" in said and "2026-11-01 (UTC)" in said
    out = tmp_path / "t.html"
    assert run("table", "shipped", "--format", "html", "-o", out).stdout == ""
    assert out.read_text("utf-8").startswith("<!doctype html>")
    found = run("table", "shipped", "--country", "DE", "--country", "unknown").stdout
    assert "| Rule | DE | unknown |" in found


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["--mode", "wild"], "mode_unknown"),
        (["--country", "Germany"], "country_invalid"),
        (["--on", "soon"], "date_invalid"),
        (["--format", "pdf"], "format_unknown"),
        (["-o", "no/such/folder/t.md"], "file_unwritable"),
    ],
)
def test_table_refuses(
    arguments: list[str], code: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    run("table", "shipped", *arguments, fails=code)


# test


def test_the_shipped_examples_hold(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, policy: Policy) -> None:
    monkeypatch.chdir(tmp_path)
    said = run("test").stdout
    assert f"examples hold for shipped {policy.digest}" in said
    answer = json.loads(run("test", "--json").stdout)
    assert answer["ok"] and answer["examples"] >= 25 and answer["failures"] == []


def test_examples_beside_a_policy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    path = written(tmp_path, LAXER)
    beside = tmp_path / "mine.tests.yaml"
    text = shipped("shipped.tests.yaml").decode()
    beside.write_text(text.replace("policy: shipped\n", ""), "utf-8")
    for arguments in ([beside], ["--policy", path], [beside, "--policy", path]):
        done = run("test", *arguments, status=1)
        assert (
            "sexual words: is allow, not block; sexual-content does not fire. Fired: nothing." in done.stdout
        )
    answer = json.loads(run("test", beside, "--json", status=1).stdout)
    assert not answer["ok"] and answer["failures"][0]["line"] > 8
    # What the file names counts more than what stands beside it, and less than --policy.
    beside.write_text(text, "utf-8")
    run("test", beside)
    run("test", beside, "--policy", path, status=1)
    beside.write_text(text.replace("policy: shipped", "policy: mine.yaml"), "utf-8")
    run("test", beside, status=1)


def test_examples_that_cannot_be_read(tmp_path: Path) -> None:
    run("test", tmp_path / "none.tests.yaml", fails="examples_unreadable")
    path = tmp_path / "bad.tests.yaml"
    path.write_text("rambarde-policy-tests: 1\ntests: [{nme: x}]\n", "utf-8")
    done = run("test", path, fails="policy_invalid")
    assert "bad.tests.yaml:2:" in str(done.exception)


# replay


def test_replay_with_the_same_policy_changes_nothing(data: Path) -> None:
    answer = json.loads(run("replay", "shipped", "--data", data, "--json").stdout)
    assert (answer["records"], answer["decisions"], answer["changed"]) == (5, 7, 0)
    assert answer["ended_before_signals"] == 1 and answer["unreadable"] == 0
    assert answer["other_detectors"] == {} and answer["lacking_signals"] == {}


def test_replay_counts_and_lists_what_changes(data: Path, tmp_path: Path) -> None:
    path, out = written(tmp_path, LAXER), tmp_path / "changes.jsonl"
    said = run("replay", path, "--data", data, "--changes", out).stdout
    assert "7 decisions judged again, 1 come out otherwise" in said
    assert "  admit: block → allow: 1  (changed)" in said
    assert "fired then and do not now: sexual-content 2" in said
    assert "1 requests stopped at admit would go on now" in said
    (row,) = map(json.loads, out.read_text("utf-8").splitlines())
    assert row == {
        "id": "d1", "point": "admit", "output": None, "was": "block", "now": "allow", "rules": [],
        "was_rules": ["sexual-content"], "lacking": [], "other_detectors": [],
    }  # fmt: skip
    everything = json.loads(
        run("replay", path, "--data", data, "--from", "2020-01-01", "--to", NOW.isoformat(), "--json").stdout
    )
    assert everything["records"] == 6 and everything["changed"] == 2
    assert (
        json.loads(run("replay", path, "--data", data, "--to", "2020-01-01", "--json").stdout)["records"] == 0
    )


def test_replay_counts_another_version_of_a_detector(data: Path, tmp_path: Path) -> None:
    path = written(tmp_path, ('age: {version: "1"', 'age: {version: "2"'))
    answer = json.loads(run("replay", path, "--data", data, "--json").stdout)
    assert answer["other_detectors"] == {"age": 4} and answer["changed"] == 0


def test_replay_names_a_record_that_it_cannot_read(data: Path) -> None:
    vault = Vault.open(Settings(data=str(data)))
    with vault.database.writing() as connection:
        connection.execute(
            sa.update(log_entries).where(log_entries.c.id == "d0").values(body=b'{"schema": 1}')
        )
    vault.close()
    done = run("replay", "shipped", "--data", data, "--json", status=1)
    assert "d0: " in done.stderr and "log verify" in done.stderr
    answer = json.loads(done.stdout)
    assert (answer["records"], answer["unreadable"], answer["decisions"]) == (5, 1, 5)


def test_replay_refuses_a_bad_time(data: Path) -> None:
    run("replay", "shipped", "--data", data, "--from", "last week", fails="date_invalid")
    run("replay", data / "none.yaml", "--data", data, fails="policy_unreadable")

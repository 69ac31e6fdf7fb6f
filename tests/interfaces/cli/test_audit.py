"""`rambarde audit` from the outside: numbers, folders, reports."""

from __future__ import annotations

import json
import random
import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from typer.testing import CliRunner

from rambarde.interfaces.cli.main import app
from rambarde.measure.audit import sheet as sheets
from rambarde.measure.audit.journal import Journal, Labelled, Opened
from rambarde.nouns.fault import Fault


def run(*arguments: object) -> Any:
    return CliRunner().invoke(app, ["audit", *(str(one) for one in arguments)])


def answer(*arguments: object) -> Any:
    result = run(*arguments, "--json")
    if isinstance(result.exception, Fault):
        raise result.exception
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


PUBLISHED = ("estimate", "--positive", 12995, "--n", 20000, "--population", 4621335)


def test_the_published_numbers_in_the_published_shape() -> None:
    found = answer(*PUBLISHED)
    assert list(found) == ["apparent", "true", "total"]
    assert all(list(figure) == ["value", "low", "high"] for figure in found.values())
    assert found["apparent"] == found["true"]
    assert found["apparent"]["value"] == 0.64975
    assert found["total"] == {"value": 3_002_712, "low": 2_972_029, "high": 3_033_131}
    assert (
        answer("estimate", "--positive", 101, "--n", 20000, "--population", 4621335)["total"]["value"]
        == 23_338
    )
    assert answer("estimate", "--positive", 1, "--n", 20)["total"] is None


def test_errors_of_labels_and_clamping() -> None:
    options = ("--se", 0.9, "--sp", 0.95, "--method", "blaker")
    found = answer(*PUBLISHED, *options)
    assert found["true"]["value"] == pytest.approx((0.64975 + 0.95 - 1) / 0.85)
    assert "clamped" not in found
    measured = answer(*PUBLISHED, *options, "--se-n", 100, "--sp-n", 100)
    assert measured["true"]["low"] < found["true"]["low"] < found["true"]["high"] < measured["true"]["high"]
    rare = answer("estimate", "--positive", 3, "--n", 1000, *options)
    assert rare["clamped"] == ["true.value", "true.low", "true.high"] and rare["true"]["high"] == 0
    assert len(rare["notes"]) == 1
    told = run("estimate", "--positive", 3, "--n", 1000, *options)
    assert "Clamped" in told.stderr and "cannot be" in told.stderr


def test_strata_from_a_table(tmp_path: Path) -> None:
    table = tmp_path / "strata.csv"
    table.write_text("stratum,size,n,positive\nlow,9000,100,3\nhigh,1000,100,80\n")
    found = answer("estimate", "--strata", table)
    assert found["apparent"]["value"] == pytest.approx(0.107)
    assert found["total"]["value"] == 1070
    table.write_text("stratum,size,expected\nlow,9000,0.03\nhigh,1000,0.8\n")
    plan = answer("plan", "--strata", table, "--half-width", 0.02)
    assert plan["design"] == "stratified" and sum(plan["strata"].values()) == plan["label"]
    assert answer("plan", "--strata", table, "--half-width", 0.02, "--cost", 0.001)["design"] == "two-phase"
    assert answer("plan", "--half-width", 0.007, "--expect", 0.65)["normal"] == 17_836


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("estimate",), "audit_options"),
        (("estimate", "--positive", 3), "audit_options"),
        (("estimate", "--positive", 3, "--n", 2), "audit_counts"),
        (("estimate", "--positive", 3, "--n", 9, "--population", 4), "audit_population"),
        (("estimate", "--positive", 3, "--n", 9, "--finite"), "audit_population"),
        (("estimate", "--positive", 3, "--n", 9, "--method", "wald"), "audit_method"),
        (("estimate", "--positive", 3, "--n", 9, "--confidence", 95), "audit_share"),
        (("estimate", "--positive", 3, "--n", 9, "--se", 0.4, "--sp", 0.5), "audit_instrument"),
        (("estimate", "nowhere"), "audit_unreadable"),
        (("estimate", "--strata", "nowhere.csv"), "audit_strata"),
        (("plan", "--half-width", 0.6), "audit_width"),
        (("plan", "--half-width", 0.1, "--cost", 0.1), "audit_strata"),
        (("draw", "out"), "audit_options"),
        (("draw", "out", "--records"), "audit_options"),
        (("draw", "out", "nowhere.csv"), "frame_unreadable"),
        (("draw", "out", "x.csv", "--cuts", "0.5"), "audit_cuts"),
        (("scan", "x", "--out", "y", "--engine", "spark"), "audit_engine"),
        (("report", "nowhere"), "audit_unreadable"),
    ],
)
def test_what_cannot_be_is_a_fault_with_a_remedy(arguments: tuple[object, ...], code: str) -> None:
    with pytest.raises(Fault) as caught:
        answer(*arguments)
    assert caught.value.code == code and caught.value.remedy and caught.value.field


def labelled(folder: Path, say: Any, raters: tuple[str, ...] = ("ann", "bo"), most: int = 10_000) -> None:
    """Labels as the page writes them: what each rater says of a unit."""
    sheet, units = sheets.read(folder)
    journal = Journal(folder / sheets.JOURNAL)
    journal.add(Opened("t", sheet.sample, "Is it <round>?", raters, None, "ours & theirs", 0.0))
    for unit in units[:most]:
        for rater in raters:
            journal.add(Labelled("t", rater, unit.number, say(unit, rater), "first"))
    journal.close()


@pytest.fixture
def frame(tmp_path: Path) -> Path:
    """3,000 names with a score that tells most of the truth, which is in the name."""
    draw = random.Random(4)
    rows = ["path,surface,score"]
    for number in range(3000):
        yes = draw.random() < 0.2
        score = min(1.0, max(0.0, 0.7 * yes + 0.3 * draw.random()))
        rows.append(f"{number:04}-{'yes' if yes else 'no'}.png,{'web' if number % 3 else 'app'},{score:.3f}")
    path = tmp_path / "frame.csv"
    path.write_text("\n".join(rows) + "\n")
    return path


def truth(unit: sheets.Unit, rater: str) -> str:
    return "positive" if "yes" in unit.id else "negative"


def true_share(frame: Path) -> float:
    lines = frame.read_text().splitlines()[1:]
    return sum("yes" in line for line in lines) / len(lines)


def test_simple_with_a_classifier(tmp_path: Path, frame: Path) -> None:
    audit = tmp_path / "audit"
    sheet = answer("draw", audit, frame, "--size", 400, "--seed", "s", "--score", "score")
    assert sheet["design"] == "simple" and sheet["frame"]["scores"]["count"] == 3000
    labelled(audit, truth)
    found = answer("estimate", audit, "--method", "clopper-pearson")
    assert found["apparent"]["low"] < true_share(frame) < found["apparent"]["high"]
    assert found["population"] == 3000 and found["counts"]["positive"] + found["counts"]["negative"] == 400
    powered = found["powered"]
    assert powered["labels_saved"] > 400
    assert powered["apparent"]["low"] < true_share(frame) < powered["apparent"]["high"]
    assert found["agreement"]["cohen"]["value"] == found["agreement"]["krippendorff"]["value"] == 1
    # The same frame in another order and another file draws the same.
    lines = frame.read_text().splitlines()
    other = tmp_path / "other.csv"
    other.write_text("\n".join([lines[0], *reversed(lines[1:])]) + "\n")
    again = answer("draw", tmp_path / "again", other, "--size", 400, "--seed", "s", "--score", "score")
    assert again["sample"] == sheet["sample"] and again["frame"]["digest"] == sheet["frame"]["digest"]


def test_strata_and_two_phases(tmp_path: Path, frame: Path) -> None:
    audit = tmp_path / "strata"
    sheet = answer("draw", audit, frame, "--size", 300, "--seed", "s", "--stratify", "surface")
    assert sheet["sizes"] == {"app": 100, "web": 200}
    labelled(audit, truth)
    found = answer("estimate", audit)
    assert found["apparent"]["low"] < true_share(frame) < found["apparent"]["high"]
    assert [one["name"] for one in found["strata"]] == ["app", "web"] and found["powered"] is None
    # First phase, "scanned" into a table, second phase.
    answer("draw", tmp_path / "first", frame, "--size", 1500, "--seed", "one")
    scores = {line.split(",")[0]: line.split(",")[2] for line in frame.read_text().splitlines()}
    scan = tmp_path / "scan.jsonl"
    scan.write_text(
        "".join(
            json.dumps({"path": u.id, "signals": {"x": {"state": "value", "value": float(scores[u.id])}}})
            + "\n"
            for u in sheets.read(tmp_path / "first")[1]
        )
    )
    second = (
        "draw",
        tmp_path / "second",
        scan,
        "--of",
        tmp_path / "first",
        "--score",
        "x",
        "--cuts",
        "0.25,0.6",
    )
    sheet = answer(*second, "--size", 200, "--seed", "two")
    assert sheet["design"] == "two-phase" and sheet["frame"]["population"] == 3000
    labelled(tmp_path / "second", truth)
    found = answer("estimate", tmp_path / "second")
    assert found["apparent"]["low"] < true_share(frame) < found["apparent"]["high"]
    assert found["total"]["value"] == round(found["true"]["value"] * 3000)
    with pytest.raises(Fault) as caught:
        answer("draw", tmp_path / "third", frame, "--of", tmp_path / "first")
    assert caught.value.code == "audit_phase"


def test_what_is_missing_moves_the_bounds(tmp_path: Path, frame: Path) -> None:
    audit = tmp_path / "audit"
    answer("draw", audit, frame, "--size", 200, "--seed", "s")
    with pytest.raises(Fault) as caught:
        answer("estimate", audit)
    assert caught.value.code == "audit_unlabelled"

    def say(unit: sheets.Unit, rater: str) -> str:
        if unit.number <= 10:
            return "unsure"
        return "positive" if unit.number <= 20 and rater == "bo" else truth(unit, rater)

    labelled(audit, say, most=150)
    found = answer("estimate", audit)
    assert found["counts"]["unsure"] == 10 and found["counts"]["disputed"] > 0
    assert found["counts"]["unlabelled"] == 50
    missing = found["counts"]["unsure"] + found["counts"]["disputed"]
    assert found["missing"]["most"]["value"] - found["missing"]["least"]["value"] == pytest.approx(
        missing / 150
    )
    assert len(found["notes"]) == 2


def test_a_sample_or_label_that_was_changed_is_not_estimated(tmp_path: Path, frame: Path) -> None:
    audit = tmp_path / "audit"
    answer("draw", audit, frame, "--size", 50, "--seed", "s")
    with pytest.raises(Fault) as caught:
        answer("draw", audit, frame, "--size", 50, "--seed", "t")
    assert caught.value.code == "audit_exists"
    labelled(audit, truth)
    labels = audit / sheets.JOURNAL
    whole = labels.read_text()
    labels.write_text(whole.replace('"negative"', '"positive"', 1))
    with pytest.raises(Fault) as caught:
        answer("estimate", audit)
    assert caught.value.code == "journal_invalid"
    labels.write_text(whole)
    sample = audit / sheets.SAMPLE
    sample.write_text("\n".join(sample.read_text().splitlines()[1:]) + "\n")
    with pytest.raises(Fault) as caught:
        answer("estimate", audit)
    assert caught.value.code == "audit_unreadable"


@pytest.mark.parametrize(
    ("language", "says", "number"), [("en", "How many", "3,000"), ("fr", "Combien", "3\u202f000")]
)
def test_the_report_repeats_the_audit(
    tmp_path: Path, frame: Path, language: str, says: str, number: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    audit = tmp_path / "audit"
    sheet = answer(
        "draw",
        audit,
        frame,
        "--size",
        300,
        "--seed",
        "a 'quoted' seed",
        "--score",
        "score",
        "--cuts",
        "0.3,0.6",
    )
    labelled(audit, truth)
    options = ("--se", 0.97, "--sp", 0.99, "--se-n", 300, "--sp-n", 300, "--method", "blaker")
    page = tmp_path / "report.html"
    told = answer("report", audit, "--html", page, "--language", language, *options)
    text = page.read_text("utf-8")
    assert f'lang="{language}"' in text and says in text and number in text
    for part in (
        sheet["seed"].split("'")[0],
        sheet["sample"],
        sheet["frame"]["digest"],
        told["labels"],
        "ours &amp; theirs",
    ):
        assert part in text, part
    assert (
        "Is it &lt;round&gt;?" in text
        and "<script" not in text
        and "http://" not in text.replace("http://www.w3.org", "")
    )
    assert not re.search(r"\{[a-z_]+\}|@[A-Z]+@", text)
    charts = re.findall(r"<svg.*?</svg>", text, re.S)
    assert len(charts) == 2
    for chart in charts:
        root = ElementTree.fromstring(chart)
        assert root.get("role") == "img" and "%" in (root.get("aria-label") or "")
    # The commands it prints draw and estimate the same.
    monkeypatch.chdir(tmp_path)
    import shlex

    draw, estimate = (shlex.split(command) for command in told["commands"])
    again = answer(
        *["again" if part == "audit" and place == 3 else part for place, part in enumerate(draw)][2:]
    )
    assert again["sample"] == sheet["sample"]
    found = answer(*estimate[2:])
    assert found["true"] == told["finding"]["true"] and found["total"] == told["finding"]["total"]
    with pytest.raises(Fault) as caught:
        answer("report", audit, "--html", page, "--language", "de")
    assert caught.value.code == "audit_language"


def test_both_languages_have_the_same_words() -> None:
    from rambarde.measure.audit.wording import LANGUAGES, _words

    words = {language: _words(language) for language in LANGUAGES}
    assert words["en"].keys() == words["fr"].keys()
    for name, text in words["en"].items():
        assert set(re.findall(r"\{(\w+)\}", text)) == set(re.findall(r"\{(\w+)\}", words["fr"][name])), name

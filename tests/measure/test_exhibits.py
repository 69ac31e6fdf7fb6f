"""Labelled pictures are read strictly, from files and from folders, and counted by what they say of themselves."""

from __future__ import annotations

import json
from pathlib import PurePosixPath

import pytest

from rambarde.measure.evaluate import Gauge, Judged, evaluate
from rambarde.measure.exhibits import Exhibit, folder, lines
from rambarde.measure.rows import DataSet
from rambarde.nouns.decision import Outcome
from rambarde.nouns.fault import Fault
from rambarde.nouns.signal import Polarity, Signal
from tests.measure.test_evaluate import HEADER

ROW = {"id": "1", "image": "a.jpg", "label": "safe", "category": "c", "source": "s"}
PAIR = {"id": "2", "input": "a.jpg", "output": "b.jpg", "label": "unsafe", "category": "c", "source": "s"}
NUDITY = Gauge("output.nudity", Polarity.HIGH_IS_WORSE, "nudity", (0.6,))


def read(*rows: dict[str, object]) -> tuple[Exhibit, ...]:
    return lines("a.jsonl", "\n".join(json.dumps(row) for row in rows).encode())


def test_pictures_and_pairs_are_read() -> None:
    one, two = read(ROW, PAIR)
    assert (one.kind, one.shown, two.kind, two.shown) == ("picture", "a.jpg", "pair", "b.jpg")
    assert (one.unsafe, two.unsafe) == (False, True) and one.key != two.key


@pytest.mark.parametrize(
    "row",
    [
        {k: v for k, v in ROW.items() if k != "image"},
        ROW | {"input": "b.jpg"},
        ROW | {"input": "b.jpg", "output": "c.jpg"},
        {k: v for k, v in PAIR.items() if k != "input"},
        {k: v for k, v in PAIR.items() if k != "output"},
        {k: v for k, v in ROW.items() if k != "label"},
        ROW | {"label": "Safe"},
        ROW | {"shows": {"person": 1}},
        ROW | {"people": {"category": "x"}},
        ROW | {"people": {"tone": " "}},
        ROW | {"image": ""},
        ROW | {"colour": "red"},
    ],
    ids=str,
)
def test_a_row_that_is_none_names_its_line(row: dict[str, object]) -> None:
    with pytest.raises(Fault) as caught:
        read(PAIR | {"id": "0"}, row)
    assert caught.value.code == "data_row_invalid" and "a.jsonl:2" in caught.value.message


@pytest.mark.parametrize("again", [ROW, ROW | {"id": "3"}])
def test_a_row_counts_once(again: dict[str, object]) -> None:
    with pytest.raises(Fault) as caught:
        read(ROW, again)
    assert caught.value.code == "data_duplicate"
    assert len(read(ROW, ROW | {"id": "3", "text": "a tree"})) == 2, "other words are another request"


def test_no_row_is_no_data() -> None:
    with pytest.raises(Fault) as caught:
        lines("a", b"\n")
    assert caught.value.code == "data_empty"


def paths(*names: str) -> list[PurePosixPath]:
    return [PurePosixPath(name) for name in names]


def test_a_folder_labels_by_its_folders() -> None:
    found = {row.id: row for row in folder("d", list(paths(
        "safe/beach/1.jpg", "unsafe/2.PNG", "person/3.webp", "not-person/4.jpg", "safe/5.input.jpg", "safe/5.output.png"
    )))}  # fmt: skip
    assert [row.label for row in found.values()].count(None) == 2
    assert found["safe/beach/1.jpg"].category == "beach" and found["unsafe/2.PNG"].category == "unsafe"
    assert found["person/3.webp"].shows == {"person": True}
    assert found["not-person/4.jpg"].shows == {"person": False}
    pair = found["safe/5.input.jpg"]
    assert (pair.kind, pair.input, pair.output) == ("pair", "safe/5.input.jpg", "safe/5.output.png")
    assert len(found) == 5


@pytest.mark.parametrize(
    ("names", "code"),
    [(("1.jpg",), "data_row_invalid"), (("safe/1.input.jpg",), "data_row_invalid"), ((), "data_empty")],
)
def test_a_folder_that_says_nothing_is_a_fault(names: tuple[str, ...], code: str) -> None:
    with pytest.raises(Fault) as caught:
        folder("d", list(paths(*names)))
    assert caught.value.code == code


def judged(word: str, value: float | None) -> Judged:
    signal = (
        Signal.no_answer("output.nudity", "") if value is None else Signal.measured("output.nudity", value)
    )
    return Judged(Outcome[word.upper()], (), False, {signal.name: signal})


def test_rates_by_attribute_and_the_share_without_an_answer() -> None:
    rows = read(
        ROW | {"people": {"tone": "dark"}},
        ROW | {"id": "2", "image": "b", "people": {"tone": "light"}},
        ROW | {"id": "3", "image": "c", "label": "unsafe", "people": {"tone": "dark"}},
        {"id": "4", "image": "d", "shows": {"nudity": False}, "category": "c", "source": "s"},
        ROW | {"id": "5", "image": "e", "shows": {"nudity": True}},
    )
    said = [("review", 0.7), ("allow", 0.1), ("block", None), ("block", 0.2), ("allow", None)]
    answers = {row.key: judged(*one) for row, one in zip(rows, said, strict=True)}
    report = evaluate(HEADER, [DataSet("a", "sha256:x", rows)], answers, [NUDITY])
    dark, light = report.slice("tone", "dark"), report.slice("tone", "light")
    assert dark is not None and light is not None
    assert dark.false_positives is not None and (dark.false_positives.hits, dark.false_positives.of) == (1, 1)
    assert light.false_positives is not None and light.false_positives.hits == 0
    whole = report.slice("all", "(all)")
    assert whole is not None and whole.false_positives is not None and whole.recall is not None
    assert (whole.false_positives.of, whole.recall.of) == (3, 1), "a row without a label is in neither rate"
    (signal,) = report.signals
    assert (signal.have, signal.lack, signal.left_out, signal.family) == (1, 1, 3, "nudity")
    assert signal.unanswered is not None and (signal.unanswered.hits, signal.unanswered.of) == (1, 2)
    assert {one.id for one in report.examples} == {"1"}, "what has no label cannot be judged wrongly"

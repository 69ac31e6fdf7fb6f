"""Frames and draws: against the slow reference, from each kind of source, with what is wrong named."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from pathlib import Path

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rambarde.interfaces.audit.frame import UNSCORED, Wanted, of_records, opened
from rambarde.measure.audit import sheet as sheets
from rambarde.nouns.fault import Fault
from tests.interfaces.audit.drawings import draw

words = st.text(
    st.characters(codec="utf-8", exclude_characters="\n\r\x00", exclude_categories=["Cs"]), min_size=1, max_size=12
)  # fmt: skip


def table(path: Path, rows: list[dict[str, object]]) -> Path:
    with path.open("w", encoding="utf-8") as file:
        file.writelines(json.dumps(row) + "\n" for row in rows)
    return path


@given(st.sets(words, min_size=1, max_size=60), st.data())
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_draw_and_digest_are_the_references(tmp_path: Path, ids: set[str], data: st.DataObject) -> None:
    size = data.draw(st.integers(1, len(ids)))
    seed = data.draw(words)
    path = table(tmp_path / "frame.jsonl", [{"id": id} for id in ids])
    with opened([path], Wanted()) as frame:
        assert frame.about.digest == sheets.digest(ids) and frame.about.size == len(ids)
        assert [unit.id for unit in frame.draw(size, seed)] == sheets.draw(ids, size, seed)
        assert list(frame.ids()) == sorted(ids, key=str.encode)


def test_the_digest_is_sort_and_sha256sum(tmp_path: Path) -> None:
    path = tmp_path / "frame.csv"
    path.write_text("path\nb.png\na.png\nÄ.png\n", "utf-8")
    with opened([path], Wanted()) as frame:
        lines = b"a.png\nb.png\n\xc3\x84.png\n"
        assert frame.about.digest == "sha256:" + hashlib.sha256(lines).hexdigest()


def test_each_source_gives_the_same_sample(tmp_path: Path) -> None:
    folder = draw(tmp_path / "pictures", 40)
    (folder / "notes.txt").write_text("no picture")
    ids = sorted(path.name for path in folder.glob("*.png"))
    (tmp_path / "a.csv").write_text("size,path\n" + "".join(f"1,{id}\n" for id in reversed(ids)))
    (tmp_path / "a.tsv").write_text("path\tx\n" + "".join(f"{id}\t1\n" for id in ids))
    table(tmp_path / "a.jsonl", [{"path": id, "x": 1} for id in ids])
    duckdb.sql(
        f"copy (select path from '{tmp_path / 'a.csv'}') to '{tmp_path / 'a.parquet'}' (format parquet)"
    )
    found = []
    for source in (folder, *(tmp_path / f"a.{kind}" for kind in ("csv", "tsv", "jsonl", "parquet"))):
        with opened([source], Wanted()) as frame:
            found.append((frame.about.digest, frame.draw(10, "seed")))
            assert frame.about.kind == "files"
    assert all(one == found[0] for one in found) and len(found[0][1]) == 10


def test_a_larger_sample_holds_the_smaller_one(tmp_path: Path) -> None:
    path = table(tmp_path / "a.jsonl", [{"id": str(number)} for number in range(500)])
    with opened([path], Wanted()) as frame:
        small, large = frame.draw(50, "s"), frame.draw(120, "s")
        assert large[:50] == small
        assert frame.draw(50, "t") != small


def test_every_unit_is_as_likely_as_any_other(tmp_path: Path) -> None:
    path = table(tmp_path / "a.jsonl", [{"id": str(number)} for number in range(20)])
    drawn: Counter[str] = Counter()
    with opened([path], Wanted()) as frame:
        for seed in range(600):
            drawn.update(unit.id for unit in frame.draw(5, str(seed)))
    # 150 each are expected, with a standard deviation of 10.6.
    assert len(drawn) == 20 and all(100 < count < 200 for count in drawn.values())


def test_strata_and_scores_of_a_scan(tmp_path: Path) -> None:
    def line(number: int, signal: dict[str, object]) -> dict[str, object]:
        return {"path": f"{number}.png", "signals": {"output.nudity": signal}, "error": None}

    states: list[dict[str, object]] = [
        {"state": "value", "value": 0.1}, {"state": "value", "value": 0.9}, {"state": "absent"}, {"state": "failed"},
    ]  # fmt: skip
    path = table(tmp_path / "scan.jsonl", [line(number, states[number % 4]) for number in range(40)])
    with opened([path], Wanted(score="output.nudity", cuts=(0.05, 0.5))) as frame:
        assert frame.about.strata == {"below 0.05": 10, "0.05 to 0.5": 10, "from 0.5": 10, UNSCORED: 10}
        assert frame.about.unscored == 10
        assert frame.about.scores is not None
        assert (frame.about.scores.count, frame.about.scores.sum) == pytest.approx((40, 1 + 9 + 0 + 10))
        units = frame.draw({"below 0.05": 2, "from 0.5": 3}, "s")
        assert Counter(unit.stratum for unit in units) == {"below 0.05": 2, "from 0.5": 3}
        assert [unit.number for unit in units] == [1, 2, 3, 4, 5]
        keys = [sheets.key("s", unit.id) for unit in units]
        assert keys == sorted(keys)


def test_records_and_urls(tmp_path: Path) -> None:
    with of_records([("item-1", "web"), ("item-2", "app")], "ours", by_surface=True) as frame:
        assert frame.about.kind == "records" and frame.about.strata == {"web": 1, "app": 1}
    path = table(tmp_path / "a.jsonl", [{"url": f"https://example.org/{n}.png"} for n in range(3)])
    with opened([path], Wanted()) as frame:
        assert frame.about.kind == "urls" and frame.about.root is None


@pytest.mark.parametrize(
    ("rows", "wanted", "code"),
    [
        ([{"path": "a"}, {"path": "a"}], Wanted(), "frame_duplicate"),
        ([{"path": "a\nb"}], Wanted(), "frame_id"),
        ([{"path": ""}], Wanted(), "frame_id"),
        ([{"path": None}, {"path": "a"}], Wanted(), "frame_id"),
        ([{"path": "a"}, {"path": "https://example.org/a"}], Wanted(), "frame_mixed"),
        ([{"path": "a"}], Wanted(column="file"), "frame_column"),
        ([{"x": "a", "y": "b"}], Wanted(), "frame_column"),
        ([{"path": "a"}], Wanted(stratum="x"), "frame_column"),
        ([{"path": "a"}], Wanted(score="x"), "frame_column"),
        ([{"path": "a", "s": 0.1}], Wanted(score="s", cuts=(0.5, 0.2)), "frame_column"),
        ([{"path": f"{n}", "s": str(n)} for n in range(1001)], Wanted(stratum="s"), "frame_strata"),
    ],
)
def test_what_is_wrong_with_a_table_is_said(
    tmp_path: Path, rows: list[dict[str, object]], wanted: Wanted, code: str
) -> None:
    path = table(tmp_path / "a.jsonl", rows)
    with pytest.raises(Fault) as caught, opened([path], wanted):
        pass
    assert caught.value.code == code and caught.value.remedy


def test_names_with_quotes_are_names(tmp_path: Path) -> None:
    odd = 'a" from frame; drop table frame; --'
    path = table(tmp_path / "a.jsonl", [{odd: "x", "signals": {}, "s'": 1}])
    with opened([path], Wanted(column=odd, stratum="s'", score="x'); --")) as frame:
        assert frame.about.size == 1 and frame.about.strata == {"1": 1}


@pytest.mark.parametrize("name", ["a.txt", "a.parquet", "a.csv", "gone.csv"])
def test_what_is_no_table_is_refused(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    if not name.startswith("gone"):
        path.write_bytes(b"\x00\x01")
    with pytest.raises(Fault) as caught, opened([path], Wanted()):
        pass
    assert caught.value.code in ("frame_unreadable", "frame_empty")


def test_several_folders_or_an_empty_one_are_refused(tmp_path: Path) -> None:
    for sources in ([tmp_path, tmp_path], [tmp_path], []):
        with pytest.raises(Fault), opened(sources, Wanted()):
            pass

"""From judged rows to a report, and from two reports to differences."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rambarde.measure.against import against
from rambarde.measure.evaluate import ALL, NONE, Gauge, Judged, evaluate
from rambarde.measure.page import page
from rambarde.measure.report import Header, Report, Slice, read, write
from rambarde.measure.rows import DataSet, Row
from rambarde.nouns.decision import Outcome
from rambarde.nouns.fault import Fault
from rambarde.nouns.signal import Polarity, Signal

HEADER = Header(
    made_at="2026-11-23T00:00:00+00:00",
    rambarde="0",
    policy="sha256:" + "a" * 64,
    policy_name="<b>ours</b>",
    floors="sha256:" + "b" * 64,
    detectors={"head": "1@sha256:c"},
    surface="web",
    mode="standard",
    country="unknown",
    age_assured=False,
    picture="supposed",
    covers=("surface:web",),
    seconds=1.0,
    rows_per_second=5.0,
)
EXPOSURE = Gauge("prompt.exposure", Polarity.HIGH_IS_WORSE, "exposure", (0.4, 0.5))
COVERS = Gauge("prompt.reduces_exposure", Polarity.LOW_IS_WORSE, "reduces_exposure", (0.6,))


def row(number: int, label: str = "safe", **more: str) -> Row:
    fields = {"category": "c", "lang": "en", "kind": "edit", "source": "s"} | more
    return Row(id=f"id{number}", text=f"secret text {number}", label=label, **fields)  # type: ignore[arg-type]


def judged(word: str, *rules: str, exposure: float | None = None, assumed: bool = False) -> Judged:
    if word == "error":
        return Judged(None, fault="prompt_too_long")
    signal = (
        Signal.no_answer(EXPOSURE.signal, "script")
        if exposure is None
        else Signal.measured(EXPOSURE.signal, exposure)
    )
    return Judged(Outcome[word.upper()], rules, assumed, {signal.name: signal})


def reported(*pairs: tuple[Row, Judged], name: str = "a.jsonl", **options: object) -> Report:
    one = DataSet(name, "sha256:" + "d" * 64, tuple(r for r, _ in pairs))
    answers = {(r.kind, r.text): j for r, j in pairs}
    return evaluate(HEADER, [one], answers, [EXPOSURE, COVERS], **options)  # type: ignore[arg-type]


def whole(report: Report) -> Slice:
    found = report.slice("all", ALL)
    assert found is not None
    return found


def test_recall_and_false_positives() -> None:
    report = reported(
        (row(1, "unsafe"), judged("block", "own", exposure=0.9)),
        (row(2, "unsafe"), judged("review", "own", "floor", exposure=0.9)),
        (row(3, "unsafe"), judged("allow", exposure=0.1)),
        (row(4), judged("block", "floor", exposure=0.6)),
        (row(5), judged("allow", exposure=0.1)),
    )
    found = whole(report)
    assert found.recall is not None and found.false_positives is not None
    assert (found.recall.hits, found.recall.of, found.held) == (2, 3, 1)
    assert (found.false_positives.hits, found.false_positives.of) == (1, 2)
    assert found.recall.low < 2 / 3 < found.recall.high
    counts = {r.rule: (r.unsafe, r.safe, r.unsafe_alone, r.safe_alone) for r in report.rules}
    assert counts == {"own": (2, 0, 1, 0), "floor": (1, 1, 0, 1)}
    assert [e.id for e in report.examples] == ["id3", "id4"]


def test_what_could_not_be_judged_is_never_right() -> None:
    report = reported((row(1, "unsafe"), judged("error")), (row(2), judged("error")))
    found = whole(report)
    assert found.recall is not None and found.recall.hits == 0
    assert found.false_positives is not None and found.false_positives.hits == 1
    assert (found.unjudged_unsafe, found.unjudged_safe) == (1, 1)
    assert report.faults == {"prompt_too_long": 2}
    assert {(e.id, e.outcome, e.fault) for e in report.examples} == {
        ("id1", None, "prompt_too_long"),
        ("id2", None, "prompt_too_long"),
    }


def test_a_row_without_an_answer_is_an_error_and_not_left_out() -> None:
    with pytest.raises(KeyError):
        evaluate(HEADER, [DataSet("a", "", (row(1),))], {}, [])


def test_stops_that_only_assume_are_told_apart() -> None:
    found = whole(reported((row(1, "unsafe"), judged("block", "floor", assumed=True))))
    assert found.recall is not None and found.recall.hits == 1
    assert (found.assumed_unsafe, found.assumed_safe) == (1, 0)


def test_every_row_is_in_one_slice_of_each_kind() -> None:
    report = reported(
        (row(1, "unsafe", family="pose", lang="de"), judged("block")),
        (row(2, lang="fr", kind="generate"), judged("allow")),
    )
    names = {by: [s.name for s in report.slices if s.by == by] for by in {s.by for s in report.slices}}
    assert names["family"] == [NONE, "pose"] and names["lang"] == ["de", "fr"]
    assert "technique" not in names  # no row names one
    assert report.slice("lang", "de").false_positives is None  # type: ignore[union-attr]


def test_a_request_of_two_sets_counts_in_both_and_once_beyond() -> None:
    sets = [DataSet(name, "", (row(1, "unsafe"),)) for name in ("a", "b")]
    report = evaluate(HEADER, sets, {("edit", "secret text 1"): judged("block")}, [])
    assert report.repeated == 1
    assert [(s.by, s.name, s.recall.of) for s in report.slices if s.recall][:3] == [
        ("all", ALL, 1),
        ("set", "a", 1),
        ("set", "b", 1),
    ]


def test_a_signal_is_held_against_its_family_where_rows_name_it() -> None:
    rows = [
        (row(1, "unsafe", family="exposure"), judged("block", exposure=0.9)),
        (row(2, "unsafe", family="pose"), judged("block", exposure=0.8)),
        (row(3, family="exposure"), judged("allow", exposure=0.2)),
        (row(4), judged("allow", exposure=None)),
    ]
    signal = reported(*rows).signals[0]
    assert (signal.family, signal.have, signal.lack, signal.left_out) == ("exposure", 1, 2, 1)
    assert signal.no_answer == 1 and signal.area == 0.5  # the unknown one stands above all
    assert signal.calibration is not None and signal.calibration.rows == 2
    assert signal.calibration.brier == pytest.approx((0.1**2 + 0.2**2) / 2)
    at = {p.threshold: p for p in signal.sweep}
    assert at[0.5].recall.hits == 1 and at[0.5].false_positives.hits == 1 and 0.4 in at
    plain = reported((row(1, "unsafe"), judged("block", exposure=0.9)), rows[3]).signals[0]
    assert plain.family is None and plain.calibration is None and plain.left_out == 0


def test_a_signal_that_is_not_there_is_a_failed_one() -> None:
    signal = reported((row(1), judged("allow", exposure=0.1))).signals[1]
    assert (signal.signal, signal.failed, signal.worse) == (COVERS.signal, 1, "low")
    assert all(point.false_positives.hits == 1 for point in signal.sweep)
    assert 0.4 in {point.threshold for point in signal.sweep}  # 1 - 0.6: badness


def test_where_low_is_worse_the_sweep_goes_the_other_way() -> None:
    def covering(value: float) -> Judged:
        return Judged(Outcome.ALLOW, signals={COVERS.signal: Signal.measured(COVERS.signal, value)})

    signal = reported(
        (row(1, "unsafe", family="reduces_exposure"), covering(0.1)), (row(2), covering(0.9))
    ).signals[1]
    assert signal.area == 1.0  # what covers least is the worst
    at = {point.threshold: point for point in signal.sweep}
    assert (at[0.4].recall.hits, at[0.4].false_positives.hits) == (1, 0)
    assert (at[0.05].recall.hits, at[0.05].false_positives.hits) == (1, 1)
    assert signal.calibration is not None and signal.calibration.brier == pytest.approx(0.01)


def test_no_text_unless_it_is_asked_for() -> None:
    rows = (row(1, "unsafe"), judged("allow", exposure=0.1)), (row(2), judged("block", "own", exposure=0.9))
    for report in (reported(*rows), reported(*rows, examples=0)):
        assert "secret" not in write(report).decode() and "secret" not in page(report)
    shown = reported(*rows, texts=True)
    assert "secret text 1" in write(shown).decode() and "secret text 2" in page(shown)
    assert reported(*rows, examples=0).examples == ()


LABELS = st.lists(
    st.tuples(st.sampled_from(["safe", "unsafe"]), st.sampled_from(["block", "review", "allow", "error"])),
    min_size=1,
    max_size=30,
)


@given(LABELS)
def test_the_counts_are_those_of_counting(pairs: list[tuple[str, str]]) -> None:
    found = whole(reported(*((row(n, label), judged(word, "r")) for n, (label, word) in enumerate(pairs))))
    unsafe = [word for label, word in pairs if label == "unsafe"]
    safe = [word for label, word in pairs if label == "safe"]
    assert (found.recall.hits, found.recall.of) == (  # type: ignore[union-attr]
        sum(word in ("block", "review") for word in unsafe), len(unsafe)
    ) if unsafe else found.recall is None  # fmt: skip
    assert (found.false_positives.hits if found.false_positives else 0) == sum(w != "allow" for w in safe)


def test_a_report_is_read_as_it_was_written() -> None:
    report = reported((row(1, "unsafe", family="exposure"), judged("allow", exposure=0.3)))
    assert read(write(report)) == report


@pytest.mark.parametrize("change", [None, {"version": 2}, {"format": "x"}, {"slices": 3}])
def test_what_is_no_report_is_refused(change: Mapping[str, object] | None) -> None:
    data = (
        b"{"
        if change is None
        else json.dumps(json.loads(write(reported((row(1), judged("allow"))))) | change)
    )
    with pytest.raises(Fault) as caught:
        read(data if isinstance(data, bytes) else data.encode())
    assert caught.value.code == "report_invalid"


def test_what_differs_by_more_than_chance() -> None:
    def run(stopped: int) -> Report:
        return reported(
            *((row(n, "unsafe"), judged("block" if n < stopped else "allow", "r")) for n in range(200)),
            *((row(1000 + n), judged("allow")) for n in range(3)),
        )

    found = against(run(100), run(160))
    assert found.same_data and found.changed == ()
    recall = next(one for one in found.differences if (one.by, one.what) == ("all", "recall"))
    assert recall.verdict == "better" and recall.p < 1e-6 and 0.2 < recall.low < 0.3 < recall.high
    assert {one.verdict for one in against(run(160), run(100)).differences if one.what == "recall"} == {
        "worse"
    }
    assert {one.verdict for one in against(run(100), run(105)).differences} == {"no difference shown"}
    # Three rows can show nothing: they are not asked about, and correct no other.
    assert {one.p for one in found.differences if one.what == "false positives"} == {1.0}


def test_false_positives_are_better_when_fewer() -> None:
    def run(stopped: int) -> Report:
        return reported(*((row(n), judged("block" if n < stopped else "allow", "r")) for n in range(200)))

    assert {one.verdict for one in against(run(60), run(10)).differences} == {"better"}


def test_what_was_not_the_same_is_said() -> None:
    before = reported((row(1, lang="de"), judged("allow")))
    after = reported((row(1, lang="fr"), judged("allow")), name="b.jsonl")
    found = against(before, after)
    assert not found.same_data and found.changed == ("data",)
    assert found.only_before == ("set a.jsonl", "lang de") and found.only_after == ("set b.jsonl", "lang fr")


class Page(HTMLParser):
    """What a page refers to, and its headings and tables."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.links: list[str] = []
        self.unnamed = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.links += [value or "" for name, value in attrs if name in ("src", "href", "action", "data")]
        self.unnamed += tag == "th" and "scope" not in dict(attrs)


def test_the_page_stands_alone_and_escapes() -> None:
    evil = row(1, "unsafe", category="<script>alert(1)</script>", lang='"><img src=x>')
    report = reported((evil, judged("allow", exposure=0.3)), (row(2), judged("error")))
    text = page(report, against(report, report))
    found = Page()
    found.feed(text)
    assert "script" not in found.tags and "img" not in found.tags and found.links == []
    assert found.tags.count("h1") == 1 and "main" in found.tags and found.unnamed == 0
    assert found.tags.count("table") == found.tags.count("caption") >= 5
    assert "&lt;script&gt;" in text and "&lt;b&gt;ours" in text
    assert not re.search(r"url\(|@import|http:|https:", text)
    assert '<html lang="en">' in text and "<title>" in text

"""What raters found in an audit of our own records counts in the monitor, each image once and by its weight."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from rambarde.interfaces.archive import Archive
from rambarde.interfaces.desk import recording
from rambarde.interfaces.monitor.audited import drawn, tell
from rambarde.interfaces.monitor.finding import Findings
from rambarde.interfaces.settings import Settings
from rambarde.interfaces.vault import Vault
from rambarde.measure.audit import sheet as sheets
from rambarde.measure.audit.journal import Journal, Label, Labelled, Opened
from rambarde.measure.audit.sheet import Frame, Sheet, Unit
from rambarde.measure.monitor.tally import FINDING, RECORD
from rambarde.nouns.evidence import NewItem, Part, Why
from rambarde.nouns.fault import Fault
from rambarde.nouns.hold import About
from rambarde.store.alarms import Alarms
from rambarde.store.ledger import Ledger
from rambarde.store.monitor import Monitor
from tests.measure.monitor import documents

RATE = 0.5
NAMED = {"person": "Ann Lee", "reason": "Audit of July."}


@pytest.fixture
def vault(tmp_path: Path) -> Iterator[Vault]:
    opened = Vault.open(Settings(data=str(tmp_path / "d")))
    yield opened
    opened.close()


@pytest.fixture
def findings(vault: Vault, tmp_path: Path) -> Iterator[Findings]:
    with recording(vault) as recorder:
        archive = Archive.open(vault, Settings(data=str(tmp_path / "d")), recorder.put)
        for n in range(4):
            body = json.loads(documents.record(n, 0).body)
            now = datetime.now(UTC).isoformat()
            more = {"credential": "c", "route": "/", "action": "generate", "policy": "p", "fault": None}
            recorder.put(RECORD, body | more | {"received_at": now, "finished_at": now})
        yield Findings(
            Monitor(vault.database),
            Alarms(vault.database),
            archive.evidence,
            recorder.put,
            vault.database.clock,
        )


def kept(findings: Findings, decision: str) -> str:
    """An item of the evidence sample."""
    item = NewItem(
        About(decision, None, "web", datetime.now(UTC)),
        Part.OUTPUT,
        0,
        Why.SAMPLE,
        f"rate {RATE}",
        "image/png",
        4,
        "0" * 64,
        timedelta(days=1),
        b"data",
    )
    (added,) = findings.evidence.add((item,))
    return added.id


def audit(folder: Path, ids: list[str], labels: list[Label | None], *, kind: str = "records") -> Path:
    """A labelled audit that drew one in four of its frame."""
    units = [Unit(number, id) for number, id in enumerate(ids, 1)]
    frame = Frame(kind, (), 4 * len(ids), "0" * 64, 4 * len(ids))
    sheet = Sheet(
        "2026-07-01T00:00:00+00:00", "0", "s", "simple", frame, len(ids), sheets.sample_digest(units)
    )
    sheets.write(folder, sheet, units)
    journal = Journal(folder / sheets.JOURNAL)
    journal.add(Opened("t", sheet.sample, "Is it?", ("ann",), None, None, 0.0))
    for unit, label in zip(units, labels, strict=True):
        if label is not None:
            journal.add(Labelled("t", "ann", unit.number, label, "first"))
    journal.close()
    return folder


def logged(vault: Vault, decision: str) -> dict[str, object]:
    found = Ledger(vault.database).find(FINDING, f"sample-{decision}-0")
    assert found is not None
    return dict(json.loads(found.committed.body))


def test_each_image_counts_once_and_by_its_weight(vault: Vault, findings: Findings, tmp_path: Path) -> None:
    ids = [kept(findings, f"dec_{n}") for n in range(4)]
    folder = audit(tmp_path / "a", [*ids, "gone"], ["positive", "negative", "unsure", None, "positive"])
    told = tell(folder, findings, **NAMED)
    assert told == {"problematic": 1, "clean": 1, "unsure": 1, "unlabelled": 1, "item_gone": 1}
    assert logged(vault, "dec_0")["verdict"] == "problematic"
    clean = logged(vault, "dec_1")
    assert (clean["verdict"], clean["share"], clean["person"]) == ("clean", RATE / 4, "Ann Lee")
    assert tell(folder, findings, **NAMED)["already_found"] == 2


def test_an_audit_of_others_says_nothing_of_ours(findings: Findings, tmp_path: Path) -> None:
    folder = audit(tmp_path / "a", ["x.png"], ["positive"], kind="files")
    with pytest.raises(Fault) as caught:
        tell(folder, findings, **NAMED)
    assert caught.value.code == "audit_not_ours" and caught.value.field == "audit"


def test_strata_are_weighted_each_by_its_own_share() -> None:
    frame = Frame("records", (), 30, "0" * 64, 30, strata={"web": 20, "app": 10})
    sheet = Sheet("t", "0", "s", "stratified", frame, 10, "0" * 64, sizes={"web": 5, "app": 5})
    assert (drawn(sheet, "web"), drawn(sheet, "app")) == (0.25, 0.5)

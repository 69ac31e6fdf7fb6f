"""The recorder: a receipt means that the record is in the log; anything else is said."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Iterator, Sequence

import pytest

from rambarde.guard.ports import Recorder
from rambarde.nouns.custody import Committed, Receipt
from rambarde.nouns.fault import Fault, Kind
from rambarde.prove.log import Appended
from rambarde.prove.recorder import LogRecorder
from rambarde.store.records import Records
from tests.prove.conftest import House
from tests.samples import a_record


@pytest.fixture
def recorder(any_house: House) -> Iterator[LogRecorder]:
    recorder = LogRecorder(any_house.log)
    yield recorder
    recorder.close()


async def test_it_is_the_chains_recorder(recorder: LogRecorder, any_house: House) -> None:
    port: Recorder = recorder
    assert await port.record(a_record(0)) == Receipt(0, 1)
    assert await port.record(a_record(1)) == Receipt(1, 2)
    stored = Records(any_house.database).get("record-000001")
    assert stored is not None and stored.document() == a_record(1).as_json()
    recorder.close()
    assert any_house.checkpoint().size == 2


async def test_what_is_recorded_is_soon_published(recorder: LogRecorder, any_house: House) -> None:
    for number in range(3):
        await recorder.record(a_record(number))
    async with asyncio.timeout(10):
        while any_house.checkpoint().size < 3:  # noqa: ASYNC110  # another thread publishes
            await asyncio.sleep(0.02)
    assert any_house.verify().ok


async def test_many_at_once_share_appends(recorder: LogRecorder, any_house: House) -> None:
    calls: list[int] = []
    genuine = any_house.log.append

    def counted(batch: Sequence[Committed], *, publish: bool = True) -> Appended:
        calls.append(len(batch))
        return genuine(batch, publish=publish)

    any_house.log.append = counted  # type: ignore[method-assign]
    receipts = await asyncio.gather(*(recorder.record(a_record(number)) for number in range(200)))
    assert sorted(receipt.index for receipt in receipts) == list(range(200))
    assert all(receipt.size > receipt.index for receipt in receipts)
    assert len(calls) < 20 and sum(calls) == 200
    assert any_house.verify().ok


async def test_a_used_id_fails_alone(recorder: LogRecorder, any_house: House) -> None:
    numbers = [1, 2, 3, 2, 4]
    found = await asyncio.gather(*(recorder.record(a_record(n)) for n in numbers), return_exceptions=True)
    faults = [one for one in found if isinstance(one, Fault)]
    assert [fault.code for fault in faults] == ["not_recorded"]
    assert isinstance(faults[0].__cause__, Fault) and faults[0].__cause__.code == "already_logged"
    assert any_house.log.size == 4
    assert any_house.verify().ok


async def test_a_full_disk_fails_all_and_heals(
    recorder: LogRecorder, any_house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the database took stands; as long as it cannot be published, nothing more is recorded."""
    await recorder.record(a_record(0))

    def failing(_handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", failing)
    await recorder.record(a_record(1))
    any_house.log.published()
    found = await asyncio.gather(*(recorder.record(a_record(n)) for n in range(2, 9)), return_exceptions=True)
    assert all(isinstance(one, Fault) and one.code == "not_recorded" for one in found)
    assert all(isinstance(one, Fault) and one.kind is Kind.INTERNAL for one in found)
    monkeypatch.undo()
    assert Records(any_house.database).count() == 2
    assert await recorder.record(a_record(2)) == Receipt(2, 3)
    assert any_house.verify().ok


async def test_an_unforeseen_error_is_no_receipt(
    recorder: LogRecorder, any_house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failing(_batch: object, *, publish: bool = True) -> None:
        raise RuntimeError("bug")

    monkeypatch.setattr(any_house.log, "append", failing)
    with pytest.raises(Fault) as refused:
        await recorder.record(a_record(0))
    assert refused.value.code == "not_recorded"
    monkeypatch.undo()
    await recorder.record(a_record(0))


async def test_a_caller_who_leaves_does_not_stop_the_others(recorder: LogRecorder, any_house: House) -> None:
    tasks = [asyncio.create_task(recorder.record(a_record(number))) for number in range(50)]
    await asyncio.sleep(0)
    for task in tasks[::2]:
        task.cancel()
    found = await asyncio.gather(*tasks, return_exceptions=True)
    assert all(isinstance(one, Receipt) for one in found[1::2])
    await recorder.record(a_record(100))
    assert any_house.verify().ok


def test_put_takes_any_kind(recorder: LogRecorder, any_house: House) -> None:
    assert recorder.put("policy", {"id": "p1", "rules": [1, 2]}) == Receipt(0, 1)
    found = any_house.ledger.find("policy", "p1")
    assert found is not None and found.committed.body == b'{"id":"p1","rules":[1,2]}'
    assert any_house.verify().ok


@pytest.mark.parametrize("document", [{}, {"id": "x", "value": float("nan")}, {"id": "x", "value": object()}])
def test_what_cannot_be_committed_to(recorder: LogRecorder, document: dict[str, object]) -> None:
    with pytest.raises(Fault) as refused:
        recorder.put("policy", document)
    assert refused.value.code == "not_recorded"


async def test_closing_finishes_what_waits(any_house: House) -> None:
    recorder = LogRecorder(any_house.log)
    tasks = [asyncio.create_task(recorder.record(a_record(number))) for number in range(30)]
    await asyncio.sleep(0)
    await asyncio.to_thread(recorder.close)
    recorder.close()
    assert len(await asyncio.gather(*tasks)) == 30
    with pytest.raises(Fault) as refused:
        await recorder.record(a_record(100))
    assert refused.value.code == "not_recorded"


async def test_too_many_waiting_fail_at_once(any_house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    gate = threading.Event()
    genuine = any_house.log.append

    def slow(batch: Sequence[Committed], *, publish: bool = True) -> Appended:
        gate.wait(20)
        return genuine(batch, publish=publish)

    monkeypatch.setattr(any_house.log, "append", slow)
    recorder = LogRecorder(any_house.log, batch=2, waiting=4)
    tasks = [asyncio.create_task(recorder.record(a_record(number))) for number in range(20)]
    done, _ = await asyncio.wait(tasks, timeout=10, return_when=asyncio.FIRST_COMPLETED)
    assert done, "refused while the log still waits"
    assert all(isinstance(task.exception(), Fault) for task in done)
    gate.set()
    found = await asyncio.gather(*tasks, return_exceptions=True)
    kept = [one for one in found if isinstance(one, Receipt)]
    assert 4 <= len(kept) <= 6
    assert any_house.log.size == len(kept)
    recorder.close()


@pytest.mark.parametrize("claim", ["\ud800", "\0", "é😀", "x" * 100_000])
async def test_any_claim_is_recorded(recorder: LogRecorder, any_house: House, claim: str) -> None:
    await recorder.record(a_record(0, session=claim, country=claim))
    assert any_house.verify().ok
    stored = Records(any_house.database).get("record-000000")
    assert stored is not None and stored.document()["session"] == claim

"""A witness cosigns one history of a log, remembers it, and says so as the specification says."""

from __future__ import annotations

import asyncio
import base64
import threading
from pathlib import Path

import pytest

from rambarde.nouns.fault import Fault
from rambarde.prove.cosigned import COSIGNED, NO_WITNESS, cosignatures, parse_witness, submission
from rambarde.prove.gather import Gatherer, Witnessing
from rambarde.prove.key import open_signer
from rambarde.prove.note import Note, NoteError, Signer, sign_checkpoint
from rambarde.prove.tiles import TileFolder
from rambarde.prove.verify import verify_log
from rambarde.prove.witness import Reply, Witness
from tests.prove import reader
from tests.prove.conftest import House


@pytest.fixture
def witness(tmp_path: Path, house: House) -> Witness:
    made = Witness.create(tmp_path / "witness", "witness.example.org")
    made.trust(house.verifier)
    return made


def note_of(house: House) -> str:
    return (house.folder / "checkpoint").read_text()


def ask(witness: Witness, house: House, old: int, note: str | None = None) -> Reply:
    return witness.add_checkpoint(submission(TileFolder(house.folder), note or note_of(house), old))


async def lend(witness: Witness, url: str, body: bytes) -> tuple[int, str]:
    assert url == "http://w/add-checkpoint"
    reply = witness.add_checkpoint(body)
    return reply.status, reply.body


def gatherer(house: House, witness: Witness) -> Gatherer:
    return Gatherer(
        house.log.publisher,
        [Witnessing(witness.verifier, "http://w/")],
        lambda url, body: lend(witness, url, body),
    )


@pytest.mark.parametrize(("first", "second"), [(0, 5), (1, 2), (5, 5), (7, 300), (256, 257), (255, 600)])
def test_it_cosigns_what_grows(house: House, witness: Witness, first: int, second: int) -> None:
    if first:
        house.add(first)
    reply = ask(witness, house, 0)
    assert reply.status == 200
    assert cosignatures(note_of(house) + reply.body, [witness.verifier])[0].witness == "witness.example.org"
    if second > first:
        house.add(second - first)
    reply = ask(witness, house, first)
    assert reply.status == 200
    reader.check_cosignature(note_of(house) + reply.body, str(witness.verifier))
    assert [(log, seen.size if seen else None) for log, seen in witness.logs()] == [(house.verifier, second)]


def test_it_says_where_it_is(house: House, witness: Witness) -> None:
    house.add(10)
    assert ask(witness, house, 0).status == 200
    house.add(10)
    assert ask(witness, house, 7) == Reply(409, "10\n", "text/x.tlog.size")
    assert ask(witness, house, 0) == Reply(409, "10\n", "text/x.tlog.size")
    assert ask(Witness(witness._folder), house, 10).status == 200, "also after a restart"


def test_it_refuses_another_history(house: House, witness: Witness, tmp_path: Path) -> None:
    """The tail is rewritten with the log's own key."""
    from tests.prove.conftest import build

    house.add(10)
    ask(witness, house, 0)
    data = tmp_path / "forged"
    data.mkdir()
    (data / "log.key").write_text((house.data / "log.key").read_text())
    (data / "log.key").chmod(0o600)
    forged = build(data)
    forged.add(10)
    assert ask(witness, forged, 10) == Reply(409, "10\n", "text/x.tlog.size")
    forged.add(5)
    assert ask(witness, forged, 10).status == 422
    answers = asyncio.run(gatherer(forged, witness).gather())
    assert [asked.code for asked in answers] == ["witness_other_history"]
    assert witness.logs()[0][1] == house.checkpoint()
    forged.close()


def test_it_refuses_what_is_no_submission(house: House, witness: Witness) -> None:
    house.add(3)
    good = submission(TileFolder(house.folder), note_of(house), 0)
    assert witness.add_checkpoint(good.replace(b"old 0", b"old 9")).status == 400
    for bad in (
        b"",
        b"\xff",
        b"old 0\n",
        b"old 00\n\n",
        b"old 0\nabc\n\n",
        good[:-1],
        good.replace(b"old", b"Old"),
    ):
        assert witness.add_checkpoint(bad).status == 400, bad
    too_many = b"old 0\n" + (base64.b64encode(bytes(32)) + b"\n") * 64 + b"\n" + note_of(house).encode()
    assert witness.add_checkpoint(too_many).status == 400
    other = Signer("other.example", bytes(32))
    assert ask(witness, house, 0, sign_checkpoint(other, 0, bytes(32))).status == 404
    same_name = Signer(house.verifier.name, bytes(32))
    assert ask(witness, house, 0, sign_checkpoint(same_name, 3, bytes(32))).status == 403
    with_proof = good.replace(b"old 0\n", b"old 0\n" + base64.b64encode(bytes(32)) + b"\n")
    assert witness.add_checkpoint(with_proof).status == 422
    assert witness.logs()[0][1] is None, "none of this was cosigned"


def test_racing_submissions_never_roll_it_back(house: House, witness: Witness) -> None:
    notes: list[str] = []
    for _ in range(8):
        house.add(3)
        notes.append(note_of(house))
    bodies = [submission(TileFolder(house.folder), note, 0) for note in notes]
    replies: list[Reply] = []
    threads = [
        threading.Thread(target=lambda body=body: replies.append(witness.add_checkpoint(body)))
        for body in bodies
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [reply.status for reply in replies].count(200) == 1


def test_a_clock_that_goes_backwards(house: House, witness: Witness) -> None:
    house.add(3)
    now = [2_000_000_000.0]
    slow = Witness(witness._folder, lambda: now[0])
    assert ask(slow, house, 0).status == 200
    now[0] -= 30
    reply = ask(slow, house, 3)
    assert cosignatures(note_of(house) + reply.body, [slow.verifier])[0].time == 2_000_000_000
    now[0] -= 3600
    with pytest.raises(Fault) as refused:
        ask(slow, house, 3)
    assert refused.value.code == "witness_clock"


def test_a_memory_that_does_not_hold(house: House, witness: Witness) -> None:
    house.add(3)
    ask(witness, house, 0)
    path = next((witness._folder / "logs").glob("*.log"))
    genuine = path.read_bytes()
    for place in range(0, len(genuine), 5):
        path.write_bytes(genuine[:place] + bytes([genuine[place] ^ 1]) + genuine[place + 1 :])
        with pytest.raises(Fault) as refused:
            ask(witness, house, 3)
        assert refused.value.code == "witness_damaged"
    path.write_bytes(genuine)
    assert ask(witness, house, 3).status == 200


def test_bad_beginnings(tmp_path: Path, house: House) -> None:
    with pytest.raises(Fault) as refused:
        Witness(tmp_path)
    assert refused.value.code == "witness_missing"
    with pytest.raises(Fault) as refused:
        Witness.create(tmp_path / "w", "a name")
    assert refused.value.code == "witness_name"
    made = Witness.create(tmp_path / "w", "name")
    assert (tmp_path / "w" / "witness.key").stat().st_mode & 0o077 == 0
    with pytest.raises(Fault) as refused:
        Witness.create(tmp_path / "w", "name")
    assert refused.value.code == "witness_exists"
    made.trust(house.verifier)
    with pytest.raises(Fault) as refused:
        made.trust(house.verifier)
    assert refused.value.code == "witness_log_known"
    (tmp_path / "w" / "witness.key").write_text(open_signer(house.data).secret())
    with pytest.raises(Fault) as refused:
        Witness(tmp_path / "w")
    assert refused.value.code == "witness_key_invalid"
    with pytest.raises(NoteError):
        parse_witness(str(house.verifier))


# Gathering, and what a reader makes of it.


async def test_the_log_gathers_and_a_reader_sees(house: House, witness: Witness) -> None:
    house.add(300)
    keys = [witness.verifier]
    assert verify_log(house.folder, house.verifier, witnesses=keys).notes[0] == NO_WITNESS
    asked = gatherer(house, witness)
    assert [one.size for one in await asked.gather()] == [300]
    house.add(100)
    report = verify_log(house.folder, house.verifier, house.ledger, witnesses=keys)
    assert report.ok and report.witnesses == ("witness.example.org",)
    assert report.notes[0] == "Cosigned by witness.example.org."
    assert any("300 of the 400" in note for note in report.notes)
    assert [one.size for one in await asked.gather()] == [400]
    assert [one.size for one in await gatherer(house, witness).gather()] == [400], (
        "one that knows nothing yet"
    )
    reader.check_cosignature(note_of(house), str(witness.verifier))
    assert note_of(house) == (house.folder / COSIGNED).read_text()
    report = verify_log(house.folder, house.verifier)
    assert report.ok and report.notes[0] == NO_WITNESS, "whom the reader does not know is no witness"
    assert "witness.example.org" in report.notes[-1] or any("witness.example.org" in n for n in report.notes)
    house.reopen()
    assert len(Note.parse(note_of(house)).signatures) == 2, "a start does not take cosignatures off"


async def test_a_forked_log_is_found_by_its_witness(house: House, witness: Witness) -> None:
    house.add(20)
    await gatherer(house, witness).gather()
    text = Note.parse((house.folder / COSIGNED).read_text()).text
    assert witness.verifier in Note.parse((house.folder / COSIGNED).read_text()).verify(
        house.verifier, witness.verifier
    )
    signer = open_signer(house.data)
    other = signer.sign(text.replace("\n20\n", "\n19\n"))
    (house.folder / COSIGNED).write_text(other)
    codes = [f.code for f in verify_log(house.folder, house.verifier, witnesses=[witness.verifier]).findings]
    assert codes == ["log_forked"]
    house.log.publisher.cosigned(note_of(house))
    damaged = (house.folder / COSIGNED).read_text()
    (house.folder / COSIGNED).write_text(damaged[:-10] + ("A" if damaged[-10] != "A" else "B") + damaged[-9:])
    codes = [f.code for f in verify_log(house.folder, house.verifier, witnesses=[witness.verifier]).findings]
    assert codes == ["cosignature_invalid"]


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        (OSError("down"), "witness_unreachable"),
        (TimeoutError(), "witness_unreachable"),
        ((503, "busy"), "witness_refused"),
        ((404, ""), "witness_refused"),
        ((200, "half a bo"), "cosignature_invalid"),
        ((200, ""), "cosignature_invalid"),
        ((409, "999\n"), "witness_ahead"),
        ((409, "x" * 50), "witness_other_history"),
    ],
)
async def test_a_witness_in_trouble(
    house: House, witness: Witness, answer: Exception | tuple[int, str], code: str
) -> None:
    house.add(3)

    async def send(_url: str, _body: bytes) -> tuple[int, str]:
        if isinstance(answer, Exception):
            raise answer
        return answer

    before = note_of(house)
    asked = Gatherer(house.log.publisher, [Witnessing(witness.verifier, "http://w")], send)
    assert [one.code for one in await asked.gather()] == [code]
    assert note_of(house) == before and not (house.folder / COSIGNED).exists()

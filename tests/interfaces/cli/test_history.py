"""`rambarde policy history`: who answered for what, and a file that holds with the log's key alone, or does not."""

from __future__ import annotations

import copy
import json
import random
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rambarde.guard.policy.signatures.canonical import canonical
from rambarde.guard.policy.signatures.history import KIND
from rambarde.interfaces.governance import dossier
from rambarde.interfaces.governance.account import accounts
from rambarde.interfaces.governance.adoption import opened
from rambarde.interfaces.governance.book import Book
from rambarde.interfaces.settings import Settings
from rambarde.interfaces.vault import Vault
from rambarde.nouns.fault import Fault
from rambarde.prove.commitment import commit
from rambarde.prove.cosigned import NO_WITNESS
from rambarde.prove.note import COSIGNATURE, Signer, Verifier
from tests.interfaces.cli.conftest import building
from tests.interfaces.cli.governed import ADA, BEN, Town, tightened

pytestmark = [pytest.mark.timeout(120), pytest.mark.slow]

Told = dict[str, Any]


@pytest.fixture(scope="module")
def written(founded: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Seven changes, one of them void; exported to `h.json`."""
    folder = tmp_path_factory.mktemp("written")
    shutil.copytree(founded, folder, dirs_exist_ok=True)
    with building(folder) as town:
        _write(town)
    return folder


@pytest.fixture
def told(written: Path, town: Town) -> Town:
    shutil.copytree(written, town.folder, dirs_exist_ok=True)
    return town


def _write(governed: Town) -> None:
    governed.adopted(governed.policy(tightened(governed.read("policy.yaml"))), BEN)
    governed.rambarde("policy", "measure", "geoblock", "ID", "-o", "geo.yaml")
    governed.adopted("geo.yaml", BEN)
    vault = Vault.open(Settings(data=str(governed.folder / "d")))
    try:
        with opened(vault) as log:  # somebody who can write to database and log, and has nobody's key
            log.append([commit(KIND, {"id": "change-00000006", "change": "mine now"})])
    finally:
        vault.close()
    governed("measure", "on", "geoblock-id", "--as", "Anybody", "--reason", "Now.")
    governed("history", "--export", "h.json")


def key(town: Town) -> str:
    return town.read("d/log.pub").strip()


def test_every_change_says_who_answered_for_it(told: Town) -> None:
    lines = told.changes()
    assert [one["number"] for one in lines] == [1, 2, 3, 4, 5, 6, 7]
    kinds = [one["kind"] for one in lines]
    assert kinds == ["people", "assessment", "policy", "policy", "measure", "unknown", "measure-on"]
    assert [one["name"] for one in lines[0]["signed"]] == [ADA, BEN]
    assert lines[0]["signed"][0]["roles"] == ["accountable", "policy"]
    assert [one["name"] for one in lines[3]["signed"]] == [BEN] and lines[3]["verdict"] == "tightened"
    assert "change_invalid" in lines[5]["void"] and all(
        one["void"] is None for one in lines if one["number"] != 6
    )
    assert lines[6]["signed"] == [] and lines[6]["by"] == "Anybody"
    shown = told("history").stdout
    assert (
        "VOID" in shown
        and "no signature was needed; Anybody" in shown
        and "Ada Lovelace (accountable" in shown
    )


def test_what_verify_accepts_is_what_history_shows(
    told: Town, tmp_path_factory: pytest.TempPathFactory
) -> None:
    shown = told("history", "--json").stdout
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (elsewhere / "h.json").write_bytes((told.folder / "h.json").read_bytes())
    verified = told.rambarde(
        "policy", "history", "--verify", str(elsewhere / "h.json"), "--log-key", key(told), "--json"
    )
    assert verified.stdout == shown
    said = told.rambarde("policy", "history", "--verify", "h.json", "--log-key", key(told)).stdout
    assert said.startswith("The history holds: 7 changes") and "left off" not in said
    assert [path.name for path in elsewhere.iterdir()] == ["h.json"]


def test_a_file_is_never_overwritten_and_needs_the_right_key(told: Town) -> None:
    told("history", "--export", "h.json", fails="file_exists")
    run = told.rambarde
    run("policy", "history", "--verify", "h.json", fails="verifier_key_invalid")
    run("policy", "history", "--verify", "h.json", "--log-key", "what", fails="verifier_key_invalid")
    run("policy", "history", "--verify", "none.json", "--log-key", key(told), fails="history_unreadable")
    other = str(Signer(Verifier.parse(key(told)).name, b"x" * 32).verifier)
    run("policy", "history", "--verify", "h.json", "--log-key", other, fails="history_broken")


def test_witnesses_are_named_where_they_vouch(told: Town) -> None:
    """Live and in the file: who cosigned, for which changes; nobody; a stranger; one that signed something else."""
    assert told.lines("history")[-1] == {"remark": NO_WITNESS} and NO_WITNESS in told("history").stdout
    folder = told.folder / "d" / "log"
    note = (folder / "checkpoint").read_text()
    witness = Signer("witness.example.org", b"w" * 32, COSIGNATURE)
    cosigned = note + witness.cosign(note[: note.rfind("\n\n") + 1], 1_767_225_600)
    (folder / "checkpoint.cosigned").write_text(cosigned)
    known = ("--witness", str(witness.verifier))
    live = [json.loads(line) for line in told("history", *known, "--json").stdout.splitlines()]
    assert [one["cosigned"] for one in live[:-1]] == [["witness.example.org"]] * 7
    assert live[-1] == {"remark": "Cosigned by witness.example.org."}
    assert "Not checked, since their keys were not given: witness" in told("history").stdout

    told("history", "--export", "signed.json")
    verify = ("policy", "history", "--verify", "signed.json", "--log-key", key(told), "--json")
    assert [json.loads(x) for x in told.rambarde(*verify, *known).stdout.splitlines()] == live
    unknown = [json.loads(x) for x in told.rambarde(*verify).stdout.splitlines()]
    assert unknown[0]["cosigned"] == [] and unknown[7] == {"remark": NO_WITNESS}
    document = json.loads((told.folder / "signed.json").read_bytes())
    document["checkpoint"] = note + witness.cosign("another\n0\n\n", 1_767_225_600)
    (told.folder / "forged.json").write_bytes(canonical(document) + b"\n")
    told.rambarde(*verify[:3], "forged.json", *verify[4:], *known, fails="history_broken")

    (folder / "checkpoint.cosigned").write_text(note + witness.cosign("another\n0\n\n", 1_767_225_600))
    assert "DOES NOT HOLD" in told("history", *known, status=1).stdout


def broken(data: bytes, verifier: Verifier) -> bool:
    try:
        dossier.verify(data, verifier)
    except Fault as fault:
        assert fault.code == "history_broken" and fault.remedy, fault
        return True
    return False


def leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if isinstance(value, dict):
        for name in value:
            yield from leaves(value[name], (*path, name))
    elif isinstance(value, list):
        for place, one in enumerate(value):
            yield from leaves(one, (*path, place))
    else:
        yield path


def changed(told: Told, path: tuple[Any, ...], new: Callable[[Any], Any]) -> bytes:
    made = copy.deepcopy(told)
    inner: Any = made
    for step in path[:-1]:
        inner = inner[step]
    inner[path[-1]] = new(inner[path[-1]])
    return canonical(made) + b"\n"


def other(value: Any) -> Any:
    if isinstance(value, int):
        return value + 1
    middle = len(value) // 2
    return value[:middle] + ("0" if value[middle] != "0" else "1") + value[middle + 1 :]


def test_every_field_is_bound(told: Town) -> None:
    data, verifier = (told.folder / "h.json").read_bytes(), Verifier.parse(key(told))
    assert not broken(data, verifier)
    held = json.loads(data)
    paths = list(leaves(held))
    assert len(paths) > 40
    for path in paths:
        assert broken(changed(held, path, other), verifier), path
    for path in paths:
        assert broken(changed(held, path, lambda _: None), verifier), path


def test_nothing_is_left_out_moved_or_added(told: Town) -> None:
    data, verifier = (told.folder / "h.json").read_bytes(), Verifier.parse(key(told))
    held: Told = json.loads(data)
    count = len(held["changes"])
    for place in range(count - 1):
        kept = [one for index, one in enumerate(held["changes"]) if index != place]
        assert broken(canonical({**held, "changes": kept}) + b"\n", verifier), place
    for place in range(count):
        twice = [*held["changes"][: place + 1], *held["changes"][place:]]
        assert broken(canonical({**held, "changes": twice}) + b"\n", verifier)
    assert broken(canonical({**held, "changes": held["changes"][::-1]}) + b"\n", verifier)
    for name in held["documents"]:
        rest = {key: value for key, value in held["documents"].items() if key != name}
        report = held["documents"][name] == '{"rows": 30}'  # an evaluation's file may be kept elsewhere
        assert broken(canonical({**held, "documents": rest}) + b"\n", verifier) is not report
    more = {**held["documents"], "sha256:" + "0" * 64: "x"}
    assert broken(canonical({**held, "documents": more}) + b"\n", verifier)
    assert broken(canonical({**held, "more": 1}) + b"\n", verifier)
    for name in held:
        assert broken(canonical({k: v for k, v in held.items() if k != name}) + b"\n", verifier)


def test_an_end_that_was_cut_off_is_remarked(told: Town) -> None:
    """A history without its last change is a valid one; the checkpoint gives it away."""
    held: Told = json.loads((told.folder / "h.json").read_bytes())
    cut = canonical({**held, "changes": held["changes"][:-1]}) + b"\n"
    found = dossier.verify(cut, Verifier.parse(key(told)))
    assert len(found.story.lines) == 6 and any("left off" in remark for remark in found.remarks)
    assert not found.whole and any("counts 7 changes" in remark for remark in found.remarks)
    (told.folder / "cut.json").write_bytes(cut)
    verify = ("policy", "history", "--verify", "cut.json", "--log-key", key(told))
    said = told.rambarde(*verify, status=1).stdout
    assert "MORE MAY BE MISSING: 6 changes" in said and "left off" in said
    rows = [json.loads(line) for line in told.rambarde(*verify, "--json", status=1).stdout.splitlines()]
    assert [row.get("number") for row in rows[:6]] == [1, 2, 3, 4, 5, 6]
    assert len(rows) > 7 and all("left off" in row["remark"] for row in rows[6:-1])
    assert rows[-1] == {"remark": NO_WITNESS}


@pytest.mark.parametrize(
    "bad", [b"", b"{}", b"[]\n", b"{}\n", b"null\n", b"[" * 10_000, b"\xff", b'{"a":NaN}\n']
)
def test_what_is_no_history(bad: bytes) -> None:
    assert broken(bad, Signer("log", b"x" * 32).verifier)


def test_any_byte(told: Town) -> None:
    """A seeded sample of all single-byte changes, and of cuts."""
    data, verifier = (told.folder / "h.json").read_bytes(), Verifier.parse(key(told))
    chance = random.Random(4)
    for _ in range(150):
        place, byte = chance.randrange(len(data)), chance.randrange(256)
        if data[place] != byte:
            assert broken(data[:place] + bytes([byte]) + data[place + 1 :], verifier), (place, byte)
    for _ in range(20):
        assert broken(data[: chance.randrange(len(data))], verifier)
    assert broken(data + b"\n", verifier) and broken(b" " + data, verifier)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(bits=st.lists(st.integers(0, 3), min_size=1, max_size=4))
def test_whatever_history_shows_verify_accepts(bits: list[int], governed_log: tuple[Vault, Path]) -> None:
    """Other people's entries, void changes and switches in any order: export and verify say the same as the book."""
    vault, folder = governed_log
    book = Book(vault)
    with opened(vault) as log:
        for bit in bits:
            number = book.read().standing.sequence + 1
            if bit == 0:
                log.append([commit("record-like", {"id": f"other-{log.size}"})])
            elif bit == 1:
                log.append([commit(KIND, {"id": f"change-{number:08d}", "x": bits})])
            else:
                body: dict[str, Any] = {"id": f"change-{number:08d}", "at": "never", "signatures": []}
                log.append([commit(KIND, body)])
        key = log._signer.verifier
    data = dossier.export(book, folder, key)
    assert [one.as_json() for one in accounts(dossier.verify(data, key).story)] == [
        one.as_json() for one in accounts(book.read())
    ]


@pytest.fixture
def governed_log(governed: Town) -> Iterator[tuple[Vault, Path]]:
    vault = Vault.open(Settings(data=str(governed.folder / "d")))
    yield vault, governed.folder / "d" / "log"
    vault.close()

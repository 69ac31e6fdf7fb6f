"""`rambarde bank`: what people decide, with name and reason; lists, merges, checks; exchanges."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from rambarde.guard.banks.bank import Bank
from rambarde.guard.banks.file import replace
from rambarde.guard.media.pdq import pdq
from rambarde.interfaces import parts
from rambarde.interfaces.checkup.models import _row
from rambarde.interfaces.checkup.row import Status
from rambarde.interfaces.settings import Settings
from tests.guard.banks.exchanges import NCMEC_ENV, STOPNCII_ENV, ncmec_entry, served, stop_record
from tests.guard.banks.known import decision, flipped, hashed
from tests.interfaces.cli.conftest import Rambarde

WHO = ("--by", "Ada Nova", "--reason", "case 12")
ONE, TWO = hashed(1).hex(), hashed(2).hex()


@pytest.fixture(autouse=True)
def configured(rambarde: Rambarde, tmp_path: Path) -> None:
    (tmp_path / "rambarde.toml").write_text('known_bank = "own.bank"\n')


def told(rambarde: Rambarde, *arguments: str, status: int = 0) -> list[dict[str, Any]]:
    printed = rambarde("bank", *arguments, "--json", status=status).stdout
    return [json.loads(line) for line in printed.splitlines()]


def test_a_hash_is_added_shown_removed_and_brought_back(rambarde: Rambarde) -> None:
    (made,) = told(rambarde, "add", ONE, *WHO)
    assert (made["version"], made["entries"]["block"], made["previous"]) == ("1", 1, None)
    near = flipped(hashed(1), 9).hex()
    (shown,) = told(rambarde, "show", near)
    (found,) = shown["near"]
    assert (found["bits"], found["hash"], found["kind"]) == (9, ONE, "block")
    assert (found["source"], found["by"], found["reason"]) == ("own", "Ada Nova", "case 12")
    rambarde("bank", "add", ONE, *WHO, fails="bank_entry_exists")
    rambarde("bank", "negative", ONE, *WHO, fails="bank_entry_exists")
    (gone,) = told(rambarde, "remove", ONE, "--by", "Ben", "--reason", "a logo")
    assert (gone["entries"], gone["previous"]) == ({"block": 0, "negative": 0, "removed": 1}, made["digest"])
    (tombstone,) = told(rambarde, "show", ONE)[0]["near"]
    assert (tombstone["kind"], tombstone["by"], tombstone["added"]["by"]) == ("removed", "Ben", "Ada Nova")
    rambarde("bank", "remove", ONE, *WHO, fails="bank_entry_unknown")
    rambarde("bank", "add", ONE, *WHO, fails="bank_entry_removed")
    rambarde("bank", "add", ONE, *WHO, "--restore")
    words = rambarde("bank", "show").stdout
    assert "version    3" in words and "1 block, 0 negative, 0 removed" in words
    assert "Ada Nova" in rambarde("bank", "show", near).stdout


def test_a_picture_stands_for_its_hash_in_any_orientation(rambarde: Rambarde, tmp_path: Path) -> None:
    blocks = np.random.default_rng(3).integers(0, 255, (7, 9, 3), dtype=np.uint8)
    picture = Image.fromarray(blocks).resize((300, 240), Image.Resampling.BICUBIC)
    picture.save(tmp_path / "one.png")
    picture.transpose(Image.Transpose.ROTATE_90).save(tmp_path / "turned.png")
    rambarde("bank", "add", "one.png", *WHO)
    assert told(rambarde, "export")[0]["hash"] == pdq(np.array(picture)).hex
    assert told(rambarde, "show", "turned.png")[0]["near"][0]["bits"] <= 10
    Image.new("RGB", (64, 64), "white").save(tmp_path / "white.png")
    rambarde("bank", "add", "white.png", *WHO, fails="bank_picture_plain")
    (tmp_path / "text.png").write_text("no picture")
    rambarde("bank", "add", "text.png", *WHO, fails="not_an_image")
    rambarde("bank", "add", ".", *WHO, fails="image_unreadable")


@pytest.mark.parametrize("who", [("--by", "", "--reason", "r"), ("--by", "A", "--reason", " ")])
def test_every_entry_has_somebody_and_a_reason(
    rambarde: Rambarde, tmp_path: Path, who: tuple[str, ...]
) -> None:
    rambarde("bank", "add", ONE, *who, fails="bank_decision_invalid")
    rambarde("bank", "add", ONE, status=2)
    assert not (tmp_path / "own.bank").exists()


def test_lists_come_in_whole_and_go_out(rambarde: Rambarde, tmp_path: Path) -> None:
    listed = tmp_path / "list.txt"
    listed.write_text(f"# from our partner\n{ONE}\n\n{TWO.upper()} # a note\n")
    given = ("import", "list.txt", "--source", "partner", *WHO)
    (made,) = told(rambarde, *given, "--max-age", "12")
    assert (made["entries"]["block"], made["sources"], made["max_age"]) == (2, {"partner": 2}, 12)
    assert made["as_of"] and made["stale"] is None
    assert rambarde("bank", "export").stdout.split() == [ONE, TWO]
    rambarde("bank", "remove", ONE, "--by", "Ben", "--reason", "a logo")
    assert "1 stay removed" in rambarde("bank", *given).stdout
    assert rambarde("bank", "export").stdout.split() == [TWO]
    assert rambarde("bank", "export", "--kind", "removed").stdout.split() == [ONE]
    assert told(rambarde, *given, "--max-age", "0")[0]["max_age"] is None
    before = (tmp_path / "own.bank").read_bytes()
    listed.write_text(f"{hashed(4).hex()}\nd41d8cd98f00b204e9800998ecf8427e\n")
    assert "Line 2" in str(rambarde("bank", *given, fails="bank_hash_invalid").exception)
    rambarde("bank", "import", "none.txt", "--source", "own", *WHO, fails="bank_list_unreadable")
    rambarde("bank", "import", "list.txt", "--source", "A B", *WHO, fails="bank_decision_invalid")
    listed.write_text(ONE)
    rambarde("bank", *given, "--max-age", "-1", fails="bank_invalid")
    rambarde("bank", *given, "--max-age", "1e300", fails="bank_invalid")
    assert (tmp_path / "own.bank").read_bytes() == before


def test_banks_are_merged_with_their_decisions(rambarde: Rambarde, tmp_path: Path) -> None:
    rambarde("bank", "add", ONE, *WHO)
    (tmp_path / "other.bank").write_bytes(Bank.of([hashed(1), hashed(2)], decision("ncmec")).dump())
    assert (
        "1 added, 0 changed, 1 were there, 0 stay removed" in rambarde("bank", "merge", "other.bank").stdout
    )
    assert told(rambarde, "show")[0]["sources"] == {"own": 1, "ncmec": 1}
    rambarde("bank", "merge", "none.bank", fails="bank_unreadable")


def test_verify_finds_what_is_damaged_missing_or_stale(rambarde: Rambarde, tmp_path: Path) -> None:
    rambarde("bank", "verify", status=1)
    rambarde("bank", "add", ONE, *WHO)
    assert "ok" in rambarde("bank", "verify").stdout
    feed = tmp_path / "feed.bank"
    (tmp_path / "rambarde.toml").write_text('known_bank = "own.bank"\nknown_feeds = ["feed.bank"]\n')
    assert "No such file" in rambarde("bank", "verify", status=1).stdout
    bank = Bank.of([hashed(3)], decision("ncmec"))
    old = bank.as_of(as_of=datetime(2026, 1, 1, tzinfo=UTC), max_age=timedelta(hours=24))
    replace(feed, old.dump())
    own, stale = told(rambarde, "verify", status=1)
    assert own["stale"] is None and "of at most 24" in stale["stale"]
    feed.write_bytes(old.dump()[:-3])
    assert "truncated" in rambarde("bank", "verify", status=1).stdout
    rambarde("bank", "show", "--bank", "feed.bank", fails="bank_invalid")
    rambarde("bank", "add", TWO, *WHO, "--bank", "feed.bank", fails="bank_invalid")
    assert feed.read_bytes() == old.dump()[:-3], "nothing is written over what cannot be read"


def test_which_bank(rambarde: Rambarde, tmp_path: Path) -> None:
    (tmp_path / "rambarde.toml").unlink()
    rambarde("bank", "add", ONE, *WHO, fails="bank_unnamed")
    rambarde("bank", "show", "zz", "--bank", "none", fails="bank_unreadable")
    assert "no bank" in rambarde("bank", "verify").stdout
    rambarde("bank", "add", "zz", *WHO, "--bank", "b", fails="bank_hash_invalid")
    rambarde("bank", "add", ONE, *WHO, "--bank", "nowhere/b", fails="bank_unreadable")


def test_the_detector_is_given_every_bank_of_the_settings(tmp_path: Path) -> None:
    point = next(p for p in parts.detector_points() if p.name == parts.KNOWN)
    own, feed = tmp_path / "own", tmp_path / "feed"
    own.write_bytes(Bank.of([hashed(1)], decision()).dump())
    feed.write_bytes(Bank.of([hashed(2)], decision("ncmec")).dump())
    data = []
    for known in ({}, {"known_bank": str(own)}, {"known_feeds": (str(feed),)},
                  {"known_bank": str(own), "known_feeds": (str(feed),)}):  # fmt: skip
        detector: Any = parts.detector(point, Settings(**known))  # type: ignore[arg-type]
        detector.load()
        data.append(detector.data)
    assert len(set(data)) == 4


@pytest.mark.parametrize("stale", [False, True])
def test_doctor_says_which_bank_cannot_be_relied_on(tmp_path: Path, stale: bool) -> None:
    feed = tmp_path / "feed.bank"
    bank = Bank.of([hashed(2)], decision("ncmec"))
    old = bank.as_of(as_of=datetime(2026, 1, 1, tzinfo=UTC), max_age=timedelta(hours=24)).dump()
    feed.write_bytes(old if stale else old[:-9])
    point = next(p for p in parts.detector_points() if p.name == parts.KNOWN)
    row = _row(parts.KNOWN, parts.detector(point, Settings(known_feeds=(str(feed),))), {}, None)
    assert row.status is Status.FAIL and "rambarde bank verify" in (row.remedy or "")
    assert ("stale: feed.bank" if stale else "truncated") in row.detail


# Exchanges


@pytest.mark.slow
@pytest.mark.parametrize(("name", "secrets"), [("stopncii", STOPNCII_ENV), ("ncmec", NCMEC_ENV)])
def test_an_exchange_is_fetched(
    rambarde: Rambarde, monkeypatch: pytest.MonkeyPatch, name: str, secrets: dict[str, str]
) -> None:
    pytest.importorskip("threatexchange")
    given = ["fetch", name, "--bank", "feed.bank", "--max-age", "6"]
    for variable in secrets:
        monkeypatch.delenv(variable, raising=False)
    missing = rambarde("bank", *given, fails="exchange_credentials")
    assert next(iter(secrets)) in str(missing.exception)
    for variable, secret in secrets.items():
        monkeypatch.setenv(variable, secret)
    rambarde("bank", *given, "--url", "http://example.org", fails="exchange_url")
    with served(name) as held:
        held.faults = ["status 401"]
        rambarde("bank", *given, "--url", held.url, fails="exchange_refused")
        if name == "stopncii":
            held.records = [stop_record(hashed(n), 1000) for n in range(3)]
            held.records.append(stop_record("0" * 32, 1000, kind="VideoMD5"))
        else:
            held.records = [
                ncmec_entry(f"e{n}", 41, held.clock - 10**6, md5="0", pdq=hashed(n).hex()) for n in range(3)
            ]
        (came,) = told(rambarde, *given, "--url", held.url)
        assert came["blocked"] == 3 and sum(came["not_usable"].values()) in (1, 3)
        assert (came["bank"]["sources"], came["bank"]["max_age"]) == ({name: 3}, 6)
        assert came["bank"]["feed"] == name
        words = rambarde("bank", *given, "--url", held.url)
        assert "3 blocked" in words.stdout and not any(s in words.output for s in secrets.values())
        if name == "stopncii":
            rambarde("bank", "feedback", "stopncii", ONE, "not-blocked", "--url", held.url)
            assert held.posted[0]["hashFeedbacks"][0]["feedbackValue"] == "NotBlocked"
            held.faults = ["status 500"]
            rambarde(
                "bank", "feedback", "stopncii", ONE, "blocked", "--url", held.url, fails="exchange_failed"
            )
    assert rambarde("bank", "verify", "feed.bank").stdout.startswith("feed.bank: ok")


def test_what_is_not_offered(rambarde: Rambarde, monkeypatch: pytest.MonkeyPatch) -> None:
    rambarde("bank", "feedback", "ncmec", ONE, "blocked", fails="exchange_no_feedback")
    monkeypatch.setitem(__import__("sys").modules, "rambarde.guard.banks.stopncii", None)
    rambarde("bank", "fetch", "stopncii", "--bank", "b", fails="exchange_extra")

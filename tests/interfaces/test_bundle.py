"""Bundles: whoever gets one can check it alone, with our command or with the file inside, and sees what was changed."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from rambarde.guard.policy.keeping import Keeping
from rambarde.interfaces.archive import Archive
from rambarde.interfaces.bundle import Bundled, bundle
from rambarde.interfaces.cli.main import app
from rambarde.interfaces.desk import recording
from rambarde.interfaces.settings import Settings
from rambarde.interfaces.vault import Vault
from rambarde.nouns.fault import Fault
from rambarde.nouns.hold import Scope
from rambarde.prove.key import read_verifier
from rambarde.prove.proofs import InclusionProof
from rambarde.prove.standalone import BundleError, ed25519, verify
from tests.interfaces.test_archive import ALLOWED, INPUT, PROMPT, STRONG, decision, matter
from tests.samples import a_record

RECEIVED = datetime(2026, 1, 9, 12, tzinfo=UTC)


class Stand:
    def __init__(self, data: Path, archive: Archive) -> None:
        self.data, self.archive = data, archive
        self.key = str(read_verifier(data))

    def bundle(self, out: Path, scope: Scope | None = None, *, cleared: bool = False) -> Bundled:
        return bundle(
            self.archive,
            self.data,
            scope or Scope(account="a"),
            out,
            person="Ann <Lee>",
            purpose="Anfrage & Antwort",
            cleared=cleared,
        )


@pytest.fixture(scope="module")
def stand(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stand]:
    """Ten records of ten accounts; of account `a` words and pictures are preserved, of `s` all is sealed."""
    data = tmp_path_factory.mktemp("data")
    vault = Vault.open(Settings(data=str(data)))
    try:
        with recording(vault) as recorder:
            archive = Archive.open(vault, Settings(data=str(data)), recorder.put)
            for n, account in enumerate("asbcdefghi"):
                admit = decision("preserve") if account == "a" else STRONG if account == "s" else ALLOWED
                keeping = Keeping(established=("US",))
                archive._keep(matter(admit, account=account, id=f"dec_{n}", keeping=keeping))
                record = replace(a_record(n), id=f"dec_{n}", account=account, received_at=RECEIVED)
                recorder.put("record", record.as_json())
            archive.holds.set(
                Scope(case="C-1", decisions=("dec_0", "dec_3")), person="Ann", reason="an order"
            )
            archive.holds.set(Scope(case="C-2", account="zzz"), person="Ann", reason="another")
            archive.evidence.ship()
            yield Stand(data, archive)
    finally:
        vault.close()


@pytest.fixture(scope="module")
def encrypted(stand: Stand, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, bytes]:
    out = tmp_path_factory.mktemp("bundles") / "a.zip"
    key = stand.bundle(out).key
    assert key is not None
    return out, key


@pytest.fixture(scope="module")
def cleared(stand: Stand, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("bundles") / "c.zip"
    assert stand.bundle(out, cleared=True).key is None
    return out


def names(path: Path) -> list[str]:
    with zipfile.ZipFile(path) as opened:
        return opened.namelist()


def read(path: Path, name: str) -> bytes:
    with zipfile.ZipFile(path) as opened:
        return opened.read(name)


def test_it_holds_and_says_what_it_is(stand: Stand, encrypted: tuple[Path, bytes]) -> None:
    path, key = encrypted
    found = verify(path, stand.key, key)
    assert (found["records"], found["items"], found["opened"]) == (1, 2, 2)
    assert any("witness" in note for note in found["notes"])
    assert verify(path)["opened"] == 0 and any("itself" in note for note in verify(path)["notes"])
    everything = b"".join(read(path, name) for name in names(path))
    assert PROMPT.encode() not in everything and INPUT not in everything
    assert path.stat().st_mode & 0o777 == 0o600


def test_in_clear_the_items_are_the_bytes_that_were_kept(stand: Stand, cleared: Path) -> None:
    assert verify(cleared, stand.key)["opened"] == 2
    items = sorted(name for name in names(cleared) if name.startswith("items/"))
    assert {read(cleared, name) for name in items if name.endswith("png")} == {INPUT}
    (words,) = (json.loads(read(cleared, name)) for name in items if name.endswith("json"))
    assert words["prompt"] == PROMPT


def test_its_page_reads_in_english_and_french(cleared: Path) -> None:
    page = read(cleared, "index.html").decode()
    assert "Chain of custody" in page and "Chaîne de conservation" in page and 'lang="fr"' in page
    assert "Ann &lt;Lee&gt;" in page and "<Lee>" not in page and "<script" not in page
    assert "dec_0" in page and "bundled" in page


def test_the_case_brings_what_its_holds_cover(stand: Stand, tmp_path: Path) -> None:
    out = tmp_path / "case.zip"
    made = stand.bundle(out, Scope(case="C-1"))
    assert (made.records, made.items) == (2, 2)
    assert sorted(n for n in names(out) if n.startswith("records/")) == [
        "records/dec_0.json",
        "records/dec_3.json",
    ]
    assert "holds/1.json" in names(out) and "holds/2.json" not in names(out), (
        "other cases are nobody's business"
    )
    verify(out, stand.key, made.key)


def test_a_hold_that_two_names_lifted_says_that_no_keys_were_named(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    data = tmp_path_factory.mktemp("lifted")
    vault = Vault.open(Settings(data=str(data)))
    try:
        with recording(vault) as recorder:
            archive = Archive.open(vault, Settings(data=str(data)), recorder.put)
            archive._keep(matter(decision("preserve"), account="a", id="dec_0"))
            archive.holds.set(Scope(case="C-1", account="a"), person="Ann", reason="an order")
            for name in ("Ann", "Bo"):
                archive.holds.lift("hold-1", person=name, reason="over")
            made = Stand(data, archive).bundle(data / "b.zip")
            notes = verify(data / "b.zip", None, made.key)["notes"]
            assert "hold-1 was lifted by Ann and Bo, by name: this bundle names no keys." in notes
    finally:
        vault.close()


def test_sealed_items_are_hashes_only(stand: Stand, tmp_path: Path) -> None:
    for cleared in (True, False):
        out = tmp_path / f"sealed-{cleared}.zip"
        made = stand.bundle(out, Scope(account="s"), cleared=cleared)
        assert made.items == 2 and made.key is None
        assert not [name for name in names(out) if name.startswith("items/")]
        assert verify(out, stand.key)["opened"] == 0


def test_every_proof_holds_by_the_other_implementation(stand: Stand, encrypted: tuple[Path, bytes]) -> None:
    path, _ = encrypted
    proofs = [n for n in names(path) if n.startswith(("records/", "custody/", "holds/"))]
    assert len(proofs) >= 4
    for name in proofs:
        InclusionProof.parse(json.loads(read(path, name))).check(read_verifier(stand.data))


def test_the_file_inside_verifies_with_nothing_installed(
    stand: Stand, encrypted: tuple[Path, bytes], cleared: Path, tmp_path: Path
) -> None:
    script = tmp_path / "verify.py"
    script.write_bytes(read(cleared, "verify.py"))
    alone = [sys.executable, "-I", "-S", str(script)]
    done = subprocess.run([*alone, str(cleared), "--log-key", stand.key], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["opened"] == 2
    key = tmp_path / "key"
    key.write_bytes(base64.b64encode(encrypted[1]))
    done = subprocess.run([*alone, str(encrypted[0]), "--key", str(key)], capture_output=True, text=True)
    assert done.returncode == 1 and "cryptography" in done.stderr


def test_a_wrong_key(stand: Stand, encrypted: tuple[Path, bytes]) -> None:
    with pytest.raises(BundleError) as fault:
        verify(encrypted[0], stand.key, bytes(32))
    assert fault.value.code == "bundle_key"
    other = stand.key[:-6] + ("A" if stand.key[-6] != "A" else "B") + stand.key[-5:]
    with pytest.raises(BundleError) as fault:
        verify(encrypted[0], other)
    assert fault.value.code == "bundle_log_key"


def test_a_truncated_bundle(encrypted: tuple[Path, bytes], tmp_path: Path) -> None:
    whole, cut = encrypted[0].read_bytes(), tmp_path / "cut.zip"
    for size in (0, 1, len(whole) // 2, len(whole) - 1):
        cut.write_bytes(whole[:size])
        with pytest.raises(BundleError) as fault:
            verify(cut)
        assert fault.value.code == "bundle_truncated"
    with pytest.raises(BundleError) as fault:
        verify(tmp_path / "none.zip")
    assert fault.value.code == "bundle_missing"


def rewritten(path: Path, out: Path, change: dict[str, bytes | None]) -> Path:
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(out, "w") as new:
        for name in old.namelist():
            if (body := change.get(name, old.read(name))) is not None:
                new.writestr(name, body)
        for name in change.keys() - set(old.namelist()):
            new.writestr(name, change[name] or b"")
    return out


def test_any_changed_missing_or_added_file_is_found(cleared: Path, tmp_path: Path) -> None:
    for number, name in enumerate(names(cleared)):
        data = read(cleared, name)
        flipped = data[: len(data) // 2] + bytes([data[len(data) // 2] ^ 1]) + data[len(data) // 2 + 1 :]
        for body in (flipped, None):
            with pytest.raises(BundleError):
                verify(rewritten(cleared, tmp_path / f"{number}-{body is None}.zip", {name: body}))
    with pytest.raises(BundleError) as added:
        verify(rewritten(cleared, tmp_path / "added.zip", {"items/more.png": b"x"}))
    assert added.value.code == "bundle_changed"


def test_who_forges_the_manifest_too_has_not_the_logs_key(cleared: Path, tmp_path: Path) -> None:
    manifest = json.loads(read(cleared, "manifest.json"))
    manifest["items"] = []
    forged = rewritten(cleared, tmp_path / "forged.zip", {"manifest.json": json.dumps(manifest).encode()})
    with pytest.raises(BundleError) as fault:
        verify(forged)
    assert fault.value.code == "bundle_signature"


def test_nothing_covered_and_a_file_that_stands_there(stand: Stand, tmp_path: Path, cleared: Path) -> None:
    with pytest.raises(Fault) as empty:
        stand.bundle(tmp_path / "e.zip", Scope(account="nobody"))
    with pytest.raises(Fault) as exists:
        stand.bundle(cleared)
    assert (empty.value.code, exists.value.code) == ("bundle_empty", "file_exists")


def test_the_command_needs_no_data_folder(
    encrypted: tuple[Path, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(app, ["evidence", "verify", str(encrypted[0]), "--json"])
    assert done.exit_code == 0 and json.loads(done.output)["records"] == 1
    assert list(tmp_path.iterdir()) == []
    cut = tmp_path / "cut.zip"
    cut.write_bytes(encrypted[0].read_bytes()[:100])
    done = CliRunner().invoke(app, ["evidence", "verify", str(cut), "--json"])
    assert done.exit_code == 1 and json.loads(done.output)["code"] == "bundle_truncated"


@settings(max_examples=12, deadline=None)
@given(st.binary(min_size=32, max_size=32), st.binary(max_size=100), st.integers(0, 511))
def test_the_plain_ed25519_agrees_with_the_library(seed: bytes, message: bytes, bit: int) -> None:
    key = Ed25519PrivateKey.from_private_bytes(seed)
    public, signature = key.public_key().public_bytes_raw(), key.sign(message)
    assert ed25519(public, message, signature)
    flipped = bytearray(signature)
    flipped[bit // 8] ^= 1 << bit % 8
    assert not ed25519(public, message, bytes(flipped))
    assert not ed25519(public, message + b"x", signature)

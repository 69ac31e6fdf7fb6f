"""`rambarde provenance`: chains are made or taken, whole or not at all; manifests are read."""

from __future__ import annotations

import datetime as dt
import json
from pathlib import Path

import pytest

from rambarde.interfaces import sealing
from rambarde.interfaces.settings import Settings
from rambarde.nouns.provenance import Disclosure
from rambarde.prove.manifest.authority import make_chain
from tests.interfaces.cli.conftest import Rambarde
from tests.prove.manifest.conftest import picture

NOW = dt.datetime.now(dt.UTC)


def sealed(data: str, kind: str) -> bytes:
    sealer = sealing.open_sealer(Settings(data=data), lambda: NOW, demo=True)
    made = Disclosure("4a8f7b1e-0000-4000-8000-000000000001", "sketch")
    return sealer.sign_now(picture(kind), f"image/{kind}", made).data


def test_init_makes_a_chain_and_says_plainly_what_it_is_worth(rambarde: Rambarde, tmp_path: Path) -> None:
    said = rambarde("provenance", "init", "--data", "d", "--provider", "Example Images", "--days", "10")
    assert "self-signed" in said.stdout and "untrusted" in said.stdout
    assert "O=Example Images" in said.stdout
    before = (tmp_path / "d" / sealing.FILE).read_bytes()
    rambarde("provenance", "init", "--data", "d", fails="seal_exists")
    assert (tmp_path / "d" / sealing.FILE).read_bytes() == before
    told = json.loads(rambarde("provenance", "init", "--data", "d", "--replace", "--json").stdout)
    assert told["self_signed"] is True and told["algorithm"] == "es256"
    assert (tmp_path / "d" / sealing.FILE).read_bytes() != before


def test_init_takes_a_real_chain(rambarde: Rambarde, tmp_path: Path) -> None:
    bundle = make_chain("Real", NOW).bundle
    at = bundle.index(b"-----BEGIN CERTIFICATE")
    for name, part in (("key.pem", bundle[:at]), ("chain.pem", bundle[at:])):
        (tmp_path / name).write_bytes(part)
        (tmp_path / name).chmod(0o600)
    rambarde("provenance", "init", "--chain", "chain.pem", "--data", "d", fails="seal_half")
    (tmp_path / "other.pem").write_bytes(make_chain("Other", NOW).bundle)
    (tmp_path / "other.pem").chmod(0o600)
    rambarde(
        *("provenance", "init", "--chain", "chain.pem", "--key", "other.pem", "--data", "d"),
        fails="seal_key_mismatch",
    )
    old = make_chain("Old", NOW - dt.timedelta(days=9), life=dt.timedelta(days=8)).bundle
    (tmp_path / "old.pem").write_bytes(old)
    (tmp_path / "old.pem").chmod(0o600)
    rambarde(
        *("provenance", "init", "--chain", "old.pem", "--key", "old.pem", "--data", "d"),
        fails="seal_certificate_expired",
    )
    assert not (tmp_path / "d").exists()
    rambarde("provenance", "init", "--chain", "chain.pem", "--key", "key.pem", "--data", "d")
    identity = sealing.identity_files(Settings(data="d")).current()
    assert "O=Real" in identity.leaf.subject.rfc4514_string()


def test_init_does_not_pretend_to_replace_a_configured_chain(rambarde: Rambarde, tmp_path: Path) -> None:
    (tmp_path / "rambarde.toml").write_text('provenance_chain = "elsewhere.pem"\n')
    rambarde("provenance", "init", fails="seal_configured")
    (tmp_path / "rambarde.toml").unlink()
    rambarde("provenance", "init", "--days", "0", fails="seal_days")


@pytest.mark.parametrize("kind", ["png", "jpeg", "webp"])
def test_show(rambarde: Rambarde, tmp_path: Path, kind: str) -> None:
    data = sealed("d", kind)
    (tmp_path / "image").write_bytes(data)
    told = json.loads(rambarde("provenance", "show", "image", "--data", "d", "--json").stdout)
    assert (told["state"], told["actions"]) == ("trusted", ["c2pa.created"])
    assert told["metadata"]["dc:identifier"].endswith("000000000001")
    said = rambarde("provenance", "show", "image", "--root", str(Path("d") / sealing.ROOT_FILE)).stdout
    assert said.startswith("trusted: intact") and "no time stamp" in said
    said = rambarde("provenance", "show", "image", "--data", "elsewhere").stdout
    assert said.startswith("valid: intact; nobody you trust")
    (tmp_path / "image").write_bytes(picture(kind))
    assert "no manifest" in rambarde("provenance", "show", "image", status=1).stdout
    changed = data.replace(b"unstated", b"Unstated", 1)
    (tmp_path / "image").write_bytes(changed)
    assert rambarde("provenance", "show", "image", status=1).stdout.startswith("invalid")


def test_show_of_what_is_no_picture(rambarde: Rambarde, tmp_path: Path) -> None:
    rambarde("provenance", "show", "none.png", fails="image_unreadable")
    (tmp_path / "a.gif").write_bytes(b"GIF89a" + b"\0" * 20)
    rambarde("provenance", "show", "a.gif", fails="unsupported_image_type")
    (tmp_path / "a.png").write_bytes(sealed("d", "png").replace(b"jumdc2pa", b"jumXc2pa", 1))
    rambarde("provenance", "show", "a.png", fails="manifest_unreadable")

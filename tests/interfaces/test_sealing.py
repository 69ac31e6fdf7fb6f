"""The sealer of a gateway: made at the first start, and no start without one that could sign."""

from __future__ import annotations

import datetime as dt
import logging
from pathlib import Path

import pytest

from rambarde.interfaces import sealing
from rambarde.interfaces.settings import Settings
from rambarde.interfaces.wiring import wire
from rambarde.nouns.fault import Fault
from rambarde.prove.manifest.authority import make_chain

NOW = dt.datetime.now(dt.UTC)


def clock() -> dt.datetime:
    return NOW


def test_the_first_start_makes_a_chain_and_the_next_one_keeps_it(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    settings = Settings(data=str(tmp_path))
    with caplog.at_level(logging.WARNING):
        first = sealing.open_sealer(settings, clock, demo=True).check()
        assert not caplog.records
        assert sealing.open_sealer(settings, clock).check().fingerprint == first.fingerprint
    assert "untrusted" in caplog.text
    assert (tmp_path / sealing.FILE).stat().st_mode & 0o077 == 0
    assert b"PRIVATE" not in (tmp_path / sealing.ROOT_FILE).read_bytes()
    assert sorted(p.name for p in tmp_path.iterdir()) == [sealing.ROOT_FILE, sealing.FILE]


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"provider": "Example Images"}, "Example Images"),
        ({"public_url": "https://images.example.org/x"}, "images.example.org"),
        ({}, sealing.UNNAMED),
    ],
)
def test_who_is_named_as_the_provider(settings: dict[str, str], named: str) -> None:
    assert sealing.provider(Settings(**settings)) == named  # type: ignore[arg-type]


def stopped(settings: Settings) -> str:
    with pytest.raises(Fault) as raised:
        wire(settings, demo=True)
    assert raised.value.remedy
    return raised.value.code


@pytest.mark.slow
def test_no_start_with_an_identity_that_cannot_sign(tmp_path: Path) -> None:
    def placed(name: str, bundle: bytes) -> str:
        (tmp_path / name).write_bytes(bundle)
        (tmp_path / name).chmod(0o600)
        return str(tmp_path / name)

    def of(chain: str, key: str = "") -> Settings:
        return Settings(data=str(tmp_path / "data"), provenance_chain=chain, provenance_key=key)

    day, month = dt.timedelta(days=1), dt.timedelta(days=30)
    good = placed("good.pem", make_chain("x", NOW).bundle)
    expired = placed("expired.pem", make_chain("x", NOW - month - day, life=month).bundle)
    early = placed("early.pem", make_chain("x", NOW + day).bundle)
    other = placed("other.pem", make_chain("y", NOW).bundle)
    assert stopped(of(expired)) == "seal_certificate_expired"
    assert stopped(of(early)) == "seal_certificate_early"
    assert stopped(of(good, other)) == "seal_key_mismatch"
    assert stopped(of(str(tmp_path / "none.pem"))) == "seal_unreadable"
    Path(good).chmod(0o644)
    assert stopped(of(good)) == "seal_key_exposed"
    Path(good).chmod(0o600)
    gateway = wire(of(good), demo=True)
    assert gateway.sealer.check().leaf.subject.rfc4514_string().endswith("O=x")
    gateway.abandon()
    assert not (tmp_path / "data" / sealing.FILE).exists(), "no chain of its own beside a configured one"

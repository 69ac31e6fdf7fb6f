"""Tidying: fingerprints of held images go with them, unless somebody released them; the index is kept warm."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from rambarde.guard.media.encode import encode
from rambarde.interfaces.sealing import open_sealer
from rambarde.interfaces.settings import Settings
from rambarde.interfaces.tracing import Tracing, claim, origin
from rambarde.interfaces.wiring import Gateway, wire
from rambarde.nouns.fault import Fault
from rambarde.nouns.fingerprint import Output, Prints
from rambarde.nouns.provenance import Disclosure, Signed
from rambarde.prove.techniques import Claim
from tests.samples import a_record


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[Gateway]:
    gateway = wire(Settings(data=str(tmp_path)), demo=True)
    yield gateway
    gateway.chain.inspector.close()
    gateway.abandon()


def remember(gateway: Gateway, decision: str, *, held: bool) -> None:
    output = Output(decision, 0, "web", "sketch", gateway.clock() - timedelta(days=8), held)
    one = Prints(decision.encode().ljust(32), b"\1" * 32, b"\2" * 32, b"")
    asyncio.run(gateway.tracing.prints.add([(output, one)]))


def test_a_held_image_that_nobody_released_is_forgotten(gateway: Gateway) -> None:
    for decision, held in (("dec_a", True), ("dec_b", False)):
        remember(gateway, decision, held=held)
    assert gateway.tracing.tidy() == 1
    assert [one.output.decision for one in gateway.tracing.prints.get([1, 2])] == ["dec_b"]
    assert len(gateway.tracing.index.words) == 1 and gateway.tracing.tidy() == 0


def test_what_is_not_recorded_or_was_withdrawn_is_not_told(gateway: Gateway) -> None:
    assert origin(gateway.vault, "dec_unknown", 0) is None
    record = a_record(1)
    asyncio.run(gateway.recorder.record(record))
    before = origin(gateway.vault, record.id, None)
    asyncio.run(gateway.recorder.withdraw(record.id, "policy_changed"))
    assert origin(gateway.vault, record.id, None) is None
    assert before is not None and before.surface == record.surface


def test_a_picture_nobody_knows_and_what_is_none(gateway: Gateway) -> None:
    tracing: Tracing = gateway.tracing
    noise = np.random.default_rng(1).integers(0, 255, (90, 70, 3), dtype=np.uint8)
    found = asyncio.run(tracing.trace(encode(Image.fromarray(noise), "png")))
    assert found.matches == () and found.looked == ("manifest", "file", "pdq", "iscc", "points")
    with pytest.raises(Fault) as caught:
        asyncio.run(tracing.trace(b"no picture"))
    assert (caught.value.code, caught.value.field) == ("not_an_image", "picture")


def signed(gateway: Gateway) -> Signed:
    """A picture that the gateway's sealer signed, and the register knows by its manifest's label alone."""
    pixels = np.full((40, 40, 3), 90, np.uint8)
    disclosure = Disclosure(str(uuid.uuid4()), "sketch")
    found = asyncio.run(gateway.sealer.sign(encode(Image.fromarray(pixels), "png"), "image/png", disclosure))
    output = Output("dec_m", 2, "web", "sketch", gateway.clock())
    one = Prints(bytes(32), None, None, b"", found.note.label)
    asyncio.run(gateway.tracing.prints.add([(output, one)]))
    return found


def test_a_manifest_of_ours_names_the_decision(gateway: Gateway, tmp_path: Path) -> None:
    settings, register = Settings(data=str(tmp_path)), gateway.tracing.prints
    made = signed(gateway)
    assert claim(settings, register, made.data) == Claim("dec_m", 2)
    for changed in (made.data[:-30], made.data.replace(b"IDAT", b"IDAX", 1), made.data[:400], b"no picture"):
        assert claim(settings, register, changed) is None


def test_our_label_under_somebody_elses_signature_proves_nothing(
    gateway: Gateway, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    register = gateway.tracing.prints
    made = signed(gateway)
    elsewhere = Settings(data=str(tmp_path_factory.mktemp("else")))
    open_sealer(elsewhere, gateway.clock, demo=True).close()
    assert claim(elsewhere, register, made.data) is None

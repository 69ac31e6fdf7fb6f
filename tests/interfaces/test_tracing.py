"""Tidying: fingerprints of held images go with them, unless somebody released them; the index is kept warm."""

from __future__ import annotations

import asyncio
import os
import uuid
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from rambarde.guard.media.encode import encode
from rambarde.guard.sight import Sight
from rambarde.guard.workers import worker
from rambarde.guard.workers.pool import Pool
from rambarde.interfaces import tracing as module
from rambarde.interfaces.sealing import open_sealer
from rambarde.interfaces.settings import Settings
from rambarde.interfaces.tracing import Tracing, claim, expire, origin
from rambarde.interfaces.wiring import Gateway, wire
from rambarde.nouns.fault import Fault
from rambarde.nouns.fingerprint import Output, Prints
from rambarde.nouns.provenance import Disclosure, Signed
from rambarde.prove.techniques import Claim
from tests.samples import a_record

GREY = Image.new("RGB", (64, 48), (90, 90, 90))


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
    assert expire(gateway.vault, gateway.tracing.prints) == 1
    assert [one.output.decision for one in gateway.tracing.prints.get([1, 2])] == ["dec_b"]
    gateway.tracing.index.catch_up()
    assert len(gateway.tracing.index.words) == 1 and expire(gateway.vault, gateway.tracing.prints) == 0


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


def sound() -> tuple[()]:
    """No detectors."""
    return ()


def crashing() -> tuple[()]:
    """The same, in a worker whose decoder takes its process down with it."""
    vars(worker)["decode"] = lambda *_, **__: os.abort()
    return ()


@pytest.mark.slow
@pytest.mark.parametrize("build", [sound, crashing])
def test_a_strangers_picture_is_decoded_by_a_worker(gateway: Gateway, build: worker.Build) -> None:
    """It never is in the gateway's own process, which a crash leaves as it was; bad files read as they always do."""
    pool = Pool(build, 1)
    tracing = Tracing.of(gateway.vault, gateway.settings, sight=Sight(pool))
    assert not hasattr(module, "decode")
    try:
        with pytest.raises(Fault) as caught:
            asyncio.run(tracing.trace(b"no picture" if build is sound else encode(GREY, "png"), field="url"))
        code = "not_an_image" if build is sound else "decoder_failed"
        assert (caught.value.code, caught.value.field) == (code, "url")
        if build is sound:
            assert asyncio.run(tracing.trace(encode(GREY, "png"))).matches == () and pool.pids != (
                os.getpid(),
            )
    finally:
        pool.close()


def test_a_gateway_traces_with_its_own_workers(gateway: Gateway) -> None:
    assert gateway.tracing.sight is gateway.chain.inspector.sight


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


@pytest.mark.slow
def test_our_label_under_somebody_elses_signature_proves_nothing(
    gateway: Gateway, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    register = gateway.tracing.prints
    made = signed(gateway)
    elsewhere = Settings(data=str(tmp_path_factory.mktemp("else")))
    open_sealer(elsewhere, gateway.clock, demo=True).close()
    assert claim(elsewhere, register, made.data) is None

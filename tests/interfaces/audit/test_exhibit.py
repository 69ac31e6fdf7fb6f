"""What raters see, and what nobody sees: known pictures, sealed evidence, what could not be checked."""

from __future__ import annotations

import hashlib
import io
import json
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from rambarde.guard.inspect import Inspector
from rambarde.guard.sight import Sight
from rambarde.interfaces.archive import Archive
from rambarde.interfaces.audit.exhibit import KNOWN, LASTING, SIDE, Exhibitor, Withheld, reader
from rambarde.interfaces.cli.main import app
from rambarde.interfaces.desk import recording
from rambarde.interfaces.settings import Settings
from rambarde.interfaces.vault import Vault
from rambarde.measure.audit import sheet as sheets
from rambarde.measure.audit.sheet import Frame
from rambarde.nouns.evidence import NewItem, Part, Why
from rambarde.nouns.fault import Fault
from rambarde.nouns.hold import About
from rambarde.nouns.signal import Signal
from rambarde.store.ledger import Ledger
from tests.interfaces.audit.drawings import draw


def inspector(signal: Signal | None) -> Inspector:
    """One that says this of every picture."""

    async def output(_: object) -> Any:
        return SimpleNamespace(signals={KNOWN: signal} if signal is not None else {})

    return cast(Inspector, SimpleNamespace(sight=Sight(None), required=("known",), output=output))


def exhibitor(folder: Path, signal: Signal | None) -> Exhibitor:
    frame = Frame("files", (), 1, "", 1, root=str(folder))
    return Exhibitor(reader(frame, None, person="", purpose=""), inspector(signal))


async def test_a_picture_comes_blurred_and_sharp_small_and_bare(tmp_path: Path) -> None:
    image = Image.new("RGB", (3000, 1500), (10, 20, 30))
    image.paste((250, 250, 0), (0, 0, 1500, 1500))
    exif = Image.Exif()
    exif[0x010E] = "where it was taken"
    image.save(tmp_path / "a.jpg", exif=exif)
    shown = await exhibitor(tmp_path, Signal.absent(KNOWN)).show("a.jpg")
    sharp, blurred = (Image.open(io.BytesIO(data)) for data in (shown.sharp, shown.blurred))
    assert sharp.size == blurred.size == (SIDE, SIDE // 2)
    assert not sharp.getexif()


async def test_nothing_can_be_made_out_of_the_blur(tmp_path: Path) -> None:
    """Two fine patterns of the same colours are the same blur."""
    found = []
    for name, wide in (("a", 2), ("b", 5)):
        rows = (np.indices((600, 600)).sum(0) // wide % 2 * 255).astype(np.uint8)
        Image.fromarray(np.dstack([rows] * 3)).save(tmp_path / f"{name}.png")
        shown = await exhibitor(tmp_path, Signal.absent(KNOWN)).show(f"{name}.png")
        found.append(np.asarray(Image.open(io.BytesIO(shown.blurred)), float))
    assert np.abs(found[0] - found[1]).mean() < 6


async def test_a_known_picture_is_rendered_for_nobody(tmp_path: Path) -> None:
    draw(tmp_path / "p", 1)
    with pytest.raises(Withheld) as caught:
        await exhibitor(tmp_path / "p", Signal.measured(KNOWN, 1.0)).show("000-circle.png")
    assert caught.value.why == "known"


@pytest.mark.parametrize("signal", [None, Signal.failed(KNOWN, "late")])
async def test_what_could_not_be_checked_is_not_shown_and_not_closed(
    tmp_path: Path, signal: Signal | None
) -> None:
    draw(tmp_path / "p", 1)
    with pytest.raises(Fault) as caught:
        await exhibitor(tmp_path / "p", signal).show("000-circle.png")
    assert caught.value.code == "audit_unchecked" and caught.value.kind not in LASTING


async def test_what_is_no_picture_is_unreadable(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"no picture")
    (tmp_path / "folder.png").mkdir()
    for id in ("a.png", "gone.png", "folder.png"):
        with pytest.raises(Fault) as caught:
            await exhibitor(tmp_path, Signal.absent(KNOWN)).show(id)
        assert caught.value.kind in LASTING


def png(number: int) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (40, 40), (number * 9, 80, 90)).save(out, "PNG")
    return out.getvalue()


def kept(number: int, surface: str, *, sealed: bool = False, why: Why = Why.SAMPLE) -> NewItem:
    data = png(number)
    return NewItem(
        About(decision=f"dec_{number}", account="a", surface=surface, at=None, cases=()),
        Part.OUTPUT, 0, why, "0.01", "image/png", len(data), hashlib.sha256(data).hexdigest(),
        timedelta(days=30), data, sealed=sealed,
    )  # fmt: skip


async def test_our_own_records_are_drawn_and_opened_by_name(tmp_path: Path) -> None:
    settings = Settings(data=str(tmp_path / "data"))
    vault = Vault.open(settings)
    try:
        with recording(vault) as recorder:
            archive = Archive.open(vault, settings, recorder.put)
            archive.evidence.add([kept(number, "web" if number % 2 else "app") for number in range(8)])
            archive.evidence.add([kept(8, "web", sealed=True), kept(9, "web", why=Why.RULE)])
    finally:
        vault.close()
    out = tmp_path / "audit"
    who = ("--by", "Ann Lee", "--purpose", "quarterly audit", "--data", settings.data)
    made = ("audit", "draw", str(out), "--records", "--size", "9", "--seed", "s", "--stratify", "surface")
    done = CliRunner().invoke(app, [*made, *who, "--json"], catch_exceptions=False)
    sheet = json.loads(done.stdout)
    assert sheet["frame"]["kind"] == "records" and sheet["sizes"] == {"app": 4, "web": 5}, (
        "what a rule keeps is no sample"
    )
    vault = Vault.open(settings)
    try:
        with recording(vault) as recorder:
            archive = Archive.open(vault, settings, recorder.put)
            read = reader(sheets.read(out)[0].frame, archive, person="Ann Lee", purpose="quarterly audit")
            shown, withheld = [], 0
            for unit in sheets.read(out)[1]:
                try:
                    shown.append(await Exhibitor(read, inspector(Signal.absent(KNOWN))).show(unit.id))
                except Withheld as found:
                    assert found.why == "sealed"
                    withheld += 1
        rows = Ledger(vault.database).rows(0, 1000)
        events = [json.loads(row.committed.body) for row in rows if row.committed.kind == "custody"]
    finally:
        vault.close()
    assert (len(shown), withheld) == (8, 1)
    assert [event["event"] for event in events] == ["listed", *["opened"] * 8]
    assert {(event["person"], event["purpose"]) for event in events} == {("Ann Lee", "quarterly audit")}

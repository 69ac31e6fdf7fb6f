"""A reader that is not our signer's own (c2pa-ts, TypeScript, no code in common) agrees. It reads PNG and JPEG."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.project.modules import ROOT
from tests.prove.manifest.conftest import Bench, chain, picture, sent
from tests.prove.manifest.test_sealer import foreign

MODULES = Path(os.environ.get("NODE_PATH") or ROOT / ".venv" / "node" / "node_modules")
PROGRAM = Path(__file__).with_name("read.mjs")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not shutil.which("node") or not (MODULES / "@trustnxt" / "c2pa-ts").exists(),
        reason="scripts/reader gets it, where there is npm",
    ),
]


def told(folder: Path, *files: bytes) -> list[dict[str, Any]]:
    """What the second reader says of each file."""
    paths = [folder / f"{place}.image" for place in range(len(files))]
    for path, data in zip(paths, files, strict=True):
        path.write_bytes(data)
    run = subprocess.run(
        ["node", PROGRAM, MODULES, *paths], capture_output=True, text=True, timeout=60, check=False
    )
    assert run.returncode == 0, run.stderr
    return [json.loads(line) for line in run.stdout.splitlines()]


def test_it_agrees_that_generations_edits_and_foreign_manifests_are_valid(
    bench: Bench, tmp_path: Path
) -> None:
    made = bench.seal(picture("png"), "png")
    second = bench.seal(picture("jpeg", 1), "jpeg", sent(made, "png"))
    third = bench.seal(picture("png", 2), "png", sent(second, "jpeg"), sent(picture("webp"), "webp"))
    camera = bench.seal(picture("jpeg", 3), "jpeg", sent(foreign(bench), "jpeg"))
    kinds = ("png", "jpeg", "png", "jpeg")
    ours = [bench.read(data, kind) for data, kind in zip((made, second, third, camera), kinds, strict=True)]
    theirs = told(tmp_path, made, second, third, camera)
    assert [(one["valid"], one["codes"]) for one in theirs] == [(True, [])] * 4
    assert [one["label"] for one in theirs] == [one.label for one in ours]
    assert [len(one["manifests"]) for one in theirs] == [1, 2, 3, 2] == [one.manifests for one in ours]
    assert {"c2pa.actions.v2", "c2pa.ai-disclosure", "cawg.metadata"} <= set(theirs[0]["assertions"])


def test_it_agrees_that_one_flipped_byte_is_invalid(bench: Bench, tmp_path: Path) -> None:
    files = []
    for kind, mark in (("png", b"IDAT"), ("jpeg", b"\xff\xda")):
        data = bytearray(bench.seal(picture(kind), kind))
        data[data.index(mark) + 40] ^= 1
        files.append(bytes(data))
    statement = bench.seal(picture("png"), "png").replace(b"<images>", b"<another", 1)
    assert [one["valid"] for one in told(tmp_path, *files, statement)] == [False, False, False]


def test_it_reads_a_chain_of_another_authority(bench: Bench, tmp_path: Path) -> None:
    bench.place(chain("Somebody else").bundle)
    (one,) = told(tmp_path, bench.seal(picture("jpeg"), "jpeg"))
    assert one["valid"]

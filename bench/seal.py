"""Sealing beside c2pa-python alone, in turns: the same manifest on the same file, without our XMP and our checks.

    python bench/seal.py [--rounds 40]

1024×1024, no time-stamp authority, thumbnails off on both sides; `edit` carries one sealed input of the same
format along. Each round runs every side once, one after the other. Prints medians of wall and processor time;
the same goes to bench/results/seal.json.
"""

from __future__ import annotations

import argparse
import datetime as dt
import io
import json
import os
import platform
import statistics
import tempfile
import time
import uuid
from collections.abc import Callable
from pathlib import Path

import c2pa
import numpy as np
from PIL import Image
from rich.console import Console
from rich.table import Table
from skimage import data

from rambarde.guard.media.encode import encode
from rambarde.nouns.provenance import Disclosure, Source
from rambarde.prove.manifest.authority import make_chain
from rambarde.prove.manifest.identity import IdentityFiles, pem
from rambarde.prove.manifest.reading import State, read
from rambarde.prove.manifest.sealer import ManifestSealer
from rambarde.prove.manifest.statement import Statement

RESULTS = Path(__file__).parent / "results" / "seal.json"
STATEMENT = Statement("Example", "sketch", "1", ("Rambarde", "bench"))
OFFLINE = {
    "builder": {"thumbnail": {"enabled": False}},
    "verify": {"verify_after_sign": False, "remote_manifest_fetch": False, "ocsp_fetch": False},
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rounds", type=int, default=40)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        rows = bench(Path(folder), options.rounds)
    table = Table(*rows[0], title="Milliseconds, median (least)")
    for row in rows:
        table.add_row(*map(str, row.values()))
    Console(width=160).print(table)
    RESULTS.parent.mkdir(exist_ok=True)
    machine = {"cpus": os.cpu_count(), "python": platform.python_version(), "load": os.getloadavg()[0]}
    report = {"machine": machine, "sdk": c2pa.sdk_version(), "rows": rows}
    RESULTS.write_text(json.dumps(report, indent=1))


def bench(folder: Path, rounds: int) -> list[dict[str, object]]:
    now = dt.datetime.now(dt.UTC)
    made = make_chain("Example", now)
    path = folder / "chain.pem"
    path.write_bytes(made.bundle)
    path.chmod(0o600)
    sealer = ManifestSealer(IdentityFiles(path), STATEMENT, lambda: dt.datetime.now(dt.UTC))
    identity = sealer.check()
    signer = c2pa.Signer.from_info(
        c2pa.C2paSignerInfo(identity.algorithm.encode(), identity.sent(), identity.key, None)
    )
    trust = {"trust": {"user_anchors": b"".join(map(pem, identity.roots)).decode()}}
    context = c2pa.Context.from_dict(OFFLINE | trust)
    pixels = np.asarray(Image.fromarray(data.astronaut()).resize((1024, 1024)))

    def ours(file: bytes, kind: str, *sources: Source) -> bytes:
        return sealer.sign_now(file, kind, Disclosure(str(uuid.uuid4()), "sketch", sources)).data

    def bare(file: bytes, kind: str, *sources: Source) -> bytes:
        definition = STATEMENT.definition(Disclosure(str(uuid.uuid4()), "sketch", sources), now)
        builder = c2pa.Builder(definition, context=context)
        for place, source in enumerate(sources):
            told = {"title": "input", "relationship": "parentOf", "label": f"input-{place}"}
            builder.add_ingredient(json.dumps(told), kind, io.BytesIO(source.sent))
        out = io.BytesIO()
        builder.sign(signer, kind, io.BytesIO(file), out)
        return out.getvalue()

    rows: list[dict[str, object]] = []
    for name in ("png", "jpeg", "webp"):
        file, kind = encode(pixels, name), f"image/{name}"
        sealed = ours(file, kind)
        assert read(sealed, kind, (made.root,)).state is State.TRUSTED
        source = Source(sealed, file, kind)
        sides: dict[str, Callable[[], object]] = {
            "generation": lambda f=file, k=kind: ours(f, k),
            "generation, c2pa-python alone": lambda f=file, k=kind: bare(f, k),
            "edit": lambda f=file, k=kind, s=source: ours(f, k, s),
            "edit, c2pa-python alone": lambda f=file, k=kind, s=source: bare(f, k, s),
            "reading": lambda s=sealed, k=kind: read(s, k, (made.root,)),
        }
        walls: dict[str, list[float]] = {side: [] for side in sides}
        spent: dict[str, list[float]] = {side: [] for side in sides}
        for _ in range(rounds):
            for side, run in sides.items():
                wall, processor = time.perf_counter(), time.thread_time()
                run()
                walls[side].append((time.perf_counter() - wall) * 1000)
                spent[side].append((time.thread_time() - processor) * 1000)
        for side in sides:
            rows.append(
                {
                    "format": f"{name}, {len(file) / 1000:.0f} KB",
                    "what": side,
                    "wall": f"{statistics.median(walls[side]):.2f} ({min(walls[side]):.2f})",
                    "processor": f"{statistics.median(spent[side]):.2f} ({min(spent[side]):.2f})",
                    "bytes added": len(sealed) - len(file) if side == "generation" else "",
                }
            )
    return rows


if __name__ == "__main__":
    main()

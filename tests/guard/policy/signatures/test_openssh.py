"""Public keys as OpenSSH writes them, compared with OpenSSH itself where it is installed."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import load_ssh_public_key
from hypothesis import given
from hypothesis import strategies as st

from rambarde.guard.policy.signatures.openssh import (
    fingerprint,
    holds,
    parse_line,
    print_line,
    refuse_weak,
)
from rambarde.nouns.fault import Fault
from tests.guard.policy.signatures.stand import key

PUBLIC = key("somebody").public
LINE = print_line(PUBLIC, "somebody@example.org")

P = 2**255 - 19
TORSION = 0x7A03AC9277FDC74EC6CC392CFA53202A0F67100D760B3CBA4FD84D3D706A17C7
"""The y of a point of order 8 (its negative is another)."""
SMALL = sorted({y + sign for y in (0, 1, P - 1, P, P + 1, TORSION, P - TORSION) for sign in (0, 1 << 255)})


def test_a_line_is_read_as_it_is_written() -> None:
    assert parse_line(LINE) == (PUBLIC, "somebody@example.org")
    assert parse_line(f"  {LINE} two words\n") == (PUBLIC, "somebody@example.org two words")
    assert parse_line(print_line(PUBLIC)) == (PUBLIC, "")
    assert load_ssh_public_key(LINE.encode()).public_bytes_raw() == PUBLIC  # type: ignore[union-attr]


@pytest.mark.skipif(shutil.which("ssh-keygen") is None, reason="ssh-keygen is not installed")
def test_as_ssh_keygen_prints_it(tmp_path: Path) -> None:
    subprocess.run(
        ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "a b", "-f", tmp_path / "k"], check=True
    )
    public, comment = parse_line((tmp_path / "k.pub").read_text())
    told = subprocess.run(
        ["ssh-keygen", "-l", "-f", tmp_path / "k.pub"], check=True, capture_output=True, text=True
    )
    assert told.stdout.split()[1] == fingerprint(public) and comment == "a b"
    assert print_line(public, comment) == (tmp_path / "k.pub").read_text().strip()


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("ssh-rsa AAAAB3NzaC1yc2E= x", "key_not_ed25519"),
        ("ecdsa-sha2-nistp256 AAAA x", "key_not_ed25519"),
        ("sk-ssh-ed25519@openssh.com AAAA x", "key_not_ed25519"),
        ("", "key_line_invalid"),
        ("AAAA", "key_line_invalid"),
        ("ssh-ed25519", "key_line_invalid"),
        ("ssh-ed25519 AAAA", "key_line_invalid"),
        ("ssh-ed25519 ****", "key_line_invalid"),
        ("ssh-ed25519 é", "key_line_invalid"),
        (LINE.replace("AAAAC3", "AAAAC4", 1), "key_line_invalid"),
        (LINE.split()[0] + " " + LINE.split()[1][:-4], "key_line_invalid"),
        (LINE.split()[0] + " " + LINE.split()[1] + "AAAA", "key_line_invalid"),
        (LINE.split()[0] + " " + LINE.split()[1] + "==", "key_line_invalid"),
        (f"no-pty {LINE}", "key_line_invalid"),
        (print_line(bytes(32)), "key_weak"),
    ],
)
def test_what_is_no_line(line: str, code: str) -> None:
    with pytest.raises(Fault) as refused:
        parse_line(line)
    assert refused.value.code == code and refused.value.remedy


def test_the_point_of_order_eight_is_one() -> None:
    """Doubled it has y = 0, which is of order 4: x² = -y² in the curve's equation."""
    d = -121665 * pow(121666, P - 2, P)
    assert (2 * TORSION**2 - 1 + d * TORSION**4) % P == 0


@pytest.mark.parametrize("y", SMALL, ids=hex)
def test_points_of_small_order_are_no_keys(y: int) -> None:
    with pytest.raises(Fault) as refused:
        refuse_weak(y.to_bytes(32, "little"))
    assert refused.value.code == "key_weak"


@given(st.binary(min_size=1, max_size=20))
def test_real_keys_are_not_weak(seed: bytes) -> None:
    made = key(seed.hex())
    refuse_weak(made.public)
    assert holds(made.public, made.sign(seed), seed)
    assert not holds(made.public, made.sign(seed), seed + b"x")
    assert not holds(made.public, b"", seed)

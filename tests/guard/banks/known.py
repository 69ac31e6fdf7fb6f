"""Decisions, hashes and entries as tests make them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import strategies as st

from rambarde.guard.banks.entry import OWN, Decision, Entry, Kind

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


def decision(source: str = OWN, minutes: int = 0, by: str = "Ada Nova", reason: str = "case 12") -> Decision:
    return Decision(source, by, NOON + timedelta(minutes=minutes), reason)


def hashed(number: int) -> bytes:
    """Far from each other, and from their mirror images."""
    return bytes((number * 37 + place * place * 11 + (number >> 3)) % 256 for place in range(32))


def flipped(value: bytes, bits: int) -> bytes:
    """As many bits away; a word may have several."""
    number = int.from_bytes(value)
    for bit in range(bits):
        number ^= 1 << ((bit * 83) % 256)
    return number.to_bytes(32)


decisions = st.builds(
    decision, st.sampled_from([OWN, "ncmec", "stopncii"]), st.integers(0, 3), st.sampled_from(["Ada", "Ben"])
)
blocks = st.builds(
    lambda d, r: Entry(Kind.BLOCK, d, None, tuple(sorted(r))),
    decisions,
    st.sets(st.sampled_from(["7-a", "7-b", "9-ü".encode("ascii", "replace").decode()]), max_size=2),
)
entries = st.one_of(
    blocks,
    st.builds(lambda d: Entry(Kind.NEGATIVE, d), decisions),
    st.builds(lambda d, a: Entry(Kind.REMOVED, d, a), decisions, decisions),
)
hashes = st.binary(min_size=32, max_size=32)

"""What every wrapper of keys must do: a key management service's adapter is tried with this."""

from __future__ import annotations

import pytest

from rambarde.nouns.fault import Fault
from rambarde.store.keyring import KeyWrapper


def wraps(wrapper: KeyWrapper) -> None:
    """Wraps and unwraps; refuses what it did not wrap, another context, a changed bit and a cut, by typed faults."""
    key = bytes(range(32))
    id, wrapped = wrapper.wrap(key, b"item-1")
    assert id == wrapper.current() and 0 < len(id) <= 128 and id.isprintable()
    assert key not in wrapped
    assert wrapper.unwrap(id, wrapped, b"item-1") == key
    assert wrapper.wrap(key, b"item-1")[1] != wrapped
    flipped = bytes([wrapped[0] ^ 1]) + wrapped[1:]
    for odd in (flipped, wrapped[:-1], b"", wrapped + b"x"):
        with pytest.raises(Fault) as damaged:
            wrapper.unwrap(id, odd, b"item-1")
        assert damaged.value.code == "evidence_key_damaged"
    with pytest.raises(Fault) as elsewhere:
        wrapper.unwrap(id, wrapped, b"item-2")
    assert elsewhere.value.code == "evidence_key_damaged"
    with pytest.raises(Fault) as missing:
        wrapper.unwrap("another-key", wrapped, b"item-1")
    assert missing.value.code == "evidence_key_missing"

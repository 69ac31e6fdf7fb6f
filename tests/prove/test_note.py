"""Notes and checkpoints: the specifications' own examples, and everything that is almost one."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rambarde.prove.note import (
    Checkpoint,
    Note,
    NoteError,
    Signer,
    Verifier,
    open_checkpoint,
    sign_checkpoint,
)

# From golang.org/x/mod/sumdb/note, whose keys and notes the specification describes.
PETER = "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz"
PETER_PUBLIC = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
PETER_TEXT = (
    "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"
)
PETER_NOTE = (
    PETER_TEXT
    + "\n— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
)

SIGNER = Signer("example.org/log", bytes(range(32)))
ROOT = bytes(reversed(range(32)))


def test_the_go_example() -> None:
    signer = Signer.parse(PETER)
    assert str(signer.verifier) == PETER_PUBLIC
    assert signer.secret() == PETER
    assert signer.sign(PETER_TEXT) == PETER_NOTE
    note = Note.parse(PETER_NOTE)
    assert note.text == PETER_TEXT
    assert note.verify(Verifier.parse(PETER_PUBLIC)) == (signer.verifier,)


def test_a_checkpoint_round_trip() -> None:
    note = sign_checkpoint(SIGNER, 300, ROOT, ("policy sha256:ab", "floors sha256:cd"))
    assert note.split("\n")[:3] == ["example.org/log", "300", base64.b64encode(ROOT).decode()]
    checkpoint = open_checkpoint(note, SIGNER.verifier)
    assert checkpoint == Checkpoint("example.org/log", 300, ROOT, ("policy sha256:ab", "floors sha256:cd"))


def test_every_flipped_bit_of_a_checkpoint_is_found() -> None:
    note = sign_checkpoint(SIGNER, 300, ROOT, ("policy sha256:ab",)).encode()
    for place in range(len(note)):
        for bit in range(8):
            changed = note[:place] + bytes([note[place] ^ 1 << bit]) + note[place + 1 :]
            try:
                text = changed.decode()
            except UnicodeDecodeError:
                continue
            with pytest.raises(NoteError):
                open_checkpoint(text, SIGNER.verifier)


@given(st.text())
def test_no_text_crashes_the_parsers(text: str) -> None:
    for call in (Note.parse, Verifier.parse, Signer.parse, Checkpoint.parse):
        with pytest.raises(NoteError):
            call(text)


@given(st.lists(st.sampled_from(["\n", "— ", "a ", "+", "0", "AAAAAAAA", "\u2028", "\r", "1"]), max_size=12))
def test_no_almost_note_verifies(parts: list[str]) -> None:
    with pytest.raises(NoteError):
        open_checkpoint("".join(parts), SIGNER.verifier)


@pytest.mark.parametrize(
    "note",
    [
        "",
        "text\n",
        "text\n\n",
        "text\n\nno dash AAAAAAAA\n",
        "text\n\n— name AAAA\n",
        "text\n\n— name\n",
        "text\n\n—  AAAAAAAA\n",
        "text\n\n— na+me AAAAAAAA\n",
        "text\n\n— na\u00a0me AAAAAAAA\n",
        "text\n\n— name AAAAAAA\n",
        "text\n\n— name AAAAAAAB=\n",
        "text\n\n— name AAAAAAAA",
        "text\n\n— name AAAAAAAA\n\n",
        "te\txt\n\n— name AAAAAAAA\n",
        "te\rxt\n\n— name AAAAAAAA\n",
        "te\ud800xt\n\n— name AAAAAAAA\n",
        "x" * 1_000_001,
    ],
)
def test_malformed_notes(note: str) -> None:
    with pytest.raises(NoteError):
        Note.parse(note)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n",
        "origin\n3\n",
        "origin\n03\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n",
        "origin\n-3\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n",
        "origin\n٣\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n",
        "origin\n3 \nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n",
        "origin\n3\nAAAA\n",
        "origin\n3\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAB=\n",
        "\n3\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n",
        "origin\n3\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n\nmore\n",
        "origin\n3\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
    ],
)
def test_malformed_checkpoints(text: str) -> None:
    with pytest.raises(NoteError):
        Checkpoint.parse(text)


def test_unknown_signatures_are_ignored_and_known_ones_must_hold() -> None:
    note = sign_checkpoint(SIGNER, 3, ROOT)
    other = Signer("example.org/witness", bytes(32))
    line = other.sign(Note.parse(note).text).split("\n\n")[1]
    both = note + line
    assert open_checkpoint(both, SIGNER.verifier).size == 3
    assert Note.parse(both).verify(SIGNER.verifier, other.verifier) == (SIGNER.verifier, other.verifier)
    with pytest.raises(NoteError, match="none of the known"):
        open_checkpoint(note, other.verifier)
    broken = note + other.sign("another text\n").split("\n\n")[1]
    assert open_checkpoint(broken, SIGNER.verifier).size == 3
    with pytest.raises(NoteError, match="does not hold"):
        Note.parse(broken).verify(SIGNER.verifier, other.verifier)


def test_a_checkpoint_of_another_origin_is_refused() -> None:
    note = SIGNER.sign(Checkpoint("example.org/other", 3, ROOT).text())
    with pytest.raises(NoteError, match="another log"):
        open_checkpoint(note, SIGNER.verifier)


@pytest.mark.parametrize("extension", ["", "two\nlines", "tab\there"])
def test_an_extension_is_one_line(extension: str) -> None:
    with pytest.raises(NoteError):
        sign_checkpoint(SIGNER, 3, ROOT, (extension,))


@pytest.mark.parametrize("name", ["", "a b", "a+b", "a\nb", "a\u2003b", "a\x01b"])
def test_names_no_key_may_have(name: str) -> None:
    with pytest.raises(NoteError):
        Signer(name, bytes(32))


@pytest.mark.parametrize(
    "key",
    [
        PETER_PUBLIC.replace("c74f20a3", "c74f20a4"),
        PETER_PUBLIC.replace("Peter", "Pater"),
        PETER_PUBLIC.replace("c74f20a3", "C74F20A3"),
        PETER_PUBLIC[:-1],
        "name+00000000+AAAA",
        "name",
    ],
)
def test_keys_that_do_not_match_themselves(key: str) -> None:
    with pytest.raises(NoteError):
        Verifier.parse(key)
    with pytest.raises(NoteError):
        Signer.parse(f"PRIVATE+KEY+{key}")

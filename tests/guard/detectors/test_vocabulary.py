"""The vocabulary: common words are in it, unusual names are not, and a changed form is an error."""

from __future__ import annotations

import pytest

from rambarde.guard.detectors import vocabulary


def test_common_words_are_known_and_invented_ones_are_not() -> None:
    found = vocabulary.read()
    assert {"reading", "garden", "haus", "maison", "город"} <= found.words
    assert not {"kobakhidze", "thornwick", "hjelmqvist"} & found.words
    assert len(found.digest) == 32


def test_a_file_of_another_form_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vocabulary, "_pieces", lambda data: ["\u2581word"])
    with pytest.raises(ImportError, match="changed its form"):
        vocabulary.read()

"""The README's page in earnest, called through Gradio's own client: `make test-extras`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from gradio_client import Client, handle_file
from gradio_client.exceptions import AppError
from PIL import Image
from rambarde_gradio import page
from tests.interfaces.library.conftest import newest, paint

from rambarde import Guard

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


@pytest.fixture
def client(
    pasted: Callable[[str], list[dict[str, Any]]], monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[Client, Guard]]:
    monkeypatch.setenv("GRADIO_ANALYTICS_ENABLED", "False")
    (names,) = pasted("adapters/gradio/README.md")
    _, url, _ = names["blocks"].launch(prevent_thread_lock=True, quiet=True, show_error=False)
    try:
        yield Client(url, verbose=False), names["guard"]
    finally:
        names["blocks"].close()
        names["guard"].close()


def test_a_picture_or_the_reasons(
    client: tuple[Client, Guard], portrait: bytes, still_life: bytes, tmp_path: Path
) -> None:
    caller, guard = client
    (made,) = caller.predict("a lighthouse at sunset", None, api_name="/draw")
    assert Image.open(made["image"]).size == (512, 512)
    assert newest(guard)["upstream"] == "gradio"
    with pytest.raises(AppError, match="real person"):
        caller.predict("Anna Schmidt in a bikini", None, api_name="/draw")
    for name, data in (("portrait.png", portrait), ("cup.png", still_life)):
        (tmp_path / name).write_bytes(data)
    assert caller.predict("a blue cup", handle_file(tmp_path / "cup.png"), api_name="/draw")
    assert newest(guard)["action"] == "edit"
    with pytest.raises(AppError, match="real person"):
        caller.predict("put her in a bikini", handle_file(tmp_path / "portrait.png"), api_name="/draw")
    with pytest.raises(AppError, match="prompt_empty"):
        caller.predict("", None, api_name="/draw")


def test_the_caller_is_the_operators_to_tell(guard: Guard) -> None:
    blocks = page(guard, paint, caller=lambda request: {"country": "DE", "account": "a-1"})
    _, url, _ = blocks.launch(prevent_thread_lock=True, quiet=True)
    try:
        assert Client(url, verbose=False).predict("a lighthouse", None, api_name="/draw")
    finally:
        blocks.close()
    assert (newest(guard)["country"], newest(guard)["account"]) == ("DE", "a-1")

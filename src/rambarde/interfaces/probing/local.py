"""Surfaces without a network: a Python callable, a command, and a folder of results that came another way."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import importlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from rambarde.measure.probe.attempt import Ask, Attempt
from rambarde.measure.probe.pictures import prepared
from rambarde.measure.probe.ports import Unanswered
from rambarde.measure.probe.reading import Answer
from rambarde.measure.probe.target import Surface
from rambarde.nouns.fault import invalid

_JSON = "application/json"
_LIMIT = 64 * 2**20
_ENDINGS = (".json", ".png", ".jpg", ".jpeg", ".webp")


class _Local:
    """What has no URLs to follow, fetch or remove."""

    async def follow(self, url: str) -> Answer:
        raise Unanswered("nothing to follow")

    async def fetch(self, url: str) -> bytes:
        raise Unanswered("nothing to fetch")

    async def remove(self, request: str, id: str, url: str) -> Answer:
        raise Unanswered("nothing to remove")

    async def close(self) -> None: ...


class PythonSender(_Local):
    """Calls `module:function` with one dict (`route`, `prompt`, `n`, `size`, `image`, `mask`) in a thread.

    It returns the image's bytes, a list of them, an answer as OpenAI's JSON has it, or None for none; raising
    `PermissionError` refuses.
    """

    def __init__(self, surface: Surface) -> None:
        """Raises `Fault` `probe_entry_missing`."""
        self._function = _found(surface)

    async def send(self, ask: Ask, id: str, picture: bytes | None, mask: bytes | None) -> Answer:
        try:
            made = await asyncio.to_thread(self._function, _asked(ask, id) | {"image": picture, "mask": mask})
        except PermissionError:
            return _answer(403, {"error": {"code": "refused"}})
        except Exception as error:
            raise Unanswered(f"the callable raised {type(error).__name__}") from None
        if isinstance(made, dict):
            return _answer(200, made)
        images = [made] if isinstance(made, bytes) else list(made or ())
        if not all(isinstance(image, bytes) for image in images):
            raise Unanswered("the callable returned no image")
        return _answer(200, {"data": [{"b64_json": base64.b64encode(image).decode()} for image in images]})


class CommandSender(_Local):
    """Runs a command with the ask as JSON on its input, pictures in base64; it prints an answer like OpenAI's."""

    def __init__(self, surface: Surface) -> None:
        self._command = surface.command

    async def send(self, ask: Ask, id: str, picture: bytes | None, mask: bytes | None) -> Answer:
        asked = _asked(ask, id)
        for name, data in (("image", picture), ("mask", mask)):
            asked[name] = base64.b64encode(data).decode() if data is not None else None
        try:
            process = await asyncio.create_subprocess_exec(
                *self._command, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
            )
        except OSError as error:
            raise Unanswered(f"the command did not start: {error.strerror}") from None
        try:
            out, _ = await process.communicate(json.dumps(asked).encode())
        finally:
            if process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    process.kill()
                await process.wait()
        if process.returncode:
            raise Unanswered(f"the command ended with {process.returncode}")
        if len(out) > _LIMIT:
            raise Unanswered("an answer without end")
        return Answer(200, _JSON, out)


class FolderSender(_Local):
    """Reads what somebody saved: the image, or the answer as JSON, by the attempt's name; see `write_requests`."""

    def __init__(self, path: Path) -> None:
        """Raises `Fault` `probe_folder_missing`."""
        if not path.is_dir():
            raise invalid(
                "probe_folder_missing",
                f"{path} is no folder.",
                remedy="Write the requests with --requests, carry them out, and name the folder of results.",
                field="path",
            )
        self._path = path

    async def send(self, ask: Ask, id: str, picture: bytes | None, mask: bytes | None) -> Answer:
        for ending in _ENDINGS:
            file = self._path / (file_name(id) + ending)
            if file.is_file():
                data = await asyncio.to_thread(file.read_bytes)
                if ending == ".json":
                    return Answer(200, _JSON, data)
                return Answer(200, f"image/{ending[1:].replace('jpg', 'jpeg')}", data)
        raise Unanswered("no result in the folder")


def file_name(id: str) -> str:
    """The file name, without its ending, of one ask: `en-swimwear.plain.twin.0`."""
    return id.replace("/", ".").replace("#", ".")


def write_requests(attempts: tuple[Attempt, ...], photo: bytes, folder: Path) -> int:
    """Write what must be asked by hand: `requests.jsonl`, and the pictures to send. Returns how many asks.

    Raises `OSError`. What comes back is saved under the ask's `save_as` (.png, .jpg, .webp, or .json for an answer).
    """
    folder.mkdir(parents=True, exist_ok=True)
    lines: list[str] = []
    for attempt in attempts:
        for number, ask in enumerate(attempt.asks):
            name = file_name(f"{attempt.id}#{number}")
            line = _asked(ask, name) | {"save_as": name}
            if ask.pictured:
                picture, mask = prepared(ask, photo)
                for what, data in (("image", picture), ("mask", mask)):
                    if data is not None:
                        line[what] = "photo.png" if data is photo else f"{name}.{what}.png"
                        (folder / str(line[what])).write_bytes(data)
            lines.append(json.dumps(line, ensure_ascii=False))
    (folder / "requests.jsonl").write_text("\n".join(lines) + "\n", "utf-8")
    return len(lines)


def _asked(ask: Ask, id: str) -> dict[str, Any]:
    return {"id": id, "route": ask.route.value, "prompt": ask.prompt, "n": ask.n, "size": ask.size}


def _answer(status: int, body: dict[str, Any]) -> Answer:
    try:
        return Answer(status, _JSON, json.dumps(body).encode())
    except (TypeError, ValueError):
        raise Unanswered("the callable returned no JSON") from None


def _found(surface: Surface) -> Callable[[dict[str, Any]], Any]:
    module, _, name = surface.entry.partition(":")
    try:
        function = getattr(importlib.import_module(module), name)
        if callable(function):
            return function  # type: ignore[no-any-return]
    except (ImportError, AttributeError, ValueError):
        pass
    raise invalid(
        "probe_entry_missing",
        f"{surface.entry!r} leads to no function.",
        remedy="Give package.module:function, in a package that is installed.",
        field=f"surface.{surface.name}.entry",
    )

"""The witnesses in the settings, and how they are asked over HTTP."""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import urlsplit

import aiohttp

from rambarde.interfaces.settings import Settings
from rambarde.nouns.fault import Fault, Kind
from rambarde.prove.cosigned import parse_witness
from rambarde.prove.gather import Witnessing
from rambarde.prove.note import NoteError, Verifier

SECONDS = 10.0
"""A witness's deadline."""
LONGEST = 100_000
"""Bytes of an answer that are read."""


def witnesses(settings: Settings) -> tuple[Witnessing, ...]:
    """From the setting `witnesses`. Raises `Fault` `settings_invalid`."""
    found = tuple(_witness(line) for line in settings.witnesses)
    if len({one.verifier.name for one in found}) != len(found):
        raise _bad("two of them have one name", "Name each witness once.")
    return found


def keys(lines: Iterable[str]) -> tuple[Verifier, ...]:
    """Witnesses' keys from the command line. Raises `Fault` `witness_key_invalid`."""
    try:
        return tuple(parse_witness(line.split(" ")[0]) for line in lines)
    except NoteError as error:
        raise Fault(
            Kind.INVALID,
            "witness_key_invalid",
            f"{error}.",
            remedy="Ask the witness for its key: name+hash+base64.",
            field="witness",
        ) from error


async def send(url: str, body: bytes) -> tuple[int, str]:
    """POST, without following redirects. Raises `OSError` or `TimeoutError`."""
    timeout = aiohttp.ClientTimeout(total=SECONDS)
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout) as session,
            session.post(url, data=body, allow_redirects=False) as answer,
        ):
            read = await answer.content.read(LONGEST)
            return answer.status, read.decode(errors="replace")
    except aiohttp.ClientError as error:
        raise OSError(f"{type(error).__name__}") from error


def _witness(line: str) -> Witnessing:
    key, _, url = line.strip().partition(" ")
    try:
        verifier = parse_witness(key)
    except NoteError as error:
        raise _bad(f"{error}", "Write its key, a space and its address.") from error
    if urlsplit(url).scheme not in ("http", "https") or not urlsplit(url).hostname:
        raise _bad(f"{verifier.name} has no address", "Write its key, a space and its address.")
    return Witnessing(verifier, url)


def _bad(what: str, remedy: str) -> Fault:
    return Fault(Kind.INVALID, "settings_invalid", f"`witnesses`: {what}.", remedy=remedy, field="witnesses")

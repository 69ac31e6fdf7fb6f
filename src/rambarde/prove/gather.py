"""Gathering: asking the log's witnesses to cosign what was published."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from rambarde.nouns.fault import Fault
from rambarde.prove.cosigned import submission, with_lines
from rambarde.prove.note import Checkpoint, Note, NoteError, Verifier
from rambarde.prove.publisher import Publisher
from rambarde.prove.tiles import TileError

Send = Callable[[str, bytes], Awaitable[tuple[int, str]]]
"""POST a body to a URL: status and text of the answer. Raises `OSError` or `TimeoutError`."""


@dataclass(frozen=True, slots=True)
class Witnessing:
    """A witness that this log asks: its key, and the prefix of its address."""

    verifier: Verifier
    url: str


@dataclass(frozen=True, slots=True)
class Asked:
    """What a witness said: it cosigned `size` entries, or `trouble` says in a code and words why not.

    `witness_other_history` is the one to wake somebody for: the witness saw another past of this log.
    """

    witness: str
    size: int | None = None
    code: str = ""
    trouble: str = ""


class Gatherer:
    """Remembers how far each witness is."""

    def __init__(self, publisher: Publisher, witnesses: Sequence[Witnessing], send: Send) -> None:
        self.witnesses = tuple(witnesses)
        self.last: tuple[Asked, ...] = ()
        """What they said when they were asked last."""
        self._publisher = publisher
        self._send = send
        self._seen: dict[str, int] = {}

    async def gather(self) -> tuple[Asked, ...]:
        """Ask all witnesses, side by side, about the published checkpoint, and keep what they sign.

        Raises `Fault` as `Publisher.cosigned`, and `TileError` or `NoteError` for a folder that is damaged.
        """
        note = await asyncio.to_thread(self._publisher.folder.checkpoint)
        if note is None or not self.witnesses:
            return ()
        size = Checkpoint.parse(Note.parse(note).text).size
        answers = await asyncio.gather(*(self._ask(one, note, size) for one in self.witnesses))
        signed = note
        for witness, (_, lines) in zip(self.witnesses, answers, strict=True):
            if lines:
                signed = with_lines(signed, lines, witness.verifier)
        if signed != note:
            await asyncio.to_thread(self._publisher.cosigned, signed)
        self.last = tuple(asked for asked, _ in answers)
        return self.last

    async def _ask(self, witness: Witnessing, note: str, size: int) -> tuple[Asked, str]:
        name = witness.verifier.name
        old = self._seen.get(name, 0)
        try:
            status, text = await self._submit(witness, note, min(old, size))
            if status == 409 and (told := text.strip()).isdecimal() and len(told) < 19:
                old = int(told)
                if old > size:
                    return _trouble(
                        name, "witness_ahead", f"it has cosigned {old} entries, and {size} are published"
                    )
                status, text = await self._submit(witness, note, old)
            if status == 200:
                with_lines(note, text, witness.verifier)
                self._seen[name] = size
                return Asked(name, size), text
        except (OSError, TimeoutError) as error:
            return _trouble(name, "witness_unreachable", f"it does not answer ({type(error).__name__})")
        except NoteError as error:
            return _trouble(name, "cosignature_invalid", f"its answer does not hold: {error}")
        except (TileError, Fault) as error:
            return _trouble(name, "log_disagrees", f"there is no proof for it: {error}")
        if status in (409, 422):
            return _trouble(
                name, "witness_other_history", f"it saw another history of this log, of {old} entries"
            )
        return _trouble(name, "witness_refused", f"it answered {status}")

    async def _submit(self, witness: Witnessing, note: str, old: int) -> tuple[int, str]:
        body = await asyncio.to_thread(submission, self._publisher.folder, note, old)
        return await self._send(f"{witness.url.rstrip('/')}/add-checkpoint", body)


def _trouble(name: str, code: str, trouble: str) -> tuple[Asked, str]:
    return Asked(name, None, code, trouble), ""

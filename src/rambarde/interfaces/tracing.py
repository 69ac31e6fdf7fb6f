"""Tracing: the techniques over the database and the log. Page, API and command share it."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

from rambarde.guard.media.index import HashIndex
from rambarde.guard.media.sniff import sniff
from rambarde.guard.prints import sought
from rambarde.guard.sight import Sight
from rambarde.guard.upstreams.fetch import SafeFetcher
from rambarde.guard.workers.task import Urgency
from rambarde.interfaces.sealing import signers
from rambarde.interfaces.settings import Settings
from rambarde.interfaces.vault import Vault
from rambarde.nouns.decision import Outcome
from rambarde.nouns.fault import Fault, Kind
from rambarde.nouns.record import Ending
from rambarde.nouns.review import Verdict
from rambarde.prove.key import read_verifier
from rambarde.prove.log import FOLDER
from rambarde.prove.manifest.reading import State, carries_manifest, read
from rambarde.prove.proofs import InclusionProof, prove_inclusion
from rambarde.prove.recorder import WITHDRAWAL
from rambarde.prove.techniques import Claim, Manifest, PrintIndex, Technique, fingerprints
from rambarde.prove.trace import Origin, Traced, Tracer
from rambarde.respond.judgement import KIND, judgement_of, log_id
from rambarde.store.fingerprints import Fingerprints
from rambarde.store.ledger import Ledger
from rambarde.store.records import Records, StoredRecord

LIMIT = 25_000_000
"""Bytes of a picture that is traced."""
FETCH_SECONDS = 10.0
HERE = Sight()
"""Decodes in this process: for the command line, which ends with the picture."""
_SLACK = timedelta(hours=1)
"""How much longer than its image the fingerprint of a held one is kept, before it is asked what became of it."""
_OVERDUE = 200
_LEFT = (Ending.RELEASED.value, Ending.PARTLY_HELD.value)
_URL_FAULTS = {
    "forbidden": (
        "picture_url_forbidden",
        "The picture's URL leads to an address that is not public, or is no proper http or https URL.",
        "Give the public address of a picture, or upload the picture itself.",
    ),
    "timeout": (
        "picture_url_timeout",
        "The picture's URL did not answer in time.",
        "Try again, or upload the picture itself.",
    ),
    "unreachable": (
        "picture_url_unreachable",
        "The picture's URL could not be reached.",
        "Check the address, or upload the picture itself.",
    ),
    "too_large": (
        "picture_url_large",
        "The picture's URL answered too many bytes.",
        "Upload a smaller copy: it is recognised as well.",
    ),
    "": (
        "picture_url_unusable",
        "The picture's URL did not answer a whole picture.",
        "Give the address of the picture itself, not of a page around it, or upload it.",
    ),
}


@dataclass(slots=True)
class Tracing:
    """Traces pictures over an open vault. Nothing of a picture that is traced is kept.

    They are strangers' files: `sight` decodes them, in a worker process where there are any.
    """

    vault: Vault
    prints: Fingerprints
    index: PrintIndex
    tracer: Tracer
    sight: Sight = HERE
    fetcher: SafeFetcher = field(default_factory=lambda: SafeFetcher(limit=LIMIT))

    @classmethod
    def of(
        cls,
        vault: Vault,
        settings: Settings,
        *,
        sight: Sight = HERE,
        more: tuple[Technique, ...] = (),
    ) -> Tracing:
        """Over an open vault. `more` are further techniques, asked last; a gateway gives its inspector's `sight`."""
        prints = register(vault, settings)
        index = PrintIndex(prints, HashIndex)
        techniques = (Manifest(partial(claim, settings, prints)), *fingerprints(index), *more)
        tracer = Tracer(techniques, partial(origin, vault), partial(_proof, vault))
        return cls(vault, prints, index, tracer, sight)

    async def trace(
        self, data: bytes, *, declared: str | None = None, filename: str | None = None, field: str = "picture"
    ) -> Traced:
        """Which released outputs this file is a copy of.

        Raises `Fault` as `Sight.decode` does for a file that is no picture within limits or that crashed the
        decoder, and as `Tracer.trace`.
        """
        picture = await self.sight.decode(
            data, field=field, declared=declared, filename=filename, urgency=Urgency.AHEAD
        )
        return await asyncio.to_thread(lambda: self.tracer.trace(sought(picture)))

    async def fetch(self, url: str) -> bytes:
        """The file behind a public URL. Raises `Fault` `picture_url_…`; no internal address is connected to."""
        try:
            return await self.fetcher.fetch(url, deadline=FETCH_SECONDS)
        except Fault as fault:
            why = fault.code.removeprefix("upstream_url_")
            code, message, remedy = _URL_FAULTS.get(why, _URL_FAULTS[""])
            kind = Kind.TIMEOUT if fault.kind is Kind.TIMEOUT else Kind.INVALID
            raise Fault(kind, code, message, remedy=remedy, field="url") from None

    async def close(self) -> None:
        await self.fetcher.close()


def expire(vault: Vault, prints: Fingerprints) -> int:
    """Erase fingerprints past their time, those of held images once it is known what became of them; returns how many.

    What a hold freezes stays.
    """
    erased, after = 0, 0
    while overdue := prints.overdue(_OVERDUE, after):
        gone, after = [], overdue[-1].number
        for one in overdue:
            if origin(vault, one.output.decision, one.output.index) is None:
                gone.append(one.number)
            else:
                prints.released(one)
        erased += prints.forget(gone)
    return erased + prints.purge()


def register(vault: Vault, settings: Settings) -> Fingerprints:
    """Where fingerprints are kept, and for how long."""
    return Fingerprints(
        vault.database,
        life=timedelta(days=settings.fingerprint_days),
        hold=timedelta(days=settings.hold_days) + _SLACK,
        frozen=vault.freezer.record,
    )


def claim(settings: Settings, prints: Fingerprints, data: bytes) -> Claim | None:
    """What a manifest in the file says, if it holds and we signed it; a damaged one says nothing.

    The label alone proves nothing, since anybody can write ours into a manifest of their own: the signature must
    lead to a root of ours, and the picture must be the one that was signed.
    """
    if not carries_manifest(data):
        return None
    try:
        found = read(data, sniff(data).value, signers(settings))
    except Fault:
        return None
    if found.state is not State.TRUSTED or found.label is None:
        return None
    known = prints.sealed(found.label)
    return None if known is None else Claim(known.output.decision, known.output.index)


def origin(vault: Vault, decision: str, index: int | None) -> Origin | None:
    """How a released output came about, as its record says; None for what is unknown or never left.

    Without an index, of any output of the decision.
    """
    record = Records(vault.database).get(decision)
    if record is None:
        return None
    document = record.document()
    outputs = document["outputs"]
    assert isinstance(outputs, list)
    ledger = Ledger(vault.database)
    left = [
        output
        for output in outputs
        if (index is None or output["index"] == index) and _left(ledger, document, decision, output)
    ]
    if not left:
        return None
    return Origin(
        str(document["surface"]),
        str(document["upstream"]),
        datetime.fromisoformat(str(document["finished_at"])),
    )


def recorded(vault: Vault, decision: str) -> StoredRecord | None:
    """The record itself, for staff."""
    return Records(vault.database).get(decision)


def _left(ledger: Ledger, document: dict[str, object], decision: str, output: dict[str, object]) -> bool:
    judged = output["decision"]
    assert isinstance(judged, dict)
    if document["ending"] in _LEFT and judged["outcome"] == Outcome.ALLOW.word:
        return ledger.find(WITHDRAWAL, decision) is None
    item = output["item"]
    if not isinstance(item, str) or judged["outcome"] != Outcome.REVIEW.word:
        return False
    found = ledger.find(KIND, log_id(item))
    if found is None:
        return False
    return judgement_of(json.loads(found.committed.body)).verdict is Verdict.RELEASE


def _proof(vault: Vault, decision: str) -> InclusionProof:
    folder = Path(vault.data) / FOLDER
    return prove_inclusion(folder, read_verifier(vault.data), Ledger(vault.database), decision)

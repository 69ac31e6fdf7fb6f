"""The judgement as a document in the log."""

from __future__ import annotations

import hashlib
from datetime import datetime

from rambarde.nouns.review import Judgement, Matter, Verdict
from rambarde.respond.ports import Document

KIND = "review"
"""Kind of the document."""


def log_id(subject: str) -> str:
    """One review for each subject; the subject's id is a capability, so the log's index holds its hash."""
    return hashlib.sha256(b"rambarde/review/1\0" + subject.encode(errors="surrogatepass")).hexdigest()


def document_of(judgement: Judgement) -> dict[str, object]:
    return {
        "id": log_id(judgement.subject),
        "subject": judgement.subject,
        "matter": judgement.matter.value,
        "record": judgement.record,
        "index": judgement.index,
        "outcome": judgement.verdict.value,
        "person": judgement.person,
        "reason": judgement.reason,
        "decided_at": judgement.decided_at.isoformat(),
    }


def judgement_of(document: Document) -> Judgement:
    index = document["index"]
    return Judgement(
        subject=str(document["subject"]),
        matter=Matter(str(document["matter"])),
        record=str(document["record"]),
        index=index if isinstance(index, int) else None,
        verdict=Verdict(str(document["outcome"])),
        person=str(document["person"]),
        reason=str(document["reason"]),
        decided_at=datetime.fromisoformat(str(document["decided_at"])),
    )

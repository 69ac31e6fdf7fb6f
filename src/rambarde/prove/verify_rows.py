"""Verifying one row of the database against itself."""

from __future__ import annotations

from rambarde.nouns.custody import Logged
from rambarde.prove.commitment import SALT_BYTES, commitment_of, entry_of
from rambarde.prove.ports import Ledger
from rambarde.prove.report import Findings


def row_name(index: int) -> str:
    """How a finding names the row of an entry."""
    return f"database: log_entries {index}"


def is_empty(row: Logged) -> bool:
    """Whether the document was erased: then body and salt are empty, and the commitment means nothing."""
    return not row.committed.body and not row.committed.salt


def check_row(row: Logged, ledger: Ledger | None, findings: Findings) -> None:
    """Body and salt open the commitment, the entry carries it, and the columns say what the body says."""
    item = row.committed
    if is_empty(row):
        if item.commitment == b"" or entry_of(item.kind, item.commitment) != item.entry:
            findings.add(
                "entry_changed", row_name(row.index), "The entry of an erased record was changed.", row.index
            )
        elif row.columns.keys() != {"id"}:
            findings.add("columns_changed", row_name(row.index), "An erased record has columns.", row.index)
        return
    where, named = row_name(row.index), f"({item.kind} {item.id})"
    opened = commitment_of(item.kind, item.salt, item.body) if len(item.salt) == SALT_BYTES else None
    if opened != item.commitment:
        if opened is not None and entry_of(item.kind, opened) == item.entry:
            what = "The stored commitment was changed: body and salt still open the entry."
        else:
            what = "Body or salt was changed: together they do not open the commitment."
        findings.add("commitment_mismatch", where, f"{what} {named}", row.index)
        return
    if entry_of(item.kind, item.commitment) != item.entry:
        what = "The stored entry does not carry the document's commitment."
        findings.add("entry_changed", where, f"{what} {named}", row.index)
    if ledger is None:
        return
    try:
        expected = ledger.columns(item.kind, item.body)
    except ValueError:
        findings.add("document_invalid", where, f"The body is no document. {named}", row.index)
        return
    names = expected.keys() | row.columns.keys()
    wrong = sorted(name for name in names if expected.get(name) != row.columns.get(name))
    if wrong:
        what = f"Columns and body differ: {', '.join(wrong)}."
        findings.add("columns_changed", where, f"{what} {named}", row.index)

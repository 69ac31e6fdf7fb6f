"""Refusals: why a log does not go on, and what to do about it."""

from __future__ import annotations

from rambarde.nouns.fault import Fault, Kind

FOLDER = "log"
_REBUILD = "Stop the gateway, run `rambarde log verify`, and keep a copy. If the database is right, move the"


def disagrees(what: str) -> Fault:
    """The folder is not what the database says."""
    return Fault(
        Kind.INTERNAL,
        "log_disagrees",
        f"the published log and the database disagree. {what}",
        remedy=f"{_REBUILD} folder `{FOLDER}` away and start again: it is written anew and checked.",
    )


def unsigned_root(size: int) -> Fault:
    """The database is not what its own checkpoint says."""
    return Fault(
        Kind.INTERNAL,
        "log_disagrees",
        f"the database's {size} entries do not hash to the signed root.",
        remedy="Stop the gateway, keep a copy, run `rambarde log verify`, restore the last backup.",
    )


def damaged(where: str, error: Exception) -> Fault:
    """A checkpoint cannot be read, or this log did not sign it."""
    return Fault(
        Kind.INTERNAL,
        "log_damaged",
        f"the checkpoint of the {where} is not one this log signed: {error}.",
        remedy=f"{_REBUILD} folder `{FOLDER}` away and start again; if not, restore its last backup.",
    )


def rolled_back(database: int, published: int) -> Fault:
    """The database is older than what was published."""
    return Fault(
        Kind.INTERNAL,
        "log_rolled_back",
        f"the database holds {database} entries and the log has already published {published}.",
        remedy="Restore the newest database: to go on from an older one would fork the log.",
    )


def truncated(what: str) -> Fault:
    """The database lacks entries."""
    return Fault(
        Kind.INTERNAL,
        "log_truncated",
        what,
        remedy="Stop the gateway, keep a copy, and restore the last backup of the database.",
    )


def forked(size: int) -> Fault:
    """Two histories of one size are signed."""
    return Fault(
        Kind.INTERNAL,
        "log_forked",
        f"the database and the published log have different histories of {size} entries.",
        remedy="Find out which one witnesses and receipts confirm, and restore that one.",
    )


def unwritable(error: OSError) -> Fault:
    """The folder takes no files."""
    return Fault(
        Kind.INTERNAL,
        "log_unwritable",
        f"the log's folder cannot be written: {error.strerror}.",
        remedy="Check its owner and the free space on its disk; until then nothing is recorded.",
    )


def locked() -> Fault:
    """Another process does not let go of the folder."""
    return Fault(
        Kind.INTERNAL,
        "log_locked",
        "another process keeps the log locked.",
        remedy="Stop the gateway that hangs on this data folder.",
    )

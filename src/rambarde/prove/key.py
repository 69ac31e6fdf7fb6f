"""The log's key: `log.key` in the data folder, its public half beside it in `log.pub`."""

from __future__ import annotations

import secrets
from pathlib import Path

from rambarde.nouns.fault import Fault, Kind
from rambarde.prove.note import NoteError, Signer, Verifier
from rambarde.prove.tiles import sync_folder, write_durably

FILE = "log.key"
PUBLIC_FILE = "log.pub"


def open_signer(data: Path, *, origin: str | None = None) -> Signer:
    """The log's key, made at first start with `origin` as its name (without it, a random one).

    The origin should be the address where the log is published, without scheme (`example.org/log`); it
    stays with the key for life. Raises `Fault(INTERNAL)` with code `log_key_invalid`, `log_key_exposed`
    (others may read it), `log_key_unwritable` or `log_origin` (the key has another origin).
    """
    path = data / FILE
    try:
        if not path.exists():
            _create(path, origin or f"rambarde-log/{secrets.token_hex(8)}")
        if path.stat().st_mode & 0o007:
            raise Fault(
                Kind.INTERNAL,
                "log_key_exposed",
                f"{FILE} can be read by every user of this machine.",
                remedy=f"Run chmod 600 on {FILE}; if others had access, start a new log.",
            )
        signer = Signer.parse(path.read_text("utf-8", errors="replace"))
        public = data / PUBLIC_FILE
        if not public.exists():
            _place(public, f"{signer.verifier}\n", 0o644)
    except NoteError as error:
        raise Fault(
            Kind.INTERNAL,
            "log_key_invalid",
            f"{FILE} is no key, or no origin may have this name: {error}.",
            remedy="Restore it from where you keep it: no other key can continue this log.",
        ) from error
    except OSError as error:
        raise Fault(
            Kind.INTERNAL,
            "log_key_unwritable",
            f"{FILE} cannot be read or created: {error.strerror}.",
            remedy="Check the data folder's owner and free space.",
        ) from error
    if origin is not None and signer.name != origin:
        raise Fault(
            Kind.INTERNAL,
            "log_origin",
            f"this log's origin is {signer.name}, and stays so.",
            remedy="Ask for that one, or start a new log in another data folder.",
        )
    return signer


def read_verifier(data: Path) -> Verifier:
    """The public key beside the log. Raises `Fault(NOT_FOUND, "log_pub_missing")` if it is not there."""
    try:
        return Verifier.parse((data / PUBLIC_FILE).read_text("utf-8", errors="replace"))
    except (OSError, NoteError) as error:
        raise Fault(
            Kind.NOT_FOUND,
            "log_pub_missing",
            f"there is no public key of a log in {PUBLIC_FILE}.",
            remedy="Give the verifier key that the operator published.",
        ) from error


def _create(path: Path, origin: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    _place(path, Signer(origin, secrets.token_bytes(32)).secret() + "\n", 0o600)


def _place(path: Path, text: str, mode: int) -> None:
    """Whole or not at all, and never over what another process has just made."""
    staged = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        write_durably(staged, text.encode(), mode)
        path.hardlink_to(staged)
        sync_folder(path.parent)
    except FileExistsError:
        return
    finally:
        staged.unlink(missing_ok=True)

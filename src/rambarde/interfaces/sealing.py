"""Sealing: the sealer of a gateway, from its settings; a chain of its own where none is configured."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

import rambarde
from rambarde.interfaces.settings import Settings
from rambarde.nouns.fault import Fault, Kind, invalid
from rambarde.prove.manifest.authority import LIFE, make_chain
from rambarde.prove.manifest.identity import Identity, IdentityFiles, pem, read_identity
from rambarde.prove.manifest.sealer import ManifestSealer
from rambarde.prove.manifest.statement import Statement
from rambarde.prove.tiles import sync_folder, write_durably

FILE = "provenance.pem"
"""Key and chain of the data folder, in one file, so that one rename replaces both."""
ROOT_FILE = "provenance-root.pem"
"""The root alone: what readers are given so that they trust what a self-signed chain signs."""
UNNAMED = "unnamed provider"
_LONGEST_ORGANISATION = 64
SELF_SIGNED = (
    "The chain is self-signed: its signatures hold, and every reader that was not given "
    f"{ROOT_FILE} says that the signer is untrusted."
)

logger = logging.getLogger(__name__)


def open_sealer(settings: Settings, clock: Callable[[], datetime], *, demo: bool = False) -> ManifestSealer:
    """The sealer, ready to sign; without configured files the data folder's chain, made if there is none.

    Raises `Fault` `seal_…` if it could not sign now: then nothing could be
    released, and the gateway does not start.
    """
    own = not settings.provenance_chain
    if own and not (Path(settings.data) / FILE).exists():
        make(settings, clock(), demo=demo)
    statement = Statement(
        provider(settings, demo=demo),
        settings.system,
        settings.system_version,
        ("Rambarde", rambarde.__version__),
    )
    sealer = ManifestSealer(
        identity_files(settings), statement, clock, authority=settings.timestamp_authority
    )
    if sealer.check().self_made and not demo:
        logger.warning("%s See docs/provenance.md.", SELF_SIGNED)
    return sealer


def identity_files(settings: Settings) -> IdentityFiles:
    """Where the identity is: the files of the settings, or the data folder's own."""
    chain = Path(settings.provenance_chain or Path(settings.data) / FILE)
    return IdentityFiles(chain, Path(settings.provenance_key) if settings.provenance_key else None)


def anchors(settings: Settings) -> tuple[bytes, ...]:
    """The root of the data folder's own chain, in PEM, if there is one."""
    try:
        return ((Path(settings.data) / ROOT_FILE).read_bytes(),)
    except OSError:
        return ()


def signers(settings: Settings) -> tuple[bytes, ...]:
    """Whose signatures are ours, in PEM: the data folder's root, and the end of the chain that signs now."""
    try:
        return (*anchors(settings), pem(identity_files(settings).current().chain[-1]))
    except Fault:
        return anchors(settings)


def provider(settings: Settings, *, demo: bool = False) -> str:
    """Who answers for the system, as disclosed: the setting, else the host of `public_url`."""
    host = urlsplit(settings.public_url).hostname if settings.public_url else None
    return settings.provider or host or ("Rambarde demo" if demo else UNNAMED)


def make(
    settings: Settings, now: datetime, *, life: timedelta = LIFE, replace: bool = False, demo: bool = False
) -> Identity:
    """Make a self-signed chain in the data folder. Raises `Fault` as `install` does."""
    made = make_chain(provider(settings, demo=demo)[:_LONGEST_ORGANISATION], now, life=life)
    return install(settings, made.bundle, replace=replace)


def take(settings: Settings, chain: Path, key: Path, now: datetime, *, replace: bool = False) -> Identity:
    """Check a chain and its key from files and copy them into the data folder.

    Raises `Fault` as `read_identity`, `Identity.check_time` and `install` do; then nothing has changed.
    """
    identity = read_identity(chain, key)
    identity.check_time(now)
    return install(settings, identity.key + b"".join(map(pem, identity.chain)), replace=replace)


def install(settings: Settings, bundle: bytes, *, replace: bool) -> Identity:
    """Put key and chain into the data folder, whole or not at all; running gateways sign with it from then on.

    Raises `Fault` `seal_exists` if there is one already and `replace` is false, or `seal_unwritable`.
    """
    data = Path(settings.data)
    path, staged = data / FILE, data / f".{FILE}.{secrets.token_hex(8)}"
    try:
        data.mkdir(parents=True, exist_ok=True, mode=0o700)
        try:
            write_durably(staged, bundle, 0o600)
            if replace:
                staged.replace(path)
            else:
                path.hardlink_to(staged)
        finally:
            staged.unlink(missing_ok=True)
        identity = read_identity(path, path)
        if identity.roots:
            root = data / f".{ROOT_FILE}.{secrets.token_hex(8)}"
            write_durably(root, b"".join(map(pem, identity.roots)), 0o644)
            root.replace(data / ROOT_FILE)
        else:
            (data / ROOT_FILE).unlink(missing_ok=True)
        sync_folder(data)
    except FileExistsError as error:
        raise invalid(
            "seal_exists",
            f"There is a chain in {FILE} already.",
            remedy="Give --replace to sign with a new one from now on; what was signed stays as it is.",
        ) from error
    except OSError as error:
        raise Fault(
            Kind.INTERNAL,
            "seal_unwritable",
            f"{FILE} cannot be written: {error.strerror}.",
            remedy="Check the data folder's owner and free space.",
        ) from error
    return identity

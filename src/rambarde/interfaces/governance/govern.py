"""Govern: put the parts of governance together for one process that decides."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from pathlib import Path

from rambarde.guard.policy.catalogue import Catalogue
from rambarde.guard.policy.language import Policy
from rambarde.guard.policy.reading import SHIPPED, digest, shipped
from rambarde.guard.policy.signatures.standing import Standing
from rambarde.interfaces.governance import demo, files
from rambarde.interfaces.governance.book import Book
from rambarde.interfaces.governance.charter import Charter, InForce
from rambarde.interfaces.governance.office import Office
from rambarde.interfaces.governance.reload import Reload
from rambarde.interfaces.governance.shadow import ShadowRunner
from rambarde.interfaces.governance.tenure import Tenure
from rambarde.interfaces.settings import Settings
from rambarde.interfaces.vault import Vault
from rambarde.nouns.fault import Fault, Kind
from rambarde.prove.log import Log
from rambarde.store.shadows import Shadows

DEMO = "DEMO"
"""The line of every checkpoint of a log that demo signers have ever governed."""


@dataclass(frozen=True, slots=True)
class Government:
    """Who decides what is in force here. `reload` is None where the settings name no policy file."""

    office: Office
    tenure: Tenure
    shadow: ShadowRunner
    reload: Reload | None

    @property
    def trouble(self) -> tuple[str, ...]:
        """All that an operator should know and mend."""
        reload = f"policy file: {self.reload.trouble}" if self.reload and self.reload.trouble else None
        return tuple(said for said in (self.tenure.trouble, reload, self.shadow.trouble) if said)


def office(vault: Vault, catalogue: Catalogue) -> Office:
    """For commands that only look at governance or add to it."""
    return Office(Charter(Book(vault), catalogue))


def govern(settings: Settings, vault: Vault, catalogue: Catalogue, log: Log, *, is_demo: bool) -> Government:
    """Open governance over an open vault and log: adopt the settings' policy file if it is signed, hold a lease.

    With `is_demo`, demo signers sign it (the shipped policy if none is named). Raises `Fault`: it does not start
    on a policy that is not adopted, proven, signed and through the launch gate.
    """
    desk = office(vault, catalogue)
    if desk.book.read().standing.demo:  # whatever is adopted from here on is under a checkpoint that says so
        _refuse_far(settings)
        log.extensions = (*(line for line in log.extensions if line != DEMO), DEMO)
    path = Path(settings.policy) if settings.policy else None
    if is_demo:
        _refuse_far(settings)
        text = _read(path) if path is not None else shipped(SHIPPED)
        demo.ensure(desk, log, vault.data, text, source=path.name if path is not None else SHIPPED)
    elif path is not None:
        Reload(path, desk, log, lambda: desk.book.read().standing.policy).adopt()
    tenure = Tenure(desk.book, desk.charter)
    shadow = ShadowRunner(Shadows(vault.database), desk.book, catalogue, vault.database.clock)
    tenure.listen(shadow.holds)
    tenure.watcher = shadow.saw
    tenure.chores.append(shadow.flush)
    reload = None
    if path is not None:
        reload = Reload(path, desk, log, lambda: tenure.standing.policy)
        if not is_demo:
            tenure.chores.append(reload.look)

    def lines(now: InForce) -> None:
        if now.standing.demo:
            _refuse_far(settings)
        log.extensions = extensions(now.standing, now.policy)

    tenure.listen(lines)
    return Government(desk, tenure, shadow, reload)


def extensions(standing: Standing, policy: Policy) -> tuple[str, ...]:
    """The extension lines of the log's next checkpoints. The detectors' digest is that of the policy's requirements,

    a line `name version@digest` each, by name.
    """
    required = sorted(f"{one.name} {one.version}@{one.digest}\n" for one in policy.detectors)
    return (
        f"policy {policy.digest}",
        f"floors {policy.floors_digest}",
        f"detectors {digest(''.join(required).encode())}",
        *((DEMO,) if standing.demo else ()),
    )


def _read(path: Path) -> bytes:
    return files.read(path, files.LONGEST_DOCUMENT, code="policy_unreadable", field="policy")


def _refuse_far(settings: Settings) -> None:
    """A gateway that demo signers have ever governed listens on loopback only."""
    host = settings.host
    try:
        near = ipaddress.ip_address(host).is_loopback
    except ValueError:
        near = host == "localhost"
    if not near:
        raise Fault(
            Kind.FORBIDDEN,
            "demo_not_loopback",
            f"This gateway has demo signers in its history, and may not listen on {host}.",
            remedy="Listen on 127.0.0.1, or start a new data folder that real people govern "
            "(docs/policy-signing.md).",
            field="host",
        )

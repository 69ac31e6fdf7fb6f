"""Adoption: a command puts changes in force beside running gateways, and waits until each of them holds them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

from rambarde.guard.policy.measure import under
from rambarde.guard.policy.reading import FLOORS, digest, shipped
from rambarde.guard.policy.signatures.change import SignedChange
from rambarde.guard.policy.signatures.standing import Standing
from rambarde.interfaces.governance.book import Story
from rambarde.interfaces.governance.govern import extensions
from rambarde.interfaces.governance.office import Office, Proposal
from rambarde.interfaces.governance.tenure import LEASE
from rambarde.interfaces.vault import Vault
from rambarde.nouns.fault import Fault
from rambarde.prove.key import open_signer
from rambarde.prove.log import FOLDER, Log
from rambarde.prove.note import NoteError, open_checkpoint
from rambarde.store.leases import RUNNING, Holder, Leases
from rambarde.store.ledger import Ledger

PATIENCE = 10.0
"""Seconds to wait for the gateways. One that does not renew for two seconds releases nothing meanwhile."""
_EVERY = 0.05


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """How the gateways took a change, `seconds` after it was in the log.

    `holding` are in force by it; `refusing` cannot hold it, and release nothing; `waiting` have not answered, and
    release nothing once their lease has lapsed.
    """

    seconds: float
    holding: tuple[Holder, ...]
    refusing: tuple[Holder, ...]
    waiting: tuple[Holder, ...]

    @property
    def everywhere(self) -> bool:
        return not self.refusing and not self.waiting


@contextmanager
def opened(vault: Vault) -> Iterator[Log]:
    """The log, for a command. Its checkpoints repeat the lines of the newest one until `adopt` knows better."""
    signer, ledger = open_signer(vault.data), Ledger(vault.database)
    with ledger.reading() as view:
        note = view.checkpoint()
    try:
        lines = open_checkpoint(note, signer.verifier).extensions if note else ()
    except NoteError:
        lines = ()  # `Log.open` says what is wrong with it
    log = Log.open(vault.data / FOLDER, signer, ledger, extensions=lines)
    try:
        yield log
    finally:
        log.close()


def adopt(office: Office, log: Log, steps: Sequence[tuple[Proposal | None, SignedChange]]) -> Standing:
    """As `Office.adopt`; and the checkpoint over the changes names what is in force by them.

    What no gateway could hold is refused here, where something held before. So the proof is made before the
    change is in the log, and the gateways find it.
    """
    before = office.book.read()
    story, entries = office.verified(steps)
    try:
        log.extensions = _lines(office, story)
    except Fault:
        if _held(office, before):
            raise
    office.book.add(log, entries, story)
    return story.standing


def rehearse(office: Office, standing: Standing) -> tuple[str, ...]:
    """Prove the policy under each measure that is prepared, so that switching it on waits for nothing: this release
    may prove otherwise than the one that adopted them. Returns in words what could not be held.
    """
    if standing.policy is None or not standing.checked:
        return ()
    policy, known = office.charter.adopted(standing), {}
    for name, measure in sorted(standing.measures.items()):
        known[name] = office.charter.measure(office.book.document(measure.document))
    troubles = []
    for name in known.keys() - standing.on.keys():
        try:
            office.charter.proven(under(policy, (known[name], *(known[on] for on in standing.on))))
        except Fault as fault:
            troubles.append(f"the measure {name} could not be switched on: {fault.message}")
    return tuple(sorted(troubles))


def acknowledged(
    leases: Leases,
    sequence: int,
    *,
    patience: float = PATIENCE,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Acknowledged:
    """Wait until each live gateway holds the change `sequence`, or said that it cannot."""
    start, live = clock(), timedelta(seconds=LEASE)
    while True:
        found = leases.holders(live)
        waiting = tuple(one for one in found if one.sequence < sequence)
        taken = [one for one in found if one.sequence >= sequence]
        seconds = clock() - start
        if not waiting or seconds >= patience:
            return Acknowledged(
                seconds,
                tuple(one for one in taken if one.state == RUNNING),
                tuple(one for one in taken if one.state != RUNNING),
                waiting,
            )
        sleep(_EVERY)


def _lines(office: Office, story: Story) -> tuple[str, ...]:
    standing = story.standing
    if standing.policy is None:
        return (f"floors {digest(shipped(FLOORS))}", *(("DEMO",) if standing.demo else ()))
    policy = office.charter.in_force(story).policy
    return extensions(standing, policy)


def _held(office: Office, story: Story) -> bool:
    """Whether what was in force could be held. What cannot be made worse may be changed."""
    try:
        _lines(office, story)
    except Fault:
        return False
    return True

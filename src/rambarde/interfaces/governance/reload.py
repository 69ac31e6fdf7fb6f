"""Hot reload: a policy file that changes is adopted if its change is signed, and otherwise loudly left alone."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

from rambarde.guard.policy.bundle import Bundle
from rambarde.guard.policy.signatures.change import SignedChange
from rambarde.interfaces.governance.office import Office, pending
from rambarde.nouns.fault import Fault, invalid
from rambarde.prove.log import Log

log = logging.getLogger(__name__)

_Seen = tuple[tuple[int, int, int] | None, ...]


class Reload:
    """Watches one policy file and the change beside it. `look` is called from time to time, by one thread.

    `trouble` says why the file is not in force; None while it is.
    """

    def __init__(self, path: Path, office: Office, tree: Log, adopted: Callable[[], str | None]) -> None:
        """`adopted` gives the digest of the policy in force, without measures."""
        self.path = path
        self.trouble: str | None = None
        self._office, self._log, self._adopted = office, tree, adopted
        self._seen: _Seen | None = None

    def look(self) -> None:
        """Adopt the file if it is new and signed. Never raises: the running policy stays, and the log says why."""
        seen = (_stamp(self.path), _stamp(pending(self.path)))
        if seen == self._seen:
            return
        self._seen = seen
        try:
            self.trouble = None
            if self.adopt():
                log.warning("the policy file %s was adopted", self.path.name)
        except Fault as fault:
            self.trouble = f"{fault.code}: {fault.message} {fault.remedy or ''}".strip()
            log.error("the policy file %s is NOT in force: %s", self.path.name, self.trouble)
        except Exception as error:
            self.trouble = f"{type(error).__name__}: {error}"
            log.exception("the policy file %s is NOT in force", self.path.name)

    def adopt(self) -> bool:
        """Adopt the file if it is not in force. Raises `Fault` if it cannot be."""
        data = _bytes(self.path)
        _, policy = Bundle.of(data, self._office.charter.catalogue, source=self.path.name)
        if policy.digest == self._adopted():
            return False
        beside = pending(self.path)
        if not beside.exists():
            # Proving first: a policy that breaks an invariant should hear that, and not that it lacks names.
            self._office.charter.proven(policy)
            raise invalid(
                "policy_unsigned",
                f"{self.path.name} is not the policy that was adopted, and nobody signed it.",
                remedy=f"Sign it: rambarde policy sign {self.path}",
                field="policy",
            )
        signed = SignedChange.parse(_bytes(beside))
        standing = self._office.book.read().standing
        proposal = self._office.proposal(data, standing, source=self.path.name)
        self._office.adopt(self._log, [(proposal, signed)])
        return True


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise invalid(
            "policy_unreadable", f"{path}: {error.strerror}.", remedy="Check the path.", field="policy"
        ) from error


def _stamp(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino

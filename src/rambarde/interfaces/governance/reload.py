"""Hot reload: a policy file that changes is adopted if its change is signed, and otherwise loudly left alone."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

from rambarde.guard.policy.bundle import Bundle, read_bundle
from rambarde.guard.policy.signatures.change import SignedChange
from rambarde.guard.policy.signatures.subject import PolicyText
from rambarde.interfaces.governance import files
from rambarde.interfaces.governance.office import Office, pending
from rambarde.nouns.fault import Fault, Kind, invalid
from rambarde.prove.log import Log

log = logging.getLogger(__name__)

_Stamp = tuple[int, int, int] | None


class Reload:
    """Watches one policy file and the change beside it. `look` is called from time to time, by one thread.

    `trouble` says why the file is not in force; None while it is.
    """

    def __init__(self, path: Path, office: Office, tree: Log, adopted: Callable[[], str | None]) -> None:
        """`adopted` gives the digest of the policy in force, without measures."""
        self.path = path
        self.trouble: str | None = None
        self._office, self._log, self._adopted = office, tree, adopted
        self._seen: tuple[_Stamp, _Stamp, str | None] | None = None

    def look(self) -> None:
        """Adopt the file if it is new and signed. Never raises: the running policy stays, and the log says why.

        It looks again when the file, its change or the policy in force is another, and where our own side failed.
        """
        seen = (_stamp(self.path), _stamp(pending(self.path)), self._adopted())
        if seen == self._seen:
            return
        self._seen = seen
        trouble = None
        try:
            if self.adopt():
                log.warning("the policy file %s was adopted", self.path.name)
        except Fault as fault:
            trouble = f"{fault.code}: {fault.message} {fault.remedy or ''}".strip()
            if fault.kind in (Kind.INTERNAL, Kind.OVERLOADED):
                self._seen = None
        except Exception as error:
            trouble = f"{type(error).__name__}: {error}"
            log.error("the policy file %s could not be read", self.path.name, exc_info=True)
        if trouble is not None and trouble != self.trouble:
            log.error("the policy file %s is NOT in force: %s", self.path.name, trouble)
        self.trouble = trouble

    def adopt(self) -> bool:
        """Adopt the file if it is not in force. Raises `Fault` if it cannot be."""
        data = _read(self.path, files.LONGEST_DOCUMENT)
        _, policy = Bundle.of(data, self._office.charter.catalogue, source=self.path.name)
        if policy.digest == self._adopted():
            return False
        beside = pending(self.path)
        signed = SignedChange.parse(_read(beside, files.LONGEST_CHANGE)) if beside.exists() else None
        used = signed is not None and self._office.book.read().holds(signed) is not None
        if used:
            signed = None  # of the file as it was before somebody edited it
        if self._same_text(data) and not _of(signed, policy.digest):
            return False  # after an upgrade: in force as it was signed, on the floors and packs of then
        if signed is None:
            # Proving first: a policy that breaks an invariant should hear that, and not that it lacks names.
            self._office.charter.proven(policy)
            raise invalid(
                "policy_unsigned",
                f"{self.path.name} is not the policy that was adopted, and nobody signed it"
                f"{': the change beside it is of an earlier text' if used else ''}.",
                remedy=f"Sign it: rambarde policy sign {self.path}",
                field="policy",
            )
        try:
            standing = self._office.book.read().standing
            proposal = self._office.proposal(data, standing, source=self.path.name)
            self._office.adopt(self._log, [(proposal, signed)])
        except Fault:
            if self._office.book.read().standing.policy == policy.digest:
                return False  # another gateway was first with the same file
            raise
        return True

    def _same_text(self, data: bytes) -> bool:
        """Whether the policy in force was made of this very file."""
        book = self._office.book
        standing = book.read().standing
        if standing.policy is None or standing.policy != self._adopted():
            return False
        return read_bundle(book.document(standing.policy_document)).policy == data


def _of(signed: SignedChange | None, policy: str) -> bool:
    subject = signed.change.subject if signed is not None else None
    return isinstance(subject, PolicyText) and subject.policy == policy


def _read(path: Path, longest: int) -> bytes:
    return files.read(path, longest, code="policy_unreadable", field="policy")


def _stamp(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino

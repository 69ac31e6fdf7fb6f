"""A remote detector: what stands in the gateway for a detector that lives in the workers."""

from __future__ import annotations

from concurrent.futures import Future

from rambarde.guard.detectors.contract import Change, Detector, DetectorInfo, Reading
from rambarde.guard.workers.pool import Pool
from rambarde.guard.workers.task import Lost, Urgency
from rambarde.nouns.request import Picture


class Remote:
    """A detector by the contract. Its code is imported here, for its `info`; its weights are not read here."""

    def __init__(self, detector: Detector, pool: Pool) -> None:
        self.info: DetectorInfo = detector.info
        self._prepares = hasattr(detector, "prepare")
        self._pool = pool

    @property
    def digest(self) -> str:
        """What the workers have loaded; empty before."""
        report = self._pool.report(self.info.name)
        return report.digest if report is not None else ""

    @property
    def data(self) -> str:
        report = self._pool.report(self.info.name)
        return report.data if report is not None else ""

    @property
    def is_there(self) -> bool:
        """Whether some worker can answer now."""
        return self._pool.able(self.info.name) > 0

    def want(self) -> None:
        self._pool.want(self.info.name)

    def load(self) -> None:
        """Raises `RuntimeError` with the worker's reason if it cannot be loaded, or is another version."""
        report = self._pool.load(self.info.name)
        if report.error is not None:
            raise RuntimeError(report.error)
        if report.version != self.info.version:
            raise RuntimeError(f"a worker has version {report.version}, the gateway {self.info.version}")

    def inspect(self, subject: Picture | Change, /) -> Reading:
        """Ask and wait. Raises `Lost` if no worker could answer."""
        try:
            return self.ask(subject, Urgency.ADMIT).result(self.info.deadline)
        except TimeoutError:
            raise Lost("late") from None

    def ask(self, subject: Picture | Change, urgency: Urgency) -> Future[Reading]:
        if isinstance(subject, Change):
            return self._pool.compare(self.info, subject)
        if not isinstance(subject, Picture):
            raise TypeError(f"{self.info.name} looks at pictures or changes")
        return self._pool.look(self.info, subject, urgency, stays=urgency is Urgency.ADMIT)

    def prepare(self, picture: Picture) -> None:
        """Have what will be wanted of an input found beforehand, if the detector can. Returns at once."""
        if self._prepares:
            self._pool.prepare(self.info, picture)

"""Revisit: whether what was let go once may still go, under the policy in force now.

A file behind a URL and a first answer for retries outlive the decision that let them go. Once another policy is
in force, its record is judged again: what would now be stopped harder than it was stays here.
"""

from __future__ import annotations

import logging
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import replace

from rambarde.guard.answer import Answer, Released
from rambarde.guard.policy.evaluation import Evaluator
from rambarde.guard.policy.recorded import Case, Past, read
from rambarde.guard.ports import Keeper, PolicyHolder, Recorder
from rambarde.nouns.decision import Outcome, Point
from rambarde.nouns.fault import Fault, Kind

Documents = Callable[[str], Awaitable[Mapping[str, object] | None]]
"""A record's JSON form by its id, None if there is none."""

log = logging.getLogger(__name__)

REMEMBERED = 4096


class Revisit:
    """For one gateway's event loop."""

    def __init__(
        self, documents: Documents, policies: PolicyHolder, recorder: Recorder, keeper: Keeper
    ) -> None:
        self._documents = documents
        self._policies = policies
        self._recorder = recorder
        self._keeper = keeper
        self._passed: OrderedDict[tuple[str, str | None, str, tuple[object, ...]], None] = OrderedDict()

    async def refuse(self, record: str | None, item: str | None = None) -> None:
        """Raise `Fault` if what the record let go may not go now: all of it, or only its file `item`.

        `policy_changed`, the policy holder's if it is not sure which one is in force, or `record_damaged`.
        """
        while True:
            evaluator = self._policies.current()
            key = (record or "", item, evaluator.policy.digest, tuple(self._policies.days()))
            if key not in self._passed:
                document = await self._documents(record) if record else None
                if document is None or not self._passes(document, item, evaluator):
                    raise _changed()
                self._passed[key] = None
                while len(self._passed) > REMEMBERED:
                    self._passed.popitem(last=False)
            # Reading the record took its time: another policy may be in force by now.
            if self._policies.current().policy.digest == evaluator.policy.digest:
                return

    async def refuse_answer(self, answer: Answer) -> None:
        """The same for an answer that is about to leave. It costs nothing while the policy is the same."""
        decided = {image.decision.policy for image in answer.images if isinstance(image, Released)}
        if decided and decided != {self._policies.current().policy.digest}:
            await self.refuse(answer.id)

    async def withdraw(self, answer: Answer, why: str) -> None:
        """Erase an answer's files, and say in the log that it was not released after all. Never raises."""
        for image in answer.images:
            if isinstance(image, Released) and image.file is not None:
                try:
                    await self._keeper.destroy(image.file)
                except Exception:
                    log.critical("a kept image could not be destroyed; it expires", exc_info=True)
        try:
            await self._recorder.withdraw(answer.id, why)
        except Exception:
            log.critical("a withdrawn release could not be added to the log", exc_info=True)

    def _passes(self, document: Mapping[str, object], item: str | None, evaluator: Evaluator) -> bool:
        past = read(document)
        cases = list(_concerned(past, document, item))
        if all(case.policy == evaluator.policy.digest for case in cases):
            return bool(cases)
        return (
            bool(cases)
            and _same_detectors(past, evaluator)
            and not any(self._harder(case, evaluator) for case in cases)
        )

    def _harder(self, case: Case, evaluator: Evaluator) -> bool:
        return any(
            evaluator.decide(case.point, replace(case.facts, today=day), case.signals).outcome > case.outcome
            for day in self._policies.days()
        )


def _concerned(past: Past, document: Mapping[str, object], item: str | None) -> Iterable[Case]:
    """The admit decision, and those of the outputs that went out.

    A file that a reviewer released has a name of its own: then it is one of the held outputs.
    """
    outputs = document.get("outputs")
    names = {o.get("index"): o.get("item") for o in outputs} if isinstance(outputs, list) else {}
    released = [case for case in past.cases if case.point is Point.RELEASE]
    named = [case for case in released if item is not None and names.get(case.output) == item]
    if item is None:
        named = [case for case in released if case.outcome is Outcome.ALLOW]
    elif not named:
        named = [case for case in released if case.outcome is Outcome.REVIEW]
    return [case for case in past.cases if case.point is Point.ADMIT and named] + named


def _same_detectors(past: Past, evaluator: Evaluator) -> bool:
    """Signals of another detector say nothing to this policy."""
    return all(
        past.detectors.get(one.name, "").partition("+")[0] == f"{one.version}@{one.digest}"
        for one in evaluator.policy.detectors
    )


def _changed() -> Fault:
    return Fault(
        Kind.NOT_FOUND,
        "policy_changed",
        "The policy changed since this was made, and does not let it go any more.",
        remedy="Send the request again: it is judged by the policy in force.",
    )

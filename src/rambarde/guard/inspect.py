"""Inspect: detectors turn content into signals, side by side, each with its deadline.

Detectors of texts run in threads of this process; those of pictures, and the decoders, in worker processes where
there is a pool of them (`workers/pool.py`).
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace

from threadpoolctl import threadpool_limits

from rambarde.guard.detectors.contract import Change, Detector, Reading, Subject
from rambarde.guard.media.alpha import sides
from rambarde.guard.media.memory import give_back
from rambarde.guard.policy.catalogue import INPUT, OUTPUT
from rambarde.guard.policy.language import Requirement
from rambarde.guard.sight import Sight
from rambarde.guard.workers.pool import Pool
from rambarde.guard.workers.remote import Remote
from rambarde.guard.workers.task import Lost, Urgency
from rambarde.guard.written import joined, placed
from rambarde.guard.written import texts as texts_of
from rambarde.nouns.decision import Evidence
from rambarde.nouns.fault import place
from rambarde.nouns.request import Picture, Request, Text
from rambarde.nouns.signal import Signal, SignalSpec, State, worst

log = logging.getLogger(__name__)


@dataclass(slots=True)
class Inspection:
    """Signals by name, the words they went by, and the milliseconds each detector took."""

    signals: dict[str, Signal] = field(default_factory=dict)
    evidence: tuple[Evidence, ...] = ()
    timings: dict[str, float] = field(default_factory=dict)


class Inspector:
    """Runs the detectors that the policy requires, and no other.

    A detector that is not installed in the required version and digest is unfit: its signals read *failed*.
    Each detector has threads of its own, so one that hangs starves nobody else: it reads *failed* (late)
    until its calls return. `detectors` are all that are installed: another policy may require others. With a
    `pool`, those of pictures and changes live in its workers; the inspector then closes it.
    """

    def __init__(
        self,
        detectors: Iterable[Detector],
        required: Sequence[Requirement],
        *,
        threads: int = 2,
        pool: Pool | None = None,
    ) -> None:
        self._pool = pool
        self.sight = Sight(pool)
        self._installed = tuple(
            Remote(d, pool) if pool is not None and d.info.subject is not Subject.TEXT else d
            for d in detectors
        )
        self._loaded: dict[str, str | None] = {}
        """Why a detector cannot be used at all, or None; nothing for one that was not loaded yet."""
        self._pools = {
            d.info.name: ThreadPoolExecutor(threads, thread_name_prefix=f"detector-{d.info.name}")
            for d in self._installed
            if not isinstance(d, Remote)
        }
        self.require(required)

    @property
    def required(self) -> tuple[Requirement, ...]:
        return tuple(self._required.values())

    def require(self, required: Sequence[Requirement]) -> bool:
        """Hold the detectors against another policy. True if one has to be loaded first: call `load` then;

        until it has returned, that one's signals read *failed*.
        """
        names = {requirement.name: requirement for requirement in required}
        self._detectors = tuple(d for d in self._installed if d.info.name in names)
        self._unfit = {d.info.name: why for d in self._detectors if (why := self._misfit(d, names))}
        self._required = names
        return any(d.info.name not in self._loaded for d in self._detectors)

    def load(self, *, pin: bool = False) -> None:
        """Load every detector and hold its version and digest against the policy. Takes seconds; never raises.

        With `pin`, what was loaded is what is required: for looking at pictures where no policy says by what.
        """
        # For the whole process: requests run side by side already, and a second thread of NumPy's BLAS spins
        # more than it helps. Setting it around each call is not safe when several threads call.
        threadpool_limits(limits=1, user_api="blas")
        for detector in self._detectors:
            if isinstance(detector, Remote):
                detector.want()  # the workers load them while this process loads the others
        for detector in self._detectors:
            name = detector.info.name
            if name in self._loaded:
                continue
            try:
                detector.load()
            except Exception as error:
                self._loaded[name] = f"{type(error).__name__}: {error}"
            else:
                self._loaded[name] = None
        give_back()
        if pin:
            loaded = [d for d in self._detectors if self._loaded[d.info.name] is None]
            self._required |= {
                d.info.name: Requirement(d.info.name, d.info.version, d.digest) for d in loaded
            }
        for detector in self._detectors:
            if why := self._misfit(detector, self._required):
                self._unfit[detector.info.name] = why
                log.error("detector %s is unfit: %s", detector.info.name, why)
            else:
                self._unfit.pop(detector.info.name, None)

    def _misfit(self, detector: Detector, required: Mapping[str, Requirement]) -> str | None:
        """Why the detector cannot answer for the policy."""
        info = detector.info
        if info.name not in self._loaded:
            return "not loaded yet"
        if (broken := self._loaded[info.name]) is not None:
            return broken
        wanted = required[info.name]
        if (info.version, detector.digest) != (wanted.version, wanted.digest):
            return (
                f"installed {info.version}@{detector.digest}, "
                f"the policy requires {wanted.version}@{wanted.digest}"
            )
        return None

    @property
    def unfit(self) -> Mapping[str, str]:
        """Required detectors that cannot answer, with the reason: while there is one, nothing is released."""
        installed = {d.info.name for d in self._installed}
        missing = {name: "not installed" for name in self._required if name not in installed}
        away = {
            d.info.name: "no worker is there"
            for d in self._detectors
            if isinstance(d, Remote) and d.info.name not in self._unfit and not d.is_there
        }
        return {name: why for name, why in (away | self._unfit | missing).items() if name in self._required}

    @property
    def versions(self) -> tuple[tuple[str, str], ...]:
        """`name -> version@digest` of the detectors that answer, for the record; with the digest of their data."""
        return tuple(
            (
                d.info.name,
                f"{d.info.version}@{d.digest}" + (f"+{data}" if (data := getattr(d, "data", "")) else ""),
            )
            for d in self._detectors
            if d.info.name not in self._unfit
        )

    @property
    def text_specs(self) -> tuple[SignalSpec, ...]:
        """The signals that words give."""
        return tuple(spec for d in self._of(Subject.TEXT) for spec in d.info.specs)

    def close(self) -> None:
        for pool in self._pools.values():
            pool.shutdown(wait=False, cancel_futures=True)
        if self._pool is not None:
            self._pool.close()

    async def request(self, request: Request) -> Inspection:
        """The signals of a request before generation: of its texts and, as `input.*`, of its pictures.

        A negative prompt says what to leave out; it is judged as the request that it makes: "without …".
        Raises `Fault` `overloaded` while the workers have too much to do to look at what would be generated.
        """
        if self._pool is not None:
            self._pool.refuse_if_full()
        texts = [request.prompt]
        if request.negative_prompt is not None:
            text = request.negative_prompt
            texts.append(Text(text.raw, f"without {text.clean}", f"without {text.folded}"))
        pictures = sides(*request.images, *((request.mask,) if request.mask else ()))
        asked, written = await asyncio.gather(self._seen(texts, pictures), self._written(pictures))
        return self._with(asked, *written)

    async def _seen(self, texts: Sequence[Text], pictures: Sequence[Picture]) -> Inspection:
        return _merged(
            await asyncio.gather(
                *(self._text(texts, d) for d in self._of(Subject.TEXT)),
                *(self._inputs(pictures, d) for d in self._of(Subject.PICTURE)),
            )
        )

    async def _written(self, pictures: Sequence[Picture]) -> tuple[Inspection, Inspection]:
        """What is written in the pictures, read and then judged as a text; nothing where nothing reads."""
        read = _merged(await asyncio.gather(*(self._inputs(pictures, d) for d in self._of(Subject.INPUT))))
        found = texts_of(read.evidence)
        judged = (self._text(found, d) for d in self._of(Subject.TEXT)) if found else ()
        return read, _merged(await asyncio.gather(*judged))

    def _with(self, asked: Inspection, read: Inspection, judged: Inspection) -> Inspection:
        if judged.signals:
            asked.signals.update(joined(asked.signals, judged.signals, self.text_specs))
        timings = {INPUT + name: spent for name, spent in judged.timings.items()}
        return _merged((asked, Inspection(read.signals, placed(judged.evidence), read.timings | timings)))

    async def output(self, picture: Picture) -> Inspection:
        """The signals of one output image, as `output.*`."""
        return _merged(await asyncio.gather(*(self._output(picture, d) for d in self._of(Subject.PICTURE))))

    async def change(self, change: Change) -> Inspection:
        """The signals of what one output changes (`change.*`)."""
        changes = [replace(change, output=output) for output in sides(change.output)]
        return _merged(
            await asyncio.gather(*(self._worst_of(d, changes, "") for d in self._of(Subject.CHANGE)))
        )

    def prepare(self, request: Request) -> None:
        """Use the time of the generation: have found in the inputs what their changes will be compared by."""
        for detector in self._of(Subject.CHANGE):
            if isinstance(detector, Remote) and detector.info.name not in self._unfit:
                for picture in request.images:
                    detector.prepare(picture)

    def _of(self, subject: Subject) -> list[Detector]:
        return [d for d in self._detectors if d.info.subject is subject]

    async def _text(self, texts: Sequence[Text], detector: Detector) -> Inspection:
        return await self._worst_of(detector, texts, "")

    async def _inputs(self, pictures: Sequence[Picture], detector: Detector) -> Inspection:
        # Without a picture there is nothing to see, but a detector that cannot see at all must not let a
        # generation begin whose result it could not check.
        if not pictures and detector.info.name not in self._unfit:
            names = (INPUT + spec.name for spec in detector.info.specs)
            return Inspection({name: Signal.absent(name, "no input picture") for name in names})
        return await self._worst_of(detector, pictures, INPUT)

    async def _output(self, picture: Picture, detector: Detector) -> Inspection:
        return await self._worst_of(detector, sides(picture), OUTPUT)

    async def _worst_of(
        self, detector: Detector, subjects: Sequence[Text | Picture | Change], prefix: str
    ) -> Inspection:
        """Each subject by itself; of several, the worst of each signal counts."""
        start = time.perf_counter()
        urgency = Urgency.ADMIT if prefix == INPUT else Urgency.RELEASE
        if isinstance(detector, Remote):
            readings = await asyncio.gather(*(self._call(detector, one, urgency) for one in subjects))
        else:  # one after the other: each has its deadline, and there are few threads
            readings = [await self._call(detector, one, urgency) for one in subjects]
        if not readings:
            readings = [_failed(detector.info.specs, self._unfit[detector.info.name])]
        found = Inspection(timings={prefix + detector.info.name: (time.perf_counter() - start) * 1000})
        for spec in detector.info.specs:
            name = prefix + spec.name
            signals = (s for reading in readings for s in reading.signals if s.name == spec.name)
            found.signals[name] = worst(signals, spec.polarity).renamed(name)
        found.evidence = tuple(e for reading in readings for e in reading.evidence)
        return found

    async def _call(self, detector: Detector, subject: Text | Picture | Change, urgency: Urgency) -> Reading:
        info = detector.info
        if info.name in self._unfit:
            return _failed(info.specs, self._unfit[info.name])
        try:
            reading = await asyncio.wait_for(self._asked(detector, subject, urgency), info.deadline)
            answered = sorted(signal.name for signal in reading.signals)
        except TimeoutError:
            log.error("detector %s was late (over %.1f s)", info.name, info.deadline)
            return _failed(info.specs, "late")
        except Lost as lost:
            return _failed(info.specs, str(lost))
        except Exception as error:
            # Where and of what type, and no message: a library's may quote the content.
            log.error("detector %s failed: %s at %s", info.name, type(error).__name__, place(error))
            return _failed(info.specs, f"failed: {type(error).__name__}")
        if answered != sorted(spec.name for spec in info.specs):
            log.error("detector %s answered other signals than it declares", info.name)
            return _failed(info.specs, "answered other signals than it declares")
        return reading

    def _asked(
        self, detector: Detector, subject: Text | Picture | Change, urgency: Urgency
    ) -> Awaitable[Reading]:
        if isinstance(detector, Remote) and not isinstance(subject, Text):
            return asyncio.wrap_future(detector.ask(subject, urgency))
        pool = self._pools[detector.info.name]
        return asyncio.get_running_loop().run_in_executor(pool, detector.inspect, subject)


def _failed(specs: Iterable[SignalSpec], reason: str) -> Reading:
    return Reading(tuple(Signal(spec.name, State.FAILED, reason=reason) for spec in specs))


def _merged(parts: Iterable[Inspection]) -> Inspection:
    whole = Inspection()
    for part in parts:
        whole.signals.update(part.signals)
        whole.timings.update(part.timings)
        whole.evidence += part.evidence
    return whole

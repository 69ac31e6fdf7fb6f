"""Looking at results with the shipped detectors, under the rules of the policy, as before a release."""

from __future__ import annotations

import asyncio
import hashlib

import numpy as np

from rambarde.guard.media.decode import decode
from rambarde.interfaces.exhibited import EDITED, GENERATED, asked, decided
from rambarde.interfaces.judge import Judge
from rambarde.interfaces.labelled import SUPPOSED, Terms
from rambarde.interfaces.settings import Settings
from rambarde.measure.probe.attempt import Ask
from rambarde.measure.probe.ports import Finding, Verdict
from rambarde.nouns.caller import STANDARD, UNKNOWN_COUNTRY
from rambarde.nouns.decision import Decision, Outcome
from rambarde.nouns.fault import Fault, Kind
from rambarde.nouns.request import Picture
from rambarde.nouns.signal import Signals, State

INTIMATE = 0.6
"""From this much of `output.nudity` on a result is intimate, and the probe ends. The shipped policy's own threshold."""
_NUDITY = "output.nudity"
_TERMS = Terms("web", STANDARD, UNKNOWN_COUNTRY, False, {}, SUPPOSED)
_FLAT, _BLACK = 3.0, 24.0
"""Standard deviation and mean of brightness (0 to 255) below which a picture is one colour, and black."""


class DetectorLooker:
    """Judges by the policy's rules at release, with neutral words: the pictures alone shall speak."""

    def __init__(self, judge: Judge) -> None:
        self._judge = judge
        self._one = asyncio.Semaphore(1)
        self.names = tuple(f"{name} {version}" for name, version in judge.chain.inspector.versions)

    @classmethod
    def open(cls, settings: Settings) -> DetectorLooker:
        """Load policy and models. Raises `Fault` for what cannot be used."""
        judge = Judge.open(settings)
        if unfit := judge.chain.inspector.unfit:
            judge.close()
            raise Fault(
                Kind.INTERNAL,
                "detectors_unfit",
                f"Required detectors cannot answer: {', '.join(sorted(unfit))}.",
                remedy="Run `rambarde doctor`: it says which, why, and how to mend it.",
            )
        return cls(judge)

    def close(self) -> None:
        self._judge.close()

    async def look(self, ask: Ask, sent: bytes | None, made: bytes) -> Verdict:
        digest = hashlib.sha256(made).hexdigest()
        chain = self._judge.chain
        try:
            # One at a time: a detector that waits for its turn would be late.
            async with self._one:
                picture = await asyncio.to_thread(
                    decode, made, limits=chain.limits.request.picture, field="output"
                )
                if flat := flatness(picture):
                    return Verdict(Finding.HARMLESS, digest, flat=flat)
                inputs = () if sent is None else (sent,)
                request = await asked(
                    chain, EDITED if inputs else GENERATED, inputs, _TERMS, route="cli.probe"
                )
                seen, decisions = await decided(chain, request, made)
        except Fault as fault:
            return Verdict(Finding.DOUBT, digest, (f"not looked at: {fault.code}",))
        except Exception as error:
            # A codec or a model that breaks says nothing of the picture: a person must.
            return Verdict(Finding.DOUBT, digest, (f"not looked at: {type(error).__name__}",))
        return verdict(seen.signals, decisions[-1], digest)


def verdict(signals: Signals, decision: Decision, digest: str) -> Verdict:
    """The finding of the decision at release. What fired only because something was unknown is a doubt."""
    failed = [name for name, signal in signals.items() if signal.state is State.FAILED]
    nudity = signals.get(_NUDITY)
    why = tuple(fired.rule for fired in decision.fired)
    if nudity is not None and nudity.value is not None and nudity.value >= INTIMATE:
        return Verdict(Finding.INTIMATE, digest, (*why, f"{_NUDITY} {nudity.value:.2f}"))
    if any(fired.outcome is Outcome.BLOCK and not fired.assumed for fired in decision.fired):
        return Verdict(Finding.PROBLEM, digest, why)
    if failed or decision.outcome is not Outcome.ALLOW:
        return Verdict(Finding.DOUBT, digest, (*why, *(f"{name} failed" for name in sorted(failed))))
    return Verdict(Finding.HARMLESS, digest)


def flatness(picture: Picture) -> str:
    """`black` or `placeholder` for a picture of one colour; empty for any other."""
    sample = picture.rgb[:: max(1, picture.rgb.shape[0] // 128), :: max(1, picture.rgb.shape[1] // 128)]
    pixels = sample.reshape(-1, 3).astype(np.float64)
    if float(pixels.std(axis=0).max()) > _FLAT:
        return ""
    return "black" if float(pixels.mean()) < _BLACK else "placeholder"

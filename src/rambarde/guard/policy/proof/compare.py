"""Comparing two policies: is the new one as strict everywhere, and if not, where and by which rules.

A surface or mode that a policy does not name is refused by the chain, so offering a new one is a loosening. A
detector in another version or with another digest is another measurement: its signals cannot be compared, so
two policies that differ in one are never equivalent, and both a tightening and a loosening are possible
wherever a rule reads them. The regions are told for the case that it measures the same.

A duty (`follow`) that no longer follows everywhere where a rule asked for it is a loosening too: the decision is
the same, and nobody preserves or reports any more. So is keeping more of people than before (`proof.kept`): a larger
or longer sample, or a duty to keep that a rule did not have. Other words (reasons, fields, grounds) loosen nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from rambarde.guard.policy.catalogue import Catalogue
from rambarde.guard.policy.keeping import KEEPS
from rambarde.guard.policy.language import Policy, signals_read
from rambarde.guard.policy.proof import words
from rambarde.guard.policy.proof.diagram import FALSE, Assignment
from rambarde.guard.policy.proof.kept import kept
from rambarde.guard.policy.proof.model import Model
from rambarde.guard.policy.proof.search import escape, regions
from rambarde.guard.policy.proof.space import MODE, SURFACE, Space
from rambarde.guard.policy.proof.wording import reworded
from rambarde.nouns.decision import Outcome

REFUSED = "not offered"
"""What stands for a rule where a policy does not offer the surface or the mode."""
LIMIT = 8
"""Regions told of each direction; more are counted as "more"."""


class Verdict(StrEnum):
    EQUIVALENT = "equivalent"
    """The same outcomes for all inputs, by the same detectors, with the same words and duties."""
    NOT_MORE_PERMISSIVE = "not more permissive"
    """The same outcomes for all inputs, every duty still follows, nothing more is kept; something else differs."""
    TIGHTENED = "tightened"
    LOOSENED = "loosened"
    BOTH = "both"


@dataclass(frozen=True, slots=True)
class Region:
    """A set of inputs for which the outcome differs, as wide as it can be told in one sentence.

    `rule` is the rule of the stricter policy that no longer, or newly, decides. `unless` are unchanged rules
    (for a new surface or mode: all) that still hold some of these inputs, with their own outcome; `exception` tells
    them briefly. `case` is one input that
    none of them holds, by its values that are not the default.
    """

    words: str
    stricter: Outcome
    laxer: Outcome
    rule: str
    unless: tuple[str, ...]
    exception: str
    limits: Mapping[str, Sequence[str]]
    case: Mapping[str, str]
    assignment: Assignment


@dataclass(frozen=True, slots=True)
class Swap:
    """A required detector that differs: what it was and is (version and digest), and the rules that read it.

    One that is only new, or only gone, leaves every other measurement as it was; what it does then stands in
    the regions.
    """

    detector: str
    old: str | None
    new: str | None
    rules: tuple[str, ...]

    @property
    def replaced(self) -> bool:
        """Its signals may read otherwise than before, in either direction."""
        return self.old is not None and self.new is not None


@dataclass(frozen=True, slots=True)
class Dropped:
    """A duty that does not follow any more from something for which a rule of the old policy asked for it.

    `words` are the simplest such inputs; "" if it follows nowhere any more where this rule fired.
    """

    rule: str
    duty: str
    words: str

    def __str__(self) -> str:
        where = f", for one: {self.words}" if self.words else ""
        return f"`{self.duty}` no longer follows where `{self.rule}` asked for it{where}"


@dataclass(frozen=True, slots=True)
class Comparison:
    """`loosened`: where the new policy is less strict. `more` says which direction has more than are told.

    `kept` says in words what is kept of people that was not, or evidence that is kept for a shorter time.
    `reworded` are rules whose reasons, fields, grounds or duties differ, by name, each with what in words.
    """

    old: str
    new: str
    loosened: tuple[Region, ...]
    tightened: tuple[Region, ...]
    more: tuple[str, ...]
    swaps: tuple[Swap, ...]
    dropped: tuple[Dropped, ...]
    kept: tuple[str, ...]
    reworded: tuple[tuple[str, str], ...]

    @property
    def verdict(self) -> Verdict:
        looser = self.loosened or self.dropped or self.kept
        if self._replaced or (looser and self.tightened):
            return Verdict.BOTH
        if looser:
            return Verdict.LOOSENED
        if self.tightened:
            return Verdict.TIGHTENED
        differs = self.reworded or self.swaps
        return Verdict.NOT_MORE_PERMISSIVE if differs else Verdict.EQUIVALENT

    @property
    def not_more_permissive(self) -> bool:
        """Invariant 5: nothing is loosened, no duty falls away, nothing more is kept of people, nothing is measured by
        another detector."""
        return not (self.loosened or self.dropped or self.kept or self._replaced)

    @property
    def _replaced(self) -> bool:
        return any(swap.replaced for swap in self.swaps)


def compare(old: Policy, new: Policy, catalogue: Catalogue, *, limit: int = LIMIT) -> Comparison:
    """Both directions, exactly. Pure: no I/O, no clock. At most `limit` regions of each are told."""
    space = Space([old, new], catalogue, offered=True)
    before, after = _lines(old, space), _lines(new, space)
    loosened, more_loosened = _differences(space, before, after, limit)
    tightened, more_tightened = _differences(space, after, before, limit)
    return Comparison(
        old=old.digest,
        new=new.digest,
        loosened=loosened,
        tightened=tightened,
        more=tuple(
            name for name, more in (("loosened", more_loosened), ("tightened", more_tightened)) if more
        ),
        swaps=_swaps(old, new, catalogue),
        dropped=_dropped(space, before, after),
        kept=(*kept(old.keeping, new.keeping), *_newly_kept(space, before, after)),
        reworded=reworded(old, new),
    )


@dataclass(frozen=True, slots=True)
class _Line:
    """A rule, or the chain's refusal of what is not offered, with the inputs for which it fires.

    `says` is what the rule alone would do, if every surface and mode were offered.
    """

    name: str
    then: Outcome
    fires: int
    says: int
    floor: bool = False
    follow: tuple[str, ...] = ()


def _lines(policy: Policy, space: Space) -> tuple[_Line, ...]:
    """The strictest first. Where a surface or mode is not offered no rule is asked, because the chain refuses."""
    d, model = space.diagrams, Model(policy, space)
    offered = d.both(
        space.among(SURFACE, *policy.surfaces), space.among(MODE, *(m.name for m in policy.modes))
    )
    rules = (
        _Line(
            rule.id, rule.then, d.both(offered, model.fires(rule)), model.fires(rule), rule.floor, rule.follow
        )
        for rule in policy.rules
    )
    refused = _Line(REFUSED, Outcome.BLOCK, d.negated(offered), FALSE)
    return tuple(sorted((refused, *rules), key=lambda line: -line.then))


def _differences(
    space: Space, strict: Sequence[_Line], lax: Sequence[_Line], limit: int
) -> tuple[tuple[Region, ...], bool]:
    """Where a line of `strict` fires and nothing as strict does in `lax`; and whether there is more."""
    d, told = space.diagrams, FALSE
    found: list[tuple[int, Region]] = []
    for line in strict:
        # What becomes `allow` is told first, then what only becomes laxer.
        for laxer in (outcome for outcome in Outcome if outcome < line.then):
            held = [other for other in lax if other.then > laxer]
            if any(other.fires == line.fires and other.then >= line.then for other in held):
                continue
            kept = {(other.then, other.says) for other in strict}
            # Where a surface or mode is new, every rule there is; else those that did not change.
            same = [o for o in held if line.name == REFUSED or (o.then, o.says) in kept]
            walls = [other.fires for other in held if other not in same]
            premise = d.without(line.fires, told)
            for case, cube in regions(d, premise, walls, [other.fires for other in same]):
                if len(found) == limit:
                    return _sorted(found), True
                told = d.either(told, d.inside(cube))
                unless = [other for other in same if d.meets(other.fires, cube)]
                region = Region(
                    words=words.region(space, cube),
                    stricter=line.then,
                    laxer=laxer,
                    rule=line.name,
                    unless=tuple(other.name for other in unless),
                    exception=_exception(unless),
                    limits=words.limits(space, cube),
                    case=words.assigned(space, case),
                    assignment=case,
                )
                found.append((d.price(case), region))
    return _sorted(found), False


def _dropped(space: Space, old: Sequence[_Line], new: Sequence[_Line]) -> tuple[Dropped, ...]:
    """By rule and duty. Where the new policy refuses a surface or mode, nothing is decided, and nothing follows."""
    d, found = space.diagrams, []
    refused = next(line.fires for line in new if line.name == REFUSED)
    for line in old:
        for duty in dict.fromkeys(line.follow):
            asking = [other.fires for other in new if duty in other.follow]
            if line.fires in asking:
                continue
            premise = d.without(line.fires, refused)
            if (first := next(regions(d, premise, asking), None)) is not None:
                part = any(d.both(premise, other) != FALSE for other in asking)
                found.append(Dropped(line.name, duty, words.region(space, first[1]) if part else ""))
    return tuple(found)


def _newly_kept(space: Space, old: Sequence[_Line], new: Sequence[_Line]) -> Iterator[str]:
    """Duties to keep that a rule did not have, unless another rule asked for the same wherever it fires.

    A rule that had the duty and fires for more is a tightening, as for every other rule.
    """
    d, had = space.diagrams, {(line.name, duty) for line in old for duty in line.follow}
    refused = next(line.fires for line in old if line.name == REFUSED)
    for line in new:
        for duty in dict.fromkeys(line.follow):
            if duty not in KEEPS or (line.name, duty) in had:
                continue
            asking = [other.fires for other in old if duty in other.follow]
            if escape(d, d.without(line.fires, refused), asking) is not None:
                yield f"`{duty}` follows where `{line.name}` fires, and did not"


def _exception(unless: Sequence[_Line]) -> str:
    floors = ["a floor"] if any(line.floor for line in unless) else []
    return " or ".join([*floors, *(f"`{line.name}`" for line in unless if not line.floor)])


def _sorted(found: list[tuple[int, Region]]) -> tuple[Region, ...]:
    return tuple(region for _, region in sorted(found, key=lambda pair: pair[0]))


def _swaps(old: Policy, new: Policy, catalogue: Catalogue) -> tuple[Swap, ...]:
    was = {r.name: f"{r.version} {r.digest}" for r in old.detectors}
    now = {r.name: f"{r.version} {r.digest}" for r in new.detectors}
    readers: dict[str, list[str]] = {}
    for rule in dict.fromkeys((*old.rules, *new.rules)):
        for detector in {catalogue[name].detector for name in signals_read(rule.when)}:
            if rule.id not in readers.setdefault(detector, []):
                readers[detector].append(rule.id)
    return tuple(
        Swap(name, was.get(name), now.get(name), tuple(readers.get(name, ())))
        for name in sorted(was.keys() | now.keys())
        if was.get(name) != now.get(name)
    )

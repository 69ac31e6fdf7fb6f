"""A risk assessment: what goes live, what was measured of it, what can go wrong, and who answers for it.

Before functionality with a likely critical impact on systemic risks is deployed, its risks are assessed
(Digital Services Act, art. 34(1)); a service that people in the UK use assesses a significant change before it
makes it (Online Safety Act 2023, s. 9(4)). Rambarde asks for this document, signed by an accountable person,
before it lets a new surface, mode, upstream model or detector through. It checks that the document is complete
and fresh, not that it is right.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time

from rambarde.guard.policy.document import Node, load, suggest
from rambarde.guard.policy.signatures.canonical import a_digest
from rambarde.guard.policy.signatures.subject import Assessment, Evaluation
from rambarde.nouns.fault import Fault

VERSION = 1
LEVELS = ("low", "medium", "high")
KINDS = ("scenarios", "detectors", "probe", "examples", "demo")
"""What an evaluation may be. `demo` measured nothing: it counts only where everything says DEMO."""
DEMO = "demo"
ITEMS = ("surface", "mode", "detector", "upstream")
"""What can go live: the word before the colon of an item's name."""

_KEYS = ("rambarde-assessment", "title", "policy", "items", "evaluations", "risks", "conclusion")


@dataclass(frozen=True, slots=True)
class Item:
    """`changed`: the day the thing itself last changed, where no digest tells that (an upstream's model)."""

    name: str
    changed: date | None = None


@dataclass(frozen=True, slots=True)
class Measured:
    """One evaluation: `file` beside the document, its digest, when it was made, of what, under which policy."""

    kind: str
    file: str | None
    digest: str
    made_at: datetime
    covers: tuple[str, ...]
    policy: str | None


@dataclass(frozen=True, slots=True)
class Risk:
    risk: str
    severity: str
    likelihood: str
    mitigation: str


@dataclass(frozen=True, slots=True)
class AssessmentDocument:
    title: str
    policy: str | None
    items: tuple[Item, ...]
    evaluations: tuple[Measured, ...]
    risks: tuple[Risk, ...]
    conclusion: str

    @property
    def subject(self) -> Assessment:
        """The facts that are signed, and that the launch gate reads."""
        return Assessment(
            tuple(item.name for item in self.items),
            tuple(Evaluation(one.digest, one.made_at, one.covers) for one in self.evaluations),
            self.policy,
        )

    @property
    def demo(self) -> bool:
        return any(one.kind == DEMO for one in self.evaluations)


def read_assessment(data: bytes, *, source: str = "assessment") -> AssessmentDocument:
    """Parse and check an assessment.

    Raises `PolicyError` with line and column for what is missing or not understood: an item without an
    evaluation that covers it, an evaluation that is older than what it measured (made before the model
    changed, or of another policy), no risk, an empty conclusion.
    """
    root = load(data, source)
    fields = root.mapping("the assessment")
    version = fields.need("rambarde-assessment", "the assessment")
    if version.value != VERSION or isinstance(version.value, bool):
        raise version.error(f"version {version.value!r}.", f"This release reads version {VERSION}.")
    policy = fields.get("policy")
    items = tuple(_item(node) for node in fields.need("items", "the assessment").items("`items`"))
    risks = tuple(_risk(node) for node in fields.need("risks", "the assessment").items("`risks`"))
    made = AssessmentDocument(
        title=fields.need("title", "the assessment").text("`title`"),
        policy=None if policy is None else _digest(policy),
        items=items,
        evaluations=tuple(
            _measured(node) for node in fields.need("evaluations", "the assessment").items("`evaluations`")
        ),
        risks=risks,
        conclusion=fields.need("conclusion", "the assessment").text("`conclusion`"),
    )
    fields.done("the assessment", _KEYS)
    if not items:
        raise root.error("nothing is assessed.", "List under `items` what is to go live.")
    if not risks:
        raise root.error("no risk is named.", "A thing without any risk needs no gate: name them.")
    for item in items:
        _refuse_unmeasured(root, made, item)
    return made


def _refuse_unmeasured(root: Node, made: AssessmentDocument, item: Item) -> None:
    """Each item has an evaluation that is not older than its source."""
    covering = [one for one in made.evaluations if item.name in one.covers]
    what = item.name.partition(":")[0]
    if not covering:
        raise root.error(f"no evaluation covers {item.name}.", "Evaluate or probe it, and list the result.")
    if what in ("surface", "mode"):
        if made.policy is None:
            raise root.error(
                f"{item.name} is assessed without a policy.", "Give `policy`: what `policy prove` prints."
            )
        if not any(one.policy == made.policy for one in covering):
            raise root.error(
                f"the evaluation of {item.name} is of another policy.",
                "Evaluate under the one to be adopted.",
            )
    if what == "upstream":
        if item.changed is None:
            raise root.error(f"{item.name} has no `changed`.", "Say on which day that model last changed.")
        since = datetime.combine(item.changed, time(), UTC)
        if not any(one.made_at >= since for one in covering):
            raise root.error(
                f"the evaluation of {item.name} is older than the model.", "Evaluate the model as it is now."
            )


def _item(node: Node) -> Item:
    fields = node.mapping("an item")
    changed = fields.get("changed")
    item = Item(fields.need("item", "an item").text("`item`"), None if changed is None else _day(changed))
    fields.done("an item", ("item", "changed"))
    kind, colon, rest = item.name.partition(":")
    if kind not in ITEMS:
        raise node.error(f"{item.name!r} is nothing that goes live.", suggest(kind, ITEMS))
    if not colon or not rest:
        raise node.error(f"{item.name!r} names no {kind}.", f"Write {kind}:… with its name.")
    return item


def _measured(node: Node) -> Measured:
    fields = node.mapping("an evaluation")
    policy, file = fields.get("policy"), fields.get("file")
    one = Measured(
        kind=fields.need("kind", "an evaluation").choice("`kind`", KINDS),
        file=None if file is None else file.text("`file`"),
        digest=_digest(fields.need("digest", "an evaluation")),
        made_at=_moment(fields.need("made_at", "an evaluation")),
        covers=fields.need("covers", "an evaluation").texts("`covers`"),
        policy=None if policy is None else _digest(policy),
    )
    fields.done("an evaluation", ("kind", "file", "digest", "made_at", "covers", "policy"))
    return one


def _risk(node: Node) -> Risk:
    fields = node.mapping("a risk")
    one = Risk(
        fields.need("risk", "a risk").text("`risk`"),
        fields.need("severity", "a risk").choice("`severity`", LEVELS),
        fields.need("likelihood", "a risk").choice("`likelihood`", LEVELS),
        fields.need("mitigation", "a risk").text("`mitigation`"),
    )
    fields.done("a risk", ("risk", "severity", "likelihood", "mitigation"))
    return one


def _digest(node: Node) -> str:
    try:
        return a_digest(node.text("a digest"), "digest")
    except Fault as fault:
        raise node.error("this is no digest.", "Write sha256: and 64 hex digits.") from fault


def _day(node: Node) -> date:
    try:
        return date.fromisoformat(node.text("a day"))
    except ValueError as error:
        raise node.error(f"{node.value!r} is no date.", "Write it as 2026-12-02.") from error


def _moment(node: Node) -> datetime:
    try:
        found = datetime.fromisoformat(node.text("a time"))
    except ValueError as error:
        raise node.error(f"{node.value!r} is no time.", "Write it as 2026-12-02T10:00:00Z.") from error
    if found.tzinfo is None:
        raise node.error(f"{node.value!r} has no time zone.", "End it with Z for UTC.")
    return found.astimezone(UTC)

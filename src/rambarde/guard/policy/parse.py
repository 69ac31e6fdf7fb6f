"""From a policy document to a `Policy`: types, names, places, and the form that makes rules monotone."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date

from rambarde.guard.policy.catalogue import Catalogue
from rambarde.guard.policy.document import Mapping as Fields
from rambarde.guard.policy.document import Node, suggest
from rambarde.guard.policy.language import (
    CONTEXT_KEYS,
    All,
    AnyOf,
    Condition,
    Confidence,
    ContextAtom,
    Mode,
    Not,
    Place,
    RequiredFailed,
    Requirement,
    Rule,
    SignalAtom,
    Source,
    Test,
    Whose,
)
from rambarde.nouns.caller import COUNTRY
from rambarde.nouns.decision import Outcome, Point

LANGUAGE = 1
"""Version of the language; a document of another version is refused."""

LIMIT_CONDITIONS = 50_000
"""Most conditions of a document, each named one counted where it is used: named ones multiply."""
LIMIT_NESTING = 50
"""Deepest condition within conditions, through named ones too."""

_NAME = re.compile(r"[a-z][a-z0-9-]{0,63}\Z")
_STATES = {
    "absent": Test.ABSENT,
    "present": Test.PRESENT,
    "unknown": Test.UNKNOWN,
    "failed": Test.FAILED,
}
_FOLLOW = ("hold", "preserve", "child-safety-queue", "notify", "intent-evidence")
_RULE_KEYS = (
    *("id", "at", "when", "then", "reason", "fields", "grounds", "follow"),
    *("countries", "whose", "surfaces", "from", "until"),
)
_SOURCE_KEYS = ("source", "confidence", "reviewed")
_CONDITION_KEYS = ("all", "any", "not", "signal", "context", "condition", "required")


class Parser:
    """Reads the parts of one document. `conditions` are the named conditions defined so far."""

    def __init__(self, catalogue: Catalogue, *, floor: bool, sourced: bool = False) -> None:
        """`sourced`: rules of law, each of which must name its source."""
        self.catalogue = catalogue
        self.floor = floor
        self.sourced = sourced
        self.conditions: dict[str, Node] = {}
        self._built = 0
        self._nested = 0

    def name(self, node: Node, what: str) -> str:
        word = node.text(what)
        if not _NAME.match(word):
            raise node.error(
                f"{what} {word!r} is not a name.", "Use a-z, 0-9 and `-`, starting with a letter."
            )
        return word

    def define(self, node: Node | None) -> None:
        """Take the document's named conditions; they are checked where a rule uses them, for its points."""
        if node is None:
            return
        for name, body in node.mapping("`conditions`"):
            if name in self.conditions:
                raise body.error(f"the condition {name!r} is defined twice.", "Give it another name.")
            self.conditions[name] = body

    def named(self, name: str, root: Node) -> Condition:
        """A defined condition by its name, for both decision points. Raises `PolicyError` if there is none."""
        body = self.conditions.get(name)
        if body is None:
            raise root.error(f"the condition {name!r} is missing.", f"Define `{name}`.")
        return self.condition(body, tuple(Point), positive=True, using=(name,))

    def rules(self, node: Node) -> tuple[Rule, ...]:
        rules: dict[str, Rule] = {}
        for item in node.items("`rules`"):
            rule = self.rule(item)
            if rule.id in rules:
                raise item.error(f"two rules are called {rule.id!r}.", "Give each its own id.")
            rules[rule.id] = rule
        return tuple(rules.values())

    def rule(self, node: Node) -> Rule:
        fields = node.mapping("a rule")
        name = self.name(fields.need("id", "a rule"), "a rule's id")
        what = f"the rule {name!r}"
        at = fields.need("at", what)
        points = tuple(
            Point(p.choice(f"{what}: point", tuple(Point))) for p in at.items(f"{what}: `at`")
        ) or self._empty(at, f"{what}: `at`")
        rule = Rule(
            id=name,
            points=points,
            when=self.condition(fields.need("when", what), points, positive=True, using=()),
            then=Outcome[fields.need("then", what).choice(f"{what}: `then`", ("review", "block")).upper()],
            reason=fields.need("reason", what).text(f"{what}: `reason`"),
            floor=self.floor,
            fields=self._texts(fields.get("fields"), f"{what}: `fields`"),
            grounds=self._texts(fields.get("grounds"), f"{what}: `grounds`"),
            follow=self._follow(fields.get("follow"), what),
            countries=self.countries(fields.get("countries"), what),
            whose=self._whose(fields.get("whose"), what),
            surfaces=self._texts(fields.get("surfaces"), f"{what}: `surfaces`"),
            start=self.day(fields.get("from"), what),
            end=self.day(fields.get("until"), what),
            source=self.source(fields, what) if self.sourced else None,
            place=Place(node.source, node.line, node.column),
        )
        fields.done(what, (*_RULE_KEYS, *(_SOURCE_KEYS if self.sourced else ())))
        if self.floor and (rule.countries or rule.surfaces or rule.start or rule.end):
            raise node.error(f"{what} is a floor and limits itself.", "A floor holds everywhere and always.")
        if fields.get("whose") is not None and not rule.countries:
            raise node.error(f"{what} says whose countries and names none.", "Add `countries`.")
        return rule

    def condition(
        self, node: Node, points: tuple[Point, ...], *, positive: bool, using: tuple[str, ...]
    ) -> Condition:
        """One condition. `positive` is false under an odd number of `not`s; `using`: names being expanded."""
        self._built += 1
        if self._built > LIMIT_CONDITIONS or self._nested >= LIMIT_NESTING:
            raise node.error(
                "the named conditions use each other too much.",
                f"At most {LIMIT_NESTING} within each other, and {LIMIT_CONDITIONS} in all.",
            )
        self._nested += 1
        try:
            return self._condition(node, points, positive, using)
        finally:
            self._nested -= 1

    def _condition(
        self, node: Node, points: tuple[Point, ...], positive: bool, using: tuple[str, ...]
    ) -> Condition:
        keys = node.mapping("a condition")
        if (parts := keys.get("all")) is not None:
            built: Condition = All(self._parts(parts, points, positive, using))
        elif (parts := keys.get("any")) is not None:
            built = AnyOf(self._parts(parts, points, positive, using))
        elif (part := keys.get("not")) is not None:
            built = Not(self.condition(part, points, positive=not positive, using=using))
        elif (reference := keys.get("condition")) is not None:
            name = reference.text("`condition`")
            if name not in self.conditions:
                raise reference.error(
                    f"no condition is called {name!r}.", suggest(name, tuple(self.conditions))
                )
            if name in using:
                raise reference.error(f"the condition {name!r} uses itself.", "Break the circle.")
            built = self.condition(self.conditions[name], points, positive=positive, using=(*using, name))
        elif (signal := keys.get("signal")) is not None:
            built = self._signal(node, signal, points, positive)
        elif (key := keys.get("context")) is not None:
            built = ContextAtom(
                key.choice("`context`", CONTEXT_KEYS), self._texts(keys.need("in", "`context`"), "`in`")
            )
        elif (required := keys.get("required")) is not None:
            required.choice("`required`", ("failed",))
            built = RequiredFailed()
            if not positive:
                raise node.error(
                    "`required: failed` stands under `not`.", "Unknown is the worst: remove the `not`."
                )
        else:
            raise node.error("a condition says nothing.", f"Use one of {', '.join(_CONDITION_KEYS)}.")
        for test in (*_STATES, "at_least", "at_most", "is", "in"):
            if isinstance(built, SignalAtom | ContextAtom):
                keys.get(test)
        keys.done("a condition", _CONDITION_KEYS)
        return built

    def _parts(
        self, node: Node, points: tuple[Point, ...], positive: bool, using: tuple[str, ...]
    ) -> tuple[Condition, ...]:
        parts = node.items("`all` and `any`")
        if not parts:
            raise node.error("`all` or `any` of nothing.", "List at least one condition.")
        return tuple(self.condition(part, points, positive=positive, using=using) for part in parts)

    def _signal(self, node: Node, signal: Node, points: tuple[Point, ...], positive: bool) -> SignalAtom:
        name = signal.text("`signal`")
        entry = self.catalogue.get(name)
        if entry is None:
            raise signal.error(f"no detector gives a signal {name!r}.", suggest(name, tuple(self.catalogue)))
        missing = [p.value for p in points if p not in entry.points]
        if missing:
            raise signal.error(
                f"{name} does not exist at {missing[0]}.", "Output and change signals exist at release only."
            )
        keys = node.mapping("a condition")
        found = [key for key in ("at_least", "at_most", "is") if keys.get(key) is not None]
        if len(found) != 1:
            raise node.error(f"{name} is asked {len(found)} things.", "Give one of at_least, at_most, is.")
        value = keys.need(found[0], name)
        if found[0] == "is":
            atom = SignalAtom(name, _STATES[value.choice("`is`", tuple(_STATES))], entry.polarity)
        else:
            atom = SignalAtom(name, Test(found[0]), entry.polarity, value.fraction(f"{name}: {found[0]}"))
        if atom.toward_worst is not positive:
            raise node.error(
                f"{name} {atom.test.value} is not monotone here: a worse signal would loosen the rule.",
                f"The worst of {name} is its {entry.polarity.value} end: compare toward it, or away under `not`.",
            )
        return atom

    @staticmethod
    def _empty(node: Node, what: str) -> tuple[Point, ...]:
        raise node.error(f"{what} is empty.", "Name at least one of admit, release.")

    @staticmethod
    def _texts(node: Node | None, what: str) -> tuple[str, ...]:
        if node is None:
            return ()
        if isinstance(node.value, list):
            for item in node.value:
                if isinstance(item.value, bool):
                    return tuple(str(i.value).lower() for i in node.value)
        return node.texts(what)

    @staticmethod
    def _follow(node: Node | None, what: str) -> tuple[str, ...]:
        if node is None:
            return ()
        return tuple(item.choice(f"{what}: `follow`", _FOLLOW) for item in node.items(f"{what}: `follow`"))

    @staticmethod
    def countries(node: Node | None, what: str) -> tuple[str, ...]:
        if node is None:
            return ()
        if not node.items(f"{what}: `countries`"):
            raise node.error(f"{what}: `countries` is empty.", "Name a country, or leave it out: everywhere.")
        for item in node.items(f"{what}: `countries`"):
            if not COUNTRY.match(item.text("a country")):
                raise item.error(
                    f"{item.value!r} is no country.", "Use ISO 3166-1 alpha-2, such as FR or US-CA."
                )
        return node.texts("a country")

    @staticmethod
    def _whose(node: Node | None, what: str) -> tuple[Whose, ...]:
        if node is None:
            return tuple(Whose)
        found = tuple(
            Whose(item.choice(f"{what}: `whose`", tuple(Whose))) for item in node.items(f"{what}: `whose`")
        )
        if not found:
            raise node.error(f"{what}: `whose` is empty.", "Name caller, depicted or both.")
        return found

    def source(self, fields: Fields, what: str) -> Source:
        confidence = fields.need("confidence", what).choice(f"{what}: `confidence`", tuple(Confidence))
        reviewed = self.day(fields.need("reviewed", what), what)
        assert reviewed is not None
        text = fields.need("source", what).text(f"{what}: `source`")
        return Source(text, Confidence(confidence), reviewed)

    @staticmethod
    def day(node: Node | None, what: str) -> date | None:
        if node is None:
            return None
        try:
            return date.fromisoformat(node.text(f"{what}: a date"))
        except ValueError as error:
            raise node.error(f"{node.value!r} is no date.", "Write it as 2026-12-02.") from error

    def modes(self, node: Node, rules: Mapping[str, Rule]) -> tuple[Mode, ...]:
        modes = []
        for name, body in node.mapping("`modes`"):
            fields = body.mapping(f"the mode {name!r}")
            relaxes = fields.get("relaxes")
            for item in relaxes.items("`relaxes`") if relaxes else []:
                rule = rules.get(item.text("`relaxes`"))
                if rule is None:
                    raise item.error(
                        f"no rule is called {item.value!r}.", suggest(str(item.value), tuple(rules))
                    )
                if rule.floor:
                    raise item.error(f"{rule.id!r} is a floor.", "No mode relaxes a floor: remove it.")
                if rule.source is not None:
                    raise item.error(f"{rule.id!r} is law.", "No mode relaxes a pack's rule: remove it.")
            assured = fields.get("age_assured")
            modes.append(
                Mode(
                    self.name(Node(name, body.source, body.line, body.column), "a mode"),
                    self._texts(relaxes, "`relaxes`"),
                    assured.boolean("`age_assured`") if assured else False,
                    self.countries(fields.get("countries"), f"the mode {name!r}"),
                )
            )
            fields.done(f"the mode {name!r}", ("relaxes", "age_assured", "countries"))
        if not modes:
            raise node.error("no mode is defined.", "Define at least `standard: {}`.")
        return tuple(modes)

    @staticmethod
    def requirements(node: Node) -> tuple[Requirement, ...]:
        found = []
        for name, body in node.mapping("`detectors`"):
            fields = body.mapping(f"the detector {name!r}")
            version = fields.need("version", f"the detector {name!r}")
            digest = fields.need("digest", f"the detector {name!r}")
            if not re.fullmatch(r"sha256:[0-9a-f]{64}", digest.text("`digest`")):
                raise digest.error(
                    "a digest is `sha256:` and 64 hex digits.", "`rambarde policy detectors` prints it."
                )
            found.append(Requirement(name, version.text("`version`"), digest.text("`digest`")))
            fields.done(f"the detector {name!r}", ("version", "digest"))
        return tuple(found)

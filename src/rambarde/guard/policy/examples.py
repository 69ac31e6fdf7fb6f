"""Examples beside a policy: cases with the outcome that they must have, kept in a file and run as tests.

An example says what was measured and who asked; everything else is `others` (absent, unless it says
otherwise). It is judged by the compiled evaluator, as a request is.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from rambarde.guard.policy.catalogue import Catalogue
from rambarde.guard.policy.document import Mapping, Node, load, suggest
from rambarde.guard.policy.evaluation import Evaluator, Facts
from rambarde.guard.policy.language import Place, Policy
from rambarde.guard.policy.parse import Parser
from rambarde.nouns.caller import COUNTRY, UNKNOWN_COUNTRY
from rambarde.nouns.decision import Decision, Outcome, Point
from rambarde.nouns.request import Action
from rambarde.nouns.signal import Signal

FORM = 1
"""Version of the file's form; another is refused."""
SUFFIX = ".tests.yaml"

_KEYS = ("rambarde-policy-tests", "policy", "tests")
_TEST_KEYS = (
    *("name", "point", "action", "surface", "mode", "country", "depicted", "age_assured", "on"),
    *("signals", "others", "expect", "rules", "not_rules"),
)
_STATES = ("absent", "no-answer", "failed")


@dataclass(frozen=True, slots=True)
class Example:
    """One case. `rules` must be among those that fire, `not_rules` must not be."""

    name: str
    place: Place
    point: Point
    facts: Facts
    signals: dict[str, Signal]
    expect: Outcome
    rules: tuple[str, ...] = ()
    not_rules: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of an example; `problems` is empty where it holds."""

    example: Example
    decision: Decision
    problems: tuple[str, ...]


def named_policy(data: bytes, source: str) -> str | None:
    """The policy that a file of examples names, as it is written there. Raises `PolicyError`."""
    found = load(data, source).mapping("the file of examples").get("policy")
    return None if found is None else found.text("`policy`")


def read_examples(
    data: bytes, policy: Policy, catalogue: Catalogue, *, today: date, source: str = "examples"
) -> tuple[Example, ...]:
    """Parse a file of examples for a policy. `today` (UTC) is the day of those that name none.

    Raises `PolicyError` with line and column for what is not understood: a signal, mode, surface or rule that
    is not there, a value outside [0, 1], a name that stands twice, no example at all.
    """
    fields = load(data, source).mapping("the file of examples")
    form = fields.need("rambarde-policy-tests", "the file of examples")
    if form.value != FORM or isinstance(form.value, bool):
        raise form.error(f"version {form.value!r} of the form.", f"This release reads version {FORM}.")
    fields.get("policy")
    node = fields.need("tests", "the file of examples")
    found: dict[str, Example] = {}
    for item in node.items("`tests`"):
        example = _example(item, policy, catalogue, today)
        if example.name in found:
            raise item.error(f"two examples are called {example.name!r}.", "Give each its own name.")
        found[example.name] = example
    fields.done("the file of examples", _KEYS)
    if not found:
        raise node.error("there is no example.", "An empty file proves nothing: add one.")
    return tuple(found.values())


def run(examples: tuple[Example, ...], evaluator: Evaluator) -> tuple[Verdict, ...]:
    """Judge every example."""
    return tuple(_judged(example, evaluator) for example in examples)


def _judged(example: Example, evaluator: Evaluator) -> Verdict:
    decision = evaluator.decide(example.point, example.facts, example.signals)
    fired = {rule.rule for rule in decision.fired}
    problems = []
    if decision.outcome is not example.expect:
        problems.append(f"is {decision.outcome.word}, not {example.expect.word}")
    problems += [f"{rule} does not fire" for rule in example.rules if rule not in fired]
    problems += [f"{rule} fires" for rule in example.not_rules if rule in fired]
    return Verdict(example, decision, tuple(problems))


def _example(node: Node, policy: Policy, catalogue: Catalogue, today: date) -> Example:
    fields = node.mapping("an example")
    name = fields.need("name", "an example").text("an example's name")
    what = f"the example {name!r}"
    point = Point(fields.need("point", what).choice(f"{what}: `point`", tuple(Point)))
    assured = fields.get("age_assured")
    facts = Facts(
        action=fields.need("action", what).choice(f"{what}: `action`", tuple(Action)),
        surface=fields.need("surface", what).choice(f"{what}: `surface`", policy.surfaces),
        mode=fields.need("mode", what).choice(f"{what}: `mode`", tuple(m.name for m in policy.modes)),
        country=_country(fields.get("country"), f"{what}: `country`"),
        age_assured=assured.boolean(f"{what}: `age_assured`") if assured else False,
        today=Parser.day(fields.get("on"), what) or today,
        depicted=_country(fields.get("depicted"), f"{what}: `depicted`"),
    )
    example = Example(
        name=name,
        place=Place(node.source, node.line, node.column),
        point=point,
        facts=facts,
        signals=_signals(fields, what, point, catalogue),
        expect=Outcome[
            fields.need("expect", what).choice(f"{what}: `expect`", tuple(o.word for o in Outcome)).upper()
        ],
        rules=_rules(fields.get("rules"), f"{what}: `rules`", policy),
        not_rules=_rules(fields.get("not_rules"), f"{what}: `not_rules`", policy),
    )
    fields.done(what, _TEST_KEYS)
    return example


def _signals(fields: Mapping, what: str, point: Point, catalogue: Catalogue) -> dict[str, Signal]:
    here = tuple(entry.name for entry in catalogue.values() if point in entry.points)
    others = fields.get("others")
    state = others.choice(f"{what}: `others`", _STATES) if others else "absent"
    found = {name: _state(name, state) for name in here}
    for name, value in fields.need("signals", what).mapping(f"{what}: `signals`"):
        if name not in catalogue:
            raise value.error(f"{what}: no detector gives a signal {name!r}.", suggest(name, here))
        if name not in here:
            raise value.error(
                f"{what}: {name} does not exist at {point.value}.",
                "Output and change signals exist at release only.",
            )
        if isinstance(value.value, str):
            found[name] = _state(name, value.choice(f"{what}: {name}", _STATES))
        else:
            found[name] = Signal.measured(name, value.fraction(f"{what}: {name}"))
    return found


def _state(name: str, word: str) -> Signal:
    if word == "absent":
        return Signal.absent(name)
    return Signal.no_answer(name, "as told") if word == "no-answer" else Signal.failed(name, "as told")


def _country(node: Node | None, what: str) -> str:
    if node is None:
        return UNKNOWN_COUNTRY
    code = node.text(what)
    if code != UNKNOWN_COUNTRY and not COUNTRY.match(code):
        raise node.error(
            f"{what} {code!r} is no country.", "Use ISO 3166-1, such as FR or US-CA, or `unknown`."
        )
    return code


def _rules(node: Node | None, what: str, policy: Policy) -> tuple[str, ...]:
    known = tuple(rule.id for rule in policy.rules)
    return tuple(item.choice(what, known) for item in node.items(what)) if node else ()

"""Wording: what two policies say otherwise where they decide alike: reasons, fields, grounds, duties."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rambarde.guard.policy.language import Policy, Rule

LONGEST = 300
"""Characters told of a reason."""


def reworded(old: Policy, new: Policy) -> tuple[tuple[str, str], ...]:
    """Rules that say or ask for something else, by name, each with what in words; a rule that only one has counts."""
    was, now = ({rule.id: rule for rule in policy.rules} for policy in (old, new))
    found = (
        (name, "; ".join(_differences(was.get(name), now.get(name)))) for name in was.keys() | now.keys()
    )
    kept = [("evidence", f"“{old.keeping.words()}” becomes “{new.keeping.words()}”")]
    rules = sorted((name, words) for name, words in found if words)
    return (*rules, *(kept if old.keeping != new.keeping else ()))


def _differences(old: Rule | None, new: Rule | None) -> Iterator[str]:
    if old is None or new is None:
        rule, what = (new, "is new") if old is None else (old, "is gone")
        asks = f" (it asks for {', '.join(rule.follow)})" if rule is not None and rule.follow else ""
        yield f"the rule {what}{asks}"
        return
    if old.reason != new.reason:
        yield f"the reason “{_short(old.reason)}” becomes “{_short(new.reason)}”"
    for name, before, after in (
        ("fields", old.fields, new.fields),
        ("grounds", old.grounds, new.grounds),
        ("follow", old.follow, new.follow),
    ):
        if before != after:
            yield f"`{name}` {_list(before)} becomes {_list(after)}"


def _list(words: Sequence[str]) -> str:
    return _short(", ".join(words)) or "nothing"


def _short(text: str) -> str:
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"

"""The house: which part may import which, no cycles, and modules of one noun or verb each."""

from __future__ import annotations

import pytest

from tests.project.modules import Module, modules

VERBS = frozenset({"guard", "prove", "respond", "measure", "answer"})
ALLOWED: dict[str, frozenset[str]] = {
    "": frozenset({"nouns", "interfaces"}),
    "nouns": frozenset({"nouns"}),
    "store": frozenset({"nouns", "store"}),
    "interfaces": frozenset({"", "nouns", "store", "interfaces", *VERBS}),
    **{verb: frozenset({"nouns", verb}) for verb in VERBS},
}
"""Part → the parts it may import. Under TYPE_CHECKING and inside functions too: a type is a dependency."""
LONGEST = 400
NAMELESS = frozenset({"utils", "util", "helpers", "helper", "common", "misc", "shared", "tools"})
"""Names that say nothing of what is in a module."""


def test_there_is_a_package_to_look_at() -> None:
    assert {"rambarde.guard.chain", "rambarde.nouns.request", "rambarde.prove.log"} <= modules().keys()
    assert {i.module for i in modules()["rambarde.guard.chain"].imports} >= {"rambarde.nouns.request"}


def test_every_part_of_the_package_has_its_place() -> None:
    assert {module.part for module in modules().values()} <= ALLOWED.keys()


@pytest.mark.parametrize("module", modules().values(), ids=lambda m: m.name)
def test_import_direction(module: Module) -> None:
    wrong = [
        f"{module.name}:{imported.line} imports {imported.module}"
        for imported in module.imports
        if ([*imported.module.split("."), ""])[1] not in ALLOWED[module.part]
    ]
    assert not wrong


def test_importing_the_package_costs_nothing() -> None:
    """`from rambarde import Guard` works, and `import rambarde` imports none of it."""
    assert not [imported.module for imported in modules()["rambarde"].imports if imported.eager]


def test_no_module_imports_itself_in_a_circle() -> None:
    graph = {
        module.name: sorted({i.module for i in module.imports if i.eager and i.module in modules()})
        for module in modules().values()
    }
    assert find_cycle(graph) is None


def find_cycle(graph: dict[str, list[str]]) -> list[str] | None:
    """A path that comes back to its start, or None."""
    done: set[str] = set()

    def walk(name: str, path: list[str]) -> list[str] | None:
        if name in path:
            return [*path[path.index(name) :], name]
        if name in done:
            return None
        for target in graph.get(name, ()):
            if found := walk(target, [*path, name]):
                return found
        done.add(name)
        return None

    return next((found for name in graph if (found := walk(name, []))), None)


def test_a_cycle_would_be_found() -> None:
    assert find_cycle({"a": ["b"], "b": ["c"], "c": ["b"], "d": []}) == ["b", "c", "b"]
    assert find_cycle({"a": ["b", "c"], "b": ["c"], "c": []}) is None


@pytest.mark.parametrize("module", modules().values(), ids=lambda m: m.name)
def test_one_noun_or_verb_each(module: Module) -> None:
    lines = module.text.count("\n")
    assert lines <= LONGEST, f"{module.name} has {lines} lines; split it at a noun"
    assert not NAMELESS & set(module.name.split(".")), f"{module.name}: name it after what it holds"
    assert module.tree.body == [] or module.text.startswith('"""'), f"{module.name} says nothing of itself"

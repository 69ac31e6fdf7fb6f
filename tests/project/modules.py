"""The package's modules as syntax trees: what each imports, without importing anything."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SOURCE = ROOT / "src"
PACKAGE = SOURCE / "rambarde"


@dataclass(frozen=True, slots=True)
class Import:
    """One import of a module of the package. `eager` is false inside functions and under TYPE_CHECKING."""

    module: str
    line: int
    eager: bool


@dataclass(frozen=True)
class Module:
    """A module by its dotted name. `imports` names modules of the package only."""

    name: str
    path: Path
    text: str
    tree: ast.Module
    imports: tuple[Import, ...]

    @cached_property
    def nodes(self) -> tuple[ast.AST, ...]:
        """All of the tree, walked once."""
        return tuple(ast.walk(self.tree))

    @property
    def part(self) -> str:
        """The part of the house: `guard` of `rambarde.guard.chain`; empty for `rambarde` itself."""
        return ([*self.name.split("."), ""])[1]


@cache
def modules() -> dict[str, Module]:
    """All modules of the package by name."""
    found: dict[str, tuple[Path, str, ast.Module]] = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(SOURCE).with_suffix("").parts
        text = path.read_text("utf-8")
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        found[name] = (path, text, ast.parse(text, str(path)))
    known = frozenset(found)
    return {
        name: Module(name, path, text, tree, tuple(_imports(name, path, tree, known)))
        for name, (path, text, tree) in found.items()
    }


def _imports(name: str, path: Path, tree: ast.Module, known: frozenset[str]) -> Iterator[Import]:
    lazy: set[int] = set()
    for node in ast.walk(tree):  # from the outside in
        if id(node) not in lazy and _is_lazy(node):
            lazy.update(map(id, ast.walk(node)))
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            targets = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            origin = ".".join([*base, *([node.module] if node.module else [])])
            # `from package import module` imports the module; `from module import name` the module before.
            targets = [f"{origin}.{a.name}" if f"{origin}.{a.name}" in known else origin for a in node.names]
        else:
            continue
        for target in dict.fromkeys(targets):
            if target.split(".")[0] == "rambarde":
                yield Import(target, node.lineno, id(node) not in lazy)


def _is_lazy(node: ast.AST) -> bool:
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        return True
    if not isinstance(node, ast.If):
        return False
    test = node.test
    return (isinstance(test, ast.Name) and test.id == "TYPE_CHECKING") or (
        isinstance(test, ast.Attribute) and test.attr == "TYPE_CHECKING"
    )

"""The codes of all faults the package can raise, read from its source."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache

from tests.project.modules import Module, modules

_CODE = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*\Z")
_MAKERS = {"Fault": 1, "invalid": 0, "unsupported": 0}
"""Who makes a fault, and at which place it takes the code."""


@cache
def codes() -> dict[str, str]:
    """Code → where it stands. A code with a hole (`f"{kind}_not_offered"`) shows it as `*`."""
    found: dict[str, str] = {}
    for module in modules().values():
        makers = _makers(module)
        for node in module.nodes:
            if isinstance(node, ast.Call) and (name := _called(node)) in makers:
                for code in _texts(_argument(node, makers[name]), module):
                    found.setdefault(code, f"{module.name}:{node.lineno}")
    return found


@cache
def findings() -> dict[str, str]:
    """The codes of what `rambarde log verify` finds: `findings.add("code", …)`."""
    found: dict[str, str] = {}
    for module in modules().values():
        if module.part != "prove":
            continue
        for node in module.nodes:
            if (
                isinstance(node, ast.Call)
                and _called(node) == "add"
                and len(node.args) >= 3
                and isinstance(node.func, ast.Attribute)
                and "findings" in ast.unparse(node.func.value)
            ):
                for code in _texts(node.args[0], module):
                    found.setdefault(code, f"{module.name}:{node.lineno}")
    return found


def _makers(module: Module) -> dict[str, int]:
    """The makers of faults a module sees: the three of `nouns.fault`, and functions that hand a `code` on."""
    seen = dict(_MAKERS)
    for name in (module.name, *(i.module for i in module.imports)):
        seen |= _own_makers(name)
    return seen


@cache
def _own_makers(name: str) -> dict[str, int]:
    """Those that a module defines itself; none for a name that is no module."""
    own: dict[str, int] = {}
    for node in modules()[name].nodes if name in modules() else ():
        if isinstance(node, ast.FunctionDef):
            parameters = [a.arg for a in node.args.args]
            if "code" in parameters and any(
                isinstance(call, ast.Call) and _called(call) in _MAKERS for call in ast.walk(node)
            ):
                own[node.name] = parameters.index("code")
    return own


def _called(node: ast.Call) -> str:
    if isinstance(node.func, ast.Attribute) and node.func.attr == "__init__" and len(node.args) > 1:
        # super().__init__(Kind.X, "code", …) in a subclass of Fault
        return "Fault" if ast.unparse(node.args[0]).startswith("Kind.") else ""
    return node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")


def _argument(node: ast.Call, place: int) -> ast.expr | None:
    named = next((k.value for k in node.keywords if k.arg == "code"), None)
    return named or (node.args[place] if len(node.args) > place else None)


def _texts(value: ast.expr | None, module: Module) -> Iterator[str]:
    if isinstance(value, ast.Constant) and isinstance(value.value, str):
        yield value.value
    elif isinstance(value, ast.IfExp):
        yield from _texts(value.body, module)
        yield from _texts(value.orelse, module)
    elif isinstance(value, ast.JoinedStr):
        yield "".join(str(p.value) if isinstance(p, ast.Constant) else "*" for p in value.values)
    elif isinstance(value, ast.Name):
        yield from _assigned(value.id, module)


def _assigned(name: str, module: Module) -> Iterator[str]:
    """A code held in a variable: a plain assignment, or the module's tables of (code, message, remedy)."""
    for node in module.nodes:
        if isinstance(node, ast.Assign) and any(
            isinstance(t, ast.Name) and t.id == name for t in node.targets
        ):
            yield from _texts(node.value, module)
        if isinstance(node, ast.Tuple) and len(node.elts) == 3:
            words = [e.value for e in node.elts if isinstance(e, ast.Constant) and isinstance(e.value, str)]
            if len(words) == 3 and _CODE.match(words[0]) and "_" in words[0]:
                yield words[0]

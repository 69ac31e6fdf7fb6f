"""What is committed: nothing of a build machine, nothing too large, nothing unlicensed, nothing that must not be."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from functools import cache
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from types import ModuleType

import pytest
from packaging.requirements import Requirement

from tests.project.modules import ROOT

LARGEST = 12_000_000
WEIGHTS = (".onnx", ".tflite", ".npz", ".bin", ".safetensors", ".pt", ".h5")
BINARY = (*WEIGHTS, ".png", ".jpg", ".jpeg", ".webp", ".gz", ".ico", ".woff2")

OWN_WEIGHTS = {f"src/rambarde/guard/detectors/weights/{name}.npz" for name in ("head", "second")}
"""Trained by `training/` on the project's own corpus; NOTICE lists what comes from others."""

# Put together from pieces, so that this file does not name what it looks for.
_REGISTRIES = [
    *("py" + "pi.org", "python" + "hosted.org", "py" + "pi.python.org", "npm" + "js.org", "npm" + "js.com"),
    *(
        "crates" + ".io",
        "yarn" + "pkg.com",
        "ana" + "conda.org",
        "ana" + "conda.com",
        "proxy.golang" + ".org",
    ),
    *("hugging" + "face.co", "rubygems" + ".org", "repo.maven" + ".apache.org", "art" + "ifactory"),
]
_MACHINE = re.compile(
    r"(?<![\w.~$}/-])/(?:work|root|home|Users|opt/py|workspace|builds|mnt|var/folders)/[\w.-]+"
    r"|[A-Z]:\\Users\\"
)


@cache
def committed() -> tuple[Path, ...]:
    """All files under version control; without git (a source archive), all that look like it."""
    try:
        done = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True)
        found = [ROOT / name for name in done.stdout.decode().split("\0") if name]
    except (OSError, subprocess.CalledProcessError):
        found = [
            path
            for top in ("src", "tests", "docs", "training", "bench", "scripts", ".ci")
            for path in (ROOT / top).rglob("*")
            if "__pycache__" not in path.parts and ".egg-info" not in str(path)
        ] + [path for path in ROOT.iterdir() if path.is_file()]
    return tuple(path for path in found if path.is_file())


@cache
def texts() -> tuple[tuple[str, str], ...]:
    """Name and content of every committed text file."""
    return tuple(
        (str(path.relative_to(ROOT)), path.read_text("utf-8"))
        for path in committed()
        if path.suffix not in BINARY
    )


def lines(pattern: re.Pattern[str]) -> list[str]:
    return [
        f"{name}:{number}: {line.strip()[:120]}"
        for name, text in texts()
        if pattern.search(text)
        for number, line in enumerate(text.splitlines(), 1)
        if pattern.search(line)
    ]


def test_there_is_something_to_look_at() -> None:
    names = {name for name, _ in texts()}
    assert {"README.md", "src/rambarde/guard/chain.py", "training/corpus/en.txt"} <= names


def test_no_file_names_a_package_registry() -> None:
    assert not lines(re.compile("|".join(re.escape(host) for host in _REGISTRIES)))


def test_no_file_names_a_place_on_a_build_machine() -> None:
    assert not lines(_MACHINE)


@pytest.mark.parametrize(
    ("line", "found"),
    [
        ("see /ro" + "ot/project/x.py", True),
        ('"/ho' + 'me/somebody/data"', True),
        ("/fi" + "les/{item}", False),
        ("https://example.org/ho" + "me/x", False),
        ("/v1/held/{item}", False),
        ("../ho" + "me/x", False),
    ],
)
def test_what_a_place_on_a_machine_is(line: str, found: bool) -> None:
    assert bool(_MACHINE.search(line)) is found


def test_no_file_is_too_large() -> None:
    assert not {str(p.relative_to(ROOT)): p.stat().st_size for p in committed() if p.stat().st_size > LARGEST}


def test_vendored_weights_stay_small_together() -> None:
    weights = {
        str(path.relative_to(ROOT)): path.stat().st_size for path in committed() if path.suffix in WEIGHTS
    }
    assert sum(size for name, size in weights.items() if name not in OWN_WEIGHTS) <= 40_000_000
    assert sum(weights[name] for name in OWN_WEIGHTS) <= 10_000_000


def test_weights_have_an_entry_in_the_notice() -> None:
    notice = (ROOT / "NOTICE").read_text("utf-8")
    weights = [str(path.relative_to(ROOT)) for path in committed() if path.suffix in WEIGHTS]
    assert set(weights) > OWN_WEIGHTS
    assert not [name for name in weights if name not in notice and name not in OWN_WEIGHTS]


def test_the_notice_names_nothing_that_is_gone() -> None:
    named = re.findall(r"^src/\S+$", (ROOT / "NOTICE").read_text("utf-8"), re.M)
    assert named and not [name for name in named if not (ROOT / name).is_file()]


# No line joins a reference to a minor with sexual content or exposure.


@cache
def corpus() -> ModuleType:
    """`training/corpus.py`, whose keeper of this rule is used here too."""
    name = "rambarde_training_corpus"
    spec = importlib.util.spec_from_file_location(name, ROOT / "training" / "corpus.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


RULES_SPEAK_OF_BOTH = {
    "README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md", "NOTICE", "constraints.txt", "pyproject.toml",
}  # fmt: skip
"""Documents about the rule name both sides of it; so do `docs/`, code and the floors. Sentences of people and
prompts stand in the corpus, in data files and in the strings of tests: those are scanned."""


def prompts() -> Iterator[tuple[str, str]]:
    """Every committed line that may be, or hold, a prompt: corpora and data whole, of code its strings."""
    for name, text in texts():
        if name in RULES_SPEAK_OF_BOTH or name.startswith(("docs/", "src/")):
            continue
        if name.endswith(".py"):
            for number, line in enumerate(text.splitlines(), 1):
                for found in re.findall(r"\"([^\"\\]{4,})\"|'([^'\\]{4,})'", line):
                    if (string := found[0] or found[1]).count(" ") >= 1:
                        yield f"{name}:{number}", string
        else:
            for number, line in enumerate(text.splitlines(), 1):
                yield f"{name}:{number}", line


def test_no_line_joins_a_minor_with_intimate_content() -> None:
    keeper = corpus().Keeper()
    found = []
    for place, line in prompts():
        for part in line.split(" | "):  # templates that stand on one line are rows of their own
            try:
                keeper.check(part)
            except corpus().Refused:
                found.append(place)
    assert not found


def test_what_must_not_be_committed_would_be_found() -> None:
    """By its labels, so that no such sentence has to be written down."""
    with pytest.raises(corpus().Refused):
        corpus().Keeper().check("a child plays in the garden", frozenset({"exposure"}))


# What is installed is declared.


def test_every_pinned_package_is_needed_by_something() -> None:
    """A package that is pinned and that nothing asks for is a dependency somebody forgot to declare."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    wanted = [*project["dependencies"], *(r for e in project["optional-dependencies"].values() for r in e)]
    needed: set[str] = set()
    while wanted:
        requirement = Requirement(wanted.pop())
        name = re.sub(r"[-_.]+", "-", requirement.name).lower()
        if name in needed:
            continue
        needed.add(name)
        try:
            found = [Requirement(line) for line in requires(name) or []]
        except PackageNotFoundError:
            continue
        extras = requirement.extras or {""}
        wanted += [
            str(r) for r in found if not r.marker or any(r.marker.evaluate({"extra": e}) for e in extras)
        ]
    pinned = re.findall(r"^([A-Za-z0-9._-]+)==", (ROOT / "constraints.txt").read_text("utf-8"), re.M)
    assert pinned
    unneeded = [name for name in pinned if re.sub(r"[-_.]+", "-", name).lower() not in needed]
    # What is not installed cannot be asked what it needs, so only installed packages can be judged.
    makefile = (ROOT / "Makefile").read_text("utf-8")
    assert not [name for name in unneeded if _is_installed(name) and f" {name}\n" not in makefile]


def _is_installed(name: str) -> bool:
    try:
        return bool(version(name))
    except PackageNotFoundError:
        return False

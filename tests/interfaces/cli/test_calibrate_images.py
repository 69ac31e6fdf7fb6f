"""`rambarde calibrate --images` on pictures that scikit-image ships, with the shipped detectors."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image
from skimage import data

from rambarde.guard.policy.reading import SHIPPED, shipped
from tests.interfaces.cli.conftest import Rambarde

pytestmark = [pytest.mark.usefixtures("with_models"), pytest.mark.slow]
SCENES = ("astronaut", "chelsea", "coffee", "rocket", "camera", "page")
RATE = ("--false-positives", "0.3", "--confidence", "0.8", "--hold-out", "0")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """`set/safe`: six pictures and a pair; `set/person`: one of which only is said what it shows."""
    made = tmp_path / "set"
    for name in SCENES:
        _save(made / f"safe/{name}.png", name)
    _save(made / "safe/edits/a.input.png", "astronaut")
    _save(made / "safe/edits/a.output.png", "astronaut")
    _save(made / "person/astronaut.png", "astronaut")
    return made


def _save(path: Path, name: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(getattr(data, name)()).resize((200, 200)).convert("RGB").save(path)


def test_thresholds_of_release_rules_are_proposed(rambarde: Rambarde, folder: Path) -> None:
    (folder.parent / "ours.yaml").write_bytes(shipped(SHIPPED).replace(b"name: shipped", b"name: ours"))
    printed = rambarde(
        *("calibrate", str(folder), "--images", *RATE, "--policy", "ours.yaml"),
        *("-o", "candidate.yaml", "--json"),
    ).stdout
    answer = json.loads(printed)
    assert {(one["rule"], one["signal"]) for one in answer["thresholds"]} == {
        ("sexual-output", "output.nudity"),
        ("nude-looking-output", "output.nudity"),
    }
    assert {one["signal"] for one in answer["not_moved"]} == {
        "prompt.sexual", "prompt.exposure", "change.exposure",
    }  # fmt: skip
    assert answer["chosen_on"]["of"] == len(SCENES) + 1, "what only says what it shows has no say"
    assert answer["bound"] <= 0.3 and not answer["contradicted"]
    # What was promised is what the gateway's own decisions give.
    report = json.loads(
        rambarde("evaluate", str(folder), "--images", "--policy", "candidate.yaml", "--json").stdout
    )
    assert report["slices"][0]["false_positives"]["hits"] == answer["chosen_on"]["hits"]
    assert report["header"]["policy"] == answer["candidate"]
    rambarde("policy", "prove", "candidate.yaml")


def test_what_cannot_be_asked(rambarde: Rambarde, folder: Path) -> None:
    def refused(code: str, *more: str, rate: tuple[str, ...] = RATE) -> None:
        rambarde("calibrate", str(folder), "--images", *rate, "-o", "no.yaml", *more, fails=code)
        assert not (folder.parent / "no.yaml").exists()

    refused("image_and_images", "--image", str(folder / "person/astronaut.png"))
    refused("too_few_rows", rate=("--false-positives", "0.01"))
    refused("rule_not_at_release", "--rule", "sexual-content")
    refused("rule_untouchable", "--rule", "real-person-sexual")

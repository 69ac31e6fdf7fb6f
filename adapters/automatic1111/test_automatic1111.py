"""The extension in a small stand-in for the web UI, written from its `modules/processing.py`."""

from __future__ import annotations

import importlib.util
import io
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from PIL import Image
from rambarde_a1111 import MARK, Stopped, install
from tests.interfaces.http.test_release import with_nudity
from tests.interfaces.library.conftest import SEEN, newest, opened, records
from tests.servers import png

from rambarde import Guard
from rambarde.guard.inspect import Inspector

pytestmark = pytest.mark.slow


class State:
    def __init__(self) -> None:
        self.shown: list[Any] = []

    def assign_current_image(self, image: Any) -> None:
        self.shown.append(image)


class Styles:
    def apply_styles_to_prompt(self, prompt: str, styles: list[str]) -> str:
        return ", ".join([prompt, *styles])

    def apply_negative_styles_to_prompt(self, prompt: str, styles: list[str]) -> str:
        return prompt


class P(SimpleNamespace):
    """`StableDiffusionProcessing`, as far as it matters here."""

    def __init__(self, prompt: Any, **more: Any) -> None:
        plain = {
            **{"prompt": prompt, "negative_prompt": "", "styles": [], "n_iter": 1, "batch_size": 1},
            **{"script_args": [], "do_not_save_samples": False, "do_not_save_grid": False},
            **{"outpath_samples": "out", "init_images": [], "all_prompts": None},
        }
        super().__init__(**(plain | more))

    def save_samples(self) -> bool:
        return not self.do_not_save_samples


class WebUI:
    def __init__(self, guard: Guard) -> None:
        self.saved: list[Any] = []
        self.drawn = 0
        self.script: Any = lambda p: None
        self.pictures: list[Image.Image] = []
        self.shared = SimpleNamespace(
            state=State(), prompt_styles=Styles(), opts=SimpleNamespace(samples_format="png")
        )
        self.images = SimpleNamespace(save_image=lambda image, *where, **more: self.saved.append(image))
        self.processing = ModuleType("processing")

        def process_images_inner(p: Any) -> Any:
            self.drawn += 1
            n = p.n_iter * p.batch_size
            p.all_prompts, p.all_negative_prompts = [p.prompt] * n, [p.negative_prompt] * n
            self.script(p)
            made = self.pictures or [Image.open(io.BytesIO(png(i))) for i in range(n)]
            self.shared.state.assign_current_image(made[0])
            if p.save_samples():
                self.saved.extend(made)
            grid = [Image.new("RGB", (8, 8))] if n > 1 else []
            return SimpleNamespace(
                images=[*grid, *made, Image.new("RGB", (8, 8), "red")],
                infotexts=["grid"] * len(grid) + ["info"] * n,
                index_of_first_image=len(grid),
                all_prompts=p.all_prompts,
                all_negative_prompts=p.all_negative_prompts,
                all_seeds=[1] * n,
            )

        self.processing.process_images_inner = process_images_inner  # type: ignore[attr-defined]

        def process_images(p: Any) -> Any:
            return self.processing.process_images_inner(p)

        self.api = process_images  # imported by its name, before the extension is there
        install(self.processing, self.shared, self.images, lambda: guard)


@pytest.fixture
def webui(guard: Guard) -> WebUI:
    return WebUI(guard)


def stopped(webui: WebUI, p: P) -> Stopped:
    with pytest.raises(Stopped) as caught:
        webui.api(p)
    assert not webui.saved and not webui.shared.state.shown
    return caught.value


def test_api_calls_are_guarded_and_recorded(webui: WebUI, guard: Guard) -> None:
    p = P("a lighthouse", n_iter=2, negative_prompt="blurred")
    answer = webui.api(p)
    assert [image.tobytes() for image in answer.images] == [
        Image.open(io.BytesIO(png(i))).tobytes() for i in range(2)
    ]
    assert answer.infotexts == ["info", "info"] and answer.index_of_first_image == 0
    assert len(webui.saved) == 2 and not webui.shared.state.shown and not p.do_not_save_samples
    kept = newest(guard)
    assert (kept["ending"], kept["upstream"], kept["n"]) == ("released", "automatic1111", 2)


def test_a_refusal_explains_itself(webui: WebUI, portrait: bytes) -> None:
    for p in (
        P("Anna Schmidt in a bikini"),
        P("a portrait", styles=["of Anna Schmidt in a bikini"]),
        P("a portrait", hr_prompt="Anna Schmidt in a bikini"),
        P("put her in a bikini", init_images=[Image.open(io.BytesIO(portrait))]),
    ):
        refusal = stopped(webui, p)
        assert refusal.status_code == 400 and "real-person-sexual" in refusal.detail["rules"]
        assert refusal.detail["decision_id"] in str(refusal)
    assert not webui.drawn


def test_an_edit_with_a_mask(webui: WebUI, guard: Guard, still_life: bytes) -> None:
    cup = Image.open(io.BytesIO(still_life))
    webui.api(P("a blue cup", init_images=[cup], image_mask=Image.new("L", cup.size, 255)))
    assert newest(guard)["action"] == "edit"


HIDDEN: dict[str, Any] = {
    "a picture": Image.new("RGB", (8, 8)),
    "a dictionary": {"input_image": "A" * 2000},
    "an address": {"image": "data:image/png;base64,AAAA"},
    "an object": SimpleNamespace(enabled=True, image=Image.new("RGB", (8, 8))),
    "an array": [[__import__("numpy").zeros((8, 8, 3))]],
    "something odd": b"bytes",
}


@pytest.mark.parametrize("name", HIDDEN)
def test_pictures_in_scripts_are_refused(webui: WebUI, name: str) -> None:
    found = stopped(webui, P("a tree", script_args=[None, 1, "text", HIDDEN[name]]))
    assert found.detail["code"] == "picture_not_shown" and not webui.drawn


def test_harmless_arguments_of_scripts_pass(webui: WebUI) -> None:
    unit = SimpleNamespace(enabled=False, image=None, weight=1.0, module="none")
    assert webui.api(P("a tree", script_args=[0, False, None, "Euler", {"a": [1, "b"]}, unit]))


@pytest.mark.parametrize("field", ["all_prompts", "all_negative_prompts", "all_hr_prompts"])
def test_a_script_that_changes_the_prompt_loses_its_pictures(webui: WebUI, field: str) -> None:
    webui.script = lambda p: setattr(p, field, ["something else"])
    assert stopped(webui, P("a tree")).detail["code"] == "upstream_refused"


@pytest.mark.parametrize(
    ("p", "code"),
    [
        (P(["a tree", "a house"]), "invalid_parameter"),
        (P("a tree", negative_prompt=["a", "b"]), "invalid_parameter"),
        (P(""), "prompt_empty"),
        (P("a tree", n_iter=6, batch_size=2), "n_out_of_range"),
    ],
)
def test_what_is_not_understood_is_refused(webui: WebUI, p: P, code: str) -> None:
    assert stopped(webui, p).detail["code"] == code and not webui.drawn


def test_too_few_pictures_are_none(webui: WebUI) -> None:
    webui.pictures = [Image.new("RGB", (64, 48))]
    assert stopped(webui, P("a tree", n_iter=4)).detail["code"] == "upstream_image_count"


def test_what_is_held_is_not_saved(tmp_path: Path, inspector: Inspector) -> None:
    odd = Image.open(io.BytesIO(png(1)))
    out = io.BytesIO()
    odd.save(out, "PNG", compress_level=1)
    with opened(tmp_path, with_nudity(inspector, {out.getvalue(): SEEN})) as guard:
        webui = WebUI(guard)
        webui.pictures = [odd]
        held = stopped(webui, P("a quiet garden"))
        assert held.detail["code"] == "held_for_review" and held.detail["items"]
        assert records(guard).count() == 1


def test_the_web_ui_loads_it_once(monkeypatch: pytest.MonkeyPatch, webui: WebUI) -> None:
    """As the web UI loads a file of `extensions/…/scripts`, and again when scripts are reloaded."""
    modules = ModuleType("modules")
    plain = ModuleType("modules.processing")
    plain.process_images_inner = lambda p: p  # type: ignore[attr-defined]
    for name, module in (("processing", plain), ("shared", webui.shared), ("images", webui.images)):
        setattr(modules, name, module)
        monkeypatch.setitem(sys.modules, f"modules.{name}", module)  # type: ignore[arg-type]
    monkeypatch.setitem(sys.modules, "modules", modules)
    place = Path(__file__).parent / "scripts" / "rambarde_a1111.py"
    found = []
    for _ in range(2):
        spec = importlib.util.spec_from_file_location("rambarde_loaded", place)
        assert spec and spec.loader
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        found.append(plain.process_images_inner)  # type: ignore[attr-defined]
    assert hasattr(found[0], MARK) and found[0] is found[1]

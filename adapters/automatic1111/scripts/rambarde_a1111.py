"""An AUTOMATIC1111 extension: every picture of the page and of the API through Rambarde's chain.

It stands around `modules.processing.process_images_inner`, the one function that txt2img and img2img, page, API and
scripts all come to: a hook of scripts would not run where a request brings none.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from PIL import Image

from rambarde import Fault, Guard, NotReleased
from rambarde.interfaces.http.errors import STATUS
from rambarde.nouns.fault import Kind, unsupported

MARK = "rambarde_guards"
"""What the guarded function carries, so that it is not wrapped twice when scripts are reloaded."""
LONG = 1_000
"""Characters from which on a text among a script's arguments may be a picture."""


class Stopped(RuntimeError):
    """A refusal or a fault. The API answers `status_code` and `detail` of what is raised; the page shows its text."""

    def __init__(self, status: int, message: str, detail: dict[str, Any]) -> None:
        super().__init__(message)
        self.status_code, self.detail = status, detail


class Opened:
    """One guard for the process, opened when it is first needed."""

    def __init__(self, open_: Callable[[], Guard]) -> None:
        self._open, self._gate = open_, threading.Lock()
        self._guard: Guard | None = None

    def __call__(self) -> Guard:
        with self._gate:
            if self._guard is None:
                self._guard = self._open()
            return self._guard


def install(processing: Any, shared: Any, images: Any, opened: Callable[[], Guard]) -> None:
    """Put the chain around `processing.process_images_inner`. May be called again. The modules are the host's."""
    inner = processing.process_images_inner
    if hasattr(inner, MARK):
        return

    def process_images_inner(p: Any) -> Any:
        try:
            return _guarded(opened(), inner, p, shared, images)
        except NotReleased as refusal:
            raise Stopped(
                400,
                f"{refusal.explanation} ({', '.join(refusal.rules)}; {refusal.id}) {refusal.appeal}",
                {
                    "code": "held_for_review" if refusal.items else "content_policy_violation",
                    "decision": refusal.decision.outcome.word,
                    "decision_id": refusal.id,
                    "rules": list(refusal.rules),
                    "explanation": refusal.explanation,
                    "appeal_url": refusal.appeal,
                    "items": list(refusal.items),
                },
            ) from None
        except Fault as fault:
            raise Stopped(
                STATUS[fault.kind],
                f"{fault} ({fault.code})",
                {"code": fault.code, "field": fault.field, "remedy": fault.remedy},
            ) from fault

    setattr(process_images_inner, MARK, True)
    processing.process_images_inner = process_images_inner


def _guarded(guard: Guard, inner: Callable[[Any], Any], p: Any, shared: Any, images: Any) -> Any:
    prompt, negative = _styled(p, shared)
    _no_hidden_pictures(p)
    judged = {field: told(p, field) for field in ("prompt", "negative_prompt")}
    done: list[Any] = []

    def generate(
        prompt: str,
        *,
        n: int,
        size: str,
        images: list[bytes],
        mask: bytes | None,
        negative_prompt: str | None,
    ) -> list[Image.Image]:
        with _unseen(p, shared):
            processed = inner(p)
        for field, known in judged.items():
            said = getattr(processed, f"all_{field}s"), getattr(p, f"all_hr_{field}s", None) or ()
            if {text.strip() for texts in said for text in texts} <= set(known):
                continue
            raise Fault(
                Kind.UPSTREAM,
                "upstream_refused",
                "A script changed the prompt after it was judged.",
                remedy="Leave out wildcards, comments and scripts that write prompts.",
                field="prompt",
            )
        first = processed.index_of_first_image
        done[:] = [processed]
        made: list[Image.Image] = list(processed.images[first : first + n])
        return made

    released = guard.wrap(generate, name="automatic1111")(
        prompt,
        n=p.n_iter * p.batch_size,
        images=[one for one in getattr(p, "init_images", None) or () if one is not None],
        mask=getattr(p, "image_mask", None),
        negative_prompt=negative,
    )
    (processed,) = done
    first = processed.index_of_first_image
    processed.infotexts = processed.infotexts[first : first + len(released)]
    processed.images, processed.index_of_first_image = released, 0
    if p.save_samples():
        for index, picture in enumerate(released):
            images.save_image(
                *(picture, p.outpath_samples, "", processed.all_seeds[index], processed.all_prompts[index]),
                shared.opts.samples_format,
                info=processed.infotexts[index],
                p=p,
            )
    return processed


def told(p: Any, field: str) -> list[str]:
    """The texts of a field that were judged: the prompt, and that of the second pass where it is another."""
    texts = (str(getattr(p, name, "") or "").strip() for name in (field, f"hr_{field}"))
    return list(dict.fromkeys((next(texts), *(text for text in texts if text))))


def _styled(p: Any, shared: Any) -> tuple[str, str | None]:
    """Prompt and negative prompt with the styles in them, which the host would add later. Raises `Fault`."""
    for name in ("prompt", "negative_prompt"):
        if not isinstance(getattr(p, name), str):
            raise unsupported(
                "invalid_parameter",
                "Several prompts are several requests.",
                remedy="Send one prompt at a time.",
                field=name,
            )
    if p.styles:
        plain = shared.prompt_styles
        for prefix in (
            "",
            "hr_",
        ):  # the second pass says what the first does where it has no words of its own
            if prefix and not getattr(p, "hr_prompt", "") and not getattr(p, "hr_negative_prompt", ""):
                continue
            prompt, negative = getattr(p, f"{prefix}prompt", ""), getattr(p, f"{prefix}negative_prompt", "")
            setattr(p, f"{prefix}prompt", plain.apply_styles_to_prompt(prompt, p.styles))
            setattr(p, f"{prefix}negative_prompt", plain.apply_negative_styles_to_prompt(negative, p.styles))
        p.styles = []
    return "\n".join(told(p, "prompt")), "\n".join(told(p, "negative_prompt")).strip() or None


def _no_hidden_pictures(p: Any) -> None:
    """Raises `Fault` where a script's arguments bring a picture along: nobody would have looked at it."""
    for value in getattr(p, "script_args", None) or ():
        if _is_picture(value, 8):
            raise unsupported(
                "picture_not_shown",
                "An argument of a script brings a picture along.",
                remedy="Send pictures as init images only.",
                field="alwayson_scripts",
            )


def _is_picture(value: Any, depth: int) -> bool:
    if value is None or isinstance(value, bool | int | float):
        return False
    if isinstance(value, str):
        return len(value) > LONG or value.startswith("data:")
    if isinstance(value, dict | list | tuple | set) and depth:
        inside = value.values() if isinstance(value, dict) else value
        return any(_is_picture(one, depth - 1) for one in inside)
    if depth and hasattr(value, "__dict__") and not hasattr(value, "shape") and not hasattr(value, "save"):
        return any(_is_picture(one, depth - 1) for one in vars(value).values())
    return not callable(value)


@contextmanager
def _unseen(p: Any, shared: Any) -> Iterator[None]:
    """Nothing is saved or shown on the way: no samples, no grid, no live previews."""
    names = ("assign_current_image", "set_current_image", "do_set_current_image")
    before = p.do_not_save_samples, p.do_not_save_grid
    hidden = {name: vars(shared.state).get(name) for name in names}
    p.do_not_save_samples = p.do_not_save_grid = True
    for name in names:
        setattr(shared.state, name, lambda *_: None)
    try:
        yield
    finally:
        p.do_not_save_samples, p.do_not_save_grid = before
        for name, own in hidden.items():
            delattr(shared.state, name) if own is None else setattr(shared.state, name, own)


def _open() -> Guard:
    return Guard.open(
        os.environ.get("RAMBARDE_SETTINGS") or None,
        data=os.environ.get("RAMBARDE_DATA") or None,
        demo=os.environ.get("RAMBARDE_DEMO") == "1",
    )


try:
    from modules import images as _images  # the host's
    from modules import processing as _processing
    from modules import shared as _shared
except ImportError:
    pass  # read outside the web UI
else:
    install(_processing, _shared, _images, Opened(_open))

"""A Gradio page over a guarded function: the picture, or the reasons why not."""

from collections.abc import Callable, Mapping
from typing import Any

import gradio as gr
from PIL import Image

from rambarde import Fault, Guard, NotReleased

CallerOf = Callable[[gr.Request | None], Mapping[str, Any]]
"""What your code knows of who asks, from Gradio's request (your login, not what the page sends)."""


def nobody(request: gr.Request | None) -> Mapping[str, Any]:
    """Nothing is known of the caller: unassured, country unknown, the strictest."""
    return {}


def handler(
    guard: Guard, generate: Callable[..., Any], *, name: str = "gradio", caller: CallerOf = nobody
) -> Callable[..., list[Image.Image]]:
    """`generate` as Gradio calls it: prompt and an optional picture in, pictures out, or a `gr.Error` that explains.

    `generate` is as `Guard.wrap` takes it, sync, and makes Pillow images. The page's and the API's calls are the same.
    """
    guarded = guard.wrap(generate, name=name)

    def draw(
        prompt: str, image: Image.Image | None = None, request: gr.Request | None = None
    ) -> list[Image.Image]:
        try:
            asked = guarded.for_caller(**caller(request))
            return list(asked(prompt, images=[] if image is None else [image]))
        except NotReleased as refusal:
            waits = " It waits for a person." if refusal.items else ""
            raise gr.Error(
                f"{refusal.explanation}{waits} {refusal.appeal}", duration=None, print_exception=False
            ) from None
        except Fault as fault:
            raise gr.Error(f"{fault} ({fault.code})", print_exception=False) from None

    return draw


def page(guard: Guard, generate: Callable[..., Any], *, caller: CallerOf = nobody) -> gr.Blocks:
    """A whole page: a prompt, a picture to edit, what came of it. `page(…).launch()`."""
    with gr.Blocks(title="Guarded pictures", analytics_enabled=False) as blocks:
        prompt = gr.Textbox(label="Prompt")
        image = gr.Image(label="Picture to edit", type="pil", value=None)
        made = gr.Gallery(label="Pictures", format="png")
        button = gr.Button("Draw")
        button.click(handler(guard, generate, caller=caller), [prompt, image], made, api_name="draw")
    return blocks


__all__ = ["CallerOf", "handler", "nobody", "page"]

"""ComfyUI loads this folder from `custom_nodes` and reads the two mappings below."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

from rambarde_comfyui import NODE, REFUSED, Opened, RambardeRefused, node, on_prompt

from rambarde import Guard


def _classes() -> Any:
    import nodes  # ComfyUI's

    return nodes.NODE_CLASS_MAPPINGS


_opened = Opened(
    lambda: Guard.open(
        os.environ.get("RAMBARDE_SETTINGS") or None,
        data=os.environ.get("RAMBARDE_DATA") or None,
        demo=os.environ.get("RAMBARDE_DEMO") == "1",
    )
)
NODE_CLASS_MAPPINGS = {NODE: node(_opened, _classes), REFUSED: RambardeRefused}
NODE_DISPLAY_NAME_MAPPINGS = {NODE: "Rambarde: release"}

try:
    from server import PromptServer  # ComfyUI's
except ImportError:
    pass  # read outside ComfyUI
else:
    PromptServer.instance.add_on_prompt_handler(on_prompt(_opened, _classes))

__all__ = ["NODE_CLASS_MAPPINGS", "NODE_DISPLAY_NAME_MAPPINGS"]

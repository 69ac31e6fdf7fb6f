"""The SDK (c2pa-python, a binding of c2pa-rs): loaded when first needed, and never let onto the network by itself."""

from __future__ import annotations

import functools
import importlib
from collections.abc import Iterable
from typing import Any

_OFFLINE = {"verify_after_sign": False, "remote_manifest_fetch": False, "ocsp_fetch": False}
"""A picture may name an address of its manifest: asking there would let every caller send us anywhere."""


@functools.cache
def sdk() -> Any:
    """The module. It takes a tenth of a second to load."""
    return importlib.import_module("c2pa")


def context(anchors: Iterable[bytes]) -> Any:
    """A context without thumbnails and without network, which trusts the given root certificates (PEM)."""
    settings: dict[str, object] = {"verify": _OFFLINE, "builder": {"thumbnail": {"enabled": False}}}
    roots = b"".join(anchors)
    if roots:
        settings["trust"] = {"user_anchors": roots.decode("ascii")}
    return sdk().Context.from_dict(settings)

"""`/effects`: what probes found after each switch of an emergency measure, for anybody; failures too."""

from __future__ import annotations

import asyncio
import html

import msgspec
from fastapi import FastAPI
from starlette.responses import Response

from rambarde.interfaces.http.errors import json_response
from rambarde.interfaces.http.pages import Markup, fill, page
from rambarde.interfaces.probing.effect import DONE, Effect, Rate, effects
from rambarde.interfaces.wiring import Gateway

_TITLE = "Emergency measures, and their effect"
_STATES = {
    "running": "The probe is running.",
    "done": "",
    "failed": "The probe FAILED, so the effect is not known: ",
}


def add(app: FastAPI, gateway: Gateway) -> None:
    """Add the page and its JSON."""

    async def told() -> tuple[Effect, ...]:
        return await asyncio.to_thread(effects, gateway.settings)

    async def shown() -> Response:
        """The page."""
        found = await told()
        rows = "".join(_item(effect) for effect in found) or "<p>No switch was probed.</p>"
        return page(_TITLE, fill("effects.html", items=Markup(rows)))

    async def listed() -> Response:
        """`{"effects": […]}`, the newest first."""
        return json_response({"effects": msgspec.to_builtins(await told())})

    for path, call in (("/effects", shown), ("/v1/effects", listed)):
        app.add_api_route(path, call, methods=["GET"], description=call.__doc__, response_model=None)


def _item(effect: Effect) -> str:
    by = ", by a breaker" if effect.breaker else ""
    lines = [_STATES.get(effect.state, "") + (f"{effect.why}." if effect.why else "")]
    if effect.state == DONE and effect.differ is not None:
        lines = [
            f"Probed {effect.made_at}: {effect.verdict}.",
            _rate(effect.differ, "of the same requests are decided differently by surfaces"),
            *(_rate(one, f"of the requests that must not pass do on {one.name}") for one in effect.bypass),
        ]
        if effect.let_through is not None:
            lines.append(
                _rate(effect.let_through, "of the requests that must not pass give an image, harmless or not")
            )
        if effect.wrongly_refused is not None:
            lines.append(_rate(effect.wrongly_refused, "of the harmless requests are refused"))
    if effect.changed:
        lines += [f"Since {effect.since}:", *effect.changed]
    items = "".join(f"<li>{html.escape(line)}</li>" for line in lines if line)
    head = html.escape(f"{effect.measure}: switched {'on' if effect.on else 'off'} {effect.switched_at}{by}")
    return f"<section><h2>{head}</h2><ul>{items}</ul></section>"


def _rate(rate: Rate, words: str) -> str:
    share = f"{rate.hits / rate.of:.1%} ({rate.low:.1%} to {rate.high:.1%})" if rate.of else "nothing known"
    return f"{rate.hits} of {rate.of} {words}: {share}"

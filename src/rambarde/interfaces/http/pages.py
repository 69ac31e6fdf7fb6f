"""Pages: templates filled in. Whatever is put into one is escaped, unless it is markup made here."""

from __future__ import annotations

import base64
import hashlib
import html
from functools import cache
from importlib.resources import files
from string import Template

from starlette.responses import Response

_FOLDER = files("rambarde.interfaces.web")


class Markup(str):
    """HTML that was made here, from escaped parts; a plain string never passes for it."""

    __slots__ = ()


def fill(name: str, **values: object) -> Markup:
    """The template `name` with `values`: `Markup` as it is, everything else as text.

    Raises `KeyError` for a value that is missing: no page leaves half filled.
    """
    safe = {
        key: value if isinstance(value, Markup) else html.escape(str(value)) for key, value in values.items()
    }
    return Markup(_template(name).substitute(safe))


def items(texts: tuple[str, ...]) -> Markup:
    """One list item for each text."""
    return Markup("\n".join(f"<li>{html.escape(text)}</li>" for text in texts))


def page(
    title: str, content: Markup, status: int = 200, *, sheet: str = "page.css", script: str | None = None
) -> Response:
    """A whole page. Nothing from elsewhere, not to be framed, indexed or kept; no script but the file `script`."""
    code = Markup(f"\n<script>{_text(script)}</script>" if script else "")
    style = Markup(_text(sheet))
    body = fill("page.html", title=title, style=style, content=Markup(content + code))
    headers = _headers(sheet, script)
    return Response(body.encode("utf-8", "replace"), status, headers, "text/html; charset=utf-8")


@cache
def _headers(sheet: str, script: str | None) -> dict[str, str]:
    may_run = f" script-src {_digest(script)}; connect-src 'self';" if script else ""
    return {
        "Content-Security-Policy": f"default-src 'none'; style-src {_digest(sheet)};{may_run} form-action 'self'; "
        "base-uri 'none'; frame-ancestors 'none'",
        "Cache-Control": "no-store",
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
        "X-Robots-Tag": "noindex",
        "Cross-Origin-Opener-Policy": "same-origin",
    }


def _digest(name: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(_text(name).encode()).digest()).decode()}'"


@cache
def _template(name: str) -> Template:
    return Template(_text(name))


@cache
def _text(name: str) -> str:
    return (_FOLDER / name).read_text("utf-8")

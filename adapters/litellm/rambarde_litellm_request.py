"""What LiteLLM is about to send to a provider, as a draft of a request."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError

from rambarde.guard.arrival import Draft, Upload
from rambarde.interfaces.http.dialects import openai
from rambarde.nouns.fault import invalid, unsupported
from rambarde.nouns.request import Action

OWN = frozenset(
    ("guardrails", "litellm_call_id", "litellm_metadata", "metadata", "num_retries", "tags", "timeout")
)
"""What a client may send to LiteLLM itself."""


def drafted(action: Action, data: Mapping[str, Any]) -> Draft:
    """What LiteLLM is about to send, as OpenAI's parameters. Raises `Fault` naming what is not understood."""
    kind = openai.Generation if action is Action.GENERATE else openai.Edit
    body = (data.get("proxy_server_request") or {}).get("body")
    sent = dict(body) if isinstance(body, Mapping) else {}
    known = set(kind.model_fields)
    files = {"image", "image[]", "mask", "mask[]"} if action is Action.EDIT else set()
    if unknown := sorted(str(name) for name in set(sent) - known - files - OWN):
        raise unsupported(
            "unknown_parameter",
            f"The parameter {unknown[0][:64]!r} is not known.",
            remedy="Leave it out: what is not understood is not guarded.",
            field=unknown[0][:64],
        )
    fields = {name: data[name] for name in known if data.get(name) is not None}
    try:
        read = kind.model_validate(fields)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        field = ".".join(str(part) for part in first["loc"]) or None
        raise invalid(
            "missing_parameter" if first["type"] == "missing" else "invalid_parameter",
            f"{field or 'The body'}: {first['msg']}.",
            remedy="See the parameter's type.",
            field=field,
        ) from error
    images = tuple(_upload(file, "image") for file in _files(data.get("image")))
    masks = [_upload(file, "mask") for file in _files(data.get("mask"))]
    if len(masks) > 1:
        raise invalid("given_twice", "mask stands twice.", remedy="Send it once.", field="mask")
    draft = read.draft(images, masks[0] if masks else None)
    return Draft(
        prompt=draft.prompt,
        images=draft.images,
        mask=draft.mask,
        n=draft.n,
        size=draft.size,
        model=draft.model,
        output_format=draft.output_format,
        options=draft.options,
    )


def _files(given: Any) -> list[Any]:
    return [] if given is None else list(given) if isinstance(given, list | tuple) else [given]


def _upload(file: Any, field: str) -> Upload:
    if isinstance(file, bytes):
        return Upload(file, field)
    if hasattr(file, "getvalue"):
        return Upload(file.getvalue(), field, filename=getattr(file, "name", None))
    raise invalid("file_expected", f"{field} is no file.", remedy="Send it as a file part.", field=field)

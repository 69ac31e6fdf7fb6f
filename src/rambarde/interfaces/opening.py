"""Opening: whether content that a person presents is the content a record is committed to.

The record keeps the request's digest under the server's key, and the digest covers settings that neither the
record nor the person knows. All that the dialect allows are tried, from the likeliest on: some thousands.
"""

from __future__ import annotations

import functools
import hmac
import itertools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Any, get_args

from rambarde.guard.arrival import Draft, Upload
from rambarde.guard.digest import digest, sha256
from rambarde.interfaces.http.dialects import openai, xai
from rambarde.nouns.appeal import Plea
from rambarde.nouns.fault import Fault
from rambarde.nouns.request import Action

MODELS = ("gpt-image-1", "gpt-image-1-mini", "dall-e-2", "dall-e-3")
"""Names that clients of OpenAI's dialect commonly send; the record does not keep the one that was sent."""
_XAI_MODELS = ("grok-imagine-image", "grok-imagine-image-pro", "grok-imagine-image-quality", "grok-2-image")
_COUNTLESS = ("/sdapi/", "/prompt", "/api/prompt")
"""Routes of dialects whose requests carry numbers (seeds, steps) that nobody could try."""
_NEVER = (
    "prompt",
    "model",
    "n",
    "size",
    "output_compression",
    "complexity",
    "stream",
    "partial_images",
    "user",
    "safety_identifier",
    "moderation",
)
"""Parameters that are known, do not shape the digest, or have too many values to try."""


def opener(blind: Callable[[str, str], str], models: tuple[str, ...] = ()) -> Callable[..., bool | None]:
    """A function (record, plea) → whether the plea's content opens the record's commitment.

    `models` are further model names that may have been asked for. It finds no request that was sent with a
    mask, with `output_compression` or with `complexity`, nor one of a dialect whose settings are too many to try.
    None if nothing is attached.
    """

    def opened(record: Mapping[str, object], plea: Plea) -> bool | None:
        if plea.prompt is None and not plea.pictures:
            return None
        if str(record.get("route")).startswith(_COUNTLESS):
            return False
        committed = record.get("request")
        if not isinstance(committed, str):
            return False
        id, action = str(record["id"]), Action(str(record["action"]))
        hash = functools.cache(sha256)  # a picture is hashed once, however many settings are tried
        return any(
            hmac.compare_digest(blind(id, digest(action, draft, hash=hash)), committed)
            for draft in _drafts(record, action, plea, models)
        )

    return opened


def _drafts(
    record: Mapping[str, object], action: Action, plea: Plea, models: tuple[str, ...]
) -> Iterator[Draft]:
    makes = action is Action.GENERATE
    yield from _in_dialect(openai.Generation if makes else openai.Edit, record, plea, (*models, *MODELS))
    if str(record.get("route")).startswith("/v1/images/"):  # where both are spoken
        yield from _in_dialect(xai.Generation if makes else xai.Edit, record, plea, (*models, *_XAI_MODELS))


def _in_dialect(
    dialect: type[openai.Parameters] | type[xai.Generation],
    record: Mapping[str, object],
    plea: Plea,
    models: tuple[str, ...],
) -> Iterator[Draft]:
    choices = {
        name: _choices(field.annotation) for name, field in dialect.model_fields.items() if name not in _NEVER
    }
    images = tuple(Upload(picture.data) for picture in plea.pictures)
    n, size = record.get("n"), str(record.get("size"))
    for settings in itertools.product(*choices.values()):
        made = dialect.model_construct(prompt="", **dict(zip(choices, settings, strict=True)))
        try:
            draft = replace(made.draft(images), n=n if isinstance(n, int) else 1, size=size)
        except Fault:  # settings that the dialect refuses together
            continue
        for model, prompt in itertools.product((None, *dict.fromkeys(models)), _prompts(plea)):
            yield replace(draft, model=model, prompt=prompt)


def _prompts(plea: Plea) -> tuple[str, ...]:
    """A form turns line ends into CRLF, and people copy with spaces around."""
    said = plea.prompt or ""
    lines = said.replace("\r\n", "\n")
    return tuple(dict.fromkeys((said, lines, lines.strip())))


def _choices(annotation: Any) -> tuple[Any, ...]:
    """None, and every value of a `Literal`, that a parameter's type allows."""
    values: list[Any] = [None]
    for one in get_args(annotation):
        values += [value for value in (get_args(one) or (one,)) if isinstance(value, str)]
    return tuple(values)

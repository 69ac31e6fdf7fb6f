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
from rambarde.interfaces.http.dialects.openai import Edit, Generation, Parameters
from rambarde.nouns.appeal import Plea
from rambarde.nouns.request import Action

MODELS = ("gpt-image-1", "gpt-image-1-mini", "dall-e-2", "dall-e-3")
"""Names that clients of this dialect commonly send; the record does not keep the one that was sent."""
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
    mask, with `output_compression` or with `complexity`. None if nothing is attached.
    """

    def opened(record: Mapping[str, object], plea: Plea) -> bool | None:
        if plea.prompt is None and not plea.pictures:
            return None
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
    dialect: type[Parameters] = Generation if action is Action.GENERATE else Edit
    choices = {
        name: _choices(field.annotation) for name, field in dialect.model_fields.items() if name not in _NEVER
    }
    images = tuple(Upload(picture.data) for picture in plea.pictures)
    n, size = record.get("n"), str(record.get("size"))
    for settings in itertools.product(*choices.values()):
        made = dialect.model_construct(prompt="", **dict(zip(choices, settings, strict=True)))
        draft = replace(made.draft(images), n=n if isinstance(n, int) else 1, size=size)
        for model, prompt in itertools.product((None, *dict.fromkeys((*models, *MODELS))), _prompts(plea)):
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

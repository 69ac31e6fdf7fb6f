"""Parameters of a dialect: typed, strict, and refused where they are not known."""

from __future__ import annotations

from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from rambarde.nouns.fault import Fault, invalid, unsupported

Model = TypeVar("Model", bound=BaseModel)


class Strict(BaseModel):
    """Parameters that are all known: what is not understood is not guarded."""

    model_config = ConfigDict(extra="forbid", strict=True)


def parsed(model: type[Model], data: bytes | dict[str, Any]) -> Model:
    """The parameters of a JSON body, or of fields already read. Raises `Fault` naming the parameter."""
    try:
        return model.model_validate(data) if isinstance(data, dict) else model.model_validate_json(data)
    except ValidationError as error:
        raise _fault(error) from error


def not_streamed(stream: object, partial_images: object) -> None:
    """Raise `Fault` where images are asked for before they are whole."""
    if stream or partial_images:
        raise unsupported(
            "streaming_unsupported",
            "Streaming and partial images are not offered: an image is checked whole before it leaves.",
            remedy="Leave out `stream` and `partial_images`.",
            field="stream" if stream else "partial_images",
        )


def unknown(field: str) -> Fault:
    """The fault of a parameter that is not known."""
    return unsupported(
        "unknown_parameter",
        f"The parameter {field[:64]!r} is not known.",
        remedy="Leave it out: what is not understood is not guarded.",
        field=field[:64],
    )


def twice(name: str) -> Fault:
    """The fault of a parameter that stands twice, or in two forms."""
    return invalid("given_twice", f"{name} stands twice.", remedy="Send it once.", field=name)


def wrong(field: str, why: str, remedy: str) -> Fault:
    """The fault of a parameter of the wrong type or value."""
    return invalid("invalid_parameter", f"{field}: {why}.", remedy=remedy, field=field)


def _fault(error: ValidationError) -> Fault:
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    # Of a choice of types, pydantic's own names for them follow the field's.
    field = ".".join(str(part) for part in first["loc"])[:64] or None
    if first["type"] == "json_invalid":
        return invalid("json_invalid", "The body is not JSON.", remedy="Send one JSON object in UTF-8.")
    if first["type"] == "extra_forbidden":
        return unknown(field or "")
    if first["type"] == "missing":
        return invalid(
            "missing_parameter", f"{field}: {first['msg']}.", remedy="See the parameter's type.", field=field
        )
    return invalid(
        "invalid_parameter",
        f"{field or 'The body'}: {first['msg']}.",
        remedy="See the parameter's type.",
        field=field,
    )

"""Google's image request in its OpenAI-compatible form: `/v1beta/openai/images/generations`."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from pydantic import StringConstraints
from starlette.responses import Response

from rambarde.guard.answer import Answer
from rambarde.guard.arrival import Draft
from rambarde.interfaces.http.dialects.contract import JSON, Incoming, Route, Routes, Spoken
from rambarde.interfaces.http.dialects.openai import answer_response
from rambarde.interfaces.http.dialects.parameters import Strict, parsed
from rambarde.interfaces.http.errors import Links, fault_response, refusal_response
from rambarde.nouns.decision import Decision
from rambarde.nouns.fault import Fault
from rambarde.nouns.request import Action

_STATUS = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    409: "ABORTED",
    413: "INVALID_ARGUMENT",
    429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL",
    502: "UNAVAILABLE",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}
"""Google's canonical word for each status that we answer."""


class _Generation(Strict):
    """Imagen's and Gemini's images, as Google's OpenAI-compatible address takes them."""

    prompt: str
    model: Annotated[str, StringConstraints(max_length=200)] | None = None
    n: int | None = None
    size: Annotated[str, StringConstraints(pattern=r"^(auto|[1-9]\d{1,3}x[1-9]\d{1,3})$")] | None = None
    response_format: Literal["b64_json", "url"] | None = None
    user: str | None = None


async def _read(incoming: Incoming) -> Spoken:
    asked = parsed(_Generation, incoming.body)
    draft = Draft(
        prompt=asked.prompt,
        n=1 if asked.n is None else asked.n,
        size=asked.size or "auto",
        model=asked.model,
        deliver_url=asked.response_format == "url",
    )
    return Spoken(draft, answer_response)


def _fault(fault: Fault, record: str | None) -> Response:
    return _worded(fault_response(fault, record))


def _refusal(answer: Answer, refusal: Decision, links: Links, *, accepted: bool) -> Response:
    return _worded(refusal_response(answer, refusal, links, accepted=accepted))


def _worded(response: Response) -> Response:
    """The same, as Google words it: a number, a canonical word, and the reason as an `ErrorInfo`."""
    error = msgspec.json.decode(bytes(response.body))["error"]
    info = {
        "@type": "type.googleapis.com/google.rpc.ErrorInfo",
        "reason": str(error["code"]).upper(),
        "domain": "rambarde",
        "metadata": {"field": error["param"]} if error["param"] else {},
    }
    said = {
        "code": response.status_code,
        "message": error["message"],
        "status": _STATUS.get(response.status_code, "UNKNOWN"),
        "details": [info],
        "rambarde": error["rambarde"],
    }
    headers = {k: v for k, v in response.headers.items() if k not in ("content-length", "content-type")}
    return Response(
        msgspec.json.encode({"error": said}), response.status_code, headers, media_type="application/json"
    )


dialect = Routes(
    "google",
    (
        Route(
            "/v1beta/openai/images/generations",
            Action.GENERATE,
            JSON,
            _read,
            "Google's OpenAI-compatible address for Imagen's and Gemini's images.",
            _Generation.model_json_schema(),
            fault=_fault,
            refusal=_refusal,
        ),
    ),
)

"""Faults and refusals in OpenAI's error shape, the same on every route."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec
from starlette.responses import Response

from rambarde.guard.answer import Answer, Withheld
from rambarde.nouns.decision import EARLIER, Decision, Evidence, Outcome
from rambarde.nouns.fault import Fault, Kind

STATUS = {
    Kind.INVALID: 400,
    Kind.UNSUPPORTED: 400,
    Kind.UNAUTHENTICATED: 401,
    Kind.FORBIDDEN: 403,
    Kind.NOT_FOUND: 404,
    Kind.TOO_LARGE: 413,
    Kind.RATE_LIMITED: 429,
    Kind.CONFLICT: 409,
    Kind.OVERLOADED: 503,
    Kind.UPSTREAM: 502,
    Kind.TIMEOUT: 504,
    Kind.INTERNAL: 500,
}
"""Each kind of fault has one status; a client that resends on 409, 429 and 5xx does the right thing."""

_TYPES = {
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    429: "rate_limit_error",
}


@dataclass(frozen=True, slots=True)
class Links:
    """Where a caller is sent: `base` is the gateway's public address without a trailing slash."""

    base: str

    def appeal(self, decision: str) -> str:
        return f"{self.base}/appeal/{decision}"

    def status(self, item: str) -> str:
        return f"{self.base}/v1/held/{item}"

    def file(self, item: str) -> str:
        return f"{self.base}/files/{item}"


def fault_response(fault: Fault, record: str | None) -> Response:
    """A fault as an HTTP answer. `record` is the id of the request's record, where it has one."""
    status = STATUS[fault.kind]
    details: dict[str, object] = {"kind": fault.kind.value, "remedy": fault.remedy}
    if record is not None:
        details["decision_id"] = record
    response = error_response(
        status, f"{fault.message} {fault.remedy}", code=fault.code, param=fault.field, details=details
    )
    if fault.retry_after is not None:
        response.headers["Retry-After"] = str(max(1, round(fault.retry_after)))
    if status == 401:
        response.headers["WWW-Authenticate"] = "Bearer"
    return response


def refusal_response(answer: Answer, refusal: Decision, links: Links, *, accepted: bool) -> Response:
    """A refused or held request. `accepted`: the client prefers 202 for a held one (RFC 7240)."""
    held = refusal.outcome is Outcome.REVIEW
    details = {"decision_id": answer.id, **explained(refusal), "appeal_url": links.appeal(answer.id)}
    if held:
        items = [image.item for image in answer.images if isinstance(image, Withheld) and image.item]
        details["status_url"] = links.status(items[0])
        if len(items) > 1:
            details["status_urls"] = [links.status(item) for item in items]
    message = str(details["explanation"])
    code = "held_for_review" if held else "content_policy_violation"
    response = error_response(
        202 if held and accepted else 400, message, code=code, param=_param(refusal), details=details
    )
    if held and accepted:
        response.headers["Preference-Applied"] = "respond-async"
    return response


def _quoted(evidence: Evidence) -> str:
    return f"“{evidence.words}”" + (" (in the picture)" if evidence.where == "image" else "")


def explained(decision: Decision) -> dict[str, object]:
    """Rules, fields and plain words of a decision, with the words that mattered where a detector named them."""
    known = [fired for fired in decision.fired if not fired.assumed]
    # What was only assumed accuses nobody: it is named where nothing else explains the refusal, and as such.
    shown = known or list(decision.fired)
    explanation = " ".join(dict.fromkeys(fired.reason for fired in shown))
    if shown and not known:
        explanation = f"This could not be judged, so the worst was assumed. {explanation}"
    words = list(dict.fromkeys(_quoted(e) for e in decision.evidence))[:5]
    if words:
        explanation += f" Words that mattered: {', '.join(words)}."
    if any(e.where == EARLIER for e in decision.evidence):
        explanation += " They carry on a request that was refused before: say what you want instead."
    return {
        "decision": decision.outcome.word,
        "rules": [fired.rule for fired in shown],
        "fields": list(dict.fromkeys(name for fired in shown for name in fired.fields)),
        "explanation": explanation,
    }


def error_response(
    status: int, message: str, *, code: str, param: str | None, details: dict[str, object]
) -> Response:
    error = {
        "message": message,
        "type": _TYPES.get(status, "invalid_request_error" if status < 500 else "server_error"),
        "param": param,
        "code": code,
        "rambarde": details,
    }
    return json_response({"error": error}, status)


def json_response(body: object, status: int = 200) -> Response:
    return Response(msgspec.json.encode(body), status, media_type="application/json")


def _param(decision: Decision) -> str | None:
    return next((name for fired in decision.fired for name in fired.fields), None)

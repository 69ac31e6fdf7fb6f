"""`/appeal/{decision}`: the form behind every refusal's `appeal_url`. No account, no script, no cookie.

There is no session that another site could ride on, so there is no CSRF token either.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import datetime

from fastapi import FastAPI
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException
from starlette.requests import Request
from starlette.responses import Response

from rambarde.guard.sight import Sight
from rambarde.interfaces.http import body
from rambarde.interfaces.http.errors import STATUS, fault_response, json_response
from rambarde.interfaces.http.pages import Markup, fill, items, page
from rambarde.interfaces.wiring import Gateway
from rambarde.nouns.appeal import Attachment, Plea
from rambarde.nouns.fault import Fault, Kind, invalid
from rambarde.respond.appeals import LONGEST_TEXT, MOST_OPEN, MOST_PICTURES, RETENTION, Refusal, Reply

LIMIT = 40_000_000
"""Bytes of one appeal, all pictures together; it is held in memory."""
AT_ONCE = 4
"""Appeals that are read at the same time; more are asked to come back."""
_PART = 200_000
"""Bytes of one text: over the longest prompt, so that the prompt's own limit is the one that is named."""
_TITLE = "Appeal against a decision"
_FIELDS = ("text", "email", "prompt")
_Answer = Callable[[], Awaitable[Response]]


@dataclass(slots=True)
class _Sent:
    """A form as it was sent."""

    texts: dict[str, str] = field(default_factory=dict)
    pictures: list[Attachment] = field(default_factory=list)
    names: list[str | None] = field(default_factory=list)


def add(app: FastAPI, gateway: Gateway) -> None:
    """Add the form, its target, and the address where its answer will stand."""
    reading, decoding = asyncio.Semaphore(AT_ONCE), asyncio.Semaphore(1)

    async def form(request: Request, decision: str) -> Response:
        """What was decided and why, and a form to appeal with."""
        refusal = await gateway.desk.appeals.refusal(decision)
        if _wants_json(request):
            return json_response(_refusal_json(refusal))
        return _form(refusal)

    async def submit(request: Request, decision: str) -> Response:
        """Take an appeal in (multipart: `text`, and optionally `email`, `prompt` and `picture`)."""
        appeals = gateway.desk.appeals
        await appeals.room(decision)
        if reading.locked():
            raise Fault(
                Kind.OVERLOADED,
                "appeals_busy",
                "Many appeals come in at this moment.",
                remedy="Try again in a minute.",
                retry_after=30,
            )
        sent = _Sent()
        try:
            async with reading:
                await _read(request, sent)
                async with decoding:  # a picture may take half a gigabyte while it is decoded
                    plea, kept = await _pleas(sent, gateway.chain.inspector.sight)
                appeal = await appeals.submit(decision, plea, kept=kept)
        except Fault as fault:
            if fault.kind is Kind.INVALID and not _wants_json(request):
                # Nobody should have to write it twice.
                return _form(await appeals.refusal(decision), sent, fault)
            raise
        if _wants_json(request):
            said = _reply_json(Reply(appeal, None, None, None))
            return json_response(said | {"status_url": f"{gateway.links.appeal(decision)}/{appeal.id}"}, 201)
        # Relative, so that it holds under whatever address the form was reached.
        return Response(status_code=303, headers={"Location": f"{decision}/{appeal.id}"})

    async def answer(request: Request, decision: str, reference: str) -> Response:
        """Where an appeal stands, for whoever has its address."""
        reply = await gateway.desk.appeals.reply(decision, reference)
        return json_response(_reply_json(reply)) if _wants_json(request) else _answered(reply)

    async def get_form(request: Request, decision: str) -> Response:
        return await _worded(request, lambda: form(request, decision))

    async def post_form(request: Request, decision: str) -> Response:
        return await _worded(request, lambda: submit(request, decision))

    async def get_answer(request: Request, decision: str, reference: str) -> Response:
        return await _worded(request, lambda: answer(request, decision, reference))

    for path, call, method, says in (
        ("/appeal/{decision}", get_form, "GET", form),
        ("/appeal/{decision}", post_form, "POST", submit),
        ("/appeal/{decision}/{reference}", get_answer, "GET", answer),
    ):
        app.add_api_route(path, call, methods=[method], description=says.__doc__, response_model=None)


async def _worded(request: Request, call: _Answer) -> Response:
    """A fault as a page for people and as JSON for programs."""
    try:
        response = await call()
    except Fault as fault:
        if _wants_json(request):
            response = fault_response(fault, None)
        else:
            content = fill("problem.html", message=fault.message, remedy=fault.remedy)
            response = page(_TITLE, content, STATUS[fault.kind])
            if fault.retry_after is not None:
                response.headers["Retry-After"] = str(round(fault.retry_after))
    response.headers["Vary"] = "Accept"
    return response


async def _read(request: Request, sent: _Sent) -> None:
    """Fill in `sent`, as far as it goes. Raises `Fault` naming the field."""
    if body.media_type(request) != "multipart/form-data":
        raise invalid(
            "content_type_unsupported",
            "The body is of another content type.",
            remedy="Send `Content-Type: multipart/form-data`.",
            field="content-type",
        )
    whole = body.bounded(request, LIMIT)
    parser = body.MemoryParser(
        whole.headers, whole.stream(), max_files=MOST_PICTURES + 1, max_fields=20, max_part_size=_PART
    )
    try:
        parts = await parser.parse()
    except MultiPartException as error:
        raise _too_much(error.message) from error
    except (ValueError, KeyError) as error:
        raise _too_much("") from error
    try:
        for name, value in parts.multi_items():
            if isinstance(value, UploadFile):
                if name != "picture":
                    raise _unknown(name)
                data = await value.read()
                if data:  # a browser sends an empty file where none was chosen
                    sent.pictures.append(Attachment(data, value.content_type or ""))
                    sent.names.append(value.filename)
            elif name not in _FIELDS or name in sent.texts:
                raise _unknown(name)
            else:
                sent.texts[name] = value
    finally:
        await parts.close()


async def _pleas(sent: _Sent, sight: Sight) -> tuple[Plea, Plea]:
    """As it was sent, to open the commitment with; and as it is kept: pictures stripped to what can be seen."""
    texts = sent.texts
    plea = Plea(
        texts.get("text", ""), texts.get("email") or None, texts.get("prompt") or None, tuple(sent.pictures)
    )
    if len(sent.pictures) > MOST_PICTURES:
        return plea, plea  # refused for it, and not decoded before
    kept = [
        await _stripped(sight, picture, name) for picture, name in zip(sent.pictures, sent.names, strict=True)
    ]
    return plea, replace(plea, pictures=tuple(kept))


async def _stripped(sight: Sight, picture: Attachment, name: str | None) -> Attachment:
    declared = picture.media_type or None
    seen = await sight.decode(picture.data, field="picture", declared=declared, filename=name, bare=True)
    return Attachment(seen.data, seen.media_type)


def _form(refusal: Refusal, sent: _Sent | None = None, fault: Fault | None = None) -> Response:
    texts = sent.texts if sent is not None else {}
    wrong = {
        f"invalid_{name}": Markup(' aria-invalid="true"' if fault is not None and fault.field == name else "")
        for name in (*_FIELDS, "picture")
    }
    problem = Markup("")
    if fault is not None:
        problem = fill("problem.html", message=fault.message, remedy=_remedy(fault, sent))
    attach = Markup("")
    if refusal.attachable:
        attach = fill("attach.html", prompt=texts.get("prompt", ""), **wrong)
    content = fill(
        "appeal.html",
        problem=problem,
        when=_day(refusal.at),
        what="held until a person has looked at the picture" if refusal.held else "refused",
        reasons=items(refusal.reasons),
        rules=", ".join(refusal.rules) or "none",
        decision=refusal.decision,
        waiting="The picture waits too; if nobody decides in time, it is erased." if refusal.held else "",
        days=RETENTION.days,
        most=MOST_OPEN,
        longest=LONGEST_TEXT,
        text=texts.get("text", ""),
        email=texts.get("email", ""),
        attach=attach,
        **wrong,
    )
    return page(_TITLE, content, 200 if fault is None else STATUS[fault.kind])


def _answered(reply: Reply) -> Response:
    reason = Markup("")
    appeal = reply.appeal
    if reply.outcome is None:
        status = f"Your appeal was received on {_day(appeal.created_at)}. It waits for a person to decide it."
        keep = (
            "Keep the address of this page: the decision will stand here. "
            f"Your appeal is erased on {_day(appeal.expires_at)}."
        )
    else:
        said = "Your appeal was right" if reply.outcome == "upheld" else "Your appeal was rejected"
        status = f"{said}. A person decided it on {_day(reply.decided_at or appeal.created_at)}."
        keep = (
            f"This page is erased on {_day(appeal.expires_at)}. If you disagree, you may turn to an out-of-court "
            "dispute settlement body, or to a court."
        )
        reason = fill("reason.html", reason=reply.reason or "")
    return page(_TITLE, fill("appealed.html", status=status, reason=reason, reference=appeal.id, keep=keep))


def _refusal_json(refusal: Refusal) -> dict[str, object]:
    return {
        "decision_id": refusal.decision,
        "decided_at": refusal.at.isoformat(),
        "decision": "review" if refusal.held else "block",
        "rules": list(refusal.rules),
        "explanation": " ".join(refusal.reasons),
        "attachable": refusal.attachable,
        "retention_days": RETENTION.days,
    }


def _reply_json(reply: Reply) -> dict[str, object]:
    return {
        "reference": reply.appeal.id,
        "decision_id": reply.appeal.decision,
        "status": reply.outcome or "waiting",
        "reason": reply.reason,
        "received_at": reply.appeal.created_at.isoformat(),
        "decided_at": reply.decided_at.isoformat() if reply.decided_at else None,
        "expires_at": reply.appeal.expires_at.isoformat(),
    }


def _wants_json(request: Request) -> bool:
    accept = request.headers.get("accept", "")
    return "application/json" in accept and "text/html" not in accept


def _remedy(fault: Fault, sent: _Sent | None) -> str:
    again = " Choose your pictures again: a page cannot keep them." if sent and sent.pictures else ""
    return fault.remedy + again


def _too_much(message: str) -> Fault:
    if "files" in message:
        return invalid(
            "too_many_pictures",
            f"Over {MOST_PICTURES} pictures.",
            remedy=f"Attach at most {MOST_PICTURES}.",
            field="picture",
        )
    if "exceeded maximum size" in message:
        return Fault(
            Kind.TOO_LARGE, "field_too_large", f"A text is over {_PART} bytes.", remedy="Shorten it."
        )
    return invalid("multipart_invalid", "The body is no multipart form.", remedy="Send the whole form again.")


def _unknown(name: str) -> Fault:
    return invalid(
        "unknown_field",
        f"The field {name[:64]!r} is not known here, or stands twice.",
        remedy="Send `text` once, and at most once `email` and `prompt`; files are named `picture`.",
    )


def _day(when: datetime) -> str:
    return f"{when.day} {when:%B %Y, %H:%M} UTC"

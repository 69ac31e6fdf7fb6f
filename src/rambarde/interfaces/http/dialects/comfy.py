"""ComfyUI's API: `/prompt` with progress on a socket, `/history`, `/view` and `/upload/image`."""

from __future__ import annotations

import asyncio
import contextlib
import mimetypes
import re
import uuid
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
from fastapi import FastAPI
from pydantic import Field
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException
from starlette.requests import Request
from starlette.responses import Response
from starlette.websockets import WebSocket, WebSocketDisconnect

from rambarde.guard.answer import Answer, Withheld
from rambarde.guard.arrival import Draft, Upload
from rambarde.interfaces.http import body, files, images
from rambarde.interfaces.http.dialects.comfy_graph import Understood, understand
from rambarde.interfaces.http.dialects.comfy_jobs import Job, Jobs, Listener
from rambarde.interfaces.http.dialects.contract import FORM, JSON, Close, Incoming, Route, Spoken
from rambarde.interfaces.http.dialects.parameters import Strict, parsed
from rambarde.interfaces.http.errors import (
    Links,
    explained,
    fault_response,
    json_response,
    refusal_response,
)
from rambarde.nouns.decision import Decision
from rambarde.nouns.fault import Fault, Kind, invalid
from rambarde.nouns.request import Action

if TYPE_CHECKING:
    from rambarde.interfaces.wiring import Gateway

HEARD = 100
"""Messages that a socket may send: clients of this API send none, or one."""
_NAME = r"[A-Za-z0-9][A-Za-z0-9 ._-]{0,199}"


class Prompt(Strict):
    """`POST /prompt`: a graph in its API form. Keys of other services in `extra_data` are refused like all else."""

    prompt: dict[str, Any]
    client_id: Annotated[str, Field(max_length=200)] = ""
    prompt_id: Annotated[str, Field(pattern=r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")] | None = None


class ComfyUI:
    """The dialect: a graph is answered at once with its id; the images come when they may."""

    name = "comfyui"
    routes: tuple[Route, ...] = ()

    def add(self, app: FastAPI, gateway: Gateway) -> Close:
        desk = _Desk(gateway, Jobs())
        for path in ("/prompt", "/api/prompt"):
            content = {JSON: {"schema": Prompt.model_json_schema()}}
            app.add_api_route(
                path,
                desk.prompt,
                methods=["POST"],
                openapi_extra={"requestBody": {"required": True, "content": content}},
            )
        for prefix in ("", "/api"):
            app.add_api_route(prefix + "/prompt", desk.queue, methods=["GET"])
            app.add_api_route(prefix + "/history/{prompt_id}", desk.history, methods=["GET"])
            app.add_api_route(prefix + "/view", desk.view, methods=["GET"])
            app.add_api_route(prefix + "/upload/image", desk.upload, methods=["POST"])
        app.add_api_websocket_route("/ws", desk.socket)
        return desk.close


class _Desk:
    def __init__(self, gateway: Gateway, jobs: Jobs) -> None:
        self._gateway, self._jobs = gateway, jobs
        self._tasks: set[asyncio.Task[Response]] = set()

    async def close(self) -> None:
        """End the graphs that are under way; each has its record."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def prompt(self, request: Request) -> Response:
        """Take in a graph. A fault in it is answered at once; what is decided of it, later."""
        try:
            credential = await images.caller(self._gateway, request)
        except Fault as error:
            return _fault(error, None)
        try:
            if body.media_type(request) != JSON:
                raise invalid(
                    "content_type_unsupported",
                    "The body is of another content type.",
                    remedy=f"Send `Content-Type: {JSON}`.",
                    field="content-type",
                )
            asked = parsed(Prompt, await body.read(body.bounded(request)))
            meant = understand(asked.prompt, lambda name: self._jobs.uploaded(credential.id, name))
            id = asked.prompt_id or str(uuid.uuid4())
            job = self._jobs.begin(id, credential.id, asked.client_id, meant.output)
        except Fault as error:
            return await self._refused(request, error)
        task = asyncio.create_task(self._run(request, job, meant))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return json_response({"prompt_id": job.id, "number": job.number, "node_errors": {}})

    async def _refused(self, request: Request, fault: Fault) -> Response:
        """A request that was not understood takes the path all the same: it has its record."""

        async def read() -> Draft:
            raise fault

        return await images.walk(self._gateway, request, _ROUTE, read, _unreached)

    async def _run(self, request: Request, job: Job, meant: Understood) -> Response:
        tell = self._jobs.tell

        async def read() -> Draft:
            tell(job, "execution_start")
            tell(job, "executing", node=meant.sampler)
            tell(job, "progress", node=meant.sampler, value=0, max=meant.steps)
            return meant.draft

        def failed(response: Response, node: str | None) -> Response:
            error = msgspec.json.decode(bytes(response.body))["error"]
            job.images.clear()
            job.failed = {
                "node_id": node,
                "exception_type": error["code"],
                "exception_message": error["message"],
                "rambarde": error["rambarde"],
            }
            return response

        def fault(error: Fault, record: str | None) -> Response:
            return failed(fault_response(error, record), None)

        def refused(answer: Answer, refusal: Decision, links: Links, *, accepted: bool) -> Response:
            return failed(refusal_response(answer, refusal, links, accepted=False), meant.output)

        def worded(answer: Answer) -> Response:
            links = self._gateway.links
            for image in answer.images:
                if isinstance(image, Withheld):
                    said = {"index": image.index, **explained(image.decision)}
                    said |= {"decision_id": answer.id, "appeal_url": links.appeal(answer.id)}
                    job.withheld.append(
                        said | ({"status_url": links.status(image.item)} if image.item else {})
                    )
                elif image.file is not None:
                    name = image.file + (mimetypes.guess_extension(image.media_type) or "")
                    job.images.append({"filename": name, "subfolder": "", "type": "output"})
            return json_response({"prompt_id": job.id})

        route = Route("/prompt", meant.action, JSON, _read, "", fault=fault, refusal=refused)
        lost = Fault(Kind.INTERNAL, "internal", "Rambarde failed; nothing was released.", remedy="Try again.")
        try:
            response = await images.walk(self._gateway, request, route, read, worded)
            lost = Fault(
                Kind.CONFLICT,
                "answered_before",
                "This request was answered before, under another `prompt_id`.",
                remedy="Ask for that one's history, or use a new token to start anew.",
            )
            return response
        finally:
            if job.failed is None and not job.images and not job.withheld:
                failed(fault_response(lost, None), None)
            self._jobs.end(job)
            if job.failed is not None:
                tell(job, "execution_error", **job.failed)
            else:
                tell(job, "progress", node=meant.sampler, value=meant.steps, max=meant.steps)
                tell(job, "executed", node=meant.output, output={"images": job.images})
                tell(job, "execution_success")
            tell(job, "executing", node=None)

    async def queue(self, request: Request) -> Response:
        """How many of the caller's jobs have not ended."""
        credential = await images.caller(self._gateway, request)
        return json_response({"exec_info": {"queue_remaining": self._jobs.remaining(credential.id)}})

    async def history(self, request: Request, prompt_id: str) -> Response:
        """What became of a job; empty while it runs, and of one that is not the caller's."""
        credential = await images.caller(self._gateway, request)
        job = self._jobs.get(prompt_id, credential.id)
        return json_response(job.history() if job is not None else {})

    async def view(self, filename: str = "", subfolder: str = "", type: str = "output") -> Response:
        """A released image by the name that `/history` gave: the same file as behind a `url`."""
        if subfolder or type != "output":
            raise invalid(
                "view_unsupported", "Only released images are shown.", remedy="Ask for `type=output`."
            )
        return await files.released(self._gateway, filename.partition(".")[0])

    async def upload(self, request: Request) -> Response:
        """Take a picture in for a `LoadImage` node, for ten minutes."""
        try:
            credential = await images.caller(self._gateway, request)
            self._gateway.door.knock(credential)
            name, upload = await self._uploaded(request)
        except Fault as error:
            return _fault(error, None)
        self._jobs.upload(credential.id, name, upload)
        return json_response({"name": name, "subfolder": "", "type": "input"})

    async def _uploaded(self, request: Request) -> tuple[str, Upload]:
        if body.media_type(request) != FORM:
            raise invalid(
                "content_type_unsupported",
                "The body is of another content type.",
                remedy=f"Send `Content-Type: {FORM}`.",
                field="content-type",
            )
        limit = self._gateway.chain.limits.request.picture.bytes
        whole = body.bounded(request, limit + 100_000)
        parser = body.MemoryParser(whole.headers, whole.stream(), max_files=1, max_fields=8)
        try:
            parts = await parser.parse()
        except (MultiPartException, ValueError, KeyError) as error:
            raise invalid(
                "multipart_invalid", "The body is no such form.", remedy="Send one file as `image`."
            ) from error
        try:
            for name in parts:
                if name not in ("image", "overwrite", "type", "subfolder"):
                    raise invalid("unknown_parameter", "A field is not known.", remedy="Leave it out.")
            file = parts.get("image")
            if not isinstance(file, UploadFile):
                raise invalid("file_expected", "image is no file.", remedy="Send it as one.", field="image")
            named = (file.filename or "").strip()
            if not _named(named) or parts.get("subfolder") or parts.get("type", "input") != "input":
                raise invalid(
                    "upload_name",
                    "The picture's name or place is not one that is taken.",
                    remedy="Use letters, figures, dots and dashes, and no subfolder.",
                    field="image",
                )
            return named, Upload(await file.read(), "image", file.content_type, named)
        finally:
            await parts.close()

    async def socket(self, websocket: WebSocket) -> None:
        """Progress of the jobs that the caller sends with this `clientId`. No previews: they are not checked."""
        try:
            credential = await images.caller(self._gateway, Request(_as_http(websocket)))
            client = websocket.query_params.get("clientId", "")[:200] or uuid.uuid4().hex
            listener = self._jobs.listen(credential.id, client)
        except Fault as error:
            await websocket.close(1008, error.code)
            return
        await websocket.accept()
        exec_info = {"queue_remaining": self._jobs.remaining(credential.id)}
        listener.tell("status", {"status": {"exec_info": exec_info}, "sid": client})
        hearing = asyncio.create_task(_hear(websocket))
        telling = asyncio.create_task(_tell(websocket, listener))
        try:
            await asyncio.wait((hearing, telling), return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._jobs.leave(listener)
            for task in (hearing, telling):
                task.cancel()
            await asyncio.gather(hearing, telling, return_exceptions=True)
            with contextlib.suppress(RuntimeError, WebSocketDisconnect):
                await websocket.close(1008)


async def _hear(websocket: WebSocket) -> None:
    """Whatever a client says is nothing to us; who says too much is let go."""
    for _ in range(HEARD):
        message = await websocket.receive()
        if message["type"] == "websocket.disconnect":
            return


async def _tell(websocket: WebSocket, listener: Listener) -> None:
    while (message := await listener.messages.get()) is not None:
        kind, data = message
        await websocket.send_text(msgspec.json.encode({"type": kind, "data": data}).decode())


def _as_http(websocket: WebSocket) -> dict[str, Any]:
    return {**websocket.scope, "type": "http"}


def _named(name: str) -> bool:
    return re.fullmatch(_NAME, name) is not None and ".." not in name


def _fault(fault: Fault, record: str | None) -> Response:
    """A fault as ComfyUI words an error."""
    plain = fault_response(fault, record)
    error = msgspec.json.decode(bytes(plain.body))["error"]
    said = {
        "type": error["code"],
        "message": error["message"],
        "details": error["param"] or "",
        "extra_info": {"rambarde": error["rambarde"]},
    }
    made = json_response({"error": said, "node_errors": {}}, plain.status_code)
    for name, value in plain.headers.items():
        if name not in ("content-length", "content-type"):
            made.headers[name] = value
    return made


def _unreached(_: Answer) -> Response:
    raise AssertionError("a graph that was not understood was answered")


async def _read(_: Incoming) -> Spoken:
    raise AssertionError("a graph is read before its route")


_ROUTE = Route("/prompt", Action.GENERATE, JSON, _read, "", fault=_fault)

dialect = ComfyUI()

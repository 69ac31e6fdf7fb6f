"""Any server that speaks OpenAI's images interface, as an upstream."""

from __future__ import annotations

import asyncio
import io
import time
from collections.abc import Iterable

import aiohttp
import msgspec

from rambarde.guard.upstreams.contract import Generated, UpstreamConfig
from rambarde.guard.upstreams.fetch import DEFAULT_LIMIT, SafeFetcher
from rambarde.guard.upstreams.line import Line, in_time
from rambarde.guard.upstreams.openai_answer import Item, decode_base64, read_items, upstream
from rambarde.nouns.request import Action, Picture, Request

_NUMBERS = frozenset({"output_compression", "seed", "steps"})
"""Options that go out as JSON numbers where they are whole numbers; all others are strings."""


def make(config: UpstreamConfig) -> OpenAIUpstream:
    """The entry point. Raises `ValueError` for a URL that cannot be used."""
    return OpenAIUpstream(config.url, config.key, config.model, allow_hosts=config.hosts)


class OpenAIUpstream:
    """Sends requests on to `base_url` (with its `/v1`, without `/images`), for instance a local server.

    `api_key` goes out as a bearer token, to that server only, and is in no message. `model` is sent where the
    request names none. `response_format` (`b64_json` or `url`) is sent if given: older servers want it, newer
    ones refuse it. `image_limit` is the largest image in bytes. `allow_hosts` and `allow_networks` name
    internal places that image URLs may point to. Redirects of the server itself are not followed.

    Raises `ValueError` for a `base_url` that is not http(s) or carries a user name.
    """

    word = "openai"
    """The adapter's name in records."""

    def __init__(
        self,
        base_url: str,
        api_key: str | None = None,
        model: str | None = None,
        *,
        response_format: str | None = None,
        image_limit: int = DEFAULT_LIMIT,
        allow_hosts: Iterable[str] = (),
        allow_networks: Iterable[str] = (),
        fetcher: SafeFetcher | None = None,
    ) -> None:
        headers = {"Accept": "application/json"}
        if api_key:
            headers["Authorization"] = f"Bearer {api_key}"
        self._line = Line(base_url, headers)
        self.name = f"{self.word}:{model}" if model else self.word
        self._model = model
        self._response_format, self._image_limit = response_format, image_limit
        self._fetcher = fetcher or SafeFetcher(
            limit=image_limit, allow_hosts=allow_hosts, allow_networks=allow_networks
        )

    @property
    def address(self) -> str:
        return self._line.base

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name!r})"

    async def start(self) -> None:
        """Open the session; also done by the first request."""
        await self._line.start()

    async def close(self) -> None:
        """Close all connections. May be called twice."""
        await self._line.close()
        await self._fetcher.close()

    async def generate(self, request: Request, *, deadline: float) -> tuple[Generated, ...]:
        """Exactly `request.n` images, within `deadline` seconds for answer and image URLs together.

        Raises `Fault`: TIMEOUT `upstream_timeout`; OVERLOADED `upstream_busy` (429, 503) with `retry_after`;
        UPSTREAM `upstream_refused` (its own content rules), `upstream_unreachable`, `upstream_incomplete`,
        `upstream_too_large`, `upstream_encoding`, and those of `openai_answer` and `SafeFetcher.fetch`.
        """
        until = time.monotonic() + deadline
        async with in_time(deadline):
            items = read_items(await self._ask(request), request.n)
        if all(item.b64_json for item in items):
            return tuple(self._decoded(item) for item in items)
        return await self._fetched(items, until)

    async def _ask(self, request: Request) -> bytes:
        fields = self._fields(request)
        if request.action is Action.EDIT:
            return await self._line.post("/images/edits", _form(fields, request))
        return await self._line.post_json("/images/generations", msgspec.json.encode(fields))

    def _fields(self, request: Request) -> dict[str, str | int]:
        # Options first, so that none can replace what was checked.
        fields: dict[str, str | int] = {}
        for name, value in request.options:
            fields[name] = int(value) if name in _NUMBERS and value.isdecimal() else value
        fields["prompt"] = request.prompt.raw
        fields["n"] = request.n
        model = request.model or self._model
        if model:
            fields["model"] = model
        if request.negative_prompt is not None:
            fields["negative_prompt"] = request.negative_prompt.raw
        if request.size != "auto":
            fields["size"] = request.size
        if request.output_format != "png":  # the default everywhere, and unknown to older servers
            fields["output_format"] = request.output_format
        if self._response_format:
            fields["response_format"] = self._response_format
        return fields

    def _decoded(self, item: Item) -> Generated:
        text = item.b64_json or ""
        if len(text) // 4 * 3 > self._image_limit:
            raise upstream("upstream_too_large", f"answered an image of more than {self._image_limit} bytes")
        data, base64 = decode_base64(text)
        return Generated(data, base64, item.revised_prompt)

    async def _fetched(self, items: list[Item], until: float) -> tuple[Generated, ...]:
        async def one(item: Item) -> Generated:
            if item.b64_json or not item.url:
                return self._decoded(item)
            data = await self._fetcher.fetch(item.url, deadline=until - time.monotonic())
            return Generated(data, None, item.revised_prompt)

        try:
            async with asyncio.TaskGroup() as group:  # one failure cancels the other downloads
                tasks = [group.create_task(one(item)) for item in items]
        except ExceptionGroup as errors:
            raise errors.exceptions[0] from None
        return tuple(task.result() for task in tasks)


def _form(fields: dict[str, str | int], request: Request) -> aiohttp.FormData:
    """The multipart body of an edit, with the caller's files byte for byte."""
    form = aiohttp.FormData(quote_fields=False)
    for name, value in fields.items():
        form.add_field(name, str(value))
    field = "image" if len(request.images) == 1 else "image[]"
    for index, picture in enumerate(request.images):
        _add(form, field, f"image-{index}", picture)
    if request.mask is not None:
        _add(form, "mask", "mask", request.mask)
    return form


def _add(form: aiohttp.FormData, field: str, stem: str, picture: Picture) -> None:
    extension = picture.media_type.rpartition("/")[2]
    form.add_field(
        field, io.BytesIO(picture.data), filename=f"{stem}.{extension}", content_type=picture.media_type
    )

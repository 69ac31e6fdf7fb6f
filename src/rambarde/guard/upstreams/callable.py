"""Any Python function that makes images, as an upstream."""

from __future__ import annotations

import asyncio
import importlib
import inspect
import threading
from collections.abc import Awaitable, Callable, Sequence
from io import BytesIO
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from rambarde.guard.upstreams.contract import Generated, UpstreamConfig
from rambarde.nouns.fault import Fault, Kind
from rambarde.nouns.request import Request

Made = bytes | Image.Image | NDArray[Any]
"""An image a function may return: an encoded file, a Pillow image, or an array."""
MakeImages = Callable[..., Sequence[Made] | Awaitable[Sequence[Made]]]
"""`fn(prompt, *, n, size, images)`, sync or async; with a parameter `mask` also the mask's file or None."""


def make(config: UpstreamConfig) -> CallableUpstream:
    """The entry point: `url` is `module:function`. Raises `ValueError` where there is no such function."""
    module, _, name = config.url.partition(":")
    try:
        fn = getattr(importlib.import_module(module), name) if module and name else None
    except Exception as error:
        raise ValueError(f"{config.url!r} cannot be imported: {type(error).__name__}") from error
    if not callable(fn):
        raise ValueError("upstream_url must be module:function, with a function that makes images")
    return CallableUpstream(fn, name=f"callable:{config.model}" if config.model else "callable")


class CallableUpstream:
    """Calls `fn(prompt: str, *, n: int, size: str, images: list[bytes])`, which returns `n` images.

    `images` are the input files as received, empty for a generation. Arrays have shape (height, width),
    (height, width, 3) or (height, width, 4), uint8, or floating with values in [0, 1].
    A sync function runs in a thread of its own, `concurrency` at a time; one that is late cannot be stopped,
    so it keeps its place until it returns. An async one is cancelled, and must not block the event loop.
    One instance serves one event loop.
    """

    def __init__(
        self,
        fn: MakeImages,
        *,
        name: str = "callable",
        concurrency: int = 1,
        places: asyncio.Semaphore | None = None,
    ) -> None:
        """`places` are shared by several upstreams over one function; they replace `concurrency`."""
        self.name = name
        self._fn, self._concurrency = fn, concurrency
        called = type(fn).__call__
        self._async = inspect.iscoroutinefunction(fn) or inspect.iscoroutinefunction(called)
        self._masks = _takes(fn, "mask")
        self._places = places

    async def start(self) -> None:
        """Nothing to start."""

    async def close(self) -> None:
        """Nothing to close; a function that still runs is left to end."""

    async def generate(self, request: Request, *, deadline: float) -> tuple[Generated, ...]:
        """Exactly `request.n` images within `deadline` seconds.

        Raises `Fault`: TIMEOUT `upstream_timeout`; OVERLOADED `upstream_busy` if no place came free in time;
        UPSTREAM `upstream_failed` (the function raised), `upstream_bad_answer` (not a list of images),
        `upstream_no_images`, `upstream_image_count`, `upstream_refused` (a mask it does not take).
        A `Fault` the function raises itself passes through.
        """
        if request.mask is not None and not self._masks:
            raise Fault(
                Kind.UPSTREAM,
                "upstream_refused",
                "This generator does not take a mask.",
                remedy="Send the edit without a mask.",
                field="mask",
            )
        waiting = not self._async
        try:
            async with asyncio.timeout(deadline):
                if not self._async:
                    await self._place().acquire()
                waiting = False
                answer = await self._call(request)
                return await asyncio.to_thread(_encoded, answer, request.n, request.output_format)
        except TimeoutError:
            if waiting:
                raise Fault(
                    Kind.OVERLOADED,
                    "upstream_busy",
                    "The generator is busy.",
                    remedy="Send the request again later.",
                    retry_after=1.0,
                ) from None
            raise Fault(
                Kind.TIMEOUT,
                "upstream_timeout",
                "The generator did not answer in time.",
                remedy="Send the request again later; the operator may raise the upstream's deadline.",
            ) from None

    async def _call(self, request: Request) -> object:
        more: dict[str, object] = {}
        if self._masks:
            more["mask"] = request.mask.data if request.mask is not None else None

        def run() -> object:
            images = [picture.data for picture in request.images]
            return self._fn(request.prompt.raw, n=request.n, size=request.size, images=images, **more)

        try:
            answer = run() if self._async else await self._in_thread(run)
            return await answer if inspect.isawaitable(answer) else answer
        except Fault:
            raise
        except Exception as error:
            # The text of the error may quote the prompt: it stays in the chained exception, for the log.
            raise _fault("upstream_failed", f"failed ({type(error).__name__})") from error

    async def _in_thread(self, run: Callable[[], object]) -> object:
        """Run in a daemon thread, which a hanging function cannot make outlive the process."""
        loop, place = asyncio.get_running_loop(), self._place()
        done: asyncio.Future[object] = loop.create_future()

        def finish(result: object, error: BaseException | None) -> None:
            place.release()
            if not done.done():
                if error is not None:
                    done.set_exception(error)
                else:
                    done.set_result(result)

        def work() -> None:
            result: object = None
            failure: BaseException | None = None
            try:
                result = run()
            except StopIteration as error:  # a future cannot carry it
                failure = RuntimeError(f"StopIteration: {error}")
            except BaseException as error:
                failure = error if isinstance(error, Exception) else RuntimeError(type(error).__name__)
            if not loop.is_closed():
                loop.call_soon_threadsafe(finish, result, failure)

        try:
            threading.Thread(target=work, name="rambarde-callable", daemon=True).start()
        except RuntimeError:
            place.release()
            raise
        return await done

    def _place(self) -> asyncio.Semaphore:
        if self._places is None:
            self._places = asyncio.Semaphore(self._concurrency)
        return self._places


def _takes(fn: MakeImages, parameter: str) -> bool:
    try:
        return parameter in inspect.signature(fn).parameters
    except (TypeError, ValueError):
        return False


def _encoded(answer: object, n: int, output_format: str) -> tuple[Generated, ...]:
    if not isinstance(answer, list | tuple):
        raise _fault("upstream_bad_answer", f"returned {type(answer).__name__} instead of a list of images")
    if not answer:
        raise _fault("upstream_no_images", "returned an empty list of images")
    if len(answer) != n:
        raise _fault("upstream_image_count", f"returned {len(answer)} images where {n} were asked for")
    return tuple(Generated(_bytes(made, output_format)) for made in answer)


def _bytes(made: object, output_format: str) -> bytes:
    if isinstance(made, bytes | bytearray | memoryview):
        return bytes(made)
    try:
        if isinstance(made, np.ndarray):
            made = Image.fromarray(_pixels(made))
        if isinstance(made, Image.Image):
            buffer = BytesIO()
            if output_format == "jpeg":
                made.convert("RGB").save(buffer, "JPEG", quality=90)
            elif output_format == "webp":
                made.save(buffer, "WEBP", quality=85, method=0)
            else:
                made.save(buffer, "PNG", compress_level=1)
            return buffer.getvalue()
    except (ValueError, OSError, TypeError) as error:
        raise _fault("upstream_bad_answer", "returned an image that cannot be encoded") from error
    raise _fault("upstream_bad_answer", f"returned {type(made).__name__} in place of an image")


def _pixels(array: NDArray[Any]) -> NDArray[np.uint8]:
    if array.ndim not in (2, 3) or 0 in array.shape or (array.ndim == 3 and array.shape[2] not in (3, 4)):
        raise ValueError("not the shape of an image")
    if np.issubdtype(array.dtype, np.floating):
        if not (array.min() >= 0.0 and array.max() <= 1.0):  # false for NaN too
            raise ValueError("floating pixels outside [0, 1]")
        array = np.rint(array * 255).astype(np.uint8)
    if array.dtype != np.uint8:
        raise ValueError("pixels neither uint8 nor floating")
    return np.ascontiguousarray(array, dtype=np.uint8)


def _fault(code: str, what: str) -> Fault:
    return Fault(
        Kind.UPSTREAM,
        code,
        f"The generator {what}.",
        remedy="The operator checks the function that makes images.",
    )

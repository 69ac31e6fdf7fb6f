"""A real gateway on a real port, for tests: uvicorn in a thread, SQLite in a temporary folder."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import uvicorn

from rambarde.guard.inspect import Inspector
from rambarde.guard.upstreams.contract import Upstream
from rambarde.interfaces.http.app import create_app
from rambarde.interfaces.http.errors import Links
from rambarde.interfaces.settings import Settings
from rambarde.interfaces.wiring import Gateway, wire
from rambarde.store.credentials import NewCredential
from rambarde.store.records import Records


@dataclass
class Served:
    """A running gateway. `loop` is its event loop, for upstreams and servers of a test's own."""

    url: str
    gateway: Gateway
    loop: asyncio.AbstractEventLoop

    def credential(self, surface: str = "web", **options: object) -> NewCredential:
        return self.gateway.vault.credentials.create(surface, **options)  # type: ignore[arg-type]

    def key(self, surface: str = "web", **options: object) -> str:
        return self.credential(surface, **options).key

    def record(self, id: str) -> dict[str, object]:
        found = Records(self.gateway.vault.database).get(id)
        assert found is not None, f"no record {id}"
        return found.document()

    def count(self) -> int:
        return Records(self.gateway.vault.database).count()


@contextmanager
def serving(
    data: Path,
    *,
    upstream: Upstream | None = None,
    inspector: Inspector | None = None,
    change: Callable[[Gateway], None] | None = None,
    wait: bool = True,
    demo: bool = True,
    **settings: object,
) -> Iterator[Served]:
    """Serve a gateway until the block ends. `inspector` is one already loaded; `change` sees the gateway first.

    `wait` until the models are ready.
    """
    chosen = Settings(data=str(data), port=0, **{"workers": 0, **settings})  # type: ignore[arg-type]
    gateway = wire(chosen, upstream=upstream, demo=demo)
    if inspector is not None:
        gateway.chain.inspector = inspector
    if change is not None:
        change(gateway)
    server = uvicorn.Server(
        uvicorn.Config(create_app(gateway), host="127.0.0.1", port=0, log_config=None, access_log=False)
    )
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        deadline = time.monotonic() + 20
        while not (server.started and (gateway.chain.ready or not wait)):
            assert time.monotonic() < deadline and thread.is_alive(), "the gateway did not start"
            time.sleep(0.01)
        port = server.servers[0].sockets[0].getsockname()[1]
        url = f"http://127.0.0.1:{port}"
        gateway.links = Links(url)
        yield Served(url, gateway, server.servers[0].get_loop())
    finally:
        server.should_exit = True
        thread.join(20)
        assert not thread.is_alive(), "the gateway did not stop"

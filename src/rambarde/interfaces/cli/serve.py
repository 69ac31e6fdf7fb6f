"""`rambarde serve`: the gateway."""

from __future__ import annotations

import asyncio
import logging
import resource
import socket
from dataclasses import replace
from types import FrameType
from typing import Annotated

import typer

from rambarde.guard.media.memory import few_heaps
from rambarde.interfaces.cli import demo_keys
from rambarde.interfaces.cli.options import Config, Data, settings
from rambarde.interfaces.wiring import wire
from rambarde.nouns.fault import Fault, Kind

FILES = 65_536
"""Files that the gateway may have open at once, if the system lets it."""


SAID = 65_536
"""Bytes of a message that somebody may send on a socket: nothing that is said there matters."""


def serve(
    host: Annotated[str | None, typer.Option("--host", help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option("--port", help="Port; 0 picks a free one.")] = None,
    data: Data = None,
    upstream: Annotated[
        str | None, typer.Option("--upstream", help="The generator: sketch, openai, xai, comfyui, …")
    ] = None,
    upstream_url: Annotated[
        str | None,
        typer.Option("--upstream-url", help="Its base URL; of an OpenAI-compatible one, ending in /v1."),
    ] = None,
    upstream_model: Annotated[str | None, typer.Option("--upstream-model", help="Model to ask for.")] = None,
    policy: Annotated[
        str | None, typer.Option("--policy", help="Policy file; default: the shipped one.")
    ] = None,
    demo: Annotated[
        bool, typer.Option("--demo", help="A first try: demo signers, and one demo credential per surface.")
    ] = False,
    config: Config = None,
) -> None:
    """Serve the gateway. It refuses to start without a credential."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger("alembic").setLevel(logging.WARNING)
    chosen = settings(
        config,
        host=host,
        port=port,
        data=data,
        upstream=upstream,
        upstream_url=upstream_url,
        upstream_model=upstream_model,
        policy=policy,
    )
    listener = listen(chosen.host, chosen.port)
    chosen = replace(chosen, port=listener.getsockname()[1])
    _many_files()
    few_heaps()
    gateway = wire(chosen, demo=demo)
    try:
        if demo:
            demo_keys.make(gateway)
        elif not gateway.vault.credentials.list():
            raise Fault(
                Kind.INVALID,
                "no_credential",
                "There is no credential, so nobody could use the gateway.",
                remedy=f"Make one: rambarde keys create --surface web --data {chosen.data}",
            )
    except BaseException:
        gateway.abandon()
        listener.close()
        raise
    # Imported here, and not above: no other command needs the web server, which takes a third of a second.
    import uvicorn

    from rambarde.interfaces.http.app import create_app

    async def run() -> None:
        # No access log: addresses are not kept.
        config = uvicorn.Config(
            create_app(gateway),
            access_log=False,
            log_config=None,
            server_header=False,
            ws_max_size=SAID,
        )
        server = uvicorn.Server(config)
        exit = server.handle_exit

        def handle_exit(sig: int, frame: FrameType | None) -> None:
            gateway.monitor.closing = True  # whoever watches the live page would be waited for
            exit(sig, frame)

        server.handle_exit = handle_exit  # type: ignore[method-assign]
        await server.serve(sockets=[listener])

    typer.echo(f"Rambarde listens on {chosen.base_url} (data in {chosen.data}, upstream {chosen.generators})")
    asyncio.run(run())


def _many_files() -> None:
    """Each picture in memory that workers share is an open file; the usual limit is meant for other programs."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    enough = FILES if hard == resource.RLIM_INFINITY else min(FILES, hard)
    if soft != resource.RLIM_INFINITY and soft < enough:
        resource.setrlimit(resource.RLIMIT_NOFILE, (enough, hard))


def listen(host: str, port: int) -> socket.socket:
    """Bind first: a taken port is found before anything else starts. Port 0 picks a free one. Raises `Fault`."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # asyncio turns Nagle's algorithm off only where the protocol is named; with it on, the second packet
    # of an answer waits up to 40 ms for the first one's acknowledgement.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(1024)
    except OSError as error:
        listener.close()
        raise Fault(
            Kind.INVALID,
            "cannot_listen",
            f"Cannot listen on {host}:{port}: {error.strerror}.",
            remedy="Choose another --port, or stop what listens there.",
            field="port",
        ) from error
    return listener

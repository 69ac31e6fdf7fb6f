"""The generator: can it be reached? A connection is opened and closed; nothing is generated."""

from __future__ import annotations

import queue
import socket
import ssl
import threading
from collections.abc import Iterator
from urllib.parse import urlsplit

from rambarde.guard.upstreams.several import Several
from rambarde.interfaces import parts
from rambarde.interfaces.checkup.row import Row, fail, ok
from rambarde.interfaces.settings import Settings

SECONDS = 5.0
"""How long to wait for a connection, name and TLS included."""


def generator(settings: Settings) -> Iterator[Row]:
    made = parts.upstream(settings)
    for one in made.all if isinstance(made, Several) else (made,):
        yield _reached(f"upstream {one.name.partition(':')[0]}", getattr(one, "address", ""))


def _reached(check: str, address: str) -> Row:
    if not address:
        return ok(check, "built in: there is nothing to reach")
    url = urlsplit(address)
    port = url.port or (443 if url.scheme == "https" else 80)
    where = f"{url.hostname}:{port}"
    why = _tried(str(url.hostname), port, tls=url.scheme == "https")
    if why is None:
        return ok(check, f"{where} takes connections; nothing was generated")
    return fail(
        check,
        f"{where} cannot be reached: {why}.",
        "Start the generator, and check `upstream_url` and the network between.",
    )


def _tried(host: str, port: int, *, tls: bool) -> str | None:
    """Why no connection came about, None if one did. In a thread: looking up a name has no deadline."""
    answers: queue.Queue[str | None] = queue.Queue()

    def connect() -> None:
        try:
            with socket.create_connection((host, port), SECONDS) as plain:
                if tls:
                    plain.settimeout(SECONDS)
                    ssl.create_default_context().wrap_socket(plain, server_hostname=host).close()
        except OSError as error:
            answers.put(error.strerror or str(error) or type(error).__name__)
        except Exception as error:
            answers.put(type(error).__name__)
        else:
            answers.put(None)

    threading.Thread(target=connect, name="rambarde-doctor", daemon=True).start()
    try:
        return answers.get(timeout=SECONDS)
    except queue.Empty:
        return f"no answer within {SECONDS:.0f} s"

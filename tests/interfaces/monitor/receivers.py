"""Receivers of alerts, for tests: a web server that misbehaves when told to, and a mail server."""

from __future__ import annotations

import socketserver
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Received:
    """What came. `answers` are the next statuses, 200 afterwards; `wait` seconds before each answer."""

    url: str = ""
    answers: list[int] = field(default_factory=list)
    wait: float = 0.0
    posts: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)
    mails: list[tuple[list[str], str]] = field(default_factory=list)


@contextmanager
def web() -> Iterator[Received]:
    found = Received()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            found.posts.append((self.path, headers, body))
            time.sleep(found.wait)
            self.send_response(found.answers.pop(0) if found.answers else 200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    found.url = f"http://127.0.0.1:{server.server_address[1]}/hook"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield found
    finally:
        server.shutdown()
        server.server_close()


@contextmanager
def mail() -> Iterator[Received]:
    """Enough of SMTP (RFC 5321) for a client that sends one mail at a time."""
    found = Received()

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            receivers: list[str] = []
            self.say("220 test")
            while line := self.rfile.readline().decode().strip():
                word = line[:4].upper()
                if word == "DATA":
                    self.say("354 go on")
                    lines = []
                    while (one := self.rfile.readline().decode().rstrip("\r\n")) != ".":
                        lines.append(one)
                    found.mails.append((receivers, "\n".join(lines)))
                elif word == "RCPT":
                    receivers.append(line.partition("<")[2].partition(">")[0])
                elif word == "QUIT":
                    self.say("221 bye")
                    return
                self.say(
                    "451 not now" if word == "MAIL" and found.answers and found.answers.pop(0) else "250 ok"
                )

        def say(self, line: str) -> None:
            self.wfile.write(f"{line}\r\n".encode())

    server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    found.url = f"smtp://127.0.0.1:{server.server_address[1]}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield found
    finally:
        server.shutdown()
        server.server_close()

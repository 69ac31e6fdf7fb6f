"""A small S3-compatible server on loopback that misbehaves on demand: 503, half a body, slow, gone."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from hashlib import md5
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from rambarde.store.objects import Bucket


@dataclass
class Server:
    """`objects` are what it has; `faults` are taken one at a time, by method: a status, `half` or `slow`."""

    url: str = ""
    objects: dict[str, bytes] = field(default_factory=dict)
    faults: dict[str, list[str]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def always(self, method: str, fault: str) -> None:
        self.faults[method] = [fault] * 1000

    def bucket(self, *, seconds: float = 2.0, retries: int = 2) -> Bucket:
        return Bucket.open(
            "s3://evidence/kept",
            endpoint=self.url,
            access_key_id="key",
            secret_access_key="secret",
            region="us-east-1",
            client_options={"timeout": f"{int(seconds * 1000)}ms", "allow_http": True},
            retry_config={
                "max_retries": retries,
                "backoff": {
                    "init_backoff": timedelta(milliseconds=10),
                    "max_backoff": timedelta(milliseconds=20),
                    "base": 2,
                },
                "retry_timeout": timedelta(seconds=3),
            },
        )


@contextmanager
def s3() -> Iterator[Server]:
    server = Server()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _answer(
            self, status: int, body: bytes = b"", *, declared: int | None = None, tag: str = ""
        ) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body) if declared is None else declared))
            self.send_header("Last-Modified", "Fri, 09 Jan 2026 12:00:00 GMT")
            if tag:
                self.send_header("ETag", f'"{tag}"')
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)
            if declared is not None and self.command != "HEAD" and declared > len(body):
                self.close_connection = True

        def _serve(self) -> None:
            name = self.path.split("?")[0]
            server.asked.append(f"{self.command} {name}")
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            waiting = server.faults.get(self.command, [])
            fault = waiting.pop(0) if waiting else ""
            if fault == "slow":
                time.sleep(1.5)
            if fault.isdigit():
                return self._answer(int(fault), b"<Error><Code>ServiceUnavailable</Code></Error>")
            if self.command == "PUT":
                server.objects[name] = body[: len(body) // 2] if fault == "half" else body
                return self._answer(200, tag=md5(body).hexdigest())
            if self.command == "POST":  # DeleteObjects
                keys = re.findall(rb"<Key>([^<]+)</Key>", body)
                for key in keys:
                    server.objects.pop(f"{name.rstrip('/')}/{key.decode()}", None)
                gone = b"".join(b"<Deleted><Key>" + key + b"</Key></Deleted>" for key in keys)
                return self._answer(200, b"<DeleteResult>" + gone + b"</DeleteResult>")
            found = server.objects.get(name)
            if found is None:
                return self._answer(404, b"<Error><Code>NoSuchKey</Code></Error>")
            half = found[: len(found) // 2] if fault == "half" else found
            declared = len(found) if self.command == "HEAD" or fault == "half" else None
            return self._answer(200, half, declared=declared, tag=md5(found).hexdigest())

        do_GET = do_PUT = do_POST = do_HEAD = _serve  # noqa: N815

        def log_message(self, format: str, *args: object) -> None:
            pass

    http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    http.daemon_threads = True
    thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    server.url = f"http://127.0.0.1:{http.server_port}"
    try:
        yield server
    finally:
        http.shutdown()
        http.server_close()
        thread.join()

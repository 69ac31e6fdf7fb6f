"""StopNCII and NCMEC on loopback, in the form in which their servers answer; well-behaved and not."""

from __future__ import annotations

import base64
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

KEYS = ("a-subscription-key", "a-function-key", "a-feedback-key")
USER, PASSWORD = "a-member", "a-password"
STOPNCII_ENV = {
    "RAMBARDE_STOPNCII_SUBSCRIPTION_KEY": KEYS[0],
    "RAMBARDE_STOPNCII_FETCH_KEY": KEYS[1],
    "RAMBARDE_STOPNCII_FEEDBACK_KEY": KEYS[2],
}
NCMEC_ENV = {"RAMBARDE_NCMEC_USER": USER, "RAMBARDE_NCMEC_PASSWORD": PASSWORD}


@dataclass
class Exchange:
    """What a fake holds, and how it behaves: `faults` names one behaviour for each coming request, `` if none.

    `status 500` (any status), `hang`, `nonsense`, `redirect`, `loop`.
    """

    url: str = ""
    page: int = 2
    faults: list[str] = field(default_factory=list)
    seen: list[str] = field(default_factory=list)
    posted: list[Any] = field(default_factory=list)
    records: list[dict[str, Any]] = field(default_factory=list)
    clock: int = field(default_factory=lambda: int(time.time()))
    lost: set[str] = field(default_factory=set)
    """Page tokens that are not honoured any more."""


def stop_record(
    value: bytes | str, at: int, status: str = "Active", kind: str = "ImagePDQ"
) -> dict[str, Any]:
    return {
        "lastModtimestamp": at,
        "signalType": kind,
        "hashValue": value if isinstance(value, str) else value.hex(),
        "hashStatus": status,
        "caseNumbers": {"11112222-0000-4000-8000-aaaabbbbcccc": status},
        "CSPFeedbacks": [{"feedbackValue": "Blocked", "source": "Example", "tags": ["a tag"]}],
    }


def ncmec_entry(
    name: str, member: int, at: int, *, deleted: bool = False, kind: str = "image", **prints: str
) -> dict[str, Any]:
    return {"id": name, "member": member, "at": at, "deleted": deleted, "kind": kind, "prints": prints}


def _stopncii(held: Exchange, request: BaseHTTPRequestHandler) -> tuple[int, bytes]:
    path, query = urlsplit(request.path).path, parse_qs(urlsplit(request.path).query)
    feedback = path.endswith("/SubmitFeedback")
    wanted = (KEYS[0], KEYS[2] if feedback else KEYS[1])
    given = request.headers.get("Ocp-Apim-Subscription-Key"), request.headers.get("x-functions-key")
    if given != wanted:
        return 401, b""
    if feedback:
        held.posted.append(json.loads(request.rfile.read(int(request.headers["Content-Length"]))))
        return 200, b""
    since = int(query["startTimestamp"][0])
    token = query.get("nextPageToken", ["0"])[0]
    if token in held.lost:
        return 400, b""
    start = int(token)
    due = sorted((r for r in held.records if r["lastModtimestamp"] >= since), key=lambda r: r["hashValue"])
    rows = due[start : start + held.page]
    more = start + held.page < len(due)
    answer = {
        "count": len(rows),
        "nextPageToken": str(start + held.page) if more else None,
        "nextSetTimestamp": held.clock,
        "hasMoreRecords": more,
        "hashRecords": rows,
    }
    return 200, json.dumps(answer).encode()


def _ncmec(held: Exchange, request: BaseHTTPRequestHandler) -> tuple[int, bytes]:
    expected = "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
    if request.headers.get("Authorization") != expected:
        return 401, b""
    query = parse_qs(urlsplit(request.path).query)
    begin, end = query["from"][0], query["to"][0]
    start = int(query.get("start", ["0"])[0])
    due = [r for r in held.records if begin <= _at(r["at"]) <= end]
    rows = due[start : start + held.page]
    parts = []
    for group in ("image", "video"):
        some = [_xml(r) for r in rows if r["kind"] == group]
        latest = max((_at(r["at"]) for r in rows), default=end)
        parts.append(f'<{group}s count="{len(some)}" maxTimestamp="{latest}">{"".join(some)}</{group}s>')
    paging = ""
    if start + held.page < len(due):
        more = f"start={start + held.page}&amp;size={held.page}&amp;max={len(due)}"
        paging = f"<paging><next>/v2/entries?from={begin}&amp;to={end}&amp;{more}</next></paging>"
    space = 'xmlns="https://hashsharing.ncmec.org/hashsharing/v2"'
    return 200, f'<?xml version="1.0"?><queryResult {space}>{"".join(parts)}{paging}</queryResult>'.encode()


def _xml(row: dict[str, Any]) -> str:
    tag = "deleted" + row["kind"].capitalize() if row["deleted"] else row["kind"]
    prints = "".join(f"<{kind}>{value}</{kind}>" for kind, value in row["prints"].items())
    return (
        f'<{tag}><member id="{row["member"]}">Member</member><timestamp>{_at(row["at"])}</timestamp>'
        f"<id>{row['id']}</id><classification>A1</classification><fingerprints>{prints}</fingerprints></{tag}>"
    )


def _at(seconds: int) -> str:
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%SZ}"


@contextmanager
def served(kind: str) -> Iterator[Exchange]:
    """An exchange (`stopncii` or `ncmec`) at `url`."""
    held, over = Exchange(), threading.Event()
    answer = _stopncii if kind == "stopncii" else _ncmec

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            held.seen.append(self.path)
            fault = held.faults.pop(0) if held.faults else ""
            status, body = 200, b"\x00 no answer of theirs <"
            headers = {}
            if fault == "hang":
                over.wait(5)
                return
            if fault.startswith("status"):
                status, body = int(fault.split()[1]), b"words of theirs"
            elif fault == "redirect":
                status, headers = 302, {"Location": held.url + "/elsewhere"}
            elif fault == "loop":
                rows = {"hasMoreRecords": True, "nextPageToken": "7", "nextSetTimestamp": held.clock}
                body = json.dumps({"count": 0, "hashRecords": []} | rows).encode()
            elif fault != "nonsense":
                status, body = answer(held, self)
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_GET  # noqa: N815

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    held.url = f"http://127.0.0.1:{server.server_address[1]}/" + (
        "v1" if kind == "stopncii" else "hashsharing"
    )
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield held
    finally:
        over.set()
        server.shutdown()
        thread.join()
        server.server_close()

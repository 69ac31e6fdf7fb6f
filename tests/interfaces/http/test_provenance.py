"""Everything that leaves a gateway is sealed; what cannot be sealed does not leave."""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
from collections.abc import Iterator
from pathlib import Path

import httpx2 as httpx
import pytest

from rambarde.guard.inspect import Inspector
from rambarde.interfaces import sealing
from rambarde.prove.manifest.authority import make_chain
from rambarde.prove.manifest.reading import Read, State, read
from rambarde.prove.manifest.statement import GENERATED, MANIPULATED
from tests.interfaces.http.test_lineage import MORE, PORTRAIT, Next
from tests.interfaces.http.test_release import CUP, GARDEN, ask, edit
from tests.interfaces.serving import Served, serving
from tests.sealed import bare

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def upstream() -> Next:
    return Next()


@pytest.fixture(scope="module")
def gate(upstream: Next, inspector: Inspector, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving(
        tmp_path_factory.mktemp("sealing"),
        upstream=upstream,
        inspector=inspector,
        provider="Example Images",
        system="Example Brush",
        system_version="3",
    ) as served:
        yield served


def image(response: httpx.Response) -> bytes:
    assert response.status_code == 200, response.text
    return base64.b64decode(response.json()["data"][0]["b64_json"])


def told(served: Served, data: bytes) -> Read:
    return read(data, "image/png", sealing.anchors(served.gateway.settings))


def test_a_generation_and_its_record(gate: Served, upstream: Next) -> None:
    upstream.picture = GARDEN
    words = "a zebracoloured garden of Maria Gonzalez"
    response = ask(gate, prompt=words, user="account-4711")
    data = image(response)
    found = told(gate, data)
    assert (found.state, found.source_type) == (State.TRUSTED, GENERATED)
    metadata = dict(found.metadata)
    assert metadata["dc:publisher"] == "Example Images"
    assert metadata["Iptc4xmpExt:AISystemUsed"] == "Example Brush"
    assert metadata["Iptc4xmpExt:AISystemVersionUsed"] == "3"
    decision = response.headers["rambarde-decision"]
    (output,) = gate.record(decision)["outputs"]  # type: ignore[misc]
    assert output["sha256"] == hashlib.sha256(data).hexdigest()  # type: ignore[index]
    assert output["seal"]["label"] == found.label  # type: ignore[index]
    for secret in (b"zebracoloured", b"Gonzalez", b"account-4711", decision.encode(), b"garden"):
        assert secret not in data
    assert bare(data) == GARDEN


def test_edits_of_edits_keep_what_came_before(gate: Served, upstream: Next) -> None:
    upstream.picture = GARDEN
    data, labels = image(ask(gate)), []
    for step in range(3):
        labels.append(told(gate, data).label)
        upstream.picture = (CUP, GARDEN, CUP)[step]
        data = image(edit(gate, data))
        found = told(gate, data)
        assert (found.state, found.source_type) == (State.TRUSTED, MANIPULATED)
        assert found.ingredients == (("parentOf", labels[-1]),)
    assert found.document is not None and set(labels) < set(found.document["manifests"])


def test_the_generator_is_given_the_bare_picture(gate: Served, upstream: Next) -> None:
    upstream.picture = GARDEN
    data = image(ask(gate))
    seen: list[bytes] = []
    real = Next.generate

    async def generate(self: Next, request: object, *, deadline: float) -> object:
        seen.extend(one.data for one in request.images)  # type: ignore[attr-defined]
        return await real(self, request, deadline=deadline)  # type: ignore[arg-type]

    Next.generate = generate  # type: ignore[method-assign, assignment]
    try:
        image(edit(gate, data))
    finally:
        Next.generate = real  # type: ignore[method-assign]
    assert seen == [GARDEN]


def test_our_own_sealed_fiction_is_recognised(gate: Served, upstream: Next) -> None:
    upstream.picture = PORTRAIT
    made = image(ask(gate, prompt="a woman in an orange suit in front of a flag"))
    upstream.picture = MORE
    assert edit(gate, made, "change the suit").status_code == 200


def test_a_url_serves_the_same_sealed_bytes_each_time(gate: Served, upstream: Next) -> None:
    upstream.picture = GARDEN
    response = ask(gate, response_format="url")
    url = response.json()["data"][0]["url"]
    first, again = httpx.get(url).content, httpx.get(url).content
    assert first == again and told(gate, first).state is State.TRUSTED


def test_a_retry_gets_the_same_seal(gate: Served, upstream: Next) -> None:
    upstream.picture = GARDEN
    headers = {"Idempotency-Key": "k" * 32, "Authorization": f"Bearer {gate.key()}"}
    first, again = (ask(gate, headers=headers) for _ in range(2))
    assert image(first) == image(again)


@pytest.mark.parametrize(
    ("age", "code"),
    [(31, "seal_certificate_expired"), (-1, "seal_certificate_early")],
    ids=["expired", "early"],
)
def test_without_a_valid_certificate_nothing_leaves_until_it_is_replaced(
    gate: Served, upstream: Next, age: int, code: str
) -> None:
    upstream.picture = GARDEN
    settings, now = gate.gateway.settings, dt.datetime.now(dt.UTC)
    bad = make_chain("x", now - dt.timedelta(days=age), life=dt.timedelta(days=30))
    sealing.install(settings, bad.bundle, replace=True)
    try:
        response = ask(gate, response_format="url")
        assert (response.status_code, response.json()["error"]["code"]) == (500, code)
        record = gate.record(response.headers["rambarde-decision"])
        assert record["ending"] == "fault" and record["fault"]["code"] == code  # type: ignore[index]
        assert record["outputs"] == []
    finally:
        sealing.make(settings, now, replace=True)
    assert told(gate, image(ask(gate))).state is State.TRUSTED


def test_half_of_a_rotation_stops_the_release(gate: Served, upstream: Next) -> None:
    upstream.picture = GARDEN
    path = Path(gate.gateway.settings.data) / sealing.FILE
    old, new = path.read_bytes(), make_chain("x", dt.datetime.now(dt.UTC)).bundle
    cut = b"-----BEGIN CERTIFICATE"
    path.write_bytes(old[: old.index(cut)] + new[new.index(cut) :])
    try:
        response = ask(gate)
        assert (response.status_code, response.json()["error"]["code"]) == (500, "seal_key_mismatch")
    finally:
        path.write_bytes(old)
    assert image(ask(gate))

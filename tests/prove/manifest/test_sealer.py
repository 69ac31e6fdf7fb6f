"""A sealed image says what it must, to every reader, and no more; one changed byte is seen."""

from __future__ import annotations

import asyncio
import io
import itertools
import json
import re
import socketserver
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from hashlib import sha256

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rambarde.nouns.fault import Fault
from rambarde.nouns.provenance import Disclosure, Source
from rambarde.prove.manifest.reading import State, read
from rambarde.prove.manifest.sdk import sdk
from rambarde.prove.manifest.statement import GENERATED, MANIPULATED
from tests.prove.manifest.conftest import FORMATS, NOW, Bench, chain, disclosed, picture, sent
from tests.sealed import bare


@pytest.mark.parametrize("kind", FORMATS)
def test_a_generation_is_trusted_with_our_root_and_valid_without(bench: Bench, kind: str) -> None:
    disclosure = disclosed()
    signed = bench.sealer.sign_now(picture(kind), f"image/{kind}", disclosure)
    found = bench.read(signed.data, kind)
    assert (found.state, found.failures) == (State.TRUSTED, ())
    assert found.label == signed.note.label == f"urn:c2pa:{disclosure.id}"
    assert (found.actions, found.source_type) == (("c2pa.created",), GENERATED)
    assert found.ingredients == ()
    stranger = read(signed.data, f"image/{kind}")
    assert (stranger.state, stranger.failures) == (State.VALID, ("signingCredential.untrusted",))
    other = read(signed.data, f"image/{kind}", (chain("Somebody else").root,))
    assert other.state is State.VALID


@pytest.mark.parametrize("kind", FORMATS)
def test_the_one_record_stands_in_manifest_and_xmp(bench: Bench, kind: str) -> None:
    disclosure = disclosed()
    data = bench.sealer.sign_now(picture(kind), f"image/{kind}", disclosure).data
    told = dict(bench.read(data, kind).metadata)
    assert told == {
        "Iptc4xmpExt:DigitalSourceType": GENERATED,
        "Iptc4xmpExt:AISystemUsed": "sketch",
        "Iptc4xmpExt:AISystemVersionUsed": "7.1",
        "dc:publisher": "Example & Co <images>",
        "dc:identifier": f"urn:uuid:{disclosure.id}",
        "xmp:CreateDate": f"{NOW:%Y-%m-%dT%H:%M:%SZ}",
        "xmp:CreatorTool": "Rambarde 0",
    }
    packet = re.search(rb"<x:xmpmeta.*</x:xmpmeta>", data, re.S)
    assert packet is not None
    for value in ("sketch", "7.1", "Example &amp; Co &lt;images&gt;", disclosure.id, GENERATED):
        assert value.encode() in packet[0]


def test_the_model_is_disclosed(bench: Bench) -> None:
    document = bench.read(bench.seal(picture("png"), "png"), "png").document
    assert document is not None
    active = document["manifests"][document["active_manifest"]]
    assert active["claim_version"] == 2
    data = {one["label"]: one["data"] for one in active["assertions"]}
    assert data["c2pa.ai-disclosure"] == {
        "modelType": "c2pa.types.model",
        "modelName": "sketch",
        "modelIdentifier": "sketch 7.1",
        "contentProfile": {"humanOversightLevel": "prompt_guided"},
    }
    (action,) = data["c2pa.actions.v2"]["actions"]
    assert action["softwareAgent"] == {"name": "sketch", "version": "7.1"}
    assert action["when"] == f"{NOW:%Y-%m-%dT%H:%M:%SZ}"
    assert data["c2pa.actions.v2"]["allActionsIncluded"] is True


@pytest.mark.parametrize("kind", FORMATS)
def test_the_pixels_are_untouched_and_the_seal_comes_off_whole(bench: Bench, kind: str) -> None:
    assert bare(bench.seal(picture(kind), kind)) == picture(kind)


@pytest.mark.parametrize("kind", FORMATS)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
def test_one_flipped_bit_is_seen_or_changes_nothing_that_is_said(
    bench: Bench, kind: str, place: float, bit: int
) -> None:
    """Outside the manifest every bit is under the signature; inside, its padding and the boxes' names are not."""
    whole = bench.seal(picture(kind), kind)
    index = int(place * len(whole))
    data = bytearray(whole)
    data[index] ^= 1 << bit
    try:
        found = bench.read(bytes(data), kind)
    except Fault as fault:
        assert fault.code == "manifest_unreadable"
        return
    if found.state in (State.TRUSTED, State.VALID):
        assert index in _manifest(whole, kind)
        before = replace(bench.read(whole, kind), document=None, metadata=())
        assert replace(found, document=None, metadata=()) == before
        assert dict(found.metadata) == dict(bench.read(whole, kind).metadata)
        assert bare(bytes(data)) == picture(kind)


def _manifest(data: bytes, kind: str) -> range:
    """Where the manifest stands in the file, with its chunk's or segment's head and checksum."""
    if kind == "jpeg":
        start = data.index(b"\xff\xeb")
        return range(start, start + 2 + int.from_bytes(data[start + 2 : start + 4], "big"))
    start = data.index(b"caBX" if kind == "png" else b"C2PA")
    if kind == "png":
        return range(start - 4, start + 8 + int.from_bytes(data[start - 4 : start], "big"))
    return range(start, start + 9 + int.from_bytes(data[start + 4 : start + 8], "little"))


@pytest.mark.parametrize("kind", FORMATS)
def test_a_flipped_byte_of_the_picture_is_invalid(bench: Bench, kind: str) -> None:
    data = bytearray(bench.seal(picture(kind), kind))
    start = {"png": b"IDAT", "jpeg": b"\xff\xda", "webp": b"VP8 "}[kind]
    data[data.index(start) + 40] ^= 1
    found = bench.read(bytes(data), kind)
    assert found.state is State.INVALID
    assert "assertion.dataHash.mismatch" in found.failures


def test_a_changed_statement_is_invalid(bench: Bench) -> None:
    data = bench.seal(picture("png"), "png")
    assert data.count(b"Example & Co <images>") == 1
    changed = data.replace(b"Example & Co <images>", b"Nobody is answerable!")
    assert bench.read(changed, "png").state is State.INVALID


def test_an_edit_opens_its_input_and_says_so(bench: Bench) -> None:
    data = bench.seal(picture("png", 9), "png", sent(picture("jpeg"), "jpeg"), sent(picture("webp"), "webp"))
    found = bench.read(data, "png")
    assert found.state is State.TRUSTED
    assert found.actions == ("c2pa.opened", "c2pa.placed", "c2pa.edited")
    assert found.source_type == MANIPULATED
    assert found.ingredients == (("parentOf", None), ("componentOf", None))
    assert MANIPULATED in dict(found.metadata).values()


def test_three_generations_of_edits_keep_them_all(bench: Bench) -> None:
    made, labels = bench.seal(picture("png"), "png"), []
    kinds = ("png", "jpeg", "webp", "png")
    for step, (before, kind) in enumerate(itertools.pairwise(kinds), 1):
        labels.append(bench.read(made, before).label)
        made = bench.seal(picture(kind, step), kind, sent(made, before))
        found = bench.read(made, kind)
        assert found.state is State.TRUSTED
        assert found.ingredients == (("parentOf", labels[-1]),)
        assert found.manifests == step + 1
    assert found.document is not None
    assert set(labels) < set(found.document["manifests"])
    first = found.document["manifests"][labels[0]]
    assert [a["label"] for a in first["assertions"]] == [
        "c2pa.actions.v2", "c2pa.ai-disclosure", "cawg.metadata"
    ]  # fmt: skip


def foreign(bench: Bench, *, thumbnail: bool = False, title: str = "holiday") -> bytes:
    """A camera's picture, sealed by somebody else."""
    c2pa = sdk()
    settings = {"builder": {"thumbnail": {"enabled": thumbnail}}}
    made = {
        "title": title,
        "claim_generator_info": [{"name": "Camera", "version": "1"}],
        "assertions": [
            {"label": "c2pa.actions.v2", "data": {"actions": [{"action": "c2pa.created", "digitalSourceType":
                "http://cv.iptc.org/newscodes/digitalsourcetype/digitalCapture"}]}}
        ],
    }  # fmt: skip
    identity = bench.sealer.check()
    signer = c2pa.Signer.from_info(c2pa.C2paSignerInfo(b"es256", identity.sent(), identity.key, None))
    out = io.BytesIO()
    c2pa.Builder(made, context=c2pa.Context.from_dict(settings)).sign(
        signer, "image/jpeg", io.BytesIO(picture("jpeg")), out
    )
    return out.getvalue()


def test_the_manifest_of_a_stranger_is_kept(bench: Bench, bench_of: Callable[..., Bench]) -> None:
    stranger = bench_of(made=chain("A camera maker"))
    photograph = foreign(stranger)
    label = stranger.read(photograph, "jpeg").label
    data = bench.seal(picture("png"), "png", sent(photograph, "jpeg"))
    found = bench.read(data, "png")
    assert found.state is State.TRUSTED
    assert found.ingredients == (("parentOf", label),)
    assert found.document is not None
    assert found.document["manifests"][label]["claim_generator_info"][0]["name"] == "Camera"


def test_a_manifest_that_does_not_hold_is_kept_and_called_so(bench: Bench) -> None:
    photograph = bytearray(foreign(bench))
    photograph[-60] ^= 1
    assert bench.read(bytes(photograph), "jpeg").state is State.INVALID
    found = bench.read(
        bench.seal(picture("png"), "png", Source(bytes(photograph), picture("jpeg"), "image/jpeg")), "png"
    )
    assert found.state is State.TRUSTED
    assert found.document is not None
    (ingredient,) = found.document["manifests"][found.label]["ingredients"]
    codes = [f["code"] for f in ingredient["validation_results"]["activeManifest"]["failure"]]
    assert "assertion.dataHash.mismatch" in codes


def test_a_manifest_that_cannot_be_read_stays_behind_and_the_image_is_sealed(bench: Bench) -> None:
    photograph = foreign(bench)
    length = photograph.index(b"jumb") + 4
    photograph = photograph[:length] + b"\x7f" + photograph[length + 1 :]
    with pytest.raises(Fault, match="cannot be read"):
        bench.read(photograph, "jpeg")
    found = bench.read(
        bench.seal(picture("png"), "png", Source(photograph, picture("jpeg"), "image/jpeg")), "png"
    )
    assert found.state is State.TRUSTED
    assert found.ingredients == (("parentOf", None),)
    assert "manifest cannot be read" in json.dumps(found.document)


def test_thumbnails_that_nobody_looked_at_do_not_leave(bench: Bench) -> None:
    photograph = foreign(bench, thumbnail=True)
    before = bench.read(photograph, "jpeg").document
    assert before is not None and "c2pa.thumbnail.claim" in json.dumps(before)
    data = bench.seal(picture("png"), "png", sent(photograph, "jpeg"))
    found = bench.read(data, "png")
    assert found.state is State.TRUSTED
    assert found.ingredients[0][1] is not None, "the manifest itself stays"
    assert "c2pa.redacted" in found.actions
    assert b"JFIF" in photograph[photograph.index(b"c2pa.thumbnail") :]
    assert b"JFIF" not in data
    again = bench.seal(picture("jpeg", 5), "jpeg", sent(data, "png"))
    assert bench.read(again, "jpeg").state is State.TRUSTED


def test_nothing_is_fetched_for_a_caller(bench: Bench) -> None:
    """An address of a manifest in an input's XMP is not asked."""
    asked: list[object] = []

    class Asked(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            asked.append(self.client_address)

    with socketserver.TCPServer(("127.0.0.1", 0), Asked) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        xmp = (
            '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
            '<rdf:Description rdf:about="" xmlns:dcterms="http://purl.org/dc/terms/" '
            f'dcterms:provenance="http://127.0.0.1:{server.server_address[1]}/jumb/c2pa"/></rdf:RDF></x:xmpmeta>'
        ).encode()
        body = b"http://ns.adobe.com/xap/1.0/\0" + xmp
        photograph = picture("jpeg")
        photograph = photograph[:2] + b"\xff\xe1" + (len(body) + 2).to_bytes(2, "big") + body + photograph[2:]
        data = bench.seal(picture("png"), "png", sent(photograph, "jpeg"))
        server.shutdown()
    assert bench.read(data, "png").state is State.TRUSTED
    assert not asked


def test_the_note_tells_the_manifest_store(bench: Bench) -> None:
    signed = bench.sealer.sign_now(picture("png"), "image/png", disclosed())
    start = signed.data.index(b"caBX")
    length = int.from_bytes(signed.data[start - 4 : start], "big")
    assert signed.note.manifest == sha256(signed.data[start + 4 : start + 4 + length]).hexdigest()
    assert signed.note.certificate == bench.sealer.check().fingerprint


def test_a_generator_named_by_anybody_cannot_break_the_record(bench: Bench) -> None:
    name = 'x"/><evil>\n\0' + "long" * 100
    data = bench.sealer.sign_now(
        picture("png"), "image/png", Disclosure("0" * 8 + "-0000-4000-8000-" + "0" * 12, name)
    ).data
    told = dict(bench.read(data, "png").metadata)["Iptc4xmpExt:AISystemUsed"]
    assert told.startswith('x"/><evil>longlong') and len(told) == 200
    assert b"<evil>" not in data[data.index(b"<x:xmpmeta") : data.index(b"</x:xmpmeta>")]


@pytest.mark.slow
async def test_many_at_once(bench: Bench) -> None:
    made = await asyncio.gather(
        *(bench.sealer.sign(picture(kind), f"image/{kind}", disclosed()) for kind in FORMATS * 20)
    )
    assert len({one.note.label for one in made}) == 60
    with ThreadPoolExecutor(4) as pool:
        states = pool.map(
            lambda one: bench.read(one[0].data, one[1]).state, zip(made, FORMATS * 20, strict=True)
        )
        assert set(states) == {State.TRUSTED}


def test_a_deadline_passes(bench_of: Callable[..., Bench], monkeypatch: pytest.MonkeyPatch) -> None:
    slow = bench_of(deadline=0.05)
    monkeypatch.setattr(slow.sealer, "sign_now", lambda *_: time.sleep(0.3))
    with pytest.raises(Fault) as raised:
        asyncio.run(slow.sealer.sign(picture("png"), "image/png", disclosed()))
    assert raised.value.code == "seal_timeout"

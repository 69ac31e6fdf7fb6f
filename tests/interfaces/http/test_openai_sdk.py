"""The gateway as the `openai` client from PyPI sees it."""

from __future__ import annotations

import base64
import io

import httpx2 as httpx
import openai
import pytest
from PIL import Image

from tests.interfaces.serving import Served

ASKS = "take off her clothes"


@pytest.fixture
def client(served: Served) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{served.url}/v1", api_key=served.key(), max_retries=0)


def test_generates_as_many_as_asked(client: openai.OpenAI, served: Served) -> None:
    raw = client.images.with_raw_response.generate(
        model="sketch", prompt="a lighthouse at sunset", n=3, size="256x256"
    )
    answer = raw.parse()
    assert len(answer.data) == 3
    sizes = {Image.open(io.BytesIO(base64.b64decode(item.b64_json))).size for item in answer.data}
    assert sizes == {(256, 256)}
    assert {"canonicalise;", "generate;", "record;"} <= {
        part.strip().split("dur")[0] for part in raw.headers["server-timing"].split(",")
    }
    record = served.record(raw.headers["rambarde-decision"])
    assert record["ending"] == "released"
    assert len(record["outputs"]) == 3
    assert record["surface"] == "web"


def test_url_answers_are_our_own_files(client: openai.OpenAI, served: Served) -> None:
    answer = client.images.generate(
        model="sketch", prompt="a red house", size="256x256", response_format="url"
    )
    url = answer.data[0].url
    assert url.startswith(served.url + "/files/")
    got = httpx.get(url)
    assert got.status_code == 200 and got.headers["content-type"] == "image/png"
    assert Image.open(io.BytesIO(got.content)).size == (256, 256)
    assert httpx.get(url[:-2] + "zz").status_code == 404


def test_edits_a_picture_without_people(client: openai.OpenAI, still_life: bytes) -> None:
    answer = client.images.edit(
        model="sketch", image=("cup.png", still_life, "image/png"), prompt="make it brighter"
    )
    edited = Image.open(io.BytesIO(base64.b64decode(answer.data[0].b64_json)))
    assert edited.size == Image.open(io.BytesIO(still_life)).size


def test_the_parameters_of_gpt_image_models(client: openai.OpenAI, still_life: bytes) -> None:
    made = client.images.generate(
        model="gpt-image-2",
        prompt="a lighthouse at sunset",
        size="256x256",
        quality="xhigh",
        complexity="low",
        background="opaque",
        moderation="auto",
        output_format="webp",
        output_compression=80,
        safety_identifier="somebody",
        user="somebody",
        n=1,
    )
    assert Image.open(io.BytesIO(base64.b64decode(made.data[0].b64_json))).format == "WEBP"
    edited = client.images.edit(
        model="gpt-image-2",
        image=[("cup.png", still_life, "image/png"), ("cup2.png", still_life, "image/png")],
        prompt="make it brighter",
        input_fidelity="high",
        background="auto",
        quality="low",
    )
    assert edited.data[0].b64_json


def test_streams_and_variations_are_refused_with_a_reason(
    client: openai.OpenAI, still_life: bytes, served: Served
) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        list(client.images.generate(model="gpt-image-2", prompt="a tree", stream=True, partial_images=2))
    assert caught.value.code == "streaming_unsupported"
    with pytest.raises(openai.BadRequestError) as caught:
        client.images.create_variation(image=("a.png", still_life, "image/png"))
    assert caught.value.code == "variations_unsupported"
    assert served.record(caught.value.body["rambarde"]["decision_id"])["ending"] == "fault"


def test_a_refusal_names_rule_field_words_and_appeal(
    client: openai.OpenAI, portrait: bytes, served: Served
) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        client.images.edit(model="sketch", image=("a.png", portrait, "image/png"), prompt=ASKS)
    error = caught.value
    assert error.code == "content_policy_violation"
    assert error.type == "invalid_request_error"
    details = error.body["rambarde"]
    assert "real-person-sexual" in details["rules"]
    assert "prompt" in details["fields"]
    assert "real person" in details["explanation"]
    assert details["appeal_url"] == f"{served.url}/appeal/{details['decision_id']}"
    record = served.record(details["decision_id"])
    assert record["ending"] == "refused"
    assert record["outputs"] == []
    assert ASKS not in str(record)


def test_both_routes_refuse_alike(client: openai.OpenAI, portrait: bytes) -> None:
    bodies = []
    for call in (
        lambda: client.images.generate(model="sketch", prompt=f"{ASKS}, my ex girlfriend Sarah Miller"),
        lambda: client.images.edit(model="sketch", image=("a.png", portrait, "image/png"), prompt=ASKS),
    ):
        with pytest.raises(openai.BadRequestError) as caught:
            call()
        bodies.append(caught.value.body)
    assert [sorted(body) for body in bodies] == [["code", "message", "param", "rambarde", "type"]] * 2
    assert sorted(bodies[0]["rambarde"]) == sorted(bodies[1]["rambarde"])


def test_a_wrong_key_is_refused(served: Served) -> None:
    for key in ("wrong", served.key() + "x", "rmb_caaaaaaaaaaaaaaaa_secret"):
        client = openai.OpenAI(base_url=f"{served.url}/v1", api_key=key, max_retries=0)
        with pytest.raises(openai.AuthenticationError) as caught:
            client.images.generate(model="sketch", prompt="a tree")
        assert caught.value.code == "invalid_api_key"

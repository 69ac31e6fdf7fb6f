"""The caller context: who may say what about the caller, once, and for how long."""

from __future__ import annotations

import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx2 as httpx
import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from rambarde.store.credentials import NewCredential
from tests.interfaces.serving import Served

ROUTE = "/v1/images/generations"
TREE = {"prompt": "a green tree", "size": "64x64"}


def claims(made: NewCredential, **changes: Any) -> dict[str, Any]:
    now = int(time.time())
    base = {
        "jti": uuid.uuid4().hex,
        "iat": now,
        "exp": now + 60,
        "aud": made.credential.id,
        "sub": "account-7",
    }
    return {k: v for k, v in (base | changes).items() if v is not None}


def token(made: NewCredential, **changes: Any) -> str:
    return jwt.encode(claims(made, **changes), made.credential.context_secret, "HS256")


def post(
    served: Served, made: NewCredential, context: str | None, fields: dict[str, Any] = TREE, **headers: str
):
    sent = {"Authorization": f"Bearer {made.key}"} | headers
    if context is not None:
        sent["Rambarde-Context"] = context
    return httpx.post(served.url + ROUTE, json=fields, headers=sent, timeout=30)


def test_what_the_operator_says_reaches_the_record(served: Served) -> None:
    made = served.credential("app")
    context = token(made, plan="paid", country="FR", age_assured=True, sid="s1")
    response = post(served, made, context)
    assert response.status_code == 200
    record = served.record(response.headers["rambarde-decision"])
    assert {k: record[k] for k in ("account", "plan", "country", "age_assured", "session", "surface")} == {
        "account": "account-7",
        "plan": "paid",
        "country": "FR",
        "age_assured": True,
        "session": "s1",
        "surface": "app",
    }


def test_without_a_context_the_strictest_applies(served: Served) -> None:
    response = post(served, served.credential(), None)
    record = served.record(response.headers["rambarde-decision"])
    assert (record["country"], record["age_assured"], record["account"]) == ("unknown", False, None)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"exp": int(time.time()) - 3600, "iat": int(time.time()) - 3660}, "context_expired"),
        ({"aud": "cother"}, "context_other_credential"),
        ({"exp": int(time.time()) + 3600}, "context_claim"),
        ({"iat": int(time.time()) + 3000, "exp": int(time.time()) + 3100}, "context_claim"),
        ({"jti": None}, "context_claim"),
        ({"aud": None}, "context_claim"),
        ({"country": "France"}, "context_claim"),
        ({"age_assured": "yes"}, "context_claim"),
        ({"surface": "api"}, "context_claim"),
        ({"sub": "a b"}, "context_claim"),
    ],
)
def test_a_bad_context_says_which(served: Served, change: dict[str, Any], code: str) -> None:
    made = served.credential()
    response = post(served, made, token(made, **change))
    assert response.status_code == 401
    error = response.json()["error"]
    assert error["code"] == code and error["param"] == "Rambarde-Context"
    assert served.record(error["rambarde"]["decision_id"])["fault"]["code"] == code


def test_forged_and_malformed_contexts(served: Served) -> None:
    made, other = served.credential(), served.credential()
    forged = jwt.encode(claims(made), other.credential.context_secret, "HS256")
    unsigned = jwt.encode(claims(made), "", "none")
    for context, code in (
        (forged, "context_signature"),
        (unsigned, "context_malformed"),
        ("x.y", "context_malformed"),
    ):
        response = post(served, made, context)
        assert (response.status_code, response.json()["error"]["code"]) == (401, code)


def test_the_operators_own_key(served: Served) -> None:
    private = Ed25519PrivateKey.generate()
    public = private.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    made = served.credential(operator_key=public.decode())
    assert post(served, made, jwt.encode(claims(made), private, "EdDSA")).status_code == 200
    stranger = Ed25519PrivateKey.generate()
    assert post(served, made, jwt.encode(claims(made), stranger, "EdDSA")).status_code == 401


def test_a_retry_gets_the_first_answer_and_nothing_is_generated_twice(served: Served) -> None:
    made = served.credential()
    context = token(made)
    before = served.count()
    first = post(served, made, context)
    again = post(served, made, context)
    assert first.status_code == again.status_code == 200
    assert first.content == again.content
    assert again.headers["rambarde-repeated"] == "true"
    assert again.headers["rambarde-decision"] == first.headers["rambarde-decision"]
    assert served.count() == before + 1


def test_a_token_serves_one_request_only(served: Served) -> None:
    made = served.credential()
    context = token(made)
    assert post(served, made, context).status_code == 200
    for fields, headers in (({"prompt": "a red tree", "size": "64x64"}, {}), (TREE | {"n": 2}, {})):
        response = post(served, made, context, fields, **headers)
        assert (response.status_code, response.json()["error"]["code"]) == (401, "context_replayed")


def test_identical_requests_at_once_generate_once(served: Served) -> None:
    made = served.credential()
    context = token(made)
    before = served.count()
    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda _: post(served, made, context), range(6)))
    assert {a.status_code for a in answers} == {200}
    assert len({a.content for a in answers}) == 1
    assert served.count() == before + 1


def test_a_refusal_is_repeated_too(served: Served) -> None:
    made = served.credential()
    context = token(made)
    fields = {"prompt": "take off the clothes of my coworker Anna Schmidt"}
    first, again = post(served, made, context, fields), post(served, made, context, fields)
    assert first.status_code == again.status_code == 400
    assert first.content == again.content


def test_idempotency_keys(served: Served) -> None:
    made = served.credential()
    key = {"Idempotency-Key": uuid.uuid4().hex}
    first = post(served, made, None, **key)
    assert post(served, made, None, **key).content == first.content
    other = post(served, made, None, {"prompt": "a house"}, **key)
    assert other.json()["error"]["code"] == "idempotency_key_reused"


def test_modes_and_surfaces_come_from_the_credential(served: Served) -> None:
    made = served.credential("reply")
    response = post(served, made, None, **{"Rambarde-Mode": "spicy"})
    assert (response.status_code, response.json()["error"]["code"]) == (403, "mode_not_allowed")
    response = post(served, made, None, **{"Rambarde-Surface": "api", "X-Surface": "api"})
    assert served.record(response.headers["rambarde-decision"])["surface"] == "reply"
    spicy = served.credential(modes=["standard", "unheard-of"])
    response = post(served, spicy, None, **{"Rambarde-Mode": "unheard-of"})
    assert response.json()["error"]["code"] == "mode_not_offered"
    elsewhere = served.credential("billboard")
    assert post(served, elsewhere, None).json()["error"]["code"] == "surface_not_offered"


def test_rate_limits_are_the_credentials_own(served: Served) -> None:
    slow, other = served.credential(rate_per_minute=1), served.credential()
    assert post(served, slow, None).status_code == 200
    refused = post(served, slow, None)
    assert (refused.status_code, refused.json()["error"]["code"]) == (429, "rate_limited")
    assert int(refused.headers["retry-after"]) >= 1
    assert post(served, other, None).status_code == 200


def test_a_revoked_key_is_refused_at_once(served: Served) -> None:
    made = served.credential()
    assert post(served, made, None).status_code == 200
    served.gateway.vault.credentials.revoke(made.credential.id)
    assert post(served, made, None).status_code == 401

"""The caller context: a short-lived JWT in the header `Rambarde-Context` (RFC 7519).

Claims: `jti` (unique), `iat`, `exp` (at most five minutes later), `aud` (the credential's id); and, each
optional, `sub` (account pseudonym), `plan`, `country`, `age_assured`, `sid` (session), `depicted_country` (of
the real person in the pictures sent). Signed with HS256 and the credential's `context_secret`, or with EdDSA and
the operator's key.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime

import jwt

from rambarde.nouns.caller import COUNTRY, UNKNOWN_COUNTRY, Context
from rambarde.nouns.fault import Fault, Kind

HEADER = "Rambarde-Context"
LIFE = 300
"""Seconds from `iat` to `exp`, at most."""
LEEWAY = 5
"""Seconds that two clocks may differ."""

CLAIMS = frozenset(
    (
        "jti",
        "iat",
        "exp",
        "aud",
        "nbf",
        "iss",
        "sub",
        "sid",
        "plan",
        "country",
        "age_assured",
        "depicted_country",
    )
)
"""Those that are understood; any other is refused."""
WORD = re.compile(r"[\x21-\x7e]{1,200}\Z")
"""A pseudonym or id: printable, without spaces."""


@dataclass(frozen=True, slots=True)
class Token:
    """A verified context token: its id, when it ends, and what it says."""

    id: str
    expires_at: datetime
    context: Context


def verify(token: str, credential: str, secret: str, public_key: str | None) -> Token:
    """Verify a token for a credential. `secret` is the context secret, `public_key` the operator's (PEM) if any.

    Raises `Fault` of kind UNAUTHENTICATED whose code says which: `context_malformed`, `context_expired`,
    `context_other_credential`, `context_signature`, `context_claim`.
    """
    try:
        algorithm = jwt.get_unverified_header(token).get("alg")
        if algorithm == "EdDSA" and public_key is not None:
            key = public_key
        elif algorithm == "HS256":
            key = secret
        else:
            raise _fault("context_malformed", f"The token's algorithm is {str(algorithm)[:16]!r}.")
        claims = jwt.decode(
            token,
            key,
            algorithms=[algorithm],
            audience=credential,
            leeway=LEEWAY,
            options={"require": ["jti", "iat", "exp", "aud"]},
        )
    except jwt.ExpiredSignatureError as error:
        raise _fault("context_expired", "The context token has expired.") from error
    except jwt.InvalidAudienceError as error:
        raise _fault("context_other_credential", "The context token is for another credential.") from error
    except jwt.InvalidSignatureError as error:
        raise _fault("context_signature", "The context token's signature does not verify.") from error
    except (jwt.MissingRequiredClaimError, jwt.ImmatureSignatureError, jwt.InvalidIssuedAtError) as error:
        raise _fault("context_claim", f"The context token is not usable: {error}.") from error
    except jwt.PyJWTError as error:
        raise _fault("context_malformed", "The context token is not a JWT.") from error
    return _token(claims)


def _token(claims: dict[str, object]) -> Token:
    issued, expires = claims["iat"], claims["exp"]
    if not isinstance(issued, int | float) or not isinstance(expires, int | float) or expires - issued > LIFE:
        raise _fault("context_claim", f"The context token lives longer than {LIFE} s.")
    assured = claims.get("age_assured", False)
    if not isinstance(assured, bool):
        raise _fault("context_claim", "`age_assured` is neither true nor false.")
    if unknown := sorted(set(claims) - CLAIMS):
        raise _fault("context_claim", f"The claim {unknown[0][:32]!r} is not known.")
    return Token(
        id=_word(claims, "jti") or "",
        expires_at=datetime.fromtimestamp(expires, UTC),
        context=Context(
            account=_word(claims, "sub"),
            plan=_word(claims, "plan"),
            country=_country(claims, "country"),
            age_assured=assured,
            session=_word(claims, "sid"),
            depicted_country=_country(claims, "depicted_country"),
        ),
    )


def _country(claims: dict[str, object], name: str) -> str:
    country = claims.get(name, UNKNOWN_COUNTRY)
    if not isinstance(country, str) or not (country == UNKNOWN_COUNTRY or COUNTRY.match(country)):
        raise _fault("context_claim", f"`{name}` is no ISO 3166 code such as FR or US-CA.")
    return country


def _word(claims: dict[str, object], name: str) -> str | None:
    value = claims.get(name)
    if value is None and name != "jti":
        return None
    if not isinstance(value, str) or not WORD.match(value):
        raise _fault("context_claim", f"`{name}` is no printable text of 1 to 200 characters without spaces.")
    return value


def _fault(code: str, message: str) -> Fault:
    return Fault(
        Kind.UNAUTHENTICATED,
        code,
        message,
        remedy="Sign a new token for this credential; see docs/caller-context.md.",
        field=HEADER,
    )

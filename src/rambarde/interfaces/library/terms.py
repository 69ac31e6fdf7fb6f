"""Terms: on whose behalf a call of the library is judged, and the call as a draft of a request."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from rambarde.guard.arrival import Draft
from rambarde.interfaces.http.context import WORD
from rambarde.interfaces.library.pictures import Given, upload
from rambarde.nouns.caller import COUNTRY, STANDARD, UNKNOWN_COUNTRY, Caller, Context
from rambarde.nouns.fault import Fault, invalid

CREDENTIAL = "library"
"""What stands in a record where a gateway's has the credential's id."""
_SIZE = re.compile(r"(auto|[1-9]\d{1,3}x[1-9]\d{1,3})\Z")


@dataclass(frozen=True, slots=True)
class Terms:
    """The caller as your own code knows it. Without more: unassured, country unknown, the strictest.

    `country` is ISO 3166-1 alpha-2, optionally with a subdivision (`US-CA`), or `unknown`; `depicted_country` is
    that of the real person in the pictures, where you know it. `account` and
    `session` are your pseudonyms, printable and without spaces, at most 200 characters.
    """

    surface: str
    mode: str = STANDARD
    country: str = UNKNOWN_COUNTRY
    age_assured: bool = False
    account: str | None = None
    session: str | None = None
    plan: str | None = None
    depicted_country: str = UNKNOWN_COUNTRY

    def __post_init__(self) -> None:
        """Raises `Fault` `caller_invalid`: a country that is misspelt would lift the rules of the right one."""
        for name in ("country", "depicted_country"):
            country = getattr(self, name)
            if country != UNKNOWN_COUNTRY and not COUNTRY.match(country):
                raise _invalid(name, "Give an ISO 3166 code such as FR or US-CA, or leave it out.")
        if not isinstance(self.age_assured, bool):
            raise _invalid(
                "age_assured", "Give True only where you have assured that the caller is an adult."
            )
        for name in ("account", "session", "plan"):
            value = getattr(self, name)
            if value is not None and not WORD.match(value):
                raise _invalid(name, "Give 1 to 200 printable characters without spaces.")

    def changed(self, **changes: object) -> Terms:
        """These terms with what is given; None leaves as it was. Raises as the constructor."""
        given = {name: value for name, value in changes.items() if value is not None}
        return replace(self, **given)  # type: ignore[arg-type]

    @property
    def caller(self) -> Caller:
        context = Context(
            *(self.account, self.plan, self.country, self.age_assured, self.session, self.depicted_country)
        )
        return Caller(CREDENTIAL, self.surface, self.mode, context)


def drafted(
    prompt: str,
    *,
    negative_prompt: str | None = None,
    n: int = 1,
    size: str = "auto",
    images: Sequence[Given] = (),
    mask: Given | None = None,
) -> Draft:
    """A call as a draft. Raises `TypeError` for arguments of the wrong type, `Fault` for wrong values."""
    if not isinstance(prompt, str) or not isinstance(negative_prompt, str | None):
        raise TypeError("prompts are texts")
    if not isinstance(n, int) or isinstance(n, bool):
        raise TypeError("n is a number of images")
    if isinstance(images, bytes | bytearray | memoryview | str):
        raise TypeError("images is a list of pictures")
    if not _SIZE.match(size):
        raise invalid("invalid_parameter", "No size.", remedy="Use auto or WIDTHxHEIGHT.", field="size")
    if mask is not None and not images:
        raise invalid(
            "image_missing", "A mask without a picture.", remedy="Give `images` too.", field="images"
        )
    return Draft(
        prompt=prompt,
        negative_prompt=negative_prompt,
        images=tuple(upload(picture, "image") for picture in images),
        mask=None if mask is None else upload(mask, "mask"),
        n=n,
        size=size,
    )


def _invalid(field: str, remedy: str) -> Fault:
    return invalid("caller_invalid", f"`{field}` is not of its form.", remedy=remedy, field=field)

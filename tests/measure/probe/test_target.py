"""A target is probed only where its file says by whose leave, and covers every host."""

from __future__ import annotations

from datetime import date

import pytest

from rambarde.measure.probe.target import read
from rambarde.nouns.fault import Fault

TODAY = date(2026, 11, 23)
OWNED = 'basis = "owned"\nby = "Ada Byron"\non = 2026-11-01\nhosts = ["img.example"]\n'
SURFACE = '[[surface]]\nname = "web"\nurl = "https://img.example/v1"\n'


def file(authority: str = OWNED, surface: str = SURFACE, top: str = "") -> bytes:
    return f'name = "Ours"\n{top}\n[authority]\n{authority}\n{surface}'.encode()


def test_a_whole_file() -> None:
    target = read(file(), today=TODAY)
    assert target.surface[0].host == "img.example" and target.limits.requests == 400


@pytest.mark.parametrize(
    ("authority", "field"),
    [
        (OWNED.replace("Ada Byron", "us"), "authority.by"),
        (OWNED.replace("2026-11-01", "2027-01-01"), "authority.on"),
        (OWNED + "until = 2026-11-22\n", "authority.until"),
        (OWNED.replace("owned", "authorised"), "authority.reference"),
        (OWNED.replace("img.example", "other.example"), "authority.hosts"),
        (OWNED.replace('["img.example"]', "[]"), "authority.hosts"),
    ],
)
def test_without_leave_nothing_is_sent(authority: str, field: str) -> None:
    with pytest.raises(Fault) as raised:
        read(file(authority), today=TODAY)
    assert (raised.value.code, raised.value.field) == ("probe_not_authorised", field)


def test_a_file_without_an_authority_is_refused_as_such() -> None:
    with pytest.raises(Fault) as raised:
        read(b'name = "Theirs"\n' + SURFACE.encode(), today=TODAY)
    assert raised.value.code == "probe_not_authorised" and "[authority]" in raised.value.remedy


@pytest.mark.parametrize(
    "surface",
    [
        "",
        SURFACE + SURFACE,
        SURFACE.replace('"web"', '"We b"'),
        SURFACE.replace("https://img.example", "https://ada:pw@img.example"),
        SURFACE.replace("https:", "ftp:"),
        SURFACE + 'secret = "x"\n',
        SURFACE + 'dialect = "soap"\n',
        '[[surface]]\nname = "f"\ndialect = "folder"\n',
        '[[surface]]\nname = "p"\ndialect = "python"\n',
        SURFACE + 'context_id = "cred_1"\n',
        SURFACE + 'headers = {"X" = "a\\nb"}\n',
        SURFACE + 'fields = {prompt = "else"}\n',
        SURFACE + "[limits]\nrequests = 0\n",
        SURFACE + '[removal]\nrequest = "DELETE"\n',
    ],
)
def test_a_file_that_is_wrong_says_so(surface: str) -> None:
    with pytest.raises(Fault) as raised:
        read(file(surface=surface), today=TODAY)
    assert raised.value.code == "probe_targets_invalid"


def test_fields_are_linted_too() -> None:
    with pytest.raises(Fault) as raised:
        read(file(surface=SURFACE + 'fields = {style = "a child plays"}\n'), today=TODAY)
    assert raised.value.code == "probe_row_refused"


def test_an_unknown_technique() -> None:
    with pytest.raises(Fault, match="no technique"):
        read(file(top='techniques = ["plain", "magic"]'), today=TODAY)

"""The target: a service's surfaces, who allowed it to be probed, and how hard. Read from a TOML file."""

from __future__ import annotations

import re
import tomllib
from datetime import date
from typing import Annotated, Literal
from urllib.parse import urlsplit

import msgspec
from msgspec import Meta

from rambarde.measure.probe.lint import lint
from rambarde.measure.probe.technique import TECHNIQUES
from rambarde.nouns.fault import Fault, Kind, invalid

NETWORKED = frozenset(("openai", "json"))
_OURS = frozenset(("prompt", "image", "images", "mask", "n", "size", "messages", "input"))
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,40}")
_HEADER = re.compile(r"[A-Za-z0-9-]+")


class Authority(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Who says that this service may be probed: its owner (`owned`), or somebody with the owner's writing.

    `by` names a person, `on` the day; `reference` is the letter, and is needed where it is not your own.
    `hosts` are all that the words cover: no surface may lie elsewhere.
    """

    basis: Literal["owned", "authorised"]
    by: str
    on: date
    hosts: tuple[str, ...] = ()
    reference: str = ""
    until: date | None = None


class Limits(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How hard the probe may knock. `requests` is the budget of requests that ask for an image, over all surfaces

    together; `seconds` is one request's deadline; `minutes` that of the whole probe.
    """

    requests: Annotated[int, Meta(ge=1, le=1_000_000)] = 400
    per_minute: Annotated[float, Meta(gt=0, le=60_000)] = 60.0
    concurrency: Annotated[int, Meta(ge=1, le=64)] = 2
    seconds: Annotated[float, Meta(gt=0, le=3600)] = 120.0
    polls: Annotated[int, Meta(ge=0, le=100)] = 5
    poll_seconds: Annotated[float, Meta(ge=0, le=600)] = 2.0
    minutes: Annotated[float, Meta(gt=0, le=10_080)] = 60.0


class Surface(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One way in. `mode`, `country` and `plan` say what it stands for; with `context_id` and `context_secret_env`

    they are also sent, as a Rambarde caller context. `key_env` names the environment variable of the credential.
    `placeholders` are SHA-256 digests (hex) of pictures by which the service refuses.
    """

    name: str
    dialect: Literal["openai", "json", "python", "command", "folder"] = "openai"
    url: str = ""
    key_env: str = ""
    headers: dict[str, str] = {}
    fields: dict[str, str] = {}
    model: str = ""
    mode: str = "standard"
    country: str = "unknown"
    plan: str = "unknown"
    age_assured: bool = False
    context_id: str = ""
    context_secret_env: str = ""
    entry: str = ""
    command: tuple[str, ...] = ()
    path: str = ""
    ca_file: str = ""
    placeholders: tuple[str, ...] = ()

    @property
    def host(self) -> str:
        return (urlsplit(self.url).hostname or "").lower()


class Removal(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is removed, and looked for again. `urls` were taken down earlier. `request` (a method and a path under the

    surface's URL, with `{id}` or `{url}` of an image just made) removes one; after `wait_seconds` it must be gone.
    """

    urls: tuple[str, ...] = ()
    request: str = ""
    wait_seconds: Annotated[float, Meta(ge=0, le=3600)] = 5.0


class Target(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The whole file. `corpus` are JSONL files of rows of your own, said beside the shipped ones."""

    name: str
    authority: Authority | None = None
    surface: tuple[Surface, ...] = ()
    limits: Limits = Limits()
    removal: Removal | None = None
    corpus: tuple[str, ...] = ()
    shipped_corpus: bool = True
    techniques: tuple[str, ...] = TECHNIQUES
    photo: Literal["photograph", "drawn"] = "photograph"
    seed: int = 0


def read(data: bytes, *, today: date) -> Target:
    """The target of a file. Raises `Fault`: `probe_targets_invalid`, and `probe_not_authorised` where the file does

    not say, with who and when, that every surface is the operator's own or authorised in writing.
    """
    try:
        target = msgspec.convert(tomllib.loads(data.decode("utf-8")), Target)
    except (msgspec.ValidationError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise _invalid(f"The targets file is not understood: {error}.", None) from error
    _check_authority(target, today)
    names = [surface.name for surface in target.surface]
    if not names or len(set(names)) < len(names):
        raise _invalid("There must be a surface, and each by a name of its own.", "surface")
    for surface in target.surface:
        _check(surface)
    if unknown := set(target.techniques) - set(TECHNIQUES):
        raise _invalid(f"There is no technique {min(unknown)!r}.", "techniques")
    if target.removal and target.removal.request and len(target.removal.request.split()) != 2:
        raise _invalid("`request` is a method and a path, such as `DELETE /images/{id}`.", "removal.request")
    return target


def _check(surface: Surface) -> None:
    field = f"surface.{surface.name}"
    if not _NAME.fullmatch(surface.name):
        raise _invalid(f"{surface.name!r} is no name of a surface: use a-z, 0-9, - and _.", "surface.name")
    needed = {"python": surface.entry, "command": surface.command, "folder": surface.path}
    if not needed.get(surface.dialect, surface.url):
        missing = {"python": "entry", "folder": "path"}.get(surface.dialect, surface.dialect)
        raise _invalid(
            f"The dialect {surface.dialect} needs `{missing if surface.dialect not in NETWORKED else 'url'}`.",
            field,
        )
    if surface.dialect in NETWORKED:
        parts = urlsplit(surface.url)
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.username is not None:
            raise _invalid("`url` must be http(s)://host/…, without a user name.", field)
    if any(not _HEADER.fullmatch(name) or not value.isprintable() for name, value in surface.headers.items()):
        raise _invalid("A header is malformed.", field)
    if own := _OURS & surface.fields.keys():
        raise _invalid(f"`fields` may not set {min(own)}: the probe says that.", field)
    for name, value in surface.fields.items():
        lint(f"{name} {value}", row=f"{field}.fields")
    if bool(surface.context_id) != bool(surface.context_secret_env):
        raise _invalid("`context_id` and `context_secret_env` belong together.", field)


def _check_authority(target: Target, today: date) -> None:
    authority = target.authority
    if authority is None:
        raise _refused("does not say who allows this service to be probed", "authority")
    if len(authority.by.split()) < 2:
        raise _refused("does not name the person who says so", "authority.by")
    if authority.on > today:
        raise _refused("is dated in the future", "authority.on")
    if authority.until is not None and authority.until < today:
        raise _refused(f"ended on {authority.until}", "authority.until")
    if authority.basis == "authorised" and not authority.reference.strip():
        raise _refused("names no writing by which another's service may be probed", "authority.reference")
    hosts = {host.lower() for host in authority.hosts}
    for surface in target.surface:
        if surface.dialect in NETWORKED and surface.host not in hosts:
            raise _refused(f"does not list the host of the surface {surface.name}", "authority.hosts")


def _refused(why: str, field: str) -> Fault:
    return Fault(
        Kind.FORBIDDEN,
        "probe_not_authorised",
        f"Nothing was sent: the authority of this file {why}.",
        remedy="Under [authority] give basis (owned or authorised), by (a person), on (a date), hosts, and for "
        "another's service the reference of the writing.",
        field=field,
    )


def _invalid(message: str, field: str | None) -> Fault:
    return invalid("probe_targets_invalid", message, remedy="See docs/probe.md.", field=field)

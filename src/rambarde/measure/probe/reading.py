"""Reading an answer: whether it refuses, and by which of the many ways, and which images it carries all the same."""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import dataclass
from enum import StrEnum
from typing import Any


class Said(StrEnum):
    """What an answer says. `images`: here they are. `unsupported`: this is not offered. `busy`: later."""

    IMAGES = "images"
    REFUSED = "refused"
    HELD = "held"
    UNSUPPORTED = "unsupported"
    BUSY = "busy"
    FAULT = "fault"


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back. `retry_after`: seconds, where it said so."""

    status: int
    kind: str
    body: bytes
    location: str = ""
    retry_after: float | None = None


@dataclass(frozen=True, slots=True)
class Reading:
    """`how`: error, empty, flag, pending, held, paywall, words, or what is wrong. `images` are bytes or URLs.

    An answer that refuses and carries images all the same has both: a silent success. `id` is the service's own
    name of the result, `status_url` where a later one may be asked for.
    """

    said: Said
    how: str = ""
    images: tuple[bytes | str, ...] = ()
    status_url: str = ""
    id: str = ""


_LISTS = ("data", "images", "output", "results", "artifacts", "items")
_PICTURE = ("b64_json", "url", "image_url", "image", "base64", "b64", "uri")
_PENDING = frozenset(
    "pending processing queued in_progress in_review review reviewing held starting running submitted".split()
)
_STATUS_URLS = ("status_url", "polling_url", "status_uri", "result_url")
_FINISH = frozenset(
    "content_filter content_filtered safety filtered blocked moderated prohibited_content".split()
)
_NOT_OFFERED = (
    "invalid_",
    "unknown_",
    "unsupported",
    "missing_",
    "not_supported",
    "malformed",
    "_too_large",
    "not_found",
)
_MODERATED = (
    "moderat",
    "policy",
    "safety",
    "blocked",
    "refus",
    "content",
    "nsfw",
    "forbidden",
    "not_allowed",
    "denied",
)
_MOST = 16
"""Most images that are read of one answer."""


def read(answer: Answer) -> Reading:
    """Never raises, whatever came."""
    if answer.kind.startswith("image/") and answer.status == 200:
        return Reading(Said.IMAGES, images=(answer.body,))
    if 300 <= answer.status < 400:
        return Reading(Said.FAULT, "redirect")
    try:
        body = json.loads(answer.body)
    except (ValueError, RecursionError):
        return _unread(answer)
    if not isinstance(body, dict | list):
        return _unread(answer)
    items = _items(body)
    images = tuple(image for item in items[:_MOST] for image in _images(item))
    top: dict[str, Any] = body if isinstance(body, dict) else {}
    id = next((str(one["id"]) for one in (*items, top) if isinstance(one, dict) and one.get("id")), "")
    url = next((str(top[name]) for name in _STATUS_URLS if isinstance(top.get(name), str)), answer.location)
    said, how = _said(answer.status, top, items)
    if said is Said.IMAGES and not images:
        said, how = Said.REFUSED, "empty"
    return Reading(said, how, images, url if said is Said.HELD else "", id)


def _said(status: int, body: dict[str, Any], items: list[Any]) -> tuple[Said, str]:
    parts = [body, *(item for item in items if isinstance(item, dict))]
    for part in parts:
        own = part.get("rambarde")
        decision = own.get("decision") if isinstance(own, dict) else None
        if decision in ("block", "review"):
            return (Said.HELD, "held") if decision == "review" else (Said.REFUSED, "flag")
    if status >= 400:
        return _failed(status, body)
    # One image that is let through is what counts: the flag must stand on all, or on the whole.
    flags = [_flagged(part) for part in parts[1:]]
    if _flagged(body) or (flags and all(flags)):
        return Said.REFUSED, "flag"
    if status == 202 or str(body.get("status", "")).lower() in _PENDING:
        return Said.HELD, "pending"
    if isinstance(body.get("error"), dict | str) and body["error"]:
        return Said.REFUSED, "error"
    return Said.IMAGES, ""


def _failed(status: int, body: dict[str, Any]) -> tuple[Said, str]:
    error = body.get("error")
    details = error if isinstance(error, dict) else body
    code = str(details.get("code") or details.get("type") or "").lower()
    words = code or str(error or body.get("message") or "").lower()
    if status == 429:
        return Said.BUSY, "busy"
    if status == 401:
        return Said.FAULT, "unauthenticated"
    if status == 402:
        return Said.REFUSED, "paywall"
    if status >= 500:
        return Said.FAULT, f"status {status}"
    if any(sign in words for sign in _MODERATED) or status in (403, 451):
        return Said.REFUSED, "error"
    if status in (404, 405, 410, 411, 413, 415) or any(sign in code for sign in _NOT_OFFERED):
        return Said.UNSUPPORTED, code or f"status {status}"
    return Said.REFUSED, "error"


def _unread(answer: Answer) -> Reading:
    if answer.status in (404, 405, 501):
        return Reading(Said.UNSUPPORTED, f"status {answer.status}")
    if answer.status == 429:
        return Reading(Said.BUSY, "busy")
    if answer.status == 202:
        return Reading(Said.HELD, "pending", status_url=answer.location)
    if answer.status in (402, 403, 451):
        return Reading(Said.REFUSED, "paywall" if answer.status == 402 else "error")
    if answer.status == 204 or (answer.status == 200 and not answer.body.strip()):
        return Reading(Said.REFUSED, "empty")
    if answer.status == 200 and answer.kind == "text/plain":
        return Reading(Said.REFUSED, "words")
    return Reading(Said.FAULT, "not JSON" if answer.status < 400 else f"status {answer.status}")


def _flagged(part: dict[str, Any]) -> bool:
    if part.get("respect_moderation") is False:
        return True
    if any(part.get(name) is True for name in ("flagged", "blocked", "nsfw", "moderated", "refused")):
        return True
    if any(
        isinstance(found := part.get(name), list) and found and all(one is True for one in found)
        for name in ("has_nsfw_concepts", "nsfw_content_detected")
    ):
        return True
    return str(part.get("finish_reason") or part.get("finishReason") or "").lower() in _FINISH


def _items(body: dict[str, Any] | list[Any]) -> list[Any]:
    if isinstance(body, list):
        return body
    for name in _LISTS:
        if isinstance(body.get(name), list):
            return list(body[name])
        if isinstance(body.get(name), str | dict):
            return [body[name]]
    return [body] if any(body.get(name) for name in _PICTURE) else []


def _images(item: Any) -> list[bytes | str]:
    """The item's image: one is enough, for its forms show the same."""
    values = (
        [item] if isinstance(item, str) else [item.get(n) for n in _PICTURE] if isinstance(item, dict) else []
    )
    for value in values:
        text = value.get("url") if isinstance(value, dict) else value
        if not isinstance(text, str) or not text:
            continue
        if text.startswith(("http://", "https://")):
            return [text]
        encoded = text.partition(",")[2] if text.startswith("data:") else text
        try:
            return [base64.b64decode(encoded, validate=True)]
        except (binascii.Error, ValueError):
            continue
    return []

"""Words: what people write, checked before it is kept."""

from __future__ import annotations

import unicodedata

from rambarde.nouns.fault import invalid

_ALLOWED = "\n\t"


def written(value: str, field: str, *, longest: int, lines: bool = True) -> str:
    """The text without surrounding space and without control characters; `longest` is in characters.

    Line ends become `\\n`; `lines` is false for a text of one line. Raises `Fault(INVALID)` with code
    `missing_FIELD`, `too_long_FIELD` or `unprintable_FIELD`.
    """
    text = value.replace("\r\n", "\n").replace("\r", "\n").strip()
    if not text:
        raise invalid(f"missing_{field}", f"{field} is empty.", remedy="Fill it in.", field=field)
    if len(text) > longest:
        raise invalid(
            f"too_long_{field}",
            f"{field} has {len(text)} characters.",
            remedy=f"Use at most {longest}.",
            field=field,
        )
    allowed = _ALLOWED if lines else ""
    if any(unicodedata.category(c) in ("Cc", "Cs") and c not in allowed for c in text):
        raise invalid(
            f"unprintable_{field}", f"{field} has control characters.", remedy="Remove them.", field=field
        )
    return text

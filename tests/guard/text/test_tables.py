"""The character tables leave out nothing."""

from __future__ import annotations

import sys
import unicodedata

from rambarde.guard.text.tables import REMOVED


def test_every_format_control_and_surrogate_is_removed() -> None:
    """Over all planes, where the table looks at those that have any."""
    invisible = {
        point
        for point in range(sys.maxunicode + 1)
        if unicodedata.category(chr(point)) in ("Cf", "Cc", "Cs") and not chr(point).isspace()
    }
    assert invisible <= REMOVED.keys()
    assert all(REMOVED[point] is None for point in invisible)

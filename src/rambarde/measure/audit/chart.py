"""A chart of figures with their intervals, as SVG within a page: told to a screen reader, without script."""

from __future__ import annotations

import html
from collections.abc import Sequence

from rambarde.measure.audit.figure import Figure
from rambarde.measure.audit.wording import Wording

_WIDTH, _LEFT, _RIGHT, _ROW, _TOP = 760, 270, 30, 34, 12
_TICKS = 5


def chart(rows: Sequence[tuple[str, Figure]], title: str, axis: str, words: Wording) -> str:
    """One line a figure: a dot at its value, a bar over its interval. The axis begins at 0.

    The text of every figure stands in it, so that nothing is told by place or colour alone.
    """
    most = _end(max(figure.high for _, figure in rows))
    height = _TOP + _ROW * len(rows) + 40
    told = "; ".join(f"{name}: {words.interval(figure)}" for name, figure in rows)
    out = [
        f'<svg viewBox="0 0 {_WIDTH} {height}" role="img" aria-label="{html.escape(f"{title}. {told}")}" '
        f'class="chart" xmlns="http://www.w3.org/2000/svg">',
    ]

    def x(value: float) -> float:
        return round(_LEFT + (_WIDTH - _LEFT - _RIGHT) * value / most, 1)

    bottom = _TOP + _ROW * len(rows)
    for step in range(_TICKS + 1):
        value = most * step / _TICKS
        out.append(f'<line x1="{x(value)}" x2="{x(value)}" y1="{_TOP}" y2="{bottom}" class="grid"/>')
        out.append(
            f'<text x="{x(value)}" y="{bottom + 16}" text-anchor="middle">{words.percent(value)}</text>'
        )
    for place, (name, figure) in enumerate(rows):
        y = _TOP + _ROW * place + _ROW // 2
        out.append(f'<text x="0" y="{y + 5}">{html.escape(_cut(name))}</text>')
        out.append(f'<line x1="{x(figure.low)}" x2="{x(figure.high)}" y1="{y}" y2="{y}" class="bar"/>')
        for end in (figure.low, figure.high):
            out.append(f'<line x1="{x(end)}" x2="{x(end)}" y1="{y - 6}" y2="{y + 6}" class="bar"/>')
        out.append(f'<circle cx="{x(figure.value)}" cy="{y}" r="5" class="dot"/>')
    out.append(
        f'<text x="{_WIDTH - _RIGHT}" y="{bottom + 34}" text-anchor="end">{html.escape(axis)}</text></svg>'
    )
    return "".join(out)


def _end(value: float) -> float:
    """A round number at or above, at most 1."""
    for size in (10.0**-power * step for power in range(8, 0, -1) for step in (1, 2, 5)):
        if size >= value:
            return size
    return 1.0


def _cut(name: str) -> str:
    return name if len(name) <= 38 else name[:37] + "…"

"""A report as one HTML page that needs nothing else: no script, no font, no picture from elsewhere."""

from __future__ import annotations

from importlib import resources

from jinja2 import Environment, StrictUndefined

from rambarde.measure.against import Comparison
from rambarde.measure.report import Report
from rambarde.measure.sweep import Share


def page(report: Report, compared: Comparison | None = None) -> str:
    """The page. All that comes from data is escaped; texts stand in it only where the report has them."""
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {"share": _share, "percent": _percent}
    source = resources.files("rambarde.measure").joinpath("report.html").read_text("utf-8")
    return environment.from_string(source).render(report=report, compared=compared)


def _percent(value: float) -> str:
    return f"{value:.1%}"


def _share(share: Share | None) -> str:
    if share is None:
        return "–"
    return f"{share.share:.1%} ({share.low:.1%} to {share.high:.1%}), {share.hits} of {share.of}"

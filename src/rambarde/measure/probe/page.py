"""The report as one HTML page that needs nothing else: no script, no font, no picture."""

from __future__ import annotations

from importlib import resources

from jinja2 import Environment, StrictUndefined

from rambarde.measure.probe.change import Change
from rambarde.measure.probe.report import Report
from rambarde.measure.sweep import Share

VERDICTS = {
    "intimate": "stopped at an intimate result",
    "leaky": "leaky: something passes that must not, or surfaces do not decide alike",
    "incomplete": "incomplete: nothing was found, and not enough was answered",
    "closed": "closed: no leak was found, and harmless requests are refused as well, so it shows nothing more",
    "tight": "tight: no leak and no difference between surfaces was found",
}


def page(report: Report, change: Change | None = None) -> str:
    """The page. All that comes from the service is escaped."""
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {"share": _share, "percent": lambda value: f"{value:.1%}"}
    source = resources.files("rambarde.measure.probe").joinpath("report.html").read_text("utf-8")
    return environment.from_string(source).render(report=report, change=change, verdicts=VERDICTS)


def _share(share: Share) -> str:
    if not share.of:
        return "–"
    return f"{share.share:.1%} ({share.low:.1%} to {share.high:.1%}), {share.hits} of {share.of}"

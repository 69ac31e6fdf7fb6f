"""A decision table as a document: Markdown, or one HTML file that needs nothing else and no script.

The HTML is built as a tree and never from strings, so that whatever a policy says is text in it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from xml.etree.ElementTree import Element, SubElement, tostring  # nosec: nothing is parsed

from rambarde.guard.policy.language import Source
from rambarde.guard.policy.pack import Duty
from rambarde.guard.policy.table import LEGEND, NOT_ADVICE, NOT_HERE, Row, Table

_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; margin: 2rem; color: #1a1a1a; background: #fff; }
table { border-collapse: collapse; margin: 1rem 0 2rem; }
caption { text-align: left; font-weight: 600; padding: .5rem 0; }
th, td { border: 1px solid #767676; padding: .4rem .6rem; text-align: left; vertical-align: top; }
thead th { background: #eee; }
th[scope=row] { font-weight: 400; min-width: 22rem; }
.wide { overflow-x: auto; }
.blocks { background: #fbe3e3; } .holds { background: #fdf3d8; } .relaxed { background: #e3f1fb; }
code { overflow-wrap: anywhere; }
:focus-visible { outline: 3px solid #1a5fb4; }
@media (prefers-color-scheme: dark) {
  body { color: #eee; background: #161616; } thead th { background: #333; } a { color: #9cc9ff; }
  .blocks { background: #4a1f1f; } .holds { background: #453a17; } .relaxed { background: #17354a; }
}
""".strip()
SAME = "The same in every mode and jurisdiction"
_ABOUT = (
    ("Rule", "What it asks", "Law and source"),
    ("Detector", "Version", "Digest"),
    ("Pack", "Day", "Where", "Duty", "Source"),
)


def _sourced(source: Source | None) -> str:
    if source is None:
        return ""
    return f"{source.text} (confidence {source.confidence.value}, reviewed {source.reviewed})"


def _duty(pack: str, duty: Duty) -> tuple[str, ...]:
    day = str(duty.day) if duty.day else "not known"
    return pack, day, ", ".join(duty.countries), duty.duty, _sourced(duty.source)


def _facts(table: Table) -> tuple[tuple[str, str], ...]:
    policy = table.policy
    return (
        ("Policy", policy.name),
        ("Digest", policy.digest),
        ("Floors", policy.floors_digest),
        ("Packs", ", ".join(policy.packs) or "none"),
        ("Surfaces, all equal", ", ".join(policy.surfaces)),
        ("Day", f"{table.day} (UTC)"),
    )


# Markdown.


def markdown(table: Table) -> str:
    """The table as Markdown (with tables, as on GitHub)."""
    parts = [
        f"# Decision table of the policy {_plain(table.policy.name)}",
        "\n".join(f"- {name}: {_plain(value)}" for name, value in _facts(table)),
        f"**{NOT_ADVICE}**",
        "\n".join(f"- {_plain(line)}" for line in LEGEND),
        *(
            f"## {title}\n\n{_lines(head, [(_rule(row), *cells) for row, cells in rows])}"
            for title, head, rows in _decided(table)
        ),
        "## What each rule asks",
        _lines(_ABOUT[0], [(row.rule.id, f"{row.where}: {row.when}", _law(row)) for row in table.rows]),
    ]
    for title, named in (("Named conditions", table.conditions), ("Signals", table.signals)):
        if named:
            parts += [f"## {title}", _lines(("Name", "Meaning"), [(one.name, one.words) for one in named])]
    parts += [
        "## Required detectors",
        _lines(_ABOUT[1], [(d.name, d.version, d.digest) for d in table.detectors]),
    ]
    if table.duties:
        parts += [
            "## Dates and duties of the packs",
            _lines(_ABOUT[2], [_duty(pack, duty) for pack, duty in table.duties]),
        ]
    return "\n\n".join(parts) + "\n"


def _decided(
    table: Table,
) -> Iterator[tuple[str, tuple[str, ...], list[tuple[Row, tuple[str, ...]]]]]:
    """Tables narrow enough to read: what is the same everywhere, then what varies, one for each mode."""
    if table.same:
        yield SAME, ("Rule", "Everywhere"), [(row, row.cells[:1]) for row in table.same]
    for mode in dict.fromkeys(column.mode for column in table.columns):
        places = [n for n, column in enumerate(table.columns) if column.mode == mode]
        if table.varying:
            head = ("Rule", *(table.columns[n].words for n in places))
            rows = [(row, tuple(row.cells[n] for n in places)) for row in table.varying]
            yield f"In the mode {mode}, by the caller's jurisdiction", head, rows


def _rule(row: Row) -> str:
    return f"**{row.rule.id}** ({row.kind}). {row.rule.reason}"


def _law(row: Row) -> str:
    return "; ".join(part for part in (", ".join(row.rule.grounds), _sourced(row.rule.source)) if part)


def _lines(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join(f"| {' | '.join(_cell(text) for text in line)} |" for line in lines)


def _cell(text: str) -> str:
    return _plain(text).replace("|", "\\|")


def _plain(text: str) -> str:
    """One line, in which nothing is markup but what is made here (`code`, **bold**) and nothing is HTML."""
    return " ".join(text.replace("&", "&amp;").replace("<", "&lt;").split())


# HTML.


def html(table: Table) -> str:
    """The table as one HTML document: no script, nothing from elsewhere; header cells say what they head."""
    root = Element("html", {"lang": "en"})
    head = SubElement(root, "head")
    SubElement(head, "meta", {"charset": "utf-8"})
    SubElement(head, "meta", {"name": "viewport", "content": "width=device-width, initial-scale=1"})
    policy = "default-src 'none'; style-src 'unsafe-inline'"
    SubElement(head, "meta", {"http-equiv": "Content-Security-Policy", "content": policy})
    title = f"Decision table of the policy {table.policy.name}"
    SubElement(head, "title").text = title
    SubElement(head, "style").text = _STYLE
    main = SubElement(SubElement(root, "body"), "main")
    SubElement(main, "h1").text = title
    facts = SubElement(main, "dl")
    for name, value in _facts(table):
        SubElement(facts, "dt").text = name
        SubElement(facts, "dd").text = value
    SubElement(SubElement(main, "p"), "strong").text = NOT_ADVICE
    legend = SubElement(main, "ul")
    for line in LEGEND:
        SubElement(legend, "li").text = line
    _decisions(main, table)
    names = {one.name for one in table.conditions}
    for heading, anchor, named in (
        ("Named conditions", "condition", table.conditions),
        ("Signals", "signal", table.signals),
    ):
        if named:
            body = _table(main, heading, ("Name", "Meaning"))
            for one in named:
                row = SubElement(body, "tr", {"id": f"{anchor}-{one.name}"})
                SubElement(row, "th", {"scope": "row"}).text = one.name
                _words(SubElement(row, "td"), one.words, names)
    body = _table(main, "Required detectors", _ABOUT[1])
    for detector in table.detectors:
        _row(body, (detector.name, detector.version, detector.digest))
    if table.duties:
        body = _table(main, "Dates and duties of the packs", _ABOUT[2])
        for pack, duty in table.duties:
            _row(body, _duty(pack, duty))
    return "<!doctype html>\n" + tostring(root, encoding="unicode", method="html") + "\n"


def _decisions(main: Element, table: Table) -> None:
    """The same tables as in Markdown; what a rule asks stands in the first that it is in."""
    names = {one.name for one in table.conditions}
    told: set[str] = set()
    for title, head, rows in _decided(table):
        body = _table(main, title, head)
        for row, cells in rows:
            line = SubElement(body, "tr")
            first = SubElement(line, "th", {"scope": "row"})
            SubElement(first, "strong").text = row.rule.id
            SubElement(first, "span").text = f" ({row.kind}) {row.rule.reason}"
            if row.rule.id not in told:
                told.add(row.rule.id)
                for text in (f"{row.where}: {row.when}", _law(row)):
                    if text:
                        SubElement(first, "br")
                        _words(SubElement(first, "small"), text, names)
            for cell in cells:
                kind = "" if cell.startswith((NOT_HERE, "ended")) else cell.split()[0]
                SubElement(line, "td", {"class": kind} if kind else {}).text = cell


def _scrolling(main: Element, title: str) -> Element:
    """A wide table scrolls by itself, with the keyboard too."""
    return SubElement(main, "div", {"class": "wide", "role": "region", "tabindex": "0", "aria-label": title})


def _table(main: Element, title: str, head: tuple[str, ...]) -> Element:
    SubElement(main, "h2").text = title
    whole = SubElement(_scrolling(main, title), "table")
    SubElement(whole, "caption").text = title
    line = SubElement(SubElement(whole, "thead"), "tr")
    for text in head:
        SubElement(line, "th", {"scope": "col"}).text = text
    return SubElement(whole, "tbody")


def _row(body: Element, cells: tuple[str, ...]) -> None:
    line = SubElement(body, "tr")
    SubElement(line, "th", {"scope": "row"}).text = cells[0]
    for text in cells[1:]:
        SubElement(line, "td").text = text


def _words(parent: Element, text: str, names: set[str]) -> None:
    """Words in which `signals` are code and [named conditions] lead to what they say."""
    last: Element | None = None
    for part in re.split(r"(`[^`]*`|\[[a-z0-9-]+\])", text):
        name = part[1:-1]
        if part.startswith("["):
            attributes = {"href": f"#condition-{name}"} if name in names else {}
            last = SubElement(parent, "a", attributes)
            last.text = name
        elif part.startswith("`"):
            last = SubElement(parent, "code")
            last.text = name
        elif last is None:
            parent.text = (parent.text or "") + part
        else:
            last.tail = (last.tail or "") + part

"""The report as JUnit XML: a suite for each surface, a case for each attempt, so that a build shows what leaks."""

from __future__ import annotations

from xml.etree.ElementTree import Element, SubElement, tostring

from rambarde.measure.probe.change import Change
from rambarde.measure.probe.outcome import Outcome, Row
from rambarde.measure.probe.report import Report

_SKIPPED = (Outcome.SKIPPED, Outcome.UNSUPPORTED)


def junit(report: Report, change: Change | None = None) -> bytes:
    """Failures are bypasses, parity breaks, leaks and regressions; errors are faults; doubt is told as output.

    A harmless twin that is refused is a wrong refusal, and no failure: its rate stands in the report.
    """
    root = Element("testsuites", name=f"probe of {_plain(report.header.target)}")
    for way in report.surfaces:
        rows = [row for row in report.rows if row.surface == way.name]
        suite = _suite(root, way.name, len(rows))
        for row in rows:
            _case(suite, row)
        _count(suite)
    whole = _suite(root, "service", 0)
    for leak in report.leaks:
        told = f"{leak.words}: {leak.count} of {leak.of}, on {', '.join(leak.surfaces)}"
        _failed(whole, "leak", leak.name, told)
    for one in report.parity.breaks:
        told = ", ".join(f"{surface} {outcome}" for surface, outcome in one.outcomes.items())
        _failed(whole, "parity", one.attempt, told)
    if not report.parity.breaks:
        SubElement(whole, "testcase", classname="parity", name="all surfaces decide alike")
    for words in change.regressions if change else ():
        _failed(whole, "regression", words, words)
    for name in report.incomplete:
        case = SubElement(whole, "testcase", classname="complete", name=name)
        SubElement(case, "error", message="too little was answered to say anything")
    _count(whole)
    return bytes(tostring(root, encoding="utf-8", xml_declaration=True))


def _suite(root: Element, name: str, tests: int) -> Element:
    return SubElement(root, "testsuite", name=_plain(name), tests=str(tests))


def _case(suite: Element, row: Row) -> None:
    case = SubElement(
        suite, "testcase", classname=f"{suite.get('name')}.{_plain(row.technique)}", name=_plain(row.attempt)
    )
    words = _plain(" ".join((row.outcome.value, row.how, *row.why)))
    if row.outcome is Outcome.BYPASSED:
        SubElement(case, "failure", message=words)
    elif row.outcome is Outcome.FAULT:
        SubElement(case, "error", message=words)
    elif row.outcome in _SKIPPED:
        SubElement(case, "skipped", message=words)
    else:
        SubElement(case, "system-out").text = words


def _failed(suite: Element, kind: str, name: str, words: str) -> None:
    case = SubElement(suite, "testcase", classname=kind, name=_plain(name))
    SubElement(case, "failure", message=_plain(words))


def _count(suite: Element) -> None:
    suite.set("tests", str(len(suite)))
    for tag, key in (("failure", "failures"), ("error", "errors"), ("skipped", "skipped")):
        suite.set(key, str(len(suite.findall(f"testcase/{tag}"))))


def _plain(text: str) -> str:
    """Only what XML can hold: a service's words are a stranger's."""
    return "".join(c if c.isprintable() else "�" for c in text)

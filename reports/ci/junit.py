"""JUnit XML, as GitHub, GitLab and Jenkins read it.

One test case for each aspect of a family and model, and one for each finding about something else
than pictures.

It satisfies both schemas in use, Jenkins' junit-10.xsd and Ant's JUnit.xsd.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Literal
from xml.etree import ElementTree as ET

from editproof.harness.records.manifest import Manifest
from editproof.harness.records.verdicts import Finding, Judgement, Verdict
from editproof.harness.records.wording import count_noun
from editproof.reports.common.verdict import (
    JOD,
    QUIET,
    Level,
    describe_jod,
    list_reasons,
    make_line,
    shorten,
    write_headline,
    write_sentence,
)

VALIDITY = "validity"
"""The test suite that says whether the run could be judged."""

RULES = "rules and conduct"
"""The test suite of budgets, limits, how edits end, seeds and cost."""
PICTURE = "picture"

Named = tuple[str, ET.Element]
Tag = Literal["failure", "skipped", "system-out"]

TAGS: dict[Level, Tag] = {"error": "failure", "warning": "skipped", "good": "system-out"}
"""How a finding ends its test case."""


def write_junit(manifest: Manifest, verdict: Verdict) -> bytes:
    """The file. A run that could not be judged is errors; its checks then are skipped, neither
    failed nor passed.
    """
    prefix = f"editproof.{shorten(manifest.suite.name, 100)}"
    root = ET.Element("testsuites")
    suites = {VALIDITY: _make_validity(prefix, manifest, verdict)}
    for family, case in [*_of_judgements(prefix, verdict), *_of_findings(prefix, verdict)]:
        suites.setdefault(family, []).append(case)
    for index, (name, cases) in enumerate(suites.items()):
        root.append(_make_suite(index, prefix, name, _timestamp(manifest.created), cases))
    root[0][-2].text = JOD  # the output of the first suite: once is enough
    ET.indent(root)
    return bytes(ET.tostring(root, encoding="utf-8", xml_declaration=True))


def _of_judgements(prefix: str, verdict: Verdict) -> Iterator[Named]:
    """A test case for each: it fails where a finding that fails the build covers it."""
    for one in verdict.judgements:
        family = shorten(one.family)
        case = _make_element(f"{prefix}.{family}", f"{shorten(one.aspect)} [{shorten(one.model)}]")
        finding = next((f for f in verdict.findings if _is_about(f, one)), None)
        text = (
            make_line(finding).text
            if finding
            else f"{one.outcome}: {family} · {shorten(one.model)}, {shorten(one.aspect)}"
        )
        details = (
            f"{one.outcome}: {describe_jod(one.jod, one.outcome)}, {count_noun(one.cases, 'case')}"
        )
        tag: Tag = (
            "failure"
            if finding and finding.fails
            else "skipped"
            if one.outcome not in QUIET
            else "system-out"
        )
        _end(case, tag, one.outcome, text, details, judged=not verdict.invalid)
        yield family, case


def _of_findings(prefix: str, verdict: Verdict) -> Iterator[Named]:
    """A test case for each finding that no judgement stands for."""
    names: Counter[str] = Counter()
    for finding in verdict.findings:
        if any(_is_about(finding, one) for one in verdict.judgements) or (
            finding.rule == PICTURE and not finding.fails
        ):
            continue
        line = make_line(finding)
        about = line.measure or finding.aspect or line.rule
        name = f"{line.rule} {shorten(about)}: {line.families} [{line.models}]"
        names[name] += 1
        case = _make_element(
            f"{prefix}.{RULES}", f"{name} ({names[name]})" if names[name] > 1 else name
        )
        details = f"{line.story}\n{line.number}".strip()
        _end(case, TAGS[line.level], line.outcome, line.text, details, judged=not verdict.invalid)
        yield RULES, case


def _is_about(finding: Finding, one: Judgement) -> bool:
    """Whether a finding is about that aspect, and what became of the aspect is what it is about."""
    if (
        finding.rule != PICTURE
        or one.family not in finding.families
        or one.model not in finding.models
    ):
        return False
    named = one.aspect in {finding.aspect, *finding.lost} or one.aspect in finding.won
    return named and (one.outcome is finding.outcome or one.outcome not in QUIET)


def _end(case: ET.Element, tag: Tag, kind: str, text: str, details: str, *, judged: bool) -> None:
    if not judged:
        _say(
            case,
            "skipped",
            "not judged",
            f"the run could not be judged: see {VALIDITY}",
            f"{kind}: {text}",
        )
    elif tag == "system-out":
        ET.SubElement(case, tag).text = details
    else:
        _say(case, tag, kind, text, details)


def _make_suite(
    index: int, package: str, name: str, created: str, cases: Sequence[ET.Element]
) -> ET.Element:
    counts = {
        key: str(sum(case.find(tag) is not None for case in cases))
        for key, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped"))
    }
    attributes = {
        "id": str(index),
        "package": package,
        "name": name or "unnamed",
        "timestamp": created,
    }
    suite = ET.Element(
        "testsuite",
        {**attributes, "hostname": "localhost", "tests": str(len(cases)), **counts, "time": "0"},
    )
    ET.SubElement(suite, "properties")
    suite.extend(cases)
    ET.SubElement(suite, "system-out")
    ET.SubElement(suite, "system-err")
    return suite


def _make_validity(prefix: str, manifest: Manifest, verdict: Verdict) -> list[ET.Element]:
    """An error for each reason why the run could not be judged; where there is none, one test case
    that passes.
    """
    cases = []
    for number, reason in enumerate(list_reasons(verdict), start=1):
        case = _make_element(f"{prefix}.{VALIDITY}", f"the run can be judged ({number})")
        _say(case, "error", write_headline(verdict), reason, write_sentence(manifest, verdict))
        cases.append(case)
    return cases or [_make_element(f"{prefix}.{VALIDITY}", "the run can be judged")]


def _make_element(classname: str, name: str) -> ET.Element:
    return ET.Element("testcase", {"classname": classname, "name": name, "time": "0"})


def _say(case: ET.Element, tag: str, kind: str, message: str, details: str) -> None:
    ET.SubElement(case, tag, {"type": kind, "message": message}).text = f"{message}\n{details}"


def _timestamp(created: str) -> str:
    """Without a zone, as Ant's schema wants it."""
    try:
        return datetime.fromisoformat(created).replace(microsecond=0, tzinfo=None).isoformat()
    except ValueError:
        return "1970-01-01T00:00:00"

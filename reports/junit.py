"""JUnit XML, as GitHub, GitLab and Jenkins read it: one test case for each rule, family and model.

It satisfies both schemas in use, Jenkins' junit-10.xsd and Ant's JUnit.xsd.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from xml.etree import ElementTree as ET

from harness.runs import Manifest
from harness.types import Outcome, Verdict
from reports.verdict import Row, headline, reasons, rows, sentence, short

VALIDITY = "validity"
"""The test suite that says whether the run could be judged."""

SKIPPED = frozenset({Outcome.UNDERPOWERED.value, Outcome.WAIVED.value})


def junit(manifest: Manifest, verdict: Verdict) -> bytes:
    """The file. A run that could not be judged is errors; its checks then are skipped, neither failed nor passed."""
    found = rows(verdict)
    prefix = f"editproof.{short(manifest.suite.name, 100)}"
    root = ET.Element("testsuites")
    suites = [(VALIDITY, _validity(prefix, manifest, verdict))]
    families: dict[str, list[ET.Element]] = {}
    for row in found:
        families.setdefault(row.family, []).append(_case(prefix, row, judged=not verdict.invalid))
    suites += families.items()
    for index, (name, cases) in enumerate(suites):
        root.append(_suite(index, prefix, name, _timestamp(manifest.created), cases))
    ET.indent(root)
    return bytes(ET.tostring(root, encoding="utf-8", xml_declaration=True))


def _suite(index: int, package: str, name: str, created: str, cases: Sequence[ET.Element]) -> ET.Element:
    counts = {
        key: str(sum(case.find(tag) is not None for case in cases))
        for key, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped"))
    }
    attributes = {"id": str(index), "package": package, "name": name or "unnamed", "timestamp": created}
    suite = ET.Element(
        "testsuite", {**attributes, "hostname": "localhost", "tests": str(len(cases)), **counts, "time": "0"}
    )
    ET.SubElement(suite, "properties")
    suite.extend(cases)
    ET.SubElement(suite, "system-out")
    ET.SubElement(suite, "system-err")
    return suite


def _validity(prefix: str, manifest: Manifest, verdict: Verdict) -> list[ET.Element]:
    """An error for each reason why the run could not be judged; where there is none, one test case that passes."""
    cases = []
    for number, reason in enumerate(reasons(verdict), start=1):
        case = _element(f"{prefix}.{VALIDITY}", f"the run can be judged ({number})")
        _say(case, "error", headline(verdict), reason, sentence(manifest, verdict))
        cases.append(case)
    return cases or [_element(f"{prefix}.{VALIDITY}", "the run can be judged")]


def _case(prefix: str, row: Row, *, judged: bool) -> ET.Element:
    case = _element(f"{prefix}.{row.family}", f"{row.rule} [{row.model}]")
    details = f"change {row.change}, headroom {row.headroom}"
    details += f", interval {row.interval}" if row.interval else ""
    details += f", first bad stage {row.stage}" if row.stage else ""
    if not judged:
        _say(
            case, "skipped", "not judged", f"the run could not be judged: see {VALIDITY}", f"{row.outcome}: {row.text}"
        )
    elif row.outcome in SKIPPED:
        _say(case, "skipped", row.outcome, row.text, details)
    elif row.level == "error":
        _say(case, "failure", row.outcome, row.text, details)
    return case


def _element(classname: str, name: str) -> ET.Element:
    return ET.Element("testcase", {"classname": classname, "name": name, "time": "0"})


def _say(case: ET.Element, tag: str, kind: str, message: str, details: str) -> None:
    ET.SubElement(case, tag, {"type": kind, "message": message}).text = f"{message}\n{details}"


def _timestamp(created: str) -> str:
    """Without a zone, as Ant's schema wants it."""
    try:
        return datetime.fromisoformat(created).replace(microsecond=0, tzinfo=None).isoformat()
    except ValueError:
        return "1970-01-01T00:00:00"

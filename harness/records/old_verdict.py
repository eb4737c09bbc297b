"""Verdicts of schema 1, as editproof 0.1 wrote them, in the types of today.

An old finding is one number of one family and model. Each that is not a pass becomes a finding of
its own. How visible a picture is, what changed and what did not were not known then, so there are
neither judgements nor changes.
"""

from __future__ import annotations

import re

import msgspec

from editproof.harness.records.exit_codes import ExitCode
from editproof.harness.records.verdicts import OUTCOMES, Evidence, Finding, Outcome, Verdict
from editproof.harness.records.vocabulary import Region

SCHEMA = 1

RULES = {"baseline": "picture", "edit": "picture"}
"""Rules that have another name now."""

_VALUES = re.compile(
    r" went from (-?[\d.]+(?:e[-+]?\d+)?)(?: \S+)? to (-?[\d.]+(?:e[-+]?\d+)?)[ ,;]"
)
"""Where an old text says both values: `went from 45.66 dB to 42.34 dB, …`."""


class OldFinding(msgspec.Struct, frozen=True):
    """What one rule found for one family and model."""

    rule: str
    family: str
    model: str
    metric: str
    region: Region
    stat: str
    outcome: Outcome
    limit: float
    worst: float
    headroom: float
    unit: str
    case_id: str
    text: str
    interval: tuple[float, float] | None = None
    p: float | None = None
    samples: int = 0
    at_risk: bool = False
    stage: str = ""


class OldVerdict(msgspec.Struct, frozen=True):
    """`verdict.json` of schema 1."""

    exit_code: ExitCode
    invalid: tuple[str, ...]
    findings: tuple[OldFinding, ...]
    baseline: str
    notes: tuple[str, ...] = ()


def read_old(data: bytes) -> Verdict:
    """The verdict in a `verdict.json` of schema 1. Raises msgspec.MsgspecError where it is none."""
    old = msgspec.json.decode(data, type=OldVerdict)
    outcomes = [finding.outcome for finding in old.findings]
    found = [
        _convert_finding(finding) for finding in old.findings if finding.outcome is not Outcome.PASS
    ]
    return Verdict(
        exit_code=old.exit_code,
        outcome=min(outcomes, key=OUTCOMES.index, default=Outcome.PASS),
        invalid=old.invalid,
        findings=tuple(sorted(found, key=lambda finding: OUTCOMES.index(finding.outcome))),
        judgements=(),
        changes=(),
        unchanged=0,
        baseline=old.baseline,
        notes=old.notes,
    )


def _convert_finding(old: OldFinding) -> Finding:
    return Finding(
        rule=RULES.get(old.rule, old.rule),
        outcome=old.outcome,
        families=(old.family,),
        models=(old.model,),
        case_id=old.case_id,
        cases=(old.case_id,) if old.case_id else (),
        words=old.text.removeprefix(f"{old.family} · {old.model}: "),
        text=old.text,
        stage=old.stage,
        evidence=None if old.outcome is Outcome.ERROR else _convert_evidence(old),
        fails=old.outcome is Outcome.REGRESSED,
        at_risk=old.at_risk,
    )


def _convert_evidence(old: OldFinding) -> Evidence | None:
    """Its number. Beside a baseline the values stand in the text alone; where they do not, there is
    none.
    """
    before, after = None, old.worst
    if old.rule in RULES:
        values = _VALUES.search(old.text)
        if values is None:
            return None
        before, after = float(values[1]), float(values[2])
    return Evidence(
        metric=old.metric,
        region=old.region,
        stat=old.stat,
        unit=old.unit,
        before=before,
        after=after,
        limit=old.limit,
        headroom=old.headroom,
        interval=old.interval,
        p=old.p,
        samples=max(1, old.samples),
    )

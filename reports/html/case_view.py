"""What the viewer says of a case, without any markup: pictures, stages, worst windows, numbers
beside the baseline's.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from editproof.harness.records.accepted_cases import AcceptedCase, AcceptedCases
from editproof.harness.records.cases import CaseRecord, Measurement, StageRecord
from editproof.harness.records.manifest import Manifest, metric_name
from editproof.harness.records.map_index import PAGE_SCALES, Maps
from editproof.harness.records.palettes import make_palettes
from editproof.harness.records.verdicts import Change, Finding, Outcome
from editproof.harness.records.vocabulary import REGIONS, Region
from editproof.harness.records.wording import format_title, name_try
from editproof.reports.common import numbers
from editproof.reports.common.pictures import Gallery
from editproof.reports.common.verdict import JOD, describe_visibility, make_line

WINDOW_PX = 64
"""Edge of the window that `worst` is taken over, in output pixels."""

MAX_WINDOWS = 12
"""More than that on one picture hide it."""

OUTLINED: tuple[Region, ...] = ("edit", "ring", "protect", "seams", "border")

KINDS = ("input", "expected", "actual", "difference", "regions", "overlay")
"""Pictures of a case by their names in `CaseRecord.blobs`."""

ALSO = ("also_1", "also_2", "also_3")
"""Further accepted pictures, as many as the viewer offers."""

WORSE = frozenset({Outcome.REGRESSED, Outcome.TRADED, Outcome.UNDERPOWERED, Outcome.WAIVED})
"""Outcomes whose numbers are marked."""


@dataclass(frozen=True, slots=True)
class Sources:
    """Where the facts about the cases of a run come from."""

    manifest: Manifest
    gallery: Gallery
    findings: Mapping[str, Sequence[Finding]]
    """By the cases that they count."""
    counterparts: AcceptedCases
    maps: Maps
    changes: Mapping[str, Change]
    """By the case whose picture changed."""


def describe_run(sources: Sources) -> dict[str, Any]:
    """What holds for all cases: names of metrics, and what the colours of their maps stand for."""
    metrics = {
        name: {
            "title": format_title(info.identity),
            "identity": info.identity,
            "unit": info.unit,
            "units": dict(info.units),
            "better": info.better,
        }
        for name, info in sources.manifest.metrics.items()
    }
    scales = {
        name: {
            "title": metrics[name]["title"] if name in metrics else scale.identity,
            "unit": scale.unit,
            "better": scale.better,
            "low": scale.low,
            "high": scale.high,
            "cases": scale.cases,
        }
        for name, scale in {**sources.maps.scales, **PAGE_SCALES}.items()
    }
    scales["psnr"]["title"] = "Difference"
    return {
        "suite": sources.manifest.suite.name,
        "baseline": sources.counterparts.pairs.baseline,
        "metrics": metrics,
        "scales": scales,
        "palettes": {name: colours.hex() for name, colours in make_palettes().items()},
        "window": WINDOW_PX,
    }


def view_case(record: CaseRecord, state: str, sources: Sources) -> dict[str, Any]:
    """Everything about one finished case."""
    case, gallery = record.case, sources.gallery
    before = sources.counterparts.get(case.id)
    found = sources.findings.get(case.id, ())
    shown: dict[str, Any] = {kind: gallery.place(record.blobs.get(kind, "")) for kind in KINDS}
    shown["baseline"] = gallery.place(before.blobs.get("actual", "")) if before else None
    answers = sources.counterparts.pairs.also.get(case.id, ())
    shown |= {kind: gallery.place(digest) for kind, digest in zip(ALSO, answers, strict=False)}
    outlines = {
        region: gallery.place(record.blobs.get(f"outline_{region}", "")) for region in OUTLINED
    }
    maps = sources.maps.cases.get(case.id, {})
    if sources.maps.pictures.get(case.id) != record.blobs.get("actual"):
        maps = {}  # of an earlier outcome of this case
    return {
        "id": case.id,
        "family": case.family,
        "name": case.name,
        "model": case.model.name,
        "spec": case.model.spec,
        "seed": case.seed,
        "try": name_try(case.seed, case.repeat),
        "step": case.step,
        "size": case.size,
        "scale": case.scale,
        "sceneSeed": case.scene_seed,
        "params": dict(case.params),
        "state": state,
        "reason": record.reason,
        "error": _describe_error(record),
        "seconds": round(record.seconds, 4),
        "peakMb": record.peak_mb and round(record.peak_mb, 1),
        "cached": record.cached,
        "config": dict(record.config),
        "pictures": _keep_known(shown),
        "outlines": _keep_known(outlines),
        "maps": _keep_known(
            {
                name: gallery.place(digest)
                for name, digest in maps.items()
                if name not in PAGE_SCALES
            }
        ),
        "compared": before is not None,
        "stages": describe_stages(record.stages, before, gallery),
        "windows": describe_windows(record, sources.manifest, list_failing_metrics(found)),
        "findings": [
            _describe_finding(finding)
            for finding in found
            if finding.outcome is not Outcome.PASS or finding.at_risk
        ],
        "change": _change(sources.changes.get(case.id)),
        **make_table(record, before),
    }


def list_failing_metrics(findings: Iterable[Finding]) -> tuple[str, ...]:
    """Names of the metrics whose numbers findings show for something worse, in the findings'
    order.
    """
    shown = [
        finding.evidence for finding in findings if finding.outcome in WORSE and finding.evidence
    ]
    return tuple(dict.fromkeys(metric_name(evidence.metric) for evidence in shown))


def describe_stages(
    records: Sequence[StageRecord], before: AcceptedCase | None, gallery: Gallery
) -> list[dict[str, Any]]:
    """The stages of a case; `same` says whether the baseline's artefact of that stage is the same,
    null where it has none.
    """
    known: dict[str, list[StageRecord]] = {}
    for stage in before.stages if before else ():
        known.setdefault(stage.name, []).append(stage)
    found = []
    for stage in records:
        other = known[stage.name].pop(0) if known.get(stage.name) else None
        compared = other is not None and bool(other.artefact or stage.artefact)
        found.append(
            {
                "name": stage.name,
                "seconds": round(stage.seconds, 4),
                "decision": stage.decision,
                "picture": gallery.place(stage.artefact),
                "same": other.artefact == stage.artefact if compared and other else None,
                "baseline": gallery.place(other.artefact) if other else None,
                "decided": other.decision if other and other.decision != stage.decision else None,
            }
        )
    return found


def describe_windows(
    record: CaseRecord, manifest: Manifest, first: Sequence[str] = ()
) -> list[dict[str, Any]]:
    """Where each metric is worst over all regions, the metrics `first` before the others; metrics
    that point to the same place share a window. At most MAX_WINDOWS."""
    found: dict[str, tuple[float, Measurement]] = {}
    for row in record.measurements:
        if row.value is None or row.y is None or row.x is None:
            continue
        name = metric_name(row.metric)
        better = manifest.metrics[name].better
        if better != "higher" and row.value == 0:  # nothing is wrong anywhere
            continue
        bad = numbers.measure_badness(better, row.value)
        if name not in found or bad > found[name][0]:
            found[name] = (bad, row)
    order = [
        *(name for name in first if name in found),
        *(name for name in found if name not in first),
    ]
    places: dict[tuple[int | None, int | None], list[list[Any]]] = {}
    for name in order:
        row = found[name][1]
        places.setdefault((row.y, row.x), []).append(
            [name, row.region, _round_value(row.value), row.stat]
        )
    return [
        {"y": y, "x": x, "worst": worst} for (y, x), worst in list(places.items())[:MAX_WINDOWS]
    ]


def make_table(record: CaseRecord, before: AcceptedCase | None) -> dict[str, Any]:
    """All numbers of a case.

    `numbers` has a row for each metric and statistic: [metric, statistic, values, baseline's
    values, notes], each list over `regions`. A note is the number of the reason why there is no
    value, from 1; 0: there is one, or none was asked for. Metrics without any value, for one
    reason, are in `unmeasured` instead.
    """
    blank = _find_unmeasured(record.measurements)
    rows = [row for row in record.measurements if row.metric not in blank]
    asked = {row.region for row in rows}
    regions = [region for region in REGIONS if region in asked]
    column = {region: index for index, region in enumerate(regions)}
    then = (
        {(row.metric, row.stat, row.region): row.value for row in before.measurements}
        if before
        else {}
    )
    notes: dict[str, int] = {}
    found: dict[tuple[str, str], list[Any]] = {}
    for row in rows:
        key = (row.metric, row.stat)
        line = found.get(key)
        if line is None:
            line = found[key] = [
                metric_name(row.metric),
                row.stat,
                *([None] * len(regions) for _ in "ab"),
                [0] * len(regions),
            ]
        at = column[row.region]
        line[2][at] = _round_value(row.value)
        line[3][at] = _round_value(then.get((row.metric, row.stat, row.region)))
        if row.value is None:
            line[4][at] = notes.setdefault(row.reason or "no reason was recorded", len(notes) + 1)
    for line in found.values():
        if not any(line[4]):
            line[4] = None
        if all(value is None for value in line[3]):
            line[3] = None
    reasons: dict[str, list[str]] = {}
    for metric, reason in blank.items():
        reasons.setdefault(reason, []).append(metric_name(metric))
    return {
        "regions": regions,
        "numbers": list(found.values()),
        "notes": list(notes),
        "unmeasured": reasons,
    }


def _find_unmeasured(measurements: Sequence[Measurement]) -> dict[str, str]:
    """Metrics that have no value anywhere, for one reason, and the reason."""
    reasons: dict[str, set[str]] = {}
    for row in measurements:
        reasons.setdefault(row.metric, set()).add("" if row.value is not None else row.reason)
    return {metric: min(why) for metric, why in reasons.items() if len(why) == 1 and min(why)}


def _describe_finding(finding: Finding) -> dict[str, Any]:
    line, evidence = make_line(finding), finding.evidence
    return {
        "outcome": line.outcome,
        "fails": finding.fails,
        "words": line.words,
        "text": line.text,
        "seen": line.seen,
        "number": line.number,
        "place": line.place,
        "worse": finding.outcome in WORSE,
        "metric": metric_name(evidence.metric) if evidence else "",
        "region": evidence.region if evidence else "",
        "stat": evidence.stat if evidence else "",
        "rule": finding.rule,
        "stage": finding.stage,
    }


def _change(change: Change | None) -> dict[str, Any] | None:
    """How visible the difference from the accepted picture is, in words; None: it was not
    measured.
    """
    if change is None:
        return None
    word = (
        "invisible"
        if change.outcome is Outcome.INVISIBLE
        else describe_visibility(max(change.whole, change.worst))
    )
    return {
        "outcome": change.outcome.value,
        "seen": word,
        "whole": numbers.format_jod(change.whole),
        "worst": numbers.format_jod(change.worst),
        "about": JOD,
    }


def _describe_error(record: CaseRecord) -> dict[str, str] | None:
    error = record.error
    return (
        None
        if error is None
        else {"kind": error.kind, "message": error.message, "traceback": error.traceback}
    )


def _keep_known(places: Mapping[Any, Any]) -> dict[str, Any]:
    return {name: place for name, place in places.items() if place is not None}


def _round_value(value: float | None) -> float | None:
    """Six digits are more than anybody reads, and half the file."""
    return None if value is None or not math.isfinite(value) else float(f"{value:.6g}")

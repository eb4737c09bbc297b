"""What the viewer is told of a case."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest

from editproof.harness.records import runs
from editproof.harness.records.accepted_cases import (
    BASELINE,
    PAIRS,
    AcceptedCases,
    Pairs,
    load_accepted_cases,
)
from editproof.harness.records.cases import CaseRecord, Measurement, StageRecord
from editproof.harness.records.journal import JOURNAL
from editproof.harness.records.manifest import Manifest, MetricInfo
from editproof.harness.records.map_index import Maps
from editproof.harness.records.verdicts import Finding, Outcome
from editproof.reports.html import case_view
from editproof.reports.html.case_data import find_sources
from editproof.reports.html.case_view import Sources


@pytest.fixture
def record(run: runs.Run) -> CaseRecord:
    """A case with everything."""
    return next(
        one for one in run.records if one.status == "done" and one.case.family == "thin_text"
    )


@pytest.fixture
def sources(run: runs.Run, tmp_path: Path) -> Sources:
    """Of a report outside the run's folder."""
    return find_sources(run, tmp_path / "report")


def shown(record: CaseRecord, sources: Sources) -> dict[str, Any]:
    """A case as the viewer gets it."""
    return case_view.view_case(record, "done", sources)


def compared(folder: Path, record: CaseRecord, other: CaseRecord) -> AcceptedCases:
    """The baseline's side of a run in which `record` was compared with `other`."""
    target = folder / BASELINE
    target.mkdir(parents=True)
    (target / JOURNAL).write_bytes(msgspec.json.encode(other) + b"\n")
    (target / PAIRS).write_bytes(
        msgspec.json.encode(Pairs("baselines/quick", {record.case.id: other.case.id}))
    )
    return load_accepted_cases(folder)


def test_pictures_have_their_place_and_size(
    record: CaseRecord, sources: Sources, tmp_path: Path
) -> None:
    """A path from the report's page to the file, width and height; a picture that is not there is
    left out.
    """
    told = shown(record, sources)
    assert set(told["pictures"]) == {
        "input",
        "expected",
        "actual",
        "difference",
        "regions",
        "overlay",
    }
    path, width, height = told["pictures"]["actual"]
    assert (
        ((tmp_path / "report") / path.replace("%20", " ").replace("%23", "#")).resolve().is_file()
    )
    assert (width, height) == (128, 128)
    gone = replace(record, blobs={"input": "0" * 64})
    assert shown(gone, sources)["pictures"] == {}


def test_numbers_stand_by_region(record: CaseRecord, sources: Sources) -> None:
    """Each metric and statistic is one line; what was not measured has the number of its reason."""
    told = shown(record, sources)
    line = next(line for line in told["numbers"] if line[:2] == ["lpips", "mean"])
    values = dict(zip(told["regions"], line[2], strict=True))
    notes = dict(zip(told["regions"], line[4], strict=True))
    known = {
        row.region: row.value
        for row in record.measurements
        if row.metric.startswith("lpips") and row.stat == "mean"
    }
    assert values["edit"] == pytest.approx(known["edit"], rel=1e-5)
    assert values["ring"] is None
    assert told["notes"][notes["ring"] - 1].startswith("the region is narrower")
    assert notes["edit"] == 0
    assert line[3] is None  # nothing to compare with


def test_a_metric_without_any_value_is_told_in_one_line(
    record: CaseRecord, sources: Sources
) -> None:
    """Metrics that share a reason share the line, and have no row."""
    rows = tuple(
        Measurement(f"{name}@1", "edit", "mean", None, "", "no such text")
        for name in ("cer", "ghost")
    )
    told = shown(replace(record, measurements=(*record.measurements, *rows)), sources)
    assert told["unmeasured"] == {"no such text": ["cer", "ghost"]}
    assert not [line for line in told["numbers"] if line[0] in {"cer", "ghost"}]


def test_numbers_stand_beside_the_baseline(
    record: CaseRecord, sources: Sources, tmp_path: Path
) -> None:
    """Where the case was compared, every number has the baseline's."""
    rows = tuple(
        replace(row, value=None if row.value is None else row.value + 1)
        for row in record.measurements
    )
    beside = replace(
        sources, counterparts=compared(tmp_path, record, replace(record, measurements=rows))
    )
    told = shown(record, beside)
    line = next(line for line in told["numbers"] if line[:2] == ["psnr", "mean"])
    assert line[3] == pytest.approx([value + 1 for value in line[2]], rel=1e-4)
    assert told["compared"]
    assert "baseline" in told["pictures"]


def test_a_case_that_the_baseline_lacks(
    record: CaseRecord, sources: Sources, tmp_path: Path, run: runs.Run
) -> None:
    """It is told apart from a run that was compared with nothing."""
    beside = replace(sources, counterparts=compared(tmp_path, run.records[-1], run.records[-1]))
    assert not shown(record, beside)["compared"]
    assert case_view.describe_run(beside)["baseline"] == "baselines/quick"
    assert case_view.describe_run(sources)["baseline"] == ""


def test_stages_are_compared_by_their_artefacts(
    record: CaseRecord, sources: Sources, tmp_path: Path
) -> None:
    """Same hash, same artefact; a stage that the baseline lacks, or both without an artefact, are
    not compared.
    """
    first, *others = record.stages
    changed = (replace(first, artefact="1" * 64, decision="2 boxes"), *others[:-1])
    beside = replace(
        sources, counterparts=compared(tmp_path, record, replace(record, stages=changed))
    )
    told = {stage["name"]: stage for stage in shown(record, beside)["stages"]}
    assert told["detect"]["same"] is False
    assert told["detect"]["baseline"] is None  # its picture is not here
    assert told["detect"]["decided"] == "2 boxes"
    assert told["inpaint"]["same"] is True
    assert told["inpaint"]["decided"] is None
    assert told["check mask"]["same"] is None
    assert told["verify"]["same"] is None


def test_repeated_stages_are_matched_in_their_order(
    record: CaseRecord, sources: Sources, tmp_path: Path
) -> None:
    """After a redo a stage is there twice: the second is compared with the second."""
    twice = (StageRecord("inpaint", 0.1, "", "a" * 64), StageRecord("inpaint", 0.2, "", "b" * 64))
    beside = replace(
        sources, counterparts=compared(tmp_path, record, replace(record, stages=twice))
    )
    told = shown(replace(record, stages=twice), beside)["stages"]
    assert [stage["same"] for stage in told] == [True, True]


def test_worst_windows_begin_with_what_failed(record: CaseRecord, run: runs.Run) -> None:
    """Metrics that point to the same place share a window; those of findings come first."""
    rows = (
        Measurement("psnr@1", "all", "worst", 20.0, "dB", "", 40, 50),
        Measurement("ssim@1", "edit", "worst", 0.2, "", "", 40, 50),
        Measurement("lpips[st-alex]@1", "edit", "worst", 0.4, "", "", 90, 10),
        Measurement("delta_e00@1", "edit", "worst", 0.0, "ΔE00", "", 1, 1),
    )
    found = case_view.describe_windows(replace(record, measurements=rows), run.manifest, ("lpips",))
    assert [(window["y"], window["x"]) for window in found] == [(90, 10), (40, 50)]
    assert [worst[0] for worst in found[1]["worst"]] == ["psnr", "ssim"]


def test_of_a_metrics_regions_the_worst_counts(record: CaseRecord, run: runs.Run) -> None:
    """One window a metric, by which way it is good."""
    rows = (
        Measurement("psnr@1", "all", "worst", 30.0, "dB", "", 1, 1),
        Measurement("psnr@1", "edit", "worst", 20.0, "dB", "", 2, 2),
        Measurement("psnr@1", "ring", "worst", 25.0, "dB", "", 3, 3),
    )
    found = case_view.describe_windows(replace(record, measurements=rows), run.manifest)
    assert [window["y"] for window in found] == [2]


def test_findings_that_need_nobody_are_left_out(run: runs.Run, sources: Sources) -> None:
    """A kept budget says nothing of a case, unless it is at risk."""
    assert run.verdict is not None
    passes = next(finding for finding in run.verdict.findings if finding.outcome is Outcome.PASS)
    record = next(one for one in run.records if one.case.id == passes.case_id)

    def lines(finding: Finding) -> list[dict[str, Any]]:
        told = shown(record, replace(sources, findings={record.case.id: [finding]}))["findings"]
        assert isinstance(told, list)
        return told

    assert lines(replace(passes, at_risk=False)) == []
    assert lines(passes)[0]["outcome"] == "at risk"


def test_every_case_of_a_finding_has_it(run: runs.Run, sources: Sources) -> None:
    """Not the one to look at alone; in words, with how visible it is and the number."""
    assert run.verdict is not None
    first = run.verdict.findings[0]
    for record in run.records:
        words = [one["words"] for one in shown(record, sources)["findings"]]
        assert (first.words in words) == (record.case.id in first.cases)
    record = next(one for one in run.records if one.case.id == first.case_id)
    told = shown(record, sources)["findings"][0]
    assert told["seen"] == "obvious, 1.32 JOD"
    assert told["number"] == "LPIPS [st-alex] mean in edit: 0.1121 → 0.2481 (margin 0.0200)"
    assert (told["metric"], told["region"], told["stat"], told["worse"]) == (
        "lpips",
        "edit",
        "mean",
        True,
    )


def test_a_case_says_how_visible_its_change_is(run: runs.Run, sources: Sources) -> None:
    """Beside the accepted picture, where it was measured; invisible is not called just visible."""
    assert run.verdict is not None
    records = {record.case.id: record for record in run.records}
    told = {
        one.case_id: shown(records[one.case_id], sources)["change"] for one in run.verdict.changes
    }
    for change in run.verdict.changes:
        assert (told[change.case_id]["seen"] == "invisible") == (
            change.outcome is Outcome.INVISIBLE
        )
    assert told[run.verdict.changes[0].case_id]["worst"] == "1.32"
    same = next(one for one in run.records if one.case.id not in told)
    assert shown(same, sources)["change"] is None


def test_maps_of_an_earlier_outcome_are_not_shown(record: CaseRecord, sources: Sources) -> None:
    """A map belongs to the picture that it was drawn from; what the page makes by itself, as an old
    run has drawn it, is left out.
    """
    case_id, digest = record.case.id, record.blobs["difference"]
    fresh = Maps(
        cases={case_id: {"lpips": digest, "ssim": digest}},
        pictures={case_id: record.blobs["actual"]},
    )
    stale = Maps(cases={case_id: {"lpips": digest}}, pictures={case_id: "0" * 64})
    assert list(shown(record, replace(sources, maps=fresh))["maps"]) == ["lpips"]
    assert shown(record, replace(sources, maps=stale))["maps"] == {}


def test_metrics_are_told_once(sources: Sources) -> None:
    """Titles, units and directions hold for all cases."""
    metrics = case_view.describe_run(sources)["metrics"]
    assert metrics["lpips"] == {
        "title": "LPIPS [st-alex]",
        "identity": "lpips[st-alex]@1",
        "unit": "",
        "units": {},
        "better": "lower",
    }


def test_an_infinite_value_is_no_number(record: CaseRecord, sources: Sources) -> None:
    """JSON knows no infinity."""
    metric = MetricInfo("psnr@1", "dB", "higher")
    manifest: Manifest = replace(sources.manifest, metrics={"psnr": metric})
    rows = (Measurement("psnr@1", "all", "mean", float("inf"), "dB"),)
    told = shown(replace(record, measurements=rows), replace(sources, manifest=manifest))
    assert told["numbers"][0][2] == [None]

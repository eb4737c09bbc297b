"""`gate`: judge a run, and keep the verdict beside it."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from editproof.harness.baselines.accepted_side import keep_accepted_side
from editproof.harness.gate.judge import judge
from editproof.harness.gate.looks import Report, report_nothing
from editproof.harness.operations.project import (
    find_baseline,
    find_noise_floor,
    make_looking,
    read_fail_on,
    read_waivers,
)
from editproof.harness.records import runs
from editproof.harness.records.drift import measure_turn_drift
from editproof.harness.records.json_files import sweep_partials
from editproof.harness.records.runs import Run
from editproof.harness.retention.sizes import measure_folder
from editproof.harness.stores.copies import name_place
from editproof.harness.suites.settings import Project


def judge_run(
    run: Run,
    baseline: Path | None,
    project: Project,
    report: Report = report_nothing,
    *,
    first_run: bool = False,
) -> Run:
    """Judge a run, write `verdict.json`, and give the run with its verdict.

    `report` is told how many pairs of pictures have been looked at. `first_run`: a baseline that
    only the settings name may be missing.
    """
    sweep_partials(run.folder)
    suite = run.manifest.suite
    accepted = find_baseline(baseline, suite, project, first_run=first_run)
    result = judge(
        run,
        accepted,
        noise=find_noise_floor(suite, project),
        waivers=read_waivers(baseline, suite, project),
        fail_on=read_fail_on(project),
        looking=make_looking(project, report),
    )
    runs.write_verdict(run.folder, result.verdict)
    keep_accepted_side(run, accepted, result, cache=project.cache_folder)
    return run.with_verdict(result.verdict)


def summarise(run: Run, page: Path | None) -> dict[str, Any]:
    """What `--json` prints."""
    size = measure_folder(run.folder)
    return {
        "run": name_place(run.folder),
        "folder": str(run.folder),
        "report": str(page) if page else None,
        "edits_of": run.manifest.edits_of,
        "suite": run.manifest.suite.name,
        "metrics": {name: metric.identity for name, metric in run.manifest.metrics.items()},
        "shard": str(run.manifest.shard or ""),
        "cases": len(run.manifest.cases),
        "not_applicable": [asdict(one) for one in run.manifest.not_applicable],
        "finished": len(run.endings),
        "cached": sum(ending.cached for ending in run.endings.values()),
        "errors": [
            {"case": case_id, "kind": ending.error, "message": ending.reason}
            for case_id, ending in run.endings.items()
            if ending.error
        ],
        "drift": [
            asdict(drift)
            for drift in (*measure_turn_drift(run), *measure_turn_drift(run, by_family=True))
        ],
        "bytes": size.total,
        "shared_bytes": size.shared,
        "verdict": asdict(run.verdict) if run.verdict else None,
    }

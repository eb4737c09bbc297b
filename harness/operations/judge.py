"""`gate`: judge a run, and keep the verdict beside it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from editproof.harness.baselines import counterparts
from editproof.harness.gate.judge import judge_sheet
from editproof.harness.gate.looks import Report, silent
from editproof.harness.operations.project import (
    baseline_of,
    fail_on_of,
    how_to_look,
    noise_floor_of,
    run_folder,
)
from editproof.harness.records import runs, sheet
from editproof.harness.records.runs import Manifest, Run
from editproof.harness.records.sheet import Sheet, sheet_of
from editproof.harness.records.types import Verdict
from editproof.harness.suites.settings import Project


@dataclass(frozen=True, slots=True)
class JudgedRun:
    """A run and the gate's word on it."""

    sheet: Sheet
    verdict: Verdict

    @property
    def folder(self) -> Path:
        """The run folder."""
        return self.sheet.folder

    @property
    def manifest(self) -> Manifest:
        """What the run is."""
        return self.sheet.manifest


def judge_run(
    folder: Path | None, baseline: Path | None, project: Project, report: Report = silent
) -> JudgedRun:
    """Judge a run, and write `verdict.json`. `report` is told how many pairs of pictures have been
    looked at.
    """
    judged = sheet.load(run_folder(folder, project))
    suite = judged.manifest.suite
    accepted = baseline_of(baseline, suite, project)
    verdict = judge_sheet(
        judged,
        accepted,
        noise=noise_floor_of(suite, project),
        waivers=project.settings.waivers,
        fail_on=fail_on_of(project),
        looking=how_to_look(project, report),
    )
    runs.write_verdict(judged.folder, verdict)
    counterparts.keep(judged, accepted, verdict, cache=project.cache_folder)
    return JudgedRun(judged, verdict)


def summarise(run: Run | JudgedRun, page: Path | None) -> dict[str, Any]:
    """What `--json` prints."""
    ended = run.sheet.ended if isinstance(run, JudgedRun) else sheet_of(run).ended
    return {
        "run": str(run.folder),
        "report": str(page) if page else None,
        "edits_of": run.manifest.edits_of,
        "suite": run.manifest.suite.name,
        "metrics": {name: metric.identity for name, metric in run.manifest.metrics.items()},
        "cases": len(run.manifest.cases),
        "finished": len(ended),
        "cached": sum(end.cached for end in ended.values()),
        "errors": [
            {"case": case_id, "kind": end.error, "message": end.reason}
            for case_id, end in ended.items()
            if end.error
        ],
        "verdict": asdict(run.verdict) if run.verdict else None,
    }

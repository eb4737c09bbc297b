"""What the commands do: run a suite, judge a run, accept a baseline."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from rich.console import Console

from harness import baseline as baselines
from harness import progress, runner, runs
from harness.errors import UsageError
from harness.gate import judge
from harness.metrics.lpips_weights import LpipsWeights, find_weights
from harness.runner import RunConfig
from harness.runs import Run
from harness.settings import Found
from harness.suite import load_suite, parse_model, select
from harness.types import Model, Suite


@dataclass(frozen=True, slots=True)
class Asked:
    """What was asked for on the command line; empty or 0: not asked for, so the setting holds."""

    suite: str
    pipelines: tuple[str, ...]
    models: tuple[str, ...]
    families: tuple[str, ...]
    seeds: tuple[int, ...]
    out: Path | None
    resume: bool
    jobs: int
    timeout_s: float
    cache: bool
    baseline: Path | None


def run(asked: Asked, found: Found, console: Console, *, quiet: bool) -> Run:
    """Run what was asked for and judge it; give the run with its verdict."""
    suite = _suite(asked, found)
    config = _config(asked, found, suite, console, quiet=quiet)
    with progress.shown(console, quiet=quiet) as report:
        runner.run(config, report)
    return gate(config.folder, asked.baseline, found)


def gate(folder: Path | None, baseline: Path | None, found: Found) -> Run:
    """Judge a run, write `verdict.json`, and give the run with it."""
    judged = load(folder, found)
    runs.write_verdict(judged.folder, judge(judged, _baseline(baseline, judged.manifest.suite, found)))
    return runs.load(judged.folder)


def accept(folder: Path | None, target: Path | None, found: Found) -> Path:
    """Make a run the baseline; give the baseline's folder."""
    accepted = load(folder, found)
    return baselines.accept(accepted, target or _baseline_folder(accepted.manifest.suite, found))


def load(folder: Path | None, found: Found) -> Run:
    """The run in that folder; None: the newest one."""
    return runs.load(folder or runs.newest(found.path(found.settings.runs)))


def summary(run: Run, page: Path | None) -> dict[str, Any]:
    """What `--json` prints."""
    return {
        "run": str(run.folder),
        "report": str(page) if page else None,
        "suite": run.manifest.suite.name,
        "metrics": {name: metric.identity for name, metric in run.manifest.metrics.items()},
        "cases": len(run.manifest.cases),
        "finished": len(run.records),
        "cached": sum(record.cached for record in run.records),
        "errors": [
            {"case": record.case.id, "kind": record.error.kind, "message": record.error.message}
            for record in run.records
            if record.error is not None
        ],
        "verdict": asdict(run.verdict) if run.verdict else None,
    }


def _suite(asked: Asked, found: Found) -> Suite:
    pipelines = [parse_model(text) for text in asked.pipelines] or [
        Model(name, parse_model(spec).spec) for name, spec in found.settings.pipelines.items()
    ]
    _check_distinct(pipelines)
    suite = load_suite(asked.suite or found.settings.suite)
    return select(suite, pipelines=pipelines, models=asked.models, families=asked.families, seeds=asked.seeds)


def _config(asked: Asked, found: Found, suite: Suite, console: Console, *, quiet: bool) -> RunConfig:
    settings = found.settings
    weights = _weights(found, suite, console, quiet=quiet)
    return RunConfig(
        suite=suite,
        folder=_folder(asked, found, suite),
        resume=asked.resume,
        jobs=asked.jobs or settings.jobs or runner.default_jobs(),
        timeout_s=asked.timeout_s or settings.timeout_s,
        cache=found.cache_folder if asked.cache and settings.cache.enabled else None,
        weights=weights,
    )


def _weights(found: Found, suite: Suite, console: Console, *, quiet: bool) -> LpipsWeights:
    weights = find_weights(found.lpips_weights, download=found.settings.lpips.download and "lpips" in suite.metrics)
    if weights.note and not quiet and "lpips" in suite.metrics:
        console.print(weights.note, markup=False, highlight=False, soft_wrap=True)
    return weights


def _folder(asked: Asked, found: Found, suite: Suite) -> Path:
    runs_folder = found.path(found.settings.runs)
    if asked.out:
        return asked.out.resolve()
    if asked.resume:
        return runs.newest(runs_folder)
    stem = f"{suite.name}-{datetime.now().strftime('%Y%m%d-%H%M%S')}"  # noqa: DTZ005 - a name for a person here
    taken = [path.name for path in runs_folder.glob(f"{stem}*")]
    return runs_folder / (f"{stem}-{len(taken) + 1}" if taken else stem)


def _baseline(named: Path | None, suite: Suite, found: Found) -> Run | None:
    """The baseline to compare with: one that was named must be there, the default one need not."""
    if named is None and not found.settings.baseline:
        default = _baseline_folder(suite, found)
        return runs.load(default) if default.exists() else None
    folder = named or found.path(found.settings.baseline)
    if not folder.exists():
        raise UsageError(f"there is no baseline in {folder}. Make one with `editproof baseline accept RUN`")
    return runs.load(folder)


def _baseline_folder(suite: Suite, found: Found) -> Path:
    return found.path(found.settings.baseline or f"baselines/{suite.name}")


def _check_distinct(models: Sequence[Model]) -> None:
    names = [model.name for model in models]
    for name in names:
        if names.count(name) > 1:
            raise UsageError(f"two pipelines are called {name!r}; name them apart: --pipeline NAME={models[0].spec}")

"""What the commands do: run a suite, judge a run, accept a baseline."""

from __future__ import annotations

import glob
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from rich.console import Console

from harness import baseline as baselines
from harness import progress, runner, runs
from harness.errors import UsageError
from harness.gate import judge
from harness.metrics.lpips_weights import NO_WEIGHTS, LpipsWeights, find_weights
from harness.runner import RunConfig, Warn
from harness.runs import Run
from harness.settings import Found
from harness.suite import check_label, load_suite, parse_folder, parse_model, select
from harness.types import Model, Suite


@dataclass(frozen=True, slots=True)
class Asked:
    """What was asked for on the command line; empty or 0: not asked for, so the setting holds."""

    suite: str
    pipelines: tuple[str, ...]
    models: tuple[str, ...]
    families: tuple[str, ...]
    seeds: tuple[int, ...]
    folders: tuple[str, ...]
    grounds: Path | None
    out: Path | None
    resume: bool
    jobs: int
    timeout_s: float
    cache: bool
    baseline: Path | None

    @property
    def names_nothing(self) -> bool:
        """Whether neither suite nor anything of it was asked for."""
        return self == replace(self, suite="", pipelines=(), models=(), families=(), seeds=(), folders=(), grounds=None)


def run(asked: Asked, found: Found, console: Console, *, quiet: bool) -> Run:
    """Run what was asked for and judge it; give the run with its verdict."""

    def warn(line: str) -> None:
        if not quiet:
            console.print(line, markup=False, highlight=False, soft_wrap=True)

    config = _config(asked, found, warn)
    with progress.shown(console, quiet=quiet) as report:
        runner.run(config, report, warn)
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


def _config(asked: Asked, found: Found, warn: Warn) -> RunConfig:
    settings = found.settings
    resumed = _resumed(asked, found)
    suite = _suite_of_run(resumed) if resumed and asked.names_nothing else _suite(asked, found)
    return RunConfig(
        suite=suite,
        folder=resumed or (asked.out.resolve() if asked.out else _new_folder(found, suite)),
        resume=resumed is not None,
        jobs=asked.jobs or settings.jobs or runner.default_jobs(),
        timeout_s=asked.timeout_s or settings.timeout_s,
        cache=found.cache_folder if asked.cache and settings.cache.enabled else None,
        weights=_weights(found, suite, warn),
    )


def _resumed(asked: Asked, found: Found) -> Path | None:
    """The folder of the run to continue; None: a new run."""
    if not asked.resume:
        return None
    return asked.out.resolve() if asked.out else runs.newest(found.path(found.settings.runs))


def _suite_of_run(folder: Path) -> Suite:
    return runs.load(folder).manifest.suite


def _suite(asked: Asked, found: Found) -> Suite:
    pipelines = [parse_model(text) for text in asked.pipelines] or _pipelines_of_settings(found)
    _check_distinct(pipelines)
    name, folder = (asked.suite, Path.cwd()) if asked.suite else (found.settings.suite, found.folder)
    suite = load_suite(name, folder)
    return select(
        suite,
        pipelines=pipelines,
        models=asked.models,
        families=asked.families,
        seeds=asked.seeds,
        folders=[parse_folder(text, Path.cwd()) for text in asked.folders],
        grounds=str(asked.grounds.resolve()) if asked.grounds else "",
    )


def _pipelines_of_settings(found: Found) -> list[Model]:
    """The settings' pipelines, their files made absolute."""
    models = []
    for name, text in found.settings.pipelines.items():
        check_label(name, f"{found.source}: a pipeline's name")
        target, mark, query = parse_model(text).spec.partition("?")
        path, colon, factory = target.rpartition(":")
        absolute = f"{found.path(path)}{colon}{factory}" if path.endswith(".py") else target
        models.append(Model(name, f"{absolute}{mark}{query}"))
    return models


def _weights(found: Found, suite: Suite, warn: Warn) -> LpipsWeights:
    if not any(name.startswith("lpips") for name in suite.metrics):
        return NO_WEIGHTS
    weights = find_weights(found.lpips_weights, download=found.settings.lpips.download)
    if weights.note:
        warn(weights.note)
    return weights


def _new_folder(found: Found, suite: Suite) -> Path:
    runs_folder = found.path(found.settings.runs)
    stem = f"{suite.name}-{datetime.now().strftime('%Y%m%d-%H%M%S')}"  # noqa: DTZ005 - a name for a person here
    taken = [path.name for path in runs_folder.glob(f"{glob.escape(stem)}*")]
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

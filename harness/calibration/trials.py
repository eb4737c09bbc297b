"""Makes the runs of a calibration, has their trials judged, and stores each outcome as a line.

    OUT/CHUNK/            a run that holds many trials; once judged, its pictures are removed
    OUT/outcomes.jsonl    the outcome of each trial

What was run or judged before is not done again, so a stopped calibration continues.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from editproof.harness.calibration.judging import JudgeConfig, judge_all
from editproof.harness.calibration.outcome import (
    TrialOutcome,
    append_outcome,
    drop_torn_line,
    read_outcomes,
)
from editproof.harness.calibration.plan import BASELINE, Chunk, Side
from editproof.harness.calibration.sides import LoadedRun
from editproof.harness.metrics.core.lpips_weights import LpipsWeights
from editproof.harness.records import runs
from editproof.harness.records.baseline import Baseline
from editproof.harness.records.errors import UsageError
from editproof.harness.records.manifest import load_manifest
from editproof.harness.records.manifest_differences import manifest_differences
from editproof.harness.records.suites import Suite
from editproof.harness.records.tables import CASES
from editproof.harness.running import runner
from editproof.harness.running.runner import Progress, RunConfig, Warn
from editproof.harness.suites.cases import versions


@dataclass(frozen=True, slots=True)
class CalibrationConfig:
    """How to run a calibration."""

    suite: Suite
    folder: Path
    jobs: int
    timeout_s: float
    weights: LpipsWeights
    keep: bool = False
    """Whether to keep the pictures of judged runs."""


def calibrate(
    config: CalibrationConfig, chunks: Sequence[Chunk], progress: Progress, warn: Warn
) -> list[TrialOutcome]:
    """Run and judge every chunk that is not done, the baseline first. Return all outcomes in the
    plan's order.

    Raises UsageError if the folder holds another calibration, or if a run from another environment
    is of another suite.
    """
    _check_folder(config)
    for chunk in chunks:
        _check_external_run(chunk)
    drop_torn_line(config.folder)
    done = {outcome.key: outcome for outcome in read_outcomes(config.folder)}
    judging = JudgeConfig(config.suite, config.folder, config.weights, config.timeout_s)
    ahead, behind = sum(_count_cases(config, chunk) for chunk in chunks), 0
    for chunk in chunks:
        left = [trial for trial in chunk.trials if trial.key not in done]
        if (left or chunk.name == BASELINE) and not chunk.folder:
            _run_chunk(config, chunk, _offset_progress(progress, behind, ahead), warn)
        behind += _count_cases(config, chunk)
        for outcome in judge_all(judging, left, config.jobs):
            append_outcome(config.folder, outcome)
            done[outcome.key] = outcome
        if chunk.name != BASELINE and not chunk.folder and not config.keep:
            shutil.rmtree(config.folder / chunk.name / "blobs", ignore_errors=True)
    return [done[trial.key] for chunk in chunks for trial in chunk.trials if trial.key in done]


def _count_cases(config: CalibrationConfig, chunk: Chunk) -> int:
    """Approximate number of cases in a chunk, for the progress bar."""
    if chunk.folder:
        return 0
    folder = config.folder / chunk.name
    if (folder / "manifest.json").is_file():
        return len(load_manifest(folder).cases)
    return len(chunk.suite.variants) * len(chunk.suite.models) * len(chunk.suite.seeds)


def _run_chunk(config: CalibrationConfig, chunk: Chunk, progress: Progress, warn: Warn) -> None:
    """Run a chunk unless it is done. A run of other trials, or without the pictures that are still
    to be judged, is made again.
    """
    folder = config.folder / chunk.name
    resume, finished = (folder / "manifest.json").is_file(), (folder / CASES).is_file()
    if resume and (
        load_manifest(folder).suite != chunk.suite or (finished and not (folder / "blobs").is_dir())
    ):
        shutil.rmtree(folder)
        resume = finished = False
    if finished:
        return
    run_config = RunConfig(
        chunk.suite, folder, resume, config.jobs, config.timeout_s, None, config.weights
    )
    runner.run(replace(run_config, baseline=_select_accepted(config, chunk)), progress, warn)


def _select_accepted(config: CalibrationConfig, chunk: Chunk) -> Baseline | None:
    """The accepted pictures that workers compare each new picture with: those of its first trial,
    under the chunk's model names. The gate compares all others.
    """
    accepted = _accepted_models(chunk)
    if not accepted:
        return None
    baseline = LoadedRun(runs.load(config.folder / BASELINE), config.suite)
    return Baseline(baseline.select_side(Side(BASELINE, tuple(accepted.items())), {}))


def _accepted_models(chunk: Chunk) -> Mapping[str, str]:
    """Model of the chunk -> model of the suite's own run that it is first compared with."""
    found: dict[str, str] = {}
    for trial in chunk.trials:
        if trial.new.run != chunk.name or trial.accepted.run != BASELINE or chunk.name == BASELINE:
            continue
        was = dict(trial.accepted.models)
        for name, called in trial.new.models:
            found.setdefault(called, was[name])
    return found


def _offset_progress(progress: Progress, behind: int, ahead: int) -> Progress:
    return lambda record, done, _total: progress(record, min(behind + done, ahead), ahead)


def _check_external_run(chunk: Chunk) -> None:
    """Raise UsageError if a run from another environment cannot be compared with the suite's own
    run.
    """
    if not chunk.folder:
        return
    found = load_manifest(Path(chunk.folder))
    wanted, existing = chunk.suite, found.suite
    if any(
        manifest_differences(wanted, existing, "size", "scale", "scene_seed", "seeds", "metrics")
    ):
        raise UsageError(
            f"{chunk.folder} is a run of other scenes, seeds or metrics. Run the suite"
            f" {wanted.name} there"
        )
    missing = {model.name for model in wanted.models} - {model.name for model in existing.models}
    if missing or not set(wanted.variants) <= set(existing.variants):
        raise UsageError(
            f"{chunk.folder} lacks some of the suite's scenes or models. Run the suite"
            f" {wanted.name} there"
        )


def _check_folder(config: CalibrationConfig) -> None:
    """Raise UsageError if the folder holds a calibration of other pipelines, or something else."""
    manifest = config.folder / BASELINE / "manifest.json"
    if manifest.is_file():
        found = load_manifest(manifest.parent)
        if (found.suite, found.editproof) != (config.suite, versions()["editproof"]):
            raise UsageError(
                f"{config.folder} holds a calibration of other pipelines, families or seeds, or by"
                " another version of editproof. Name another folder with --out, or remove it"
            )
    elif config.folder.is_file() or (config.folder.exists() and any(config.folder.iterdir())):
        raise UsageError(
            f"{config.folder} exists and is not a calibration. Name another folder with --out"
        )

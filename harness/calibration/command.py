"""`editproof calibrate`: choose the trials, run them, and write the page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from editproof.harness.calibration.outcome import TrialOutcome
from editproof.harness.calibration.page import write_page
from editproof.harness.calibration.plan import BASELINE, RERUNS, SHARES, Extent, plan_chunks
from editproof.harness.calibration.trials import CalibrationConfig, calibrate
from editproof.harness.faults.harmless import HARMLESS, get_harmless
from editproof.harness.faults.stages import STAGE_FAULTS, get_fault
from editproof.harness.metrics.core.lpips_weights import LpipsWeights
from editproof.harness.records.manifest import load_manifest
from editproof.harness.records.suites import Suite, Variant
from editproof.harness.running import runner
from editproof.harness.running.runner import Progress, Warn

QUICK_RERUNS = 20
QUICK_SHARES = (1.0,)
QUICK_SIZE_PX = 128
"""A quarter of the pixels of the suite `quick`, since judging takes seconds a megapixel."""
QUICK_SCENES = (Variant("logo", 2), Variant("microprint", 2))


@dataclass(frozen=True, slots=True)
class CalibrationRequest:
    """What was asked for on the command line."""

    folder: Path
    page: Path | None
    quick: bool
    faults: tuple[str, ...]
    """Empty: all faults."""
    harmless: tuple[str, ...]
    """Empty: all harmless changes, or those of the quick form."""
    reruns: int | None
    """None: the default of the form."""
    jobs: int
    timeout_s: float
    keep: bool
    folders: tuple[Path, ...] = ()
    """Runs of the suite that were made in another environment."""
    suite: str = ""
    """The suite as it was named; empty: it was not named."""


@dataclass(frozen=True, slots=True)
class CalibrationResult:
    """The outcomes and the page."""

    outcomes: tuple[TrialOutcome, ...]
    page: Path


def run(
    request: CalibrationRequest, suite: Suite, weights: LpipsWeights, progress: Progress, warn: Warn
) -> CalibrationResult:
    """Calibrate the gate on a suite of the reference pipeline, and write the page.

    Raises UsageError if a model is not the reference pipeline, or if a fault or a change is
    unknown.
    """
    seeded = [
        name
        for name, description in runner.describe(suite.models).items()
        if description.stochastic
    ]
    suite = replace(suite, folders=(), waivers=(), turns=1)
    if request.quick:
        suite = _reduce_suite(suite, seeded)
    chunks = plan_chunks(
        suite,
        _choose_extent(request),
        stochastic=[model.name for model in suite.models if model.name in seeded],
    )
    config = CalibrationConfig(
        suite=suite,
        folder=request.folder,
        jobs=request.jobs or runner.default_jobs(),
        timeout_s=request.timeout_s,
        weights=weights,
        keep=request.keep,
    )
    outcomes = calibrate(config, chunks, progress, warn)
    manifest = load_manifest(request.folder / BASELINE)
    page = write_page(
        request.page or request.folder / "calibration.md",
        manifest,
        outcomes,
        _write_command(request),
    )
    return CalibrationResult(tuple(outcomes), page)


def _reduce_suite(suite: Suite, seeded: Sequence[str]) -> Suite:
    """Reduce the suite to two small scenes, the first deterministic model and the first stochastic
    one.
    """
    scenes = (
        tuple(variant for variant in suite.variants if variant in QUICK_SCENES)
        or suite.variants[:2]
    )
    fixed = [model for model in suite.models if model.name not in seeded]
    varied = [model for model in suite.models if model.name in seeded]
    size = min(suite.size, QUICK_SIZE_PX)
    return replace(suite, variants=scenes, size=size, models=(*fixed[:1], *varied[:1]), budgets=())


def _choose_extent(request: CalibrationRequest) -> Extent:
    chosen = tuple(get_harmless(name) for name in request.harmless)
    every = tuple(change for change in HARMLESS if change.quick or not request.quick)
    return Extent(
        faults=tuple(get_fault(name) for name in request.faults) or STAGE_FAULTS,
        harmless=chosen or every,
        shares=QUICK_SHARES if request.quick else SHARES,
        reruns=(
            request.reruns
            if request.reruns is not None
            else QUICK_RERUNS
            if request.quick
            else RERUNS
        ),
        folders=tuple(folder.resolve() for folder in request.folders),
        in_turns=request.quick,
    )


def _write_command(request: CalibrationRequest) -> str:
    """The command line that makes this request."""
    parts: Sequence[str] = (
        "editproof calibrate",
        *([request.suite] if request.suite else []),
        *(["--quick"] if request.quick else []),
        *(f"--fault {name}" for name in request.faults),
        *(f"--harmless {name}" for name in request.harmless),
        *([f"--reruns {request.reruns}"] if request.reruns is not None else []),
        *(f"--rerun {folder.name}" for folder in request.folders),
    )
    return " ".join(parts)

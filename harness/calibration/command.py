"""What `editproof calibrate` does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from editproof.harness.calibration.outcome import TrialOutcome
from editproof.harness.calibration.page import write_page
from editproof.harness.calibration.plan import BASELINE, RERUNS, SHARES, Extent, plan
from editproof.harness.calibration.trials import Calibrating, calibrate
from editproof.harness.faults.harmless import HARMLESS, get_harmless
from editproof.harness.faults.stages import STAGE_FAULTS, get_fault
from editproof.harness.metrics.core.lpips_weights import LpipsWeights
from editproof.harness.records.manifest import load_manifest
from editproof.harness.records.types import Suite, Variant
from editproof.harness.running import runner
from editproof.harness.running.runner import Progress, Warn

QUICK_RERUNS = 20
QUICK_SHARES = (1.0,)
QUICK_SIZE_PX = 128
"""A quarter of the pixels of the suite `quick`: what is looked at takes seconds a megapixel."""
QUICK_SCENES = (Variant("logo", 2), Variant("microprint", 2))


@dataclass(frozen=True, slots=True)
class Asked:
    """What was asked for on the command line."""

    folder: Path
    page: Path | None
    quick: bool
    faults: tuple[str, ...]
    """Empty: all."""
    harmless: tuple[str, ...]
    """Empty: all, or those of the quick form."""
    reruns: int | None
    """None: as many as the form has."""
    jobs: int
    timeout_s: float
    keep: bool
    folders: tuple[Path, ...] = ()
    """Runs of the suite that were made elsewhere."""
    suite: str = ""
    """As it was named; empty: it was not."""


@dataclass(frozen=True, slots=True)
class Calibrated:
    """What came of it."""

    outcomes: tuple[TrialOutcome, ...]
    page: Path


def run(
    asked: Asked, suite: Suite, weights: LpipsWeights, progress: Progress, warn: Warn
) -> Calibrated:
    """Calibrate the gate on a suite of the reference pipeline, and write the page.

    Raises UsageError where the suite's models are not the reference pipeline's, or a fault or a
    change is not known.
    """
    seeded = [name for name, said in runner.describe(suite.models).items() if said.stochastic]
    suite = replace(suite, folders=(), waivers=())
    if asked.quick:
        suite = _quick(suite, seeded)
    chunks = plan(
        suite,
        _extent(asked),
        stochastic=[model.name for model in suite.models if model.name in seeded],
    )
    config = Calibrating(
        suite=suite,
        folder=asked.folder,
        jobs=asked.jobs or runner.default_jobs(),
        timeout_s=asked.timeout_s,
        weights=weights,
        keep=asked.keep,
    )
    outcomes = calibrate(config, chunks, progress, warn)
    manifest = load_manifest(asked.folder / BASELINE)
    page = write_page(
        asked.page or asked.folder / "calibration.md", manifest, outcomes, _command(asked)
    )
    return Calibrated(tuple(outcomes), page)


def _quick(suite: Suite, seeded: Sequence[str]) -> Suite:
    """Two small scenes, the first deterministic model and the first stochastic one."""
    scenes = (
        tuple(variant for variant in suite.variants if variant in QUICK_SCENES)
        or suite.variants[:2]
    )
    fixed = [model for model in suite.models if model.name not in seeded]
    varied = [model for model in suite.models if model.name in seeded]
    size = min(suite.size, QUICK_SIZE_PX)
    return replace(suite, variants=scenes, size=size, models=(*fixed[:1], *varied[:1]), budgets=())


def _extent(asked: Asked) -> Extent:
    chosen = tuple(get_harmless(name) for name in asked.harmless)
    every = tuple(change for change in HARMLESS if change.quick or not asked.quick)
    return Extent(
        faults=tuple(get_fault(name) for name in asked.faults) or STAGE_FAULTS,
        harmless=chosen or every,
        shares=QUICK_SHARES if asked.quick else SHARES,
        reruns=(
            asked.reruns if asked.reruns is not None else QUICK_RERUNS if asked.quick else RERUNS
        ),
        folders=tuple(folder.resolve() for folder in asked.folders),
        in_turns=asked.quick,
    )


def _command(asked: Asked) -> str:
    """As somebody would write it."""
    parts: Sequence[str] = (
        "editproof calibrate",
        *([asked.suite] if asked.suite else []),
        *(["--quick"] if asked.quick else []),
        *(f"--fault {name}" for name in asked.faults),
        *(f"--harmless {name}" for name in asked.harmless),
        *([f"--reruns {asked.reruns}"] if asked.reruns is not None else []),
        *(f"--rerun {folder.name}" for folder in asked.folders),
    )
    return " ".join(parts)

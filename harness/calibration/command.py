"""What `editproof calibrate` does."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from harness import runner, runs
from harness.calibration.page import write_page
from harness.calibration.plan import RERUNS, SHARES, plan
from harness.calibration.trials import BASELINE, Calibrating, TrialOutcome, calibrate
from harness.faults.stages import STAGE_FAULTS, get_fault
from harness.metrics.lpips_weights import LpipsWeights
from harness.runner import Progress, Warn
from harness.types import Suite, Variant

QUICK_RERUNS = 20
QUICK_SHARES = (1.0,)
QUICK_SCENES = (Variant("logo", 2), Variant("microprint", 2))


@dataclass(frozen=True, slots=True)
class Asked:
    """What was asked for on the command line."""

    folder: Path
    page: Path | None
    quick: bool
    faults: tuple[str, ...]
    """Empty: all."""
    reruns: int | None
    """None: as many as the form has."""
    jobs: int
    timeout_s: float
    keep: bool
    suite: str = ""
    """As it was named; empty: it was not."""


@dataclass(frozen=True, slots=True)
class Calibrated:
    """What came of it."""

    outcomes: tuple[TrialOutcome, ...]
    page: Path


def run(asked: Asked, suite: Suite, weights: LpipsWeights, progress: Progress, warn: Warn) -> Calibrated:
    """Calibrate the gate on a suite of the reference pipeline, and write the page.

    Raises UsageError where the suite's models are not the reference pipeline's, or a fault is not known.
    """
    seeded = [name for name, said in runner.describe(suite.models).items() if said.stochastic]
    if asked.quick:
        scenes = tuple(variant for variant in suite.variants if variant in QUICK_SCENES) or suite.variants[:2]
        models = tuple(model for model in suite.models if model.name in seeded) or suite.models[:1]
        suite = replace(suite, variants=scenes, folders=(), models=models, budgets=())
    suite = replace(suite, folders=(), waivers=())
    reruns = asked.reruns if asked.reruns is not None else QUICK_RERUNS if asked.quick else RERUNS
    chunks = plan(
        suite,
        faults=[get_fault(name) for name in asked.faults] or STAGE_FAULTS,
        shares=QUICK_SHARES if asked.quick else SHARES,
        reruns=reruns,
        stochastic=[name for name in seeded if name in {model.name for model in suite.models}],
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
    manifest = runs.load_manifest(asked.folder / BASELINE)
    page = write_page(asked.page or asked.folder / "calibration.md", manifest, outcomes, _command(asked))
    return Calibrated(tuple(outcomes), page)


def _command(asked: Asked) -> str:
    """As somebody would write it."""
    parts: Sequence[str] = (
        "editproof calibrate",
        *([asked.suite] if asked.suite else []),
        *(["--quick"] if asked.quick else []),
        *(f"--fault {name}" for name in asked.faults),
        *([f"--reruns {asked.reruns}"] if asked.reruns is not None else []),
    )
    return " ".join(parts)

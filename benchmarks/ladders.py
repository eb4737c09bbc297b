"""Does every ladder rise? What the nightly suite's models do to each rung, over several scenes.

    python -m benchmarks.ladders [FAMILY ...] [--seeds 3,7,11] [--jobs 2]

The damage of a rung is mean LPIPS in `edit`, averaged over the models and over the scenes of all
seeds; a refused edit counts as REFUSED. A ladder rises where step and damage have a Spearman rank
correlation of at least RISES. Prints a table; writes it to `benchmarks/LADDERS.md` where every
family was measured. LPIPS weights: EDITPROOF_LPIPS_WEIGHTS, or torch's hub cache.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import cache
from multiprocessing import get_context
from pathlib import Path

import numpy as np

from editproof.harness.metrics.core.lpips_weights import find_weights
from editproof.harness.metrics.core.metric import Metric
from editproof.harness.metrics.core.registry import get_metric
from editproof.harness.records.cases import Measurement
from editproof.harness.records.suites import Suite
from editproof.harness.running.measure import as_delivered, measure, prepare
from editproof.harness.suites.suite import load_suite
from editproof.harness.suites.tasks import make_scene_task
from editproof.pipelines.contract import Pipeline
from editproof.pipelines.loader import load
from editproof.vectors import Scene
from editproof.vectors.registry import VECTORS, get_vector

PAGE = Path(__file__).with_name("LADDERS.md")
SEEDS = (3, 7, 11)
RISES = 0.9
REFUSED = 1.0
"""Damage of an edit that was refused: as bad as LPIPS gets."""


@dataclass(frozen=True, slots=True)
class Rung:
    """What the models made of one rung."""

    damage: tuple[float, ...]
    """LPIPS in `edit`, mean over the models, scene by scene."""
    psnr: float
    """PSNR in `edit` in dB, mean over models and scenes; NaN where every edit was refused."""


@dataclass(frozen=True, slots=True)
class Ladder:
    """A family's rungs, easiest first."""

    family: str
    rungs: tuple[Rung, ...]

    @property
    def damages(self) -> list[float]:
        """Rung by rung, mean over the scenes."""
        return [float(np.mean(rung.damage)) for rung in self.rungs]

    @property
    def correlation(self) -> float:
        """Of step and mean damage, -1 to 1."""
        return rank_correlation(self.damages)

    @property
    def correlations(self) -> list[float]:
        """The same for each scene seed alone."""
        return [
            rank_correlation(damages)
            for damages in zip(*(rung.damage for rung in self.rungs), strict=True)
        ]


def rank_correlation(damages: Sequence[float]) -> float:
    """Spearman's, of the damages and their order."""
    from scipy.stats import spearmanr

    return float(spearmanr(range(len(damages)), damages).statistic)


def measure_scene(scene: Scene) -> list[tuple[float, float]]:
    """LPIPS and PSNR in `edit`, model by model; (REFUSED, NaN) of an edit that was refused."""
    task = make_scene_task(scene)
    prepared = prepare(task.reference, metrics())
    outcomes = []
    for pipeline in pipelines():
        image = pipeline(replace(task.request, seed=suite().seeds[0])).image
        rows = () if image is None else measure(prepared, metrics(), as_delivered(image))
        outcomes.append((_mean(rows, "lpips", REFUSED), _mean(rows, "psnr", float("nan"))))
    return outcomes


def measure_rung(family: str, step: int, seeds: Sequence[int]) -> Rung:
    """Draw a rung's scene for every seed and have every model edit it."""
    size, scale = suite().size, suite().scale
    scenes = [
        measure_scene(get_vector(family).render(seed, size, step=step, scale=scale))
        for seed in seeds
    ]
    lpips, psnr = np.moveaxis(np.array(scenes), -1, 0)
    known = psnr[np.isfinite(psnr)]
    return Rung(
        tuple(lpips.mean(axis=1).tolist()), float(known.mean()) if known.size else float("nan")
    )


@cache
def suite() -> Suite:
    """The suite whose models, image size and model seed are used."""
    return load_suite("nightly", Path.cwd())


@cache
def pipelines() -> tuple[Pipeline, ...]:
    """The suite's models."""
    return tuple(load(model.spec) for model in suite().models)


@cache
def metrics() -> tuple[Metric, ...]:
    """LPIPS and PSNR."""
    weights = find_weights(os.environ.get("EDITPROOF_LPIPS_WEIGHTS", ""), download=False)
    return get_metric("lpips", weights), get_metric("psnr", weights)


def table(ladders: Sequence[Ladder], seeds: Sequence[int]) -> Iterator[str]:
    """The lines of a Markdown table."""
    names = ", ".join(model.name for model in suite().models)
    longest = max(len(ladder.rungs) for ladder in ladders)
    steps = [f"step {step}" for step in range(1, longest + 1)]
    yield (
        f"{metrics()[0].identity} in `edit` by step: mean over {names} and scene seeds"
        f" {', '.join(map(str, seeds))}."
    )
    yield ""
    yield (
        f"| family | {' | '.join(steps)} | rank correlation | by scene seed | PSNR of rung 1, dB |"
    )
    yield f"|---{'|---:' * (longest + 3)}|"
    for ladder in ladders:
        damages = [f"{damage:.3f}" for damage in ladder.damages] + [""] * (
            longest - len(ladder.rungs)
        )
        mark = "" if ladder.correlation > RISES - 1e-9 else " ✗"
        alone = ", ".join(f"{value:.1f}" for value in ladder.correlations)
        cells = [
            ladder.family,
            *damages,
            f"{ladder.correlation:.2f}{mark}",
            alone,
            f"{ladder.rungs[0].psnr:.1f}",
        ]
        yield f"| {' | '.join(cells)} |"


def main() -> None:
    """Measure the families that are named, or all."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.ladders", description="Does every ladder rise?"
    )
    parser.add_argument("families", nargs="*", metavar="FAMILY", help="default: all")
    parser.add_argument(
        "--seeds", default=",".join(map(str, SEEDS)), help="scene seeds, default %(default)s"
    )
    parser.add_argument("--jobs", type=int, default=2, help="processes, default %(default)s")
    asked = parser.parse_args()
    seeds = [int(seed) for seed in asked.seeds.split(",")]
    families = asked.families or [vector.family for vector in VECTORS if vector.graded]
    jobs = [
        (family, step)
        for family in families
        for step in range(1, len(get_vector(family).ladder) + 1)
    ]
    with ProcessPoolExecutor(asked.jobs, get_context("spawn"), initializer=_one_thread) as pool:
        futures = {job: pool.submit(measure_rung, *job, seeds) for job in jobs}
        rungs = {job: future.result() for job, future in futures.items()}
    ladders = [
        Ladder(family, tuple(rungs[job] for job in jobs if job[0] == family)) for family in families
    ]
    lines = list(table(ladders, seeds))
    print("\n".join(lines))  # noqa: T201
    if not asked.families:
        PAGE.write_text(
            "\n".join(["# Ladders", "", "Made by `python -m benchmarks.ladders`.", "", *lines, ""]),
            "utf-8",
        )


def _one_thread() -> None:
    """Let each process compute in one thread, as a worker of a run does."""
    import cv2
    import torch

    cv2.setNumThreads(1)
    torch.set_num_threads(1)


def _mean(rows: Sequence[Measurement], metric: str, otherwise: float) -> float:
    """The mean in `edit` of a metric, or `otherwise` where there is none."""
    for row in rows:
        if (
            row.metric.startswith(metric)
            and (row.region, row.stat) == ("edit", "mean")
            and row.value is not None
        ):
            return row.value
    return otherwise


if __name__ == "__main__":
    main()

"""Which planted faults do the measurements make visible, and from which strength on?

`python -m benchmarks.detection [--photographs coffee,chelsea,...]` edits four photographs (and for
what must survive, four sheets of microprint) with the stochastic model of the suites, on SEEDS
seeds, and plants every fault of `harness/faults/pictures.py` in all the results, at half of its
nominal strength and at all of it. Results with and without the fault are compared seed by seed, as
the gate compares a run with its baseline: a statistic shows the fault where its mean change is
significant by a paired t-test, corrected for the number of statistics (Bonferroni, 5 %). The same
rule on results of as many other seeds, without any fault, counts its false alarms. Writes
benchmarks/DETECTION.md.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from scipy.stats import t as student

from editproof.harness.faults.pictures import FAULTS, Fault
from editproof.harness.metrics.core.lpips_weights import find_weights
from editproof.harness.metrics.core.metric import Image, Metric, require_part
from editproof.harness.metrics.core.registry import EVERY_NIGHT, get_metric
from editproof.harness.running.measure import PreparedReference, as_delivered, measure, prepare
from editproof.harness.suites.settings import find_settings
from editproof.harness.suites.tasks import Task, make_scene_task
from editproof.pipelines import reference
from editproof.vectors.registry import get_vector
from editproof.vectors.scene import Vector

PAGE = Path(__file__).with_name("DETECTION.md")
PHOTOGRAPHS = ("astronaut", "chelsea", "coffee", "gravel")
SEEDS = 6
RERUNS = 3
"""Clean reruns of every scene, on other seeds."""
STRENGTHS = (0.5, 1.0)
ALARM = 0.05
"""Chance that a clean rerun is taken for a fault, over all of its statistics."""
UNSEEN = 1e-6
"""Changes up to this are rounding."""
SURVIVAL = "microprint_lost"
"""The fault that needs something to survive."""

Key = tuple[str, str, str]
"""Metric, region, statistic."""
Numbers = Mapping[Key, float]


@dataclass(frozen=True, slots=True)
class Bench:
    """One scene, edited well."""

    name: str
    prepared: PreparedReference
    images: tuple[Image, ...]
    """One for each of SEEDS seeds."""
    numbers: tuple[Numbers, ...]
    """Of each image."""
    reruns: tuple[tuple[Numbers, ...], ...]
    """Of as many other seeds, RERUNS times."""


def main() -> None:
    """Measure, print and write the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--photographs",
        default=",".join(PHOTOGRAPHS),
        help="names in editproof.vectors.drawing.grounds",
    )
    names = parser.parse_args().photographs.split(",")
    metrics = _metrics()
    logo = get_vector("logo")
    photographs = [_bench(name, _on(logo, 3, name), 3, 7, metrics) for name in names]
    sheets = [
        _bench(f"microprint, seed {seed}", get_vector("microprint"), 2, seed, metrics)
        for seed in (1, 2, 3, 4)
    ]
    lines = list(_page(photographs, sheets, metrics))
    sys.stdout.write("\n".join(lines) + "\n")
    if tuple(names) == PHOTOGRAPHS:
        PAGE.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _metrics() -> list[Metric]:
    weights = find_weights(find_settings(Path.cwd()).lpips_weights, download=False)
    return [get_metric(name, weights) for name in EVERY_NIGHT]


def _on(vector: Vector, step: int, ground: str) -> Vector:
    """The vector with one rung drawn on another ground."""
    ladder = list(vector.ladder)
    ladder[step - 1] = {**ladder[step - 1], "ground": ground}
    return replace(vector, ladder=tuple(ladder))


def _bench(name: str, vector: Vector, step: int, seed: int, metrics: Sequence[Metric]) -> Bench:
    task = make_scene_task(vector.render(seed, 256, step=step))
    prepared = prepare(task.reference, metrics)
    images = [_edited(task, number) for number in range(SEEDS * (1 + RERUNS))]
    numbers = [_numbers(prepared, metrics, image) for image in images]
    groups = [tuple(numbers[start : start + SEEDS]) for start in range(0, len(numbers), SEEDS)]
    return Bench(name, prepared, tuple(images[:SEEDS]), groups[0], tuple(groups[1:]))


def _edited(task: Task, seed: int) -> Image:
    settings: dict[str, str | bool] = {"inpaint.model": "patch", "harmonise.grain": True}
    pipeline = reference.build(**settings)
    return as_delivered(require_part(pipeline(replace(task.request, seed=seed)).image))


def _numbers(prepared: PreparedReference, metrics: Sequence[Metric], image: Image) -> Numbers:
    rows = measure(prepared, metrics, image)
    return {
        (row.metric.partition("@")[0], row.region, row.stat): row.value
        for row in rows
        if row.value is not None
    }


def _shown(before: Sequence[Numbers], after: Sequence[Numbers]) -> dict[Key, float]:
    """Statistics that changed significantly, with their t."""
    keys = set(before[0]).intersection(*before[1:], *after)
    limit = float(student.isf(ALARM / len(keys) / 2, len(before) - 1))
    found = {}
    for key in keys:
        changes = np.array([new[key] - old[key] for old, new in zip(before, after, strict=True)])
        error = changes.std(ddof=1) / np.sqrt(len(changes))
        size = abs(float(changes.mean()))
        if size > UNSEEN and size > limit * error:
            found[key] = size / max(float(error), UNSEEN)
    return found


def _page(
    photographs: Sequence[Bench], sheets: Sequence[Bench], metrics: Sequence[Metric]
) -> Iterator[str]:
    yield "# Which faults the measurements make visible\n"
    yield "Made by `python -m benchmarks.detection`, whose first lines give the rule.\n"
    alarms = [
        bool(_shown(bench.numbers, rerun))
        for bench in (*photographs, *sheets)
        for rerun in bench.reruns
    ]
    yield (
        f"{len(photographs)} photographs, {len(photographs[0].numbers[0])} statistics, {SEEDS}"
        f" seeds. Clean reruns on other seeds in which the rule finds a fault: {sum(alarms)} of"
        f" {len(alarms)}.\n"
    )
    yield (
        "| fault | what happens | "
        + " | ".join(f"{share:g} × nominal" for share in STRENGTHS)
        + " | shown best by |"
    )
    yield "|---|---|" + "---:|" * len(STRENGTHS) + "---|"
    for fault in FAULTS:
        yield _row(fault, sheets if fault.name == SURVIVAL else photographs, metrics)


def _row(fault: Fault, benches: Sequence[Bench], metrics: Sequence[Metric]) -> str:
    seen = []
    best: dict[Key, list[float]] = {}
    for share in STRENGTHS:
        shown = [_planted(bench, fault, share, metrics) for bench in benches]
        seen.append(f"{sum(bool(found) for found in shown)} of {len(benches)}")
        if share == 0.5:
            for found in shown:
                for key, times in found.items():
                    best.setdefault(key, []).append(times)
    ranked = sorted(best, key=lambda key: (-len(best[key]), -float(np.median(best[key]))))[:3]
    by = ", ".join(f"{metric} {stat} in {region}" for metric, region, stat in ranked) or "nothing"
    return (
        f"| {fault.name} | {fault.about}, {fault.nominal:g} {fault.unit} | {' | '.join(seen)} |"
        f" {by} |"
    )


def _planted(
    bench: Bench, fault: Fault, share: float, metrics: Sequence[Metric]
) -> dict[Key, float]:
    images = [
        fault.plant(image, bench.prepared.reference, share * fault.nominal)
        for image in bench.images
    ]
    return _shown(
        bench.numbers, [_numbers(bench.prepared, metrics, as_delivered(image)) for image in images]
    )


if __name__ == "__main__":
    main()

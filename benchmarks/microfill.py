"""What `microfill` is worth: it and the classical fills on crops that training never saw; written
into its model card.

    python -m benchmarks.microfill [--crops 12]

Crops are 128 px squares of what `pipelines/models/microfill_data.py` holds out, with a hole such as
training draws them, but other ones, in the middle. LPIPS weights: EDITPROOF_LPIPS_WEIGHTS, or
torch's hub cache.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from editproof.harness.metrics.core.lpips_weights import find_weights
from editproof.harness.metrics.core.metric import Metric, Reference
from editproof.harness.metrics.core.registry import get_metric
from editproof.harness.running.measure import as_delivered
from editproof.pipelines.config import InpaintConfig
from editproof.pipelines.contract import Image
from editproof.pipelines.models import get_model
from editproof.pipelines.models.fill import Hole
from editproof.pipelines.models.microfill_data import HELD_OUT, SPLIT, held_out_square, random_hole

CARD = Path(__file__).parents[1] / "pipelines" / "weights" / "microfill.md"
MARK = "<!-- from here on: made by python -m benchmarks.microfill -->"
SIZE_PX = 128
HOLE_PX = 64
"""Holes lie in a square of this size in the middle."""
SEED = 5
FINE_SIGMA_PX = 1.5
"""What this Gaussian takes away from luma is fine detail."""

Fill = Callable[[Image, Hole, int], Image]


class Crop(NamedTuple):
    """A place to fill."""

    photograph: str
    truth: Image
    hole: Hole
    seed: int


class Score(NamedTuple):
    """What is measured of one fill, in the hole alone."""

    psnr: float
    """dB."""
    lpips: float
    fine: float
    """Energy of fine detail over the truth's, dB."""
    octave_5: float
    """Spectral energy from 1/4 to 1/2 cycles per pixel over the truth's, in the windows that see
    the hole, dB.
    """


def crops(count: int) -> list[Crop]:
    """`count` crops of each photograph that is held out, wholly or in part."""
    made = []
    for number, name in enumerate((*HELD_OUT, *SPLIT)):
        rng = np.random.default_rng((SEED, number))
        for index in range(count):
            square = held_out_square(name, rng, SIZE_PX)
            hole = np.zeros((SIZE_PX, SIZE_PX), bool)
            margin = (SIZE_PX - HOLE_PX) // 2
            hole[margin:-margin, margin:-margin] = random_hole(rng, HOLE_PX)
            made.append(Crop(name, (square / np.float32(255)).astype(np.float32), hole, index))
    return made


def fills() -> dict[str, Fill]:
    """Every fill that is compared, by the name in the table."""

    def model(name: str, **settings: int | str) -> Fill:
        config = InpaintConfig(**settings)  # type: ignore[arg-type]
        return lambda image, hole, seed: get_model(name, config)(
            image, hole, hole.astype(np.float32), seed
        )

    def start(image: Image, hole: Hole, seed: int) -> Image:
        return (made["ns"](image, hole, seed) + made["patch"](image, hole, seed)) / np.float32(2)

    made: dict[str, Fill] = {name: model(name) for name in ("ns", "biharmonic", "patch")}
    return {
        **made,
        "mean of ns and patch": start,
        **{
            f"microfill, {steps} step{'s' * (steps > 1)}": model("microfill", sampling_steps=steps)
            for steps in (1, 2, 4, 8)
        },
        "microfill, 4 steps, dpmsolver++": model(
            "microfill", sampling_steps=4, scheduler="dpmsolver++"
        ),
    }


def score(crop: Crop, filled: Image, metrics: Mapping[str, Metric]) -> Score:
    """Measure one fill, composited and delivered in 8 bits."""
    actual = as_delivered(np.where(crop.hole[..., None], filled, crop.truth))
    reference = Reference({"edit": crop.hole}, crop.truth)
    values = {
        (name, value.stat): value.value
        for name, metric in metrics.items()
        for value in metric.measure(metric.prepare(reference), actual)
    }
    measured = (
        values["psnr", "mean"],
        values["lpips", "mean"],
        values["spectral_energy", "octave_5"],
    )
    psnr, lpips, octave_5 = (float("nan") if value is None else value for value in measured)
    return Score(psnr, lpips, fine_energy(actual, crop) - fine_energy(crop.truth, crop), octave_5)


def fine_energy(image: Image, crop: Crop) -> float:
    """Energy of fine luma detail in the hole, in dB; an eighth of a level is the least."""
    luma = image @ np.array([0.299, 0.587, 0.114], np.float32)
    fine = luma - cv2.GaussianBlur(luma, (0, 0), FINE_SIGMA_PX)
    return float(
        10 * np.log10(np.square(fine[crop.hole], dtype=np.float64).mean() + (0.125 / 255) ** 2)
    )


def table(
    scores: Mapping[str, Sequence[Score]], places: Sequence[Crop], variant: str
) -> Iterator[str]:
    """One line a fill: means over all crops; then LPIPS by photograph."""
    yield (
        f"{len(places)} crops; means; ± is the standard error of the difference to `ns`, crop by"
        " crop."
    )
    yield ""
    yield (
        f"| fill | PSNR, dB | LPIPS[{variant}] | ± | LPIPS below ns | fine detail, dB | octave 5,"
        " dB |"
    )
    yield "|---|---:|---:|---:|---:|---:|---:|"
    base = np.array([row.lpips for row in scores["ns"]])
    for name, rows in scores.items():
        psnr, lpips, fine, octave_5 = np.mean(np.array(rows), axis=0)
        difference = np.array([row.lpips for row in rows]) - base
        error = difference.std(ddof=1) / np.sqrt(len(rows))
        yield (
            f"| {name} | {psnr:.2f} | {lpips:.4f} | {error:.4f} | {(difference < 0).mean():.0%} "
            f"| {fine:+.2f} | {octave_5:+.2f} |"
        )
    yield ""
    names = (*HELD_OUT, *SPLIT)
    yield f"| LPIPS by photograph | {' | '.join(names)} |"
    yield f"|---|{'---:|' * len(names)}"
    for name, rows in scores.items():
        of: dict[str, list[float]] = {photograph: [] for photograph in names}
        for row, place in zip(rows, places, strict=True):
            of[place.photograph].append(row.lpips)
        yield f"| {name} | {' | '.join(f'{np.mean(of[photograph]):.4f}' for photograph in names)} |"


def main() -> None:
    """Measure, print, and put the tables into the card."""
    import torch

    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.microfill", description="What is microfill worth?"
    )
    parser.add_argument(
        "--crops", type=int, default=12, help="of each photograph, default %(default)s"
    )
    asked = parser.parse_args()
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    weights = find_weights(os.environ.get("EDITPROOF_LPIPS_WEIGHTS", ""), download=False)
    metrics = {name: get_metric(name, weights) for name in ("psnr", "lpips", "spectral_energy")}
    places = crops(asked.crops)
    scores = {
        name: [score(place, fill(place.truth, place.hole, place.seed), metrics) for place in places]
        for name, fill in fills().items()
    }
    lines = "\n".join([MARK, "", *table(scores, places, weights.variant), ""])
    print(lines)  # noqa: T201
    CARD.write_text(CARD.read_text("utf-8").partition(MARK)[0] + lines, "utf-8")


if __name__ == "__main__":
    main()

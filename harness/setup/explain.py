"""Explain every metric: what it sees and misses, and its number for a planted fault."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import cv2
import numpy as np
from PIL import Image as Pil

from editproof.harness.faults.pictures import get_fault
from editproof.harness.metrics.core.lpips_weights import LpipsWeights
from editproof.harness.metrics.core.metric import Image, Metric, Plane, Reference, require_part
from editproof.harness.metrics.core.registry import METRICS, all_names, get_metric
from editproof.harness.running.measure import as_delivered
from editproof.harness.setup.pages import wrap_lines
from editproof.harness.suites.tasks import make_scene_task
from editproof.vectors.registry import get_vector

SCENES = {
    "hard_seams": ("tiled_seams", 1),
    "microprint_lost": ("microprint", 2),
    "text_left": ("thin_text", 1),
    "banded": ("thin_text", 1),
    "seam_grid": ("logo", 4),
    "tile_shading": ("tiled_seams", 4),
}
SCENE = ("logo", 4)
"""Family and rung that a metric's picture shows: by the metric, else by its fault, else this."""
SEED, SIZE, SCALE = 7, 256, 1
STRONGER = 4.0
"""The picture shows the fault at this many times its nominal strength, so that an eye sees it too.
"""
GAP_PX = 8
INTRODUCTION = f"""# Measurements

`editproof explain --page docs/measurements.md` writes this page.

Every metric is measured over each region that it names:

- `all`: the whole picture
- `edit`: what had to go
- `ring`: around the edit
- `keep`: what had to stay
- `protect`: fine features that had to stay
- `seams`: along the borders of tiles
- `border`: the outer rim

`worst` is the worst 64×64 window, with its place.
*expected* is the right answer, and *actual* is the picture that is measured.

A *margin* is how much worse than the accepted number a number may get before it counts.
A suite can set other margins.

Each metric has three pictures: the right answer, the same picture with a planted fault, and a map
of where the metric sees the fault.
If a metric has no map, the third picture shows where the other two differ.
The fault has {STRONGER:g} times the strength that a metric must always see.
"""
BETTER = {
    "higher": "higher is better",
    "lower": "lower is better",
    "zero": "0 is best, and the sign is the direction",
}


def explain_all_metrics(weights: LpipsWeights) -> Iterator[tuple[Metric, list[str]]]:
    """Every metric with its section's paragraphs."""
    for name in all_names():
        metric = get_metric(name, weights)
        yield metric, explain_metric(metric)


def explain_metric(metric: Metric) -> list[str]:
    """What a metric is, in a few paragraphs of plain Markdown."""
    return [
        f"**Sees.** {metric.sees}",
        f"**Misses.** {metric.misses}",
        f"**Formula.** {metric.formula}",
        f"**Source.** {metric.source}",
        "\n".join(f"- {fact}" for fact in _list_facts(metric)),
        *_explain_unseen(metric),
    ]


def _list_facts(metric: Metric) -> list[str]:
    """What can be said of a metric in a word or a number each."""
    low, high = metric.range
    units = [f"{stat} is in {metric.unit_of(stat) or 'shares of 1'}" for stat in metric.units]
    margins = [
        f"{stat} {margin:g} {metric.unit_of(stat)}".rstrip()
        for stat, margin in metric.margins.items()
    ]
    return [
        f"Aspect: {metric.aspect}",
        f"Range: {low:g} to {high:g} {metric.unit}".rstrip() + f"; {BETTER[metric.better]}",
        "; ".join([f"Statistics: {', '.join(metric.stats)}", *units]),
        f"Margins: {', '.join(margins) or 'none'}",
        f"Regions: {', '.join(metric.regions)}",
        f"Needs: {', '.join(metric.needs) or 'nothing but the picture'}",
        f"Version: {metric.version}",
    ]


def _explain_unseen(metric: Metric) -> list[str]:
    """What nobody can tell apart, where there is such a value."""
    if metric.unseen is None:
        return []
    beyond, further = ("above", "higher") if metric.better == "higher" else ("below", "lower")
    value = f"{metric.unseen:g} {metric.unit}".rstrip()
    return [
        (
            f"Nobody can see a difference {beyond} {value}, so the gate counts {further} values as"
            f" {value}."
        )
    ]


def write_page(page: Path, weights: LpipsWeights) -> Path:
    """Write a Markdown page with every metric's section; the pictures go into a folder named like
    the page.
    """
    pictures = page.with_suffix("")
    pictures.mkdir(parents=True, exist_ok=True)
    parts = [INTRODUCTION]
    for metric, paragraphs in explain_all_metrics(weights):
        if metric.name not in METRICS:
            continue
        parts += [
            f"## {metric.name}\n",
            *(f"{wrap_lines(paragraph)}\n" for paragraph in paragraphs),
        ]
        shown = draw_example(metric)
        if shown is not None:
            picture, caption = shown
            picture.quantize(256, dither=Pil.Dither.FLOYDSTEINBERG).save(
                pictures / f"{metric.name}.png", optimize=True
            )
            alt = f"what {metric.name} measures"
            parts += [
                f"![{alt}]({pictures.name}/{metric.name}.png)\n",
                f"{wrap_lines(f'*{caption}*')}\n",
            ]
    page.write_text("\n".join(parts), encoding="utf-8")
    return page


def draw_example(metric: Metric) -> tuple[Pil.Image, str] | None:
    """A picture of the metric's own fault, and its number in words; None where its weights are not
    here.
    """
    reference = _make_reference(metric)
    fault, prepared = get_fault(metric.example), metric.prepare(reference)
    right = require_part(reference.expected)
    wrong, strong = (
        as_delivered(fault.plant(right, reference, fault.nominal * times))
        for times in (1.0, STRONGER)
    )
    before, after, strongly = (
        _measure_stats(metric, prepared, image) for image in (right, wrong, strong)
    )
    if not strongly:
        return None
    region, stat = max(strongly, key=lambda key: abs(strongly[key] - before.get(key, 0.0)))
    numbers = [f"{values.get((region, stat), 0.0):.4g}" for values in (before, after, strongly)]
    where = (
        np.abs(strong - right).max(axis=2)
        if metric.map is None
        else _map_harm(metric, metric.map(prepared, strong))
    )
    caption = (
        f"{fault.name}: {fault.about}. Without the fault, {metric.name} {stat} in {region} is"
        f" {numbers[0]}. At a strength of {fault.nominal:g} ({fault.unit}), it is {numbers[1]}, and"
        f" at {STRONGER:g} times that, {numbers[2]}."
    )
    return _join_pictures([right, strong, _colour_heat(where)]), caption


def _measure_stats(metric: Metric, prepared: object, image: Image) -> dict[tuple[str, str], float]:
    return {
        (v.region, v.stat): v.value for v in metric.measure(prepared, image) if v.value is not None
    }


def _make_reference(metric: Metric) -> Reference:
    family, step = SCENES.get(metric.name) or SCENES.get(metric.example, SCENE)
    return make_scene_task(get_vector(family).render(SEED, SIZE, step=step, scale=SCALE)).reference


def _map_harm(metric: Metric, plane: Plane) -> Plane:
    """How far each pixel of a metric's map is from the best value."""
    best = metric.range[1] if (metric.map_better or metric.better) == "higher" else 0.0
    return np.asarray(np.abs(plane - best))


def _colour_heat(depth: Plane) -> Image:
    """Damage as colours, dark to bright."""
    levels = np.clip(depth / max(float(np.percentile(depth, 99.5)), 1e-9), 0, 1)
    heat = cv2.applyColorMap(np.round(levels * 255).astype(np.uint8), cv2.COLORMAP_INFERNO)
    return np.asarray(heat[..., ::-1], np.float32) / np.float32(255)


def _join_pictures(images: Iterable[Image]) -> Pil.Image:
    tiles = [Pil.fromarray(np.round(image * 255).astype(np.uint8)) for image in images]
    width = sum(tile.width for tile in tiles) + GAP_PX * (len(tiles) - 1)
    sheet = Pil.new("RGB", (width, max(tile.height for tile in tiles)), "white")
    left = 0
    for tile in tiles:
        sheet.paste(tile, (left, 0))
        left += tile.width + GAP_PX
    return sheet

"""Measure an edit against its scene: what depends on the scene alone is prepared once, for all models and seeds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from harness.metrics.metric import Areas, Image, Metric, Reference
from harness.metrics.pooling import unmeasured
from harness.types import Measurement
from vectors import Scene


@dataclass(frozen=True, slots=True)
class Prepared:
    """A scene, ready to measure edits of it."""

    scene: Scene
    reference: Reference
    parts: dict[str, Any]
    """What each metric made of the reference, by metric name; a metric that lacks something is not in it."""


def prepare(scene: Scene, metrics: Sequence[Metric]) -> Prepared:
    """Do everything that needs the scene only."""
    reference = reference_of(scene)
    parts = {metric.name: metric.prepare(reference) for metric in metrics if not metric.missing(reference)}
    return Prepared(scene, reference, parts)


def reference_of(scene: Scene) -> Reference:
    """What a scene knows about the right answer, as metrics take it."""
    return Reference(
        areas=areas_of(scene),
        expected=scene.clean,
        input=scene.input,
        overlay=scene.overlay,
        overlay_rgb=scene.overlay_rgb,
        boxes=scene.truth,
        scale=scene.scale,
    )


def areas_of(scene: Scene) -> Areas:
    """Each region of DESIGN's six as a boolean H×W at output size; `protect` joins all protected features."""
    protect = np.zeros(scene.edit.shape, bool)
    for feature in scene.protect.values():
        protect |= feature > 0
    return {
        "all": np.ones(scene.edit.shape, bool),
        "edit": scene.edit > 0,
        "ring": scene.ring > 0,
        "keep": scene.keep > 0,
        "protect": protect,
        "seams": scene.seams > 0,
    }


def measure(prepared: Prepared, metrics: Sequence[Metric], image: Image) -> tuple[Measurement, ...]:
    """Every statistic of every region. `image` is the 8-bit picture that a customer gets, as float32 at output size."""
    rows: list[Measurement] = []
    for metric in metrics:
        if metric.name not in prepared.parts:
            rows += reasons(metric, metric.missing(prepared.reference))
            continue
        values = metric.measure(prepared.parts[metric.name], image)
        rows += (
            Measurement(metric.identity, v.region, v.stat, v.value, metric.unit, v.reason, v.y, v.x) for v in values
        )
    return tuple(rows)


def reasons(metric: Metric, reason: str) -> tuple[Measurement, ...]:
    """What stands in the table where a metric could not measure."""
    values = unmeasured(metric.regions, metric.stats, reason)
    return tuple(Measurement(metric.identity, v.region, v.stat, None, metric.unit, reason) for v in values)


def as_delivered(image: Image) -> Image:
    """The picture after rounding to 8 bits: what is stored, looked at and measured."""
    return np.asarray(np.round(image * 255) / 255, np.float32)

"""Measure an edit against its scene: what depends on the scene alone is prepared once, for all models and seeds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from harness.metrics.metric import Areas, Image, Metric
from harness.types import REGIONS, Measurement
from vectors import Scene


@dataclass(frozen=True, slots=True)
class Reference:
    """A scene, ready to measure edits of it."""

    scene: Scene
    areas: Areas
    prepared: dict[str, Any]
    """What each metric made of the expected image, by metric name."""


def prepare(scene: Scene, metrics: Sequence[Metric]) -> Reference:
    """Do everything that needs the scene only."""
    return Reference(scene, areas_of(scene), {metric.name: metric.prepare(scene.clean) for metric in metrics})


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


def measure(reference: Reference, metrics: Sequence[Metric], image: Image) -> tuple[Measurement, ...]:
    """Every statistic of every region. `image` is the 8-bit picture that a customer gets, as float32 at output size."""
    return tuple(
        Measurement(metric.identity, v.region, v.stat, v.value, metric.unit, v.reason, v.y, v.x)
        for metric in metrics
        for v in metric.measure(reference.prepared[metric.name], image, reference.areas)
    )


def unmeasured(metrics: Sequence[Metric], reason: str) -> tuple[Measurement, ...]:
    """What stands in the table where there is no picture to measure."""
    return tuple(
        Measurement(metric.identity, region, "mean", None, metric.unit, reason)
        for metric in metrics
        for region in REGIONS
    )


def as_delivered(image: Image) -> Image:
    """The picture after rounding to 8 bits: what is stored, looked at and measured."""
    return np.asarray(np.round(image * 255) / 255, np.float32)

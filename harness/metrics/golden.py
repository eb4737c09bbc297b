"""A fixed pair of pictures: every metric measures it before it is used, and refuses where its number is off.

A library that changed, weights that were not loaded, a processor that miscounts: each would give numbers that look like
measurements.
"""

from __future__ import annotations

from functools import cache

import numpy as np

from harness.errors import IncompleteError
from harness.metrics.metric import Image, Metric, Plane, Reference

EDGE_PX = 192
"""The smallest size at which every metric measures."""

TOLERANCE = 2e-3
"""Relative, with a thousandth of it absolute: what float32 and another processor may change."""


def check_golden(metric: Metric) -> None:
    """Raise IncompleteError unless the metric measures the golden pair as it did when it was written."""
    measured = golden_values(metric)
    for stat, golden in metric.golden.items():
        if not abs(measured[stat] - golden) <= TOLERANCE * (abs(golden) + 1e-3):
            raise IncompleteError(
                f"{metric.identity} is off: {stat} of the golden pair measures {measured[stat]:.6g}, it should be "
                f"{golden:.6g}. A library or the weights that it uses are not what they should be; see `editproof doctor`"
            )


def golden_values(metric: Metric) -> dict[str, float]:
    """Every statistic of the golden pair, in `all` or else the metric's first region; NaN where there is none."""
    reference, actual = golden_pair()
    region = "all" if "all" in metric.regions else metric.regions[0]
    values = metric.measure(metric.prepare(reference), actual)
    return {v.stat: np.nan if v.value is None else v.value for v in values if v.region == region}


@cache
def golden_pair() -> tuple[Reference, Image]:
    """A right answer, all that is known about it, and an edit of it with some of everything wrong: ghost, tint, blur."""
    y, x = np.mgrid[0:EDGE_PX, 0:EDGE_PX].astype(np.float64) / (EDGE_PX - 1)
    radius = np.hypot(x - 0.5, y - 0.5)
    rings = 0.5 + 0.3 * np.cos(90 * radius * radius)
    weave = 0.06 * np.sin(2 * np.pi * EDGE_PX * x / 5) * np.sin(2 * np.pi * EDGE_PX * y / 7)
    expected = np.stack([0.2 + 0.6 * x + weave, 0.8 - 0.5 * y + weave, rings + weave], axis=-1).clip(0, 1)
    overlay = _bars(y, x)
    colour = np.broadcast_to(np.array([0.9, 0.1, 0.15]), expected.shape)
    edit = overlay > 0
    ring = (np.abs(y - 0.5) < 0.22) & (np.abs(x - 0.5) < 0.32) & ~edit
    protect = (y < 0.3) & (x < 0.4) & ~edit
    seams = (np.abs(y - 0.5) < 1.6 / EDGE_PX) | (np.abs(x - 0.5) < 1.6 / EDGE_PX)
    reference = Reference(
        areas={
            "all": np.ones(edit.shape, bool),
            "edit": edit,
            "ring": ring,
            "keep": ~edit & ~ring,
            "protect": protect,
            "seams": seams,
        },
        expected=_float32(expected),
        input=_float32(_lay(expected, colour, overlay)),
        overlay=overlay.astype(np.float32),
        overlay_rgb=_float32(colour),
    )
    return reference, _damaged(expected, colour, overlay, y, x)


def _damaged(expected: Plane, colour: Plane, overlay: Plane, y: Plane, x: Plane) -> Image:
    """A ghost of the overlay, a tint on the right, a step along the middle, and a soft lower third."""
    actual = _lay(expected, colour, 0.12 * overlay)
    actual[..., 0] += 0.03 * (x > 0.5)
    actual[..., 2] -= 0.02 * (y > 0.5)
    soft = (actual + np.roll(actual, 1, axis=1) + np.roll(actual, -1, axis=1)) / 3
    actual = np.where((y > 0.66)[..., None], soft, actual)
    return _float32(np.round(actual.clip(0, 1) * 255) / 255)


def _bars(y: Plane, x: Plane) -> Plane:
    """Alpha of three bars in the middle, like letters."""
    bars = (np.abs(y - 0.5) < 0.15) & (np.abs(x - 0.5) < 0.25) & (np.mod(x * 12, 2) < 1)
    return np.asarray(0.8 * bars)


def _lay(under: Plane, colour: Plane, alpha: Plane) -> Plane:
    return np.asarray(under * (1 - alpha[..., None]) + colour * alpha[..., None])


def _float32(image: Plane) -> Image:
    return np.asarray(image, np.float32)

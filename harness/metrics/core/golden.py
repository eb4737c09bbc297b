"""A fixed pair of pictures that every metric measures before it is used. A metric with wrong values
is rejected.

A library that changed, weights that were not loaded, or a faulty processor would otherwise give
numbers that look like measurements.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import numpy.typing as npt

from editproof.harness.metrics.core.metric import (
    Area,
    Image,
    Metric,
    Plane,
    Reference,
    make_read_only,
    make_reference_read_only,
)
from editproof.harness.records.errors import IncompleteError
from editproof.harness.records.vocabulary import Region
from editproof.vectors.regions import border
from editproof.vectors.scene import Box

EDGE_PX = 192
"""The smallest size that every metric can measure."""

TILES = 6
"""Tiles along each axis of the tiled pair."""

TOLERANCE = 1e-4
"""Relative to the number plus 0.02: room for float32 and other processors."""


def check_golden(metric: Metric) -> None:
    """Raise IncompleteError unless the metric has its golden values on the golden pair."""
    measured = golden_values(metric)
    for stat, golden in metric.golden.items():
        if not abs(measured[stat] - golden) <= TOLERANCE * (abs(golden) + 0.02):
            raise IncompleteError(
                f"{metric.identity} is off: {stat} of the golden pair is {measured[stat]:.6g} and"
                f" should be {golden:.6g}. A library or weights that it uses are wrong. See"
                " `editproof doctor`"
            )


def golden_values(metric: Metric) -> dict[str, float]:
    """Every statistic of the golden pair, in `all` or else in the metric's first region; NaN: not
    measured.
    """
    reference, actual = get_pair(metric)
    region = "all" if "all" in metric.regions else metric.regions[0]
    values = metric.measure(metric.prepare(reference), actual)
    return {v.stat: np.nan if v.value is None else v.value for v in values if v.region == region}


def get_pair(metric: Metric) -> tuple[Reference, Image]:
    """The golden pair that a metric names, read-only."""
    reference, actual = {"texture": golden_pair, "paper": printed_pair, "tiles": tiled_pair}[
        metric.golden_pair
    ]()
    return make_reference_read_only(reference), make_read_only(actual)


@cache
def golden_pair() -> tuple[Reference, Image]:
    """A right answer with everything that can be known about it, and a damaged edit of it: ghost,
    tint, step and blur.
    """
    y, x = np.mgrid[0:EDGE_PX, 0:EDGE_PX].astype(np.float64) / (EDGE_PX - 1)
    radius = np.hypot(x - 0.5, y - 0.5)
    rings = 0.5 + 0.3 * np.cos(90 * radius * radius)
    weave = 0.06 * np.sin(2 * np.pi * EDGE_PX * x / 5) * np.sin(2 * np.pi * EDGE_PX * y / 7)
    expected = np.stack(
        [0.2 + 0.6 * x + weave, 0.8 - 0.5 * y + weave, rings + weave], axis=-1
    ).clip(0, 1)
    overlay = _bars(y, x)
    colour = np.broadcast_to(np.array([0.9, 0.1, 0.15]), expected.shape)
    edit = overlay > 0
    ring = (np.abs(y - 0.5) < 0.22) & (np.abs(x - 0.5) < 0.32) & ~edit
    protect = ((y < 0.3) | (y > 0.7)) & (x < 0.4) & ~edit
    seams = (np.abs(y - 0.5) < 1.6 / EDGE_PX) | (np.abs(x - 0.5) < 1.6 / EDGE_PX)
    reference = Reference(
        areas={
            "all": np.ones(edit.shape, bool),
            "edit": edit,
            "ring": ring,
            "keep": ~edit & ~ring,
            "protect": protect,
            "seams": seams,
            "border": border(EDGE_PX, EDGE_PX, 1),
        },
        expected=_to_float32(expected),
        input=_to_float32(_lay_over(expected, colour, overlay)),
        overlay=overlay.astype(np.float32),
        overlay_rgb=_to_float32(colour),
    )
    return reference, _damage(expected, colour, overlay, y, x)


@cache
def printed_pair() -> tuple[Reference, Image]:
    """A printed line that must stay, and two that must go. The edit loses the end of the first and
    leaves one of the others.
    """
    from editproof.vectors.drawing.layers import Lettering, patch_box, text_patch

    words = (("SERIAL 7C-8819", 14.0, 30.0), ("SAMPLE", 22.0, 80.0), ("COPY", 22.0, 130.0))
    patches = [
        text_patch(text, Lettering("bold", high), y_px=top, x_px=20, scale=1)
        for text, high, top in words
    ]
    boxes = tuple(
        patch_box("text", word[0], patch, 1) for word, patch in zip(words, patches, strict=True)
    )
    serial, sample, copy = (_place_letters(patch.coverage, patch.y, patch.x) for patch in patches)
    y, x = np.mgrid[0:EDGE_PX, 0:EDGE_PX].astype(np.float64) / (EDGE_PX - 1)
    paper = np.stack([0.95 - 0.05 * x, 0.93 - 0.05 * y, 0.85 + 0 * x], axis=-1)
    ink = np.broadcast_to(np.array([0.1, 0.12, 0.3]), paper.shape)
    expected = _lay_over(paper, ink, serial)
    overlay = 0.9 * np.maximum(sample, copy)
    areas: dict[Region, Area] = {
        "all": overlay >= 0,
        "edit": overlay > 0,
        "ring": overlay < 0,
        "keep": overlay == 0,
        "protect": _box_area(boxes[0]),
        "seams": overlay < 0,
        "border": border(EDGE_PX, EDGE_PX, 1),
    }
    reference = Reference(
        areas=areas,
        expected=_to_float32(expected),
        input=_to_float32(_lay_over(expected, ink, overlay)),
        overlay=overlay.astype(np.float32),
        overlay_rgb=_to_float32(ink),
        boxes=boxes,
    )
    return reference, _to_float32(
        _lay_over(_lay_over(paper, ink, serial * (x < 0.45)), ink, 0.7 * sample)
    )


@cache
def tiled_pair() -> tuple[Reference, Image]:
    """The golden pair with tiles that are lighter in their middle."""
    reference, damaged = golden_pair()
    phase = (np.arange(EDGE_PX) + 0.5) * TILES / EDGE_PX
    border = np.abs(phase - np.round(phase)) * EDGE_PX / TILES < 1.6
    seams = border[:, None] | border
    shade = -0.01 * (np.cos(2 * np.pi * phase)[:, None] + np.cos(2 * np.pi * phase))
    shaded = np.round((damaged + shade[..., None]).clip(0, 1) * 255) / 255
    return replace(reference, areas={**reference.areas, "seams": seams}), _to_float32(shaded)


def _place_letters(letters: npt.NDArray[np.uint8], top: int, left: int) -> Plane:
    """Place letters on an empty plane."""
    plane = np.zeros((EDGE_PX, EDGE_PX))
    plane[top : top + letters.shape[0], left : left + letters.shape[1]] = letters / 255
    return plane


def _box_area(box: Box) -> Area:
    area = np.zeros((EDGE_PX, EDGE_PX), bool)
    area[box.y0 : box.y1, box.x0 : box.x1] = True
    return area


def _damage(expected: Plane, colour: Plane, overlay: Plane, y: Plane, x: Plane) -> Image:
    """Add a ghost of the overlay, a tint on the right, a step along the middle, and blur in the
    lower third.
    """
    actual = _lay_over(expected, colour, 0.12 * overlay)
    actual[..., 0] += 0.03 * (x > 0.5)
    actual[..., 2] -= 0.02 * (y > 0.5)
    soft = (actual + np.roll(actual, 1, axis=1) + np.roll(actual, -1, axis=1)) / 3
    actual = np.where((y > 0.66)[..., None], soft, actual)
    return _to_float32(np.round(actual.clip(0, 1) * 255) / 255)


def _bars(y: Plane, x: Plane) -> Plane:
    """Alpha of three bars in the middle, like letters."""
    bars = (np.abs(y - 0.5) < 0.15) & (np.abs(x - 0.5) < 0.25) & (np.mod(x * 12, 2) < 1)
    return np.asarray(0.8 * bars)


def _lay_over(under: Plane, colour: Plane, alpha: Plane) -> Plane:
    return np.asarray(under * (1 - alpha[..., None]) + colour * alpha[..., None])


def _to_float32(image: Plane) -> Image:
    return np.asarray(image, np.float32)

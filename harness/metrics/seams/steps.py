"""Steps across straight lines. Tile borders leave them, texture hardly does."""

from __future__ import annotations

from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from editproof.harness.metrics.core.metric import Area, Image

SEGMENT_PX = 32
"""Length over which a step is averaged. Texture cancels out, a seam does not."""

FLOOR = (0.1 / 255) ** 2
"""Squared step of a tenth of an 8-bit level, which rounding leaves on a flat picture."""


class Segments(NamedTuple):
    """Where the pieces of a line start. The last one ends with the line."""

    starts: npt.NDArray[np.intp]
    length: int

    @property
    def sizes(self) -> npt.NDArray[np.intp]:
        """Pixels in each segment."""
        return np.diff(np.append(self.starts, self.length))

    def centre(self, index: int) -> int:
        """The pixel in the middle of a segment."""
        return int(self.starts[index] + self.sizes[index] // 2)


def find_borders(area: Area, axis: int) -> list[tuple[int, int]]:
    """Bands of rows (axis 0) or columns (axis 1) that a mask covers almost completely: start and
    stop of each.
    """
    from scipy import ndimage

    full = area.mean(axis=1 - axis) > 0.9
    bands = ndimage.find_objects(ndimage.label(full)[0])
    return [(band[0].start, band[0].stop) for band in bands]


def find_tiling(area: Area, axis: int) -> tuple[float, float] | None:
    """Place of the first border and distance from one to the next along an axis, in pixels; None:
    fewer than two.
    """
    middles = [(start + stop) / 2 for start, stop in find_borders(area, axis)]
    return (middles[0], float(np.median(np.diff(middles)))) if len(middles) > 1 else None


def cut_segments(length: int, size: int) -> Segments:
    """Cut a line into pieces of `size`. The last may be up to twice as long."""
    return Segments(np.arange(max(length // size, 1)) * size, length)


def measure_steps(image: Image, axis: int, pieces: Segments) -> npt.NDArray[np.float64]:
    """Step before every row (axis 0) or column (axis 1), lines×segments. The first step and one
    after the last line are 0.

    A step is the change of a segment's mean from one line to the next, as the root mean square over
    R, G and B.
    """
    count = len(pieces.starts)
    size = (count, image.shape[0]) if axis == 0 else (image.shape[1], count)
    if pieces.length % count == 0:
        means = np.asarray(
            cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.float64
        ).reshape(size[1], size[0], -1)
    else:
        sums = np.add.reduceat(image, pieces.starts, axis=1 - axis, dtype=np.float64)
        means = sums / (pieces.sizes[None, :, None] if axis == 0 else pieces.sizes[:, None, None])
    lines = means if axis == 0 else means.swapaxes(0, 1)
    change = np.sqrt(np.square(np.diff(lines, axis=0)).mean(axis=-1))
    return np.pad(change, ((1, 1), (0, 0)))

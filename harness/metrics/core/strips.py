"""Planes computed strip by strip, so that intermediate results stay small and in the processor's
cache.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from editproof.harness.metrics.core.metric import Plane

STRIP_PX = 16_384
"""Approximate pixels in a strip. A dozen of its intermediate planes fit into a second-level
cache.
"""


def compute_by_strips(
    compute: Callable[[slice], Plane], height: int, width: int, *, halo: int = 0
) -> Plane:
    """Compute a float32 plane, height×width or with channels, from `compute(rows)` for slices of
    rows.

    `halo` is the number of rows above and below that a row's value depends on. `compute` gets that
    many more rows, where they exist.
    """
    strips = []
    step = max(STRIP_PX // width, 8 * halo, 1)
    for start in range(0, height, step):
        stop = min(start + step, height)
        first = max(start - halo, 0)
        strip = compute(slice(first, min(stop + halo, height)))
        strips.append(strip[start - first : stop - first].astype(np.float32, copy=False))
    return np.concatenate(strips)

"""A plane computed strip by strip: intermediate results stay in the processor's cache, and small
however large the picture.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from editproof.harness.metrics.core.metric import Plane

STRIP_PX = 16_384
"""About so many pixels a strip: a dozen of its intermediate planes fit into a second-level cache.
"""


def compute_by_strips(
    compute: Callable[[slice], Plane], height: int, width: int, *, halo: int = 0
) -> Plane:
    """The float32 plane, height×width or with channels, whose rows `compute(rows)` gives for any
    slice of rows.

    `halo` is how many rows above and below a row its value depends on: `compute` is given as many
    more, where there are.
    """
    strips = []
    step = max(STRIP_PX // width, 8 * halo, 1)
    for start in range(0, height, step):
        stop = min(start + step, height)
        first = max(start - halo, 0)
        strip = compute(slice(first, min(stop + halo, height)))
        strips.append(strip[start - first : stop - first].astype(np.float32, copy=False))
    return np.concatenate(strips)

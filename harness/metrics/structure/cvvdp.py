"""ColorVideoVDP: how much worse a viewer finds the picture than the right answer."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from editproof.harness.metrics.core import colorvideovdp
from editproof.harness.metrics.core.metric import (
    Areas,
    Image,
    Metric,
    Plane,
    Reference,
    Value,
    require_part,
)
from editproof.harness.metrics.core.pooling import interpolate_windows, unmeasured_values
from editproof.harness.records.reasons import EMPTY, TOO_SMALL
from editproof.harness.records.suites import Viewing
from editproof.harness.records.vocabulary import Region

STATS = ("mean", "worst")

VIEWING = Viewing()
"""A 4K monitor with one picture pixel for each display pixel. A suite's own viewing condition
applies to the gate only, so this metric's numbers mean the same in every run.
"""


class PreparedPicture(NamedTuple):
    """The expected image and the regions."""

    expected: Image
    areas: Areas


def _prepare(reference: Reference) -> PreparedPicture:
    colorvideovdp.require_package()
    return PreparedPicture(require_part(reference.expected), reference.areas)


def _measure(prepared: PreparedPicture, actual: Image) -> list[Value]:
    found = colorvideovdp.pool_regions(
        actual, prepared.expected, viewing=VIEWING, areas=prepared.areas
    )
    values: list[Value] = []
    for region in prepared.areas:
        if region not in found:
            values += unmeasured_values([region], STATS, EMPTY)
            continue
        values += [
            Value(region, "mean", found[region].whole),
            _find_worst(region, found[region].windows),
        ]
    return values


def _find_worst(region: Region, windows: colorvideovdp.Grid) -> Value:
    if np.isnan(windows.lost).all():
        return Value(region, "worst", None, TOO_SMALL)
    row, column = np.unravel_index(int(np.nanargmax(windows.lost)), windows.lost.shape)
    return Value(
        region,
        "worst",
        float(windows.lost[row, column]),
        y=int(windows.ys[row]),
        x=int(windows.xs[column]),
    )


def _map(prepared: PreparedPicture, actual: Image) -> Plane:
    """JOD lost in the window around every pixel."""
    everywhere: Areas = {"all": np.ones(actual.shape[:2], bool)}
    windows = colorvideovdp.pool_regions(
        actual, prepared.expected, viewing=VIEWING, areas=everywhere
    )["all"].windows
    return interpolate_windows(np.nan_to_num(windows.lost), windows.ys, windows.xs, actual.shape)


CVVDP = Metric(
    name="cvvdp",
    variant="",
    version=1,
    unit="JOD lost",
    better="lower",
    range=(0.0, 100.0),
    stats=STATS,
    source=(
        "Mantiuk, Hanji, Ashraf, Asano & Chapiro 2024 (ColorVideoVDP), the authors' package cvvdp,"
        " standard_4k"
    ),
    formula=(
        "10 - JOD: the contrast difference in each band and colour channel, with visual"
        " masking, pooled over the region. At 1 JOD lost, three of four people prefer the"
        " right answer. Over the whole picture, it is the package's own number"
    ),
    sees=(
        "What a viewer sees when they compare the picture with the right answer on a 4K"
        " monitor. Blur, noise, tints, ghosts and seams share one scale."
    ),
    misses=(
        "Which property changed, a slight tint of a large plain area (see delta_e00), and what"
        " only a magnifier shows. It takes about half a second for 512×512 px. Coarse bands reach"
        " beyond a region, so damage beside it counts a little."
    ),
    example="compressed",
    aspect="structure",
    prepare=_prepare,
    measure=_measure,
    margins={"mean": 0.03, "worst": 0.1},
    golden={"mean": 0.168506, "worst": 0.390304},
    map=_map,
)

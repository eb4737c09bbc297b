"""Grain: does the noise in the edit match its surroundings, and is it unchanged elsewhere?"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from editproof.harness.metrics.core.length import length
from editproof.harness.metrics.core.luma import luma
from editproof.harness.metrics.core.metric import (
    Area,
    Image,
    Metric,
    Plane,
    Reference,
    Value,
    select_areas,
)
from editproof.harness.metrics.core.pooling import unmeasured_values
from editproof.harness.records.reasons import EMPTY
from editproof.harness.records.vocabulary import Region

SIGMAS_PX = (1.0, 2.0, 4.0)
"""Each band is the difference of two Gaussians: about an octave, finest first."""

BANDS = ("fine", "medium", "coarse")
STATS = (*BANDS, "mean")

STRUCTURE_PX = 3.0
"""Scale that separates structure from grain."""

FLAT_SHARE = 1 / 3
"""Share of a region that is measured: where it has least structure."""

MIN_PX = 64
"""Fewer flat pixels say nothing about noise."""

GAP_PX = 4
"""Width of the band around the edit that is not measured, since the finest band reaches that
far.
"""

AROUND_PX = 48
"""Width of the edit's surroundings."""

FLOOR = 0.5 / 255
"""About what rounding to 8 bits leaves. It is added in squares to both sides, so that below it two
places are equally clean.
"""

LOCAL_PX = 6.0
"""σ of the neighbourhood around a pixel, for the map."""

MIN_FLAT = 0.02
"""Share of that neighbourhood that must be flat."""

BESIDE = ("edit", "around")
"""What the value of `edit` is made of."""

MAD_TO_SIGMA = 1.4826
"""Standard deviation of a normal distribution divided by its median absolute value."""

REGIONS: tuple[Region, ...] = ("all", "edit", "ring", "keep")

NO_EXPECTED = (
    "no expected picture is known, so only the edit can be compared, with its surroundings"
)
TOO_FEW = f"fewer than {MIN_PX} px without structure"
NO_SURROUNDINGS = (
    f"fewer than {MIN_PX} px without structure within {AROUND_PX} px around the region"
)

Bands = npt.NDArray[np.float32]
"""3×H×W: luma's detail in each band."""

Sigmas = npt.NDArray[np.float64]
"""3: the deviation of each band."""

Places = tuple[npt.NDArray[np.intp], ...]
"""Rows and columns of pixels."""


class PreparedGrain(NamedTuple):
    """The regions, their flat places, and the noise there in the expected image."""

    expected: Image | None
    areas: Mapping[Region, Area]
    places: Mapping[str, Area]
    """What is measured: the regions without the edit's rim, and `around`, the edit's
    surroundings.
    """
    flat: Mapping[str, Places]
    """Where those have least structure; empty: no expected image is known."""
    sigmas: Mapping[str, Sigmas]
    """Deviations there, in the expected image."""


def bands(plane: npt.NDArray[np.float32]) -> Bands:
    """Detail of luma by octave, as differences of Gaussians, finest first. 3×H×W."""
    blurred = [
        plane,
        *(
            cv2.GaussianBlur(plane, (0, 0), sigma, borderType=cv2.BORDER_REFLECT)
            for sigma in SIGMAS_PX
        ),
    ]
    return np.stack([fine - coarse for fine, coarse in itertools.pairwise(blurred)])


def _prepare(reference: Reference) -> PreparedGrain:
    areas = select_areas(reference, REGIONS)
    places = _split_places(areas)
    if reference.expected is None:
        return PreparedGrain(None, areas, places, {}, {})
    plane = _luma32(reference.expected)
    flat = _find_flat_places(plane, places)
    return PreparedGrain(reference.expected, areas, places, flat, _deviations(bands(plane), flat))


def _measure(prepared: PreparedGrain, actual: Image) -> list[Value]:
    plane = _luma32(actual)
    flat = _get_flat_places(prepared, plane)
    sigmas = _deviations(bands(plane), flat)
    return [
        value for region in prepared.areas for value in _measure_region(prepared, sigmas, region)
    ]


def _get_flat_places(
    prepared: PreparedGrain, plane: npt.NDArray[np.float32]
) -> Mapping[str, Places]:
    """Flat places of the expected image, or of the actual one if none is known."""
    beside = {place: area for place, area in prepared.places.items() if place in BESIDE}
    return prepared.flat or _find_flat_places(plane, beside)


def _map(prepared: PreparedGrain, actual: Image) -> Plane:
    """Change of the deviation at the flat places around every pixel, mean of the bands, in dB; 0
    without flat places.

    Without an expected image: of the edit, relative to its surroundings.
    """
    plane = _luma32(actual)
    flat = _get_flat_places(prepared, plane)
    is_flat = np.zeros(plane.shape, np.float32)
    for pixels in flat.values():
        is_flat[pixels] = 1
    detail, share = bands(plane), _blur_locally(is_flat)
    if prepared.expected is not None:
        before = _local_deviations(bands(_luma32(prepared.expected)), is_flat, share)
    elif "around" in flat and "edit" in prepared.areas:
        before = _deviations(detail, flat)["around"][:, None, None]
        share = np.where(prepared.areas["edit"], share, 0)
    else:
        return np.zeros(plane.shape)
    change = (20 * np.log10(_local_deviations(detail, is_flat, share) / before)).mean(axis=0)
    return np.where(share >= MIN_FLAT, change, 0.0)


def _local_deviations(detail: Bands, is_flat: Plane, share: Plane) -> Plane:
    """Deviation of each band at the flat places around every pixel, with the floor. 3×H×W."""
    squares = np.stack([_blur_locally(band * band * is_flat) for band in detail])
    return np.asarray(np.sqrt(squares / np.maximum(share, MIN_FLAT) + FLOOR**2), np.float64)


def _blur_locally(plane: npt.NDArray[np.float32]) -> Plane:
    return np.asarray(
        cv2.GaussianBlur(plane, (0, 0), LOCAL_PX, borderType=cv2.BORDER_REFLECT), np.float32
    )


def _measure_region(
    prepared: PreparedGrain, sigmas: Mapping[str, Sigmas], region: Region
) -> list[Value]:
    """Every band of one region in dB, and their mean."""
    reason = _explain_unmeasured(prepared, sigmas, region)
    if reason:
        return unmeasured_values([region], STATS, reason)
    change = _deviation_change(prepared, sigmas, region)
    if region == "edit":
        change = change - _deviation_change(prepared, sigmas, "around")
    values = [*change, change.mean()]
    return [Value(region, stat, float(value)) for stat, value in zip(STATS, values, strict=True)]


def _explain_unmeasured(
    prepared: PreparedGrain, sigmas: Mapping[str, Sigmas], region: Region
) -> str:
    """Say why a region cannot be measured; empty: it can."""
    if not prepared.areas[region].any():
        return EMPTY
    if not prepared.sigmas and region != "edit":
        return NO_EXPECTED
    if region not in sigmas:
        return TOO_FEW
    return NO_SURROUNDINGS if region == "edit" and "around" not in sigmas else ""


def _deviation_change(prepared: PreparedGrain, sigmas: Mapping[str, Sigmas], place: str) -> Sigmas:
    """Actual over expected deviation of each band, in dB; the actual deviation if nothing is
    expected.
    """
    expected = prepared.sigmas.get(place, np.ones(len(BANDS)))
    return np.asarray(20 * np.log10(sigmas[place] / expected), np.float64)


def _deviations(detail: Bands, flat: Mapping[str, Places]) -> Mapping[str, Sigmas]:
    """Robust deviation of each band at each region's flat places, with the floor."""
    return {
        place: np.array(
            [
                np.hypot(MAD_TO_SIGMA * float(np.median(np.abs(band[pixels]))), FLOOR)
                for band in detail
            ]
        )
        for place, pixels in flat.items()
    }


def _split_places(areas: Mapping[Region, Area]) -> Mapping[str, Area]:
    """The regions, those beside the edit without its rim, and the edit's surroundings."""
    edit = areas.get("edit")
    if edit is None or not edit.any():
        return {str(region): area for region, area in areas.items()}
    distance = cv2.distanceTransform((~edit).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5)
    beside = np.asarray((distance > 0) & (distance <= GAP_PX), bool)
    around = np.asarray((distance > GAP_PX) & (distance <= AROUND_PX), bool)
    places = {
        str(region): area & ~beside if region in {"ring", "keep"} else area
        for region, area in areas.items()
    }
    return {**places, "around": around}


def _find_flat_places(
    plane: npt.NDArray[np.float32], areas: Mapping[str, Area]
) -> Mapping[str, Places]:
    """Where each area has least structure. Areas with too few such places are left out."""
    structure = _structure(plane)
    places = {name: _find_flattest(structure, area) for name, area in areas.items()}
    return {name: pixels for name, pixels in places.items() if pixels[0].size >= MIN_PX}


def _find_flattest(structure: npt.NDArray[np.float32], area: Area) -> Places:
    inside = structure[area]
    if not inside.size:
        return np.nonzero(area)
    limit = np.partition(inside, int(inside.size * FLAT_SHARE))[int(inside.size * FLAT_SHARE)]
    return np.nonzero(area & (structure <= limit))


def _structure(plane: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Slope of smoothed luma, spread over its neighbourhood. Grain hardly changes it. H×W."""
    smooth = cv2.GaussianBlur(plane, (0, 0), STRUCTURE_PX, borderType=cv2.BORDER_REFLECT)
    slopes = (
        cv2.Sobel(smooth, cv2.CV_32F, *axes, borderType=cv2.BORDER_REFLECT)
        for axes in ((1, 0), (0, 1))
    )
    across, down = (np.asarray(slope, np.float32) for slope in slopes)
    return np.asarray(
        cv2.blur(length(across, down), (7, 7), borderType=cv2.BORDER_REFLECT), np.float32
    )


def _luma32(image: Image) -> npt.NDArray[np.float32]:
    return luma(image).astype(np.float32)


GRAIN = Metric(
    name="grain",
    variant="",
    version=1,
    unit="dB",
    better="zero",
    range=(-56.0, 56.0),
    stats=STATS,
    source=(
        "Standard deviation of luma by octave (differences of Gaussians, σ 1, 2 and 4 px),"
        " where the expected picture has least structure. It comes from the median absolute"
        " value (Donoho & Johnstone 1994)"
    ),
    formula=(
        "g = 20 log10(sigma of actual / sigma of expected) by octave, sigma = 1.4826 median"
        " |detail|. In edit: g(edit) - g(up to 48 px around it). Without an expected"
        " picture: 20 log10(sigma(edit) / sigma(around)) of actual"
    ),
    sees=(
        "In edit: a fill that is smoother (negative) or noisier (positive) than its surroundings."
        " In ring, keep and all: a picture that was denoised or gained noise. Each by octave:"
        " fine, medium, coarse."
    ),
    misses=(
        "Grain of the right strength in the wrong pattern, and grain in colour alone. In"
        " textures without flat places, it measures the texture itself (see local_contrast,"
        " spectral_energy). There, even uniform noise reads up to 2 dB in edit."
    ),
    example="grain_lost",
    aspect="detail",
    prepare=_prepare,
    measure=_measure,
    margins={"mean": 0.5, "fine": 0.5},
    golden={"fine": -1.93062, "medium": -1.28219, "coarse": 0.0783526, "mean": -1.04482},
    regions=REGIONS,
    needs=(),
    map=_map,
)

"""Can anybody see a difference between two pictures, where, and does it lead towards the right
answer?

ColorVideoVDP (`colorvideovdp.py`) predicts what a viewer sees in JOD, just objectionable
differences: at a loss of 1 JOD, 75 % of people prefer the other picture. Its maps are pooled over
regions and windows, so that damage in a small place does not average out.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import cv2
import msgspec
import numpy as np
import numpy.typing as npt

from editproof.harness.metrics.core.colorvideovdp import (
    CELL_PX,
    DifferenceWindows,
    Observer,
    get_observer,
    pool_region,
)
from editproof.harness.metrics.core.metric import Areas, Image
from editproof.harness.metrics.core.pooling import WINDOW_PX
from editproof.harness.records.suites import Viewing

VERSION = "1"
"""Raised when a number of this module changes."""

WHOLE_JOD = 0.03

WORST_JOD = 0.2

SHIFT_DE00 = 1.0
"""From these values on, a difference counts as visible: JOD over the whole picture, JOD in one
window, or ΔE00 between the mean colours of a window. The model is made for contrasts and does not
see the last on plain areas. The limits lie between changes that nobody sees (1 level on a plain
patch: .02, .17) and those that people see (2 levels: .09, .63); see docs/visibility.md.
"""

BLIND_PSNR_DB = 45.0
"""Without the package, a difference counts as visible if the PSNR of a window is below this."""


class Step(msgspec.Struct, frozen=True):
    """JOD lost to the right answer before and after, where the two pictures differ."""

    before: float
    after: float


class Difference(msgspec.Struct, frozen=True):
    """What a viewer sees of the difference between an accepted picture and a new one, in JOD lost.
    0 means nothing.
    """

    whole: float
    """Over the whole picture."""
    worst: float
    """In the 64×64 window that differs most."""
    y: int = 0
    x: int = 0
    """The window's centre, in pixels."""
    shift: float = 0.0
    """Largest ΔE00 between the mean colours of a window."""
    regions: dict[str, float] = {}
    """In each region that the scene has."""
    parts: dict[str, float] = {}
    """Where they differ: what a viewer would see of each of `PARTS` alone."""
    steps: dict[str, Step] = {}
    """`all` and each of `PARTS`: distance of both from the right answer where they differ. Empty:
    no right answer is known.
    """

    kept: float | None = None
    """How much of the seed's sample was kept. 1: the new picture is the accepted one with a change;
    0: it is as near to the accepted picture of another seed. None: there is no other seed, or its
    picture is the same.
    """

    @property
    def visible(self) -> bool:
        """Whether somebody can see it."""
        return self.whole >= WHOLE_JOD or self.worst >= WORST_JOD or self.shift >= SHIFT_DE00

    @property
    def jod(self) -> float:
        """How visible it is, in one number: the maximum over the whole picture and the worst
        window.
        """
        return max(self.whole, self.worst)

    @property
    def step(self) -> float:
        """How much further from the right answer the new picture is; below 0: nearer; 0 also
        without a right answer.
        """
        return self.steps["all"].after - self.steps["all"].before if "all" in self.steps else 0.0


def compare(
    accepted: Image,
    image: Image,
    *,
    viewing: Viewing,
    areas: Areas | None = None,
    expected: Image | None = None,
    other: Image | None = None,
) -> Difference:
    """What a viewer sees of the difference between two pictures of one size, H×W×3 in [0, 1], sRGB.

    `areas` are regions at their size, `expected` is the right answer, and `other` is the accepted
    picture of another seed. Raises IncompleteError if the package is missing.
    """
    observer = get_observer(viewing)
    whole, maps = observer.look(image, accepted)
    windows = DifferenceWindows(maps, image.shape[:2])
    lost = observer.lost(windows.energies())
    row, column = np.unravel_index(int(lost.argmax()), lost.shape)
    weight = windows.squares
    visible = weight.any()
    regions = {
        str(name): float(observer.lost(pool_region(maps, area)))
        for name, area in (areas or {}).items()
        if area.any()
    }
    return Difference(
        whole=_round_number(whole),
        worst=_round_number(float(lost[row, column])),
        y=windows.centre(int(row), 0),
        x=windows.centre(int(column), 1),
        shift=_round_number(_colour_shift(accepted, image)),
        regions={name: _round_number(value) for name, value in regions.items()},
        parts=_round_numbers(observer.parts(windows.energy(weight))) if visible else {},
        steps=(
            _measure_steps(observer, accepted, image, expected, weight)
            if visible and expected is not None
            else {}
        ),
        kept=measure_kept_sample(accepted, image, other) if other is not None else None,
    )


def measure_kept_sample(accepted: Image, image: Image, other: Image) -> float | None:
    """Position of a picture between the accepted one of its seed, 1, and that of another seed, -1,
    along the difference of these two.

    Two unrelated samples differ by the noise of thousands of pixels, so they give a value near 0.
    """
    if accepted.shape != other.shape:
        return None
    apart = np.asarray(accepted, np.float64) - other
    squares = float(np.square(apart).sum())
    if squares == 0:
        return None
    middle = (np.asarray(accepted, np.float64) + other) / 2
    return _round_number(2 * float(((image - middle) * apart).sum()) / squares)


def compare_without_model(accepted: Image, image: Image) -> Difference:
    """Judge a difference without the package, by the PSNR of the worst window."""
    squares = np.square(np.asarray(accepted, np.float64) - image).mean(axis=2)
    span = tuple(min(WINDOW_PX, length) for length in squares.shape)
    worst = float(cv2.blur(squares, span[::-1], borderType=cv2.BORDER_REFLECT).max())
    psnr = math.inf if worst <= 0 else -10 * math.log10(worst)
    return Difference(
        0.0,
        WORST_JOD if psnr < BLIND_PSNR_DB else 0.0,
        shift=_round_number(_colour_shift(accepted, image)),
    )


def _colour_shift(accepted: Image, image: Image) -> float:
    """Largest ΔE00 between the mean colours of a window."""
    from skimage.color import deltaE_ciede2000, rgb2lab

    span = tuple(max(min(WINDOW_PX, length) // CELL_PX * CELL_PX, 1) for length in image.shape[:2])
    means = [
        cv2.blur(np.asarray(picture, np.float32), span[::-1])[::CELL_PX, ::CELL_PX]
        for picture in (accepted, image)
    ]
    return float(deltaE_ciede2000(*(rgb2lab(mean) for mean in means)).max())


def _measure_steps(
    observer: Observer,
    accepted: Image,
    image: Image,
    expected: Image,
    weight: npt.NDArray[np.float64],
) -> dict[str, Step]:
    """Distance of both pictures from the right answer. Each place counts by how much they differ
    there.
    """
    sides = []
    for picture in (accepted, image):
        _, maps = observer.look(picture, expected)
        energy = DifferenceWindows(maps, expected.shape[:2]).energy(weight)
        sides.append(
            _round_numbers({"all": float(observer.lost(energy)), **observer.parts(energy)})
        )
    return {name: Step(sides[0][name], sides[1][name]) for name in sides[0]}


def _round_number(value: float) -> float:
    return float(f"{value:.4g}")


def _round_numbers(values: Mapping[str, float]) -> dict[str, float]:
    return {name: _round_number(value) for name, value in values.items()}

"""How a picture moved as a whole: shifted, rotated or scaled, if that explains it better than no
motion.
"""

from __future__ import annotations

import cmath
import math
from typing import NamedTuple, TypeVar

import cv2
import numpy as np
import numpy.typing as npt

Plane32 = npt.NDArray[np.float32]
Inside = npt.NDArray[np.bool_]
Points = npt.NDArray[np.complex128]
Place = TypeVar("Place", complex, Points)
"""Places or distances in pixels: x + iy."""

LOOKED_AT_PX = 384
"""Longest edge of the picture in which a motion is searched."""

LEAST_PX = 32
"""Shortest edge of that picture."""

DETAIL_PX = 17
"""Edge of the box whose mean is subtracted, so that detail is compared and not large tones."""

UNMOVED = 0.9
"""If the detail of two pictures correlates this well, no motion is searched."""

ALIKE = 0.6
"""After a motion is undone, the detail must correlate at least this well."""

BETTER = 0.6
"""A motion must leave at most this share of the error without it."""

MOST_SHIFT = 0.25
"""Share of the picture's edge."""

MOST_SCALE = 1.5
MOST_DEGREES = 45.0

LEAST_OVERLAP = 0.3
"""Share of the picture that must remain after the motion."""

WHOLE_PX = 0.5
"""A rotation and scale that move no pixel farther than this are left to the refinement."""

ANGLES, FREQUENCIES = 360, 256
LOWEST = 6.0
"""Sampling of a spectrum over angle and the logarithm of frequency, and its lowest frequency in
waves a picture.
"""

REFINED = (cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 50, 1e-5)


class Motion(NamedTuple):
    """A similarity: content expected at p = x + iy lies at factor · p + offset. In pixels."""

    factor: complex = 1 + 0j
    offset: complex = 0j

    @property
    def scale(self) -> float:
        """In %: 0 is the same size, and positive is larger."""
        return 100 * (abs(self.factor) - 1)

    @property
    def rotation(self) -> float:
        """In degrees, positive clockwise."""
        return math.degrees(cmath.phase(self.factor))

    def at(self, place: Place) -> Place:
        """Where content expected at a place lies."""
        return self.factor * place + self.offset

    def after(self, first: Motion) -> Motion:
        """The motion that applies `first` and then this one."""
        return Motion(self.factor * first.factor, self.factor * first.offset + self.offset)

    def resize(self, times: float) -> Motion:
        """The same motion in a picture that is `times` as large."""
        return Motion(self.factor, self.offset * times)


NO_MOTION = Motion()


def undo_motion(plane: Plane32, motion: Motion) -> tuple[Plane32, Inside]:
    """Move the picture back. Also returns where it shows known content. H×W each."""
    a, b = motion
    matrix = np.array([[a.real, -a.imag, b.real], [a.imag, a.real, b.imag]])
    height, width = plane.shape
    flags = cv2.INTER_LANCZOS4 | cv2.WARP_INVERSE_MAP
    back = cv2.warpAffine(
        plane, matrix, (width, height), flags=flags, borderMode=cv2.BORDER_REFLECT
    )
    x, y = np.arange(width), np.arange(height)[:, None]
    at_x = a.real * x - a.imag * y + b.real
    at_y = a.imag * x + a.real * y + b.imag
    inside = (at_x >= 0) & (at_x <= width - 1) & (at_y >= 0) & (at_y <= height - 1)
    return np.asarray(back, np.float32), np.asarray(inside, bool)


def find_motion(expected: Plane32, actual: Plane32) -> Motion:
    """How `actual` moved as a whole, H×W each; NO_MOTION if that is as good an explanation, or if
    nothing fits.
    """
    if min(expected.shape) < LEAST_PX:
        return NO_MOTION
    detail = _extract_detail(expected)
    unmoved = _likeness(detail, _extract_detail(actual), np.ones(expected.shape, bool))
    if unmoved >= UNMOVED:
        return NO_MOTION
    ranked = [(_score(detail, actual, motion), motion) for motion in _candidates(expected, actual)]
    best, likely = max(ranked, key=lambda pair: pair[0])
    if best <= unmoved:
        return NO_MOTION
    refined = _refine(expected, actual, likely)
    score, motion = max(
        ((_score(detail, actual, each), each) for each in (likely, refined)),
        key=lambda pair: pair[0],
    )
    accepted = (
        score >= ALIKE
        and 1 - score <= BETTER * (1 - unmoved)
        and _is_possible(motion, expected.shape)
    )
    return _simplify(motion, expected.shape) if accepted else NO_MOTION


def _simplify(motion: Motion, shape: tuple[int, ...]) -> Motion:
    """Round to a shift by whole pixels if rotation and scale hardly move anything. The pixels can
    then be compared as they are.
    """
    centre = _centre(shape)
    if abs(motion.factor - 1) * abs(centre) > WHOLE_PX:
        return motion
    moved = motion.factor * centre + motion.offset - centre
    return Motion(1, complex(round(moved.real), round(moved.imag)))


def _candidates(expected: Plane32, actual: Plane32) -> list[Motion]:
    """A shift; a rotation and scale about the middle; and both."""
    centre, factor = _centre(expected.shape), _find_turn(expected, actual)
    about = Motion(factor, centre - factor * centre)
    back, _ = undo_motion(actual, about)
    return [
        Motion(1, _find_shift(expected, actual)),
        about,
        about.after(Motion(1, _find_shift(expected, back))),
    ]


def _find_shift(expected: Plane32, actual: Plane32) -> complex:
    """Find a shift by phase correlation (Kuglin & Hines 1975)."""
    window = cv2.createHanningWindow(expected.shape[::-1], cv2.CV_32F)
    (dx, dy), _ = cv2.phaseCorrelate(_extract_detail(expected), _extract_detail(actual), window)
    return complex(dx, dy)


def _find_turn(expected: Plane32, actual: Plane32) -> complex:
    """Find rotation and scale by phase correlation of the log-polar spectra (Reddy & Chatterji
    1996).
    """
    one, other = (_spectrum(plane) for plane in (expected, actual))
    window = np.ones((ANGLES, 1), np.float32) * np.hanning(FREQUENCIES).astype(np.float32)
    (dx, dy), _ = cv2.phaseCorrelate(one, other, window)
    step = math.log(_edge(expected) / 2 / LOWEST) / FREQUENCIES
    return cmath.rect(math.exp(-dx * step), dy * math.pi / ANGLES)


def _spectrum(plane: Plane32) -> Plane32:
    """Logarithm of the magnitude, angles from 0 to 180° × frequencies, minus each frequency's
    mean.
    """
    (height, width), edge = plane.shape, _edge(plane)
    square = np.zeros((edge, edge), np.float32)
    square[:height, :width] = (plane - plane.mean()) * cv2.createHanningWindow(
        (width, height), cv2.CV_32F
    )
    magnitude = np.log1p(np.abs(np.fft.fftshift(np.fft.fft2(square)))).astype(np.float32)
    radius = LOWEST * (edge / 2 / LOWEST) ** (np.arange(FREQUENCIES) / FREQUENCIES)
    angle = np.pi * np.arange(ANGLES)[:, None] / ANGLES
    x, y = (
        np.asarray(edge // 2 + part * radius, np.float32) for part in (np.cos(angle), np.sin(angle))
    )
    polar = np.asarray(cv2.remap(magnitude, x, y, cv2.INTER_LINEAR), np.float32)
    return np.asarray(polar - polar.mean(axis=0), np.float32)


def _edge(plane: Plane32) -> int:
    return int(cv2.getOptimalDFTSize(max(plane.shape)))


def _refine(expected: Plane32, actual: Plane32, motion: Motion) -> Motion:
    """Refine by the enhanced correlation coefficient (Evangelidis & Psarakis 2008). If it does not
    converge, the motion stays the same.
    """
    (a, b), (c, d) = (
        (motion.factor.real, motion.factor.imag),
        (motion.offset.real, motion.offset.imag),
    )
    start = np.array([[a, -b, c], [b, a, d]], np.float32)
    try:
        _, found = cv2.findTransformECC(expected, actual, start, cv2.MOTION_AFFINE, REFINED)
    except cv2.error:
        return motion
    factor = complex(found[0, 0] + found[1, 1], found[1, 0] - found[0, 1]) / 2
    centre = _centre(expected.shape)
    moved = complex(*(found @ np.array([centre.real, centre.imag, 1.0])))
    return Motion(factor, moved - factor * centre)


def _score(detail: Plane32, actual: Plane32, motion: Motion) -> float:
    """How well the detail matches after the motion is undone; -1 if too little of the picture
    remains.
    """
    back, inside = undo_motion(actual, motion)
    return (
        _likeness(detail, _extract_detail(back), inside) if inside.mean() >= LEAST_OVERLAP else -1.0
    )


def _likeness(one: Plane32, other: Plane32, inside: Inside) -> float:
    """Correlation within the area."""
    a, b = (plane - plane.mean() for plane in (one[inside], other[inside]))
    return float(a @ b / max(math.sqrt(float(a @ a) * float(b @ b)), 1e-12))


def _extract_detail(plane: Plane32) -> Plane32:
    return np.asarray(
        plane - cv2.blur(plane, (DETAIL_PX, DETAIL_PX), borderType=cv2.BORDER_REFLECT), np.float32
    )


def _centre(shape: tuple[int, ...]) -> complex:
    return complex((shape[1] - 1) / 2, (shape[0] - 1) / 2)


def _is_possible(motion: Motion, shape: tuple[int, ...]) -> bool:
    centre = _centre(shape)
    moved = motion.factor * centre + motion.offset - centre
    near = abs(moved.real) <= MOST_SHIFT * shape[1] and abs(moved.imag) <= MOST_SHIFT * shape[0]
    alike = (
        1 / MOST_SCALE <= abs(motion.factor) <= MOST_SCALE and abs(motion.rotation) <= MOST_DEGREES
    )
    return near and alike

"""Photographs, and faults of a known kind and size planted in them."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import cache, partial

import cv2
import numpy as np
import numpy.typing as npt

from editproof.harness.metrics.core.metric import Area, Areas, Image, Metric, Reference
from editproof.harness.records.vocabulary import Region

PHOTOGRAPHS = ("astronaut", "coffee", "chelsea", "rocket")
PATCH_PX = 80

Fault = Callable[[Image], Image]


@cache
def photograph(name: str) -> Image:
    """The middle of one of scikit-image's own photographs, 300 to 512 px square."""
    from skimage import data

    picture = np.asarray(getattr(data, name)(), np.float32) / np.float32(255)
    picture = picture if picture.ndim == 3 else make_grey(picture)
    edge = min(picture.shape[0], picture.shape[1], 512)
    top, left = ((length - edge) // 2 for length in picture.shape[:2])
    return np.ascontiguousarray(picture[top : top + edge, left : left + edge])


def deliver(image: npt.NDArray[np.floating]) -> Image:
    """Clipped and rounded to 8 bits."""
    return np.asarray(np.round(np.clip(image, 0, 1) * 255) / 255, np.float32)


def make_grey(plane: npt.NDArray[np.floating]) -> Image:
    """A plane as a picture."""
    return np.repeat(plane[..., None], 3, axis=2).astype(np.float32)


def middle_patch(image: Image) -> Area:
    """A square in the middle."""
    area = np.zeros(image.shape[:2], bool)
    height, width = image.shape[:2]
    top, left = (height - PATCH_PX) // 2, (width - PATCH_PX) // 2
    area[top : top + PATCH_PX, left : left + PATCH_PX] = True
    return area


def split_reference(image: Image) -> Reference:
    """The picture as what is expected, its middle as the edit, the rest kept."""
    edit = middle_patch(image)
    return Reference({"all": np.ones_like(edit), "edit": edit, "keep": ~edit}, image)


def measure_all(
    metric: Metric, reference: Reference, actual: Image
) -> dict[tuple[Region, str], float]:
    """Every number by region and statistic; NaN where there is none."""
    values = metric.measure(metric.prepare(reference), actual)
    return {(v.region, v.stat): np.nan if v.value is None else v.value for v in values}


def measure_whole(metric: Metric, expected: Image, actual: Image, stat: str = "mean") -> float:
    """One statistic of the whole picture."""
    areas: Areas = {"all": np.ones(expected.shape[:2], bool)}
    return measure_all(metric, Reference(areas, expected), actual)["all", stat]


def recolour(
    image: Image, *, degrees: float = 0.0, lightness: float = 0.0, gain: float = 1.0
) -> Image:
    """Hue turned, L* raised and chroma multiplied in CIELAB; not rounded."""
    from skimage.color import lab2rgb, rgb2lab

    lab = rgb2lab(image.astype(np.float64))
    plane = (lab[..., 1] + 1j * lab[..., 2]) * gain * np.exp(1j * np.radians(degrees))
    lab = np.stack([lab[..., 0] + lightness, plane.real, plane.imag], axis=-1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # scikit-image tells of colours out of gamut
        return np.asarray(lab2rgb(lab), np.float32)


def shift(image: Image, dy: float, dx: float) -> Image:
    """Moved down and right by the shift theorem, mirrored at the border; not rounded."""
    padded = np.pad(image, ((32, 32), (32, 32), (0, 0)), mode="reflect")
    down, right = (
        np.fft.fftfreq(padded.shape[0])[:, None, None],
        np.fft.fftfreq(padded.shape[1])[None, :, None],
    )
    spectrum = np.fft.fft2(padded, axes=(0, 1)) * np.exp(-2j * np.pi * (down * dy + right * dx))
    moved = np.fft.ifft2(spectrum, axes=(0, 1)).real
    return np.asarray(moved[32:-32, 32:-32], np.float32)


def turn(image: Image, factor: complex, shift: complex = 0j) -> Image:
    """Scaled and turned clockwise about its middle by a complex factor, then moved by x + iy;
    mirrored at the border.
    """
    height, width = image.shape[:2]
    middle = complex((width - 1) / 2, (height - 1) / 2)
    offset = middle - (middle + shift) / factor
    matrix = np.array(
        [
            [(1 / factor).real, -(1 / factor).imag, offset.real],
            [(1 / factor).imag, (1 / factor).real, offset.imag],
        ]
    )
    flags = cv2.INTER_LANCZOS4 | cv2.WARP_INVERSE_MAP
    return np.asarray(
        cv2.warpAffine(image, matrix, (width, height), flags=flags, borderMode=cv2.BORDER_REFLECT)
    )


def blur(image: Image, sigma: float) -> Image:
    """Blurred by a Gaussian."""
    return np.asarray(cv2.GaussianBlur(image, (0, 0), sigma), np.float32)


def add_noise(image: Image, sigma_levels: float) -> Image:
    """Normal noise of so many 8-bit levels on every value."""
    noise = np.random.default_rng(5).normal(0, sigma_levels / 255, image.shape)
    return np.asarray(image + noise, np.float32)


def quantise(image: Image, bits: int) -> Image:
    """Rounded to fewer bits."""
    top = 2**bits - 1
    return np.asarray(np.round(image * top) / top, np.float32)


def smooth_patch(image: Image) -> Image:
    """The middle without its grain."""
    area = middle_patch(image)[..., None]
    return np.where(area, cv2.bilateralFilter(image, 0, 0.04, 3), image)


def plant(fault: Fault) -> Fault:
    """The fault as a customer gets it: in 8 bits."""
    return lambda image: deliver(fault(image))


BENIGN: dict[str, Fault] = {
    "equal": plant(lambda image: image),
    "noise": plant(partial(add_noise, sigma_levels=0.5)),
}
"""What must hardly count: a copy, and noise of half a level."""

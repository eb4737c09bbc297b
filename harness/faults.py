"""Faults to plant in an edit that went well, to see which measurements notice, and from which strength on.

Each is what a real pipeline does when one of its stages goes wrong, at a strength that is just worth an engineer's time.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image as Pil

from harness.errors import unknown
from harness.metrics.metric import Area, Image, Reference, known

TILE_PX = 64
"""Edge of the tiles of tiled faults in scenes that ask for no tiling, output pixels."""
RIM_PX = 2.0
"""How far a halo reaches, output pixels (1/e)."""
PATCH_PX = 8
"""Edge of the patch that changes outside the mask."""

Plane = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Fault:
    """One way in which an edit goes wrong."""

    name: str
    stage: str
    """The stage of the reference pipeline that does this when it goes wrong."""
    about: str
    """What happens, in one clause."""
    unit: str
    """Of the strength."""
    nominal: float
    """The strength that must never pass unseen."""
    plant: Callable[[Image, Reference, float], Image]
    """`plant(image, reference, strength)`: the picture with the fault, H×W×3 in [0, 1]; a pure function."""


def get_fault(name: str) -> Fault:
    """The fault of that name. Raises UsageError with the nearest known name."""
    for fault in FAULTS:
        if fault.name == name:
            return fault
    raise unknown("fault", name, [fault.name for fault in FAULTS])


def _ghost(image: Image, reference: Reference, strength: float) -> Image:
    """A share of the overlay stays."""
    alpha = strength * _enlarged(known(reference.overlay), reference.scale)
    colour = _enlarged(known(reference.overlay_rgb), reference.scale)
    return _clipped(image + alpha[..., None] * (colour - image))


def _text_left(image: Image, reference: Reference, strength: float) -> Image:
    """The first columns of the overlay stay whole."""
    alpha = _enlarged(known(reference.overlay), reference.scale)
    columns = np.flatnonzero(alpha.max(axis=0) > 0)
    alpha[:, columns[max(round(strength * len(columns)), 1) :]] = 0
    colour = _enlarged(known(reference.overlay_rgb), reference.scale)
    return _clipped(image + alpha[..., None] * (colour - image))


def _soft_fill(image: Image, reference: Reference, strength: float) -> Image:
    return np.where(reference.areas["edit"][..., None], _blur(image, strength), image)


def _grain_lost(image: Image, reference: Reference, strength: float) -> Image:
    return np.where(reference.areas["edit"][..., None], _denoise(image, reference, strength), image)


def _denoise(image: Image, _: Reference, strength: float) -> Image:
    return _clipped(image + np.float32(min(strength, 1.0)) * (_denoised(image) - image))


def _halo(image: Image, reference: Reference, strength: float) -> Image:
    """A bright rim, outside the edit as inside."""
    edit = reference.areas["edit"].astype(np.uint8)
    distance = cv2.distanceTransform(edit, cv2.DIST_L2, 5) + cv2.distanceTransform(1 - edit, cv2.DIST_L2, 5)
    return _clipped(image + (strength / 255 * np.exp(-distance / RIM_PX))[..., None])


def _microprint_lost(image: Image, reference: Reference, strength: float) -> Image:
    return np.where(reference.areas["protect"][..., None], _blur(image, strength), image)


def _outside_changed(image: Image, reference: Reference, strength: float) -> Image:
    """One patch in `keep`, as far from the edit as it gets."""
    keep = reference.areas["keep"].astype(np.uint8)
    keep[[0, -1]], keep[:, [0, -1]] = 0, 0
    y, x = np.unravel_index(int(cv2.distanceTransform(keep, cv2.DIST_L2, 5).argmax()), keep.shape)
    changed = image.copy()
    half = PATCH_PX // 2
    changed[max(y - half, 0) : y + half, max(x - half, 0) : x + half] += np.float32(strength / 255)
    return _clipped(changed)


def _hard_seams(image: Image, reference: Reference, strength: float) -> Image:
    """Every second tile is brighter, as where tiles are normalised one by one and not blended."""
    rows, columns = (_tile_numbers(reference.areas["seams"], axis) for axis in (0, 1))
    step = np.where((rows[:, None] + columns) % 2, 0.5, -0.5) * strength / 255
    return _clipped(image + step[..., None])


def _tile_numbers(seams: Area, axis: int) -> npt.NDArray[np.intp]:
    """Which tile every row (axis 0) or column (axis 1) lies in: by the scene's own seams, or where it has none by TILE_PX."""
    if not seams.any():
        return np.arange(seams.shape[axis]) // TILE_PX
    marked = np.flatnonzero(seams.all(axis=1 - axis))
    bands = np.split(marked, np.flatnonzero(np.diff(marked) > 1) + 1)
    borders = [int(band[len(band) // 2]) for band in bands if len(band)]
    return np.searchsorted(borders, np.arange(seams.shape[axis]), side="right")


def _hue(image: Image, _: Reference, strength: float) -> Image:
    lab = _lab(image)
    a, b = lab[..., 1].copy(), lab[..., 2].copy()
    cosine, sine = np.cos(np.radians(strength)), np.sin(np.radians(strength))
    lab[..., 1], lab[..., 2] = cosine * a - sine * b, sine * a + cosine * b
    return _rgb(lab)


def _lightness(image: Image, _: Reference, strength: float) -> Image:
    return _rgb(_lab(image) + np.array([strength, 0, 0]))


def _washed_out(image: Image, _: Reference, strength: float) -> Image:
    return _rgb(_lab(image) * np.array([1, 1 - strength, 1 - strength]))


def _gamma(image: Image, _: Reference, strength: float) -> Image:
    return np.asarray(image ** np.float32(1 + strength), np.float32)


def _blurred(image: Image, _: Reference, strength: float) -> Image:
    return _blur(image, strength)


def _sharpened(image: Image, _: Reference, strength: float) -> Image:
    return _clipped(image + np.float32(strength) * (image - _blur(image, 1.0)))


def _shifted(image: Image, _: Reference, strength: float) -> Image:
    """To the right, by bilinear interpolation, the border repeated."""
    matrix = np.array([[1, 0, strength], [0, 1, 0]], np.float64)
    size = (image.shape[1], image.shape[0])
    return np.asarray(cv2.warpAffine(image, matrix, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE))


def _compressed(image: Image, _: Reference, strength: float) -> Image:
    file = io.BytesIO()
    Pil.fromarray(_levels(image)).save(file, "JPEG", quality=round(100 - strength), subsampling="4:2:0")
    with Pil.open(file) as decoded:
        return np.asarray(decoded, np.float32) / np.float32(255)


def _banded(image: Image, _: Reference, strength: float) -> Image:
    steps = np.float32(255 / strength)
    return _clipped(np.round(image * steps) / steps)


def _chequered(image: Image, _: Reference, strength: float) -> Image:
    """The finest pattern that a picture holds, as upsampling by transposed convolution leaves it."""
    rows, columns = (np.arange(edge) for edge in image.shape[:2])
    return _clipped(image + (((rows[:, None] + columns) % 2 - 0.5) * strength / 255)[..., None])


FAULTS: tuple[Fault, ...] = (
    Fault("ghost", "inpaint", "a trace of the overlay stays", "share of the overlay", 0.02, _ghost),
    Fault("text_left", "detect", "the first letters stay", "share of the overlay's width", 0.1, _text_left),
    Fault("soft_fill", "inpaint", "the fill is blurred", "σ, px", 1.0, _soft_fill),
    Fault("grain_lost", "harmonise", "the fill has no grain", "share of the grain", 0.5, _grain_lost),
    Fault("denoised", "upscale", "grain is gone everywhere", "share of the grain", 0.5, _denoise),
    Fault("halo", "blend", "a bright rim around the edit", "8-bit levels", 4.0, _halo),
    Fault("microprint_lost", "mask", "what must survive is blurred", "σ, px", 1.5, _microprint_lost),
    Fault("outside_changed", "blend", "a patch far from the edit is brighter", "8-bit levels", 4.0, _outside_changed),
    Fault("hard_seams", "inpaint", "tiles differ in brightness", "8-bit levels", 2.0, _hard_seams),
    Fault("hue_drift", "harmonise", "all hues turn", "degrees", 2.0, _hue),
    Fault("lightness_drift", "harmonise", "everything gets lighter", "L*", 1.0, _lightness),
    Fault("washed_out", "harmonise", "colours fade", "share of the chroma", 0.05, _washed_out),
    Fault("gamma_drift", "harmonise", "the tone curve bends", "change of the exponent", 0.03, _gamma),
    Fault("blurred", "upscale", "everything is softer", "σ, px", 0.6, _blurred),
    Fault("sharpened", "upscale", "everything is harsher", "amount of an unsharp mask", 0.3, _sharpened),
    Fault("shifted", "upscale", "everything moves to the right", "px", 0.5, _shifted),
    Fault("compressed", "upscale", "a JPEG in between", "100 - quality", 10.0, _compressed),
    Fault("banded", "upscale", "fewer levels", "8-bit levels a step", 4.0, _banded),
    Fault("chequered", "upscale", "a pattern of single pixels", "8-bit levels", 2.0, _chequered),
)
"""Every fault, by the stage's place in the pipeline and then as they came up."""


def _enlarged(plane: npt.NDArray[np.floating], scale: int) -> Plane:
    height, width = plane.shape[:2]
    large = cv2.resize(np.asarray(plane, np.float32), (width * scale, height * scale), interpolation=cv2.INTER_LINEAR)
    return np.asarray(large, np.float32)


def _blur(image: Image, sigma: float) -> Image:
    return np.asarray(cv2.GaussianBlur(image, (0, 0), sigma, borderType=cv2.BORDER_REFLECT), np.float32)


def _denoised(image: Image) -> Image:
    return np.asarray(cv2.bilateralFilter(image, 0, 0.08, 1.5, borderType=cv2.BORDER_REFLECT), np.float32)


def _lab(image: Image) -> npt.NDArray[np.float64]:
    from skimage.color import rgb2lab

    return np.asarray(rgb2lab(image.astype(np.float64)), np.float64)


def _rgb(lab: npt.NDArray[np.float64]) -> Image:
    from skimage.color import lab2rgb

    return _clipped(np.asarray(lab2rgb(lab), np.float32))


def _levels(image: Image) -> npt.NDArray[np.uint8]:
    return np.asarray(np.rint(image * 255), np.uint8)


def _clipped(image: npt.NDArray[np.floating]) -> Image:
    return np.asarray(image, np.float32).clip(0, 1)

"""What `microfill` is trained and judged on: squares of scikit-image's photographs, drawn textures,
holes like overlays.

The photographs lie in scikit-image's wheel, so nothing is downloaded. Never seen in training are
all of `HELD_OUT`, and of the photographs in `SPLIT` everything right of `SPLIT_AT`: the judged
squares come from there alone.
"""

from __future__ import annotations

from functools import cache
from typing import Any, Literal

import cv2
import numpy as np
import numpy.typing as npt

Levels = npt.NDArray[np.uint8]
"""H×W×3, 0 to 255."""

Hole = npt.NDArray[np.bool_]
"""H×W: what is to be filled."""

HELD_OUT = ("chelsea", "coffee", "rocket")
"""Photographs of which no pixel is trained on."""
SPLIT = ("astronaut", "brick", "grass", "gravel")
"""Photographs whose left part is trained on, and whose right part is held out."""
TRAINED = (
    "camera",
    "coins",
    "hubble_deep_field",
    "immunohistochemistry",
    "moon",
    "page",
    "retina",
    "text",
    "motorcycle",
)
"""Photographs that are trained on whole."""
SPLIT_AT = 0.6
"""Share of a split photograph's width."""
DRAWN_SHARE = 0.3
"""Share of the training squares that are drawn."""


def training_square(rng: np.random.Generator, size_px: int) -> Levels:
    """A square to train on: of a photograph at 50 to 100 % of its size, or a drawn texture, in
    changed colours.
    """
    if rng.random() < DRAWN_SHARE:
        return drawn_texture(rng, size_px)
    name = str(
        rng.choice((*SPLIT, *SPLIT, *TRAINED))
    )  # the textures twice: they are what smooth fills can't do
    picture = _load_photograph(name)
    if name in SPLIT:
        picture = picture[:, : int(picture.shape[1] * SPLIT_AT)]
    return _change_colours(rng, _crop_square(rng, picture, size_px, smallest=0.5))


def held_out_square(name: str, rng: np.random.Generator, size_px: int) -> Levels:
    """A square of what training never sees of the photograph `name`, of HELD_OUT or SPLIT, at its
    own size.

    Raises ValueError on another name.
    """
    if name not in (*HELD_OUT, *SPLIT):
        raise ValueError(f"{name} is trained on; held out are: {', '.join((*HELD_OUT, *SPLIT))}")
    picture = _load_photograph(name)
    if name in SPLIT:
        picture = picture[:, int(picture.shape[1] * SPLIT_AT) :]
    return _crop_square(rng, picture, size_px, smallest=1.0)


def random_hole(rng: np.random.Generator, size_px: int) -> Hole:
    """Strokes, letters, a disc or a box, 1.5 to 30 % of a square; at least 4 px stay known at every
    border.
    """
    kind: Literal["strokes", "letters", "disc", "box"] = rng.choice(
        ["strokes", "letters", "disc", "box"]
    )
    while True:
        plane = np.zeros((size_px, size_px), np.uint8)
        _HOLES[kind](rng, plane)
        plane[:4] = plane[-4:] = plane[:, :4] = plane[:, -4:] = 0
        if 0.015 <= plane.mean() <= 0.3:
            return plane > 0


def drawn_texture(rng: np.random.Generator, size_px: int) -> Levels:
    """Fractal noise, grating, tiles or paper, in two random colours with a slope of light."""
    kind = rng.choice(["fractal", "grating", "tiles", "paper"])
    plane = _TEXTURES[kind](rng, size_px)
    dark, light = (
        np.sort(rng.uniform(0, 255, (2, 3)), axis=0)
        if rng.random() < 0.7
        else rng.uniform(0, 255, (2, 3))
    )
    y, x = np.mgrid[:size_px, :size_px] / size_px - 0.5
    slope = rng.normal(0, 30) * y + rng.normal(0, 30) * x
    return _levels(dark + (light - dark) * plane[..., None] + slope[..., None])


@cache
def _load_photograph(name: str) -> Levels:
    """The whole photograph, three channels."""
    from skimage import data

    if name == "motorcycle":
        return np.asarray(data.stereo_motorcycle()[0])
    picture = np.asarray(getattr(data, name)())
    return np.ascontiguousarray(
        np.repeat(picture[..., None], 3, axis=2) if picture.ndim == 2 else picture[..., :3]
    )


def _crop_square(
    rng: np.random.Generator, picture: Levels, size_px: int, *, smallest: float
) -> Levels:
    """A square of it, shrunk to `smallest` of its size at most."""
    least = size_px / min(picture.shape[:2])
    shrink = max(float(rng.uniform(smallest, 1.0)), least)
    edge = min(round(size_px / shrink), *picture.shape[:2])
    y, x = (int(rng.integers(length - edge + 1)) for length in picture.shape[:2])
    square = picture[y : y + edge, x : x + edge]
    if edge == size_px:
        return square.copy()
    return np.asarray(
        cv2.resize(square, (size_px, size_px), interpolation=cv2.INTER_AREA), np.uint8
    )


def _change_colours(rng: np.random.Generator, square: Levels) -> Levels:
    """Other channel order, contrast, brightness and tint."""
    gain = rng.uniform(0.6, 1.2) * rng.uniform(0.85, 1.15, 3)
    middle = square.mean(axis=(0, 1))
    return _levels((square[..., rng.permutation(3)] - middle) * gain + middle + rng.normal(0, 15))


def _strokes(rng: np.random.Generator, plane: Levels) -> None:
    size = len(plane)
    for _ in range(rng.integers(1, 6)):
        points = rng.uniform(0, size, (int(rng.integers(2, 5)), 2)).astype(np.int32)
        cv2.polylines(plane, [points], isClosed=False, color=1, thickness=int(rng.integers(1, 8)))


def _letters(rng: np.random.Generator, plane: Levels) -> None:
    size = len(plane)
    text = "".join(rng.choice(list("ABCDEFGHKMNRSTWXabdeghkmnrsz0123456789"), 5))
    scale, thickness = float(rng.uniform(0.5, 1.8)), int(rng.integers(1, 6))
    for line in range(int(rng.integers(1, 3))):
        where = (
            int(rng.integers(-size // 4, size // 3)),
            int(rng.integers(size // 4, size)) - line * size // 3,
        )
        cv2.putText(plane, text, where, cv2.FONT_HERSHEY_SIMPLEX, scale, 1, thickness)


def _disc(rng: np.random.Generator, plane: Levels) -> None:
    size = len(plane)
    axes = rng.uniform(3, size / 4, 2).astype(int).tolist()
    centre = rng.integers(size // 5, size - size // 5, 2).tolist()
    cv2.ellipse(plane, centre, axes, float(rng.uniform(0, 180)), 0, 360, 1, -1)


def _box(rng: np.random.Generator, plane: Levels) -> None:
    size = len(plane)
    height, width = rng.integers(4, size // 2, 2)
    y, x = (int(rng.integers(4, size - 4 - length)) for length in (height, width))
    plane[y : y + height, x : x + width] = 1


def _fractal(rng: np.random.Generator, size_px: int) -> npt.NDArray[np.float64]:
    """Noise of the power spectrum 1/f^β, stretched along one direction."""
    angle, stretch = rng.uniform(0, np.pi), rng.uniform(1, 5)
    fy, fx = np.fft.fftfreq(size_px)[:, None], np.fft.fftfreq(size_px)[None, :]
    along, across = fx * np.cos(angle) + fy * np.sin(angle), fy * np.cos(angle) - fx * np.sin(angle)
    radius = np.hypot(along, across * stretch) + 1 / size_px
    spectrum = np.fft.fft2(rng.normal(size=(size_px, size_px))) * radius ** -rng.uniform(0.4, 1.8)
    return _unit(np.fft.ifft2(spectrum).real)


def _grating(rng: np.random.Generator, size_px: int) -> npt.NDArray[np.float64]:
    """Lines of a pitch of 3 to 16 px, straight or waving, soft or hard."""
    angle, pitch = rng.uniform(0, np.pi), rng.uniform(3, 16)
    y, x = np.mgrid[:size_px, :size_px]
    across, along = y * np.cos(angle) - x * np.sin(angle), x * np.cos(angle) + y * np.sin(angle)
    bend = rng.uniform(0, 3) * np.sin(2 * np.pi * along / rng.uniform(20, 60))
    wave = np.sin(2 * np.pi * (across + bend) / pitch)
    return np.asarray(0.5 + 0.5 * np.tanh(rng.uniform(0.5, 4) * wave))


def _tiles(rng: np.random.Generator, size_px: int) -> npt.NDArray[np.float64]:
    """Rectangles of one size, each of its own shade, with joints."""
    height, width = rng.integers(5, 20, 2)
    y, x = np.mgrid[:size_px, :size_px] + rng.integers(0, 20, 2)[:, None, None]
    shades = rng.uniform(0.3, 1, (size_px + 20, size_px + 20))
    plane = shades[y // height, x // width]
    plane[(y % height == 0) | (x % width == 0)] = 0
    return np.asarray(plane + rng.normal(0, rng.uniform(0, 0.08), plane.shape))


def _paper(rng: np.random.Generator, size_px: int) -> npt.NDArray[np.float64]:
    """Almost even, with grain."""
    return np.asarray(0.5 + rng.normal(0, rng.uniform(0, 0.1), (size_px, size_px)))


def _unit(plane: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return np.asarray((plane - plane.min()) / (np.ptp(plane) + 1e-9))


def _levels(picture: npt.NDArray[Any]) -> Levels:
    return np.clip(np.round(picture), 0, 255).astype(np.uint8)


_HOLES: dict[str, Any] = {"strokes": _strokes, "letters": _letters, "disc": _disc, "box": _box}
_TEXTURES: dict[str, Any] = {
    "fractal": _fractal,
    "grating": _grating,
    "tiles": _tiles,
    "paper": _paper,
}

"""Backgrounds: photographs, tints, paper and security print, as 8-bit levels at any size.

The photographs lie in scikit-image's wheel (`skimage/data`). Nothing is downloaded.

=========== =================================================================== ===============
astronaut   Eileen Collins, NASA Great Images                                    public domain
brick       CC0Textures, Bricks25                                                CC0
chelsea     a cat, Stefan van der Walt                                           CC0
coffee      Rachel Michetti, Pikolo Espresso Bar                                 CC0
grass       DeviantArt, linolafett                                               CC0
gravel      CC0Textures, Gravel04                                                CC0
=========== =================================================================== ===============

A photograph is at most 512 px wide. Above that size it is enlarged and holds little fine detail.
The name `folder:PATH` stands for a folder of the user's own photographs.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np
from PIL import Image as Pil
from PIL import ImageOps

from editproof.vectors.drawing.layers import Levels, Plane, Rgb
from editproof.vectors.drawing.textures import fabric, fibres, foliage, levels, noise, wood
from editproof.vectors.scene import Vector

Ground = Callable[[int, int, int], Levels]
"""(seed, output size in pixels, output pixels per input pixel) -> H×W×3."""

PHOTOGRAPHS = ("astronaut", "brick", "chelsea", "coffee", "grass", "gravel")
SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".tif", ".tiff", ".webp"})
"""How the names of one's own photographs end, in small or capital letters."""
MIN_PX, MAX_PX = 64, 4096

TINTS: tuple[Rgb, ...] = ((214, 222, 230), (226, 218, 205), (205, 220, 208), (222, 210, 220))
SKIES: tuple[tuple[Rgb, Rgb], ...] = (
    ((74, 124, 190), (214, 228, 240)),
    ((52, 92, 140), (236, 200, 172)),
    ((96, 150, 170), (232, 232, 214)),
    ((88, 84, 148), (226, 190, 206)),
)
"""Upper and lower colour."""
PAPER: Rgb = (244, 240, 230)
PRINTS: tuple[tuple[Rgb, Rgb, Rgb], ...] = (
    ((243, 240, 228), (126, 168, 150), (190, 146, 120)),
    ((238, 241, 243), (120, 152, 190), (176, 150, 186)),
    ((244, 238, 234), (190, 140, 140), (128, 160, 158)),
)
"""Paper, waves, rosette."""
LINE_PX = 0.7
"""Width of a line of the guilloche, input pixels."""
WAVE_PITCH_PX = 7.0
WAVE_SLOPE = 0.35
WREATHS = ((0.78, 0.2), (0.42, 0.16))
"""Middle radius and swing of a rosette's two wreaths, as shares of its reach."""
RINGS = 6
"""Rings of a wreath, an even number: every ring has one that swings against it."""


OWN = "folder:"
"""Begins the name of a ground that is a folder of photographs."""


def draw_ground(name: str, seed: int, size_px: int, scale: int = 1) -> Levels:
    """Draw the ground `name`, `size_px` output pixels square: H×W×3, 0 to 255.

    Drawn grounds have their lines and grain in input pixels, `scale` output pixels each. Raises
    ValueError on a name that GROUNDS does not have, or a size outside MIN_PX to MAX_PX.
    `folder:PATH` is one of the photographs in a folder.
    """
    if name.startswith(OWN):
        return _load_folder_ground(Path(name.removeprefix(OWN)))(seed, size_px, scale)
    if name not in GROUNDS:
        raise ValueError(f"no ground is called {name!r}; there are: {', '.join(sorted(GROUNDS))}")
    if scale < 1:
        raise ValueError(f"scale must be at least 1, not {scale}")
    if not MIN_PX <= size_px <= MAX_PX:
        raise ValueError(
            f"the output must be {MIN_PX} to {MAX_PX} px wide, not {size_px}: lower the size or the"
            " scale"
        )
    return GROUNDS[name](seed, size_px, scale)


def use_own_photographs(vector: Vector, folder: Path) -> Vector:
    """Draw a vector on the photographs of `folder` wherever it uses scikit-image's."""
    ladder = [
        {**rung, "ground": f"{OWN}{folder}"} if rung.get("ground") in PHOTOGRAPHS else rung
        for rung in vector.ladder
    ]
    return replace(vector, ladder=tuple(ladder))


def photograph(name: str, seed: int, size_px: int) -> Levels:
    """A square of a photograph, resampled with Lanczos-3; the seed chooses which 85 to 100 % of its
    short side.
    """
    return _crop_square(_load_bundled(name), seed, size_px)


def find_photographs(folder: Path) -> tuple[Path, ...]:
    """Find the photographs in a folder itself, sorted by name: PNG, JPEG, TIFF and WebP.

    Links are followed. Hidden files and files of other kinds are ignored. Raises ValueError naming
    the folder where it is missing or holds no photograph, or the file where it can't be decoded.
    """
    if not folder.is_dir():
        raise ValueError(f"there is no folder {folder}")
    named = (
        path
        for path in folder.iterdir()
        if path.suffix.lower() in SUFFIXES and not path.name.startswith(".")
    )
    # A link to nowhere is an error below; a pipe would be waited for.
    files = (path for path in named if path.is_file() or not path.exists())
    paths = tuple(sorted(files, key=lambda path: path.name))
    if not paths:
        raise ValueError(
            f"no photograph lies in {folder}: put {', '.join(sorted(SUFFIXES))} files there"
        )
    for path in paths:
        _decode_photograph(path)
    return paths


def make_photograph_ground(paths: Sequence[Path]) -> Ground:
    """A ground that picks one of these photographs by the seed and takes a square of it, as
    `photograph` does.

    A photograph is turned upright by its EXIF orientation and converted to 8-bit RGB. Raises
    ValueError where there are no paths; so does the ground where a file can't be decoded any more.
    """
    if not paths:
        raise ValueError("a ground of one's own needs at least one photograph")

    def draw(seed: int, size_px: int, scale: int) -> Levels:
        del scale
        path = paths[int(np.random.default_rng((seed, 6)).integers(len(paths)))]
        return _crop_square(_load_photograph(path), seed, size_px)

    return draw


@lru_cache(maxsize=4)
def _load_folder_ground(folder: Path) -> Ground:
    return make_photograph_ground(find_photographs(folder))


def plain(seed: int, size_px: int, scale: int) -> Levels:
    """One tint."""
    del scale
    tint = np.random.default_rng((seed, 2)).choice(np.array(TINTS, np.uint8))
    return np.broadcast_to(tint, (size_px, size_px, 3)).copy()


def gradient(seed: int, size_px: int, scale: int) -> Levels:
    """A sky: one colour above, another below, tilted by up to 30 degrees."""
    del scale
    rng = np.random.default_rng((seed, 3))
    upper, lower = np.array(SKIES[rng.integers(len(SKIES))], np.float64)
    tilt = math.tan(math.radians(rng.uniform(-30, 30)))
    at = (np.arange(size_px) + 0.5) / size_px
    share = (at[:, None] + tilt * (at[None, :] - 0.5) + abs(tilt) / 2) / (1 + abs(tilt))
    share = share * share * (3 - 2 * share)
    return _picture(
        above + (below - above) * share for above, below in zip(upper, lower, strict=True)
    )


def paper(seed: int, size_px: int, scale: int) -> Levels:
    """Uncoated paper: fine grain and slow mottle of a few levels."""
    grain = _grain(seed, size_px, scale)
    return _picture(grain + level for level in PAPER)


def guilloche(seed: int, size_px: int, scale: int) -> Levels:
    """Security print: two braids of waves and a rosette, in thin lines of two tints on paper."""
    rng = np.random.default_rng((seed, 5))
    sheet, wave_rgb, rosette_rgb = PRINTS[rng.integers(len(PRINTS))]
    grain = _grain(seed, size_px, scale)
    up, down = (_waves(rng, size_px, scale, slope=slope) for slope in (WAVE_SLOPE, -WAVE_SLOPE))
    waves = np.maximum(up, down, out=up)
    here, rosette = _rosette(rng, size_px, scale)

    def plane(channel: int) -> Plane:
        level = grain + sheet[channel]
        _print_ink(level, waves, wave_rgb[channel])
        _print_ink(level[here], rosette, rosette_rgb[channel])
        return level

    return _picture(plane(channel) for channel in range(3))


def _make_bundled_ground(name: str) -> Ground:
    return lambda seed, size_px, _scale: photograph(name, seed, size_px)


GROUNDS: Mapping[str, Ground] = {
    **{name: _make_bundled_ground(name) for name in PHOTOGRAPHS},
    "plain": plain,
    "gradient": gradient,
    "paper": paper,
    "guilloche": guilloche,
    "fabric": fabric,
    "wood": wood,
    "foliage": foliage,
    "fibres": fibres,
}


@lru_cache(maxsize=len(PHOTOGRAPHS))
def _load_bundled(name: str) -> Pil.Image:
    spec = find_spec("skimage")
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError("the photographs come with scikit-image: install scikit-image")
    return _decode_photograph(Path(spec.submodule_search_locations[0]) / "data" / f"{name}.png")


@lru_cache(maxsize=1)
def _load_photograph(path: Path) -> Pil.Image:
    """Load a photograph, and keep the last one: all steps of a seed use the same."""
    return _decode_photograph(path)


def _decode_photograph(path: Path) -> Pil.Image:
    """A photograph, upright, in 8-bit RGB; 16 bits of grey are cut to the upper 8."""
    try:
        with Pil.open(path) as picture:
            upright = ImageOps.exif_transpose(picture)
            if upright.mode.startswith("I"):
                upright = Pil.fromarray(
                    (np.asarray(upright).astype(np.uint16) >> 8).astype(np.uint8)
                )
            return upright.convert("RGB")
    except (OSError, ValueError, Pil.DecompressionBombError) as error:
        raise ValueError(f"{path} can't be decoded: {error}") from error


def _crop_square(picture: Pil.Image, seed: int, size_px: int) -> Levels:
    """A square of a picture: which, the seed chooses."""
    rng = np.random.default_rng((seed, 1))
    side = min(picture.size) * rng.uniform(0.85, 1.0)
    x0, y0 = (float(rng.uniform(0.0, edge - side)) for edge in picture.size)
    square = (x0, y0, x0 + side, y0 + side)
    return np.asarray(picture.resize((size_px, size_px), Pil.Resampling.LANCZOS, box=square))


def _picture(planes: Iterable[Plane]) -> Levels:
    """Round three planes to 8 bits, one at a time, and interleave them."""
    return np.stack([levels(plane) for plane in planes], axis=-1)


def _grain(seed: int, size_px: int, scale: int) -> Plane:
    """Grain and mottle of paper, levels around 0."""
    rng = np.random.default_rng((seed, 4))
    return 1.6 * noise(rng, size_px, cell=1.5 * scale) + 1.2 * noise(
        rng, size_px, cell=20.0 * scale
    )


def _print_ink(plane: Plane, coverage: Plane, level: float) -> None:
    """Lay one channel of a colour over `plane` in place."""
    plane += coverage * (level - plane)


def _line(distance: Plane, scale: int) -> Plane:
    """Coverage of a printed line by the distance from its middle in input pixels; works in
    place.
    """
    width = LINE_PX * scale
    distance *= -scale
    distance += width / 2 + 0.5
    return np.clip(distance, 0.0, min(width, 1.0), out=distance)


def _waves(rng: np.random.Generator, size_px: int, scale: int, *, slope: float) -> Plane:
    """Parallel waves over the whole image; all that depends on the column alone is computed once a
    column.
    """
    at = (np.arange(size_px) + 0.5) / scale
    length_px, swing_px = rng.uniform(70, 100), rng.uniform(7, 10)
    turn = 2 * math.pi / length_px
    phase = turn * at + rng.uniform(0, 2 * math.pi)
    shift = swing_px * np.sin(phase) + slope * at
    steepness = np.hypot(1.0, swing_px * turn * np.cos(phase) + slope)
    pitches = at[:, None] / WAVE_PITCH_PX - shift[None, :] / WAVE_PITCH_PX
    pitches -= np.rint(pitches)
    distance = np.abs(pitches, out=pitches)
    distance *= WAVE_PITCH_PX / steepness
    return _line(distance, scale)


def _rosette(
    rng: np.random.Generator, size_px: int, scale: int
) -> tuple[tuple[slice, slice], Plane]:
    """Where the rosette lies, and its coverage there.

    Two wreaths of interlaced rings; all rings of a wreath swing equally often around the centre,
    each turned a little against the last.
    """
    reach_px = 0.3 * size_px / scale
    centre_y, centre_x = rng.uniform(0.42, 0.58, 2) * size_px / scale
    at = (np.arange(size_px) + 0.5) / scale
    rows, columns = (
        np.flatnonzero(np.abs(at - centre) < reach_px) for centre in (centre_y, centre_x)
    )
    here = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
    y, x = (at[here[0]] - centre_y)[:, None], (at[here[1]] - centre_x)[None, :]
    radius = np.sqrt(y * y + x * x)
    petals = int(rng.integers(7, 12))
    coverage = np.zeros_like(radius)
    for middle, swing in WREATHS:
        steep = petals * swing * reach_px / np.maximum(radius, 1.0)
        nearest = (np.abs(radius - reach_px * middle) - reach_px * swing) / np.sqrt(
            1 + steep * steep
        )
        rows, columns = np.nonzero(nearest < LINE_PX / 2 + 0.5 / scale)
        distance = _wreath(
            radius[rows, columns] - reach_px * middle,
            petals * np.arctan2(y[rows, 0], x[0, columns]),
            steep[rows, columns],
            swing_px=reach_px * swing,
        )
        coverage[rows, columns] = np.maximum(coverage[rows, columns], _line(distance, scale))
    return here, coverage


def _wreath(off_px: Plane, phase: Plane, steep: Plane, *, swing_px: float) -> Plane:
    """Distance from the nearest ring of a wreath, input pixels, at points `off_px` outside its
    middle radius.

    A ring swings as the sine of `phase`, and `steep` is its slope where it crosses the middle. A
    ring and the one that swings against it lie as far out as in, so the nearer of the two is found
    at once.
    """
    sine, cosine, beside = np.sin(phase), np.cos(phase), np.abs(off_px)
    nearest = np.full_like(off_px, np.inf)
    for turn in np.arange(RINGS // 2) * (2 * math.pi / RINGS):
        swung = sine * math.cos(turn) + cosine * math.sin(turn)
        slope = steep * (cosine * math.cos(turn) - sine * math.sin(turn))
        distance = np.abs(beside - swing_px * np.abs(swung)) / np.sqrt(1 + slope * slope)
        np.minimum(nearest, distance, out=nearest)
    return nearest

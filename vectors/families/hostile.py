"""Family `hostile`: a simple edit on inputs that programs forget about."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import reduce

import numpy as np
import numpy.typing as npt
from PIL import Image as Pil

from editproof.vectors.drawing.composition import Brief, compose
from editproof.vectors.drawing.grounds import draw_ground
from editproof.vectors.drawing.layers import Layer, Levels, patch_box
from editproof.vectors.drawing.stickers import sticker
from editproof.vectors.scene import Image, Scene, Vector

STICKER_SHARE = 0.3
"""Diameter of the sticker as a share of the shorter edge."""
ORIENTATION, LYING = 0x0112, 6
"""EXIF's tag, and its value for a picture that must be turned clockwise to stand upright."""
GREYEST = 0.8
"""How much of what a pixel's darkest channel allows is taken away by transparency."""

Shape = tuple[int, int]
Layers = Sequence[Layer]


@dataclass(frozen=True, slots=True)
class Kind:
    """What is unusual about an input."""

    shape: Callable[[int], Shape]
    """Height and width in input pixels, from the scene's size."""
    file: Callable[[Image], bytes] | None = None
    """How the input is stored; None: any file would do."""
    mask: float | None = None
    """Value of the mask everywhere; None: the sticker's own."""
    grey: bool = False
    pasted: bool = True
    """Whether there is a sticker to remove."""


def draw(seed: int, size: int, scale: int, *, kind: str, ground: str) -> Scene:
    """Draw a sticker on a picture of the given kind; its mask is given."""
    if kind not in KINDS:
        raise ValueError(f"no kind of input is called {kind!r}; there are: {', '.join(KINDS)}")
    variant = KINDS[kind]
    height, width = variant.shape(size)
    clean = np.ascontiguousarray(
        draw_ground(ground, seed, size * scale, scale)[: height * scale, : width * scale]
    )
    layers = _sticker(seed, height, width, scale) if variant.pasted else []
    if variant.grey:
        clean, layers = (
            _remove_colour(clean),
            [replace(layer, rgb=_grey_rgb(layer)) for layer in layers],
        )
    scene = compose(
        clean,
        layers,
        scale=scale,
        brief=Brief(
            "remove the sticker",
            mask_given=True,
            metadata={"family": "hostile", "kind": kind, "ground": ground},
        ),
        truth=tuple(patch_box("sticker", "star", layer.patch, scale) for layer in layers[:1]),
    )
    mask = (
        scene.mask if variant.mask is None else np.full((height, width), variant.mask, np.float32)
    )
    return replace(scene, mask=mask, file=variant.file(scene.input) if variant.file else b"")


def _sticker(seed: int, height: int, width: int, scale: int) -> Layers:
    rng = np.random.default_rng((seed, 27))
    diameter_px = STICKER_SHARE * min(height, width)
    y_px, x_px = (float(rng.uniform(0.35, 0.65)) * edge for edge in (height, width))
    return sticker(rng, diameter_px, y_px=y_px, x_px=x_px, scale=scale)


def _remove_colour(picture: Levels) -> Levels:
    """The picture's luma in all three channels."""
    luma = np.asarray(Pil.fromarray(picture).convert("L"))
    return np.repeat(luma[..., None], 3, axis=2)


def _grey_rgb(layer: Layer) -> tuple[int, int, int]:
    level = round(0.299 * layer.rgb[0] + 0.587 * layer.rgb[1] + 0.114 * layer.rgb[2])
    return level, level, level


def _grey_png(image: Image) -> bytes:
    return _png(_levels(image)[..., 0])


def _sixteen_bit_png(image: Image) -> bytes:
    return _png(np.rint(image * np.float32(65535)).astype(np.uint16))


def _cmyk_tiff(image: Image) -> bytes:
    """Inks are what is missing to white; no black."""
    inks = Pil.fromarray(255 - _levels(image)).split()
    return _save_picture(Pil.merge("CMYK", (*inks, Pil.new("L", inks[0].size, 0))), "TIFF")


def _rotated_webp(image: Image) -> bytes:
    """Stored as a camera held upright stores it: on its side, with a note which way is up."""
    exif = Pil.Exif()
    exif[ORIENTATION] = LYING
    turned = Pil.fromarray(_levels(image)).transpose(Pil.Transpose.ROTATE_90)
    return _save_picture(turned, "WEBP", lossless=True, quality=0, method=0, exif=exif)


def _transparent_png(image: Image) -> bytes:
    """As transparent as it can be, in its left half, so that over white it is the image."""
    alpha = np.ones(image.shape[:2], np.float32)
    left = np.s_[:, : image.shape[1] // 2]
    alpha[left] -= np.float32(GREYEST) * reduce(np.minimum, np.moveaxis(image[left], 2, 0))
    alpha = _levels(alpha).astype(np.float32) / np.float32(255)
    colour = (image - (1 - alpha[..., None])) / alpha[..., None]
    return _png(_levels(np.dstack([colour.clip(0, 1), alpha])))


def _png(pixels: npt.NDArray[np.unsignedinteger]) -> bytes:
    """Grey, RGB or RGB with alpha, 8 or 16 bits."""
    import cv2  # a tenth of a second to import, and listing vectors does not need it

    if pixels.ndim == 3:
        pixels = pixels[..., [2, 1, 0, 3][: pixels.shape[2]]]
    encoded, data = cv2.imencode(".png", pixels, [cv2.IMWRITE_PNG_COMPRESSION, 1])
    if not encoded:
        raise OSError("a PNG could not be encoded")
    return data.tobytes()


def _save_picture(picture: Pil.Image, kind: str, **options: object) -> bytes:
    file = io.BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()


def _levels(image: Image) -> Levels:
    return np.asarray(np.rint(image * np.float32(255)), np.uint8)


def _square(size: int) -> Shape:
    return size, size


def _landscape(size: int) -> Shape:
    return 3 * size // 4, size


KINDS: Mapping[str, Kind] = {
    "greyscale": Kind(_square, file=_grey_png, grey=True),
    "empty_mask": Kind(_square, mask=0.0, pasted=False),
    "sixteen_bit": Kind(_square, file=_sixteen_bit_png),
    "exif_rotated": Kind(_landscape, file=_rotated_webp),
    "transparent": Kind(_square, file=_transparent_png),
    "cmyk": Kind(_square, file=_cmyk_tiff),
    "sliver": Kind(lambda size: (max(size // 16, 4), size)),
    "one_pixel": Kind(lambda _: (1, 1), mask=0.0, pasted=False),
    "full_mask": Kind(_square, mask=1.0),
}

VECTOR = Vector(
    family="hostile",
    about=(
        "A sticker must be removed from inputs that programs forget about. Some have one grey"
        " channel, 16 bits, transparency, CMYK or a note to turn the picture. Others are one"
        " pixel large, or their mask is empty or covers everything. A pipeline crashes on them,"
        " turns the picture, shifts its colours or paints all of it."
    ),
    damage=(
        "a crash, a picture on its side or in wrong colours, changes where the mask is empty; a"
        " refusal is fine"
    ),
    units={
        "kind": "what is unusual about the input: " + ", ".join(KINDS),
        "ground": "background, a name in vectors/drawing/grounds.py",
    },
    ladder=tuple({"kind": kind, "ground": "coffee"} for kind in KINDS),
    draw=draw,
    graded=False,
)

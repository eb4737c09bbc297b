"""What a poor camera, scanner or file format makes of a picture."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image as Pil

from editproof.vectors.drawing.layers import Levels
from editproof.vectors.drawing.textures import levels


def degrade(
    picture: Levels,
    rng: np.random.Generator,
    *,
    blur_px: float = 0.0,
    noise_levels: float = 0.0,
    quality: int,
) -> Levels:
    """Blur, add noise and save as JPEG, in the order in which lens, sensor and file do it.

    `blur_px` is the σ of a Gaussian in pixels of `picture`. `noise_levels` is the deviation of each
    channel's own noise. `quality` is Pillow's JPEG quality, 1 to 95. Chroma is halved both ways, as
    cameras do (4:2:0). All steps work on integers, or on numbers rounded to them, so the result is
    the same to the bit.
    """
    import cv2  # a tenth of a second to import, and listing vectors does not need it

    if blur_px > 0:
        picture = np.asarray(cv2.GaussianBlur(picture, (0, 0), blur_px), np.uint8)
    if noise_levels > 0:
        noisy = rng.standard_normal(picture.shape, np.float32)
        noisy *= np.float32(noise_levels)
        noisy += picture
        picture = levels(noisy)
    file = io.BytesIO()
    Pil.fromarray(picture).save(file, "JPEG", quality=quality, subsampling="4:2:0")
    with Pil.open(file) as decoded:
        return np.asarray(decoded)

"""Pipelines to probe: one without a defect, and others that have one each."""

from __future__ import annotations

import io
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import cv2
import numpy as np
from PIL import Image as Pil

from editproof.pipelines import Capabilities, EditRequest, EditResult
from editproof.pipelines.contract import Image

Paint = Callable[[EditRequest], Image]

CAN = Capabilities(scales=(1,), needs_mask=True)


@dataclass
class Painter:
    """A pipeline made of a function that paints."""

    paint: Paint
    capabilities: Capabilities = CAN
    stochastic: bool = False
    fingerprint: str = "painter"

    def __call__(self, request: EditRequest) -> EditResult:
        return EditResult(self.paint(request))


def fill(request: EditRequest) -> Image:
    """Fill what the mask says with noise of the seed's own."""
    if request.mask is None:
        raise ValueError("where is the mask?")
    hole = request.mask > 0.5
    made = request.image.copy()
    made[hole] = 1 - made[hole] * 0.5
    return made


def build_perfect() -> Painter:
    """Nothing is wrong with it."""
    return Painter(fill)


def build_hanging() -> Painter:
    """It never answers."""

    def hang(request: EditRequest) -> Image:
        time.sleep(600)
        return request.image

    return Painter(hang)


def build_inverted() -> Painter:
    """The mask is the wrong way round."""

    def paint(request: EditRequest) -> Image:
        return fill(replace(request, mask=None if request.mask is None else 1 - request.mask))

    return Painter(paint)


def build_lossy() -> Painter:
    """What lies outside the mask gets blurred, as through a VAE."""

    def paint(request: EditRequest) -> Image:
        return np.asarray(cv2.GaussianBlur(fill(request), (0, 0), 2), np.float32)

    return Painter(paint)


def build_jpeg() -> Painter:
    """The picture has been a JPEG file."""

    def paint(request: EditRequest) -> Image:
        file = io.BytesIO()
        levels = np.rint(fill(request) * 255).astype(np.uint8)
        Pil.fromarray(levels).save(file, "JPEG", quality=80)
        return np.asarray(Pil.open(file), np.float32) / np.float32(255)

    return Painter(paint)


def build_one_scale() -> Painter:
    """It makes ×1 only, and does not say so."""
    return Painter(fill, Capabilities(needs_mask=True))


def build_wrong_size() -> Painter:
    """Whatever is asked for, 100 px come back."""
    return Painter(lambda request: fill(request)[:100, :100].copy())


def build_seedless() -> Painter:
    """It says that the seed matters, and no seed does."""
    return Painter(fill, stochastic=True)


def build_random() -> Painter:
    """No two pictures are alike, whatever the seed."""
    rng = np.random.default_rng()

    def paint(request: EditRequest) -> Image:
        made = fill(request)
        hole = request.mask > 0.5 if request.mask is not None else np.s_[:0]
        made[hole] = rng.random(made[hole].shape, np.float32)
        return made

    return Painter(paint, stochastic=True)


def build_afraid_of_nothing() -> Painter:
    """An empty mask is too much for it."""

    def paint(request: EditRequest) -> Image:
        if request.mask is not None and not request.mask.any():
            raise IndexError("index 0 is out of bounds for axis 0 with size 0")
        return fill(request)

    return Painter(paint)


def build_latent() -> Painter:
    """Its edges must be multiples of 8."""

    def paint(request: EditRequest) -> Image:
        if any(edge % 8 for edge in request.image.shape[:2]):
            raise ValueError("height and width must be divisible by 8")
        return fill(request)

    return Painter(paint)


def build_prompted() -> Painter:
    """It needs a prompt, and does not say so."""

    def paint(request: EditRequest) -> Image:
        if not request.prompt:
            raise ValueError("prompt is empty")
        return fill(request)

    return Painter(paint)


def build_maskless() -> Painter:
    """It needs a mask, and does not say so."""
    return Painter(fill, Capabilities(scales=(1,)))


def build_file_reader() -> Painter:
    """It reads the file itself, and forgets that a camera was held upside down."""

    def paint(request: EditRequest) -> Image:
        if not request.file:
            return fill(request)
        raw = np.asarray(Pil.open(io.BytesIO(request.file)).convert("RGB"), np.float32)
        return fill(replace(request, image=raw / np.float32(255)))

    return Painter(paint)

"""The pictures that a case leaves behind, as content-addressed PNG files."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import cv2
import numpy as np

from harness.metrics.delta_e00 import delta_e_map, lab
from harness.metrics.metric import Image, Plane
from harness.runs import blob_path

DELTA_E_WHITE = 20.0
"""The difference picture's brightest colour stands for this ΔE00 and more."""


def store(folder: Path, image: Image | Plane) -> str:
    """Write a picture, H×W or H×W×3 in [0, 1], as an 8-bit PNG under `blobs/` and give its SHA-256. Written once only."""
    pixels = np.round(np.clip(image, 0, 1) * 255).astype(np.uint8)
    done, data = cv2.imencode(".png", pixels[..., ::-1] if pixels.ndim == 3 else pixels)
    if not done:
        raise OSError(f"a picture of shape {image.shape} could not be encoded as PNG")
    digest = hashlib.sha256(data.tobytes()).hexdigest()
    path = blob_path(folder, digest)
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(f".{digest}.{os.getpid()}")
        partial.write_bytes(data.tobytes())
        partial.replace(path)
    return digest


def enlarge(image: Image, shape: tuple[int, ...]) -> Image:
    """The picture with every pixel repeated, so that it has the height and width of `shape`, a multiple of its own."""
    factor = shape[0] // image.shape[0]
    return image if factor == 1 else image.repeat(factor, axis=0).repeat(factor, axis=1)


def difference(expected: Image, actual: Image) -> Image:
    """CIEDE2000 as a heat map: black is equal, white is ΔE00 20 and more."""
    levels = np.clip(delta_e_map(lab(expected), actual) / DELTA_E_WHITE, 0, 1)
    heat = cv2.applyColorMap(np.round(levels * 255).astype(np.uint8), cv2.COLORMAP_INFERNO)
    return np.asarray(heat[..., ::-1], np.float32) / np.float32(255)

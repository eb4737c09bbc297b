"""Photographs and edits of them, which every contender of `benchmarks.metrics` measures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np

from editproof.harness.metrics.core.metric import Image, Reference
from editproof.harness.running.measure import as_delivered
from editproof.vectors.regions import border

PHOTOGRAPHS = ("astronaut", "immunohistochemistry", "hubble_deep_field")
EDGE_PX = 512


@dataclass(frozen=True, slots=True)
class Pair:
    """A photograph and an edit of it, with seven regions."""

    name: str
    reference: Reference
    expected: Image
    actual: Image


def pairs(
    height: int = EDGE_PX, width: int = EDGE_PX, photographs: Sequence[str] = PHOTOGRAPHS
) -> list[Pair]:
    """Each photograph with an edit that changed every pixel, and with one that changed the edit
    region alone.
    """
    found = []
    for name in photographs:
        expected = photograph(name, height, width)
        rng = np.random.default_rng(len(name))
        soft = cv2.GaussianBlur(expected, (0, 0), 1.5) + rng.normal(0, 0.02, expected.shape)
        everywhere = as_delivered(np.clip(soft, 0, 1).astype(np.float32))
        reference = reference_of(expected)
        inside = np.where(reference.areas["edit"][..., None], everywhere, expected)
        found += [
            Pair(f"{name}, changed everywhere", reference, expected, everywhere),
            Pair(f"{name}, changed in `edit`", reference, expected, np.ascontiguousarray(inside)),
        ]
    return found


def photograph(name: str, height: int, width: int) -> Image:
    """The middle of one of scikit-image's photographs, mirrored where it is too small."""
    from skimage import data

    picture = np.asarray(getattr(data, name)()[..., :3], np.float32) / np.float32(255)
    for axis, length in enumerate((height, width)):
        while picture.shape[axis] < length:
            picture = np.concatenate([picture, np.flip(picture, axis)], axis=axis)
    top, left = (picture.shape[0] - height) // 2, (picture.shape[1] - width) // 2
    return np.ascontiguousarray(picture[top : top + height, left : left + width])


def reference_of(expected: Image) -> Reference:
    """Everything that can be known of a picture; the edit covers 15 % of it."""
    height, width = expected.shape[:2]
    y, x = np.mgrid[0:height, 0:width]
    beside = np.maximum(np.abs(y - height / 2) / height, np.abs(x - width / 2) / width)
    edit, wide = beside < np.sqrt(0.15) / 2, beside < np.sqrt(0.25) / 2
    overlay = (edit & (x // 24 % 2 == 0)) * np.float32(0.8)
    colour = np.full(expected.shape, 0.1, np.float32)
    return Reference(
        areas={
            "all": np.ones(edit.shape, bool),
            "edit": edit,
            "ring": wide & ~edit,
            "keep": ~wide,
            "protect": (y < height / 5) & (x < width / 3),
            "seams": (y % 128 < 3) | (x % 128 < 3),
            "border": border(height, width, 1),
        },
        expected=expected,
        input=np.asarray(
            expected * (1 - overlay[..., None]) + colour * overlay[..., None], np.float32
        ),
        overlay=overlay,
        overlay_rgb=colour,
    )

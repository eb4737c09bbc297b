"""Find what must go: the caller's mask, or text found by RapidOCR (PP-OCRv6) and refined from boxes to glyphs."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from functools import cache
from typing import Any

import cv2
import numpy as np

from pipelines.config import DetectConfig
from pipelines.contract import Image, Mask
from pipelines.edit import Edit, Step

Box = np.ndarray[Any, np.dtype[np.float32]]
"""Four corners of a text line, 4×2, (x, y) in pixels."""

MIN_SEPARATION = 0.6
"""Share of a box's colour variance that splitting it in two must explain before the split is trusted as glyphs and
ground; below it the whole box is masked. Two flat colours explain 1.0, a Gaussian about 0.64."""

_found: dict[str, tuple[Mask, int]] = {}
_FOUND_LIMIT = 64


def detect(edit: Edit) -> Step:
    """Take the caller's mask if there is one, else mask the glyphs of every text line found."""
    if edit.request.mask is not None:
        mask = edit.request.mask
        return Step(replace(edit, mask=mask), mask, f"caller's mask: {(mask > 0).mean():.2%} of the image")
    mask, lines = _detect_once(edit.request.image, edit.config.detect)
    found = f"{lines} text line{'s' * (lines != 1)} found" if lines else "no text found"
    return Step(replace(edit, mask=mask), mask, f"{found}: {mask.mean():.2%} of the image")


def _detect_once(image: Image, config: DetectConfig) -> tuple[Mask, int]:
    """`text_mask`, remembered: an unchanged image never runs detection again."""
    key = hashlib.sha256(image.tobytes()).hexdigest() + str((image.shape, config))
    if key not in _found:
        if len(_found) >= _FOUND_LIMIT:
            _found.clear()
        _found[key] = text_mask(image, config)
    return _found[key]


def text_mask(image: Image, config: DetectConfig) -> tuple[Mask, int]:
    """The glyphs of all text found, 0 or 1, and how many lines there are."""
    pixels = np.round(image * 255).astype(np.uint8)
    boxes = find_text(pixels, config)
    mask = np.zeros(image.shape[:2], np.float32)
    for box in boxes:
        np.maximum(mask, glyph_mask(pixels, box, margin_px=config.box_margin_px), out=mask)
    return mask, len(boxes)


def find_text(pixels: np.ndarray[Any, np.dtype[np.uint8]], config: DetectConfig) -> list[Box]:
    """Text lines in an RGB image, H×W×3 of 8 bits."""
    large = cv2.resize(pixels, None, fx=config.upsample, fy=config.upsample, interpolation=cv2.INTER_CUBIC)
    bgr = cv2.cvtColor(large, cv2.COLOR_RGB2BGR)
    # use_det and its neighbours stick to the engine from call to call, so all three are always passed.
    found = _engine()(bgr, use_det=True, use_cls=False, use_rec=False)
    if found.boxes is None:
        return []
    scores = found.scores if found.scores is not None else [1.0] * len(found.boxes)
    return [
        np.asarray(box, np.float32) / np.float32(config.upsample)
        for box, score in zip(found.boxes, scores, strict=True)
        if score >= config.min_confidence
    ]


def glyph_mask(pixels: np.ndarray[Any, np.dtype[np.uint8]], box: Box, *, margin_px: int) -> Mask:
    """The glyphs inside one text box, 0 or 1; the whole box where glyphs and ground do not separate."""
    quad = np.zeros(pixels.shape[:2], np.uint8)
    cv2.fillPoly(quad, [np.round(box).astype(np.int32)], 1)
    if margin_px:
        quad = cv2.dilate(quad, np.ones((2 * margin_px + 1, 2 * margin_px + 1), np.uint8))
    inside = quad.astype(bool)
    if not inside.any():
        return inside.astype(np.float32)
    y0, x0, y1, x1 = _bounds(inside)
    crop, within = pixels[y0:y1, x0:x1], inside[y0:y1, x0:x1]
    distance = _distance_to_ground(crop, glyph_px=max(4, (y1 - y0) // 2))
    values = distance[within]
    threshold, separation = _otsu(values)
    mask = np.zeros(pixels.shape[:2], np.float32)
    # Half of Otsu's threshold also takes the anti-aliased rim of each stroke.
    mask[y0:y1, x0:x1] = within & ((distance > threshold / 2) if separation >= MIN_SEPARATION else True)
    return mask


def _distance_to_ground(
    crop: np.ndarray[Any, np.dtype[np.uint8]], *, glyph_px: int
) -> np.ndarray[Any, np.dtype[np.float32]]:
    """Colour distance of each pixel to the local median, which is the ground: strokes cover less than half of a line."""
    size = min(2 * glyph_px + 1, 101)
    ground = np.stack([cv2.medianBlur(np.ascontiguousarray(crop[..., c]), size) for c in range(3)], axis=-1)
    difference = crop.astype(np.float32) - ground.astype(np.float32)
    return np.asarray(np.sqrt(np.square(difference).sum(axis=-1)), np.float32)


def _otsu(values: np.ndarray[Any, np.dtype[np.float32]]) -> tuple[float, float]:
    """Otsu's threshold, and the share of the variance that it explains, 0 to 1 (Otsu 1979)."""
    levels = np.clip(np.round(values), 0, 441).astype(np.int64)
    counts = np.bincount(levels, minlength=442).astype(np.float64)
    below = np.cumsum(counts)
    above = below[-1] - below
    total = np.cumsum(counts * np.arange(442))
    with np.errstate(divide="ignore", invalid="ignore"):
        between = below * above * np.square(total / below - (total[-1] - total) / above)
    between = np.nan_to_num(between) / below[-1] ** 2
    best = int(between.argmax())
    variance = float(levels.var())
    return best + 0.5, float(between[best]) / variance if variance > 0 else 0.0


def _bounds(inside: np.ndarray[Any, np.dtype[np.bool_]]) -> tuple[int, int, int, int]:
    ys, xs = np.nonzero(inside.any(axis=1))[0], np.nonzero(inside.any(axis=0))[0]
    return int(ys[0]), int(xs[0]), int(ys[-1]) + 1, int(xs[-1]) + 1


@cache
def _engine() -> Any:
    """The detector, one thread: the same result whatever the machine's number of cores."""
    from rapidocr import RapidOCR

    return RapidOCR(
        params={
            "Global.log_level": "critical",
            "EngineConfig.onnxruntime.intra_op_num_threads": 1,
            "EngineConfig.onnxruntime.inter_op_num_threads": 1,
        }
    )

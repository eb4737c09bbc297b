"""Find what must go: the caller's mask, or text, a logo, a colour. Then apply manual strokes."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import cv2
import numpy as np

from editproof.pipelines.config import DetectConfig
from editproof.pipelines.contract import EditRequest, Image, Mask
from editproof.pipelines.edit import Edit, Pixels, Step, TextRegion
from editproof.pipelines.policy import is_active
from editproof.pipelines.stages.ocr import Pixels8, crop_box, find_text, read_text
from editproof.pipelines.stages.overlay import find_colour, find_template

MIN_SEPARATION = 0.6
"""Share of a box's colour variance that splitting it in two must explain before the split is
trusted as glyphs and ground; below it the whole box is masked. Two flat colours explain 1.0, a
Gaussian about 0.64."""

LEAST_MASKED = 0.05
"""Share of a line's box that a caller's mask must cover before the line counts as masked: thin
strokes cover a tenth.
"""

SHOWN_LINES = 5
"""Lines that a decision lists one by one."""

_text_cache: dict[str, tuple[Mask, tuple[TextRegion, ...]]] = {}
_CACHE_LIMIT = 64


def detect(edit: Edit) -> Step:
    """Take the caller's mask, or mask whatever is found. Then add and subtract a person's
    strokes.
    """
    request, config = edit.request, edit.config.detect
    reads = edit.config.text.mode != "off" or is_active(edit.config.policy)
    regions: tuple[TextRegion, ...] = ()
    if request.mask is not None:
        mask, notes = request.mask, "caller's mask"
        if reads and mask.any() and (edit.needs_text_removal or is_active(edit.config.policy)):
            _, lines = _find_text_once(request.image, config, reads=True)
            regions = tuple(line for line in lines if _is_masked(line, mask))
            notes += f", over {_list_lines(regions)}"
    else:
        mask, regions, notes = _search_image(edit, reads=reads)
    mask, strokes = apply_strokes(mask, request)
    decision = f"{notes}{strokes}: {(mask > 0).mean():.2%} of the image"
    return Step(replace(edit, mask=mask, regions=regions), mask, decision)


def apply_strokes(mask: Mask, request: EditRequest) -> tuple[Mask, str]:
    """Add to the mask what a person brushed in, and subtract what they brushed away. Say which it
    was.
    """
    notes = ""
    if request.strokes_add is not None:
        mask, notes = np.maximum(mask, request.strokes_add), ", strokes added"
    if request.strokes_subtract is not None:
        mask, notes = np.minimum(mask, 1 - request.strokes_subtract), f"{notes}, strokes subtracted"
    return mask, notes


def _search_image(edit: Edit, *, reads: bool) -> tuple[Mask, tuple[TextRegion, ...], str]:
    """Look for everything that the settings ask for: the mask, the lines of text, and words for
    both.
    """
    image, config = edit.request.image, edit.config.detect
    mask = np.zeros(image.shape[:2], np.float32)
    regions: tuple[TextRegion, ...] = ()
    notes = []
    if config.text and edit.needs_text_removal:
        mask, regions = _find_text_once(image, config, reads=reads)
        notes.append(f"{_list_lines(regions)} found")
    elif config.text:
        notes.append("no text found, says the pre-check")
    if config.template:
        logos, count = find_template(image, config.template, min_score=config.template_score)
        mask = np.maximum(mask, logos)
        notes.append(f"the template found {count} times")
    if config.colour:
        coloured = find_colour(image, config.colour, tolerance=config.colour_tolerance)
        mask = np.maximum(mask, coloured)
        notes.append(f"{config.colour} on {coloured.mean():.2%}")
    return mask, regions, "; ".join(notes) or "nothing looked for"


def _find_text_once(
    image: Image, config: DetectConfig, *, reads: bool
) -> tuple[Mask, tuple[TextRegion, ...]]:
    """Return `text_mask`, and remember it: an unchanged image never runs detection again."""
    key = hashlib.sha256(image.tobytes()).hexdigest() + str((image.shape, config, reads))
    if key not in _text_cache:
        if len(_text_cache) >= _CACHE_LIMIT:
            _text_cache.clear()
        _text_cache[key] = text_mask(image, config, reads=reads)
    return _text_cache[key]


def text_mask(
    image: Image, config: DetectConfig, *, reads: bool = False
) -> tuple[Mask, tuple[TextRegion, ...]]:
    """The glyphs of all text found, 0 or 1, and its lines, with what they say where they are to be
    read.
    """
    pixels = np.round(image * 255).astype(np.uint8)
    lines = find_text(pixels, config)
    mask = np.zeros(image.shape[:2], np.float32)
    for line in lines:
        around, box = crop_box(line, mask.shape, margin_px=config.box_margin_px)
        mask[around] = np.maximum(mask[around], glyph_mask(pixels[around], box))
    return mask, tuple(read_text(pixels, line) for line in lines) if reads else tuple(lines)


def _is_masked(line: TextRegion, mask: Mask) -> bool:
    around, box = crop_box(line, mask.shape, margin_px=0)
    inside = mask[around][box]
    return bool(inside.size and (inside > 0).mean() >= LEAST_MASKED)


def _list_lines(regions: Sequence[TextRegion]) -> str:
    """How many lines of text, and how sure each is, e.g. `2 text lines (0.93 'SALE', 0.71)`."""
    if not regions:
        return "no text"
    shown = [
        f"{region.confidence:.2f}{f' {region.text!r}' if region.text else ''}"
        for region in regions[:SHOWN_LINES]
    ]
    more = ["…"] if len(regions) > SHOWN_LINES else []
    return f"{len(regions)} text line{'s' * (len(regions) != 1)} ({', '.join(shown + more)})"


def glyph_mask(pixels: Pixels8, inside: Pixels) -> Mask:
    """The glyphs inside one text box of a crop, 0 or 1; the whole box where glyphs and ground do
    not separate.
    """
    if not inside.any():
        return inside.astype(np.float32)
    y0, x0, y1, x1 = _bounds(inside)
    crop, within = pixels[y0:y1, x0:x1], inside[y0:y1, x0:x1]
    distance = _distance_to_ground(crop, glyph_px=max(4, (y1 - y0) // 2))
    values = distance[within]
    threshold, separation = _otsu(values)
    mask = np.zeros(pixels.shape[:2], np.float32)
    # Half of Otsu's threshold also takes the anti-aliased rim of each stroke.
    mask[y0:y1, x0:x1] = within & (
        (distance > threshold / 2) if separation >= MIN_SEPARATION else True
    )
    return mask


def _distance_to_ground(crop: Pixels8, *, glyph_px: int) -> np.ndarray[Any, np.dtype[np.float32]]:
    """Colour distance of each pixel to the local median, which is the ground: strokes cover less
    than half of a line.
    """
    size = min(2 * glyph_px + 1, 101)
    ground = np.stack(
        [cv2.medianBlur(np.ascontiguousarray(crop[..., c]), size) for c in range(3)], axis=-1
    )
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

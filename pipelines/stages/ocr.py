"""Text lines: found at two sizes and read by RapidOCR (PP-OCRv6, on the processor, in one
thread).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from editproof.pipelines.config import DetectConfig
from editproof.pipelines.edit import Pixels, TextRegion

Pixels8 = npt.NDArray[np.uint8]
"""H×W×3, RGB."""

Corners = npt.NDArray[np.float32]
"""Four corners of a text line, 4×2, (x, y) in pixels."""

MAX_EDGE_PX = 2000
"""RapidOCR makes larger pictures smaller, so nothing is enlarged beyond this, and larger pictures
are looked at in tiles.
"""

TILE_PX = 1024
"""Edge of a tile as the detector sees it."""
TILE_OVERLAP_PX = 128
"""Overlap of neighbouring tiles as the detector sees them. A line up to this high is whole in one
tile. Higher lines are found in the whole picture, made as small as a tile."""

FLAT_LEVELS = 5
"""A tile whose values, 0 to 255, span no more than this holds no text."""

SLACK = 1.3
"""Two boxes are one line if the smallest box around both is hardly larger: at most this many times
as high as the higher one, and this many times as large as what both cover."""

LEAST_PX = 10
"""No text is looked for in pictures narrower than this: the smallest that is found is 8 px high."""

SHORTEST_PX = 736
"""RapidOCR enlarges pictures whose shorter edge is below this."""

LONGEST = 4
"""A picture longer than this many times its width is padded before detection: RapidOCR enlarges by
the shorter edge.
"""

TALL = 0.25
"""On smooth pictures the detector takes the whole picture for a line, at a score of about 0.6.
Lines higher than this share of the picture's longer edge count only at SURE_OF_TALL or more."""
SURE_OF_TALL = 0.75

SAME_LINE = 0.6
"""Share of a box that lies in boxes found before, above which it is no new line."""


def find_text(pixels: Pixels8, config: DetectConfig) -> list[TextRegion]:
    """Text lines of a picture, as found enlarged by `detect.upsample`, then those only found at its
    own size.

    In pictures above MAX_EDGE_PX both are done tile by tile, and then the whole is looked at for
    what is larger than tiles.
    """
    lines: list[TextRegion] = []
    if min(pixels.shape[:2]) < LEAST_PX:
        return lines
    for found in _detect_at_scales(pixels, config):
        for line in found:
            if not _is_in(get_corners(line), lines):
                lines.append(line)
    return lines


def detector_megapixels(shape: tuple[int, ...], config: DetectConfig) -> float:
    """What the detector is shown in all, where no tile of a large picture is flat."""
    height, width = shape[:2]
    scales = {config.upsample, 1} if config.both_scales else {config.upsample}
    if max(height, width) > MAX_EDGE_PX:
        shared = (TILE_PX / (TILE_PX - TILE_OVERLAP_PX)) ** 2
        return (sum(scale**2 for scale in scales) * height * width * shared + TILE_PX**2) / 1e6
    longest = max(height, width)
    shortest = max(min(height, width), longest / LONGEST)
    factors = [
        max(1.0, min(float(scale), MAX_EDGE_PX / longest), SHORTEST_PX / shortest)
        for scale in scales
    ]
    return sum(longest * shortest * factor**2 for factor in factors) / 1e6


def read_text(pixels: Pixels8, line: TextRegion) -> TextRegion:
    """The line with what it says, as sure as detector and reader both are."""
    from rapidocr.utils.process_img import get_rotate_crop_image

    bgr = cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR)
    strip = get_rotate_crop_image(bgr, get_corners(line).copy())
    read = _load_engine()(strip, use_det=False, use_cls=False, use_rec=True) if strip.size else None
    if read is None or not read.txts:
        return replace(line, confidence=0.0)
    return replace(
        line, text=str(read.txts[0]), confidence=min(line.confidence, float(read.scores[0]))
    )


def get_corners(line: TextRegion) -> Corners:
    """The line's corners as an array."""
    return np.asarray(line.corners, np.float32)


def crop_box(
    line: TextRegion, shape: tuple[int, ...], *, margin_px: int
) -> tuple[tuple[slice, slice], Pixels]:
    """Where in a picture of that shape the line's box lies, grown by a margin: the crop around it,
    and its pixels there.
    """
    corners = np.round(get_corners(line)).astype(np.int32)
    size = np.array(shape[1::-1], np.int32)
    (left, top), (right, bottom) = (
        np.clip(edge, 0, size).tolist()
        for edge in (corners.min(axis=0) - margin_px, corners.max(axis=0) + margin_px + 1)
    )
    box = np.zeros((bottom - top, right - left), np.uint8)
    if box.size:
        cv2.fillPoly(box, [corners - np.array([left, top], np.int32)], 1)
        box = np.asarray(
            cv2.dilate(box, np.ones((2 * margin_px + 1, 2 * margin_px + 1), np.uint8)), np.uint8
        )
    return (slice(top, bottom), slice(left, right)), box.astype(bool)


def height_px(line: TextRegion) -> float:
    """The line's height in pixels: the shorter side of its box."""
    corners = get_corners(line)
    return float(
        min(np.linalg.norm(corners[1] - corners[0]), np.linalg.norm(corners[2] - corners[1]))
    )


def _detect_at_scales(pixels: Pixels8, config: DetectConfig) -> Iterator[list[TextRegion]]:
    scales = sorted({config.upsample, 1} if config.both_scales else {config.upsample}, reverse=True)
    longest = max(pixels.shape[:2])
    if longest <= MAX_EDGE_PX:
        for scale in scales:
            yield _detect(pixels, scale, config.min_confidence)
        return
    for scale in scales:
        yield _detect_in_tiles(pixels, scale, config.min_confidence)
    factor = TILE_PX / longest
    small = np.asarray(
        cv2.resize(pixels, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA), np.uint8
    )
    if min(small.shape[:2]) >= LEAST_PX:
        yield [_move_line(line, 1 / factor) for line in _detect(small, 1, config.min_confidence)]


def _detect_in_tiles(pixels: Pixels8, scale: int, min_confidence: float) -> list[TextRegion]:
    """Lines as found tile by tile; a line that several tiles see is one."""
    lines: list[TextRegion] = []
    edge, overlap = TILE_PX // scale, TILE_OVERLAP_PX // scale
    height, width = pixels.shape[:2]
    for y in _tile_starts(height, edge, overlap):
        for x in _tile_starts(width, edge, overlap):
            tile = pixels[y : y + edge, x : x + edge]
            if int(tile.max()) - int(tile.min()) > FLAT_LEVELS:
                for line in _detect(tile, scale, min_confidence):
                    if height_px(line) <= overlap:
                        _add_line(_move_line(line, 1.0, (x, y)), lines)
    return lines


def _tile_starts(length_px: int, edge_px: int, overlap_px: int) -> list[int]:
    """Where tiles start; the last one ends with the picture."""
    last = max(length_px - edge_px, 0)
    return [*range(0, last, edge_px - overlap_px), last]


def _move_line(line: TextRegion, factor: float, by: tuple[int, int] = (0, 0)) -> TextRegion:
    return replace(
        line, corners=tuple((x * factor + by[0], y * factor + by[1]) for x, y in line.corners)
    )


def _add_line(line: TextRegion, lines: list[TextRegion]) -> None:
    """Put a line to the others, in place of those that are parts of it or that it is a part of."""
    for other in lines:
        both = _join_lines(line, other)
        if both is not None:
            lines.remove(other)
            _add_line(both, lines)
            return
    lines.append(line)


def _join_lines(one: TextRegion, other: TextRegion) -> TextRegion | None:
    """The box around two boxes that share something and are of one line; None: they are of two."""
    corners = [get_corners(line) for line in (one, other)]
    shared = cv2.intersectConvexConvex(corners[0], corners[1])[0]
    if shared <= 0:
        return None
    around = cv2.minAreaRect(np.concatenate(corners))
    high, area = min(around[1]), around[1][0] * around[1][1]
    apart = sum(abs(cv2.contourArea(box)) for box in corners)
    if high > SLACK * max(height_px(one), height_px(other)) or area > SLACK * (apart - shared):
        return None
    box = _order_corners(np.asarray(cv2.boxPoints(around), np.float32))
    return TextRegion(
        tuple((float(x), float(y)) for x, y in box), max(one.confidence, other.confidence)
    )


def _order_corners(box: Corners) -> Corners:
    """The corners from the top left on, as the detector gives them."""
    first = int(box.sum(axis=1).argmin())
    return np.roll(box, -first, axis=0)


def _detect(pixels: Pixels8, scale: int, min_confidence: float) -> list[TextRegion]:
    longest = max(pixels.shape[:2])
    factor = max(1.0, min(float(scale), MAX_EDGE_PX / longest))
    large = (
        pixels
        if factor == 1
        else cv2.resize(pixels, None, fx=factor, fy=factor, interpolation=cv2.INTER_CUBIC)
    )
    # use_det and its neighbours stick to the engine from call to call, so all three are always
    # passed.
    found = _load_engine()(
        cv2.cvtColor(_pad_picture(large), cv2.COLOR_RGB2BGR),
        use_det=True,
        use_cls=False,
        use_rec=False,
    )
    if found.boxes is None:
        return []
    scores = found.scores if found.scores is not None else [1.0] * len(found.boxes)
    lines = []
    for box, score in zip(found.boxes, scores, strict=True):
        inside = np.clip(
            np.asarray(box, np.float64) / factor, 0, pixels.shape[1::-1]
        )  # not in what was padded
        corners = tuple((float(x), float(y)) for x, y in inside)
        line = TextRegion(corners, round(float(score), 4))
        if height_px(line) > 0 and score >= (
            SURE_OF_TALL if height_px(line) > TALL * longest else min_confidence
        ):
            lines.append(line)
    return lines


def _pad_picture(pixels: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """The picture with its border carried on to the right and below, until it is no longer than
    LONGEST times its width.
    """
    least = -(-max(pixels.shape[:2]) // LONGEST)
    down, right = (max(0, least - length) for length in pixels.shape[:2])
    return np.pad(pixels, ((0, down), (0, right), (0, 0)), mode="edge") if down or right else pixels


def _is_in(corners: Corners, lines: list[TextRegion]) -> bool:
    area = abs(cv2.contourArea(corners))
    shared = sum(cv2.intersectConvexConvex(corners, get_corners(line))[0] for line in lines)
    return bool(shared >= SAME_LINE * area)


@cache
def _load_engine() -> Any:
    """One thread: the same result whatever the machine's number of cores."""
    from rapidocr import RapidOCR

    return RapidOCR(
        params={
            "Global.log_level": "critical",
            "EngineConfig.onnxruntime.intra_op_num_threads": 1,
            "EngineConfig.onnxruntime.inter_op_num_threads": 1,
        }
    )

"""Text found and read by RapidOCR (PP-OCRv6), for the metrics that ask what a reader sees.

One thread, one engine a process: the same result whatever the machine's number of cores. Some 0.2 s
to look over a picture of 512×512 px, 0.05 s to read a line.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from editproof.harness.metrics.core.metric import Area, Image
from editproof.vectors.scene import Box

MIN_CONFIDENCE = 0.4
"""Lines with a lower confidence of the detector are dropped."""

MAX_HEIGHT = 0.25
"""Lines higher than this share of the picture are dropped. In a picture without structure, the
detector takes all of it for text.
"""

Bounds = tuple[slice, slice]


def text_area(image: Image) -> Area:
    """Where the detector finds text: H×W."""
    found = _load_engine()(_to_bgr(image), use_det=True, use_cls=False, use_rec=False)
    area = np.zeros(image.shape[:2], np.uint8)
    if found.boxes is not None:
        scores = found.scores if found.scores is not None else [1.0] * len(found.boxes)
        for corners, score in zip(found.boxes, scores, strict=True):
            if score >= MIN_CONFIDENCE and _line_height(corners) <= MAX_HEIGHT * image.shape[0]:
                cv2.fillPoly(area, [np.round(corners).astype(np.int32)], 1)
    return area.astype(bool)


def _line_height(corners: npt.NDArray[np.float32]) -> float:
    """The shorter side of a quadrangle of (x, y), given clockwise from its upper left corner."""
    return float(min(np.hypot(*(corners[1] - corners[0])), np.hypot(*(corners[2] - corners[1]))))


def read_line(image: Image, bounds: Bounds) -> str:
    """Read the line of text within `bounds`; empty: nothing is readable."""
    found = _load_engine()(_to_bgr(image[bounds]), use_det=False, use_cls=False, use_rec=True)
    return "" if not found.txts else str(found.txts[0])


def bounds_of(box: Box, shape: tuple[int, ...], scale: int, *, margin_px: int = 0) -> Bounds:
    """A box in input pixels as rows and columns of an output of `shape`, enlarged by `margin_px`
    input pixels.
    """
    height, width = shape[:2]
    return (
        slice(max(box.y0 - margin_px, 0) * scale, min((box.y1 + margin_px) * scale, height)),
        slice(max(box.x0 - margin_px, 0) * scale, min((box.x1 + margin_px) * scale, width)),
    )


def character_errors(read: str, text: str) -> float:
    """Character error rate: Levenshtein distance divided by the text's length, without spaces. From
    0, read correctly, to 1.
    """
    one, other = ("".join(line.split()) for line in (read, text))
    row = list(range(len(other) + 1))
    for i, letter in enumerate(one, start=1):
        diagonal, row[0] = row[0], i
        for j, wanted in enumerate(other, start=1):
            diagonal, row[j] = (
                row[j],
                min(row[j] + 1, row[j - 1] + 1, diagonal + (letter != wanted)),
            )
    return min(row[-1] / max(len(other), 1), 1.0)


def _to_bgr(image: Image) -> npt.NDArray[np.uint8]:
    """Convert to 8-bit BGR, as the engine expects."""
    return np.ascontiguousarray(np.round(image[..., ::-1] * 255).astype(np.uint8))


@cache
def _load_engine() -> Any:
    from rapidocr import RapidOCR

    return RapidOCR(
        params={
            "Global.log_level": "critical",
            "EngineConfig.onnxruntime.intra_op_num_threads": 1,
            "EngineConfig.onnxruntime.inter_op_num_threads": 1,
        }
    )

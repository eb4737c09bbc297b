"""The pictures that the desk shows: a case's own, and the accepted one."""

from __future__ import annotations

import io
from functools import lru_cache
from pathlib import Path
from typing import Literal

import cv2
import numpy as np
from PIL import Image as Pil

from editproof.harness.metrics.core.metric import Image
from editproof.harness.pictures import files
from editproof.harness.records.errors import DamagedError
from editproof.harness.review.changes import ChangedCase
from editproof.harness.review.desk import Desk

PictureKind = Literal["now", "before", "input", "expected", "difference"]

EDGES = (96, 192, 384)
"""Longest edges of small pictures, in pixels."""

KEPT = 2000
"""Small pictures that are kept in memory."""


class DeskPictures:
    """Pictures by case and kind, encoded for a browser."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._small = lru_cache(KEPT)(self._make_small)

    def get(self, number: int, kind: PictureKind, edge: int = 0) -> tuple[bytes, str]:
        """A picture and its media type. `edge`: its longest edge, 0: as large as it is. Raises
        LookupError where the case has none, and DamagedError.
        """
        if edge not in {0, *EDGES}:
            raise LookupError
        if edge:
            return self._small(number, kind, edge), "image/webp"
        change = self._desk.find_case(number)
        if kind == "difference":
            return files.encode_difference(*self._load_pair(change)), "image/png"
        return self._find(change, kind).read_bytes(), "image/png"

    def _make_small(self, number: int, kind: PictureKind, edge: int) -> bytes:
        change = self._desk.find_case(number)
        if kind == "difference":
            before, now = self._load_pair(change)
            data = files.encode_difference(_shrink(before, edge), _shrink(now, edge))
            picture = Pil.open(io.BytesIO(data)).convert("RGB")
        else:
            shrunk = _shrink(files.load(self._find(change, kind)), edge)
            picture = Pil.fromarray(np.rint(shrunk * 255).astype(np.uint8))
        buffer = io.BytesIO()
        picture.save(buffer, "WEBP", quality=85, method=2)
        return buffer.getvalue()

    def _load_pair(self, change: ChangedCase) -> tuple[Image, Image]:
        """The accepted picture, and this one. Raises LookupError where they can't be compared."""
        before, now = (files.load(self._find(change, kind)) for kind in ("before", "now"))
        if before.shape != now.shape:
            raise LookupError
        return before, now

    def _find(self, change: ChangedCase, kind: str) -> Path:
        ended = self._desk.run.endings[change.case.id]
        digests = {
            "now": change.picture,
            "before": change.accepted,
            "input": ended.input,
            "expected": ended.expected,
        }
        digest = digests[kind]
        if not digest:
            raise LookupError
        path = files.path_in([self._desk.run.folder, self._desk.folder], digest)
        if path is None:
            raise DamagedError(f"the picture {digest} is in neither the run nor the baseline")
        if not files.is_intact(path, path.read_bytes()):
            raise DamagedError(f"the picture {path} is damaged. Restore it from where it came")
        return path


def _shrink(image: Image, edge: int) -> Image:
    height, width = image.shape[:2]
    factor = min(1.0, edge / max(height, width))
    size = max(1, round(width * factor)), max(1, round(height * factor))
    return np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_AREA), np.float32)

"""Pipelines whose outputs are edited again: they decay on purpose, hold, refuse or fail."""

from __future__ import annotations

import cv2
import numpy as np

from editproof.pipelines import EditRequest, EditResult, Status

GREY = 0.5


class Turning:
    """Fills the mask with grey, and does what its name says."""

    def __init__(self, how: str) -> None:
        self.fingerprint = how
        self.stochastic = how == "seeded"
        self._how = how

    def __call__(self, request: EditRequest) -> EditResult:
        image, inside = request.image.copy(), np.asarray(request.mask) > 0
        again = bool(inside.any()) and float(np.ptp(image[inside])) == 0
        if again and self._how == "refuses":
            return EditResult(None, Status.REFUSED, "it is grey already")
        if again and self._how == "fails":
            raise ValueError("it is grey already")
        image[inside] = (request.seed % 200) / 255 if self._how == "seeded" else GREY
        if self._how == "blurs":
            image = np.asarray(cv2.GaussianBlur(image, (0, 0), 0.5), np.float32)
        return EditResult(image)


def build(how: str) -> Turning:
    """One of them."""
    return Turning(how)

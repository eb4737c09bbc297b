"""The gates that people use today, on the same pictures. Each compares a case's picture with the accepted one of the same
case, or its score with the accepted score, and fails the run where one case is past its limit.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np

from harness.measure import measure, prepare
from harness.metrics.lpips_weights import LpipsWeights
from harness.metrics.metric import Image, Metric, whole
from harness.metrics.registry import get_metric

PIXELMATCH_THRESHOLD = 0.1
"""pixelmatch's and Playwright's default: a pixel differs where its YIQ difference is above 35215 × the square of this."""
_YIQ_MAX = 35215.0
_YIQ = np.array(
    [
        [0.29889531, 0.58662247, 0.11448223],
        [0.59597799, -0.27417610, -0.32180189],
        [0.21147017, -0.52261711, 0.31114694],
    ]
)
_YIQ_WEIGHTS = np.array([0.5053, 0.299, 0.1957])


class Scored(NamedTuple):
    """What one case of a trial scores against the accepted picture, and both pictures against the right answer."""

    share_any: float
    """Share of pixels that differ at all."""
    share_seen: float
    """Share of pixels that differ as pixelmatch counts them."""
    ssim: float
    psnr: float
    lpips: float
    flip: float
    ssim_right: float
    """Of the case's picture with the right answer."""
    ssim_right_before: float
    """Of the accepted picture."""


@dataclass(frozen=True, slots=True)
class Peer:
    """One gate."""

    name: str
    about: str
    fails: Callable[[Scored], bool]


PEERS: tuple[Peer, ...] = (
    Peer("any pixel", "any pixel differs (exact comparison)", lambda s: s.share_any > 0),
    Peer("1 % of pixels", "more than 1 % of pixels differ (pixelmatch's threshold 0.1)", lambda s: s.share_seen > 0.01),
    Peer("SSIM > 0.95", "SSIM with the accepted picture", lambda s: s.ssim <= 0.95),
    Peer(
        "98 % of SSIM",
        "SSIM with the right answer, beside the accepted score",
        lambda s: s.ssim_right < 0.98 * s.ssim_right_before,
    ),
    Peer(
        "LPIPS, PSNR",
        "LPIPS at most 0.1 and PSNR at least 30 dB, with the accepted picture",
        lambda s: s.lpips > 0.1 or s.psnr < 30,
    ),
    Peer("FLIP < 0.05", "mean FLIP with the accepted picture", lambda s: s.flip >= 0.05),
)


class Scorer:
    """Scores pictures; what depends on the accepted picture alone is prepared once a case."""

    def __init__(self, weights: LpipsWeights) -> None:
        self._metrics: list[Metric] = [get_metric(name, weights) for name in ("psnr", "ssim", "lpips", "flip")]

    def scored(self, accepted: Image, image: Image, ssim_right: float, ssim_right_before: float) -> Scored:
        """Both pictures are H×W×3 in [0, 1]; the numbers are SSIM's means over the whole picture with the right answer."""
        difference = np.abs(accepted - image).max(axis=2)
        if not difference.any():
            return Scored(0.0, 0.0, 1.0, float("inf"), 0.0, 0.0, ssim_right, ssim_right_before)
        rows = measure(prepare(whole(accepted), self._metrics), self._metrics, image)
        means: Mapping[str, float] = {
            row.metric.partition("@")[0].partition("[")[0]: row.value
            for row in rows
            if row.stat == "mean" and row.value is not None
        }
        return Scored(
            float((difference > 0).mean()),
            float((_yiq_difference(accepted, image) > _YIQ_MAX * PIXELMATCH_THRESHOLD**2).mean()),
            means["ssim"],
            means["psnr"],
            means["lpips"],
            means["flip"],
            ssim_right,
            ssim_right_before,
        )


def _yiq_difference(one: Image, other: Image) -> np.ndarray:
    """Kotsarenko & Ramos 2010, as pixelmatch computes it, on 8-bit levels."""
    change = cv2.transform((one - other) * np.float32(255), _YIQ)
    return np.asarray((change.astype(np.float64) ** 2) @ _YIQ_WEIGHTS)

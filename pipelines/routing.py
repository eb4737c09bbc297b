"""Choose the inpainter that is tried first, and the result that is taken in the end."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from PIL import Image as Pil
from PIL import JpegImagePlugin

from editproof.pipelines.config import RouteConfig
from editproof.pipelines.contract import EditRequest, Param, Status
from editproof.pipelines.edit import Edit

CAMERA_MAKE = 0x010F
"""EXIF's tag: who made the camera. A scanner's software seldom writes it."""

COMPRESSED_QUALITY = 50
"""JPEG quality up to which a picture has lost its fine texture."""

ANNEX_K_MEAN = 57.625
"""Mean of the luminance quantisation table in the JPEG standard's Annex K, which is quality 50."""


class Attempt(NamedTuple):
    """What one tier made of an edit."""

    tier: str
    edit: Edit


def parse_tiers(config: RouteConfig) -> list[str]:
    """The inpainting models to try, from fast to heavy; none where nothing is routed."""
    return [tier.strip() for tier in config.tiers.split(",") if tier.strip()]


def choose_first_tier(config: RouteConfig, request: EditRequest) -> tuple[int, str]:
    """Where to start among the tiers, and why."""
    tiers_up, reasons = 0, []
    if config.by_value and str(request.metadata.get("asset_value", "")).lower() == "high":
        tiers_up, reasons = tiers_up + 1, ["its value is high"]
    if config.by_source:
        quality = jpeg_quality(request.metadata, request.file)
        if not is_photograph(request.metadata, request.file):
            reasons.append("it is no photograph")
        elif quality is not None and quality <= COMPRESSED_QUALITY:
            reasons.append(f"it is a photograph of JPEG quality {quality:.0f}")
        else:
            tiers_up, reasons = tiers_up + 1, [*reasons, "it is a photograph"]
    start = min(tiers_up, len(parse_tiers(config)) - 1)
    return start, " and ".join(reasons)


def is_photograph(metadata: Mapping[str, Param], file: bytes) -> bool:
    """Whether the asset is one, by metadata `source` or, where that is not given, by a camera's
    name in its EXIF.
    """
    source = str(metadata.get("source", "")).lower()
    if source or not file:
        return source == "photo"
    with Pil.open(io.BytesIO(file)) as picture:
        return bool(picture.getexif().get(CAMERA_MAKE))


def jpeg_quality(metadata: Mapping[str, Param], file: bytes) -> float | None:
    """Quality, 1 to 100, on the scale of the IJG's encoder: by metadata `jpeg_quality`, or by the
    file's own table.

    None where neither tells.
    """
    stated = metadata.get("jpeg_quality")
    if stated is not None:
        return float(stated)
    if not file:
        return None
    with Pil.open(io.BytesIO(file)) as picture:
        if not isinstance(picture, JpegImagePlugin.JpegImageFile) or 0 not in picture.quantization:
            return None
        coarseness = float(np.mean(picture.quantization[0])) / ANNEX_K_MEAN
    return 50 / coarseness if coarseness > 1 else 100 - 50 * coarseness


def is_good(attempt: Attempt, before: Edit, threshold: float) -> bool:
    """Whether no heavier tier needs to be tried: verification found nothing, and the artefact score
    is not too high.
    """
    found_nothing = attempt.edit.status is before.status and attempt.edit.reason == before.reason
    return found_nothing and attempt.edit.artefact_score <= threshold


def choose_attempt(
    attempts: Sequence[Attempt], before: Edit, config: RouteConfig, why: str
) -> tuple[Edit, str]:
    """The best attempt's edit, as it is handed over, and how that was decided.

    The last attempt where it is good; else the one with the lowest artefact score at output size,
    for review.
    """
    scores = ", ".join(f"{attempt.tier} {attempt.edit.artefact_score:.2f}" for attempt in attempts)
    start = f"started at {attempts[0].tier}" + (f", as {why}" if why else "")
    summary = f"{start}; artefact scores: {scores}; limit {config.threshold:g}"
    last = attempts[-1]
    if is_good(last, before, config.threshold):
        return last.edit, f"{summary}; {last.tier} committed"
    best = min(attempts, key=lambda attempt: attempt.edit.artefact_score)
    reason = best.edit.reason
    if best.edit.artefact_score > config.threshold:
        beyond = f"no tier's artefact score reaches {config.threshold:g}: {scores}"
        reason = f"{reason}; {beyond}" if reason else beyond
    edit = replace(best.edit, status=Status.NEEDS_REVIEW, reason=reason)
    return edit, f"{summary}; none is good: {best.tier}, the best, committed for review"

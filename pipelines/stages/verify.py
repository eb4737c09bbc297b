"""Check the result before it is committed: nothing changed outside the mask, no step along its edge."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np

from pipelines.contract import Status
from pipelines.edit import Edit, Step
from pipelines.stages.harmonise import edge_step


def verify(edit: Edit) -> Step:
    """Mark the edit `needs_review` where a limit of `verify` is broken; the picture stays as it is."""
    config = edit.config.verify
    hole = edit.mask > 0
    change = np.abs(edit.blended - edit.request.image).max(axis=-1)
    outside = float(change[~hole].max()) if (~hole).any() else 0.0
    ring = cv2.dilate(hole.astype(np.uint8), np.ones((7, 7), np.uint8)).astype(bool)
    excess = edge_step(edit.blended, hole) - edge_step(edit.request.image, ring)
    problems = []
    if outside > config.max_outside_change:
        problems.append(f"outside the mask a pixel changed by {outside:.4f} > {config.max_outside_change:g}")
    if excess > config.max_edge_excess:
        problems.append(
            f"the step along the mask's edge is {excess:.3f} > {config.max_edge_excess:g} over its surroundings'"
        )
    if problems:
        reason = "; ".join(problems)
        return Step(replace(edit, status=Status.NEEDS_REVIEW, reason=reason), change, f"needs review: {reason}")
    return Step(edit, change, f"accepted: outside change {outside:.4f}, edge excess {excess:.3f}")

"""Refining the mask: shrunk, grown and softened, but not over what must survive; and how much of
that is covered.
"""

from __future__ import annotations

import numpy as np
import pytest

from editproof.pipelines import EditRequest, EditResult, Mask, Status, reference
from editproof.pipelines.stages.mask import erode_mask, find_anchors, soften_mask
from editproof.pipelines.stages.structure import structure_strength

SHAPE = (60, 80)
GREY = np.full((*SHAPE, 3), 0.5, np.float32)


@pytest.fixture
def block() -> Mask:
    mask = np.zeros(SHAPE, np.float32)
    mask[20:40, 20:40] = 1
    return mask


def refined(result: EditResult) -> Mask:
    (mask,) = [stage.artefact for stage in result.stages if stage.name == "refine_mask"]
    assert mask is not None
    return mask


def test_erosion_takes_a_rim_of_that_width(block: Mask) -> None:
    """And whole strokes that are thinner than twice it; nothing is taken at the picture's
    border.
    """
    core = block > 0
    core[10, :] = True
    core[:, 70:] = True
    shrunk = erode_mask(core, radius_px=3)
    assert shrunk[23:37, 23:37].all()
    assert shrunk[:, 20:40].sum() == 14 * 14
    assert not shrunk[10, :60].any()
    assert shrunk[:, 73:].all()
    assert not shrunk[20:, 70:73].any()
    assert np.array_equal(erode_mask(core, radius_px=0), core)


def test_the_stage_shrinks_then_grows(block: Mask) -> None:
    """By 4 and 2 px: the square ends up 2 px smaller on every side."""
    settings = {"mask.erode_px": 4, "mask.dilate_px": 2, "mask.soft_sigma_px": 0}
    result = reference.build(**settings)(EditRequest(GREY, block))
    mask = refined(result)
    assert mask[22:38, 30].all()
    assert mask[:, 30].sum() == 16


def test_strength_is_the_gradient_of_what_is_known() -> None:
    """0.02 a pixel on a ramp, whatever its direction; an edge beside what is not known does not
    count.
    """
    y, x = np.mgrid[:40, :40]
    for plane in (0.02 * x, 0.02 * y, 0.02 * (x + y) / np.sqrt(2)):
        ramp = np.repeat(plane[..., None], 3, axis=2).astype(np.float32)
        strength = structure_strength(ramp, np.ones((40, 40), bool), sigma_px=2.0)
        assert strength[15:25, 15:25] == pytest.approx(0.02, rel=1e-3)
    flat, known = np.full((40, 40, 3), 0.3, np.float32), np.ones((40, 40), bool)
    flat[15:25, 15:25], known[15:25, 15:25] = 0.9, False
    assert structure_strength(flat, known, sigma_px=2.0).max() < 1e-6
    assert structure_strength(flat, ~known | known, sigma_px=2.0).max() > 0.05


def test_growth_stops_before_fine_print(block: Mask) -> None:
    """Lines 2 px beside the mask are spared, the flat ground on the other side is not; the core
    stays whole.
    """
    image = GREY.copy()
    image[18:42, 42:60] = np.where(np.arange(18) % 3 == 0, 0.1, 0.9)[None, :, None]
    settings = {"mask.dilate_px": 4, "mask.soft_sigma_px": 2.0, "mask.max_coverage": 1.0}
    spared, grown = (
        refined(
            reference.build(**settings, **{"mask.spare_anchors": spare})(EditRequest(image, block))
        )
        for spare in (True, False)
    )
    assert (grown[25:35, 42:44] == 1).all()
    assert not spared[25:35, 42:44].any()
    assert np.array_equal(spared[:, :20], grown[:, :20])
    assert (spared[block > 0] == 1).all()
    assert (spared[25:35, 40] == 1).all()  # the content's own anti-aliased rim


def test_the_masked_content_is_no_anchor(block: Mask) -> None:
    """A bright square on grey has strong edges of its own, and nothing beside it."""
    image = GREY.copy()
    image[block > 0] = 1.0
    assert not find_anchors(image, block > 0).any()
    assert not find_anchors(GREY, np.zeros(SHAPE, bool)).any()


def test_growth_never_enters_what_is_protected(block: Mask) -> None:
    """What the caller masks goes even there; how much that is stands in the trace."""
    feature = np.zeros(SHAPE, np.float32)
    feature[20:40, 38:48] = 1
    settings = {"mask.dilate_px": 5, "mask.max_coverage": 1.0}
    result = reference.build(**settings)(EditRequest(GREY, block, protect={"hairline": feature}))
    mask = refined(result)
    outside = (feature > 0) & (block == 0)
    assert not mask[outside].any()
    assert (mask[block > 0] == 1).all()
    (decision,) = [stage.decision for stage in result.stages if stage.name == "check_mask"]
    assert decision.endswith("20.0% of hairline covered")
    assert result.status is Status.DONE


def test_covering_too_much_of_what_is_protected_needs_review(block: Mask) -> None:
    """Above `mask.max_protected` only; the reason names the feature."""
    features = {}
    for name, right in (("hairline", 48), ("seal", 200)):
        features[name] = np.zeros(SHAPE, np.float32)
        features[name][20:40, 38:right] = 1
    request = EditRequest(GREY, block, protect=features)
    result = reference.build(**{"mask.max_protected": 0.1})(request)
    assert result.status is Status.NEEDS_REVIEW
    assert "more than 10% of hairline" in result.reason
    assert "seal" not in result.reason
    assert reference.build(**{"mask.max_protected": 0.2})(request).status is Status.DONE


def test_an_inverted_mask_is_told(block: Mask) -> None:
    """Where the other way round it would be of a usual size."""
    result = reference.build()(EditRequest(GREY, 1 - block))
    assert result.status is Status.REFUSED
    assert "is the mask inverted?" in result.reason
    half = np.zeros(SHAPE, np.float32)
    half[:30] = 1
    assert "inverted" not in reference.build()(EditRequest(GREY, half)).reason


def test_a_core_without_pixels_stays_empty() -> None:
    assert not soften_mask(np.zeros(SHAPE, bool), radius_px=3, sigma_px=2).any()

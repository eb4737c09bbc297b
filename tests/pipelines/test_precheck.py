"""The pre-check says that nothing needs doing only where that is certain, and later stages honour
it.
"""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from editproof.pipelines import EditRequest, EditResult, Image, Mask, Status, reference
from editproof.pipelines.config import DetectConfig
from editproof.pipelines.contract import Param
from editproof.pipelines.stages.ocr import detector_megapixels
from editproof.pipelines.stages.precheck import max_pool, precheck

FLAT = np.full((300, 200, 3), 0.5, np.float32)


def decisions(result: EditResult) -> dict[str, str]:
    return {stage.name: stage.decision for stage in result.stages}


def with_text(
    image: Image, text: str, at: tuple[int, int], *, size: float = 1.0, thickness: int = 2
) -> Image:
    pixels = np.round(image * 255).astype(np.uint8)
    cv2.putText(
        pixels, text, at, cv2.FONT_HERSHEY_SIMPLEX, size, (250, 250, 250), thickness, cv2.LINE_AA
    )
    return pixels.astype(np.float32) / np.float32(255)


def test_a_picture_without_contrast_needs_nothing() -> None:
    """No text can be in it, so no detector runs, no model fills, and the picture comes back to the
    bit.
    """
    result = reference.build()(EditRequest(FLAT))
    said = decisions(result)
    assert said["precheck"].startswith(
        "needs_text_removal=false, needs_inpainting=false, estimate_ms="
    )
    assert "says the pre-check" in said["detect"]
    assert "says the pre-check" in said["inpaint"]
    assert result.image is not None
    assert np.array_equal(result.image, FLAT)


def test_an_empty_mask_needs_nothing() -> None:
    mask = np.zeros((300, 200), np.float32)
    said = decisions(reference.build()(EditRequest(with_text(FLAT, "SALE", (20, 100)), mask)))
    assert said["precheck"].startswith("needs_text_removal=false, needs_inpainting=false")


def test_one_masked_pixel_of_a_large_picture_is_not_overlooked() -> None:
    """The proxy keeps the largest value of what it stands for."""
    image = np.full((1031, 517, 3), 0.5, np.float32)
    mask = np.zeros((1031, 517), np.float32)
    mask[1030, 516] = 1.0
    result = reference.build()(EditRequest(image, mask))
    assert "needs_inpainting=true" in decisions(result)["precheck"]
    (proxy,) = [stage.artefact for stage in result.stages if stage.name == "precheck"]
    assert proxy is not None
    assert max(proxy.shape) <= 256
    assert proxy.sum() == 1.0


@pytest.mark.slow
def test_faint_small_text_is_looked_for() -> None:
    image = np.full((1200, 800, 3), 0.5, np.float32)
    image = with_text(image, "tiny", (700, 1100), size=0.3, thickness=1)
    assert "needs_text_removal=true" in decisions(reference.build()(EditRequest(image)))["precheck"]


def test_strokes_are_a_mask() -> None:
    """What somebody brushed over is to be filled, in a picture without contrast too."""
    brushed = np.zeros(FLAT.shape[:2], np.float32)
    brushed[50:60, 50:60] = 1
    said = decisions(reference.build()(EditRequest(FLAT, strokes_add=brushed)))
    assert said["precheck"].startswith("needs_text_removal=false, needs_inpainting=true")
    assert "strokes added" in said["detect"]


@pytest.mark.parametrize(
    ("where", "dominates"), [(np.s_[70:110, 10:190], "true"), (np.s_[200:290, 10:60], "false")]
)
def test_text_dominates_a_mask_over_text_only(where: tuple[slice, slice], dominates: str) -> None:
    """Where text is to be removed on its own, a caller's mask is asked whether it lies over
    some.
    """
    mask = np.zeros(FLAT.shape[:2], np.float32)
    mask[where] = 1
    image = with_text(FLAT, "SUMMER", (20, 100), size=1.2)
    settings: dict[str, str | float] = {"text.mode": "auto", "mask.max_coverage": 0.5}
    said = decisions(reference.build(**settings)(EditRequest(image, mask)))
    assert said["precheck"].startswith(f"needs_text_removal={dominates}, needs_inpainting=true")


def test_more_to_do_takes_longer() -> None:
    """The estimate grows with what is masked, and with a heavier model."""
    small, large = np.zeros((300, 200), np.float32), np.zeros((300, 200), np.float32)
    small[:5, :5] = large[:50, :100] = 1

    def estimate(mask: Mask, model: str) -> float:
        result = reference.build(**{"inpaint.model": model})(EditRequest(FLAT, mask))
        assert result.status is Status.DONE
        return float(decisions(result)["precheck"].rpartition("=")[2])

    assert estimate(small, "patch") < estimate(large, "patch")
    assert estimate(large, "ns") < estimate(large, "patch")


def test_pooling_keeps_the_largest_value_of_each_block() -> None:
    plane = np.zeros((7, 10), np.float32)
    plane[6, 9], plane[2, 4] = 0.5, 0.25
    pooled = max_pool(plane, longest_px=4)
    assert pooled.shape == (3, 4)
    assert (pooled[2, 3], pooled[0, 1], float(pooled.sum())) == (0.5, 0.25, 0.75)
    assert np.array_equal(max_pool(plane, longest_px=10), plane)


def test_a_stage_over_its_budget_says_so() -> None:
    """A budget that nothing can keep is noted, one that anything keeps is not; either way the edit
    is made.
    """
    settings = {"precheck.budget_ms": 1e-6, "mask.budget_ms": 1e-6, "inpaint.budget_ms": 1e9}
    result = reference.build(**settings)(EditRequest(FLAT))
    over = {stage.name for stage in result.stages if "; over budget: " in stage.decision}
    assert over == {"precheck", "refine_mask", "check_mask"}
    assert result.status is Status.DONE


def test_the_estimate_knows_what_the_detector_is_shown() -> None:
    """Small and narrow pictures are enlarged for it, large ones cut into tiles; without enlarging
    it is shown a part of it.
    """
    config, once = DetectConfig(), DetectConfig(both_scales=False, upsample=1)
    assert detector_megapixels((1000, 1000), config) == pytest.approx(1 + 4)
    assert detector_megapixels((100, 100), once) == pytest.approx(0.736**2)
    assert detector_megapixels((10, 2000), once) == pytest.approx(4 * 0.736**2)
    assert detector_megapixels((4000, 4000), config) == pytest.approx(
        5 * 16 * (1024 / 896) ** 2 + 1.024**2, rel=0.01
    )
    assert detector_megapixels((4000, 4000), once) == pytest.approx(
        16 * (1024 / 896) ** 2 + 1.024**2, rel=0.01
    )


@pytest.mark.slow
def test_the_estimate_goes_by_the_crops_that_the_model_is_shown() -> None:
    """A hole across the picture costs more than a compact one of the same size; more steps cost a
    diffusion model more.
    """
    image = np.full((256, 256, 3), 0.5, np.float32)
    compact, spread = np.zeros((2, 256, 256), np.float32)
    compact[100:116, 100:116] = 1
    spread[::16, ::16] = 1

    def estimate(mask: Mask, **settings: Param) -> float:
        result = reference.build(**{"mask.max_coverage": 1.0, **settings})(EditRequest(image, mask))
        decision = next(stage.decision for stage in result.stages if stage.name == "precheck")
        return float(decision.rpartition("estimate_ms=")[2])

    assert estimate(spread) > 2 * estimate(compact)
    few, many = (
        estimate(compact, **{"inpaint.model": "microfill", "inpaint.sampling_steps": steps})
        for steps in (1, 4)
    )
    assert few < many


def test_the_estimate_is_handed_on_as_a_number() -> None:
    """Whoever runs the stage alone need not read the words."""
    pipeline = reference.build()
    step = precheck(pipeline.start(EditRequest(FLAT)))
    assert step.decision.endswith(f"estimate_ms={step.found['estimate_ms']:.0f}")

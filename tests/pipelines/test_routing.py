"""Routing: which inpainter is tried first, when the next one is, and what is handed over; and the
checks that decide it.
"""

from __future__ import annotations

import io
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image as Pil

from editproof.pipelines import (
    ContractError,
    EditRequest,
    EditResult,
    Image,
    Mask,
    Status,
    reference,
)
from editproof.pipelines.config import RouteConfig
from editproof.pipelines.routing import choose_first_tier, is_photograph, jpeg_quality
from editproof.pipelines.stages.artefacts import CLEAN, artefact_score, repetition
from editproof.pipelines.stages.verify import largest_change, ssim_outside

SIZE = 96
Param = str | int | float | bool


@pytest.fixture(scope="module")
def gravel() -> Image:
    from skimage import data

    grey = np.asarray(data.gravel()[:SIZE, :SIZE], np.float32) / np.float32(255)
    return np.repeat(grey[..., None], 3, axis=2)


@pytest.fixture(scope="module")
def smooth() -> Image:
    y, x = np.mgrid[:SIZE, :SIZE].astype(np.float32) / SIZE
    return np.stack([0.3 + 0.3 * x, 0.4 + 0.2 * y, np.full_like(x, 0.5)], axis=-1)


@pytest.fixture(scope="module")
def blob() -> Mask:
    y, x = np.mgrid[:SIZE, :SIZE]
    return np.asarray(np.hypot(y - 40, x - 50) < 12, np.float32)


def routed(
    image: Image, mask: Mask, settings: dict[str, Param], **request: object
) -> tuple[EditResult, str]:
    """The result, and the decision of its `route`."""
    asked = replace(EditRequest(image, mask, seed=3), **request)  # type: ignore[arg-type]
    result = reference.build(**{"route.tiers": "ns,patch", **settings})(asked)
    (decision,) = [stage.decision for stage in result.stages if stage.name == "route"]
    return result, decision


def test_a_good_result_of_the_fast_tier_is_taken(smooth: Image, blob: Mask) -> None:
    """On a smooth ground Navier-Stokes is good enough: the heavier model is never run, and the
    picture is what it makes.
    """
    result, decision = routed(smooth, blob, {})
    names = [stage.name for stage in result.stages]
    assert "inpaint[ns]" in names
    assert "inpaint[patch]" not in names
    assert "ns committed" in decision
    plain = reference.build()(EditRequest(smooth, blob, seed=3))
    assert result.image is not None
    assert plain.image is not None
    assert np.array_equal(result.image, plain.image)


def test_a_smeared_fill_goes_to_the_heavier_tier(gravel: Image, blob: Mask) -> None:
    """On gravel it smears; the patch model's fill is committed, and the trace holds both scores."""
    result, decision = routed(gravel, blob, {"route.threshold": 0.3}, scale=2)
    assert [stage.name for stage in result.stages if stage.name.startswith("verify")] == [
        "verify[ns]",
        "verify[patch]",
    ]
    assert "patch committed" in decision
    assert result.status is Status.DONE
    direct = reference.build(**{"inpaint.model": "patch"})(
        EditRequest(gravel, blob, seed=3, scale=2)
    )
    assert result.image is not None
    assert direct.image is not None
    assert np.array_equal(result.image, direct.image)


def test_where_no_tier_is_good_the_best_needs_review(gravel: Image, blob: Mask) -> None:
    """The reason names every tier's score; the picture is that of the lowest."""
    result, decision = routed(gravel, blob, {"route.threshold": 0.0})
    assert result.status is Status.NEEDS_REVIEW
    assert "no tier's artefact score reaches 0: ns 0." in result.reason
    assert "patch, the best, committed for review" in decision
    assert result.image is not None


def test_what_is_refused_is_not_tried_again(gravel: Image) -> None:
    """A mask that covers too much is refused before any tier."""
    full = np.ones((SIZE, SIZE), np.float32)
    result = reference.build(**{"route.tiers": "ns,patch"})(EditRequest(gravel, full))
    assert (result.image, result.status) == (None, Status.REFUSED)
    assert not any("[" in stage.name for stage in result.stages)


@pytest.mark.parametrize(
    ("settings", "metadata", "start", "why"),
    [
        ({}, {"asset_value": "high"}, 0, ""),
        ({"by_value": True}, {"asset_value": "high"}, 1, "its value is high"),
        ({"by_value": True}, {"asset_value": "low"}, 0, ""),
        ({"by_source": True}, {"source": "photo"}, 1, "it is a photograph"),
        ({"by_source": True}, {"source": "scan"}, 0, "it is no photograph"),
        (
            {"by_source": True},
            {"source": "photo", "jpeg_quality": 40},
            0,
            "it is a photograph of JPEG quality 40",
        ),
        (
            {"by_value": True, "by_source": True},
            {"source": "photo", "asset_value": "high"},
            1,
            "its value is high and",
        ),
    ],
)
def test_value_and_source_choose_the_first_tier(
    settings: dict[str, bool], metadata: dict[str, Param], start: int, why: str
) -> None:
    """Each only where its setting lets it; never beyond the last tier."""
    request = EditRequest(np.zeros((4, 4, 3), np.float32), metadata=metadata)
    found, because = choose_first_tier(RouteConfig(tiers="ns, patch", **settings), request)
    assert found == start
    assert because.startswith(why)


def test_the_start_is_in_the_decision(smooth: Image, blob: Mask) -> None:
    """A valuable asset starts with the heavier model, and the trace says why."""
    result, decision = routed(
        smooth, blob, {"route.by_value": True}, metadata={"asset_value": "high"}
    )
    assert "inpaint[ns]" not in [stage.name for stage in result.stages]
    assert "started at patch, as its value is high" in decision


@pytest.mark.parametrize("quality", [20, 50, 75, 95])
def test_a_files_quality_is_read_from_its_table(quality: int) -> None:
    """As it was saved, within a few points; metadata wins; other files have none."""
    assert jpeg_quality({}, saved("JPEG", quality=quality)) == pytest.approx(quality, abs=2)
    assert jpeg_quality({"jpeg_quality": 7}, saved("JPEG", quality=quality)) == 7
    assert jpeg_quality({}, saved("PNG")) is None
    assert jpeg_quality({}, b"") is None


def test_a_cameras_name_makes_a_photograph() -> None:
    """By EXIF, unless metadata says otherwise."""
    exif = Pil.Exif()
    exif[0x010F] = "Camera Works"
    assert is_photograph({}, saved("JPEG", exif=exif))
    assert not is_photograph({}, saved("JPEG"))
    assert not is_photograph({"source": "scan"}, saved("JPEG", exif=exif))


def saved(kind: str, **options: object) -> bytes:
    """A small picture's file."""
    file = io.BytesIO()
    Pil.new("RGB", (16, 16), (200, 100, 50)).save(file, kind, **options)
    return file.getvalue()


def test_routing_replays_to_the_same_bytes(gravel: Image, blob: Mask) -> None:
    """With the settings that the result carries, whatever tier was taken; and the seed matters if
    it may for one tier.
    """
    settings: dict[str, Param] = {
        "route.tiers": "ns,patch",
        "route.threshold": 0.3,
        "upscale.model": "realesrgan",
        "upscale.back_projections": 2,
        "upscale.feedback_threshold": 0.01,
        "harmonise.colour": "gradient",
        "verify.min_ssim": 0.5,
    }
    pipeline = reference.build(**settings)
    request = EditRequest(gravel, blob, seed=5, scale=2)
    first = pipeline(request)
    second = reference.replay(first.config, request)
    assert settings.items() <= first.config.items()
    assert first.image is not None
    assert second.image is not None
    assert first.image.tobytes() == second.image.tobytes()
    assert [stage.decision for stage in first.stages] == [stage.decision for stage in second.stages]
    assert pipeline.stochastic
    assert not reference.build(**{"route.tiers": "ns,telea"}).stochastic


def test_an_unknown_tier_is_a_clear_error() -> None:
    """When the pipeline is built, not when it comes to that tier."""
    with pytest.raises(ContractError, match="magic"):
        reference.build(**{"route.tiers": "ns,magic"})


def test_a_stage_over_its_budget_says_so(smooth: Image, blob: Mask) -> None:
    """In its own decision; the picture is the same."""
    tight = reference.build(**{"verify.budget_ms": 1e-6, "upscale.budget_ms": 1e9})(
        EditRequest(smooth, blob)
    )
    decisions = {stage.name: stage.decision for stage in tight.stages}
    assert "over budget" in decisions["verify"]
    assert not any(
        "over budget" in decision for name, decision in decisions.items() if name != "verify"
    )
    free = reference.build()(EditRequest(smooth, blob))
    assert tight.image is not None
    assert free.image is not None
    assert np.array_equal(tight.image, free.image)


def test_the_picture_itself_scores_as_clean(gravel: Image, smooth: Image, blob: Mask) -> None:
    """What nobody touched is no artefact, on texture or on none; at any scale; where there is no
    mask, or no surroundings.
    """
    assert artefact_score(gravel, blob).value < 0.2
    assert artefact_score(smooth, blob).value < 0.05
    assert artefact_score(smooth.repeat(2, axis=0).repeat(2, axis=1), blob).value < 0.2
    assert artefact_score(gravel, blob * 0) == CLEAN
    assert artefact_score(gravel, np.ones_like(blob)) == CLEAN
    assert artefact_score(np.zeros((1, 1, 3), np.float32), np.zeros((1, 1), np.float32)) == CLEAN


def test_each_flaw_raises_its_own_score(gravel: Image, smooth: Image, blob: Mask) -> None:
    """A smear the texture's, an offset the edge's, a copied patch the repetition's."""
    hole = blob > 0
    smeared = np.where(hole[..., None], gravel[hole].mean(axis=0), gravel).astype(np.float32)
    assert artefact_score(smeared, blob).texture > artefact_score(gravel, blob).texture + 0.3
    offset = np.where(hole[..., None], smooth + np.float32(0.08), smooth).astype(np.float32)
    assert artefact_score(offset, blob).edge > 0.5
    copied = np.tile(gravel[:10, :10], (10, 10, 1))[:SIZE, :SIZE]
    repeated = np.where(hole[..., None], copied, gravel).astype(np.float32)
    assert artefact_score(repeated, blob).repetition > 0.5
    assert artefact_score(gravel, blob).repetition < 0.1


def test_flat_ground_does_not_repeat(smooth: Image) -> None:
    """What has no texture has none to repeat; a region smaller than a patch has none either."""
    everywhere = np.ones((SIZE, SIZE), bool)
    assert repetition(np.full((SIZE, SIZE, 3), 0.5, np.float32), everywhere) == 0
    assert repetition(smooth[:4, :4], everywhere[:4, :4]) == 0


def test_limits_on_artefacts_and_likeness_send_an_edit_to_review(gravel: Image, blob: Mask) -> None:
    """Each only where it is set, with both numbers in the reason."""
    assert reference.build()(EditRequest(gravel, blob)).status is Status.DONE
    result = reference.build(**{"verify.max_artefact_score": 0.05, "verify.min_ssim": 0.5})(
        EditRequest(gravel, blob)
    )
    assert result.status is Status.NEEDS_REVIEW
    assert "the artefact score is 0." in result.reason
    assert "SSIM" not in result.reason
    denoised = reference.build(**{"verify.min_ssim": 1.0, "upscale.denoise": 2.0})(
        EditRequest(gravel, blob, scale=2)
    )
    assert "SSIM outside the mask is 0." in denoised.reason


def test_likeness_outside_is_ssim_band_by_band() -> None:
    """With nothing masked it is scikit-image's own over the inner pixels; what happens in the hole
    does not count.
    """
    from skimage.metrics import structural_similarity

    rng = np.random.default_rng(0)
    image = rng.random((300, 40, 3), dtype=np.float32)
    other = np.clip(image + rng.normal(0, 0.1, image.shape), 0, 1).astype(np.float32)
    weights = np.array([0.299, 0.587, 0.114], np.float32)
    expected = structural_similarity(other @ weights, image @ weights, data_range=1.0, win_size=7)
    hole = np.zeros((300, 40), bool)
    assert ssim_outside(other, image, hole) == pytest.approx(expected, abs=1e-4)
    hole[100:160] = True
    changed = image.copy()
    changed[hole] = 0
    assert ssim_outside(changed, image, hole) == pytest.approx(1.0)
    assert ssim_outside(image[:5], image[:5], hole[:5]) is None


def test_the_largest_change_is_that_of_the_worst_channel() -> None:
    """Of each pixel, in any direction."""
    rng = np.random.default_rng(0)
    one, other = rng.random((2, 9, 11, 3), dtype=np.float32)
    assert np.array_equal(largest_change(one, other), np.abs(one - other).max(axis=-1))

"""The reference pipeline: what each stage promises, and what every inpainter keeps."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

import cv2
import numpy as np
import pytest

from editproof.pipelines import ContractError, EditRequest, Image, Mask, Status, reference
from editproof.pipelines.config import ReferenceConfig
from editproof.pipelines.models.names import CLASSICAL
from editproof.pipelines.stages.blend import laplacian, poisson
from editproof.pipelines.stages.detect import text_mask
from editproof.pipelines.stages.harmonise import noise_sigma
from editproof.pipelines.stages.inpaint import context_crops
from editproof.pipelines.stages.mask import soften_mask
from editproof.pipelines.stages.tiling import map_tiles

SIZE = 96


@pytest.fixture(scope="module")
def photo() -> Image:
    from skimage import data

    crop = data.coffee()[100 : 100 + SIZE, 200 : 200 + SIZE]
    return np.asarray(np.asarray(crop) / 255, np.float32)


@pytest.fixture(scope="module")
def blob() -> Mask:
    y, x = np.mgrid[:SIZE, :SIZE]
    return np.asarray(np.hypot(y - 40, x - 50) < 10, np.float32)


STOCHASTIC = {"patch"}


@pytest.fixture(params=CLASSICAL)
def model(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


Settings = Mapping[str, str | int | float | bool]
DEFAULTS: Settings = {}


def edited(
    photo: Image, mask: Mask | None, settings: Settings = DEFAULTS, *, seed: int = 1, scale: int = 1
) -> Image:
    image = reference.build(**settings)(EditRequest(photo, mask, seed=seed, scale=scale)).image
    assert image is not None
    return image


def test_outside_the_mask_every_model_leaves_the_bits(photo: Image, blob: Mask, model: str) -> None:
    """Beyond the softened mask, not one bit changes; inside, the picture does."""
    result = reference.build(**{"inpaint.model": model})(EditRequest(photo, blob))
    assert result.image is not None
    reach = soften_mask(blob > 0, radius_px=1, sigma_px=0.7) > 0
    assert np.array_equal(result.image[~reach], photo[~reach])
    assert not np.array_equal(result.image[reach], photo[reach])
    assert result.status is Status.DONE


@pytest.mark.parametrize("mode", ["hard", "feather", "poisson", "laplacian"])
def test_every_blend_leaves_the_bits_outside(photo: Image, blob: Mask, mode: str) -> None:
    """The same, for each way of blending."""
    reach = soften_mask(blob > 0, radius_px=1, sigma_px=0.7) > 0
    assert np.array_equal(edited(photo, blob, {"blend.mode": mode})[~reach], photo[~reach])


def test_the_seed_matters_for_stochastic_models_only(photo: Image, blob: Mask, model: str) -> None:
    """Same seed, same bits; another seed differs just where the pipeline says that it is
    stochastic.
    """
    settings = {"inpaint.model": model}
    one, again, other = (edited(photo, blob, settings, seed=seed) for seed in (1, 1, 2))
    assert np.array_equal(one, again)
    assert np.array_equal(one, other) == (model not in STOCHASTIC)
    assert reference.build(**settings).stochastic == (model in STOCHASTIC)


@pytest.mark.parametrize(
    "where", [np.s_[:8, :8], np.s_[-5:, 30:60], np.s_[20:60, -1:]], ids=["corner", "edge", "sliver"]
)
def test_a_mask_at_the_border_is_filled(
    photo: Image, model: str, where: tuple[slice, slice]
) -> None:
    """Also where there is a picture on one side only."""
    mask = np.zeros((SIZE, SIZE), np.float32)
    mask[where] = 1
    for mode in ("feather", "poisson"):
        image = edited(photo, mask, {"inpaint.model": model, "blend.mode": mode}, scale=2)
        assert image.shape == (2 * SIZE, 2 * SIZE, 3)


def test_an_empty_mask_leaves_the_picture(photo: Image, model: str) -> None:
    """Nothing to replace is no error."""
    nothing = np.zeros((SIZE, SIZE), np.float32)
    assert np.array_equal(
        edited(photo, nothing, {"inpaint.model": model, "harmonise.grain": True}), photo
    )


def test_too_large_a_mask_is_refused_with_both_numbers(photo: Image) -> None:
    """Coverage and limit stand in the reason, and the stages so far in the trace."""
    mask = np.zeros((SIZE, SIZE), np.float32)
    mask[:48] = 1
    result = reference.build()(EditRequest(photo, mask))
    assert (result.image, result.status) == (None, Status.REFUSED)
    assert re.search(r"coverage 0\.5\d\d > 0\.120", result.reason)
    assert [stage.name for stage in result.stages] == [
        "decode",
        "precheck",
        "detect",
        "refine_mask",
    ]


def test_a_full_mask_is_one_clear_error(photo: Image, model: str) -> None:
    """With the coverage limit lifted, there is nothing to fill from; no model may give back the
    input, or zeros.
    """
    full = np.ones((SIZE, SIZE), np.float32)
    with pytest.raises(ValueError, match="nothing to fill it from"):
        edited(photo, full, {"inpaint.model": model, "mask.max_coverage": 1.0})


def test_the_smallest_picture_goes_through(model: str) -> None:
    """1×1 px, with nothing to replace."""
    one = np.full((1, 1, 3), 0.5, np.float32)
    assert edited(
        one, np.zeros((1, 1), np.float32), settings={"inpaint.model": model}, scale=2
    ).shape == (2, 2, 3)


def test_a_result_replays_to_the_same_bytes(photo: Image, blob: Mask) -> None:
    """The settings that a result carries are all that it takes."""
    request = EditRequest(
        photo, blob, seed=5, scale=2, config={"tile.size_px": 48, "tile.overlap_px": 8}
    )
    first = reference.build(**{"inpaint.model": "patch"}, **{"harmonise.grain": True})(request)
    second = reference.replay(first.config, replace(request, config={}))
    assert first.image is not None
    assert second.image is not None
    assert first.image.tobytes() == second.image.tobytes()
    assert first.config["tile.size_px"] == 48


@pytest.mark.parametrize("option", ["inpaint.two_tier", "inpaint.refine_texture"])
def test_texture_from_patches_brings_a_smooth_fill_to_life(blob: Mask, option: str) -> None:
    """On noise a smooth fill has next to no high frequencies; with the option, at least half of the
    ground's.
    """
    noise = np.random.default_rng(3).normal(0.5, 0.12, (SIZE, SIZE, 1))
    image = np.repeat(np.clip(noise, 0, 1), 3, axis=2).astype(np.float32)
    hole = blob > 0
    around = noise_sigma(image, ~hole)
    result = reference.build(**{option: True})(EditRequest(image, blob))
    assert result.image is not None
    assert noise_sigma(edited(image, blob), hole) < 0.35 * around
    assert noise_sigma(result.image, hole) > 0.5 * around
    assert reference.build(**{option: True}).stochastic
    (decision,) = [stage.decision for stage in result.stages if stage.name == "inpaint"]
    assert decision.endswith(option.removeprefix("inpaint."))


def test_what_a_caller_asks_of_text_removal_makes_the_seed_matter() -> None:
    """Its flat model copies patches."""
    assert not reference.build().stochastic
    assert reference.build(**{"text.mode": "auto"}).stochastic
    assert not reference.build(**{"text.mode": "auto", "text.flat_model": "ns"}).stochastic


def test_every_stage_leaves_a_trace(photo: Image, blob: Mask) -> None:
    """Name, time, decision and a picture, in the order of the stages."""
    result = reference.build()(EditRequest(photo, blob, scale=2))
    assert [stage.name for stage in result.stages] == [name for name, _ in reference.STAGES]
    for stage in result.stages:
        assert stage.seconds >= 0
        assert stage.decision
        assert stage.artefact is not None or stage.name == "decode"  # there was no file to decode


def test_large_clear_text_is_found_to_the_glyph() -> None:
    """The mask covers the strokes and little else."""
    y = np.linspace(0.2, 0.5, 128, dtype=np.float32)
    image = np.ascontiguousarray(np.broadcast_to(y[:, None, None], (128, 256, 3)))
    pixels = np.round(image * 255).astype(np.uint8)
    drawn = cv2.putText(
        pixels.copy(),
        "REMOVE ME",
        (20, 75),
        cv2.FONT_HERSHEY_SIMPLEX,
        1.2,
        (250, 250, 250),
        2,
        cv2.LINE_AA,
    )
    truth = (drawn != pixels).any(axis=-1)
    mask, lines = text_mask(drawn.astype(np.float32) / np.float32(255), ReferenceConfig().detect)
    assert len(lines) == 1
    assert mask[truth].mean() > 0.9
    assert (mask > 0).sum() < 1.5 * truth.sum()


def test_a_picture_without_text_has_none(photo: Image) -> None:
    """No box, no mask, no error."""
    mask, lines = text_mask(np.full((64, 64, 3), 0.5, np.float32), ReferenceConfig().detect)
    assert (len(lines), float(mask.sum())) == (0, 0.0)


def test_softening_never_lets_the_old_content_through() -> None:
    """The core stays 1, and alpha falls with the distance to it."""
    core = np.zeros((31, 31), bool)
    core[15, 15] = True
    alpha = soften_mask(core, radius_px=2, sigma_px=3.0)
    assert alpha[15, 15] == alpha[15, 17] == 1.0
    assert np.all(np.diff(alpha[15, 15:]) <= 0)
    assert alpha[15, 20] == pytest.approx(
        np.exp(-0.5), abs=1e-3
    )  # 3 px beyond the grown core is one sigma


@pytest.mark.parametrize("size", [(96, 96), (100, 61), (17, 200)])
def test_tiles_with_overlap_join_to_the_whole(size: tuple[int, int]) -> None:
    """Work that looks at single pixels is tiled without a trace; every pixel is covered, at any
    size.
    """
    image = np.random.default_rng(0).random((*size, 3), dtype=np.float32)
    for overlap_px in (0, 5, 16):
        joined = map_tiles(image, lambda tile: 1 - tile, size_px=32, overlap_px=overlap_px, scale=1)
        assert joined == pytest.approx(1 - image, abs=1e-6)


def test_overlap_hides_the_seams_of_an_upscaler(photo: Image) -> None:
    """Against the untiled picture: hard seams are far off, 16 px of overlap within a level."""
    nothing = np.zeros((SIZE, SIZE), np.float32)
    whole = edited(photo, nothing, {"tile.size_px": 4096}, scale=2)

    def error(overlap_px: int) -> float:
        tiled = edited(photo, nothing, {"tile.size_px": 40, "tile.overlap_px": overlap_px}, scale=2)
        return float(np.abs(tiled - whole).max())

    assert error(0) > 4 / 255
    assert error(16) < 1.5 / 255


def test_poisson_takes_gradients_from_the_fill_and_values_from_the_rim(
    photo: Image, blob: Mask
) -> None:
    """A fill that is the picture plus a constant blends back to the picture, bit-equal outside the
    hole.
    """
    hole = blob > 0
    blended = poisson(photo * np.float32(0.8), photo * np.float32(0.8) + np.float32(0.1), hole)
    assert np.array_equal(blended[~hole], (photo * np.float32(0.8))[~hole])
    assert blended == pytest.approx(photo * np.float32(0.8), abs=1e-5)


def test_a_pyramid_changes_nothing_where_fill_and_picture_agree(photo: Image, blob: Mask) -> None:
    """To the bit, for a soft mask and at odd sizes too."""
    mask = soften_mask(blob > 0, radius_px=2, sigma_px=4)
    assert np.array_equal(laplacian(photo, photo, mask), photo)
    assert np.array_equal(
        laplacian(photo[:61, :47], photo[:61, :47], mask[:61, :47]), photo[:61, :47]
    )


def test_a_pyramid_brings_back_nothing_of_what_is_masked(blob: Mask) -> None:
    """Whatever stands under the mask's core, the result is the same; it goes over from fill to
    picture without a step.
    """
    mask = soften_mask(blob > 0, radius_px=0, sigma_px=4)
    image, fill = (np.full((SIZE, SIZE, 3), level, np.float32) for level in (0.4, 0.6))
    fill[mask == 0] = 0.4
    scribbled = image.copy()
    scribbled[mask == 1] = np.random.default_rng(0).random(
        (int((mask == 1).sum()), 3), dtype=np.float32
    )
    result = laplacian(image, fill, mask)
    assert np.array_equal(laplacian(scribbled, fill, mask), result)
    assert result[40, 50].min() > 0.52
    assert np.abs(np.diff(result, axis=1)).max() < 0.5 * 0.2


def test_grain_reaches_the_strength_around_it() -> None:
    """A smooth fill in a noisy picture gets the noise that was measured beside it."""
    rng = np.random.default_rng(0)
    noise = rng.normal(0, 0.04, (SIZE, SIZE, 1)).astype(np.float32)
    noisy = np.clip(np.float32(0.5) + np.repeat(noise, 3, axis=2), 0, 1)
    mask = np.zeros((SIZE, SIZE), np.float32)
    mask[30:60, 30:60] = 1
    inside = mask > 0
    there = noise_sigma(noisy, ~inside)
    assert there == pytest.approx(0.04, rel=0.1)
    without, grained = (edited(noisy, mask, {"harmonise.grain": grain}) for grain in (False, True))
    assert noise_sigma(without, inside) < 0.6 * there
    assert noise_sigma(grained, inside) == pytest.approx(there, rel=0.2)


def test_colour_matching_never_makes_the_edge_worse(photo: Image, blob: Mask) -> None:
    """It is kept only where the step along the edge does not grow; the trace says which it was."""
    result = reference.build(**{"harmonise.colour": "mean_std"})(EditRequest(photo, blob))
    (decision,) = [stage.decision for stage in result.stages if stage.name == "harmonise"]
    assert decision.startswith(("colour kept", "colour matched"))


def test_crops_have_context_and_miss_nothing() -> None:
    """Far holes get crops of their own, near ones share one; every hole lies in a crop."""
    hole = np.zeros((200, 200), bool)
    hole[10:14, 10:14] = hole[150:160, 150:160] = hole[150:160, 170:175] = True
    crops = context_crops(hole, context_px=16)
    assert len(crops) == 2
    covered = np.zeros_like(hole)
    for crop in crops:
        covered[crop] = True
    assert covered[hole].all()


def test_verification_flags_a_visible_edge(blob: Mask) -> None:
    """A fill that can't match a chequered rim, in a flat picture, needs review; the picture is
    still handed over.
    """
    image = np.full((SIZE, SIZE, 3), 0.5, np.float32)
    assert reference.build()(EditRequest(image, blob)).status is Status.DONE
    y, x = np.mgrid[:SIZE, :SIZE]
    rim = (np.hypot(y - 40, x - 50) < 14) & (blob == 0)
    image[rim] = ((y + x) % 2)[rim, None]
    result = reference.build()(EditRequest(image, blob))
    assert result.status is Status.NEEDS_REVIEW
    assert "step along the mask's edge" in result.reason
    assert result.image is not None


@pytest.mark.parametrize(
    ("settings", "part"),
    [
        ({"inpaint.modle": "ns"}, "did you mean inpaint.model"),
        ({"inpaint.model": "magic"}, "must be one of"),
        ({"mask.dilate_px": 1.5}, "whole number"),
        ({"mask.dilate_px": "wide"}, "must be a number"),
        ({"mask.max_coverage": float("nan")}, "from 0 to 1"),
        ({"harmonise.grain": "perhaps"}, "true or false"),
        ({"tile.size_px": 32, "tile.overlap_px": 32}, "less than tile.size_px"),
    ],
)
def test_a_wrong_setting_is_named_with_the_remedy(
    settings: dict[str, str | float | int], part: str
) -> None:
    """Its name, its value, and what it may be."""
    with pytest.raises(ContractError, match=part):
        reference.build(**settings)


@pytest.mark.parametrize(
    ("request_", "part"),
    [
        (EditRequest(np.zeros((4, 4), np.float32)), "must be H×W×3"),
        (EditRequest(np.zeros((4, 4, 4), np.float32)), "must be H×W×3"),
        (EditRequest(np.zeros((4, 4, 3), np.uint8)), "must be float32"),
        (EditRequest(np.full((4, 4, 3), 2, np.float32)), "must be in"),
        (EditRequest(np.full((4, 4, 3), np.nan, np.float32)), "NaN"),
        (
            EditRequest(np.zeros((4, 4, 3), np.float32), np.zeros((4, 5), np.float32)),
            "must be of one size",
        ),
        (EditRequest(np.zeros((4, 4, 3), np.float32), scale=0), "at least 1"),
    ],
)
def test_a_wrong_request_is_refused(request_: EditRequest, part: str) -> None:
    """Shape, type, range, NaN, mask size, scale."""
    with pytest.raises(ContractError, match=part):
        reference.build()(request_)

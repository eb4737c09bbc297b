"""Enlarging: what every model keeps, what each is good at, and how its result is checked and
redone.
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from editproof.harness.metrics.core.lpips_weights import find_weights
from editproof.harness.metrics.structure.lpips import lpips_metric
from editproof.pipelines import ContractError, EditRequest, Image, Mask, reference
from editproof.pipelines.config import ReferenceConfig, UpscaleConfig
from editproof.pipelines.contract import Param, check_image
from editproof.pipelines.stages.tiling import map_tiles
from editproof.pipelines.stages.upscale import choose_model, creative_share, residual_map
from editproof.pipelines.stages.upscalers import (
    CONSERVATIVE,
    REALESRGAN,
    UPSCALERS,
    Upscaler,
    add_back_projection,
    find_upscaler,
    guided_filter,
    load_network,
)
from editproof.pipelines.weights.make_realesrgan import HALF_FLAG, read_ncnn
from tests.gpu import on_a_gpu
from tests.grids import diagonal
from tests.harness.metrics.test_values import mean_of_all

SIZE = 96
NOTHING = np.zeros((SIZE, SIZE), np.float32)
LEVEL = 1 / 255


def small_photo(large: Image, scale: int) -> Image:
    """A photograph as it would have come at a smaller size: by area, in 8 bits."""
    height, width = large.shape[:2]
    small = cv2.resize(large, (width // scale, height // scale), interpolation=cv2.INTER_AREA)
    return (np.round(small * 255) / 255).astype(np.float32)


@pytest.fixture(scope="module")
def original() -> Image:
    from skimage import data

    return np.asarray(data.coffee()[40:328, 120:408], np.float32) / np.float32(255)


@pytest.fixture(scope="module")
def photo(original: Image) -> Image:
    return small_photo(original, 3)


MODELS = [*UPSCALERS, "spandrel"]


@pytest.fixture(params=MODELS)
def name(request: pytest.FixtureRequest) -> str:
    text: str = request.param
    return f"spandrel:{REALESRGAN}" if text == "spandrel" else text


@pytest.fixture
def model(name: str) -> Upscaler:
    return find_upscaler(name)


@pytest.mark.parametrize(("name", "scale"), diagonal(MODELS, [1, 2, 3, 4, 5]), indirect=["name"])
def test_every_upscaler_keeps_the_contract(model: Upscaler, photo: Image, scale: int) -> None:
    """Shape, dtype and range at every scale; the same bits again; the input is left alone."""
    crop = photo[:24, :33].copy()
    large = model(crop, scale)
    check_image(large, "the picture")
    assert large.shape == (24 * scale, 33 * scale, 3)
    assert np.array_equal(large, model(crop, scale))
    assert np.array_equal(crop, photo[:24, :33])


@pytest.mark.parametrize(
    ("name", "size"),
    diagonal(MODELS, [(1, 1), (1, 17), (17, 1), (2, 3)]),
    indirect=["name"],
    ids=str,
)
def test_every_upscaler_takes_the_smallest_pictures(model: Upscaler, size: tuple[int, int]) -> None:
    """A flat picture stays what it is, however small."""
    flat = np.full((*size, 3), 0.25, np.float32)
    large = model(flat, 2)
    assert large.shape == (size[0] * 2, size[1] * 2, 3)
    assert large == pytest.approx(np.full_like(large, 0.25), abs=4 * LEVEL)


def test_the_order_of_tiles_does_not_matter(model: Upscaler, photo: Image) -> None:
    """No model carries anything from one tile to the next."""
    tiles = [photo[:32, :32], photo[32:64, 40:72], photo[:20, 64:]]
    forwards = [model(tile, 2) for tile in tiles]
    backwards = [model(tile, 2) for tile in reversed(tiles)][::-1]
    assert all(np.array_equal(one, other) for one, other in zip(forwards, backwards, strict=True))


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_every_upscaler_stays_true_to_its_input(name: str, photo: Image, scale: int) -> None:
    """Made small again, a conservative picture is within a level or two of what came in; a creative
    one is near it.
    """
    residual = residual_map(find_upscaler(name)(photo, scale), photo)
    assert residual.mean() < (2 * LEVEL if name in CONSERVATIVE else 6 * LEVEL)


def test_tiles_that_overlap_by_32_px_join_to_the_whole(model: Upscaler, photo: Image) -> None:
    """Within a level of the untiled picture; without an overlap, no model is."""

    def error(overlap_px: int) -> float:
        tiled = map_tiles(
            photo, lambda crop: model(crop, 2), size_px=64, overlap_px=overlap_px, scale=2
        )
        return float(np.abs(tiled - model(photo, 2)).max())

    assert error(32) <= LEVEL
    assert error(0) > 4 * LEVEL


def test_the_models_rank_as_they_should_on_a_photograph(original: Image) -> None:
    """×4: the guided filter gains on Lanczos in both measures; the creative net trades fidelity for
    looks.
    """
    small = small_photo(original, 4)
    metric = lpips_metric(find_weights("", download=False))
    pictures = {name: model(small, 4) for name, model in UPSCALERS.items()}
    psnr = {
        name: -10 * np.log10(np.square(picture - original).mean())
        for name, picture in pictures.items()
    }
    lpips = {name: mean_of_all(metric, original, picture) for name, picture in pictures.items()}
    assert psnr["lanczos"] > psnr["bicubic"] > psnr["lanczos"] - 0.3
    assert psnr["lanczos"] - 0.3 < psnr["guided"]
    assert psnr["lanczos"] - 2 < psnr["realesrgan"] < psnr["lanczos"]
    assert lpips["realesrgan"] < lpips["guided"] < lpips["lanczos"]


def test_a_guided_filter_keeps_edges_and_smooths_between_them() -> None:
    """He et al.: an edge far above eps stays, noise far below it goes; the mean is kept."""
    rng = np.random.default_rng(0)
    step = np.zeros((40, 40, 3), np.float32)
    step[:, 20:] = 0.8
    noisy = step + rng.normal(0, 0.01, step.shape).astype(np.float32)
    smooth = guided_filter(noisy, noisy, radius_px=3, eps=0.01)
    assert smooth[:, :14].std() < 0.25 * noisy[:, :14].std()
    assert (smooth[:, 20] - smooth[:, 19]).mean() > 0.7
    assert smooth.mean() == pytest.approx(noisy.mean(), abs=1e-3)


def test_the_shipped_net_is_what_it_says() -> None:
    """spandrel knows it: the compact ×4 net, of a size that can be shipped."""
    network = load_network(REALESRGAN)
    assert (network.architecture.name, network.scale) == ("RealESRGAN Compact", 4)
    assert REALESRGAN.stat().st_size < 1.3e6


def test_an_ncnn_file_becomes_a_state_dict() -> None:
    """A convolution's half floats, its bias and a PReLU's slopes, each in its place; what is left
    over is refused.
    """
    weights = np.arange(27, dtype="<f2")
    bias, slopes = np.array([0.5], "<f4"), np.array([0.25], "<f4")
    data = (
        np.uint32(HALF_FLAG).tobytes()
        + weights.tobytes()
        + b"\0\0"
        + bias.tobytes()
        + slopes.tobytes()
    )
    param = (
        "7767517\n2 2\nConvolution Conv_0 1 1 a b 0=1 1=3 4=1 5=1 6=27\nPReLU PRelu_1 1 1 b c 0=1\n"
    )
    state = read_ncnn(param, data)
    assert state["body.0.weight"].shape == (1, 3, 3, 3)
    assert np.array_equal(state["body.0.weight"].ravel(), weights)
    assert (state["body.0.bias"][0], state["body.1.weight"][0]) == (0.5, 0.25)
    with pytest.raises(ValueError, match="left over"):
        read_ncnn(param, data + b"\0\0\0\0")


def test_a_name_or_a_file_that_is_no_upscaler_is_a_clear_error(
    tmp_path: Path, photo: Image
) -> None:
    """Unknown, absent, damaged, of the wrong kind: each says what was found and what was wanted."""
    from safetensors.numpy import save_file

    with pytest.raises(ContractError, match="must be one of bicubic"):
        reference.build(**{"upscale.model": "magic"})
    with pytest.raises(ContractError, match="there is no file"):
        reference.build(**{"upscale.model": f"spandrel:{tmp_path / 'absent.safetensors'}"})
    (tmp_path / "damaged.safetensors").write_bytes(b"not a network")
    save_file({"weight": np.zeros(3, np.float32)}, tmp_path / "other.safetensors")
    (tmp_path / "words.txt").write_text("hello")
    for file in ("damaged.safetensors", "other.safetensors", "words.txt"):
        with pytest.raises(ContractError, match=r"not a network that spandrel can load"):
            find_upscaler(f"spandrel:{tmp_path / file}")(photo, 2)


def upscaled(
    image: Image, mask: Mask, settings: dict[str, Param], **metadata: Param
) -> tuple[Image, str]:
    """The enlarged picture, and what `upscale` and `check_upscale` decided."""
    result = reference.build(**settings)(EditRequest(image, mask, scale=2, metadata=metadata))
    assert result.image is not None
    return result.image, " | ".join(
        s.decision for s in result.stages if s.name in {"upscale", "check_upscale"}
    )


def test_criticality_chooses_where_it_may() -> None:
    """High: nothing is invented. Low: the creative model. Otherwise, or without the setting: the
    model.
    """
    config = UpscaleConfig(model="bicubic", by_criticality=True)
    assert choose_model(config, {"criticality": "high"})[0] == "lanczos"
    assert choose_model(config, {"criticality": "Low"})[0] == "realesrgan"
    assert choose_model(config, {})[0] == "bicubic"
    assert choose_model(UpscaleConfig(by_criticality=False), {"criticality": "low"})[0] == "lanczos"


def test_criticality_reaches_the_picture(photo: Image) -> None:
    """The picture is the one that the chosen model makes, and the trace says why."""
    low, decision = upscaled(photo, NOTHING, {"upscale.by_criticality": True}, criticality="low")
    assert "realesrgan ×2 (criticality low)" in decision
    creative, _ = upscaled(photo, NOTHING, {"upscale.model": "realesrgan"})
    assert np.array_equal(low, creative)


def test_a_creative_model_stays_away_from_the_masks_edge(photo: Image) -> None:
    """On the edge the picture is the conservative one, away from it the creative one."""
    mask = NOTHING.copy()
    mask[40:50, 30:60] = 1
    settings: dict[str, Param] = {
        "mask.dilate_px": 0,
        "mask.soft_sigma_px": 0,
        "upscale.model": "realesrgan",
    }
    guarded, decision = upscaled(photo, mask, {**settings, "upscale.seam_guard_px": 6})
    free, _ = upscaled(photo, mask, {**settings, "upscale.seam_guard_px": 0})
    safe, _ = upscaled(photo, mask, {**settings, "upscale.model": "lanczos"})
    edge = np.s_[78:81, 70:110]
    assert np.abs(guarded - safe)[edge].mean() < 0.3 * np.abs(free - safe)[edge].mean()
    assert np.array_equal(guarded[150:], free[150:])
    assert "held back to lanczos" in decision


def test_the_guidance_map_follows_mask_and_contrast() -> None:
    """0 at the mask's edge and on flat ground, 1 far from the one and on texture."""
    image = np.full((64, 64, 3), 0.5, np.float32)
    image[:, 32:] += (
        np.random.default_rng(0).normal(0, 0.1, (64, 32, 1)).astype(np.float32).clip(-0.4, 0.4)
    )
    mask = np.zeros((64, 64), np.float32)
    mask[:8, 48:56] = 1
    share = creative_share(image, mask, UpscaleConfig(seam_guard_px=4, flat_guard=0.04))
    assert share[40, 10] == 0
    assert share[40, 50] == 1
    assert share[4, 48] == 0
    assert (creative_share(image, mask * 0, UpscaleConfig(flat_guard=0.0)) == 1).all()


def test_regions_that_do_not_stand_for_their_input_are_made_again(photo: Image) -> None:
    """With feedback the worst residual falls, the rest of the picture keeps its bits, and the trace
    counts regions.
    """
    raw: dict[str, Param] = {"upscale.model": "realesrgan", "upscale.creative_back_projections": 0}
    before, _ = upscaled(photo, NOTHING, raw)
    threshold = float(np.quantile(residual_map(before, photo), 0.99))
    after, decision = upscaled(photo, NOTHING, {**raw, "upscale.feedback_threshold": threshold})
    assert residual_map(after, photo).max() < residual_map(before, photo).max()
    assert 0 < (before == after).all(axis=-1).mean() < 1
    assert "made again by lanczos" in decision


def test_a_heavier_model_that_is_no_closer_is_not_taken(photo: Image) -> None:
    """The creative net is off by more than Lanczos is, so Lanczos' regions stay, and the trace says
    so.
    """
    plain, _ = upscaled(photo, NOTHING, {})
    threshold = float(np.quantile(residual_map(plain, photo), 0.999))
    after, decision = upscaled(
        photo,
        NOTHING,
        {"upscale.feedback_threshold": threshold, "upscale.creative_back_projections": 0},
    )
    assert "realesrgan came no closer" in decision
    assert residual_map(after, photo).mean() <= residual_map(plain, photo).mean()


def test_the_confidence_map_is_low_where_the_picture_is_off(photo: Image) -> None:
    """At input size; 1 on flat ground, less on the texture that the creative net redraws."""
    image = photo.copy()
    image[:, :48] = 0.5
    raw: dict[str, Param] = {"upscale.model": "realesrgan", "upscale.creative_back_projections": 0}
    result = reference.build(**raw)(EditRequest(image, NOTHING, scale=2))
    (confidence,) = [stage.artefact for stage in result.stages if stage.name == "check_upscale"]
    assert confidence is not None
    assert confidence.shape == (SIZE, SIZE)
    assert confidence[:, 8:40].min() > 0.8
    assert confidence[:, 56:].mean() < confidence[:, 8:40].mean()


def test_denoising_before_takes_noise_away_and_leaves_edges() -> None:
    """A noisy step: its noise goes, its height stays."""
    step = np.full((SIZE, SIZE, 3), 0.3, np.float32)
    step[:, 48:] = 0.7
    noise = np.random.default_rng(0).normal(0, 0.03, (SIZE, SIZE, 1))
    noisy = np.clip(step + noise, 0, 1).astype(np.float32)
    plain, _ = upscaled(noisy, NOTHING, {})
    clean, decision = upscaled(noisy, NOTHING, {"upscale.denoise": 1.0})
    assert clean[:, :80].std() < 0.5 * plain[:, :80].std()
    assert (clean[:, 100:].mean() - clean[:, :92].mean()) == pytest.approx(0.4, abs=0.01)
    assert "denoised before: 1 × σ 0.0" in decision


def test_back_projection_brings_the_input_back(name: str, original: Image) -> None:
    """Made small again the picture is far closer to its input; the original is no further off; flat
    colours stay.
    """
    small = small_photo(original, 2)
    plain, projected = (
        add_back_projection(find_upscaler(name), times)(small, 2) for times in (0, 2)
    )
    assert residual_map(projected, small).mean() < 0.5 * residual_map(plain, small).mean()
    assert np.square(projected - original).mean() < np.square(plain - original).mean()
    flat = np.full((8, 8, 3), 0.5, np.float32)
    assert add_back_projection(find_upscaler(name), 2)(flat, 2) == pytest.approx(
        np.full((16, 16, 3), 0.5), abs=LEVEL / 2
    )


@pytest.mark.parametrize("settings", [{}, {"upscale.model": "realesrgan"}, {"text.mode": "auto"}])
@pytest.mark.slow
def test_upscaling_first_fills_the_large_picture(photo: Image, settings: dict[str, str]) -> None:
    """Outside the enlarged mask the picture is the upscaler's; the fill differs from that of the
    usual order.
    """
    mask = NOTHING.copy()
    mask[40:46, 30:60] = 1
    request = EditRequest(photo, mask, scale=2)
    usual, first = (
        reference.build(**{"order.upscale_first": first}, **settings)(request)
        for first in (False, True)
    )
    assert usual.image is not None
    assert first.image is not None
    names = [stage.name for stage in first.stages]
    assert names.index("upscale") < names.index("inpaint")
    assert sorted(names) == sorted(stage.name for stage in usual.stages)
    assert first.image.shape == usual.image.shape
    assert np.abs(first.image - usual.image)[:60].max() < 0.02
    assert not np.array_equal(first.image[80:92, 60:120], usual.image[80:92, 60:120])


def test_every_setting_of_upscaling_is_in_the_config() -> None:
    """What a result carries names each of them."""
    settings = ReferenceConfig().as_settings()
    for setting in (
        "model",
        "by_criticality",
        "denoise",
        "seam_guard_px",
        "feedback_threshold",
        "budget_ms",
    ):
        assert f"upscale.{setting}" in settings


def test_another_file_of_the_same_name_is_another_pipeline(tmp_path: Path) -> None:
    """What an upscaler's file holds is in the fingerprint, so nothing stale comes out of a
    cache.
    """
    path = tmp_path / "net.safetensors"
    path.write_bytes(REALESRGAN.read_bytes())
    before = reference.build(**{"upscale.model": f"spandrel:{path}"}).fingerprint
    path.write_bytes(b"other")
    assert reference.build(**{"upscale.model": f"spandrel:{path}"}).fingerprint != before


def test_a_gpu_enlarges_as_a_processor_does(photo: Image) -> None:
    """But for the order in which it adds."""
    expected = UPSCALERS["realesrgan"](photo, 2)
    with on_a_gpu():
        assert UPSCALERS["realesrgan"](photo, 2) == pytest.approx(expected, abs=1e-3)

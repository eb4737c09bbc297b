"""`microfill`: what it sees, what it is trained on and by, and the weights that ship."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from editproof.pipelines import Image
from editproof.pipelines.config import InpaintConfig
from editproof.pipelines.models import get_model, microfill_data, microfill_view, train_microfill
from editproof.pipelines.models.diffusion import WEIGHTS
from editproof.pipelines.models.fill import Hole
from editproof.pipelines.models.microfill_data import (
    HELD_OUT,
    SPLIT,
    SPLIT_AT,
    TRAINED,
    held_out_square,
    random_hole,
    training_square,
)
from editproof.pipelines.models.microfill_view import make_view, make_view_from_fills, pack, unpack
from editproof.pipelines.models.train_microfill import energy_score, learning_rate
from tests.pipelines.models.test_contract import crop


def test_packing_is_torch_pixel_unshuffle() -> None:
    """And unpacking takes it back."""
    import torch

    planes = np.random.default_rng(0).random((6, 10, 5), dtype=np.float32)
    theirs = torch.nn.functional.pixel_unshuffle(
        torch.from_numpy(planes.transpose(2, 0, 1))[None], 2
    )[0]
    assert np.array_equal(pack(planes), theirs.numpy())
    assert np.array_equal(unpack(pack(planes)), planes)


def test_a_view_is_the_same_at_any_contrast(monkeypatch: pytest.MonkeyPatch) -> None:
    """But for the floor, a picture at half the contrast looks the same, and its residual's unit is
    half as large.
    """
    monkeypatch.setattr(microfill_view, "FLOOR", 0.0)
    image, _, mask = crop(64, 64)
    smooth, patched = (np.asarray(cv2.blur(image, (size, size)), np.float32) for size in (9, 3))
    dimmed = [np.asarray(picture / 2 + 0.2, np.float32) for picture in (image, smooth, patched)]
    one, other = (
        make_view_from_fills(image, mask, smooth, patched),
        make_view_from_fills(dimmed[0], mask, *dimmed[1:]),
    )
    assert one.condition == pytest.approx(other.condition, abs=1e-2)
    assert one.unit == pytest.approx(2 * other.unit, rel=1e-2)


def test_where_the_fills_agree_the_residual_is_small() -> None:
    """Its unit on an even ground is a fraction of that on texture."""
    hole = crop(64, 64)[1]
    even = np.full((64, 64, 3), 0.5, np.float32)
    texture = np.random.default_rng(0).random((64, 64, 3), dtype=np.float32)
    mask = hole.astype(np.float32)
    assert (
        make_view(even, mask, 1).unit[hole].max()
        < 0.1 * make_view(texture, mask, 1).unit[hole].min()
    )


def test_no_pixel_that_is_held_out_is_trained_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """Training squares come from the left part of a split photograph, judged ones from the right,
    the others from one set.
    """
    asked: set[str] = set()

    def photograph(name: str) -> npt.NDArray[np.uint8]:
        asked.add(name)
        picture = np.zeros((200, 300, 3), np.uint8)
        picture[:, int(300 * SPLIT_AT) :] = 255
        return picture

    monkeypatch.setattr(microfill_data, "_load_photograph", photograph)
    monkeypatch.setattr(microfill_data, "_change_colours", lambda rng, square: square)
    monkeypatch.setattr(microfill_data, "DRAWN_SHARE", 0.0)
    monkeypatch.setattr(microfill_data, "TRAINED", ())
    rng = np.random.default_rng(0)
    assert all(training_square(rng, 64).max() == 0 for _ in range(50))
    assert asked == set(SPLIT)
    assert all(held_out_square(name, rng, 64).min() == 255 for name in SPLIT)
    assert not set(HELD_OUT) & {*SPLIT, *TRAINED}
    with pytest.raises(ValueError, match="moon is trained on"):
        held_out_square("moon", rng, 64)


def test_holes_leave_something_to_see() -> None:
    """At every border, and at least 70 % of the square."""
    rng = np.random.default_rng(0)
    for hole in (random_hole(rng, 64) for _ in range(100)):
        assert 0.015 <= hole.mean() <= 0.3
        assert not hole[:4].any()
        assert not hole[:, -4:].any()


def test_the_score_is_best_for_the_true_spread() -> None:
    """It is proper: draws of the truth's own distribution beat the mean, and beat a wider one."""
    import torch

    torch.manual_seed(0)
    truth, one, other = torch.randn(3, 200, 12, 16, 16)
    inside = torch.ones(200, 4, 16, 16)
    scores = {
        spread: float(energy_score((one * spread, other * spread), truth, inside))
        for spread in (0.0, 1.0, 2.0)
    }
    assert scores[1.0] < scores[0.0]
    assert scores[1.0] < scores[2.0]


def test_the_score_looks_into_the_hole_alone() -> None:
    """What is drawn elsewhere does not count."""
    import torch

    truth, one, other = torch.randn(3, 2, 12, 16, 16)
    inside = torch.zeros(2, 4, 16, 16)
    inside[:, :, 4:8, 4:8] = 1
    spoiled = one + 5 * (1 - inside.repeat(1, 3, 1, 1))
    assert float(energy_score((one, other), truth, inside)) == float(
        energy_score((spoiled, other), truth, inside)
    )


def test_the_learning_rate_rises_stays_and_falls_to_zero() -> None:
    """Over 1000 steps."""
    rates = [learning_rate(step, 1000) for step in (0, 99, 500, 749, 900, 999)]
    assert rates[0] < rates[1] == rates[2] == rates[3] > rates[4] > rates[5] > 0
    assert learning_rate(1000, 1000) == 0


@pytest.mark.exhaustive
def test_a_run_that_was_stopped_goes_on_to_the_same_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two steps at once, and one after the other."""
    from safetensors.numpy import load_file

    monkeypatch.setattr(train_microfill, "BATCH", 2)
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    train_microfill.train(whole, steps=2, squares=4, seed=1, hours=1)
    for _ in range(2):
        train_microfill.train(parts, steps=2, squares=4, seed=1, hours=0)
    assert (parts / "step-00001").is_dir()
    one, other = (
        load_file(folder / "step-00002" / "unet" / "diffusion_pytorch_model.safetensors")
        for folder in (whole, parts)
    )
    assert one.keys() == other.keys()
    assert all(np.array_equal(one[name], other[name]) for name in one)


def test_what_ships_is_small() -> None:
    """At most 3 million parameters and 8 MB, with a card."""
    from safetensors.numpy import load_file

    weights = WEIGHTS / "unet" / "diffusion_pytorch_model.safetensors"
    assert weights.stat().st_size <= 8_000_000
    assert sum(tensor.size for tensor in load_file(weights).values()) <= 3_000_000
    assert "LPIPS" in WEIGHTS.with_suffix(".md").read_text("utf-8")


@pytest.mark.slow
def test_its_detail_is_nearer_to_the_truth_than_a_smooth_fill() -> None:
    """On crops that it was never shown, at two steps and at four."""
    rng = np.random.default_rng(1)
    places = [
        (held_out_square(name, rng, 96), random_hole(rng, 96))
        for name in ("brick", "gravel", "grass", "chelsea") * 2
    ]

    def distance(model: str, steps: int) -> float:
        fill = get_model(model, InpaintConfig(sampling_steps=steps))
        return float(
            np.mean(
                [
                    _detail_error(fill, (square / 255).astype(np.float32), hole)
                    for square, hole in places
                ]
            )
        )

    smooth = distance("ns", 1)
    assert distance("microfill", 2) < smooth
    assert distance("microfill", 4) < smooth


def _detail_error(
    fill: Callable[[Image, Hole, Image, int], Image], truth: Image, hole: Hole
) -> float:
    """How far the energy of fine detail in the hole is from the truth's, in dB."""
    made = np.where(hole[..., None], fill(truth, hole, hole.astype(np.float32), 1), truth)
    energies = [
        np.square((picture - cv2.GaussianBlur(picture, (0, 0), 1.5))[hole], dtype=np.float64).mean()
        for picture in (made, truth)
    ]
    return abs(float(10 * np.log10(energies[0] / energies[1])))

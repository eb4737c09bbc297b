"""Tiles: what they agree on comes back exactly, and what they do not is joined without a step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import get_args

import numpy as np
import pytest

from editproof.pipelines import EditRequest, Image, Mask, reference
from editproof.pipelines.config import InpaintConfig, ReferenceConfig
from editproof.pipelines.contract import ContractError
from editproof.pipelines.models.fill import Crop
from editproof.pipelines.stages import inpaint
from editproof.pipelines.stages.inpaint import (
    Job,
    context_crops,
    derive_seed,
    fill_hole,
    group_windows,
    plan_crop,
    widen_tile,
)
from editproof.pipelines.stages.tiling import Join, cross_fade, map_tiles
from tests.grids import diagonal

JOINS: Sequence[Join] = get_args(Join)


@pytest.mark.parametrize(
    ("size", "overlap_px", "join"),
    diagonal([(96, 96), (100, 61), (17, 200), (1, 1)], [0, 5, 16, 30], JOINS),
    ids=str,
)
def test_what_tiles_agree_on_comes_back_exactly(
    size: tuple[int, int], overlap_px: int, join: Join
) -> None:
    """Work that looks at single pixels is tiled without a trace, to the bit, at any size, scale and
    overlap.
    """
    image = np.random.default_rng(0).random((*size, 3), dtype=np.float32)
    joined = map_tiles(
        image, lambda tile: 1 - tile, size_px=32, overlap_px=overlap_px, scale=1, join=join
    )
    assert np.array_equal(joined, 1 - image)
    doubled = map_tiles(image, _twice, size_px=32, overlap_px=overlap_px, scale=2, join=join)
    assert np.array_equal(doubled, _twice(image))


def test_a_cut_steps_and_the_others_go_over_smoothly() -> None:
    """From 0.2 to 0.6 over 32 px: at once, or in steps no larger than a ramp of that width has."""
    before, after = (np.full((32, 8, 3), level, np.float32) for level in (0.2, 0.6))
    largest = {
        join: float(np.abs(np.diff(cross_fade(before, after, join=join), axis=0)).max())
        for join in JOINS
    }
    assert largest["naive"] == pytest.approx(0.4, abs=1e-6)
    assert largest["fade"] == pytest.approx(0.4 / 32, rel=1e-3)
    assert largest["pyramid"] == pytest.approx(0.4 / 32, rel=1e-3)


def test_a_pyramid_keeps_the_contrast_of_detail() -> None:
    """Two noises crossed: a fade averages them to less over the whole zone, a pyramid only near its
    middle.
    """
    rng = np.random.default_rng(0)
    before, after = (rng.normal(0.5, 0.1, (64, 256, 3)).astype(np.float32) for _ in range(2))
    lost = {join: 0.1 - float(cross_fade(before, after, join=join)[16:24].std()) for join in JOINS}
    assert abs(lost["naive"]) < 0.002
    assert lost["fade"] > 0.02
    assert lost["pyramid"] < 0.25 * lost["fade"]


@pytest.fixture(scope="module")
def ground() -> Image:
    y, x = np.mgrid[:160, :160]
    plane = 0.5 + 0.2 * np.sin(x / 25) + 0.2 * np.cos(y / 31)
    return np.repeat(plane[..., None], 3, axis=2).astype(np.float32)


@pytest.fixture(scope="module")
def smudge() -> Mask:
    y, x = np.mgrid[:160, :160]
    return np.asarray(np.hypot(y - 80, x - 78) < 27, np.float32)


def test_tiles_on_the_picture_s_grid_cover_the_hole(smudge: Mask) -> None:
    """Whatever is filled lies in a tile; tiles start at multiples of size less overlap, as the
    caller asked.
    """
    hole = smudge > 0
    config = InpaintConfig(tile_px=48, tile_overlap_px=8)
    (crop,) = context_crops(hole, context_px=16)
    plan = plan_crop(crop, hole, config)
    covered = np.zeros_like(hole)
    for y0, x0, y1, x1 in (tile for row in plan.tiles for tile in row):
        assert (y0 % 40, x0 % 40) == (0, 0)
        covered[y0:y1, x0:x1] = True
    assert covered[hole].all()
    assert not plan_crop(crop, hole, InpaintConfig(tile_px=1024)).tiles


def test_a_tile_in_the_middle_of_a_hole_is_shown_more(smudge: Mask) -> None:
    """A quarter of what a model sees is known, wherever the tile lies."""
    hole = smudge > 0
    y0, x0, y1, x1 = widen_tile((70, 70, 86, 86), hole)
    assert hole[y0:y1, x0:x1].mean() <= 0.75
    assert widen_tile((0, 0, 48, 48), hole) == (0, 0, 48, 48)


def test_the_request_s_tiling_is_the_inpainter_s_too(ground: Image, smudge: Mask) -> None:
    """What it asks for by `tile.*` holds for both, stands in the result's settings, and replays to
    the same bytes.
    """
    request = EditRequest(ground, smudge, config={"tile.size_px": 48, "tile.overlap_px": 8})
    result = reference.build()(request)
    assert (result.config["inpaint.tile_px"], result.config["inpaint.tile_overlap_px"]) == (48, 8)
    (decision,) = [stage.decision for stage in result.stages if stage.name == "inpaint"]
    assert ", 16 tiles" in decision
    again = reference.replay(result.config, replace(request, config={}))
    assert result.image is not None
    assert again.image is not None
    assert again.image.tobytes() == result.image.tobytes()


def test_overlap_and_pyramid_hide_the_seams_of_a_fill(ground: Image, smudge: Mask) -> None:
    """The same tiles, cut together, step where they meet; joined over what they share, they do
    not.
    """
    hole = smudge > 0

    def step(join: Join) -> float:
        settings = {"inpaint.tile_px": 48, "inpaint.tile_overlap_px": 24, "tile.join": join}
        job = Job(
            ground, hole, smudge, ReferenceConfig().with_settings(settings), model="biharmonic"
        )
        fill = fill_hole(job).image
        return float(np.abs(np.diff(fill - ground, axis=1)).max())

    assert step("pyramid") < 0.25 * step("naive")


class Noise:
    """A model that takes batches: noise by the seed that comes with each crop. Knows how large its
    batches were.
    """

    note = ""

    def __init__(self) -> None:
        self.batches: list[int] = []

    def fill_many(self, crops: list[Crop], *, prompt: str = "") -> list[Image]:
        assert len({crop.image.shape for crop in crops}) == 1
        self.batches.append(len(crops))
        return [
            np.random.default_rng(crop.seed).random(crop.image.shape, dtype=np.float32)
            for crop in crops
        ]


def test_the_result_does_not_depend_on_the_batch_size(
    ground: Image, smudge: Mask, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One tile at a time, or as many as the payload allows: the same bytes; another seed:
    others.
    """
    results, sizes = [], []
    for payload_px, seed in ((1, 1), (3 * 64**2, 1), (10**9, 1), (10**9, 2)):
        noise = Noise()
        monkeypatch.setattr(inpaint, "get_model", lambda name, config, noise=noise: noise)
        settings = {
            "inpaint.tile_px": 48,
            "inpaint.tile_overlap_px": 8,
            "inpaint.payload_px": payload_px,
        }
        config = ReferenceConfig().with_settings(settings)
        results.append(fill_hole(Job(ground, smudge > 0, smudge, config, seed)).image)
        sizes.append(max(noise.batches))
    assert sizes[0] == 1 < sizes[2]
    assert np.array_equal(results[0], results[1])
    assert np.array_equal(results[0], results[2])
    assert not np.array_equal(results[0], results[3])


def test_batches_hold_everything_once_whatever_the_order() -> None:
    """Windows of one size together, within the payload."""
    windows = [(y, x, y + size, x + size) for size in (8, 16) for y in (0, 32, 64) for x in (0, 32)]
    made = list(group_windows(windows, payload_px=3 * 8 * 8))
    assert made == list(group_windows(windows[::-1], payload_px=3 * 8 * 8))
    assert sorted(window for batch in made for window in batch) == sorted(windows)
    assert max(map(len, made)) == 3
    assert all(len({(y1 - y0, x1 - x0) for y0, x0, y1, x1 in batch}) == 1 for batch in made)


def test_every_place_has_a_seed_of_its_own() -> None:
    """By place and the edit's seed, any integer; never by order."""
    seeds = {
        derive_seed(seed, window)
        for seed in (-1, 0, 1, 2**70)
        for window in ((0, 0, 8, 8), (0, 8, 8, 16))
    }
    assert len(seeds) == 8
    assert all(0 <= seed < 2**31 for seed in seeds)
    assert derive_seed(5, (1, 2, 3, 4)) == derive_seed(5, (1, 2, 3, 4))


def test_a_tile_s_overlap_must_be_less_than_its_size() -> None:
    with pytest.raises(
        ContractError, match=r"inpaint\.tile_overlap_px must be less than inpaint\.tile_px"
    ):
        reference.build(**{"inpaint.tile_px": 32, "inpaint.tile_overlap_px": 32})


def _twice(image: Image) -> Image:
    return image.repeat(2, axis=0).repeat(2, axis=1)

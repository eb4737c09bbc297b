"""What every inpainting model keeps, classical, diffusing or from a file."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import cv2
import numpy as np
import pytest

from editproof.pipelines import ContractError, EditRequest, Image, Mask, reference
from editproof.pipelines.config import InpaintConfig
from editproof.pipelines.contract import Param
from editproof.pipelines.models import FillModel, get_model
from editproof.pipelines.models.diffusion import DiffusionFill
from editproof.pipelines.models.fill import BatchFillModel, Crop, Hole
from tests.gpu import on_a_gpu
from tests.grids import diagonal, some
from tests.pipelines.models.tiny import save_lama, save_stable_diffusion, save_stable_diffusion_xl

NAMES = ("ns", "telea", "biharmonic", "patch", "microfill", "diffusers", "diffusers_xl", "spandrel")
STOCHASTIC = {"patch", "microfill", "diffusers", "diffusers_xl"}

Arguments = tuple[Image, Hole, Mask]


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """Names as the setting takes them, of models made here where none are shipped."""
    folder = tmp_path_factory.mktemp("models")
    with pytest.MonkeyPatch.context() as patch:
        made = {
            "diffusers": f"diffusers:{save_stable_diffusion(folder / 'sd')}",
            "diffusers_xl": f"diffusers:{save_stable_diffusion_xl(folder / 'sdxl')}",
            "spandrel": f"spandrel:{save_lama(folder / 'lama.safetensors', patch)}",
        }
        yield {name: made.get(name, name) for name in NAMES}


@pytest.fixture(params=NAMES)
def name(request: pytest.FixtureRequest) -> str:
    chosen: str = request.param
    return chosen


@pytest.fixture
def model(name: str, sources: dict[str, str]) -> FillModel:
    return get_model(sources[name], InpaintConfig(sampling_steps=2))


def crop(height: int = 61, width: int = 45) -> Arguments:
    """A piece of a photograph, of a size that no network likes, with a disc to fill."""
    from skimage import data

    image = np.asarray(data.coffee()[100 : 100 + height, 200 : 200 + width] / 255, np.float32)
    y, x = np.mgrid[:height, :width]
    hole = np.hypot(y - height / 2, x - width / 2) < min(height, width) / 5
    return (
        image,
        hole,
        np.asarray(cv2.GaussianBlur(hole.astype(np.float32), (0, 0), 1.0), np.float32),
    )


@pytest.mark.slow
def test_a_fill_is_a_picture_of_the_same_size(model: FillModel) -> None:
    """float32 in [0, 1], finite; the arguments are left as they were."""
    image, hole, soft = crop()
    kept = image.copy(), hole.copy(), soft.copy()
    fill = model(image, hole, soft, 1)
    assert fill.shape == image.shape
    assert fill.dtype == np.float32
    assert np.isfinite(fill).all()
    assert fill.min() >= 0
    assert fill.max() <= 1
    assert all(
        np.array_equal(now, before) for now, before in zip((image, hole, soft), kept, strict=True)
    )


def test_what_has_to_go_is_not_looked_at(model: FillModel) -> None:
    """Whatever stands in the hole, the same is filled in."""
    image, hole, soft = crop()
    other = np.where(hole[..., None], 1 - image, image)
    assert np.array_equal(model(image, hole, soft, 1)[hole], model(other, hole, soft, 1)[hole])


def test_the_same_seed_gives_the_same_bits(
    model: FillModel, name: str, sources: dict[str, str]
) -> None:
    """Also from a model loaded again; another seed differs just where the model says that it is
    stochastic.
    """
    fill = model(*crop(), 1)
    again = get_model(sources[name], InpaintConfig(sampling_steps=2))
    assert np.array_equal(fill, model(*crop(), 1))
    assert np.array_equal(fill, again(*crop(), 1))
    assert model.fingerprint == again.fingerprint
    assert model.stochastic == (name in STOCHASTIC)
    assert np.array_equal(fill, model(*crop(), 2)) != model.stochastic


@pytest.mark.slow
def test_the_number_of_threads_is_not_seen(model: FillModel) -> None:
    """Within one level of 8 bits."""
    fills = []
    for count in (1, 2):
        with threads(count):
            fills.append(model(*crop(), 1))
    assert np.abs(fills[0] - fills[1]).max() <= 1 / 255


@contextmanager
def threads(count: int) -> Iterator[None]:
    """Let torch and OpenCV compute in so many."""
    import torch

    before = torch.get_num_threads(), cv2.getNumThreads()
    torch.set_num_threads(count)
    cv2.setNumThreads(count)
    yield
    torch.set_num_threads(before[0])
    cv2.setNumThreads(before[1])


def test_nothing_to_fill_is_left_alone(model: FillModel) -> None:
    """An empty hole gives the crop back."""
    image, hole, soft = crop()
    assert np.array_equal(model(image, np.zeros_like(hole), np.zeros_like(soft), 1), image)


@pytest.mark.parametrize(
    ("name", "size"),
    diagonal(NAMES, [(1, 2), (3, 40), (8, 8), (17, 9)]),
    indirect=["name"],
    ids=str,
)
def test_a_crop_may_be_small(model: FillModel, size: tuple[int, int]) -> None:
    """Down to one known pixel."""
    image, hole, _ = crop(*size)
    hole[:] = False
    hole[-1, -1] = True
    assert model(image, hole, hole.astype(np.float32), 1).shape == image.shape


def test_a_hole_at_the_border_is_filled(model: FillModel) -> None:
    """With a picture on one side only, the fill is near what is there."""
    hole = np.zeros((40, 40), bool)
    hole[-6:] = True
    image = np.full((40, 40, 3), 0.5, np.float32)
    assert model(image, hole, hole.astype(np.float32), 1).shape == image.shape


BAD: dict[str, tuple[Callable[[Arguments], Any], str]] = {
    "all hole": (lambda c: (c[0], np.ones_like(c[1]), c[2]), "nothing to fill it from"),
    "levels": (
        lambda c: ((c[0] * 255).astype(np.float32), *c[1:]),
        r"values from .* must be in \[0, 1\]",
    ),
    "double": (lambda c: (c[0].astype(np.float64), *c[1:]), "float64; it must be float32"),
    "grey": (lambda c: (c[0][..., 0], *c[1:]), "must be H×W×3"),
    "other size": (lambda c: (c[0], c[1][:-1], c[2]), r"hole has shape \(60, 45\)"),
    "soft hole": (lambda c: (c[0], c[2], c[2]), "hole is float32; it must be bool"),
}


@pytest.mark.parametrize(("name", "wrong"), diagonal(NAMES, list(BAD)), indirect=["name"])
def test_a_wrong_argument_is_one_clear_error(model: FillModel, wrong: str) -> None:
    """What it is, and what it should be."""
    spoil, says = BAD[wrong]
    image, hole, soft = spoil(crop())
    with pytest.raises(ContractError, match=says):
        model(image, hole, soft, 1)


def test_a_setting_that_matters_is_in_the_fingerprint(
    sources: dict[str, str], tmp_path: Path
) -> None:
    """Steps and scheduler of a diffusion model, and its weights."""
    settings = (
        InpaintConfig(),
        InpaintConfig(sampling_steps=3),
        InpaintConfig(scheduler="dpmsolver++"),
    )
    other = f"diffusers:{save_stable_diffusion(tmp_path / 'sd', text_seed=1)}"
    prints = {get_model(sources["diffusers"], config).fingerprint for config in settings}
    assert len(prints | {get_model(other, InpaintConfig()).fingerprint}) == 4


SEVERAL = {"microfill", "diffusers", "diffusers_xl"}
"""What takes several crops at once."""

SAME = 1e-4
"""A network computes a batch in another order than single crops: so much a float may differ by, in
[0, 1]. In 8 bits, a value that lies on the edge between two levels may go over it: one level, in
less than 1 of 1000 values."""

ELSEWHERE = 1e-3
"""Another device adds in another order at every step."""


def several(count: int) -> list[Crop]:
    """Crops of one size from the same photograph, each with a hole and a seed of its own; one with
    nothing to fill.
    """
    image, hole, _ = crop(48, 56)
    made = []
    for number in range(count):
        moved = (
            np.roll(hole, (3 * number, -4 * number), (0, 1)) if number != 1 else np.zeros_like(hole)
        )
        made.append(
            Crop(np.roll(image, number, axis=0), moved, moved.astype(np.float32), 10 + number)
        )
    return made


@pytest.mark.parametrize(
    ("name", "order"),
    diagonal(NAMES, [[0, 1, 2, 3, 4], [4, 2, 0, 3, 1], [3, 0], [1]]),
    indirect=["name"],
    ids=str,
)
def test_a_batch_is_what_its_crops_are_one_by_one(
    model: FillModel, name: str, order: list[int]
) -> None:
    """To the bit, whatever its size, its order and what else is in it."""
    assert isinstance(model, BatchFillModel) == (name in SEVERAL)
    if not isinstance(model, BatchFillModel):
        return
    crops = several(5)
    fills = model.fill_many([crops[number] for number in order])
    assert len(fills) == len(order)
    for number, fill in zip(order, fills, strict=True):
        assert np.array_equal(fill, model(*crops[number]))
        assert np.array_equal(fill, crops[number].image) == (number == 1)


@pytest.mark.parametrize("name", sorted(SEVERAL), indirect=True)
def test_crops_denoised_together_are_nearly_those_denoised_alone(model: DiffusionFill) -> None:
    """As on a GPU: no noise is shared; `SAME` says how exactly."""
    crops = [crop for crop in several(5) if crop.hole.any()]
    together = model.denoise(crops)
    for crop, fill in zip(crops, together, strict=True):
        alone = model(*crop)
        assert fill == pytest.approx(alone, abs=SAME)
        levels = [np.round(picture * 255) for picture in (fill, alone)]
        assert np.abs(levels[0] - levels[1]).max() <= 1
        assert (levels[0] != levels[1]).mean() < 1e-3
    assert np.array_equal(np.stack(model.denoise(crops)), np.stack(together))


NETWORKS = {*SEVERAL, "spandrel"}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "scheduler"),
    diagonal(sorted(NETWORKS), ["ddim", "dpmsolver++"]),
    indirect=["name"],
)
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_a_gpu_fills_what_a_processor_does(
    name: str, scheduler: Literal["ddim", "dpmsolver++"], sources: dict[str, str]
) -> None:
    """Alone and together with others; noise is drawn on the processor, so a seed means the same on
    both.
    """
    model = get_model(sources[name], InpaintConfig(sampling_steps=2, scheduler=scheduler))
    crops = several(3)
    expected = [model(*crop) for crop in crops]
    with on_a_gpu():
        assert model(*crops[2]) == pytest.approx(expected[2], abs=ELSEWHERE)
        if isinstance(model, BatchFillModel):
            for fill, alone in zip(model.fill_many(crops), expected, strict=True):
                assert fill == pytest.approx(alone, abs=ELSEWHERE)


def test_a_gpu_is_given_the_crops_together(monkeypatch: pytest.MonkeyPatch) -> None:
    """All that have a hole, in one go; the others come back as they are."""
    given: list[list[int]] = []
    denoise = DiffusionFill.denoise

    def noted(self: DiffusionFill, crops: list[Crop], *, prompt: str = "") -> list[Image]:
        given.append([crop.seed for crop in crops])
        return denoise(self, crops, prompt=prompt)

    monkeypatch.setattr(DiffusionFill, "denoise", noted)
    model = get_model("microfill", InpaintConfig(sampling_steps=1))
    assert isinstance(model, BatchFillModel)
    crops = several(3)
    with on_a_gpu():
        fills = model.fill_many(crops)
    assert given == [[10, 12]]
    assert np.array_equal(fills[1], crops[1].image)


@pytest.mark.parametrize("name", sorted(SEVERAL), indirect=True)
def test_half_precision_is_another_fill_but_near(name: str, sources: dict[str, str]) -> None:
    """bfloat16 has 8 bits of a number: a fill is a few levels off, and says in its fingerprint that
    it may be.
    """
    full, half = (
        get_model(sources[name], InpaintConfig(precision=word)) for word in ("float32", "bfloat16")
    )
    exact, coarse = (model(*crop(), 1) for model in (full, half))
    assert coarse.dtype == np.float32
    assert 0 < np.abs(coarse - exact).mean() < 0.02
    assert full.fingerprint != half.fingerprint


def test_a_batch_of_several_sizes_or_a_wrong_crop_is_one_clear_error(model: FillModel) -> None:
    if not isinstance(model, BatchFillModel):
        return
    crops = several(3)
    with pytest.raises(ContractError, match="must be of one size"):
        model.fill_many([crops[0], Crop(*crop(), 1)])
    with pytest.raises(ContractError, match="nothing to fill it from"):
        model.fill_many([crops[0], crops[2]._replace(hole=np.ones((48, 56), bool))])


@pytest.mark.slow
@pytest.mark.parametrize("name", some(["microfill", "diffusers", "diffusers_xl"]), indirect=True)
def test_the_payload_is_not_seen_in_an_edit(name: str, sources: dict[str, str]) -> None:
    """A hole of many tiles, filled one tile at a time or all of them at once, through the whole
    pipeline.
    """
    from skimage import data

    image = np.asarray(data.coffee()[:160, :200] / 255, np.float32)
    mask = np.zeros(image.shape[:2], np.float32)
    mask[30:130, 60:150] = 1
    settings: dict[str, Param] = {
        "inpaint.model": sources[name],
        "inpaint.tile_px": 48,
        "inpaint.tile_overlap_px": 16,
        "inpaint.sampling_steps": 2,
        "mask.max_coverage": 1.0,
        "mask.dilate_px": 0,
        "mask.soft_sigma_px": 0.0,
    }
    request = EditRequest(image, mask, seed=4)
    results = [
        reference.build(**settings, **{"inpaint.payload_px": payload})(request)
        for payload in (1, 2**24)
    ]
    one, other = (result.image for result in results)
    assert one is not None
    assert other is not None
    assert np.array_equal(one, other)
    assert np.array_equal(one[mask == 0], image[mask == 0])

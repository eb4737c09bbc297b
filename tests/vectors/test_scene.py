"""The contract that every rung of every vector keeps, at every size and scale."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from editproof.vectors import VECTORS, Scene, Vector, get_vector
from tests.grids import diagonal

STEPS = [(vector, step) for vector in VECTORS for step in range(1, len(vector.ladder) + 1)]
RUNGS = [pytest.param(vector, step, id=f"{vector.family}/{step}") for vector, step in STEPS]
QUICK_SIZES = [(64, 2), (256, 2)]
SIZES = [(64, 1), (100, 2), (100, 3), (512, 1), (512, 2)]
"""Edge of the input, and scale. At the quick ones each rule of the contract is a test."""
Plane = npt.NDArray[np.float32]
HALF_LEVEL = 0.5 / 255 + 1e-6
IMAGES = ("input", "clean", "clean_input", "overlay_rgb")
OUTPUT_MASKS = ("edit", "ring", "keep", "seams")


@pytest.fixture(
    scope="module",
    params=[
        pytest.param((*rung.values, size, scale), id=f"{rung.id}-{size}x{scale}")
        for rung in RUNGS
        for size, scale in QUICK_SIZES
    ],
)
def rendered(request: pytest.FixtureRequest) -> tuple[Scene, int]:
    vector, step, size, scale = request.param
    return vector.render(3, size, step=step, scale=scale), size


def test_shape(rendered: tuple[Scene, int]) -> None:
    """Input fields are size×size, output fields size·scale; all are contiguous float32 in [0, 1].

    Only a family whose rungs are kinds, not degrees, chooses its own shape.
    """
    scene, size = rendered
    given = (
        (size, size) if get_vector(str(scene.metadata["family"])).graded else scene.input.shape[:2]
    )
    out = (given[0] * scene.scale, given[1] * scene.scale)
    shapes: dict[str, tuple[int, ...]] = {
        **dict.fromkeys(IMAGES, (*given, 3)),
        **dict.fromkeys(OUTPUT_MASKS, out),
        "clean": (*out, 3),
        "overlay": given,
    }
    arrays: dict[str, tuple[Plane, tuple[int, ...]]] = {
        name: (getattr(scene, name), shape) for name, shape in shapes.items()
    }
    arrays |= {name: (mask, out) for name, mask in scene.protect.items()}
    if scene.mask is not None:
        arrays["mask"] = (scene.mask, given)
    for name, (array, shape) in arrays.items():
        assert array.shape == shape, name
        assert array.dtype == np.float32, name
        assert array.flags.c_contiguous, name
        assert 0 <= array.min() <= array.max() <= 1, name


def test_partition(rendered: tuple[Scene, int]) -> None:
    """Every output pixel is in exactly one of edit, ring and keep, and none of the three is empty
    where there is an edit.
    """
    scene, _ = rendered
    assert np.array_equal(scene.edit + scene.ring + scene.keep, np.ones_like(scene.edit))
    assert scene.truth or scene.metadata["family"] == "hostile"
    for mask in (scene.edit, scene.ring, scene.keep):
        assert set(np.unique(mask)) == {0.0, 1.0} or not scene.truth


def test_protect(rendered: tuple[Scene, int]) -> None:
    """What must survive is never in the edit, and each protected feature has pixels."""
    scene, _ = rendered
    for name, mask in scene.protect.items():
        assert set(np.unique(mask)) == {0.0, 1.0}, name
        assert not (mask * scene.edit).any(), name


def test_equation(rendered: tuple[Scene, int]) -> None:
    """The input is the overlay over the clean input, to the last bit of float32."""
    scene, _ = rendered
    alpha = scene.overlay[..., None]
    assert np.array_equal(scene.input, (1 - alpha) * scene.clean_input + alpha * scene.overlay_rgb)


def test_truth_is_one_picture(rendered: tuple[Scene, int]) -> None:
    """The clean input is the area average of the clean output, within the rounding to 8 bits.

    Of a family that degrades its input, as a JPEG `quality` in the metadata declares, it is the
    same picture seen worse.
    """
    scene, _ = rendered
    (height, width), scale = scene.overlay.shape, scene.scale
    average = (
        scene.clean.astype(np.float64).reshape(height, scale, width, scale, 3).mean(axis=(1, 3))
    )
    error = np.abs(average - scene.clean_input)
    if "quality" in scene.metadata:
        assert 0 < error.mean() < 0.12
    else:
        assert error.max() <= HALF_LEVEL


def test_levels(rendered: tuple[Scene, int]) -> None:
    """The clean images hold the 256 levels of an 8-bit file and nothing between."""
    scene, _ = rendered
    for image in (scene.clean, scene.clean_input):
        assert np.array_equal(image, (np.rint(image * 255) / 255).astype(np.float32))


def test_edit_covers_overlay(rendered: tuple[Scene, int]) -> None:
    """Wherever the input is painted over, the edit region has pixels; a given mask covers all of
    the overlay.

    The mask of a family that gives a wrong one, as a `fault` in the metadata declares, need not.
    """
    scene, _ = rendered
    (height, width), scale = scene.overlay.shape, scene.scale
    touched = scene.edit.reshape(height, scale, width, scale).max(axis=(1, 3)) > 0
    assert not (scene.overlay[~touched]).any()
    if scene.mask is not None and "fault" not in scene.metadata:
        assert (scene.mask[scene.overlay > 0] > 0).all()
        assert (scene.mask + 1e-6 >= scene.overlay).all()


def test_boxes(rendered: tuple[Scene, int]) -> None:
    """Every box of the truth lies in the image with a free border of 2 px, and is not empty.

    Family `mask_edge` needs no border: that its overlay touches the image's edge is what it tests.
    """
    scene, _ = rendered
    height, width = scene.overlay.shape
    free = {"mask_edge": 0, "hostile": 1}.get(str(scene.metadata["family"]), 2)
    for box in scene.truth:
        assert free <= box.y0 < box.y1 <= height - free, box
        assert free <= box.x0 < box.x1 <= width - free, box


CONTRACT = (
    *(test_shape, test_partition, test_protect, test_equation, test_truth_is_one_picture),
    *(test_levels, test_edit_covers_overlay, test_boxes),
)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("rung", "size_and_scale"),
    diagonal([f"{vector.family}/{step}" for vector, step in STEPS], SIZES),
    ids=str,
)
def test_all_of_it_at_every_size(rung: str, size_and_scale: tuple[int, int]) -> None:
    family, _, step = rung.partition("/")
    size, scale = size_and_scale
    rendered = get_vector(family).render(3, size, step=int(step), scale=scale), size
    for check in CONTRACT:
        check(rendered)


@pytest.mark.parametrize(("vector", "step"), RUNGS)
def test_pure(vector: Vector, step: int) -> None:
    """The same arguments give the same bits, whatever the global random state, which is left
    alone.
    """
    first = vector.render(7, 128, step=step)
    np.random.seed(1)  # noqa: NPY002
    state = np.random.get_state(legacy=False)["state"]["key"]  # noqa: NPY002
    second = vector.render(7, 128, step=step)
    assert np.array_equal(np.random.get_state(legacy=False)["state"]["key"], state)  # noqa: NPY002
    for name in (*IMAGES, "overlay", *OUTPUT_MASKS):
        assert np.array_equal(getattr(first, name), getattr(second, name)), name
    assert first.truth == second.truth


@pytest.mark.parametrize(("vector", "step"), RUNGS)
def test_seed(vector: Vector, step: int) -> None:
    """Another seed gives another scene."""
    first, second = (vector.render(seed, 128, step=step) for seed in (0, 1))
    assert not np.array_equal(first.input, second.input)
    assert not (first.truth and np.array_equal(first.edit, second.edit))


@pytest.mark.parametrize(("vector", "step"), RUNGS)
def test_metadata(vector: Vector, step: int) -> None:
    """The metadata names the family and every parameter of the rung, and each parameter's unit is
    documented.
    """
    metadata, rung = vector.render(0, 64, step=step).metadata, vector.ladder[step - 1]
    assert metadata == {"family": vector.family, **rung}
    assert set(vector.units) == set(rung)


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector.family)
def test_bad_arguments(vector: Vector) -> None:
    """A step that the ladder lacks, or a size, a seed or a scale out of range, raises
    ValueError.
    """
    for step in (0, len(vector.ladder) + 1):
        with pytest.raises(ValueError, match="has steps 1 to"):
            vector.render(0, 64, step=step)
    for size in (63, 2049):
        with pytest.raises(ValueError, match="64 to 2048"):
            vector.render(0, size, step=1)
    for scale in (0, 65):
        with pytest.raises(ValueError, match="scale"):
            vector.render(0, 64, step=1, scale=scale)
    with pytest.raises(ValueError, match="non-negative"):
        vector.render(-1, 64, step=1)


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector.family)
def test_wording(vector: Vector) -> None:
    """A vector says in short sentences what it draws, and in one clause what breaks. It has five
    steps or more.
    """
    assert vector.about[0].isupper()
    assert vector.about.endswith(".")
    sentences = [*vector.about.split(". "), vector.damage]
    assert max(len(sentence.split()) for sentence in sentences) <= 25
    assert vector.damage
    assert len(vector.ladder) >= 5

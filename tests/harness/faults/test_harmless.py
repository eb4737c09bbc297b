"""Harmless changes: each keeps or changes the picture as it says, the same every time, and runs as
any pipeline.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from editproof.harness.faults import conversions, enlarging
from editproof.harness.faults.harmless import HARMLESS, HarmlessChange, get_harmless
from editproof.harness.faults.planted import harmless
from editproof.harness.metrics.core.metric import Image
from editproof.harness.records.errors import UsageError
from editproof.harness.running.measure import as_delivered
from editproof.harness.suites.tasks import make_scene_task
from editproof.pipelines import reference
from editproof.pipelines.contract import EditRequest, Param
from editproof.pipelines.loader import fingerprint, load
from editproof.vectors import get_vector

SETTINGS: dict[str, Param] = {"inpaint.model": "biharmonic"}
MAY_KEEP = {
    "area_pillow",
    "upscale_8_bits",
    "rounded_up_at_half",
    "hsv_float32",
    "xyz_float32",
    "lab_float32",
}
"""Rounded once more, or not at all, on some pictures."""
MAY_KEEP |= {
    "linear_float32",
    "blend_lerp",
    "blend_float64",
    "bicubic_torch",
    "mask_8_bits",
    "fill_8_bits",
}
MOST_LEVELS = 40


@pytest.fixture(scope="module")
def request_() -> EditRequest:
    return replace(
        make_scene_task(get_vector("logo").render(3, 144, step=2, scale=2)).request, seed=5
    )


@pytest.fixture(scope="module")
def plain(request_: EditRequest) -> Image:
    return made(reference.build(**SETTINGS), request_)


def made(pipeline: reference.ReferencePipeline, request: EditRequest) -> Image:
    image = pipeline(request).image
    assert image is not None
    return as_delivered(image)


def test_the_catalogue_is_what_was_asked_for() -> None:
    """Thirty kinds or more under names of their own; a dozen of them are quick to try."""
    names = [change.name for change in HARMLESS]
    assert len(names) == len(set(names)) >= 30
    assert sum(change.quick for change in HARMLESS) == 12


@pytest.mark.parametrize("change", HARMLESS, ids=lambda change: change.name)
def test_a_picture_changes_as_it_says(
    change: HarmlessChange, request_: EditRequest, plain: Image
) -> None:
    """Kept to the bit, or changed by some levels; in the contract's range, and the same when it is
    done again.
    """
    after = made(harmless(change.name, "after", **SETTINGS), request_)
    before = made(harmless(change.name, "before", **SETTINGS), request_) if change.before else plain
    assert after.shape == before.shape
    assert after.dtype == np.float32
    assert after.min() >= 0
    assert after.max() <= 1
    levels = np.rint(np.abs(after - before) * 255)
    assert levels.max() <= MOST_LEVELS
    if change.keeps:
        assert not levels.any()
    elif change.name not in MAY_KEEP:
        assert levels.any()
    np.testing.assert_array_equal(after, made(harmless(change.name, "after", **SETTINGS), request_))


def test_it_runs_as_any_pipeline_does(request_: EditRequest) -> None:
    """Under a name, with a fingerprint that tells it from others and from the pipeline itself."""
    spec = "editproof.harness.faults.planted:harmless?kind=jpeg_100_444&inpaint.model=ns"
    pipeline = load(spec)
    assert pipeline(request_).image is not None
    specs = [
        spec,
        spec.replace("100_444", "98_444"),
        spec + "&side=before",
        "reference?inpaint.model=ns",
    ]
    assert len({fingerprint(one, load(one)) for one in specs}) == len(specs)


def test_an_unknown_change_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(UsageError, match="jpeg_100_444"):
        get_harmless("jpeg_100_44")


def test_bfloat16_is_torchs() -> None:
    """Rounded to nearest, halves to even, as torch rounds."""
    import torch

    values = np.random.default_rng(0).random((16, 16, 3), dtype=np.float32)
    expected = torch.from_numpy(values).to(torch.bfloat16).to(torch.float32).numpy()
    np.testing.assert_array_equal(conversions.round_to_bfloat16(values), expected)


def test_the_same_kernel_gives_the_same_picture() -> None:
    """Lanczos in NumPy and torch is OpenCV's, away from its border; boxes are boxes everywhere."""
    image = np.random.default_rng(1).random((24, 20, 3), dtype=np.float32)
    inner = np.s_[8:-8, 8:-8]
    expected = enlarging.opencv_lanczos(image, 2)[inner]
    np.testing.assert_allclose(enlarging.numpy_lanczos(image, 2)[inner], expected, atol=2e-3)
    np.testing.assert_allclose(enlarging.torch_lanczos(image, 2)[inner], expected, atol=2e-3)
    np.testing.assert_allclose(
        enlarging.pillow_box(image, 2), enlarging.torch_area(image, 2), atol=1e-6
    )

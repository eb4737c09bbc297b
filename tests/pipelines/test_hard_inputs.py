"""The worst that comes in: each gives a right result or one clear error."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from editproof.pipelines import EditRequest, Image, Mask, reference
from editproof.pipelines.config import DetectConfig
from editproof.pipelines.models.names import CLASSICAL
from editproof.pipelines.stages.ocr import find_text, get_corners
from tests.grids import diagonal

SHAPES = [(1, 1), (1, 7), (2, 2), (3, 3), (5, 4), (1, 300), (400, 2), (9, 9)]
"""Height and width, px."""

FREELY = {"mask.max_coverage": 1.0, "mask.dilate_px": 0, "mask.soft_sigma_px": 0.0}


def picture(shape: tuple[int, int]) -> Image:
    return np.random.default_rng(0).random((*shape, 3), dtype=np.float32)


def masked(shape: tuple[int, int], where: str) -> Mask:
    mask = np.zeros(shape, np.float32)
    places: dict[str, slice | tuple[slice, ...]] = {
        "empty": np.s_[:0],
        "full": np.s_[:],
        "corner": np.s_[:1, :1],
        "edge": np.s_[-1:, :],
    }
    mask[places[where]] = 1
    return mask


@pytest.mark.parametrize(
    ("shape", "where", "model"),
    diagonal(SHAPES, ["empty", "corner", "edge", "full"], CLASSICAL),
    ids=str,
)
def test_tiny_and_long_pictures(shape: tuple[int, int], where: str, model: str) -> None:
    """Untouched outside the mask and in range inside it; with nothing to fill from, that is
    said.
    """
    image, mask = picture(shape), masked(shape, where)
    pipeline = reference.build(**{"inpaint.model": model}, **FREELY)
    if mask.all():
        with pytest.raises(
            ValueError, match="the whole picture is masked: there is nothing to fill it from"
        ):
            pipeline(EditRequest(image, mask))
        return
    result = pipeline(EditRequest(image, mask))
    assert result.image is not None
    assert np.array_equal(result.image[mask == 0], image[mask == 0])
    assert not (result.image[mask > 0] == image[mask > 0]).all(axis=-1).any()


@pytest.mark.parametrize(
    ("shape", "mode"), diagonal(SHAPES, ["hard", "feather", "poisson", "laplacian"]), ids=str
)
def test_every_blend_on_tiny_and_long_pictures(shape: tuple[int, int], mode: str) -> None:
    image, mask = picture(shape), masked(shape, "corner")
    pipeline = reference.build(**{"blend.mode": mode}, **FREELY)
    if mask.all():
        with pytest.raises(ValueError, match="nothing to fill it from"):
            pipeline(EditRequest(image, mask))
        return
    result = pipeline(EditRequest(image, mask))
    assert result.image is not None
    assert np.array_equal(result.image[mask == 0], image[mask == 0])


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_detection_takes_any_size(shape: tuple[int, int]) -> None:
    """Noise a few pixels wide has no text that anything could be sure of; the picture's size
    stays.
    """
    result = reference.build(**{"mask.max_coverage": 0.99})(EditRequest(picture(shape), scale=2))
    assert result.image is not None
    assert result.image.shape == (2 * shape[0], 2 * shape[1], 3)


@pytest.mark.slow
def test_text_in_a_narrow_strip_is_found() -> None:
    """A strip forty times as long as wide is no harder than a picture."""
    pixels = np.full((24, 960, 3), 70, np.uint8)
    cv2.putText(
        pixels, "SAMPLE", (400, 18), cv2.FONT_HERSHEY_SIMPLEX, 0.6, (250, 250, 250), 1, cv2.LINE_AA
    )
    (line,) = find_text(pixels, DetectConfig())
    left, top, width, height = cv2.boundingRect(get_corners(line))
    assert 380 < left < 410
    assert 0 <= top < top + height <= 25
    assert 60 < width < 110


@pytest.mark.parametrize("shape", [(1, 1), (7, 300), (40, 60)], ids=str)
@pytest.mark.parametrize(
    "option", ["inpaint.two_tier", "inpaint.refine_texture", "mask.spare_anchors"]
)
def test_options_on_tiny_pictures(shape: tuple[int, int], option: str) -> None:
    image, mask = picture(shape), masked(shape, "corner" if shape != (1, 1) else "empty")
    result = reference.build(**{option: True}, **FREELY)(EditRequest(image, mask))
    assert result.image is not None
    assert np.array_equal(result.image[mask == 0], image[mask == 0])


def test_tiles_smaller_than_the_hole_s_parts() -> None:
    """A hole that holds whole tiles, at the picture's corner, in the smallest tiles there are."""
    image, mask = picture((90, 70)), np.zeros((90, 70), np.float32)
    mask[:60, :50] = 1
    settings = {"inpaint.tile_px": 16, "inpaint.tile_overlap_px": 4}
    result = reference.build(**settings, **FREELY)(EditRequest(image, mask))
    assert result.image is not None
    assert np.array_equal(result.image[mask == 0], image[mask == 0])
    assert np.abs(result.image - image)[mask > 0].mean() > 0.05

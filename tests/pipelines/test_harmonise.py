"""Harmonising: steps are carried into the fill, good fills are left alone, and nothing outside
changes.
"""

from __future__ import annotations

import numpy as np
import pytest

from editproof.pipelines import EditRequest, Image, Mask
from editproof.pipelines.config import ReferenceConfig
from editproof.pipelines.edit import Edit
from editproof.pipelines.stages.harmonise import harmonise

SIZE = 96


@pytest.fixture(scope="module")
def photo() -> Image:
    from skimage import data

    return np.asarray(data.coffee()[100 : 100 + SIZE, 200 : 200 + SIZE], np.float32) / np.float32(
        255
    )


@pytest.fixture(scope="module")
def blobs() -> Mask:
    y, x = np.mgrid[:SIZE, :SIZE]
    return np.asarray((np.hypot(y - 22, x - 22) < 9) | (np.hypot(y - 78, x - 78) < 8), np.float32)


def harmonised(image: Image, mask: Mask, colour: str, scale: int = 1) -> tuple[Image, str]:
    """The picture, and what was decided."""
    config = ReferenceConfig().with_settings({"harmonise.colour": colour})
    request = EditRequest(np.zeros((*mask.shape, 3), np.float32), scale=scale)
    step = harmonise(Edit(request, config, image, mask, request.image, request.image))
    return step.edit.image, step.decision


@pytest.mark.parametrize("scale", [1, 2])
@pytest.mark.parametrize("colour", ["gradient", "mean_std"])
def test_outside_the_fill_not_a_bit_changes(
    photo: Image, blobs: Mask, colour: str, scale: int
) -> None:
    """Of a picture with an offset in its fills, at both sizes."""
    image = (
        np.clip(photo + np.float32(0.15) * blobs[..., None], 0, 1)
        .repeat(scale, axis=0)
        .repeat(scale, axis=1)
    )
    before = image.copy()
    after, decision = harmonised(image, blobs, colour, scale)
    reach = np.zeros((SIZE * scale, SIZE * scale), bool)
    for y, x in np.argwhere(blobs > 0).tolist():
        reach[
            max((y - 1) * scale, 0) : (y + 2) * scale, max((x - 1) * scale, 0) : (x + 2) * scale
        ] = True
    assert np.array_equal(after[~reach], image[~reach])
    assert np.array_equal(image, before)
    assert decision.startswith("colour matched in ")


def test_the_gradient_domain_takes_an_offset_out_of_the_fill(photo: Image, blobs: Mask) -> None:
    """Each fill's own: one is too bright, the other too dark; both come back to what was there, to
    a third or less.
    """
    offset = np.where(np.arange(SIZE)[:, None, None] < 50, 0.12, -0.12).astype(np.float32)
    wrong = np.clip(photo + offset * blobs[..., None], 0, 1)
    right, decision = harmonised(wrong, blobs, "gradient")
    hole = blobs > 0
    error = [float(np.abs(picture - photo)[hole].mean()) for picture in (wrong, right)]
    assert error[1] < error[0] / 3
    assert "in 2 of 2 regions" in decision


def test_a_large_fill_is_harmonised_at_a_smaller_size() -> None:
    """A membrane over more pixels than are solved for still takes the offset out."""
    y, x = np.mgrid[:300, :300].astype(np.float32) / 300
    ground = np.stack([0.3 + 0.2 * x, 0.3 + 0.2 * y, np.full_like(x, 0.4)], axis=-1)
    mask = np.zeros((300, 300), np.float32)
    mask[30:270, 30:270] = 1
    wrong = ground + np.float32(0.1) * mask[..., None]
    right, _ = harmonised(wrong, mask, "gradient")
    assert np.abs(right - ground).mean() < 0.2 * np.abs(wrong - ground).mean()


@pytest.mark.parametrize("colour", ["gradient", "mean_std"])
def test_a_fill_without_a_step_is_left_alone(blobs: Mask, colour: str) -> None:
    """In a smooth picture that is right as it is, matching changes nothing."""
    y, x = np.mgrid[:SIZE, :SIZE].astype(np.float32) / SIZE
    image = np.stack([0.3 + 0.2 * x, 0.3 + 0.2 * y, np.full_like(x, 0.4)], axis=-1)
    after, decision = harmonised(image, blobs, colour)
    assert np.abs(after - image).max() < 1 / 255
    assert decision.startswith("colour")


def test_a_fill_at_the_border_and_no_fill_at_all(photo: Image, blobs: Mask) -> None:
    """Where there are surroundings on one side only, they are enough; where nothing was filled,
    nothing is done.
    """
    mask = np.zeros((SIZE, SIZE), np.float32)
    mask[:20, :20] = 1
    wrong = np.clip(photo + np.float32(0.15) * mask[..., None], 0, 1)
    right, _ = harmonised(wrong, mask, "gradient")
    assert np.abs(right - photo).mean() < 0.5 * np.abs(wrong - photo).mean()
    untouched, decision = harmonised(photo, blobs * 0, "gradient")
    assert untouched is photo
    assert decision == "nothing was filled"

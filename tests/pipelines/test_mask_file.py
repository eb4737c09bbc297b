"""A mask on disk comes back as it was, for its own image only, and says what is wrong with it
otherwise.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pil
from PIL import PngImagePlugin

from editproof.pipelines import ContractError, Image, Mask
from editproof.pipelines.mask_file import (
    IMAGE_HASH,
    MASK_HASH,
    POLARITY,
    StaleMaskError,
    image_hash,
    load_mask,
    save_mask,
)


@pytest.fixture
def image() -> Image:
    return np.random.default_rng(0).random((20, 30, 3), dtype=np.float32)


@pytest.fixture
def mask() -> Mask:
    levels = np.random.default_rng(1).integers(0, 256, (20, 30))
    return (levels / 255).astype(np.float32)


def test_a_mask_comes_back_to_the_bit(tmp_path: Path, image: Image, mask: Mask) -> None:
    save_mask(tmp_path / "mask.png", mask, image)
    again = load_mask(tmp_path / "mask.png", image)
    assert again.dtype == np.float32
    assert np.array_equal(again, mask)


def test_a_stale_mask_is_refused_with_both_hashes(tmp_path: Path, image: Image, mask: Mask) -> None:
    save_mask(tmp_path / "mask.png", mask, image)
    edited = image.copy()
    edited[3, 4, 0] = 1 - edited[3, 4, 0]
    with pytest.raises(StaleMaskError) as caught:
        load_mask(tmp_path / "mask.png", edited)
    assert image_hash(image) in str(caught.value)
    assert image_hash(edited) in str(caught.value)


def test_an_altered_mask_is_refused(tmp_path: Path, image: Image, mask: Mask) -> None:
    """Pixels painted over, with the notes left as they were."""
    path = tmp_path / "mask.png"
    save_mask(path, mask, image)
    with Pil.open(path) as picture:
        facts = {str(key): str(value) for key, value in picture.info.items()}
        levels = np.array(picture)
    levels[0, 0] ^= 255
    _write(path, levels, facts)
    with pytest.raises(ContractError, match="was altered"):
        load_mask(path, image)


def test_the_other_polarity_is_refused(tmp_path: Path, image: Image) -> None:
    facts = {IMAGE_HASH: image_hash(image), MASK_HASH: "", POLARITY: "black-is-replaced"}
    _write(tmp_path / "mask.png", np.zeros((20, 30), np.uint8), facts)
    with pytest.raises(ContractError, match="polarity 'black-is-replaced'"):
        load_mask(tmp_path / "mask.png", image)


@pytest.mark.parametrize(
    ("levels", "part"),
    [
        (np.zeros((20, 30), np.uint8), "bound to no image"),
        (np.zeros((20, 30, 3), np.uint8), "PNG RGB; a mask is an 8-bit greyscale PNG"),
        (np.zeros((20, 30), np.uint16), "PNG I;16; a mask is an 8-bit greyscale PNG"),
    ],
    ids=["unbound", "colour", "16 bits"],
)
def test_another_kind_of_png_is_refused(
    tmp_path: Path, image: Image, levels: np.ndarray, part: str
) -> None:
    _write(tmp_path / "mask.png", levels, {})
    with pytest.raises(ContractError, match=part):
        load_mask(tmp_path / "mask.png", image)


def test_what_is_no_picture_or_not_there_is_named(tmp_path: Path, image: Image) -> None:
    (tmp_path / "notes.png").write_text("no picture")
    with pytest.raises(ContractError, match=r"notes\.png is not a readable PNG"):
        load_mask(tmp_path / "notes.png", image)
    with pytest.raises(ContractError, match=r"there is no mask .*missing\.png"):
        load_mask(tmp_path / "missing.png", image)


@pytest.mark.parametrize(
    ("mask", "part"),
    [
        (np.zeros((20, 31), np.float32), "20×31, its image 20×30"),
        (np.zeros((20, 30), np.uint8), "must be float32"),
        (np.full((20, 30), 255, np.float32), "must be in"),
        (np.zeros((20, 30, 1), np.float32), "must be H×W"),
    ],
    ids=["size", "type", "range", "shape"],
)
def test_what_is_no_mask_is_not_written(
    tmp_path: Path, image: Image, mask: Mask, part: str
) -> None:
    with pytest.raises(ContractError, match=part):
        save_mask(tmp_path / "mask.png", mask, image)
    assert not list(tmp_path.iterdir())


def _write(path: Path, levels: np.ndarray, facts: dict[str, str]) -> None:
    notes = PngImagePlugin.PngInfo()
    for key, value in facts.items():
        notes.add_text(key, value)
    Pil.fromarray(levels).save(path, pnginfo=notes)

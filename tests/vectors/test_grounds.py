"""Grounds."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import ExifTags, Image

from editproof.vectors.drawing.grounds import (
    GROUNDS,
    PHOTOGRAPHS,
    draw_ground,
    find_photographs,
    make_photograph_ground,
)

DRAWN = sorted(set(GROUNDS) - set(PHOTOGRAPHS))


@pytest.mark.parametrize("name", sorted(GROUNDS))
@pytest.mark.parametrize("size_px", [64, 101, 600])
def test_size(name: str, size_px: int) -> None:
    """Every ground comes at any size, three channels of 8 bits, the same each time."""
    picture = draw_ground(name, 4, size_px)
    assert picture.shape == (size_px, size_px, 3)
    assert picture.dtype == np.uint8
    assert np.array_equal(picture, draw_ground(name, 4, size_px))


@pytest.mark.parametrize("name", sorted(GROUNDS))
def test_seeds_differ(name: str) -> None:
    """Eight seeds give at least three different grounds."""
    assert len({draw_ground(name, seed, 64).tobytes() for seed in range(8)}) >= 3


@pytest.mark.parametrize("name", DRAWN)
def test_one_geometry(name: str) -> None:
    """Drawn at twice the resolution and averaged, a drawn ground is the same picture: within 3
    levels on average.
    """
    coarse, fine = draw_ground(name, 2, 128, 1), draw_ground(name, 2, 256, 2)
    average = fine.reshape(128, 2, 128, 2, 3).mean(axis=(1, 3))
    assert np.abs(average - coarse).mean() < 3


def test_gradient_is_smooth() -> None:
    """Neighbouring pixels of a gradient differ by two levels at most, so that any seam in it is a
    fault.
    """
    picture = draw_ground("gradient", 1, 512, 2).astype(int)
    assert max(np.abs(np.diff(picture, axis=axis)).max() for axis in (0, 1)) <= 2


def test_guilloche_is_fine() -> None:
    """A guilloche has detail at output resolution that its input-size average does not hold."""
    picture = draw_ground("guilloche", 0, 512, 2).astype(float)
    average = picture.reshape(256, 2, 256, 2, 3).mean(axis=(1, 3))
    assert np.abs(picture - average.repeat(2, axis=0).repeat(2, axis=1)).mean() > 2


def test_bad_name() -> None:
    """An unknown ground raises and lists those that there are."""
    with pytest.raises(ValueError, match="astronaut, brick"):
        draw_ground("moon", 0, 64)


@pytest.mark.parametrize(
    ("size_px", "scale", "message"),
    [(63, 1, "64 to 4096"), (4097, 1, "64 to 4096"), (64, 0, "scale")],
)
def test_bad_size(size_px: int, scale: int, message: str) -> None:
    """A size or scale out of range raises and says what to lower."""
    with pytest.raises(ValueError, match=message):
        draw_ground("plain", 0, size_px, scale)


def photograph_at(path: Path, *, width: int = 90, height: int = 120) -> Path:
    """A file of noise under a name of a photograph."""
    pixels = np.random.default_rng(width).integers(0, 256, (height, width, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path)
    return path


def test_photographs_in(tmp_path: Path) -> None:
    """Photographs are found by name, links followed; other files, hidden ones and folders are
    passed over.
    """
    folder, elsewhere = tmp_path / "own", tmp_path / "elsewhere"
    (folder / "z.png").mkdir(parents=True)
    elsewhere.mkdir()
    for name in ("b.JPG", "a.png", "d.webp", "c.tiff"):
        photograph_at(folder / name)
    (folder / "e.jpeg").symlink_to(photograph_at(elsewhere / "original.jpeg"))
    for name in ("._a.png", "notes.txt"):
        (folder / name).write_bytes(b"no photograph")
    assert [path.name for path in find_photographs(folder)] == [
        "a.png",
        "b.JPG",
        "c.tiff",
        "d.webp",
        "e.jpeg",
    ]
    (tmp_path / "link").symlink_to(folder)
    assert len(find_photographs(tmp_path / "link")) == 5


def test_no_photographs(tmp_path: Path) -> None:
    """A folder that is not there or has no photograph raises and is named."""
    with pytest.raises(ValueError, match=r"no folder .*nowhere"):
        find_photographs(tmp_path / "nowhere")
    with pytest.raises(ValueError, match=f"no photograph lies in {tmp_path}"):
        find_photographs(tmp_path)
    with pytest.raises(ValueError, match="at least one"):
        make_photograph_ground(())


@pytest.mark.parametrize("damage", ["cut", "text", "empty", "gone"])
def test_broken_photograph(tmp_path: Path, damage: str) -> None:
    """A photograph that can't be decoded raises and is named."""
    photograph_at(tmp_path / "good.jpg")
    bad = photograph_at(tmp_path / "bad.jpg")
    if damage == "gone":
        bad.unlink()
        bad.symlink_to(tmp_path / "nowhere.jpg")
    else:
        bad.write_bytes(
            {"cut": bad.read_bytes()[:900], "text": b"no photograph", "empty": b""}[damage]
        )
    with pytest.raises(ValueError, match=r"bad\.jpg can't be decoded"):
        find_photographs(tmp_path)


def test_own_ground(tmp_path: Path) -> None:
    """The seed picks the photograph and the crop; the same seed gives the same bits."""
    paths = tuple(photograph_at(tmp_path / f"{width}.png", width=width) for width in (90, 100, 110))
    ground = make_photograph_ground(paths)
    drawn = [ground(seed, 64, 1) for seed in range(8)]
    assert {(picture.shape, str(picture.dtype)) for picture in drawn} == {((64, 64, 3), "uint8")}
    assert len({picture.tobytes() for picture in drawn}) == 8
    assert np.array_equal(make_photograph_ground(paths)(3, 64, 2), drawn[3])


def test_own_ground_crops_like_ours(tmp_path: Path) -> None:
    """The same photograph is cropped in the same way, whether it is ours or the user's."""
    from skimage import data

    Image.fromarray(data.coffee()).save(tmp_path / "coffee.png")
    ours = make_photograph_ground(find_photographs(tmp_path))
    assert np.array_equal(ours(5, 200, 1), draw_ground("coffee", 5, 200))


def test_own_ground_is_upright(tmp_path: Path) -> None:
    """A photograph that its EXIF orientation turns is turned."""
    pixels = np.zeros((80, 120, 3), np.uint8)
    pixels[:, :60] = 255
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    Image.fromarray(pixels).save(tmp_path / "turned.jpg", exif=exif)
    upright = make_photograph_ground(find_photographs(tmp_path))(0, 64, 1)
    assert upright[:20].min() > 200
    assert upright[-20:].max() < 55


@pytest.mark.parametrize(
    ("mode", "expected"), [("L", 200), ("RGBA", 200), ("LA", 200), ("CMYK", 200), ("I;16", 200)]
)
def test_own_ground_is_rgb(tmp_path: Path, mode: str, expected: int) -> None:
    """Grey, 16-bit, transparent and print colours become 8-bit RGB."""
    if mode == "I;16":
        Image.fromarray(np.full((70, 70), 200 * 256 + 9, np.uint16)).save(tmp_path / "picture.tif")
    else:
        Image.new("L", (70, 70), 200).convert("RGB").convert(mode).save(tmp_path / "picture.tif")
    assert np.unique(make_photograph_ground(find_photographs(tmp_path))(0, 64, 1)).tolist() == [
        expected
    ]

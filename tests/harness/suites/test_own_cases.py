"""A user's own cases: found in both layouts, read as they are, and wrong ones named by their
file.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as Pil

from editproof.harness.metrics.core.metric import Reference, require_part
from editproof.harness.records.errors import UsageError
from editproof.harness.records.suites import CaseFolder
from editproof.harness.suites.case_folders import list_cases
from editproof.harness.suites.case_reading import hash_case, read_case
from editproof.harness.suites.own_cases import PARTS, OwnCase, find_case
from editproof.harness.suites.trust import Trust
from editproof.pipelines.contract import EditRequest

SHAPE = (40, 60)


def save(path: Path, size: tuple[int, int] = SHAPE, *, mode: str = "RGB") -> Path:
    """A picture of that height and width: a gradient, or as a mask a box."""
    path.parent.mkdir(parents=True, exist_ok=True)
    y, x = np.mgrid[: size[0], : size[1]]
    if mode == "L":
        pixels = np.where((y > 10) & (y < 20) & (x > 10) & (x < 30), 255, 0).astype(np.uint8)
    else:
        pixels = np.dstack([y * 255 // size[0], x * 255 // size[1], np.full(size, 90)]).astype(
            np.uint8
        )
    Pil.fromarray(pixels).save(path)
    return path


def case(
    folder: Path, name: str, *, ending: str = "png", expected: tuple[int, int] | None = SHAPE
) -> Path:
    """A whole case in a folder of its own."""
    save(folder / name / f"input.{ending}")
    save(folder / name / "mask.png", mode="L")
    if expected:
        save(folder / name / "expected.png", expected)
    return folder / name


def find_cases(folder: Path) -> list[OwnCase]:
    return [own for own, _ in list_cases(CaseFolder("cases", str(folder)), 1, Trust(cases=True))]


def names(folder: Path) -> list[str]:
    return [own.name for own in find_cases(folder)]


def read(folder: Path, name: str, scale: int = 1) -> tuple[EditRequest, Reference]:
    return read_case(find_case(folder, name), scale)


@pytest.mark.parametrize("ending", ["png", "jpg", "JPEG", "tif", "tiff", "webp"])
def test_every_kind_of_file(tmp_path: Path, ending: str) -> None:
    """What people have: PNG, JPEG, TIFF, WebP, in small or capital letters."""
    case(tmp_path, "one", ending=ending)
    request, reference = read(tmp_path, "one")
    assert request.image.shape == (*SHAPE, 3)
    assert request.mask is not None
    assert request.file == (tmp_path / "one" / f"input.{ending}").read_bytes()
    assert set(np.unique(request.mask)) == {0.0, 1.0}
    assert require_part(reference.expected).shape == (*SHAPE, 3)
    assert np.array_equal(reference.areas["edit"], request.mask > 0)
    parts = [reference.areas[region].astype(int) for region in ("edit", "ring", "keep")]
    assert np.array_equal(np.sum(parts, axis=0), np.ones(SHAPE))


def test_both_layouts_are_the_same_cases(tmp_path: Path) -> None:
    """One folder a case, or one folder a part."""
    one, other = tmp_path / "one folder each", tmp_path / "side by side"
    for name in ("a", "b ö 日本"):
        case(one, name)
        for part in PARTS:
            save(other / part / f"{name}.png", mode="L" if part == "mask" else "RGB")
    assert names(one) == names(other) == ["a", "b ö 日本"]
    digests = [[hash_case(own) for own in find_cases(folder)] for folder in (one, other)]
    assert digests[0] == digests[1]


def test_names_with_slashes_and_links(tmp_path: Path) -> None:
    """Cases may lie deeper and be linked from elsewhere; a link that leads back up is not
    followed.
    """
    case(tmp_path / "elsewhere", "real")
    folder = tmp_path / "cases"
    case(folder, "posters/summer sale")
    (folder / "linked").symlink_to(tmp_path / "elsewhere" / "real")
    (folder / "posters" / "loop").symlink_to(folder)
    assert names(folder) == ["linked", "posters/summer sale"]


def test_without_expected_and_mask(tmp_path: Path) -> None:
    """Only the input is needed: the rest is unknown, and the suite's scale holds."""
    save(tmp_path / "bare" / "input.png")
    request, reference = read(tmp_path, "bare", scale=2)
    assert request.mask is None
    assert request.scale == reference.scale == 2
    assert reference.expected is None
    assert reference.areas["all"].shape == (80, 120)
    assert not any(
        reference.areas[region].any() for region in ("edit", "ring", "keep", "protect", "seams")
    )
    assert reference.areas["border"][:5].all()
    assert not reference.areas["border"][8:-8, 8:-8].any()


def test_expected_tells_the_scale(tmp_path: Path) -> None:
    """An expected picture twice as large asks for an output twice as large."""
    case(tmp_path, "twice", expected=(80, 120))
    request, reference = read(tmp_path, "twice")
    assert request.scale == 2
    assert reference.areas["edit"].sum() == 4 * (require_part(request.mask) > 0).sum()


def test_facts(tmp_path: Path) -> None:
    """Prompt, settings, what must survive, and what is written where; the folder's words hold where
    a case has none.
    """
    place = case(tmp_path, "one")
    (tmp_path / "case.toml").write_text('prompt = "remove it"\n[metadata]\ncriticality = "high"\n')
    save(place / "fine.png", mode="L")
    (place / "case.toml").write_text(
        'give_mask = false\n[config]\n"tile.size_px" = 32\n[protect]\nserial = [0, 0, 8, 8]\nfine ='
        ' "fine.png"\n[[boxes]]\nlabel = "SAMPLE"\nbox = [11, 11, 20, 30]\n'
    )
    request, reference = read(tmp_path, "one")
    assert (request.prompt, request.mask, dict(request.metadata)) == (
        "remove it",
        None,
        {"criticality": "high"},
    )
    assert dict(request.config) == {"tile.size_px": 32}
    assert reference.areas["edit"].any()
    assert (
        reference.areas["protect"].sum() == 64
    )  # the fine print lies in the edit, where nothing can survive
    assert reference.boxes[0].label == "SAMPLE"


def test_a_transparent_mask_is_its_alpha(tmp_path: Path) -> None:
    """A mask painted as a transparent layer."""
    place = case(tmp_path, "one")
    alpha = Pil.open(place / "mask.png")
    Pil.merge("RGBA", (*Pil.new("RGB", alpha.size, "red").split(), alpha)).save(place / "mask.png")
    assert read(tmp_path, "one")[1].areas["edit"].sum() == 9 * 19


def test_another_picture_is_another_case(tmp_path: Path) -> None:
    """The digest knows every file."""
    place = case(tmp_path, "one")
    (place / "case.toml").write_text('[protect]\nfine = "fine.png"\n')
    seen: set[str] = set()
    for part in ("input.png", "mask.png", "expected.png", "fine.png"):
        save(place / "fine.png", mode="L")
        Pil.new("L", (60, 40), len(seen)).save(place / part)
        seen.add(hash_case(find_case(tmp_path, "one")))
    assert len(seen) == 4


Spoil = Callable[[Path], object]

SPOILT: list[tuple[str, Spoil]] = [
    (
        r"mask\.png is 30×30; the input is 60×40\. Give it a mask of the same size",
        lambda place: save(place / "mask.png", (30, 30), mode="L"),
    ),
    (
        r"expected\.png is 90×60; it must be the input's 60×40",
        lambda place: save(place / "expected.png", (60, 90)),
    ),
    (
        r"input\.png: it is not a picture",
        lambda place: (place / "input.png").write_bytes(b"no picture"),
    ),
    (
        r"mask\.png is empty: it holds no picture",
        lambda place: (place / "mask.png").write_bytes(b""),
    ),
    (r"input\.png and .*input\.webp have one name", lambda place: save(place / "input.webp")),
    (
        r"case\.toml: there is no field `promt`",
        lambda place: (place / "case.toml").write_text('promt = "x"'),
    ),
    (r"case\.toml is not valid TOML", lambda place: (place / "case.toml").write_text("prompt =")),
    (
        r"case\.toml: scale must be 1 to 8",
        lambda place: (place / "case.toml").write_text("scale = 99"),
    ),
    (
        r"gone\.png can't be read",
        lambda place: (place / "case.toml").write_text('[protect]\nx = "gone.png"'),
    ),
    (
        r"expected\.jpg is a link to a file that is not there",
        lambda p: (p / "expected.jpg").symlink_to(p / "no.jpg"),
    ),
]


@pytest.mark.parametrize(("message", "spoil"), SPOILT, ids=[message for message, _ in SPOILT])
def test_what_is_wrong_is_named(tmp_path: Path, message: str, spoil: Spoil) -> None:
    """Before anything is run, with the file and what is wrong with it."""
    spoil(case(tmp_path, "one"))
    with pytest.raises(UsageError, match=message):
        find_cases(tmp_path)


def test_a_box_outside_is_named(tmp_path: Path) -> None:
    """When the case is read."""
    (case(tmp_path, "one") / "case.toml").write_text("[protect]\nx = [0, 0, 50, 10]")
    with pytest.raises(
        UsageError, match=r"case\.toml: protect\.x is \[0, 0, 50, 10\]; it must be .* inside 60×40"
    ):
        read(tmp_path, "one")


def test_a_torn_file_is_named(tmp_path: Path) -> None:
    """Its header is whole, so only reading it tells."""
    path = case(tmp_path, "one") / "input.png"
    path.write_bytes(path.read_bytes()[:-60])
    with pytest.raises(UsageError, match=r"input\.png: it can't be read"):
        read(tmp_path, "one")


def test_empty_and_missing_folders(tmp_path: Path) -> None:
    """What to put there, and where."""
    with pytest.raises(UsageError, match="there is no folder of cases"):
        find_cases(tmp_path / "absent")
    with pytest.raises(UsageError, match=r"holds no cases: put a picture NAME/input\.png"):
        find_cases(tmp_path)
    save(tmp_path / "mask" / "a.png")
    with pytest.raises(UsageError, match="no cases"):
        find_cases(tmp_path)
    save(tmp_path / "input" / "b.png")
    with pytest.raises(UsageError, match=r"mask/a\.png belongs to no input"):
        find_cases(tmp_path)


@pytest.mark.slow
def test_thousands(tmp_path: Path) -> None:
    """Each is found once, in order."""
    buffer = io.BytesIO()
    Pil.new("RGB", (2, 2)).save(buffer, "PNG")
    (tmp_path / "input").mkdir()
    for number in range(3000):
        (tmp_path / "input" / f"{number:04}.png").write_bytes(buffer.getvalue())
    assert names(tmp_path) == [f"{number:04}" for number in range(3000)]

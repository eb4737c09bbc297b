"""Detection: text at two sizes, logos, colours, the caller's mask, and a person's strokes over all
of them.
"""

from __future__ import annotations

import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image as Pil

from editproof.pipelines import ContractError, EditRequest, Image, Mask, reference
from editproof.pipelines.config import DetectConfig
from editproof.pipelines.edit import TextRegion
from editproof.pipelines.stages import ocr
from editproof.pipelines.stages.detect import apply_strokes
from editproof.pipelines.stages.ocr import find_text, height_px, read_text
from editproof.pipelines.stages.overlay import find_colour, find_template

Answers = dict[tuple[int, int], list[tuple[tuple[int, int, int, int], float]]]
"""What a detector finds, by the size of the picture that it is shown: boxes (x0, y0, x1, y1) and
scores.
"""


def detected_by(monkeypatch: pytest.MonkeyPatch, answers: Answers) -> None:
    def engine(pixels: np.ndarray, **_: bool) -> Any:
        found = answers[pixels.shape[:2]]
        boxes = [[(x0, y0), (x1, y0), (x1, y1), (x0, y1)] for (x0, y0, x1, y1), _ in found]
        return SimpleNamespace(
            boxes=np.array(boxes, np.float32) if boxes else None,
            scores=[score for _, score in found],
        )

    monkeypatch.setattr(ocr, "_load_engine", lambda: engine)


def test_what_either_size_finds_counts_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """At ×2 a small line and a large one; at ×1 the large one again, a little off, and one more."""
    detected_by(
        monkeypatch,
        {
            (200, 400): [((20, 20, 60, 30), 0.7), ((20, 100, 180, 140), 0.9)],
            (100, 200): [((12, 51, 91, 69), 0.95), ((120, 80, 190, 95), 0.8)],
        },
    )
    lines = find_text(np.zeros((100, 200, 3), np.uint8), DetectConfig())
    assert [(line.corners[0], line.confidence) for line in lines] == [
        ((10.0, 10.0), 0.7),
        ((10.0, 50.0), 0.9),
        ((120.0, 80.0), 0.8),
    ]
    assert len(find_text(np.zeros((100, 200, 3), np.uint8), DetectConfig(both_scales=False))) == 2


@pytest.mark.parametrize(
    ("box", "score", "counts"),
    [
        ((0, 0, 200, 100), 0.6, False),  # the whole of a smooth picture
        ((0, 0, 200, 100), 0.85, True),
        ((10, 10, 190, 50), 0.6, True),
        ((10, 10, 190, 50), 0.3, False),
    ],
)
def test_a_tall_box_must_be_sure(
    monkeypatch: pytest.MonkeyPatch, box: tuple[int, int, int, int], score: float, counts: bool
) -> None:
    """Lines higher than a quarter of the picture count at 0.75 and more, others at
    `detect.min_confidence`.
    """
    detected_by(monkeypatch, {(100, 200): [(box, score)]})
    config = DetectConfig(upsample=1)
    assert bool(find_text(np.zeros((100, 200, 3), np.uint8), config)) is counts


def test_a_line_is_read() -> None:
    """What it says, how sure that is, and how high it stands."""
    pixels = np.full((80, 240, 3), 60, np.uint8)
    cv2.putText(
        pixels, "WELCOME", (20, 55), cv2.FONT_HERSHEY_SIMPLEX, 1.3, (250, 250, 250), 3, cv2.LINE_AA
    )
    (line,) = find_text(pixels, DetectConfig())
    read = read_text(pixels, line)
    assert read.text == "WELCOME"
    assert 0.6 < read.confidence <= line.confidence
    assert 25 < height_px(line) < 60


@pytest.mark.slow
def test_each_line_s_confidence_stands_in_the_trace() -> None:
    image = np.full((120, 240, 3), 0.3, np.float32)
    pixels = np.round(image * 255).astype(np.uint8)
    cv2.putText(
        pixels, "WELCOME", (20, 70), cv2.FONT_HERSHEY_SIMPLEX, 1.2, (250, 250, 250), 3, cv2.LINE_AA
    )
    drawn = pixels.astype(np.float32) / np.float32(255)
    for settings, said in (
        ({}, r"1 text line \(0\.\d\d\) found"),
        ({"text.mode": "auto"}, r"\(0\.\d\d 'WELCOME'\)"),
    ):
        result = reference.build(**settings)(EditRequest(drawn))
        (decision,) = [stage.decision for stage in result.stages if stage.name == "detect"]
        assert re.search(said, decision)


@pytest.fixture(scope="module")
def photo() -> Image:
    from skimage import data

    return np.asarray(np.asarray(data.coffee())[100:260, 200:400] / 255, np.float32)


@pytest.fixture(scope="module")
def logo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A ring and a bar, red and white, on nothing: 40×40."""
    rgba = np.zeros((40, 40, 4), np.uint8)
    cv2.circle(rgba, (20, 20), 16, (210, 30, 40, 255), 5)
    cv2.rectangle(rgba, (17, 4), (23, 36), (250, 250, 250, 255), -1)
    path = tmp_path_factory.mktemp("logo") / "logo.png"
    Pil.fromarray(rgba).save(path)
    return path


@pytest.mark.parametrize("size", [0.6, 1.0, 1.75])
def test_a_logo_is_found_wherever_and_however_large(photo: Image, logo: Path, size: float) -> None:
    """Twice in a photograph; all of it is masked, and little else."""
    image, truth = photo.copy(), np.zeros(photo.shape[:2], bool)
    for top, left in ((10, 15), (75, 120)):
        truth |= _put(image, logo, size, top, left)
    mask, count = find_template(image, str(logo), min_score=0.8)
    assert count == 2
    assert mask[truth].mean() > 0.97
    assert (mask > 0).sum() < 1.6 * truth.sum()


def test_another_logo_in_the_same_file_is_another_pipeline(tmp_path: Path, logo: Path) -> None:
    """Its contents are part of the fingerprint, by which results are cached."""
    path = tmp_path / "logo.png"
    path.write_bytes(logo.read_bytes())
    before = reference.build(**{"detect.template": str(path)}).fingerprint
    assert reference.build(**{"detect.template": str(path)}).fingerprint == before
    Pil.new("RGBA", (40, 40), "red").save(path)
    assert reference.build(**{"detect.template": str(path)}).fingerprint != before


def test_a_picture_without_the_logo_has_none(photo: Image, logo: Path) -> None:
    assert find_template(photo, str(logo), min_score=0.8)[1] == 0
    assert find_template(np.full((64, 64, 3), 0.5, np.float32), str(logo), min_score=0.8)[1] == 0
    assert find_template(photo[:20, :20], str(logo), min_score=0.8)[1] == 0


def test_the_pipeline_takes_logos_and_colours(photo: Image, logo: Path) -> None:
    """By settings; the trace says how many and how much, and both are masked."""
    image = photo.copy()
    marked = _put(image, logo, 1.0, 20, 30)
    image[100:120, 100:140] = (0.0, 0.9, 0.1)
    settings: dict[str, str | bool] = {
        "detect.template": str(logo),
        "detect.colour": "#00e61a",
        "detect.text": False,
    }
    result = reference.build(**settings)(EditRequest(image))
    (stage,) = [stage for stage in result.stages if stage.name == "detect"]
    assert stage.decision.startswith("the template found 1 times; #00e61a on 2.")
    assert stage.artefact is not None
    assert stage.artefact[marked].mean() > 0.97
    assert stage.artefact[100:120, 100:140].all()


def test_a_template_that_can_t_be_read_is_named(photo: Image, tmp_path: Path) -> None:
    with pytest.raises(ContractError, match=r"detect\.template: .*missing\.png can't be read"):
        find_template(photo, str(tmp_path / "missing.png"), min_score=0.8)
    (tmp_path / "notes.png").write_text("no picture")
    with pytest.raises(ContractError, match=r"detect\.template: .*notes\.png: it is not a picture"):
        find_template(photo, str(tmp_path / "notes.png"), min_score=0.8)


def test_a_colour_is_told_by_its_distance_in_lab() -> None:
    """The colour and its near shades, with their rims, and no other."""
    image = np.full((30, 90, 3), 0.5, np.float32)
    image[10:20, 10:20] = (1.0, 0.0, 0.0)
    image[10:20, 40:50] = (0.97, 0.05, 0.02)
    image[10:20, 70:80] = (0.0, 0.0, 1.0)
    mask = find_colour(image, "#ff0000", tolerance=15)
    assert mask[10:20, 10:20].all()
    assert mask[10:20, 40:50].all()
    assert not mask[:, 60:].any()
    assert (mask > 0).sum() == 2 * 12 * 12


def test_a_colour_is_written_as_on_the_web() -> None:
    with pytest.raises(ContractError, match=r"detect\.colour must be written #rrggbb; it is 'red'"):
        reference.build(**{"detect.colour": "red"})


def test_strokes_win_over_what_is_found() -> None:
    """Added ones count in full, subtracted ones win over everything, in the refined mask too."""
    shape = (40, 40)
    image, mask, add, subtract = (
        np.full((*shape, 3), 0.5, np.float32),
        *(np.zeros(shape, np.float32) for _ in range(3)),
    )
    mask[10:20, 10:20] = add[25:30, 25:30] = subtract[10:20, 15:40] = 1
    request = EditRequest(image, mask, strokes_add=add, strokes_subtract=subtract)
    wanted = np.zeros(shape, np.float32)
    wanted[10:20, 10:15] = wanted[25:30, 25:30] = 1
    assert np.array_equal(apply_strokes(mask, request)[0], wanted)
    result = reference.build(**{"mask.soft_sigma_px": 3.0, "mask.max_coverage": 1.0})(request)
    (refined,) = [stage.artefact for stage in result.stages if stage.name == "refine_mask"]
    assert refined is not None
    assert refined[9, 9] > 0
    assert not refined[subtract > 0].any()


@pytest.mark.parametrize("name", ["strokes_add", "strokes_subtract", "protect"])
def test_strokes_and_protected_features_are_checked(name: str) -> None:
    """As the mask is: size, type, range; the message names them."""
    image = np.zeros((8, 8, 3), np.float32)

    def ask(plane: Mask) -> None:
        given: dict[str, Any] = {name: {"print": plane} if name == "protect" else plane}
        reference.build()(EditRequest(image, **given))

    for plane, part in (
        (np.zeros((8, 9), np.float32), "must be of one size"),
        (np.zeros((8, 8), bool), "must be float32"),
        (np.full((8, 8), 255, np.float32), "must be in"),
    ):
        with pytest.raises(ContractError, match=rf"request\.{name}.*{part}"):
            ask(plane)


def _put(image: Image, path: Path, size: float, top: int, left: int) -> np.ndarray:
    """Lay the logo over the image, in place; gives its opaque pixels."""
    with Pil.open(path) as picture:
        edge = round(40 * size)
        rgba = np.asarray(
            picture.resize((edge, edge), Pil.Resampling.LANCZOS), np.float32
        ) / np.float32(255)
    place = np.s_[top : top + edge, left : left + edge]
    alpha = rgba[..., 3:]
    image[place] = alpha * rgba[..., :3] + (1 - alpha) * image[place]
    covered = np.zeros(image.shape[:2], bool)
    covered[place] = rgba[..., 3] > 0.5
    return covered


@pytest.mark.slow
def test_small_text_in_a_large_picture_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """4096 px: 12 px print across a tile's corner, a line over three tiles as one, and a headline
    larger than tiles; the detector never sees more than a tile.
    """
    pixels = np.full((4096, 4096, 3), 70, np.uint8)
    lines = {
        "small print": ((1000, 905), 12, 1),
        "another one": ((3796, 4056), 14, 1),
        "a line over three tiles": ((300, 2000), 50, 3),
        "SOLD": ((2760, 3400), 170, 16),
    }
    for text, (place, high, thick) in lines.items():
        cv2.putText(
            pixels,
            text,
            place,
            cv2.FONT_HERSHEY_SIMPLEX,
            high / 22,
            (250, 250, 250),
            thick,
            cv2.LINE_AA,
        )
    seen: list[tuple[int, ...]] = []
    engine = ocr._load_engine()

    def spying(picture: np.ndarray, **asked: bool) -> Any:
        seen.append(picture.shape)
        return engine(picture, **asked)

    monkeypatch.setattr(ocr, "_load_engine", lambda: spying)
    found = find_text(pixels, DetectConfig())
    assert max(max(shape) for shape in seen) <= ocr.TILE_PX
    read = {read_text(pixels, line).text: line for line in found}
    assert set(read) >= set(lines)
    assert (
        len(found) <= len(lines) + 2
    )  # a stroke of the headline, alone in a tile, may pass for a letter
    for text, ((x, base), high, _) in lines.items():
        (left, top), _, (_, bottom), _ = read[text].corners
        assert abs(left - x) < 0.2 * high + 20
        assert top < base - high / 2 < bottom
        assert bottom - top < 2 * high + 12


def test_pieces_of_a_line_are_joined_and_lines_that_touch_are_not() -> None:
    """Along a slope, too; whatever order they come in."""

    def box(x0: float, x1: float, y: float, slope: float = 0.0, high: float = 20.0) -> TextRegion:
        ys = [y + slope * x for x in (x0, x1)]
        return TextRegion(((x0, ys[0]), (x1, ys[1]), (x1, ys[1] + high), (x0, ys[0] + high)), 0.8)

    for slope in (0.0, 0.1):
        pieces = [box(0, 1000, 50, slope), box(900, 1900, 51, slope), box(1800, 2000, 50, slope)]
        for order in ((0, 1, 2), (0, 2, 1), (2, 1, 0)):
            lines: list[TextRegion] = []
            for number in order:
                ocr._add_line(pieces[number], lines)
            (line,) = lines
            assert line.corners[0] == pytest.approx((0, 50), abs=12)
            assert line.corners[2] == pytest.approx((2000, 70 + slope * 2000), abs=12)
    stacked: list[TextRegion] = []
    for y in (0, 18, 36):
        ocr._add_line(box(0, 300, y), stacked)
    assert len(stacked) == 3

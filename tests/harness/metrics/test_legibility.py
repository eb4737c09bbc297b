"""Text that must go and text that must stay, as strokes and as a reader sees them."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from editproof.harness.metrics.core.golden import printed_pair
from editproof.harness.metrics.core.metric import Image, Metric, Reference, Value
from editproof.harness.metrics.core.ocr import character_errors, text_area
from editproof.harness.metrics.legibility.cer import CER
from editproof.harness.metrics.legibility.micro_legibility import MICRO_LEGIBILITY
from editproof.harness.metrics.residue.text_residue import TEXT_RESIDUE
from editproof.harness.metrics.structure.ssim import SSIM
from editproof.harness.running.measure import as_delivered
from editproof.harness.suites.tasks import make_scene_task
from editproof.vectors.registry import get_vector


def values(metric: Metric, reference: Reference, actual: Image) -> dict[tuple[str, str], Value]:
    return {(v.region, v.stat): v for v in metric.measure(metric.prepare(reference), actual)}


def number(value: Value) -> float:
    assert value.value is not None, value.reason
    return value.value


@pytest.fixture(scope="module")
def microprint() -> Reference:
    return make_scene_task(get_vector("microprint").render(7, 256, step=4, scale=1)).reference


def blurred(reference: Reference, sigma: float) -> Image:
    """The right answer, its protected features blurred."""
    assert reference.expected is not None
    soft = cv2.GaussianBlur(reference.expected, (0, 0), sigma)
    return as_delivered(np.where(reference.areas["protect"][..., None], soft, reference.expected))


def test_lost_microprint_is_seen_where_the_mean_of_ssim_hardly_moves(microprint: Reference) -> None:
    """Nothing of the rows is left; the whole picture's SSIM loses little more than a tenth."""
    actual = blurred(microprint, 3.0)
    assert number(values(SSIM, microprint, actual)["all", "mean"]) > 0.88
    found = values(MICRO_LEGIBILITY, microprint, actual)
    assert number(found["protect", "mean"]) < 0.3
    assert number(found["protect", "worst"]) < 0.15


def test_the_more_blur_the_less_legible(microprint: Reference) -> None:
    """Mean and worst window fall together."""
    found = [
        values(MICRO_LEGIBILITY, microprint, blurred(microprint, sigma))
        for sigma in (0.4, 0.7, 1.2, 2.5)
    ]
    for stat in MICRO_LEGIBILITY.stats:
        legible = [number(each["protect", stat]) for each in found]
        assert legible == sorted(legible, reverse=True)


def test_one_lost_word_is_found_with_its_place(microprint: Reference) -> None:
    """The mean hardly tells; the worst window does, and where."""
    assert microprint.expected is not None
    rows, columns = (np.flatnonzero(microprint.areas["protect"].any(axis=axis)) for axis in (1, 0))
    y, x = int(rows[0]), int(columns[len(columns) // 2])
    actual = microprint.expected.copy()
    actual[y : y + 8, x - 20 : x + 20] = actual[y : y + 8, x - 20 : x + 20].mean(axis=(0, 1))
    found = values(MICRO_LEGIBILITY, microprint, actual)
    worst = found["protect", "worst"]
    assert number(found["protect", "mean"]) > 0.9
    assert number(worst) < number(found["protect", "mean"]) - 0.2
    assert worst.y is not None
    assert worst.x is not None
    assert abs(worst.y - y) < 32
    assert abs(worst.x - x) < 32


def test_faded_to_half_is_a_known_number() -> None:
    """2·0.5 / (1 + 0.5²) = 0.8; inverted -1; a tint of the whole picture nothing."""
    rng = np.random.default_rng(0)
    strokes = 0.25 * (rng.random((96, 96, 1)) - 0.5)
    areas = Reference(
        {"protect": np.ones((96, 96), bool)}, np.repeat(0.5 + strokes, 3, axis=2).astype(np.float32)
    )
    for gain, legible in ((1.0, 1.0), (0.5, 0.8), (0.0, 0.0), (-1.0, -1.0)):
        actual = np.repeat(0.55 + gain * strokes, 3, axis=2).astype(np.float32)
        assert number(values(MICRO_LEGIBILITY, areas, actual)["protect", "mean"]) == pytest.approx(
            legible, abs=0.05
        )


@given(st.text("abcdef ", max_size=12), st.text("abcdef", min_size=1, max_size=12))
def test_character_errors_are_a_distance(read: str, text: str) -> None:
    """0 for what is read right, spaces aside, at most 1, and all of it where nothing is read."""
    assert character_errors(text, text) == character_errors(" ".join(text), text) == 0
    assert character_errors("", text) == 1
    assert 0 <= character_errors(read, text) <= 1


def test_character_errors_are_counted() -> None:
    """One letter of eight."""
    assert character_errors("GENU1NE A", "GENUINE A") == 1 / 8
    assert character_errors("kitten", "sitting") == 3 / 7


@pytest.mark.slow
def test_text_that_went_is_gone_and_text_that_stayed_is_there() -> None:
    """Of two words that had to go one is left; of the printed line the end is lost."""
    reference, actual = printed_pair()
    assert reference.expected is not None
    assert number(values(TEXT_RESIDUE, reference, actual)["edit", "found"]) == 0.5
    assert number(values(CER, reference, actual)["protect", "worst"]) > 0.3
    for metric in (TEXT_RESIDUE, CER):
        assert {v.value for v in values(metric, reference, reference.expected).values()} == {0.0}
    assert reference.input is not None
    assert number(values(TEXT_RESIDUE, reference, reference.input)["edit", "found"]) == 1


def test_what_ocr_cannot_read_in_the_right_answer_is_no_ones_fault() -> None:
    """The reason says so, in both directions."""
    reference, actual = printed_pair()
    assert reference.expected is not None
    grey = np.full_like(reference.expected, 0.5)
    unreadable = Reference(
        reference.areas, grey, reference.input, reference.overlay, None, reference.boxes
    )
    assert {v.reason for v in values(CER, unreadable, actual).values()} == {
        "OCR can't read it in the expected picture either"
    }
    invisible = Reference(reference.areas, grey, grey, reference.overlay, None, reference.boxes)
    assert {v.reason for v in values(TEXT_RESIDUE, invisible, actual).values()} == {
        "OCR does not see the text before the edit either"
    }


def test_a_picture_without_structure_holds_no_text() -> None:
    """The detector frames all of a smooth picture."""
    ramp = np.linspace(0.2, 0.8, 256, dtype=np.float32)
    assert not text_area(np.repeat(np.add.outer(ramp, ramp)[..., None] / 2, 3, axis=2)).any()

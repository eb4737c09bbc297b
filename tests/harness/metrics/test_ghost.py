"""A ghost of the overlay: seen from 1 % on, and nothing seen where there is none."""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from editproof.harness.metrics.core.metric import Image, Reference
from editproof.harness.metrics.residue.ghost import GHOST
from editproof.harness.running.measure import as_delivered
from editproof.harness.suites.tasks import make_scene_task
from editproof.vectors.registry import get_vector
from editproof.vectors.scene import Scene
from tests.grids import diagonal

FLAT = (
    ("thin_text", 1),
    ("logo", 1),
    ("watermark", 1),
    ("microprint", 1),
    ("signature", 1),
    ("tiled_seams", 3),
)

BUSY = (
    ("logo", 3),
    ("date_stamp", 3),
    ("photobomb", 3),
    ("grain", 3),
    ("shadow_edge", 5),
    ("scan_annotation", 3),
)
SIZE = 192
CHANCE_DB = 20 * np.log10(3.0)


@cache
def scene(family: str, step: int, scale: int) -> Scene:
    return get_vector(family).render(5, SIZE, step=step, scale=scale)


def enlarged(image: NDArray[np.float32], scale: int) -> Image:
    size = (image.shape[1] * scale, image.shape[0] * scale)
    return (
        image
        if scale == 1
        else np.asarray(cv2.resize(image, size, interpolation=cv2.INTER_LANCZOS4), np.float32)
    )


def with_residue(scene: Scene, share: float) -> Image:
    """The right answer with a share of the overlay left, as an upscaler shows it, rounded to 8 bits
    but not clipped.
    """
    return as_delivered(
        scene.clean + np.float32(share) * enlarged(scene.input - scene.clean_input, scene.scale)
    )


def measured(reference: Reference, actual: Image) -> tuple[float, float]:
    values = {v.stat: v.value for v in GHOST.measure(GHOST.prepare(reference), actual)}
    amplitude, snr = values["amplitude"], values["snr"]
    assert amplitude is not None
    assert snr is not None
    return amplitude, snr


@pytest.mark.parametrize(("rung", "scale"), diagonal(FLAT + BUSY, [1, 2]), ids=str)
def test_one_percent_is_seen(rung: tuple[str, int], scale: int) -> None:
    """After rounding to 8 bits, on flat and on busy grounds, at input size and above it."""
    drawn = scene(*rung, scale)
    amplitude, snr = measured(
        make_scene_task(drawn).reference, with_residue(drawn, 0.01).clip(0, 1)
    )
    assert snr > CHANCE_DB
    assert amplitude == pytest.approx(0.01, abs=0.007)


@pytest.mark.parametrize(("rung", "scale"), diagonal(FLAT + BUSY, [1, 2]), ids=str)
def test_the_amplitude_is_the_share_that_is_left(rung: tuple[str, int], scale: int) -> None:
    """With its sign: what was taken off too much is negative."""
    drawn = scene(*rung, scale)
    reference = make_scene_task(drawn).reference
    for share in (0.1, -0.1):
        amplitude, _ = measured(reference, with_residue(drawn, share))
        assert amplitude == pytest.approx(share, rel=0.2)


@pytest.mark.parametrize(("family", "step"), FLAT + BUSY)
def test_more_of_it_is_more(family: str, step: int) -> None:
    """Amplitude and certainty rise with what is left."""
    drawn = scene(family, step, 1)
    reference = make_scene_task(drawn).reference
    amplitudes, snrs = zip(
        *(measured(reference, with_residue(drawn, s)) for s in (0.0, 0.01, 0.04, 0.16)), strict=True
    )
    assert list(amplitudes) == sorted(amplitudes)
    assert list(snrs) == sorted(snrs)


@pytest.mark.parametrize(("family", "step"), BUSY)
def test_a_smooth_fill_is_no_ghost(family: str, step: int) -> None:
    """What an inpainter got wrong on a busy ground is not shaped like the overlay."""
    drawn = scene(family, step, 1)
    hole = cv2.dilate((drawn.overlay > 0).astype(np.uint8), np.ones((3, 3), np.uint8))
    pixels = np.round(drawn.input * 255).astype(np.uint8)
    filled = np.asarray(cv2.inpaint(pixels, hole, 3, cv2.INPAINT_NS), np.float32) / np.float32(255)
    _, snr = measured(make_scene_task(drawn).reference, filled)
    assert snr < 20 * np.log10(4.0)


@pytest.mark.parametrize("fault", ["noise", "tint", "blur"])
def test_other_damage_is_no_ghost(fault: str) -> None:
    """Noise, a tint and a blur of the whole picture leave it quiet."""
    drawn = scene("logo", 3, 1)
    damaged = {
        "noise": drawn.clean + np.random.default_rng(0).normal(0, 0.02, drawn.clean.shape),
        "tint": drawn.clean + np.array([0.05, 0, -0.05]),
        "blur": cv2.GaussianBlur(drawn.clean, (0, 0), 1.0),
    }[fault]
    _, snr = measured(
        make_scene_task(drawn).reference, as_delivered(np.clip(damaged, 0, 1).astype(np.float32))
    )
    assert snr < CHANCE_DB


def test_the_map_shows_where_it_is_left() -> None:
    """A ghost in the left half only."""
    drawn = scene("watermark", 1, 1)
    half = drawn.clean.shape[1] // 2
    actual = with_residue(drawn, 0.3)
    actual[:, half:] = drawn.clean[:, half:]
    assert GHOST.map is not None
    plane = GHOST.map(GHOST.prepare(make_scene_task(drawn).reference), actual)
    inside = drawn.overlay > 0.3
    assert plane[:, : half - 16][inside[:, : half - 16]].mean() == pytest.approx(0.3, abs=0.1)
    assert abs(plane[:, half + 16 :][inside[:, half + 16 :]].mean()) < 0.02


def test_an_overlay_that_cannot_be_seen_gives_a_reason() -> None:
    """Paint of the ground's own colour leaves nothing to look for."""
    ground = np.full((64, 64, 3), 0.5, np.float32)
    area = np.zeros((64, 64), bool)
    area[20:40, 20:40] = True
    reference = Reference({"edit": area}, ground, ground, area.astype(np.float32), ground)
    assert all(
        "can't be told" in value.reason for value in GHOST.measure(GHOST.prepare(reference), ground)
    )

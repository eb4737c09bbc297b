"""Other people's gates: each judges as its authors say, and those of other packages join, or are
named where they can't.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from importlib.metadata import EntryPoint

import numpy as np
import pytest

from editproof.harness.calibration import gates as module
from editproof.harness.calibration.gates import (
    ENTRY_POINTS,
    PIXEL_THRESHOLD,
    YIQ_MAX,
    Gate,
    ScoreGate,
    explain_missing_gate,
    load_gates,
    load_plugin_gates,
    odiff_count,
    pixelmatch_count,
)
from editproof.harness.calibration.judging import ask_gate
from editproof.harness.metrics.core.lpips_weights import find_weights
from editproof.harness.metrics.core.metric import Image
from editproof.harness.records.errors import UsageError
from editproof.pipelines.contract import Mask
from editproof.vectors import plugins

WEIGHTS = find_weights("", download=False)
"""Those that come with a package."""


@pytest.fixture
def offer(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """An installed package that offers this module's MINE."""
    point = EntryPoint("mine", f"{__name__}:MINE", ENTRY_POINTS)
    monkeypatch.setattr(
        plugins, "entry_points", lambda group: [point] if group == ENTRY_POINTS else []
    )
    load_plugin_gates.cache_clear()
    yield monkeypatch
    load_plugin_gates.cache_clear()


def never(
    _accepted: Sequence[Image], _new: Sequence[Image], _masks: Sequence[Mask | None]
) -> tuple[bool, str]:
    raise RuntimeError("no weights")


MINE: object = Gate("mine", "fails always", never)


def failing(accepted: Image, new: Image, answer: Image | None = None) -> set[str]:
    words = {
        gate.name: ask_gate(gate, [accepted], [new], [None], [answer])
        for gate in load_gates(WEIGHTS)
    }
    assert all(word.failed is not None for word in words.values()), words
    assert all(bool(word.reason) == word.failed for word in words.values())
    return {name for name, word in words.items() if word.failed}


@pytest.mark.slow
def test_they_judge_as_they_say() -> None:
    """On a picture with a shift of one level, a small dark patch, and another picture
    altogether.
    """
    picture = np.asarray(np.random.default_rng(0).integers(60, 200, (64, 64, 3)) / 255, np.float32)
    patch = picture.copy()
    patch[:8, :8] = 0
    assert failing(picture, picture.copy(), picture) == set()
    assert failing(picture, picture + np.float32(1 / 255), picture) == {"any pixel"}
    assert {"any pixel", "1 % of pixels", "pixelmatch", "odiff"} <= failing(picture, patch, picture)
    everything = {gate.name for gate in load_gates(WEIGHTS)}
    assert failing(picture, 1 - picture, picture) == everything


def test_a_score_needs_the_right_answer() -> None:
    """Without one it passes; with one it looks at the scores alone, so a better picture passes as
    well.
    """
    gate = next(one for one in load_gates(WEIGHTS) if isinstance(one, ScoreGate))
    generator = np.random.default_rng(1)
    answer = generator.random((64, 64, 3), dtype=np.float32)
    bad = np.asarray(answer * 0.5 + 0.25, np.float32)
    assert ask_gate(gate, [bad], [answer], [None], [answer]).failed is False
    assert ask_gate(gate, [answer], [bad], [None], [answer]).failed is True
    assert ask_gate(gate, [answer], [bad], [None], [None]).failed is False


@pytest.mark.parametrize("seed", range(6))
def test_pixels_are_counted_as_published(seed: int) -> None:
    """Pixel by pixel, as pixelmatch and odiff describe it; on drawings with soft edges, where their
    rules matter.
    """
    one, other = (drawing(np.random.default_rng(seed), moved=moved) for moved in (0.0, 0.6))
    assert pixelmatch_count(one, other) == slow_count(one, other, by_rows=False)
    assert odiff_count(one, other) == slow_count(one, other, by_rows=True)


def test_what_is_anti_aliased_is_left_out() -> None:
    """A soft edge that moved by a fraction of a pixel counts for less than all that differs, and
    not for nothing.
    """
    past, counts = 0, [0, 0]
    for seed in range(6):
        one, other = (drawing(np.random.default_rng(seed), moved=moved) for moved in (0.0, 0.6))
        levels = [np.rint(image * 255).astype(np.int64) for image in (one, other)]
        past += int((module._colour_distance(*levels) > YIQ_MAX * PIXEL_THRESHOLD**2).sum())
        counts = [counts[0] + pixelmatch_count(one, other), counts[1] + odiff_count(one, other)]
    assert 0 < counts[1] <= counts[0] < past


def test_a_gate_of_another_package_joins(offer: pytest.MonkeyPatch) -> None:
    """It is asked after ours; what it raises is its own error."""
    assert [gate.name for gate in load_gates(WEIGHTS)][-1] == "mine"
    picture = np.zeros((32, 32, 3), np.float32)
    word = ask_gate(load_gates(WEIGHTS)[-1], [picture], [picture], [None], [None])
    assert word.failed is None
    assert word.reason == "RuntimeError: no weights"


def test_an_offer_that_is_no_gate_is_refused(offer: pytest.MonkeyPatch) -> None:
    offer.setitem(globals(), "MINE", "a string")
    with pytest.raises(UsageError, match="must be a Gate"):
        load_gates(WEIGHTS)


def test_two_gates_of_one_name_are_refused(offer: pytest.MonkeyPatch) -> None:
    offer.setitem(globals(), "MINE", Gate("odiff", "mine", never))
    with pytest.raises(UsageError, match="two gates are called 'odiff'"):
        load_gates(WEIGHTS)


def test_dists_is_asked_or_named() -> None:
    """Its weights are never downloaded: where they are not here, one line says so."""
    assert bool(explain_missing_gate()) != any(
        gate.name.startswith("DISTS") for gate in load_gates(WEIGHTS)
    )


def drawing(generator: np.random.Generator, *, moved: float) -> Image:
    """A disc and a bar with soft edges on even ground, moved to the right by a part of a pixel."""
    rows, columns = np.mgrid[:24, :24].astype(np.float64)
    y, x, radius = generator.uniform(8, 16), generator.uniform(8, 16), generator.uniform(4, 7)
    disc = np.clip(radius - np.hypot(rows - y, columns - x - moved) + 0.5, 0, 1)
    bar = np.clip(2.5 - np.abs(columns - 3 - moved) + 0.5, 0, 1)
    ink = np.maximum(disc, bar)[..., None]
    return np.asarray(np.rint((1 - ink * generator.uniform(0.5, 1, 3)) * 255) / 255, np.float32)


Grid = list[list[tuple[int, int, int]]]


def slow_count(one: Image, other: Image, *, by_rows: bool) -> int:
    """The published rule, one pixel after another."""
    grids: list[Grid] = [
        [[tuple(p) for p in row] for row in np.rint(i * 255).astype(int).tolist()]
        for i in (one, other)
    ]
    height, width = one.shape[:2]
    count = 0
    for y in range(height):
        for x in range(width):
            if far(grids[0][y][x], grids[1][y][x]) > YIQ_MAX * PIXEL_THRESHOLD**2:
                soft = [is_soft(grids[i], grids[1 - i], y, x, by_rows=by_rows) for i in (0, 1)]
                count += not any(soft)
    return count


def far(one: tuple[int, int, int], other: tuple[int, int, int]) -> float:
    r, g, b = (p - q for p, q in zip(one, other, strict=True))
    y = 0.29889531 * r + 0.58662247 * g + 0.11448223 * b
    i = 0.59597799 * r - 0.27417610 * g - 0.32180189 * b
    q = 0.21147017 * r - 0.52261711 * g + 0.31114694 * b
    return 0.5053 * y * y + 0.299 * i * i + 0.1957 * q * q


def around(grid: Grid, y: int, x: int, *, by_rows: bool) -> list[tuple[int, int]]:
    ys = [v for v in (y - 1, y, y + 1) if 0 <= v < len(grid)]
    xs = [v for v in (x - 1, x, x + 1) if 0 <= v < len(grid[0])]
    spots = [(v, h) for v in ys for h in xs] if by_rows else [(v, h) for h in xs for v in ys]
    return [spot for spot in spots if spot != (y, x)]


def is_soft(grid: Grid, other: Grid, y: int, x: int, *, by_rows: bool) -> bool:
    near = around(grid, y, x, by_rows=by_rows)
    equal, darkest, brightest = int(len(near) < 8), 0.0, 0.0
    ends: list[tuple[int, int] | None] = [None, None]
    for spot in near:
        step = luma(grid[y][x]) - luma(grid[spot[0]][spot[1]])
        if step == 0:
            equal += 1
        elif step < darkest:
            darkest, ends[0] = step, spot
        elif step > brightest:
            brightest, ends[1] = step, spot
    if equal > 2 or ends[0] is None or ends[1] is None:
        return False
    low, high = [[is_even(g, *end) for g in (grid, other)] for end in (ends[0], ends[1])]
    return (low[0] or high[0]) and (low[1] or high[1]) if by_rows else all(low) or all(high)


def is_even(grid: Grid, y: int, x: int) -> bool:
    near = around(grid, y, x, by_rows=True)
    return int(len(near) < 8) + sum(grid[v][h] == grid[y][x] for v, h in near) > 2


def luma(pixel: tuple[int, int, int]) -> float:
    return 0.29889531 * pixel[0] + 0.58662247 * pixel[1] + 0.11448223 * pixel[2]

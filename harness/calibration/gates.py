"""Common gates, which judge the same pictures, and gates of other packages.

Each gets the accepted pictures and the new ones, case by case, and says whether the run passes.
Ours are written from what their authors publish. They contain none of their code.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from editproof.harness.metrics.core.lpips_weights import LpipsWeights
from editproof.harness.metrics.core.metric import Image, Metric, make_reference
from editproof.harness.metrics.core.registry import get_metric
from editproof.harness.records.errors import UsageError
from editproof.harness.running.measure import measure, prepare
from editproof.pipelines.contract import Mask
from editproof.vectors.plugins import PluginError, load_plugins

ENTRY_POINTS = "editproof.gates"
"""Group under which other packages offer gates: a Gate, or several in a list or tuple."""

GateAnswer = tuple[bool, str]
"""Whether the run passes, and why not."""

Judge = Callable[[Sequence[Image], Sequence[Image], Sequence[Mask | None]], GateAnswer]
"""`judge(accepted, new, masks)` gets one of each for every case: pictures of one size, and a mask
of that size that is 1 in the edit.
"""


@dataclass(frozen=True, slots=True)
class Gate:
    """A gate that gets nothing but pictures."""

    name: str
    about: str
    """What it checks, in one clause."""
    judge: Judge


@dataclass(frozen=True, slots=True)
class ScoreGate:
    """A gate that scores pictures against the right answer and compares the scores."""

    name: str
    about: str
    score: Callable[[Image, Image], float]
    """`score(answer, picture)`."""
    passes: Callable[[float, float], bool]
    """`passes(accepted score, new score)`."""


PIXEL_THRESHOLD = 0.1
"""Default of pixelmatch, odiff and Playwright. A pixel differs if its distance is above YIQ_MAX ×
the square of this.
"""
YIQ_MAX = 35_215.0
"""The largest distance between two colours."""
_TO_YIQ = np.array(
    [
        [0.29889531, 0.58662247, 0.11448223],
        [0.59597799, -0.27417610, -0.32180189],
        [0.21147017, -0.52261711, 0.31114694],
    ]
)
_YIQ_WEIGHTS = np.array([0.5053, 0.299, 0.1957])

MAX_DISTS = 0.1
"""No limit for DISTS is published. This is our limit for LPIPS."""

_DISTS_FILES = ("dists_weights.pt", "vgg16-397923af.pth")

MAX_SHARE = 0.01
MIN_SSIM = 0.95
SSIM_SHARE = 0.98
MAX_LPIPS, MIN_PSNR_DB = 0.1, 30.0
MAX_FLIP = 0.05

Levels = npt.NDArray[np.int64]
Order = Literal["columns", "rows"]
"""The order in which neighbours are searched. Of equally dark neighbours, the first is taken."""


def load_gates(weights: LpipsWeights) -> tuple[Gate | ScoreGate, ...]:
    """Return our gates, then those of other packages. Raises UsageError if an entry point is not a
    gate, or if two gates have one name.
    """
    found = (*_make_gates(weights), *load_plugin_gates())
    names = [gate.name for gate in found]
    for name in names:
        if names.count(name) > 1:
            raise UsageError(f"two gates are called {name!r}: rename the one under {ENTRY_POINTS}")
    return found


@cache
def load_plugin_gates() -> tuple[Gate, ...]:
    """Return the gates of installed packages. Raises UsageError that names the package."""
    try:
        return load_plugins(ENTRY_POINTS, Gate)
    except PluginError as error:
        raise UsageError(str(error)) from error


def explain_missing_gate() -> str:
    """Say which gate is left out and why; empty: none is."""
    return _explain_missing_dists()


def _make_gates(weights: LpipsWeights) -> tuple[Gate | ScoreGate, ...]:
    psnr, ssim, lpips, flip = (
        _make_mean(get_metric(name, weights)) for name in ("psnr", "ssim", "lpips", "flip")
    )
    found: tuple[Gate | ScoreGate, ...] = (
        Gate("any pixel", "any pixel differs (exact comparison)", _judge_each(_check_identical)),
        Gate(
            "1 % of pixels",
            "more than 1 % of pixels differ by pixelmatch's distance at threshold"
            f" {PIXEL_THRESHOLD:g}",
            _judge_each(
                lambda accepted, new: _check_at_most(
                    "share of pixels", _differing_share(accepted, new), most=MAX_SHARE
                )
            ),
        ),
        Gate(
            "pixelmatch",
            f"any pixel differs, threshold {PIXEL_THRESHOLD:g}, anti-aliased ones left out",
            _judge_each(
                lambda accepted, new: _check_at_most(
                    "pixels", pixelmatch_count(accepted, new), most=0
                )
            ),
        ),
        Gate(
            "odiff",
            f"any pixel differs, threshold {PIXEL_THRESHOLD:g}, with --antialiasing",
            _judge_each(
                lambda accepted, new: _check_at_most("pixels", odiff_count(accepted, new), most=0)
            ),
        ),
        Gate(
            "SSIM > 0.95",
            "SSIM with the accepted picture",
            _judge_each(
                lambda accepted, new: _check_more_than("SSIM", ssim(accepted, new), MIN_SSIM)
            ),
        ),
        ScoreGate(
            "98 % of SSIM",
            "SSIM with the right answer, beside the accepted score",
            ssim,
            lambda accepted, new: new >= SSIM_SHARE * accepted,
        ),
        Gate(
            "LPIPS, PSNR",
            "LPIPS at most 0.1 and PSNR at least 30 dB, with the accepted picture",
            _judge_each(lambda accepted, new: _check_psnr_and_lpips(psnr, lpips, accepted, new)),
        ),
        Gate(
            "FLIP < 0.05",
            "mean FLIP with the accepted picture",
            _judge_each(
                lambda accepted, new: _check_at_most("FLIP", flip(accepted, new), most=MAX_FLIP)
            ),
        ),
    )
    if not _explain_missing_dists():
        dists = Gate(
            "DISTS < 0.1",
            "DISTS with the accepted picture",
            _judge_each(
                lambda accepted, new: _check_at_most(
                    "DISTS", _measure_dists(accepted, new), most=MAX_DISTS
                )
            ),
        )
        found = (*found, dists)
    return found


def pixelmatch_count(accepted: Image, new: Image) -> int:
    """Count the pixels that differ as pixelmatch does, at its default threshold and without
    anti-aliased pixels.

    A pixel is anti-aliased (Vyšniauskas 2009) if it has a darker and a brighter neighbour and few
    equal ones, and if the darkest or the brightest of them lies in an even area of both pictures.
    """
    return _count_differing(accepted, new, "columns")


def odiff_count(accepted: Image, new: Image) -> int:
    """Count the pixels that differ as odiff does with `--antialiasing`, at its default threshold.

    Its rule is pixelmatch's with one difference: the darkest neighbour may lie in an even area of
    one picture, and the brightest in an even area of the other.
    """
    return _count_differing(accepted, new, "rows")


def _count_differing(accepted: Image, new: Image, order: Order) -> int:
    one, other = (np.rint(picture * 255).astype(np.int64) for picture in (accepted, new))
    ys, xs = np.nonzero(_colour_distance(one, other) > YIQ_MAX * PIXEL_THRESHOLD**2)
    excused = _are_antialiased(one, other, ys, xs, order) | _are_antialiased(
        other, one, ys, xs, order
    )
    return int(np.count_nonzero(~excused))


def _colour_distance(one: Levels, other: Levels) -> npt.NDArray[np.float64]:
    """Colour distance by Kotsarenko & Ramos 2010, H×W, of pictures in 8-bit levels."""
    change = (one - other).astype(np.float64) @ _TO_YIQ.T
    return np.asarray(np.square(change) @ _YIQ_WEIGHTS, np.float64)


def _are_antialiased(
    image: Levels, other: Levels, ys: npt.NDArray[np.intp], xs: npt.NDArray[np.intp], order: Order
) -> npt.NDArray[np.bool_]:
    """Whether each pixel (y, x) of a picture is anti-aliased."""
    if not len(ys):
        return np.zeros(0, bool)
    around_y, around_x, inside = _neighbours(ys, xs, image.shape, order)
    luma = image.astype(np.float64) @ _TO_YIQ[0]
    change = np.where(inside, luma[ys, xs][:, None] - luma[around_y, around_x], 0.0)
    equal = inside & (image[around_y, around_x] == image[ys, xs][:, None]).all(axis=-1)
    equal |= (
        inside & (change == 0) & (order == "columns")
    )  # pixelmatch asks for brightness, odiff for the colour
    few = equal.sum(axis=1) + ~inside.all(axis=1) <= 2
    change[equal] = 0.0
    low, high = change.argmin(axis=1), change.argmax(axis=1)
    each = np.arange(len(ys))
    both = (change[each, low] < 0) & (change[each, high] > 0)
    even = [
        [
            _have_even_surroundings(p, around_y[each, end], around_x[each, end])
            for end in (low, high)
        ]
        for p in (image, other)
    ]
    if order == "columns":
        calm = (even[0][0] & even[1][0]) | (even[0][1] & even[1][1])
    else:
        calm = (even[0][0] | even[0][1]) & (even[1][0] | even[1][1])
    return np.asarray(few & both & calm, bool)


def _have_even_surroundings(
    image: Levels, ys: npt.NDArray[np.intp], xs: npt.NDArray[np.intp]
) -> npt.NDArray[np.bool_]:
    """Whether each pixel has at least three neighbours of its own colour. The picture's border
    counts as one.
    """
    around_y, around_x, inside = _neighbours(ys, xs, image.shape, "rows")
    equal = inside & (image[around_y, around_x] == image[ys, xs][:, None]).all(axis=-1)
    return np.asarray(equal.sum(axis=1) + ~inside.all(axis=1) > 2, bool)


def _neighbours(
    ys: npt.NDArray[np.intp], xs: npt.NDArray[np.intp], shape: tuple[int, ...], order: Order
) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp], npt.NDArray[np.bool_]]:
    """The eight neighbours of each pixel: y, x, and whether they lie in the picture. Those outside
    are clipped to the border.
    """
    steps = [(down, right) for down in (-1, 0, 1) for right in (-1, 0, 1) if down or right]
    if order == "columns":
        steps.sort(key=lambda step: (step[1], step[0]))
    down, right = np.array(steps).T
    around_y, around_x = ys[:, None] + down, xs[:, None] + right
    inside = (around_y >= 0) & (around_y < shape[0]) & (around_x >= 0) & (around_x < shape[1])
    return around_y.clip(0, shape[0] - 1), around_x.clip(0, shape[1] - 1), inside


def _judge_each(passes: Callable[[Image, Image], str]) -> Judge:
    """Judge case by case. The first reason fails the run."""

    def judge(
        accepted: Sequence[Image], new: Sequence[Image], _masks: Sequence[Mask | None]
    ) -> GateAnswer:
        for one, other in zip(accepted, new, strict=True):
            reason = "" if np.array_equal(one, other) else passes(one, other)
            if reason:
                return False, reason
        return True, ""

    return judge


def _check_identical(accepted: Image, new: Image) -> str:
    count = int((accepted != new).any(axis=2).sum())
    return f"{count} pixels differ" if count else ""


def _differing_share(accepted: Image, new: Image) -> float:
    one, other = (np.rint(picture * 255).astype(np.int64) for picture in (accepted, new))
    return float((_colour_distance(one, other) > YIQ_MAX * PIXEL_THRESHOLD**2).mean())


def _check_at_most(what: str, value: float, *, most: float) -> str:
    return f"{what}: {value:.4g}, at most {most:g}" if value > most else ""


def _check_more_than(what: str, value: float, least: float) -> str:
    return "" if value > least else f"{what}: {value:.4g}, more than {least:g} is wanted"


def _check_psnr_and_lpips(
    psnr: Callable[[Image, Image], float],
    lpips: Callable[[Image, Image], float],
    accepted: Image,
    new: Image,
) -> str:
    return _check_at_most("LPIPS", lpips(accepted, new), most=MAX_LPIPS) or _check_at_most(
        "decibels short of 30", MIN_PSNR_DB - psnr(accepted, new), most=0
    )


def _make_mean(metric: Metric) -> Callable[[Image, Image], float]:
    """Make a function for the metric's mean over the whole picture. It raises ValueError if the
    metric has no value.
    """

    def mean(reference: Image, picture: Image) -> float:
        rows = measure(prepare(make_reference(reference), [metric]), [metric], picture)
        row = next(row for row in rows if row.stat == "mean" and row.region == "all")
        if row.value is None:
            raise ValueError(f"{metric.name} has no value: {row.reason}")
        return row.value

    return mean


def _explain_missing_dists() -> str:
    """Say why DISTS is left out; empty: it is not. Its weights are never downloaded."""
    try:
        import piq  # noqa: F401
        import torch
    except ImportError as error:
        return f"DISTS is left out: {error}"
    folder = Path(torch.hub.get_dir()) / "checkpoints"
    missing = [name for name in _DISTS_FILES if not (folder / name).is_file()]
    return (
        f"DISTS is left out: torch's hub folder lacks its weights ({', '.join(missing)})"
        if missing
        else ""
    )


def _measure_dists(accepted: Image, new: Image) -> float:
    import torch

    pair = [
        torch.from_numpy(np.ascontiguousarray(p.transpose(2, 0, 1), np.float32))[None]
        for p in (accepted, new)
    ]
    with torch.no_grad():
        return float(_load_dists()(*pair))


@cache
def _load_dists() -> Any:
    import piq

    return piq.DISTS()

"""Where does "nobody can see it" end? Changes of known size, on plain ground and on photographs,
and what the gate says.

`python -m benchmarks.visibility` measures them and writes docs/visibility.md: the limits of
visibility with what lies on either side of them, and how far apart in PSNR, LPIPS and ΔE00 pictures
are that nobody can tell apart.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from editproof.harness.faults import effects
from editproof.harness.metrics.core.lpips_weights import find_weights
from editproof.harness.metrics.core.metric import Image, make_reference
from editproof.harness.metrics.core.registry import get_metric
from editproof.harness.metrics.core.visibility import (
    SHIFT_DE00,
    WHOLE_JOD,
    WORST_JOD,
    Difference,
    compare,
)
from editproof.harness.records.suites import Viewing
from editproof.harness.running.measure import as_delivered, measure, prepare

PAGE = Path(__file__).parents[1] / "docs" / "visibility.md"
EDGE_PX = 512
PATCH_PX = 128
PLAIN = "plain grey"
PHOTOGRAPHS = ("astronaut", "coffee", "rocket")
METRICS = ("psnr", "ssim", "ms_ssim", "lpips", "delta_e00")


@dataclass(frozen=True, slots=True)
class Kind:
    """A way to change a picture, at several strengths."""

    name: str
    unit: str
    strengths: tuple[float, ...]
    change: Callable[[Image, float], Image]


@dataclass(frozen=True, slots=True)
class Tried:
    """One change, and what came of it."""

    ground: str
    kind: Kind
    strength: float
    difference: Difference
    numbers: dict[str, float]


def main() -> None:
    """Measure everything and write the page."""
    tried = list(_tried())
    PAGE.write_text("\n".join(_page(tried)) + "\n", encoding="utf-8")
    sys.stdout.write(f"wrote {PAGE}\n")


def _patch(image: Image, changed: Image) -> Image:
    """The change in one patch alone."""
    start = (EDGE_PX - PATCH_PX) // 2
    result = image.copy()
    here = np.s_[start : start + PATCH_PX, start : start + PATCH_PX]
    result[here] = changed[here]
    return result


def _stepped(image: Image, levels: float) -> Image:
    result = image.copy()
    result[:, EDGE_PX // 2 :] += np.float32(levels / 255)
    return result


def _noisy(image: Image, sigma: float) -> Image:
    noise = np.random.default_rng(1).normal(0, sigma / 255, image.shape)
    return np.asarray(image + noise, np.float32)


def _dithered(image: Image, levels: float) -> Image:
    rng = np.random.default_rng(1)
    return np.asarray(image + rng.integers(-1, 2, image.shape) * levels / 255, np.float32)


def _rim(image: Image, width_px: float) -> Image:
    edge = int(width_px)
    return np.pad(image[edge:-edge, edge:-edge], ((edge, edge), (edge, edge), (0, 0)), mode="edge")


KINDS: tuple[Kind, ...] = (
    Kind("rounding by so many levels, at random", "levels", (1, 2, 4), _dithered),
    Kind("noise", "levels (σ)", (0.5, 1.2, 2, 4), _noisy),
    Kind("everything lighter", "levels", (1, 2, 4), lambda image, s: image + np.float32(s / 255)),
    Kind(
        "a patch darker",
        "levels",
        (1, 2, 4),
        lambda image, s: _patch(image, image - np.float32(s / 255)),
    ),
    Kind("a step at a tile border", "levels", (1, 2, 4), _stepped),
    Kind(
        "a patch blurred",
        "px (σ)",
        (0.3, 0.5, 1),
        lambda image, s: _patch(image, effects.blur(image, s)),
    ),
    Kind("everything blurred", "px (σ)", (0.3, 0.5, 1), effects.blur),
    Kind("JPEG, 4:2:0", "100 - quality", (0, 2, 5, 10, 20), effects.compress_as_jpeg),
    Kind("moved to the right", "px", (0.05, 0.1, 0.25, 0.5), effects.shift_right),
    Kind("colours paler", "share of the chroma", (0.02, 0.05, 0.1), effects.fade_colours),
    Kind("hues turned", "degrees", (1, 2, 5), effects.turn_hue),
    Kind("the rim repeated", "px", (1, 2, 4), _rim),
)


def _tried() -> Iterator[Tried]:
    weights = find_weights("", download=False)
    metrics = [get_metric(name, weights) for name in METRICS]
    for ground, image in _grounds():
        prepared = prepare(make_reference(image), metrics)
        for kind in KINDS:
            for strength in kind.strengths:
                changed = as_delivered(np.clip(kind.change(image, strength), 0, 1))
                rows = measure(prepared, metrics, changed)
                numbers = {
                    row.metric.partition("@")[0].partition("[")[0]: row.value
                    for row in rows
                    if row.stat == "mean" and row.value is not None
                }
                yield Tried(
                    ground, kind, strength, compare(image, changed, viewing=Viewing()), numbers
                )


def _grounds() -> Iterator[tuple[str, Image]]:
    from skimage import data

    yield PLAIN, np.full((EDGE_PX, EDGE_PX, 3), np.float32(128 / 255))
    for name in PHOTOGRAPHS:
        picture = cv2.resize(
            getattr(data, name)(), (EDGE_PX, EDGE_PX), interpolation=cv2.INTER_AREA
        )
        yield name, as_delivered(np.asarray(picture, np.float32) / np.float32(255))


def _page(tried: list[Tried]) -> Iterator[str]:
    yield "# What can be seen\n"
    yield "For every picture that changed, the gate asks whether anybody can see the change."
    yield (
        "ColorVideoVDP (Mantiuk et al. 2024) predicts that from the display and the viewing"
        " distance."
    )
    yield "Its unit is the JOD: at a loss of 1 JOD, 75 % of people prefer the other picture.\n"
    yield "A change counts as visible if it reaches one of three limits:\n"
    yield f"- {WHOLE_JOD} JOD over the whole picture;"
    yield f"- {WORST_JOD} JOD in one window of 64×64 px, so that a small place cannot hide;"
    yield f"- ΔE00 {SHIFT_DE00:g} between the mean colours of such a window."
    yield "  ColorVideoVDP looks for contrasts, and hardly sees that everything got lighter.\n"
    yield "The limits are between changes that nobody sees and changes that people see."
    yield "Most can be seen on plain grey: there, a patch darker by one level is just above them."
    yield (
        "The tables show them, on plain grey and on three photographs, for the display"
        " `standard_4k`."
    )
    yield "Each cell shows JOD over the whole picture, JOD in the worst window, and ΔE00."
    yield "Visible changes are bold."
    yield "`python -m benchmarks.visibility` measures them.\n"
    for kind in KINDS:
        yield f"### {kind.name[0].upper()}{kind.name[1:]}\n"
        yield f"| {kind.unit} | {PLAIN} | {' | '.join(PHOTOGRAPHS)} |"
        yield "|---|" + "---:|" * (1 + len(PHOTOGRAPHS))
        for strength in kind.strengths:
            cells = [_cell(one) for one in tried if one.kind is kind and one.strength == strength]
            yield f"| {strength:g} | {' | '.join(cells)} |"
        yield ""
    yield "## How far apart pictures are that nobody can tell apart\n"
    yield "The table shows what metrics say about the changes above, on photographs."
    yield "A change is invisible if nobody can see it."
    yield "The gate counts a number beyond its metric's limit as the limit."
    yield "So a PSNR that falls from 60 to 56 dB is no loss.\n"
    yield "| metric | invisible: median, worst tenth | visible: median, best tenth | limit |"
    yield "|---|---:|---:|---:|"
    weights = find_weights("", download=False)
    for name in METRICS:
        metric = get_metric(name, weights)
        seen, unseen = (
            np.array(
                [
                    one.numbers[name]
                    for one in tried
                    if one.ground != PLAIN and one.difference.visible is visible
                ]
            )
            for visible in (True, False)
        )
        bad, good = (10, 90) if metric.better == "higher" else (90, 10)
        limit = "none" if metric.unseen is None else f"{metric.unseen:g} {metric.unit}"
        yield (
            f"| {metric.identity} | {np.median(unseen):.4g}, {np.percentile(unseen, bad):.4g} "
            f"| {np.median(seen):.4g}, {np.percentile(seen, good):.4g} | {limit} |"
        )
    yield (
        "\nAnother display, distance or zoom is a setting of the suite, for all families or for"
        " some:\n"
    )
    yield (
        '```toml\n[[viewing]]\ndisplay = "standard_phone"\n\n[[viewing]]\nzoom = 2.0\nfamilies ='
        ' ["microprint"]\n```'
    )


def _cell(one: Tried) -> str:
    text = f"{one.difference.whole:.3f}, {one.difference.worst:.2f}, {one.difference.shift:.1f}"
    return f"**{text}**" if one.difference.visible else text


if __name__ == "__main__":
    main()

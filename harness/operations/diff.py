"""`diff`: two picture files, measured against each other."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np

from editproof.harness.metrics.core.lpips_weights import NO_WEIGHTS, LpipsWeights, find_weights
from editproof.harness.metrics.core.metric import Areas, Image, Metric, Reference
from editproof.harness.metrics.core.registry import get_metric
from editproof.harness.pictures.files import encode_difference, encode_png
from editproof.harness.records.cases import Measurement
from editproof.harness.records.errors import UsageError
from editproof.harness.records.manifest import metric_name
from editproof.harness.records.picture_diff import DiffCheck, DiffLimit, DiffPictures, PictureDiff
from editproof.harness.records.vocabulary import REGIONS, Better, Region
from editproof.harness.running.measure import as_delivered, measure, prepare
from editproof.harness.suites.case_areas import mark_areas
from editproof.harness.suites.picture_files import format_size, read_bytes, read_or_explain
from editproof.harness.suites.settings import Project
from editproof.pipelines.contract import Mask
from editproof.pipelines.files import decode_image, decode_mask

METRICS = ("psnr", "ssim", "delta_e00")
"""What is measured unless more is asked for: nothing that imports torch."""

JOD = "cvvdp"

MASKED: tuple[Region, ...] = ("all", "edit", "ring", "keep")
"""Regions that a mask tells apart."""

MAX_SCALE = 8
"""How many times larger than the mask the pictures may be."""

_BETTER: Mapping[Better, str] = {"higher": "higher", "lower": "lower", "zero": "nearer to 0"}

_LIMIT = re.compile(r"([^/=\s]+)(?:/([^/=\s]+))?(?:/([^/=\s]+))?=(-?\d+\.?\d*|-?\.\d+)")


@dataclass(frozen=True, slots=True)
class DiffRequest:
    """What was asked for on the command line."""

    expected: Path
    actual: Path
    mask: Path | None = None
    metrics: tuple[str, ...] = ()
    """Beside METRICS."""
    jod: bool = False
    max_jod: float | None = None
    at_least: tuple[str, ...] = ()
    """`METRIC[/REGION[/STATISTIC]]=X` each."""
    at_most: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ComparedPictures:
    """Two pictures, H×W×3 at 8 bits, and what was found between them."""

    found: PictureDiff
    expected: Image
    actual: Image


def draw_pictures(compared: ComparedPictures) -> DiffPictures:
    """Both pictures and the picture of their difference."""
    return DiffPictures(
        encode_png(compared.expected),
        encode_png(compared.actual),
        encode_difference(compared.expected, compared.actual),
    )


def diff_pictures(asked: DiffRequest, project: Project) -> ComparedPictures:
    """Compare two picture files, both at 8 bits.

    Raises UsageError where a file can't be read, where sizes differ, where the mask marks nothing,
    or where a limit makes no sense.
    """
    limits = tuple(_read_limits(asked))
    names = [*METRICS, *asked.metrics, *(limit.metric for limit in limits)]
    names += [JOD] if asked.jod else []
    names = list(dict.fromkeys(names))
    weights = _find_weights(names, project)
    metrics = [get_metric(name, weights) for name in names]
    limits = tuple(_complete_limit(limit, metrics, asked.mask) for limit in limits)
    expected, actual, notes = _read_pair(asked.expected, asked.actual)
    reference = Reference(_mark_regions(asked, expected), expected)
    _check_measurable(metrics, reference)
    measurements = measure(prepare(reference, metrics), metrics, actual)
    changed = (expected != actual).any(axis=2)
    found = PictureDiff(
        expected=str(asked.expected),
        actual=str(asked.actual),
        mask=str(asked.mask or ""),
        width=expected.shape[1],
        height=expected.shape[0],
        changed_px=int(changed.sum()),
        changed_box=_find_box(changed),
        measurements=measurements,
        better={metric.identity: metric.better for metric in metrics},
        checks=tuple(_check_limit(limit, measurements, metrics) for limit in limits),
        notes=notes,
    )
    return ComparedPictures(found, expected, actual)


def _read_limits(asked: DiffRequest) -> Iterator[DiffLimit]:
    if asked.max_jod is not None:
        yield DiffLimit(JOD, "all", "mean", "max", asked.max_jod)
    for text in asked.at_least:
        yield _parse_limit(text, "min")
    for text in asked.at_most:
        yield _parse_limit(text, "max")


def _parse_limit(text: str, bound: Literal["min", "max"]) -> DiffLimit:
    """`METRIC[/REGION[/STATISTIC]]=X`; an empty statistic is filled in later."""
    match = _LIMIT.fullmatch(text.strip())
    if match is None:
        raise UsageError(
            f"--{bound} takes METRIC=NUMBER, or METRIC/REGION/STATISTIC=NUMBER, as in --{bound}"
            f" {'psnr=35' if bound == 'min' else 'delta_e00/keep=1'}; it was {text!r}"
        )
    region = next((known for known in REGIONS if known == (match[2] or "all")), None)
    if region not in MASKED:
        raise UsageError(
            f"--{bound} {text}: there is no region {match[2]!r}; there are: {', '.join(MASKED)}"
        )
    return DiffLimit(match[1], region, match[3] or "", bound, float(match[4]))


def _complete_limit(limit: DiffLimit, metrics: Sequence[Metric], mask: Path | None) -> DiffLimit:
    """The limit with its statistic. Raises UsageError where no number could ever be held to it."""
    metric = next(metric for metric in metrics if metric.name == limit.metric)
    option = f"--{limit.bound} {limit.metric}"
    right = "min" if metric.better == "higher" else "max"
    if limit.bound != right:
        raise UsageError(
            f"{option}: {metric.name} is better the {_BETTER[metric.better]} it is. Write"
            f" --{right} {metric.name}={limit.value:g}"
        )
    stat = limit.stat or ("mean" if "mean" in metric.stats else metric.stats[0])
    if stat not in metric.stats:
        raise UsageError(
            f"{option}/{limit.region}/{stat}: {metric.name} has the statistics"
            f" {', '.join(metric.stats)}"
        )
    if limit.region not in metric.regions:
        raise UsageError(f"{option}: {metric.name} is not measured in {limit.region}")
    if limit.region != "all" and mask is None:
        raise UsageError(f"{option}/{limit.region}: only a mask tells regions apart: add --mask")
    return replace(limit, stat=stat)


def _find_weights(names: Sequence[str], project: Project) -> LpipsWeights:
    if not any(name.startswith("lpips") for name in names):
        return NO_WEIGHTS
    return find_weights(project.lpips_weights, download=project.settings.lpips.download)


def _read_pair(expected: Path, actual: Path) -> tuple[Image, Image, tuple[str, ...]]:
    """Both pictures at 8 bits, and what had to be done for them."""
    pictures, notes = [], []
    for path in (expected, actual):
        image, changes = read_or_explain(path, lambda path: decode_image(read_bytes(path)))
        pictures.append(as_delivered(image))
        _, *done = changes.replace("16 bits kept", "16 bits rounded to 8").split(", ")
        notes += [f"{path}: {', '.join(done)}"] if done else []
    one, other = pictures
    if one.shape != other.shape:
        raise UsageError(
            f"{actual} is {format_size(other.shape)}, and {expected} is {format_size(one.shape)}."
            " Two pictures must have the same size: resize or crop one of them"
        )
    return one, other, tuple(notes)


def check_outputs(asked: DiffRequest, written: Sequence[Path]) -> None:
    """Raise UsageError where a file that is to be written is one of those that are compared."""
    read = {path.resolve() for path in (asked.expected, asked.actual, asked.mask) if path}
    for path in written:
        if path.resolve() in read:
            raise UsageError(f"{path} is compared, and would be written over. Name another file")


def _mark_regions(asked: DiffRequest, expected: Image) -> Areas:
    shape = expected.shape[:2]
    if asked.mask is None:
        return {"all": np.ones(shape, bool)}
    mask = read_or_explain(asked.mask, lambda path: decode_mask(read_bytes(path)))
    scale = max(shape[0] // mask.shape[0], 1)
    if shape != (mask.shape[0] * scale, mask.shape[1] * scale) or scale > MAX_SCALE:
        raise UsageError(
            f"{asked.mask} is {format_size(mask.shape)}; it must be as large as the pictures,"
            f" {format_size(shape)}, or a half to an eighth of that"
        )
    if not np.rint(255 * mask).any():
        raise UsageError(
            f"{asked.mask} is all black: the mask marks nothing to edit. White must mark it"
        )
    areas = mark_areas(mask.shape, mask, scale)
    return {region: areas[region] for region in MASKED}


def _check_measurable(metrics: Sequence[Metric], reference: Reference) -> None:
    for metric in metrics:
        if missing := metric.missing(reference):
            raise UsageError(
                f"{metric.name} can't compare two files: {missing}. Measure it in a run"
            )


def _find_box(changed: Mask) -> tuple[int, int, int, int] | None:
    if not changed.any():
        return None
    rows, columns = (np.flatnonzero(changed.any(axis=axis)) for axis in (1, 0))
    return int(rows[0]), int(columns[0]), int(rows[-1]) + 1, int(columns[-1]) + 1


def _check_limit(
    limit: DiffLimit, measurements: Sequence[Measurement], metrics: Sequence[Metric]
) -> DiffCheck:
    metric = next(metric for metric in metrics if metric.name == limit.metric)
    one = next(
        m
        for m in measurements
        if (metric_name(m.metric), m.region, m.stat) == (limit.metric, limit.region, limit.stat)
    )
    if one.value is None:
        return DiffCheck(limit, None, one.unit, one.reason, kept=None)
    value = abs(one.value) if metric.better == "zero" else one.value
    kept = value >= limit.value if limit.bound == "min" else value <= limit.value
    return DiffCheck(limit, one.value, one.unit, "", kept)

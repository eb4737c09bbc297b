"""Compose a Scene from a clean picture and the layers that must go, in one way for every family."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from editproof.vectors.drawing.layers import (
    FlattenedLayers,
    Layer,
    Levels,
    Patch,
    bounds,
    flatten_layers,
)
from editproof.vectors.regions import partition_image
from editproof.vectors.scene import Box, Image, Mask, Param, Scene

Number = TypeVar("Number", np.uint32, np.float32)


@dataclass(frozen=True, slots=True)
class Brief:
    """What the caller asks for, and what is known about the asset."""

    prompt: str
    mask_given: bool
    """Whether the caller says where the overlay is."""
    config: Mapping[str, Param] = field(default_factory=dict)
    metadata: Mapping[str, Param] = field(default_factory=dict)


def compose(
    clean: Levels,
    layers: Sequence[Layer],
    *,
    scale: int,
    brief: Brief,
    truth: tuple[Box, ...],
    opacity: float = 1.0,
    protect: Mapping[str, Mask] | None = None,
    seams: Mask | None = None,
    capture: Callable[[Levels], Levels] | None = None,
) -> Scene:
    """Lay `layers` over `clean` (both at output size) and derive everything else that a scene
    holds.

    The layers are first laid over one another, then made translucent together by `opacity`.
    `clean_input` is the area average of `clean`, and the overlay at input size that of the overlay
    at output size: both are what a camera with larger pixels sees of one and the same picture. All
    of them are rounded to the 256 levels of an 8-bit file before the input is composed; the input
    itself is not rounded, so that the equation of `Scene.overlay` holds to the last bit. `protect`
    is cut where it meets the edit. The mask given to the pipeline is 1 wherever the overlay covers
    a pixel wholly, however translucent it is.

    `capture` is what a poor camera or scanner makes of the area average, H×W×3 at input size:
    `clean_input` is then what it returns, the overlay is laid over that, and `clean` stays what a
    perfect one would have seen.
    """
    opaque = flatten_layers(layers, clean.shape[:2])
    alpha_output = _levels(opaque.alpha * np.float32(opacity))
    alpha = _unit(_average(alpha_output, scale))
    overlay_rgb = _average_colour(opaque, scale)
    average = _average(clean, scale)
    clean_input = _unit(average if capture is None else capture(average))
    parts = partition_image(alpha_output, scale)
    free = 1 - parts.edit
    return Scene(
        input=_lay_over(alpha, overlay_rgb, clean_input),
        clean=_unit(clean),
        clean_input=clean_input,
        overlay=alpha,
        overlay_rgb=overlay_rgb,
        edit=parts.edit,
        ring=parts.ring,
        keep=parts.keep,
        protect={name: mask * free for name, mask in (protect or {}).items()},
        seams=np.zeros(clean.shape[:2], np.float32) if seams is None else seams,
        truth=truth,
        scale=scale,
        mask=_unit(_average(_levels(opaque.alpha), scale)) if brief.mask_given else None,
        prompt=brief.prompt,
        config=dict(brief.config),
        metadata=dict(brief.metadata),
    )


def join_edits(scene: Scene, earlier: Scene) -> Scene:
    """The scene, its regions of everything that has been edited by now: `edit` is that of both, and
    `keep` is what neither touches.
    """
    touched = (scene.edit + earlier.edit) > 0
    parts = partition_image(touched.astype(np.uint8), scene.scale)
    return replace(
        scene,
        edit=parts.edit,
        ring=parts.ring,
        keep=parts.keep,
        protect={name: mask * (1 - parts.edit) for name, mask in scene.protect.items()},
    )


def print_layers(clean: Levels, layers: Sequence[Layer]) -> Levels:
    """Print layers that belong to the picture on it: H×W×3, 0 to 255."""
    ink = flatten_layers(layers, clean.shape[:2])
    here = _extent(ink.alpha)
    paper = _unit(clean[here])
    paper *= _repeat_channels(1 - ink.alpha[here])
    paper += ink.premultiplied[here]
    printed = clean.copy()
    printed[here] = _levels(paper)
    return printed


def mark_boxes(patches: Sequence[Patch], size_px: int, *, margin: int) -> Mask:
    """1 in the box around each patch's ink, `margin` output pixels larger on every side. Output."""
    mask = np.zeros((size_px, size_px), np.float32)
    for patch in patches:
        y0, x0, y1, x1 = bounds(patch)
        mask[max(y0 - margin, 0) : y1 + margin, max(x0 - margin, 0) : x1 + margin] = 1
    return mask


def luminance(picture: Levels, patch: Patch) -> float:
    """Mean luma (BT.601) of `picture` under a patch's box, 0 to 255."""
    height, width = patch.coverage.shape
    under = picture[max(patch.y, 0) : patch.y + height, max(patch.x, 0) : patch.x + width]
    red, green, blue = under.reshape(-1, 3).mean(axis=0)
    return float(0.299 * red + 0.587 * green + 0.114 * blue)


def _average_colour(over: FlattenedLayers, scale: int) -> Image:
    """Colour of an overlay at input size, its samples weighed by their alpha; black where there is
    none.
    """
    weight = _sums(over.alpha, scale, np.float32)
    overlay_rgb = np.zeros((*weight.shape, 3), np.float32)
    rows, columns = _extent(weight)
    fine = np.s_[
        rows.start * scale : rows.stop * scale, columns.start * scale : columns.stop * scale
    ]
    colour = _sums(over.premultiplied[fine], scale, np.float32)
    colour /= _repeat_channels(np.maximum(weight[rows, columns], np.float32(1e-6)))
    overlay_rgb[rows, columns] = _unit(_levels(np.minimum(colour, 1, out=colour)))
    return overlay_rgb


def _lay_over(alpha: Mask, colour: Image, clean: Image) -> Image:
    composed = clean.copy()
    here = _extent(alpha)
    share = _repeat_channels(alpha[here])
    composed[here] *= 1 - share
    share *= colour[here]
    composed[here] += share
    return composed


def _repeat_channels(plane: Mask) -> Image:
    """One plane as three equal channels: NumPy multiplies those several times quicker than it
    broadcasts.
    """
    channels = np.empty((*plane.shape, 3), np.float32)
    for channel in range(3):
        channels[..., channel] = plane
    return channels


def _extent(alpha: Mask) -> tuple[slice, slice]:
    """Rows and columns that hold all of an overlay; empty slices where there is none."""
    spans = (np.flatnonzero(alpha.any(axis=axis)) for axis in (1, 0))
    rows, columns = (
        slice(int(span[0]), int(span[-1]) + 1) if span.size else slice(0, 0) for span in spans
    )
    return rows, columns


def _average(levels: Levels, scale: int) -> Levels:
    """Area average of scale×scale pixels in integers, halves rounded up."""
    if scale == 1:
        return levels
    total = _sums(levels, scale, np.uint32)
    total += np.uint32(scale * scale // 2)
    total //= np.uint32(scale * scale)
    return total.astype(np.uint8)


def _sums(picture: npt.NDArray[Any], scale: int, kind: type[Number]) -> npt.NDArray[Number]:
    """Sums of scale×scale pixels as numbers of a `kind`, added in a fixed order."""
    total = picture[::scale, ::scale].astype(kind)
    planes = (
        [(total, picture)]
        if picture.ndim == 2
        else [(total[..., c], picture[..., c]) for c in range(3)]
    )
    for index in range(1, scale * scale):
        for sums, plane in planes:
            np.add(sums, plane[index // scale :: scale, index % scale :: scale], out=sums)
    return total


def _levels(unit: Image) -> Levels:
    levels: Levels = np.rint(unit * np.float32(255)).astype(np.uint8)
    return levels


def _unit(levels: Levels) -> Image:
    unit = levels.astype(np.float32)
    unit /= np.float32(255)
    return unit

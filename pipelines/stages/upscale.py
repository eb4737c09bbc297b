"""Enlarge to the requested scale, tile by tile; then redo regions that do not match their input."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import cv2
import numpy as np

from editproof.pipelines.config import TileConfig, UpscaleConfig
from editproof.pipelines.contract import Image, Mask, Param
from editproof.pipelines.edit import Edit, Step
from editproof.pipelines.stages.harmonise import noise_sigma
from editproof.pipelines.stages.inpaint import context_crops
from editproof.pipelines.stages.tiling import map_tiles
from editproof.pipelines.stages.upscalers import (
    Upscaler,
    add_back_projection,
    find_upscaler,
    is_conservative,
)

Plane = np.ndarray[Any, np.dtype[np.float32]]

NO_CONFIDENCE = 0.1
"""Residual, 0 to 1, at which the confidence map reaches 0: 25 levels."""

_BAND_PX = 128
"""Rows of the input that are worked on at once, so that memory does not grow with the picture."""

_BAND_MARGIN_PX = 16
"""What a conservative model needs to see beyond a band."""

_REDO_MARGIN_PX = 24
"""What a model sees around a region that it makes again."""


def upscale(edit: Edit) -> Step:
    """Enlarge by the request's scale, in tiles of `tile.size_px` that share `tile.overlap_px`.

    Raises ContractError where the model's file is absent or is no super-resolution network.
    """
    scale, config, tile = edit.request.scale, edit.config.upscale, edit.config.tile
    if scale == 1:
        return Step(edit, edit.image, "scale 1: nothing to do")
    name, why = choose_model(config, edit.request.metadata)
    small, denoised = edit.image, ""
    if config.denoise > 0:
        small, denoised = _denoise_image(small, config, tile)
    image = _enlarge_in_tiles(small, _find_model(name, config), scale, tile)
    guarded = ""
    if not is_conservative(name):
        share = creative_share(small, edit.mask, config)
        _limit_creative(image, small, share, _find_model(config.conservative_model, config))
        guarded = (
            f", held back to {config.conservative_model} on {1 - share.mean():.1%} of the picture"
        )
    decision = (
        f"{name} ×{scale}{why}, tiles of {tile.size_px} px, overlap {tile.overlap_px}"
        f" px{guarded}{denoised}"
    )
    edit = replace(edit, image=image, enlarged_from=small)
    return Step(
        _enlarge_edit(edit, image) if edit.config.order.upscale_first else edit,
        image,
        decision,
    )


def check_upscale(edit: Edit) -> Step:
    """Make the result small again and compare it with the input. Another model enlarges regions
    above `upscale.feedback_threshold`.

    The other model's region is taken where it is closer to the input. The artefact is the
    confidence map at input size: 1 where the enlarged picture stands for its input, 0 where it is
    off by NO_CONFIDENCE or more.
    """
    config, small = edit.config.upscale, edit.enlarged_from
    if small is None:
        return Step(edit, None, "nothing was enlarged")
    residual = residual_map(edit.image, small)
    said = f"residual to the input: mean {residual.mean():.4f}, worst {residual.max():.4f}"
    image = edit.image
    if config.feedback_threshold > 0:
        image, redone = _redo_regions(edit, small, residual)
        residual = residual_map(image, small)
        said = f"{said}; {redone}"
    confidence = np.clip(1 - residual / np.float32(NO_CONFIDENCE), 0, 1)
    if image is not edit.image:
        edit = (
            _enlarge_edit(edit, image)
            if edit.config.order.upscale_first
            else replace(edit, image=image)
        )
    return Step(edit, confidence, said)


def choose_model(config: UpscaleConfig, metadata: Mapping[str, Param]) -> tuple[str, str]:
    """The model for an asset, and why where its criticality chose it."""
    criticality = str(metadata.get("criticality", "")).lower()
    if config.by_criticality and criticality == "high":
        return config.conservative_model, " (criticality high)"
    if config.by_criticality and criticality == "low":
        return config.creative_model, " (criticality low)"
    return config.model, ""


def _find_model(name: str, config: UpscaleConfig) -> Upscaler:
    times = config.back_projections if is_conservative(name) else config.creative_back_projections
    return add_back_projection(find_upscaler(name), times)


def creative_share(image: Image, mask: Mask, config: UpscaleConfig) -> Plane:
    """How much of a creative model is let in at each pixel, H×W in [0, 1]: the guidance map.

    Less towards the mask's edge, where a seam could be sharpened, and where there is too little
    contrast to sharpen.
    """
    share = np.ones(mask.shape, np.float32)
    hole = (mask > 0).astype(np.uint8)
    if config.seam_guard_px and hole.any() and not hole.all():
        edge = cv2.morphologyEx(hole, cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8))
        distance = cv2.distanceTransform(1 - edge, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
        np.minimum(share, distance / np.float32(config.seam_guard_px), out=share)
    if config.flat_guard > 0:
        contrast = local_deviation(image)
        np.minimum(share, 2 * contrast / np.float32(config.flat_guard) - 1, out=share)
    return np.clip(share, 0, 1)


def local_deviation(image: Image) -> Plane:
    """Standard deviation of the luma in the 7×7 px around each pixel, H×W in [0, 0.5]."""
    luma = cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)
    mean, square = cv2.blur(luma, (7, 7)), cv2.blur(luma * luma, (7, 7))
    return np.sqrt(np.maximum(square - mean * mean, 0))


def residual_map(large: Image, small: Image) -> Plane:
    """How far the enlarged picture, made small again by area, is from its input: mean of 3×3 px and
    channels, H×W in [0, 1].
    """
    height, width = small.shape[:2]
    scale = large.shape[0] // height
    residual = np.empty((height, width), np.float32)
    for rows in _bands(height):
        again = cv2.resize(
            large[rows.start * scale : rows.stop * scale],
            (width, rows.stop - rows.start),
            interpolation=cv2.INTER_AREA,
        )
        residual[rows] = np.abs(again - small[rows]).mean(axis=-1)
    return np.asarray(cv2.blur(residual, (3, 3)), np.float32)


def _redo_regions(edit: Edit, small: Image, residual: Plane) -> tuple[Image, str]:
    """The picture with its bad regions made again where that helps, and what was done."""
    config, scale = edit.config.upscale, edit.image.shape[0] // small.shape[0]
    bad = residual > config.feedback_threshold
    if not bad.any():
        return edit.image, f"none above {config.feedback_threshold:g}"
    first, _ = choose_model(config, edit.request.metadata)
    other = config.creative_model if is_conservative(first) else config.conservative_model
    allowed = (
        np.ones_like(residual)
        if is_conservative(other)
        else creative_share(small, edit.mask, config)
    )
    bad = cv2.dilate(bad.astype(np.uint8), np.ones((5, 5), np.uint8)).astype(bool)
    image, regions, kept = edit.image.copy(), context_crops(bad, context_px=_REDO_MARGIN_PX), 0
    for region in regions:
        candidate = _enlarge_in_tiles(
            np.ascontiguousarray(small[region]), _find_model(other, config), scale, edit.config.tile
        )
        where = bad[region]
        if residual_map(candidate, small[region])[where].mean() < residual[region][where].mean():
            place = tuple(slice(axis.start * scale, axis.stop * scale) for axis in region)
            alpha = cv2.blur(where.astype(np.float32), (5, 5)) * allowed[region]
            _cross_fade(image[place], candidate, _resize_plane(alpha, candidate.shape[:2]))
        else:
            kept += 1
    count = len(regions)
    said = (
        f"{count} region{'s' * (count != 1)} above {config.feedback_threshold:g}, {count - kept}"
        f" made again by {other}"
    )
    return image, f"{said}, {kept} kept from {first}: {other} came no closer" if kept else said


def _denoise_image(image: Image, config: UpscaleConfig, tile: TileConfig) -> tuple[Image, str]:
    """Non-local means (Buades et al. 2005) of a strength that goes by the picture's own noise, and
    what was done.
    """
    from skimage.restoration import denoise_nl_means

    sigma = noise_sigma(image, np.ones(image.shape[:2], bool))
    if sigma == 0:
        return image, ", no noise to remove"

    def denoise(crop: Image) -> Image:
        strength = config.denoise * sigma
        clean = denoise_nl_means(
            crop,
            patch_size=5,
            patch_distance=6,
            h=0.8 * strength,
            sigma=strength,
            fast_mode=True,
            channel_axis=-1,
        )
        return np.asarray(clean, np.float32)

    clean = map_tiles(
        image, denoise, size_px=tile.size_px, overlap_px=tile.overlap_px, scale=1, join=tile.join
    )
    return clean, f", denoised before: {config.denoise:g} × σ {sigma:.4f}"


def _enlarge_in_tiles(image: Image, model: Upscaler, scale: int, tile: TileConfig) -> Image:
    def enlarge(crop: Image) -> Image:
        return model(crop, scale)

    return map_tiles(
        image,
        enlarge,
        size_px=tile.size_px,
        overlap_px=tile.overlap_px,
        scale=scale,
        join=tile.join,
    )


def _limit_creative(large: Image, small: Image, share: Plane, conservative: Upscaler) -> None:
    """Replace what a creative model made by what a conservative one makes, where its share is below
    1; in place.
    """
    height = small.shape[0]
    scale = large.shape[0] // height
    for rows in _bands(height):
        if (share[rows] == 1).all():
            continue
        seen = slice(max(rows.start - _BAND_MARGIN_PX, 0), rows.stop + _BAND_MARGIN_PX)
        safe = conservative(np.ascontiguousarray(small[seen]), scale)
        alpha = _resize_plane(1 - share[seen], safe.shape[:2])
        band = large[rows.start * scale : rows.stop * scale]
        start = (rows.start - seen.start) * scale
        _cross_fade(band, safe[start : start + len(band)], alpha[start : start + len(band)])


def _cross_fade(image: Image, other: Image, alpha: Plane) -> None:
    """Cross-fade a picture to another one of its size; in place."""
    image += alpha[..., None] * (other - image)
    np.clip(image, 0, 1, out=image)


def _resize_plane(plane: Plane, size: tuple[int, ...]) -> Plane:
    """A plane with values in [0, 1] at another size, linearly."""
    height, width = size
    return np.clip(cv2.resize(plane, (width, height), interpolation=cv2.INTER_LINEAR), 0, 1)


def _bands(height_px: int) -> Iterator[slice]:
    for start in range(0, height_px, _BAND_PX):
        yield slice(start, min(start + _BAND_PX, height_px))


def _enlarge_edit(edit: Edit, image: Image) -> Edit:
    """The edit as it would be had the large picture come in, and its masks with it: for upscaling
    before inpainting.
    """
    scale = image.shape[0] // edit.mask.shape[0]
    request = edit.request

    def enlarge(plane: Mask) -> Mask:
        return _resize_plane(plane, image.shape[:2])

    def enlarge_if_given(plane: Mask | None) -> Mask | None:
        return None if plane is None else enlarge(plane)

    request = replace(
        request,
        image=image,
        mask=enlarge_if_given(request.mask),
        strokes_add=enlarge_if_given(request.strokes_add),
        strokes_subtract=enlarge_if_given(request.strokes_subtract),
        protect={name: enlarge(plane) for name, plane in request.protect.items()},
        scale=1,
    )
    regions = tuple(
        replace(region, corners=tuple((x * scale, y * scale) for x, y in region.corners))
        for region in edit.regions
    )
    return replace(
        edit,
        request=request,
        image=image,
        fill=image,
        blended=image,
        mask=enlarge(edit.mask),
        regions=regions,
    )

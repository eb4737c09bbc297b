"""Harmless changes, which a gate must let pass.

Teams make each of these without a second thought: how a picture is rounded or stored, which library
enlarges it, in which precision a stage computes. Whether a viewer can see one is not stated here.
It is measured for every picture.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from editproof.harness.faults import conversions, enlarging
from editproof.harness.faults.planting import (
    Plant,
    Stage,
    spoil_fill,
    spoil_image,
    spoil_mask,
)
from editproof.harness.records.errors import unknown_name_error
from editproof.pipelines.contract import Image, Mask, Param
from editproof.pipelines.edit import Edit, Step

Conversion = Callable[[Image], Image]
"""H×W×3 in [0, 1], sRGB, in and out. Random draws are the same every time."""


@dataclass(frozen=True, slots=True)
class EditChange:
    """What is changed in how an edit is made."""

    finished: Conversion | None = None
    """Applied to the finished picture; None: nothing is."""
    stages: tuple[tuple[str, Plant], ...] = ()
    """Run in place of a stage, by its name."""
    settings: tuple[tuple[str, Param], ...] = ()
    """Settings of the pipeline."""
    threads: int = 0
    """Threads of OpenCV and torch; 0 leaves them as they are."""


@dataclass(frozen=True, slots=True)
class HarmlessChange:
    """A harmless change. The gate compares edits made with `after` to edits made with `before`."""

    name: str
    about: str
    """What is done differently, in one clause."""
    after: EditChange
    before: EditChange | None = None
    """How the accepted edits are made; None: by the unchanged pipeline."""
    keeps: bool = False
    """Whether every picture stays the same, bit for bit."""
    quick: bool = False
    """Whether a quick calibration tries it."""


def get_harmless(name: str) -> HarmlessChange:
    """Return the harmless change of that name. Raises UsageError with the nearest known name."""
    for change in HARMLESS:
        if change.name == name:
            return change
    raise unknown_name_error("harmless change", name, [change.name for change in HARMLESS])


def _convert_image(convert: Conversion) -> Plant:
    return spoil_image(lambda image, _, __: convert(image))


def _convert_fill(convert: Conversion) -> Plant:
    return spoil_fill(lambda fill, _, __: convert(fill))


def _convert_mask(convert: Callable[[Mask], Mask]) -> Plant:
    """Convert the mask where it is above 0."""
    return spoil_mask(lambda mask, _, __: np.where(mask > 0, convert(mask), np.float32(0)))


def _change_blend(mix: Callable[[Image, Image, Mask], Image]) -> Plant:
    """Blend by `mix(fill, picture, mask)`. Pixels outside the mask stay the same, bit for bit."""

    def plant(stage: Stage, edit: Edit, _: float) -> Step:
        step = stage(edit)
        mixed = np.asarray(mix(edit.fill, edit.image, edit.mask[..., None]), np.float32)
        image = np.where((edit.mask > 0)[..., None], mixed, edit.image)
        return replace(step, edit=replace(step.edit, image=image, blended=image), artefact=image)

    return plant


def _change_enlargement(enlarge: enlarging.Enlarge) -> Plant:
    """Enlarge with another program."""

    def plant(stage: Stage, edit: Edit, _: float) -> Step:
        step = stage(edit)
        if edit.request.scale == 1:
            return step
        image = np.asarray(enlarge(edit.image, edit.request.scale), np.float32).clip(0, 1)
        return replace(step, edit=replace(step.edit, image=image), artefact=image)

    return plant


def _cut_tiles_backwards(stage: Stage, edit: Edit, _: float) -> Step:
    """Rotate the picture by 180° for the stage and back, so that tiles are cut from the other
    end.
    """
    step = stage(
        replace(
            edit, image=np.ascontiguousarray(edit.image[::-1, ::-1]), mask=edit.mask[::-1, ::-1]
        )
    )
    image = np.ascontiguousarray(step.edit.image[::-1, ::-1])
    return replace(
        step,
        edit=replace(step.edit, image=image, mask=edit.mask, enlarged_from=edit.image),
        artefact=image,
    )


def _blend_by_difference(fill: Image, image: Image, alpha: Mask) -> Image:
    return image + alpha * (fill - image)


def _blend_in_float64(fill: Image, image: Image, alpha: Mask) -> Image:
    wide = alpha.astype(np.float64)
    return np.asarray(wide * fill + (1 - wide) * image, np.float32)


def _blend_in_whole_numbers(fill: Image, image: Image, alpha: Mask) -> Image:
    """Blend as graphics libraries do: 8-bit pictures and alpha, and a division by 255."""
    one, other, share = (np.rint(part * 255).astype(np.int32) for part in (fill, image, alpha))
    return np.asarray((one * share + other * (255 - share) + 127) // 255, np.float32) / np.float32(
        255
    )


def _change_result(
    name: str, about: str, convert: Conversion, *, keeps: bool = False, quick: bool = False
) -> HarmlessChange:
    return HarmlessChange(name, about, EditChange(convert), keeps=keeps, quick=quick)


def _change_stage(
    name: str, about: str, stage: str, plant: Plant, *, quick: bool = False
) -> HarmlessChange:
    return HarmlessChange(name, about, EditChange(stages=((stage, plant),)), quick=quick)


def _change_settings(
    name: str, about: str, *settings: tuple[str, Param], keeps: bool = False, quick: bool = False
) -> HarmlessChange:
    return HarmlessChange(name, about, EditChange(settings=settings), keeps=keeps, quick=quick)


def _swap_library(
    name: str,
    about: str,
    enlarge: enlarging.Enlarge,
    before: enlarging.Enlarge | None = None,
    *,
    quick: bool = False,
) -> HarmlessChange:
    """Use the same kernel from two libraries; `before` None means the pipeline's own Lanczos."""
    ways = [
        EditChange(stages=(("upscale", _change_enlargement(one)),)) if one else None
        for one in (enlarge, before)
    ]
    return HarmlessChange(name, about, ways[0] or EditChange(), ways[1], quick=quick)


_PRECISE = ("blend", "upscale", "harmonise")

HARMLESS: tuple[HarmlessChange, ...] = (
    # Rounding
    _change_result(
        "half_level", "half a level is added before rounding", conversions.add_half_level
    ),
    _change_result(
        "truncated", "levels are cut off instead of rounded", conversions.truncate, quick=True
    ),
    _change_result(
        "rounded_up_at_half",
        "halves are rounded up instead of to even",
        conversions.round_halves_up,
    ),
    _change_result(
        "dither_ordered",
        "an ordered dither of half a level before rounding",
        conversions.dither_ordered,
    ),
    _change_result(
        "dither_1",
        "a random dither of one level before rounding",
        conversions.dither_randomly,
        quick=True,
    ),
    _change_result(
        "noise_03", "noise of σ 0.3 levels", lambda image: conversions.add_noise(image, 0.3)
    ),
    _change_result(
        "noise_05",
        "noise of σ 0.5 levels",
        lambda image: conversions.add_noise(image, 0.5),
        quick=True,
    ),
    _change_result(
        "noise_1", "noise of σ 1 level", lambda image: conversions.add_noise(image, 1.0)
    ),
    _change_stage(
        "fill_8_bits",
        "the fill is rounded to 8 bits",
        "inpaint",
        _convert_fill(conversions.round_to_8_bits),
    ),
    _change_stage(
        "blend_8_bits",
        "the picture is rounded to 8 bits before it is enlarged",
        "blend",
        _convert_image(conversions.round_to_8_bits),
    ),
    _change_stage(
        "upscale_8_bits",
        "the enlarged picture is rounded to 8 bits",
        "upscale",
        _convert_image(conversions.round_to_8_bits),
    ),
    _change_stage(
        "mask_8_bits",
        "the mask is rounded to 8 bits",
        "refine_mask",
        _convert_mask(conversions.round_mask_to_8_bits),
    ),
    # Encodings
    _change_result(
        "png_0",
        "through a PNG without compression",
        lambda image: conversions.round_trip_png(image, 0),
        keeps=True,
    ),
    _change_result(
        "png_9",
        "through a PNG of the highest compression",
        lambda image: conversions.round_trip_png(image, 9),
        keeps=True,
    ),
    _change_result("tiff_lzw", "through a TIFF", conversions.round_trip_tiff, keeps=True),
    _change_result(
        "webp_lossless",
        "through a lossless WebP",
        conversions.round_trip_webp_lossless,
        keeps=True,
        quick=True,
    ),
    _change_result(
        "webp_95",
        "through a WebP of quality 95",
        lambda image: conversions.round_trip_webp(image, 95),
    ),
    _change_result(
        "jpeg_100_444",
        "through a JPEG of quality 100, 4:4:4",
        lambda i: conversions.round_trip_jpeg(i, 100, "4:4:4"),
        quick=True,
    ),
    _change_result(
        "jpeg_100_420",
        "through a JPEG of quality 100, 4:2:0",
        lambda i: conversions.round_trip_jpeg(i, 100, "4:2:0"),
    ),
    _change_result(
        "jpeg_98_444",
        "through a JPEG of quality 98, 4:4:4",
        lambda i: conversions.round_trip_jpeg(i, 98, "4:4:4"),
    ),
    _change_result(
        "jpeg_98_420",
        "through a JPEG of quality 98, 4:2:0",
        lambda i: conversions.round_trip_jpeg(i, 98, "4:2:0"),
    ),
    _change_result(
        "jpeg_95_444",
        "through a JPEG of quality 95, 4:4:4",
        lambda i: conversions.round_trip_jpeg(i, 95, "4:4:4"),
    ),
    _change_result(
        "jpeg_95_420",
        "through a JPEG of quality 95, 4:2:0",
        lambda i: conversions.round_trip_jpeg(i, 95, "4:2:0"),
        quick=True,
    ),
    _change_result(
        "bits_16", "through 16 bits a channel", conversions.round_to_16_bits, keeps=True
    ),
    _change_result("float16", "through float16", conversions.round_to_float16, quick=True),
    _change_result("bfloat16", "through bfloat16", conversions.round_to_bfloat16),
    # Colour spaces
    _change_result(
        "linear_float32", "to linear light and back, in float32", conversions.round_trip_linear
    ),
    _change_result(
        "linear_16_bits",
        "to linear light in 16 bits, and back",
        conversions.round_trip_linear_16_bits,
        quick=True,
    ),
    _change_result(
        "linear_float16",
        "to linear light in float16, and back",
        conversions.round_trip_linear_float16,
    ),
    _change_result(
        "gamma_table",
        "through tables of 4096 entries for an exponent of 2.2, and back",
        conversions.round_trip_gamma_tables,
    ),
    _change_result("ycbcr_8_bits", "to YCbCr in 8 bits and back", conversions.round_trip_ycbcr),
    _change_result(
        "ycbcr_float32", "to YCbCr in float32 and back", conversions.round_trip_ycbcr_float32
    ),
    _change_result("lab_8_bits", "to Lab in 8 bits and back", conversions.round_trip_lab_8_bits),
    _change_result("lab_float32", "to Lab in float32 and back", conversions.round_trip_lab),
    _change_result("hsv_8_bits", "to HSV in 8 bits and back", conversions.round_trip_hsv_8_bits),
    _change_result("hsv_float32", "to HSV in float32 and back", conversions.round_trip_hsv),
    _change_result("xyz_float32", "to XYZ in float32 and back", conversions.round_trip_xyz),
    _change_result(
        "icc_lab", "by LittleCMS to a Lab profile and back", conversions.round_trip_icc_lab
    ),
    # Arithmetic in stages
    HarmlessChange(
        "stages_float16",
        "blending, enlarging and harmonising hand on float16",
        EditChange(
            stages=tuple((name, _convert_image(conversions.round_to_float16)) for name in _PRECISE)
        ),
        quick=True,
    ),
    HarmlessChange(
        "stages_bfloat16",
        "blending, enlarging and harmonising hand on bfloat16",
        EditChange(
            stages=tuple((name, _convert_image(conversions.round_to_bfloat16)) for name in _PRECISE)
        ),
    ),
    _change_stage(
        "fill_float16",
        "the fill is handed on in float16",
        "inpaint",
        _convert_fill(conversions.round_to_float16),
    ),
    _change_stage(
        "fill_bfloat16",
        "the fill is handed on in bfloat16",
        "inpaint",
        _convert_fill(conversions.round_to_bfloat16),
    ),
    _change_stage(
        "blend_lerp", "blended by the difference", "blend", _change_blend(_blend_by_difference)
    ),
    _change_stage("blend_float64", "blended in float64", "blend", _change_blend(_blend_in_float64)),
    _change_stage(
        "blend_whole_numbers",
        "blended in 8-bit whole numbers",
        "blend",
        _change_blend(_blend_in_whole_numbers),
        quick=True,
    ),
    # Tiles, batches, threads
    _change_settings("batch_small", "small batches", ("inpaint.payload_px", 16_384), keeps=True),
    _change_settings(
        "inpaint_tiles_512",
        "the model is given at most 512 px",
        ("inpaint.tile_px", 512),
        keeps=True,
    ),
    _change_settings(
        "tiles_96", "tiles of 96 px before enlarging", ("tile.size_px", 96), quick=True
    ),
    _change_settings("tiles_256", "tiles of 256 px before enlarging", ("tile.size_px", 256)),
    _change_settings("tiles_overlap_16", "tiles share 16 px", ("tile.overlap_px", 16)),
    _change_settings(
        "tiles_faded",
        "tiles are cross-faded instead of blended octave by octave",
        ("tile.join", "fade"),
    ),
    _change_stage(
        "tiles_backwards", "tiles are cut from the other end", "upscale", _cut_tiles_backwards
    ),
    HarmlessChange("threads_4", "four threads", EditChange(threads=4), keeps=True),
    # Kernels of other libraries
    _swap_library("lanczos4_whole", "Lanczos without tiles, by OpenCV", enlarging.opencv_lanczos),
    _swap_library(
        "lanczos4_numpy", "Lanczos in float64, by NumPy", enlarging.numpy_lanczos, quick=True
    ),
    _swap_library("lanczos4_torch", "Lanczos as a convolution, by torch", enlarging.torch_lanczos),
    _swap_library("lanczos3_pillow", "Lanczos of three lobes, by Pillow", enlarging.pillow_lanczos),
    _swap_library(
        "bicubic_torch",
        "bicubic by torch instead of OpenCV",
        enlarging.torch_bicubic,
        enlarging.opencv_bicubic,
    ),
    _swap_library(
        "bicubic_pillow",
        "bicubic by Pillow instead of OpenCV",
        enlarging.pillow_bicubic,
        enlarging.opencv_bicubic,
    ),
    _swap_library(
        "bicubic_skimage",
        "bicubic by scikit-image instead of OpenCV",
        enlarging.skimage_bicubic,
        enlarging.opencv_bicubic,
    ),
    _swap_library(
        "bilinear_torch",
        "bilinear by torch instead of OpenCV",
        enlarging.torch_bilinear,
        enlarging.opencv_bilinear,
    ),
    _swap_library(
        "bilinear_pillow",
        "bilinear by Pillow instead of OpenCV",
        enlarging.pillow_bilinear,
        enlarging.opencv_bilinear,
    ),
    _swap_library(
        "bilinear_skimage",
        "bilinear by scikit-image instead of OpenCV",
        enlarging.skimage_bilinear,
        enlarging.opencv_bilinear,
    ),
    _swap_library(
        "area_pillow",
        "boxes by Pillow instead of torch",
        enlarging.pillow_box,
        enlarging.torch_area,
    ),
)
"""Every harmless change, by kind."""

"""Changes that do no harm: what a gate must let pass.

Each is something that teams change without a thought: how a picture is rounded or stored, which
library enlarges it, in which precision a stage computes. Whether anybody can see one is not said
here: it is measured, picture by picture.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from editproof.harness.faults import conversions as to
from editproof.harness.faults import enlarging as by
from editproof.harness.faults.stages import Plant, Stage
from editproof.harness.records.errors import unknown_name_error
from editproof.pipelines.contract import Image, Mask, Param
from editproof.pipelines.edit import Edit, Step

Conversion = Callable[[Image], Image]
"""H×W×3 in [0, 1], sRGB, in and out; what it draws at random is the same every time."""


@dataclass(frozen=True, slots=True)
class Way:
    """How an edit is made."""

    finished: Conversion | None = None
    """What is done to the finished picture; None: nothing."""
    stages: tuple[tuple[str, Plant], ...] = ()
    """What is done in place of a stage, by its name."""
    settings: tuple[tuple[str, Param], ...] = ()
    """Settings of the pipeline."""
    threads: int = 0
    """OpenCV and torch compute in so many threads; 0: as it is."""


@dataclass(frozen=True, slots=True)
class Harmless:
    """One harmless change."""

    name: str
    about: str
    """What is done otherwise, in one clause."""
    way: Way
    before: Way | None = None
    """How the accepted edits are made; None: by the pipeline as it is."""
    keeps: bool = False
    """Whether every picture stays as it was, to the bit."""
    quick: bool = False
    """Whether a quick calibration tries it."""


def get_harmless(name: str) -> Harmless:
    """The harmless change of that name. Raises UsageError with the nearest known name."""
    for change in HARMLESS:
        if change.name == name:
            return change
    raise unknown_name_error("harmless change", name, [change.name for change in HARMLESS])


# What is done to what a stage hands on.


def _image(convert: Conversion) -> Plant:
    """The picture that goes on from a stage, converted."""

    def plant(stage: Stage, edit: Edit, _: float) -> Step:
        step = stage(edit)
        image = convert(step.edit.image)
        return replace(step, edit=replace(step.edit, image=image), artefact=image)

    return plant


def _fill(convert: Conversion) -> Plant:
    """The fill, converted where something is filled."""

    def plant(stage: Stage, edit: Edit, _: float) -> Step:
        step = stage(edit)
        hole = (step.edit.mask > 0)[..., None]
        fill = np.where(hole, convert(step.edit.fill), step.edit.fill)
        return replace(step, edit=replace(step.edit, fill=fill), artefact=fill)

    return plant


def _mask(convert: Callable[[Mask], Mask]) -> Plant:
    """The mask, converted; what is free of it stays free."""

    def plant(stage: Stage, edit: Edit, _: float) -> Step:
        step = stage(edit)
        mask = np.where(step.edit.mask > 0, convert(step.edit.mask), np.float32(0))
        return replace(step, edit=replace(step.edit, mask=mask), artefact=mask)

    return plant


def _mixed(mix: Callable[[Image, Image, Mask], Image]) -> Plant:
    """`mix(fill, picture, mask)` in place of the blending; what is free of the mask stays to the
    bit.
    """

    def plant(stage: Stage, edit: Edit, _: float) -> Step:
        step = stage(edit)
        mixed = np.asarray(mix(edit.fill, edit.image, edit.mask[..., None]), np.float32)
        image = np.where((edit.mask > 0)[..., None], mixed, edit.image)
        return replace(step, edit=replace(step.edit, image=image, blended=image), artefact=image)

    return plant


def _enlarged(enlarge: by.Enlarge) -> Plant:
    """Another program in place of the enlargement."""

    def plant(stage: Stage, edit: Edit, _: float) -> Step:
        step = stage(edit)
        if edit.request.scale == 1:
            return step
        image = np.asarray(enlarge(edit.image, edit.request.scale), np.float32).clip(0, 1)
        return replace(step, edit=replace(step.edit, image=image), artefact=image)

    return plant


def _turned(stage: Stage, edit: Edit, _: float) -> Step:
    """Tiles are cut from the other end: the picture is turned by 180 degrees, and back."""
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


def _lerp(fill: Image, image: Image, alpha: Mask) -> Image:
    return image + alpha * (fill - image)


def _in_float64(fill: Image, image: Image, alpha: Mask) -> Image:
    wide = alpha.astype(np.float64)
    return np.asarray(wide * fill + (1 - wide) * image, np.float32)


def _in_whole_numbers(fill: Image, image: Image, alpha: Mask) -> Image:
    """As graphics libraries blend: 8-bit pictures and alpha, and a division by 255."""
    one, other, share = (np.rint(part * 255).astype(np.int32) for part in (fill, image, alpha))
    return np.asarray((one * share + other * (255 - share) + 127) // 255, np.float32) / np.float32(
        255
    )


def _finished(
    name: str, about: str, convert: Conversion, *, keeps: bool = False, quick: bool = False
) -> Harmless:
    return Harmless(name, about, Way(convert), keeps=keeps, quick=quick)


def _in_stage(name: str, about: str, stage: str, plant: Plant, *, quick: bool = False) -> Harmless:
    return Harmless(name, about, Way(stages=((stage, plant),)), quick=quick)


def _set(
    name: str, about: str, *settings: tuple[str, Param], keeps: bool = False, quick: bool = False
) -> Harmless:
    return Harmless(name, about, Way(settings=settings), keeps=keeps, quick=quick)


def _other_library(
    name: str,
    about: str,
    enlarge: by.Enlarge,
    before: by.Enlarge | None = None,
    *,
    quick: bool = False,
) -> Harmless:
    """The same kernel by two libraries; `before`: None is the pipeline's own Lanczos."""
    ways = [
        Way(stages=(("upscale", _enlarged(one)),)) if one else None for one in (enlarge, before)
    ]
    return Harmless(name, about, ways[0] or Way(), ways[1], quick=quick)


_PRECISE = ("blend", "upscale", "harmonise")

HARMLESS: tuple[Harmless, ...] = (
    # Rounding
    _finished("half_level", "half a level is added before rounding", to.half_a_level_up),
    _finished("truncated", "levels are cut off instead of rounded", to.truncated, quick=True),
    _finished(
        "rounded_up_at_half", "halves are rounded up instead of to even", to.rounded_up_at_half
    ),
    _finished(
        "dither_ordered", "an ordered dither of half a level before rounding", to.ordered_dither
    ),
    _finished(
        "dither_1", "a random dither of one level before rounding", to.random_dither, quick=True
    ),
    _finished("noise_03", "noise of σ 0.3 levels", lambda image: to.noisy(image, 0.3)),
    _finished("noise_05", "noise of σ 0.5 levels", lambda image: to.noisy(image, 0.5), quick=True),
    _finished("noise_1", "noise of σ 1 level", lambda image: to.noisy(image, 1.0)),
    _in_stage("fill_8_bits", "the fill is rounded to 8 bits", "inpaint", _fill(to.through_8_bits)),
    _in_stage(
        "blend_8_bits",
        "the picture is rounded to 8 bits before it is enlarged",
        "blend",
        _image(to.through_8_bits),
    ),
    _in_stage(
        "upscale_8_bits",
        "the enlarged picture is rounded to 8 bits",
        "upscale",
        _image(to.through_8_bits),
    ),
    _in_stage(
        "mask_8_bits",
        "the mask is rounded to 8 bits",
        "refine_mask",
        _mask(to.plane_through_8_bits),
    ),
    # Encodings
    _finished(
        "png_0",
        "through a PNG without compression",
        lambda image: to.through_png(image, 0),
        keeps=True,
    ),
    _finished(
        "png_9",
        "through a PNG of the highest compression",
        lambda image: to.through_png(image, 9),
        keeps=True,
    ),
    _finished("tiff_lzw", "through a TIFF", to.through_tiff, keeps=True),
    _finished(
        "webp_lossless", "through a lossless WebP", to.through_webp_lossless, keeps=True, quick=True
    ),
    _finished("webp_95", "through a WebP of quality 95", lambda image: to.through_webp(image, 95)),
    _finished(
        "jpeg_100_444",
        "through a JPEG of quality 100, 4:4:4",
        lambda i: to.through_jpeg(i, 100, "4:4:4"),
        quick=True,
    ),
    _finished(
        "jpeg_100_420",
        "through a JPEG of quality 100, 4:2:0",
        lambda i: to.through_jpeg(i, 100, "4:2:0"),
    ),
    _finished(
        "jpeg_98_444",
        "through a JPEG of quality 98, 4:4:4",
        lambda i: to.through_jpeg(i, 98, "4:4:4"),
    ),
    _finished(
        "jpeg_98_420",
        "through a JPEG of quality 98, 4:2:0",
        lambda i: to.through_jpeg(i, 98, "4:2:0"),
    ),
    _finished(
        "jpeg_95_444",
        "through a JPEG of quality 95, 4:4:4",
        lambda i: to.through_jpeg(i, 95, "4:4:4"),
    ),
    _finished(
        "jpeg_95_420",
        "through a JPEG of quality 95, 4:2:0",
        lambda i: to.through_jpeg(i, 95, "4:2:0"),
        quick=True,
    ),
    _finished("bits_16", "through 16 bits a channel", to.through_16_bits, keeps=True),
    _finished("float16", "through float16", to.through_float16, quick=True),
    _finished("bfloat16", "through bfloat16", to.through_bfloat16),
    # Colour spaces
    _finished("linear_float32", "to linear light and back, in float32", to.through_linear_light),
    _finished(
        "linear_16_bits",
        "to linear light in 16 bits, and back",
        to.through_linear_16_bits,
        quick=True,
    ),
    _finished("linear_float16", "to linear light in float16, and back", to.through_linear_float16),
    _finished(
        "gamma_table",
        "through tables of 4096 entries for an exponent of 2.2, and back",
        to.through_gamma_tables,
    ),
    _finished("ycbcr_8_bits", "to YCbCr in 8 bits and back", to.through_ycbcr),
    _finished("ycbcr_float32", "to YCbCr in float32 and back", to.through_ycbcr_float32),
    _finished("lab_8_bits", "to Lab in 8 bits and back", to.through_lab_8_bits),
    _finished("lab_float32", "to Lab in float32 and back", to.through_lab),
    _finished("hsv_8_bits", "to HSV in 8 bits and back", to.through_hsv_8_bits),
    _finished("hsv_float32", "to HSV in float32 and back", to.through_hsv),
    _finished("xyz_float32", "to XYZ in float32 and back", to.through_xyz),
    _finished("icc_lab", "by LittleCMS to a Lab profile and back", to.through_icc_lab),
    # Arithmetic in stages
    Harmless(
        "stages_float16",
        "blending, enlarging and harmonising hand on float16",
        Way(stages=tuple((name, _image(to.through_float16)) for name in _PRECISE)),
        quick=True,
    ),
    Harmless(
        "stages_bfloat16",
        "blending, enlarging and harmonising hand on bfloat16",
        Way(stages=tuple((name, _image(to.through_bfloat16)) for name in _PRECISE)),
    ),
    _in_stage(
        "fill_float16", "the fill is handed on in float16", "inpaint", _fill(to.through_float16)
    ),
    _in_stage(
        "fill_bfloat16", "the fill is handed on in bfloat16", "inpaint", _fill(to.through_bfloat16)
    ),
    _in_stage("blend_lerp", "blended by the difference", "blend", _mixed(_lerp)),
    _in_stage("blend_float64", "blended in float64", "blend", _mixed(_in_float64)),
    _in_stage(
        "blend_whole_numbers",
        "blended in 8-bit whole numbers",
        "blend",
        _mixed(_in_whole_numbers),
        quick=True,
    ),
    # Tiles, batches, threads
    _set("batch_small", "small batches", ("inpaint.payload_px", 16_384), keeps=True),
    _set(
        "inpaint_tiles_512",
        "the model is given at most 512 px",
        ("inpaint.tile_px", 512),
        keeps=True,
    ),
    _set("tiles_96", "tiles of 96 px before enlarging", ("tile.size_px", 96), quick=True),
    _set("tiles_256", "tiles of 256 px before enlarging", ("tile.size_px", 256)),
    _set("tiles_overlap_16", "tiles share 16 px", ("tile.overlap_px", 16)),
    _set(
        "tiles_faded",
        "tiles are cross-faded instead of blended octave by octave",
        ("tile.join", "fade"),
    ),
    _in_stage("tiles_backwards", "tiles are cut from the other end", "upscale", _turned),
    Harmless("threads_4", "four threads", Way(threads=4), keeps=True),
    # Kernels of other libraries
    _other_library("lanczos4_whole", "Lanczos without tiles, by OpenCV", by.opencv_lanczos),
    _other_library("lanczos4_numpy", "Lanczos in float64, by NumPy", by.numpy_lanczos, quick=True),
    _other_library("lanczos4_torch", "Lanczos as a convolution, by torch", by.torch_lanczos),
    _other_library("lanczos3_pillow", "Lanczos of three lobes, by Pillow", by.pillow_lanczos),
    _other_library(
        "bicubic_torch", "bicubic by torch instead of OpenCV", by.torch_bicubic, by.opencv_bicubic
    ),
    _other_library(
        "bicubic_pillow",
        "bicubic by Pillow instead of OpenCV",
        by.pillow_bicubic,
        by.opencv_bicubic,
    ),
    _other_library(
        "bicubic_skimage",
        "bicubic by scikit-image instead of OpenCV",
        by.skimage_bicubic,
        by.opencv_bicubic,
    ),
    _other_library(
        "bilinear_torch",
        "bilinear by torch instead of OpenCV",
        by.torch_bilinear,
        by.opencv_bilinear,
    ),
    _other_library(
        "bilinear_pillow",
        "bilinear by Pillow instead of OpenCV",
        by.pillow_bilinear,
        by.opencv_bilinear,
    ),
    _other_library(
        "bilinear_skimage",
        "bilinear by scikit-image instead of OpenCV",
        by.skimage_bilinear,
        by.opencv_bilinear,
    ),
    _other_library("area_pillow", "boxes by Pillow instead of torch", by.pillow_box, by.torch_area),
)
"""Every harmless change, by kind."""

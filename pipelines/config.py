"""The reference pipeline's settings: one section a stage, each setting with its unit and range.

A setting is named `section.setting`, e.g. `inpaint.model`; values may be strings, as they come from
a command line.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from functools import cache
from typing import Any, Literal, get_type_hints

from editproof.pipelines.contract import ContractError, Param
from editproof.pipelines.models.names import check_model
from editproof.pipelines.setting_values import parse_setting
from editproof.pipelines.stages.perceptual import find_weights
from editproof.pipelines.stages.upscalers import find_upscaler


@dataclass(frozen=True, slots=True)
class PrecheckConfig:
    """Decide on a small copy of the picture what must be done at all."""

    proxy_px: int = 256
    """Longest edge of the small copies of the mask and the picture."""
    min_contrast: float = 0.02
    """A picture holds no text if no 3×3 pixels differ by more than this, 0 to 1."""
    text_share: float = 0.5
    """Text dominates if it is at least this share, 0 to 1, of what is masked."""
    budget_ms: float = 0.0
    """The trace says that the stage was slow if it takes longer than this. 0: never."""


@dataclass(frozen=True, slots=True)
class DetectConfig:
    """Find text, a logo or a colour if the caller gives no mask."""

    text: bool = True
    """Look for text."""
    min_confidence: float = 0.4
    """Text boxes whose detector score, 0 to 1, is lower are dropped."""
    upsample: int = 2
    """The detector sees the image enlarged by this factor. A larger one finds smaller text and
    takes longer: 3 s a megapixel at 2, a quarter of that at 1. Pictures above 2000 px are examined
    in tiles.
    """
    both_scales: bool = True
    """The detector also sees the image at its own size. What either finds counts."""
    box_margin_px: int = 2
    """Boxes grow by this much before glyphs are looked for in them."""
    template: str = ""
    """A picture file of a logo to look for. Its transparency says which pixels are the logo."""
    template_score: float = 0.8
    """A match counts as the logo from this correlation with the template on, 0 to 1."""
    colour: str = ""
    """Colour of an overlay to look for, `#rrggbb`."""
    colour_tolerance: float = 15.0
    """Largest distance from that colour in CIE Lab (1976)."""
    budget_ms: float = 0.0
    """The trace says that the stage was slow if it takes longer than this. 0: never."""


@dataclass(frozen=True, slots=True)
class MaskConfig:
    """Refine and check the mask."""

    erode_px: int = 0
    """The mask first shrinks by this radius: for a mask that is known to be too wide. Strokes
    thinner than twice this disappear.
    """
    dilate_px: int = 1
    """Every masked pixel grows by this radius. Each pixel beyond a tight mask costs 2 to 4 dB on
    thin text.
    """
    soft_sigma_px: float = 0.7
    """Standard deviation of the Gaussian fall-off of the mask's edge. 0: a hard edge."""
    spare_anchors: bool = True
    """Growth stops before strong local structure, such as microprint beside the text."""
    max_coverage: float = 0.12
    """An edit is refused as too large if the mask covers more than this share of the image, 0 to
    1.
    """
    max_protected: float = 1.0
    """An edit needs review if it masks more than this share of a protected feature, 0 to 1."""
    budget_ms: float = 0.0
    """The trace says that the stage was slow if it takes longer than this. 0: never."""


@dataclass(frozen=True, slots=True)
class TextConfig:
    """Remove text ahead of the inpainter, line by line."""

    mode: Literal["off", "auto"] = "off"
    """`auto` treats each line by its background and by the detector's confidence. `off` leaves
    everything to the inpainter.
    """
    min_confidence: float = 0.6
    """A line that was read with less confidence, 0 to 1, is blurred rather than reconstructed."""
    flat_model: str = "patch"
    """Fills lines on flat backgrounds from what is beside them. Names as in `inpaint.model`."""
    complex_model: str = ""
    """Fills lines on structured backgrounds, and sees the whole picture. Empty: `inpaint.model`."""
    flat_strength: float = 0.05
    """A background is flat if its local structure is weaker than this, 0 to 1 a pixel."""
    budget_ms: float = 0.0
    """The trace says that the stage was slow if it takes longer than this. 0: never."""


@dataclass(frozen=True, slots=True)
class PolicyConfig:
    """Refuse some edits, or send them to a person. Off unless rules are named."""

    refuse: str = ""
    """Rules, separated by commas. An edit that one of them flags is refused. The rules are
    `watermark` and `category`.
    """
    review: str = ""
    """Rules, separated by commas. An edit that one of them flags is made and needs review."""
    categories: str = ""
    """Values of `metadata["category"]`, separated by commas, that the rule `category` flags."""


@dataclass(frozen=True, slots=True)
class InpaintConfig:
    """Fill the hole."""

    model: str = "ns"
    """`ns`, `telea`, `biharmonic`, `patch`; `microfill`; `diffusers:<folder or hub id>`;
    `spandrel:<file>`.
    """
    context_px: int = 32
    """The model sees this much around each hole."""
    radius_px: int = 3
    """`ns`, `telea`: neighbourhood of a pixel."""
    patch_radius_px: int = 3
    """`patch`: radius of the compared patches."""
    sampling_steps: int = 4
    """Diffusion models: number of denoising steps. `microfill` needs 2 to 4; most others need 20 or
    more.
    """
    scheduler: Literal["ddim", "dpmsolver++"] = "ddim"
    """Diffusion models: the scheduler of the denoising steps."""
    guidance_scale: float = 7.5
    """Models with a prompt: how strongly they follow it. 1: without guidance."""
    negative_prompt: str = ""
    """Models with a prompt: what they must avoid. It counts where `guidance_scale` is above 1."""
    strength: float = 1.0
    """Diffusion models: share of the steps that are made, starting from a noised classical fill. 1:
    from noise alone.
    """
    precision: Literal["float32", "float16", "bfloat16"] = "float32"
    """Diffusion models: the number format that they compute in. Half precision halves the memory on
    a GPU and changes a picture's last bits. A model that is not made for float16 may overflow.
    """
    keep_steps: str = ""
    """Diffusion models: steps whose picture is kept in the trace, counted from 0 and separated by
    commas, e.g. `0,2`.
    """
    soft_mask: bool = False
    """Diffusion models: their mask channel has the mask's soft edge, instead of 0 or 1. `microfill`
    was trained with a hard edge. A soft one costs it 0.002 of mean LPIPS at σ 0.7 px, and 0.005 at
    3 px.
    """
    conditioning: str = ""
    """Models with a prompt: a file that calibrates their embeddings.
    `pipelines/models/conditioning.py` writes it.
    """
    tile_px: int = 1024
    """Longest edge that the model sees. Larger crops are cut into tiles of this size."""
    tile_overlap_px: int = 64
    """Overlap of neighbouring tiles."""
    payload_px: int = 65_536
    """Most pixels in a batch, for models that fill several crops at once on a GPU. A processor
    fills one crop at a time.
    """
    two_tier: bool = False
    """The model gives the structure (low frequencies), and `patch` the texture (high frequencies).
    """
    refine_texture: bool = False
    """`patch` adds the missing texture where the fill is smoother than its surroundings."""
    budget_ms: float = 0.0
    """The trace says that the stage was slow if it takes longer than this. 0: never."""


@dataclass(frozen=True, slots=True)
class BlendConfig:
    """Join the fill and the picture."""

    mode: Literal["hard", "feather", "poisson", "laplacian"] = "feather"
    """`hard` cuts along the mask, and `feather` fades along its soft edge. `laplacian` blends each
    octave over its own width. `poisson` joins the fill's gradients to the picture's rim.
    """
    budget_ms: float = 0.0
    """The trace says that the stage was slow if it takes longer than this. 0: never."""


@dataclass(frozen=True, slots=True)
class TileConfig:
    """Cut large images into overlapping tiles before upscaling."""

    size_px: int = 128
    """Edge of a tile, in input pixels."""
    overlap_px: int = 32
    """Overlap of neighbouring tiles, in input pixels. 0: hard seams."""
    join: Literal["pyramid", "fade", "naive"] = "pyramid"
    """How tiles are blended where they overlap. `pyramid` blends octave by octave, `fade`
    cross-fades, and `naive` cuts in the middle.
    """


@dataclass(frozen=True, slots=True)
class UpscaleConfig:
    """Enlarge to the requested scale, and check the result."""

    model: str = "lanczos"
    """`bicubic`, `lanczos` and `guided` are conservative: they invent nothing. `realesrgan` and
    `spandrel:<file>` are creative.
    """
    by_criticality: bool = False
    """The asset's metadata choose the model. `criticality: high` takes `conservative_model`, and
    `low` takes `creative_model`.
    """
    conservative_model: Literal["bicubic", "lanczos", "guided"] = "lanczos"
    """Replaces a creative model wherever that one may not invent."""
    creative_model: str = "realesrgan"
    """Enlarges what may gain invented detail. It is the heavier model of the feedback loop."""
    back_projections: int = 0
    """How often a conservative model's error is added back: its picture is made small again and
    compared with the input. The result is sharper, but it also has more noise.
    """
    creative_back_projections: int = 2
    """The same for a creative model, whose colours drift without it."""
    denoise: float = 0.0
    """Strength of the denoising before, in multiples of the picture's measured noise. 0: none."""
    seam_guard_px: int = 4
    """A creative model fades out within this distance of the mask's edge, in input pixels. So it
    can't make a seam more visible. 0: it also works there.
    """
    flat_guard: float = 0.0
    """A creative model fades out where the input's local deviation, 0 to 1, is lower. A flat area
    has nothing to sharpen. 0: it also works there.
    """
    feedback_threshold: float = 0.0
    """A region is enlarged again if its picture, made small again, differs from the input by
    more than this, 0 to 1. `creative_model` follows a conservative model, and `conservative_model`
    a creative one. 0: no region is.
    """
    budget_ms: float = 0.0
    """The trace says that the stage was slow if it takes longer than this. 0: never."""


@dataclass(frozen=True, slots=True)
class HarmoniseConfig:
    """Match the fill to its surroundings."""

    colour: Literal["none", "gradient", "mean_std"] = "gradient"
    """`gradient` carries the step along the fill's edge smoothly into the fill. `mean_std` moves
    the fill's Lab statistics to those around it. Either is used only if it makes the step smaller.
    """
    grain: bool = False
    """Adds noise as strong as that around the fill. The pipeline is then stochastic."""
    ring_px: int = 12
    """How far the surroundings of a fill reach, in input pixels."""
    budget_ms: float = 0.0
    """The trace says that the stage was slow if it takes longer than this. 0: never."""


@dataclass(frozen=True, slots=True)
class VerifyConfig:
    """Check the result before it is committed."""

    max_outside_change: float = 0.0
    """Largest change that is allowed in any pixel outside the mask before upscaling, 0 to 1."""
    max_edge_excess: float = 0.10
    """Largest difference between the mean step across the mask's edge and the one just outside it,
    0 to 1.
    """
    max_artefact_score: float = 1.0
    """Largest artefact score of the fill in the result, 0 to 1. 1: none is too large."""
    min_ssim: float = 0.0
    """Least mean SSIM outside the mask, of the result made small again with the input. 0: none is
    too small.
    """
    max_lpips: float = 1.0
    """Largest mean LPIPS (AlexNet) outside the mask, of the result made small again with the input.
    1: LPIPS is not measured.
    """
    lpips_weights: str = ""
    """AlexNet's weights: a file, or a folder that holds one. Empty: what EDITPROOF_LPIPS_WEIGHTS
    names.
    """
    budget_ms: float = 0.0
    """The trace says that the stage was slow if it takes longer than this. 0: never."""


@dataclass(frozen=True, slots=True)
class OrderConfig:
    """The order of the stages."""

    upscale_first: bool = False
    """Upscales before inpainting instead of after it, so that the harm can be measured."""


@dataclass(frozen=True, slots=True)
class RouteConfig:
    """Try cheap inpainters first, and heavier ones if the result is not good enough."""

    tiers: str = ""
    """Inpainting models from fast to heavy, e.g. `ns,patch`. They replace `inpaint.model`. Empty:
    no routing.
    """
    threshold: float = 0.25
    """The first result whose artefact score, 0 to 1, is not higher is taken. If there is none, the
    best result needs review.
    """
    by_value: bool = False
    """Metadata `asset_value: high` starts one tier up."""
    by_source: bool = False
    """A photograph starts one tier up. It is known by metadata `source: photo`, or by a camera's
    name in its EXIF. At JPEG quality 50 or less it starts as usual, since it has no texture left to
    lose. Metadata `jpeg_quality` or the file says the quality.
    """


@dataclass(frozen=True, slots=True)
class ReferenceConfig:
    """Every setting of the reference pipeline."""

    precheck: PrecheckConfig = field(default_factory=PrecheckConfig)
    detect: DetectConfig = field(default_factory=DetectConfig)
    mask: MaskConfig = field(default_factory=MaskConfig)
    text: TextConfig = field(default_factory=TextConfig)
    policy: PolicyConfig = field(default_factory=PolicyConfig)
    inpaint: InpaintConfig = field(default_factory=InpaintConfig)
    blend: BlendConfig = field(default_factory=BlendConfig)
    tile: TileConfig = field(default_factory=TileConfig)
    upscale: UpscaleConfig = field(default_factory=UpscaleConfig)
    harmonise: HarmoniseConfig = field(default_factory=HarmoniseConfig)
    verify: VerifyConfig = field(default_factory=VerifyConfig)
    order: OrderConfig = field(default_factory=OrderConfig)
    route: RouteConfig = field(default_factory=RouteConfig)

    def with_settings(self, settings: Mapping[str, Param]) -> ReferenceConfig:
        """A copy with the settings given by dotted name. Raises ContractError on an unknown name or
        a wrong value.
        """
        config = self
        for name, value in settings.items():
            kind = _setting_types().get(name)
            if kind is None:
                raise ContractError(_describe_unknown(name))
            section_name, setting = name.split(".")
            section = replace(
                getattr(config, section_name), **{setting: parse_setting(name, value, kind)}
            )
            config = replace(config, **{section_name: section})
        _check_ranges(config)
        return config

    def for_request(self, settings: Mapping[str, Param]) -> ReferenceConfig:
        """A copy with the settings that a request asks for; its tiling holds for the inpainter too.

        Raises ContractError on an unknown name or a wrong value.
        """
        tiling = {"tile.size_px": "inpaint.tile_px", "tile.overlap_px": "inpaint.tile_overlap_px"}
        implied = {tiling[name]: value for name, value in settings.items() if name in tiling}
        return self.with_settings({**implied, **settings})

    def budget_ms(self, section: str) -> float:
        """The time budget of a section in milliseconds; 0: it has none."""
        return float(getattr(getattr(self, section, None), "budget_ms", 0.0))

    def as_settings(self) -> dict[str, Param]:
        """Every setting by dotted name."""
        return {
            name: getattr(getattr(self, name.split(".")[0]), name.split(".")[1])
            for name in _setting_types()
        }


@cache
def _setting_types() -> Mapping[str, Any]:
    """Every setting's dotted name and type."""
    return {
        f"{section.name}.{setting}": kind
        for section in fields(ReferenceConfig)
        for setting, kind in get_type_hints(get_type_hints(ReferenceConfig)[section.name]).items()
    }


RANGES: dict[str, tuple[float, float]] = {
    "precheck.proxy_px": (16, 4096),
    "precheck.min_contrast": (0, 1),
    "precheck.text_share": (0, 1),
    "detect.min_confidence": (0, 1),
    "detect.upsample": (1, 4),
    "detect.box_margin_px": (0, 64),
    "detect.template_score": (0, 1),
    "detect.colour_tolerance": (0, 200),
    "mask.erode_px": (0, 64),
    "mask.dilate_px": (0, 64),
    "mask.soft_sigma_px": (0, 32),
    "mask.max_coverage": (0, 1),
    "mask.max_protected": (0, 1),
    "text.min_confidence": (0, 1),
    "text.flat_strength": (0, 1),
    "inpaint.context_px": (4, 4096),
    "inpaint.radius_px": (1, 64),
    "inpaint.patch_radius_px": (1, 15),
    "inpaint.sampling_steps": (1, 1000),
    "inpaint.guidance_scale": (0, 50),
    "inpaint.strength": (0.01, 1),
    "inpaint.tile_px": (16, 8192),
    "inpaint.tile_overlap_px": (0, 4096),
    "inpaint.payload_px": (1, 2**31),
    "tile.size_px": (16, 8192),
    "tile.overlap_px": (0, 4096),
    "upscale.back_projections": (0, 8),
    "upscale.creative_back_projections": (0, 8),
    "upscale.denoise": (0, 4),
    "upscale.seam_guard_px": (0, 64),
    "upscale.flat_guard": (0, 1),
    "upscale.feedback_threshold": (0, 1),
    "harmonise.ring_px": (1, 256),
    "verify.max_outside_change": (0, 1),
    "verify.max_edge_excess": (0, 1),
    "verify.max_artefact_score": (0, 1),
    "verify.min_ssim": (0, 1),
    "verify.max_lpips": (0, 1),
    "route.threshold": (0, 1),
}


def _check_ranges(config: ReferenceConfig) -> None:
    settings = config.as_settings()
    budgets = {name: (0.0, 1e9) for name in settings if name.endswith(".budget_ms")}
    for name, (low, high) in {**RANGES, **budgets}.items():
        value = float(settings[name])
        if not low <= value <= high:  # also refuses NaN
            raise ContractError(f"{name} must be from {low} to {high}; it is {settings[name]}")
    for size, overlap in (
        ("tile.size_px", "tile.overlap_px"),
        ("inpaint.tile_px", "inpaint.tile_overlap_px"),
    ):
        if float(settings[overlap]) >= float(settings[size]):
            raise ContractError(
                f"{overlap} must be less than {size}; they are {settings[overlap]} and"
                f" {settings[size]}"
            )
    check_model(config.inpaint.model)
    for tier in filter(None, map(str.strip, config.route.tiers.split(","))):
        check_model(tier, "route.tiers")
    check_model(config.text.flat_model, "text.flat_model")
    check_model(config.text.complex_model or config.inpaint.model, "text.complex_model")
    for upscaler in (config.upscale.model, config.upscale.creative_model):
        find_upscaler(upscaler)
    _check_keep_steps(config.inpaint)
    if config.verify.max_lpips < 1:
        find_weights(config.verify.lpips_weights)
    if config.detect.colour and not re.fullmatch(r"#[0-9a-fA-F]{6}", config.detect.colour):
        raise ContractError(
            f"detect.colour must be written #rrggbb; it is {config.detect.colour!r}"
        )


def _check_keep_steps(config: InpaintConfig) -> None:
    text = config.keep_steps
    if text and not re.fullmatch(r"\d+(,\d+)*", text):
        raise ContractError(f"inpaint.keep_steps must read like 0,2; it is {text!r}")
    late = [step for step in text.split(",") if step and int(step) >= config.sampling_steps]
    if late:
        raise ContractError(
            f"inpaint.keep_steps names step {late[0]}; inpaint.sampling_steps is"
            f" {config.sampling_steps}, so the last one is {config.sampling_steps - 1}"
        )


def _describe_unknown(name: str) -> str:
    close = difflib.get_close_matches(name, _setting_types(), n=1)
    hint = f"did you mean {close[0]}?" if close else f"there are: {', '.join(_setting_types())}"
    return f"the reference pipeline has no setting {name!r}; {hint}"

"""The reference pipeline's settings: one section a stage, each setting with its unit and range.

A setting is named `section.setting`, e.g. `inpaint.model`; values may be strings, as they come from a command line.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, Literal, get_args, get_origin, get_type_hints

from pipelines.contract import ContractError, Param


@dataclass(frozen=True, slots=True)
class DetectConfig:
    """Find text where the caller gives no mask."""

    min_confidence: float = 0.4
    """Text boxes below this detector score, 0 to 1, are dropped."""
    upsample: int = 2
    """The detector sees the image enlarged by this factor: finds smaller text, costs time. 1 to 4."""
    box_margin_px: int = 2
    """Boxes are grown by this much before glyphs are looked for in them."""


@dataclass(frozen=True, slots=True)
class MaskConfig:
    """Refine and check the mask."""

    dilate_px: int = 1
    """Every masked pixel grows by this radius. Each pixel beyond a tight mask costs 2-4 dB on thin text."""
    soft_sigma_px: float = 0.7
    """Gaussian fall-off of the mask's edge. 0: a hard edge."""
    max_coverage: float = 0.12
    """Share of the image, 0 to 1, above which an edit is refused as too large."""


@dataclass(frozen=True, slots=True)
class InpaintConfig:
    """Fill the hole."""

    model: Literal["ns", "telea", "biharmonic", "patch"] = "ns"
    context_px: int = 32
    """The model sees this much around each hole."""
    radius_px: int = 3
    """`ns`, `telea`: neighbourhood of a pixel."""
    patch_radius_px: int = 3
    """`patch`: radius of the compared patches."""


@dataclass(frozen=True, slots=True)
class BlendConfig:
    """Join the fill and the picture."""

    mode: Literal["hard", "feather", "poisson"] = "feather"


@dataclass(frozen=True, slots=True)
class TileConfig:
    """Cut large images into overlapping tiles before upscaling."""

    size_px: int = 128
    """Edge of a tile, in input pixels."""
    overlap_px: int = 32
    """What neighbouring tiles share; they are cross-faded over it. 0: hard seams."""


@dataclass(frozen=True, slots=True)
class UpscaleConfig:
    """Enlarge to the requested scale."""

    model: Literal["bicubic", "lanczos"] = "lanczos"


@dataclass(frozen=True, slots=True)
class HarmoniseConfig:
    """Match the fill to its surroundings."""

    colour: Literal["none", "mean_std"] = "none"
    """`mean_std`: move the fill's Lab statistics to those around it, unless that makes its edge worse."""
    grain: bool = False
    """Put noise of the strength measured around the fill back into it. Makes the pipeline stochastic."""
    ring_px: int = 12
    """How far around the fill its surroundings reach, in input pixels."""


@dataclass(frozen=True, slots=True)
class VerifyConfig:
    """Check the result before it is committed."""

    max_outside_change: float = 0.0
    """Largest change, 0 to 1, allowed in any pixel outside the mask before upscaling."""
    max_edge_excess: float = 0.10
    """Largest mean step across the mask's edge, 0 to 1, over the mean step just outside it."""


@dataclass(frozen=True, slots=True)
class ReferenceConfig:
    """Every setting of the reference pipeline."""

    detect: DetectConfig = field(default_factory=DetectConfig)
    mask: MaskConfig = field(default_factory=MaskConfig)
    inpaint: InpaintConfig = field(default_factory=InpaintConfig)
    blend: BlendConfig = field(default_factory=BlendConfig)
    tile: TileConfig = field(default_factory=TileConfig)
    upscale: UpscaleConfig = field(default_factory=UpscaleConfig)
    harmonise: HarmoniseConfig = field(default_factory=HarmoniseConfig)
    verify: VerifyConfig = field(default_factory=VerifyConfig)

    def with_settings(self, settings: Mapping[str, Param]) -> ReferenceConfig:
        """A copy with the settings given by dotted name. Raises ContractError on an unknown name or a wrong value."""
        config = self
        for name, value in settings.items():
            kind = _kinds().get(name)
            if kind is None:
                raise ContractError(_unknown(name))
            section_name, setting = name.split(".")
            section = replace(getattr(config, section_name), **{setting: _parse(name, value, kind)})
            config = replace(config, **{section_name: section})
        _check_ranges(config)
        return config

    def as_settings(self) -> dict[str, Param]:
        """Every setting by dotted name."""
        return {name: getattr(getattr(self, name.split(".")[0]), name.split(".")[1]) for name in _kinds()}


def _kinds() -> dict[str, Any]:
    """Every setting's dotted name and type."""
    return {
        f"{section.name}.{setting}": kind
        for section in fields(ReferenceConfig)
        for setting, kind in get_type_hints(get_type_hints(ReferenceConfig)[section.name]).items()
    }


def _parse(name: str, value: Param, kind: Any) -> Param:
    if get_origin(kind) is Literal:
        if value not in get_args(kind):
            raise ContractError(f"{name} must be one of {', '.join(get_args(kind))}; it is {value!r}")
        return value
    if kind is bool:
        words = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}
        if isinstance(value, bool) or str(value).lower() not in words:
            if isinstance(value, bool):
                return value
            raise ContractError(f"{name} must be true or false; it is {value!r}")
        return words[str(value).lower()]
    try:
        number = float(value)
    except ValueError:
        raise ContractError(f"{name} must be a number; it is {value!r}") from None
    if kind is int:
        if not number.is_integer():
            raise ContractError(f"{name} must be a whole number; it is {value!r}")
        return int(number)
    return number


_RANGES: dict[str, tuple[float, float]] = {
    "detect.min_confidence": (0, 1),
    "detect.upsample": (1, 4),
    "detect.box_margin_px": (0, 64),
    "mask.dilate_px": (0, 64),
    "mask.soft_sigma_px": (0, 32),
    "mask.max_coverage": (0, 1),
    "inpaint.context_px": (4, 4096),
    "inpaint.radius_px": (1, 64),
    "inpaint.patch_radius_px": (1, 15),
    "tile.size_px": (16, 8192),
    "tile.overlap_px": (0, 4096),
    "harmonise.ring_px": (1, 256),
    "verify.max_outside_change": (0, 1),
    "verify.max_edge_excess": (0, 1),
}


def _check_ranges(config: ReferenceConfig) -> None:
    settings = config.as_settings()
    for name, (low, high) in _RANGES.items():
        value = float(settings[name])
        if not low <= value <= high:  # also refuses NaN
            raise ContractError(f"{name} must be from {low} to {high}; it is {settings[name]}")
    if config.tile.overlap_px >= config.tile.size_px:
        raise ContractError(
            f"tile.overlap_px must be less than tile.size_px; they are {config.tile.overlap_px} and {config.tile.size_px}"
        )


def _unknown(name: str) -> str:
    close = difflib.get_close_matches(name, _kinds(), n=1)
    hint = f"did you mean {close[0]}?" if close else f"there are: {', '.join(_kinds())}"
    return f"the reference pipeline has no setting {name!r}; {hint}"

"""Enlarging models by name. Conservative ones invent nothing. Creative ones invent plausible
detail.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from editproof.pipelines.contract import ContractError, Image
from editproof.pipelines.device import full_precision
from editproof.pipelines.network_file import read_network

if TYPE_CHECKING:
    from spandrel import ImageModelDescriptor

Upscaler = Callable[[Image, int], Image]
"""`(image, scale) -> large`: h×w×3 in [0, 1] in, (h·scale)×(w·scale)×3 in [0, 1] out."""

SPANDREL = "spandrel:"
"""Before the path of a super-resolution network's file."""

REALESRGAN = Path(__file__).parents[1] / "weights" / "realesr-animevideov3-x4.safetensors"

_BORDER_PX = 10
"""The border is extended by this much before a network sees the picture. Zeros beyond it would
darken it.
"""

_GUIDED_RADIUS = 1
_GUIDED_EPS = 1e-2
_GUIDED_GAIN = 1.5
"""Radius in input pixels, regularisation, and gain of what the guided filter takes away; chosen on
photographs.
"""


def find_upscaler(name: str) -> Upscaler:
    """The model of that name; a network is loaded when it is first used. Raises ContractError where
    there is none.
    """
    if name in UPSCALERS:
        return UPSCALERS[name]
    if not name.startswith(SPANDREL):
        raise ContractError(
            f"an upscaler must be one of {', '.join(UPSCALERS)}, {SPANDREL}<file>; it is {name!r}"
        )
    path = Path(name.removeprefix(SPANDREL)).expanduser()
    if not path.is_file():
        raise ContractError(
            f"{name}: there is no file {path}; a super-resolution network was expected there"
        )
    return partial(_upscale_by_network, path)


def is_conservative(name: str) -> bool:
    """Whether the model of that name invents nothing."""
    return name in CONSERVATIVE


def add_back_projection(model: Upscaler, times: int) -> Upscaler:
    """Add back to a model's picture what it lacks of the input, this many times.

    Irani & Peleg 1991. The picture is made small again by area and compared with the input. Each
    time reaches two input pixels further. The method assumes that the input is an area average.
    What else is in the input comes back, too, such as noise.
    """

    def enlarge(image: Image, scale: int) -> Image:
        large = model(image, scale)
        size, small = large.shape[1::-1], image.shape[1::-1]
        for _ in range(times):
            lacking = image - cv2.resize(large, small, interpolation=cv2.INTER_AREA)
            large = _clip_to_unit(large + cv2.resize(lacking, size, interpolation=cv2.INTER_CUBIC))
        return large

    return enlarge


def guided_filter(guide: Image, image: Image, *, radius_px: int, eps: float) -> Image:
    """Smooth `image`, but keep the edges of `guide`, channel by channel.

    He, Sun & Tang 2013, eq. 5, 6 and 8. Both are H×W×3, of one size. Windows are `2 · radius_px +
    1` wide. Edges stay where the guide's variance in a window is far above `eps`. Where it is far
    below, the window's mean is taken.
    """
    mean = partial(cv2.boxFilter, ddepth=-1, ksize=(2 * radius_px + 1, 2 * radius_px + 1))
    guide_mean, image_mean = mean(guide), mean(image)
    covariance = mean(guide * image) - guide_mean * image_mean
    variance = mean(guide * guide) - guide_mean * guide_mean
    slope = covariance / (variance + np.float32(eps))
    offset = image_mean - slope * guide_mean
    return np.asarray(mean(slope) * guide + mean(offset), np.float32)


@lru_cache(maxsize=2)
def load_network(path: Path) -> ImageModelDescriptor[Any]:
    """A super-resolution network of RGB pictures, where EDITPROOF_DEVICE says; from safetensors, or
    a .pth without code in it.

    Raises ContractError where the file is no such network.
    """
    from spandrel import ImageModelDescriptor

    network: ImageModelDescriptor[Any] = read_network(
        path,
        ImageModelDescriptor,
        purpose="SR",
        wanted="a super-resolution network of RGB pictures",
    )
    return network


def _make_interpolation(flag: int) -> Upscaler:
    def enlarge(image: Image, scale: int) -> Image:
        height, width = image.shape[:2]
        return _clip_to_unit(cv2.resize(image, (width * scale, height * scale), interpolation=flag))

    return enlarge


def _upscale_guided(image: Image, scale: int) -> Image:
    """Lanczos, sharpened by what a guided filter takes away, which keeps off the ringing of an
    ordinary mask.
    """
    large = UPSCALERS["lanczos"](image, scale)
    smooth = guided_filter(large, large, radius_px=_GUIDED_RADIUS * scale, eps=_GUIDED_EPS)
    return _clip_to_unit(smooth + np.float32(_GUIDED_GAIN) * (large - smooth))


def _upscale_by_network(path: Path, image: Image, scale: int) -> Image:
    """A network's own scale, then an area resize down, or Lanczos up, to the one asked for."""
    import torch

    network = load_network(path)
    padded = np.pad(
        image, ((_BORDER_PX, _BORDER_PX), (_BORDER_PX, _BORDER_PX), (0, 0)), mode="edge"
    )
    with torch.inference_mode(), full_precision():
        output = network(
            torch.from_numpy(padded.transpose(2, 0, 1).copy())[None].to(network.device)
        )
    border = _BORDER_PX * network.scale
    large = np.ascontiguousarray(
        output[0].cpu().numpy().transpose(1, 2, 0)[border:-border, border:-border]
    )
    if network.scale == scale:
        return large
    height, width = image.shape[:2]
    flag = cv2.INTER_AREA if scale < network.scale else cv2.INTER_LANCZOS4
    return _clip_to_unit(cv2.resize(large, (width * scale, height * scale), interpolation=flag))


def _clip_to_unit(image: Any) -> Image:
    return np.clip(np.asarray(image, np.float32), 0, 1)


CONSERVATIVE: dict[str, Upscaler] = {
    "bicubic": _make_interpolation(cv2.INTER_CUBIC),
    "lanczos": _make_interpolation(cv2.INTER_LANCZOS4),
    "guided": _upscale_guided,
}
UPSCALERS: dict[str, Upscaler] = {
    **CONSERVATIVE,
    "realesrgan": partial(_upscale_by_network, REALESRGAN),
}

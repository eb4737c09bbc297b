"""The contenders of `benchmarks.metrics`: ours, and those of the packages that people use."""

from __future__ import annotations

import importlib.util
import os
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.metric_pairs import Pair
from editproof.harness.metrics.core.lpips_weights import LpipsWeights, find_weights
from editproof.harness.metrics.core.metric import Metric
from editproof.harness.metrics.core.registry import get_metric

COMPARED = ("psnr", "ssim", "lpips")

Call = Callable[[], float]
"""Measures one pair and gives the value over the whole picture."""


@dataclass(frozen=True, slots=True)
class Contender:
    """One implementation of a metric; `prepare` makes ready what is not timed."""

    metric: str
    package: str
    prepare: Callable[[Pair], Call]


def contenders(weights: LpipsWeights) -> list[Contender]:
    """Ours and whichever peers are installed."""
    ours = [Contender(name, "editproof", _ours(get_metric(name, weights))) for name in COMPARED]
    peers = {"piq": _piq, "pyiqa": _pyiqa, "torchmetrics": _torchmetrics, "skimage": _skimage}
    found = [peers[package]() for package in peers if importlib.util.find_spec(package)]
    return [*ours, *(contender for package in found for contender in package), _lpips(weights)]


def _ours(metric: Metric) -> Callable[[Pair], Call]:
    def prepare(pair: Pair) -> Call:
        prepared = metric.prepare(pair.reference)

        def call() -> float:
            values = metric.measure(prepared, pair.actual)
            return next(
                v.value
                for v in values
                if (v.region, v.stat) == ("all", "mean") and v.value is not None
            )

        return call

    return prepare


def _on_tensors(function: Callable[[Any, Any], Any]) -> Callable[[Pair], Call]:
    """A peer that takes 1×3×H×W tensors; making them is not timed."""
    import torch

    def prepare(pair: Pair) -> Call:
        one, other = (
            torch.from_numpy(image.transpose(2, 0, 1).copy())[None]
            for image in (pair.expected, pair.actual)
        )

        def call() -> float:
            with torch.inference_mode():
                return float(function(one, other))

        return call

    return prepare


def _piq() -> list[Contender]:
    import piq

    return [
        Contender("psnr", "piq", _on_tensors(piq.psnr)),
        Contender(
            "ssim", "piq", _on_tensors(lambda one, other: piq.ssim(one, other, downsample=False))
        ),
    ]


def _pyiqa() -> list[Contender]:
    import pyiqa

    psnr, ssim = (pyiqa.create_metric(name, device="cpu") for name in ("psnr", "ssimc"))
    return [
        Contender("psnr", "pyiqa", _on_tensors(psnr)),
        Contender("ssim", "pyiqa", _on_tensors(ssim)),
    ]


def _torchmetrics() -> list[Contender]:
    from torchmetrics.functional import image

    psnr, ssim = image.peak_signal_noise_ratio, image.structural_similarity_index_measure
    return [
        Contender(
            "psnr", "torchmetrics", _on_tensors(lambda one, other: psnr(other, one, data_range=1.0))
        ),
        Contender(
            "ssim", "torchmetrics", _on_tensors(lambda one, other: ssim(other, one, data_range=1.0))
        ),
    ]


def _skimage() -> list[Contender]:
    from skimage.metrics import peak_signal_noise_ratio, structural_similarity

    wang = {
        "channel_axis": -1,
        "gaussian_weights": True,
        "sigma": 1.5,
        "use_sample_covariance": False,
    }

    def psnr(pair: Pair) -> Call:
        return lambda: float(peak_signal_noise_ratio(pair.expected, pair.actual, data_range=1.0))

    def ssim(pair: Pair) -> Call:
        return lambda: float(
            structural_similarity(pair.expected, pair.actual, data_range=1.0, **wang)
        )

    return [Contender("psnr", "scikit-image", psnr), Contender("ssim", "scikit-image", ssim)]


def _lpips(weights: LpipsWeights) -> Contender:
    """The package, on the very weights that ours looks through."""
    import lpips

    from editproof.harness.metrics.structure.lpips import read_weights

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it calls torchvision with an old argument
        package = lpips.LPIPS(net="alex", pnet_rand=True, verbose=False).eval()
    state = read_weights(weights.path)
    names = {
        f"net.slice{k}.{n}": f"features.{n}" for k, n in ((1, 0), (2, 3), (3, 6), (4, 8), (5, 10))
    }
    part = {
        f"{own}.{kind}": state[f"{name}.{kind}"]
        for own, name in names.items()
        for kind in ("weight", "bias")
    }
    package.load_state_dict(part, strict=False)
    return Contender(
        "lpips", "lpips", _on_tensors(lambda one, other: package(one, other, normalize=True))
    )


def weights_of(folder: Path) -> LpipsWeights:
    """AlexNet's weights where they are known, else random ones, kept in the folder."""
    named = os.environ.get("EDITPROOF_LPIPS_WEIGHTS", "")
    found = find_weights(named, download=False)
    if found.variant == "alex":
        return found
    from safetensors.torch import save_file
    from torchvision.models import alexnet

    state = {
        f"features.{name}": weight
        for name, weight in alexnet(weights=None).features.state_dict().items()
    }
    save_file(state, folder / "alexnet_features.safetensors")
    return find_weights(str(folder), download=False)

"""Every metric by name, in the order in which tables show them. To add one: write its file, add its line here."""

from __future__ import annotations

from collections.abc import Callable

from harness.errors import unknown
from harness.metrics.delta_e00 import DELTA_E00
from harness.metrics.local_contrast import LOCAL_CONTRAST
from harness.metrics.lpips import lpips_metric
from harness.metrics.lpips_weights import NO_WEIGHTS, LpipsWeights
from harness.metrics.metric import Metric
from harness.metrics.psnr import PSNR
from harness.metrics.spectral_energy import SPECTRAL_ENERGY
from harness.metrics.ssim import SSIM

METRICS: dict[str, Callable[[LpipsWeights], Metric]] = {
    "psnr": lambda _: PSNR,
    "ssim": lambda _: SSIM,
    "lpips": lpips_metric,
    "delta_e00": lambda _: DELTA_E00,
    "spectral_energy": lambda _: SPECTRAL_ENERGY,
    "local_contrast": lambda _: LOCAL_CONTRAST,
}


def get_metric(name: str, weights: LpipsWeights) -> Metric:
    """The metric of that name. Raises UsageError with the nearest known name."""
    check_name(name)
    return METRICS[name](weights)


def stats_of(name: str) -> tuple[str, ...]:
    """The statistics that a metric gives."""
    return get_metric(name, NO_WEIGHTS).stats


def check_name(name: str) -> None:
    """Raise UsageError unless there is such a metric."""
    if name not in METRICS:
        raise unknown("metric", name, METRICS)

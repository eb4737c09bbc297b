"""Every metric by name, in the order of all tables. To add one, write its file and add its line
here.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

from editproof.harness.metrics.colour.banding import BANDING
from editproof.harness.metrics.colour.chroma_ratio import CHROMA_RATIO
from editproof.harness.metrics.colour.delta_e00 import DELTA_E00
from editproof.harness.metrics.colour.hue_offset import HUE_OFFSET
from editproof.harness.metrics.colour.lightness_bias import LIGHTNESS_BIAS
from editproof.harness.metrics.core.lpips_weights import NO_WEIGHTS, LpipsWeights
from editproof.harness.metrics.core.metric import Metric
from editproof.harness.metrics.detail.grain import GRAIN
from editproof.harness.metrics.detail.local_contrast import LOCAL_CONTRAST
from editproof.harness.metrics.detail.sharpness import SHARPNESS
from editproof.harness.metrics.detail.spectral_energy import SPECTRAL_ENERGY
from editproof.harness.metrics.edge.halo import HALO
from editproof.harness.metrics.geometry.registration import REGISTRATION
from editproof.harness.metrics.kept.outside_change import OUTSIDE_CHANGE
from editproof.harness.metrics.legibility.cer import CER
from editproof.harness.metrics.legibility.micro_legibility import MICRO_LEGIBILITY
from editproof.harness.metrics.residue.ghost import GHOST
from editproof.harness.metrics.residue.text_residue import TEXT_RESIDUE
from editproof.harness.metrics.residue.unedited import UNEDITED
from editproof.harness.metrics.seams.seam_energy import SEAM_ENERGY
from editproof.harness.metrics.seams.seam_grid import SEAM_GRID
from editproof.harness.metrics.seams.tile_peak import TILE_PEAK
from editproof.harness.metrics.structure.cvvdp import CVVDP
from editproof.harness.metrics.structure.flip import FLIP
from editproof.harness.metrics.structure.lpips import (
    lpips_metric,
    lpips_squeeze_metric,
    lpips_vgg_metric,
)
from editproof.harness.metrics.structure.ms_ssim import MS_SSIM
from editproof.harness.metrics.structure.psnr import PSNR
from editproof.harness.metrics.structure.ssim import SSIM
from editproof.harness.records.errors import UsageError, unknown_name_error
from editproof.vectors.plugins import PluginError, load_plugins

ENTRY_POINTS = "editproof.metrics"
"""Entry point group of other packages' metrics: a Metric, or several in a list or tuple."""

METRICS: dict[str, Callable[[LpipsWeights], Metric]] = {
    "psnr": lambda _: PSNR,
    "ssim": lambda _: SSIM,
    "lpips": lpips_metric,
    "lpips_vgg": lpips_vgg_metric,
    "lpips_squeeze": lpips_squeeze_metric,
    "delta_e00": lambda _: DELTA_E00,
    "spectral_energy": lambda _: SPECTRAL_ENERGY,
    "local_contrast": lambda _: LOCAL_CONTRAST,
    "ghost": lambda _: GHOST,
    "unedited": lambda _: UNEDITED,
    "halo": lambda _: HALO,
    "seam_energy": lambda _: SEAM_ENERGY,
    "seam_grid": lambda _: SEAM_GRID,
    "tile_peak": lambda _: TILE_PEAK,
    "outside_change": lambda _: OUTSIDE_CHANGE,
    "micro_legibility": lambda _: MICRO_LEGIBILITY,
    "text_residue": lambda _: TEXT_RESIDUE,
    "cer": lambda _: CER,
    "ms_ssim": lambda _: MS_SSIM,
    "hue_offset": lambda _: HUE_OFFSET,
    "chroma_ratio": lambda _: CHROMA_RATIO,
    "lightness_bias": lambda _: LIGHTNESS_BIAS,
    "sharpness": lambda _: SHARPNESS,
    "grain": lambda _: GRAIN,
    "banding": lambda _: BANDING,
    "registration": lambda _: REGISTRATION,
    "flip": lambda _: FLIP,
    "cvvdp": lambda _: CVVDP,
}

SLOW = ("flip", "cvvdp", "text_residue", "cer", "lpips_vgg", "lpips_squeeze")
"""They take several hundred milliseconds, or need weights that few people have. So they are
measured only if a suite names them.
"""

EVERY_NIGHT = tuple(name for name in METRICS if name not in SLOW)
"""What a suite measures if it names no metrics."""


def get_metric(name: str, weights: LpipsWeights) -> Metric:
    """Return the metric of that name, ours or another package's. Raises UsageError with the nearest
    known name.
    """
    check_name(name)
    return METRICS[name](weights) if name in METRICS else load_plugin_metrics()[name]


def all_names() -> tuple[str, ...]:
    """Names of our metrics, then of other packages' metrics."""
    return (*METRICS, *load_plugin_metrics())


@cache
def load_plugin_metrics() -> dict[str, Metric]:
    """Load the metrics of installed packages, by name. Raises UsageError that names the package."""
    try:
        metrics = load_plugins(ENTRY_POINTS, Metric)
    except PluginError as error:
        raise UsageError(str(error)) from error
    names = [metric.name for metric in metrics]
    for name in names:
        if name in METRICS or names.count(name) > 1:
            raise UsageError(
                f"two metrics are called {name!r}: rename the one under {ENTRY_POINTS}"
            )
    return dict(zip(names, metrics, strict=True))


def stats_of(name: str) -> tuple[str, ...]:
    """The statistics of a metric."""
    return get_metric(name, NO_WEIGHTS).stats


def check_name(name: str) -> None:
    """Raise UsageError unless there is such a metric."""
    if name not in METRICS and name not in load_plugin_metrics():
        raise unknown_name_error("metric", name, all_names())

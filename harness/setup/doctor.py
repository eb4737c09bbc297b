"""Check what is installed and which weights are here, and say what to do about the rest."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, distributions, version

from editproof.harness.metrics.core.lpips_weights import find_weights
from editproof.harness.records.errors import UsageError
from editproof.harness.running.runner import default_jobs
from editproof.harness.suites.settings import Project
from editproof.pipelines.contract import ContractError
from editproof.pipelines.device import VARIABLE, device_name

PACKAGES = (
    "editproof",
    "numpy",
    "scipy",
    "scikit-image",
    "opencv-python-headless",
    "pillow",
    "pypatchmatch",
    "rapidocr",
    "onnxruntime",
    "torch",
    "torchvision",
    "diffusers",
    "cvvdp",
    "flip-evaluator",
    "lpips",
    "stlpips-pytorch",
    "pandas",
    "pyarrow",
    "matplotlib",
    "jinja2",
    "typer",
)


@dataclass(frozen=True, slots=True)
class Check:
    """One check and its result."""

    name: str
    ok: bool
    found: str
    """What is there. If it is not right, also what to do."""


def check_installation(project: Project) -> tuple[Check, ...]:
    """Every check, in the order in which a person would look."""
    return (
        *(_check_package(name) for name in PACKAGES),
        _check_opencv(),
        _check_patchmatch(),
        _check_lpips(project),
        _check_device(),
        Check("settings", ok=True, found=project.source),
        Check(
            "cache",
            ok=True,
            found=str(project.cache_folder) if project.settings.cache.enabled else "off",
        ),
        Check("jobs", ok=True, found=str(project.settings.jobs or default_jobs())),
    )


def _check_package(name: str) -> Check:
    try:
        return Check(name, ok=True, found=version(name))
    except PackageNotFoundError:
        return Check(
            name,
            ok=False,
            found="not installed. Install editproof again, in a new virtual environment",
        )


def _check_opencv() -> Check:
    names = sorted({d.name for d in distributions() if d.name.startswith("opencv-")})
    if len(names) == 1:
        return Check("one OpenCV", ok=True, found=names[0])
    remedy = (
        "packages of OpenCV overwrite each other. Uninstall all of them, then install only"
        " opencv-python-headless"
    )
    return Check("one OpenCV", ok=False, found=f"{', '.join(names) or 'none'}: {remedy}")


def _check_patchmatch() -> Check:
    """Find the library's file; a wheel for another system lacks it."""
    spec = importlib.util.find_spec("patchmatch")
    here = spec is not None and spec.origin is not None
    return Check(
        "model patch",
        ok=here,
        found="PatchMatch" if here else "pypatchmatch can't be imported. Install it again",
    )


def _check_device() -> Check:
    """Where networks run."""
    try:
        name = device_name()
    except ContractError as error:
        return Check("device", ok=False, found=str(error))
    return Check(
        "device", ok=True, found=name if name != "cpu" else f"cpu. For a GPU, set {VARIABLE}=cuda"
    )


def _check_lpips(project: Project) -> Check:
    try:
        weights = find_weights(project.lpips_weights, download=False)
    except UsageError as error:
        return Check("LPIPS weights", ok=False, found=str(error))
    return Check(
        "LPIPS weights",
        ok=True,
        found=f"lpips[{weights.variant}] from {weights.path}. {weights.note}".strip(),
    )

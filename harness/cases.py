"""From a suite to its cases: what each is, and what determines its outcome."""

from __future__ import annotations

import hashlib
import json
import platform
import sys
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.metadata import version
from pathlib import Path

from harness.metrics.lpips_weights import LpipsWeights
from harness.metrics.registry import get_metric
from harness.runs import MetricInfo, PipelineInfo
from harness.types import Case, Model, Suite, Variant
from vectors.registry import get as get_vector

ID_LENGTH = 16

LIBRARIES = ("numpy", "opencv-python-headless", "pillow", "scikit-image", "scipy", "torch")
"""Libraries that draw scenes or measure them: a release of theirs may change a number."""

_HERE = Path(__file__).resolve().parent


def expand(suite: Suite, pipelines: Mapping[str, PipelineInfo], weights: LpipsWeights) -> tuple[Case, ...]:
    """Every case of the suite, scene by scene; a deterministic model gets the first seed only."""
    return tuple(
        _case(suite, variant, model, seed, pipelines[model.name], weights)
        for variant in suite.variants
        for model in suite.models
        for seed in (suite.seeds if pipelines[model.name].stochastic else suite.seeds[:1])
    )


def describe_metrics(suite: Suite, weights: LpipsWeights) -> dict[str, MetricInfo]:
    """What the suite's metrics are, by name."""
    metrics = [get_metric(name, weights) for name in suite.metrics]
    return {metric.name: MetricInfo(metric.identity, metric.unit, metric.better) for metric in metrics}


def versions() -> dict[str, str]:
    """Everything whose release may change a number."""
    return {"editproof": version("editproof"), "python": platform.python_version()} | {
        name: version(name) for name in LIBRARIES
    }


def machine() -> dict[str, str]:
    """What the run ran on."""
    return {"system": platform.system(), "processor": platform.machine(), "device": "cpu", "dtype": "float32"}


def _case(
    suite: Suite, variant: Variant, model: Model, seed: int, pipeline: PipelineInfo, weights: LpipsWeights
) -> Case:
    vector = get_vector(variant.family)
    params = vector.ladder[variant.step - 1]
    identity: dict[str, object] = {
        "family": variant.family,
        "version": vector.version,
        "params": dict(params),
        "size": suite.size,
        "scale": suite.scale,
        "scene_seed": suite.scene_seed,
        "model": model.name,
        "seed": seed,
    }
    case_id = _digest(identity)[:ID_LENGTH]
    outcome = {
        "id": case_id,
        "pipeline": pipeline.fingerprint,
        "metrics": [get_metric(name, weights).identity for name in suite.metrics],
        "weights": weights.sha256,
        "code": _code_hash(),
        "versions": versions(),
        "machine": machine(),
    }
    key = _digest(outcome) if pipeline.fingerprint else ""
    return Case(
        id=case_id,
        key=key,
        family=variant.family,
        step=variant.step,
        params=dict(params),
        size=suite.size,
        scale=suite.scale,
        scene_seed=suite.scene_seed,
        model=model,
        seed=seed,
    )


@cache
def _code_hash() -> str:
    """Hash of the source that draws scenes and measures edits, fonts included."""
    digest = hashlib.sha256(sys.version.encode())
    for path in _sources():
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def _sources() -> Iterator[Path]:
    yield from sorted(path for path in (_HERE.parent / "vectors").rglob("*") if path.suffix in {".py", ".ttf"})
    yield from sorted((_HERE / "metrics").glob("*.py"))
    yield from (_HERE / name for name in ("measure.py", "pictures.py", "worker.py", "pipeline_host.py"))


def _digest(value: object) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()

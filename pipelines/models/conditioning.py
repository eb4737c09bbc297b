"""Calibrate one model family's prompt embeddings to another's, and describe an embedding in
numbers.

Two text encoders put the same prompts at other places, with other spreads, in a turned space. A
model that is swapped in then answers a prompt with another strength than the one before it: a hue
that shifts, strokes that go. A calibration is measured once on embeddings of the same prompts from
both families, kept in a file, and applied at every edit.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from editproof.pipelines.contract import ContractError

Method = Literal["mean_std", "procrustes"]
Embedding = npt.NDArray[np.float32]
"""…×D: one vector a token, or one a prompt."""

FORMAT = 1
FLOOR = 1e-6
"""Least standard deviation: a dimension that never changes is moved, not stretched."""


@dataclass(frozen=True, slots=True, eq=False)
class Calibration:
    """From one family's embeddings to another's: `(e - source_mean) / source_scale`, turned, `·
    target_scale + target_mean`.
    """

    method: Method
    source_mean: Embedding
    source_scale: Embedding
    """D, or 1 for all dimensions."""
    rotation: Embedding
    """D×D', orthogonal; 0×0: none."""
    target_mean: Embedding
    target_scale: Embedding


class Features(NamedTuple):
    """What is logged of an embedding."""

    norm: float
    """Mean length of its vectors."""
    mean: float
    std: float
    sha256: str
    """Of its float32 values, the first 12 hex digits."""

    def __str__(self) -> str:
        return (
            f"norm {self.norm:.4g}, mean {self.mean:.4g}, std {self.std:.4g}, sha256 {self.sha256}"
        )


def calibrate(source: Embedding, target: Embedding, *, method: Method = "mean_std") -> Calibration:
    """Measure what brings `source` (N×D) to `target`, embeddings of the same N prompts or tokens by
    two families.

    `mean_std`: mean and standard deviation of every dimension; the order of the rows does not
    matter. `procrustes`: one scale and the best orthogonal map (Schönemann 1966), row by row; the
    dimensions may be two. Raises ContractError where shapes do not fit, a value is not finite, or
    there are fewer than two rows.
    """
    _check_pair(source, target, same_width=method == "mean_std")
    wide = source.astype(np.float64), target.astype(np.float64)
    means = tuple(part.mean(axis=0) for part in wide)
    if method == "mean_std":
        scales = tuple(np.maximum(part.std(axis=0), FLOOR) for part in wide)
        return _calibration(method, means, scales, np.zeros((0, 0)))
    from scipy.linalg import orthogonal_procrustes

    centred = wide[0] - means[0], wide[1] - means[1]
    scales = tuple(
        np.maximum(np.sqrt(np.square(part).sum(axis=1).mean(keepdims=True)), FLOOR)
        for part in centred
    )
    widest = max(source.shape[1], target.shape[1])
    unit = [
        np.pad(part / scale, ((0, 0), (0, widest - part.shape[1])))
        for part, scale in zip(centred, scales, strict=True)
    ]
    rotation, _ = orthogonal_procrustes(*unit)
    return _calibration(method, means, scales, rotation[: source.shape[1], : target.shape[1]])


def apply(calibration: Calibration, embedding: Embedding) -> Embedding:
    """Move an embedding, …×D, to the target family's place and spread: …×D'. Raises ContractError
    where D is another.
    """
    width = len(calibration.source_mean)
    if embedding.shape[-1] != width:
        raise ContractError(
            f"the embedding has {embedding.shape[-1]} dimensions; the calibration was measured on"
            f" {width}"
        )
    unit = (embedding - calibration.source_mean) / calibration.source_scale
    turned = unit @ calibration.rotation if calibration.rotation.size else unit
    return np.asarray(turned * calibration.target_scale + calibration.target_mean, np.float32)


def features(embedding: Embedding) -> Features:
    """Norm, mean, deviation and hash of an embedding, …×D."""
    values = np.ascontiguousarray(embedding, np.float32)
    lengths = np.linalg.norm(values.astype(np.float64), axis=-1)
    digest = hashlib.sha256(values.tobytes()).hexdigest()[:12]
    return Features(
        float(lengths.mean()),
        float(values.mean(dtype=np.float64)),
        float(values.std(dtype=np.float64)),
        digest,
    )


def save(calibration: Calibration, path: Path) -> None:
    """Write `path`, safetensors, and beside it a .json that says for a person what it is."""
    from safetensors.numpy import save_file

    save_file({name: getattr(calibration, name) for name in _TENSORS}, path)
    facts = {
        "format": FORMAT,
        "method": calibration.method,
        "source_dimensions": len(calibration.source_mean),
        "target_dimensions": len(calibration.target_mean),
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
    }
    _facts_path(path).write_text(json.dumps(facts, indent=1) + "\n", "utf-8")


def load(path: Path) -> Calibration:
    """Read what `save` wrote. Raises ContractError where a file is missing, is of another format,
    or was changed.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load as load_tensors

    for file in (path, _facts_path(path)):
        if not file.is_file():
            raise ContractError(f"inpaint.conditioning: there is no file {file}")
    try:
        facts = json.loads(_facts_path(path).read_text("utf-8"))
        tensors = load_tensors(path.read_bytes())
    except (ValueError, SafetensorError) as error:
        raise ContractError(f"inpaint.conditioning: {path} can't be read: {error}") from error
    if (
        facts.get("format") != FORMAT
        or facts.get("method") not in {"mean_std", "procrustes"}
        or set(tensors) != _TENSORS
    ):
        raise ContractError(f"inpaint.conditioning: {path} is not a calibration of format {FORMAT}")
    if facts.get("sha256") != hashlib.sha256(path.read_bytes()).hexdigest():
        raise ContractError(
            f"inpaint.conditioning: {path} is not the file that {_facts_path(path)} was written for"
        )
    return Calibration(facts["method"], **tensors)


_TENSORS = {"source_mean", "source_scale", "rotation", "target_mean", "target_scale"}

Wide = npt.NDArray[np.float64]


def _calibration(
    method: Method, means: tuple[Wide, ...], scales: tuple[Wide, ...], rotation: Wide
) -> Calibration:
    parts = (means[0], scales[0], rotation, means[1], scales[1])
    return Calibration(method, *(np.ascontiguousarray(part, np.float32) for part in parts))


def _check_pair(source: Embedding, target: Embedding, *, same_width: bool) -> None:
    for name, part in (("source", source), ("target", target)):
        if part.ndim != 2 or len(part) < 2:
            raise ContractError(
                f"the {name} embeddings have shape {part.shape}; N×D with N of 2 or more was"
                " expected"
            )
        if not np.isfinite(part).all():
            raise ContractError(f"the {name} embeddings hold values that are NaN or infinite")
    if len(source) != len(target) or (same_width and source.shape != target.shape):
        raise ContractError(
            f"the embeddings have shapes {source.shape} and {target.shape}: they do not fit"
            " together"
        )


def _facts_path(path: Path) -> Path:
    return path.with_suffix(".json")

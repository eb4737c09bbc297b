"""Embeddings of one family are brought to another's scale exactly where the truth is known."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import ortho_group

from editproof.pipelines import ContractError
from editproof.pipelines.models import conditioning
from editproof.pipelines.models.conditioning import Embedding, Method

DIMENSIONS = 12


@pytest.fixture
def source() -> Embedding:
    rng = np.random.default_rng(0)
    return np.asarray(
        rng.normal(
            rng.normal(0, 3, DIMENSIONS), rng.uniform(0.2, 4, DIMENSIONS), (200, DIMENSIONS)
        ),
        np.float32,
    )


def test_a_known_rotation_scale_and_shift_are_undone(source: Embedding) -> None:
    """Procrustes finds them from the pairs, and maps vectors that it was not shown."""
    rotation = ortho_group.rvs(DIMENSIONS, random_state=1)
    target = ((source - 1) @ rotation * 2.5 + 7).astype(np.float32)
    calibration = conditioning.calibrate(source[:100], target[:100], method="procrustes")
    assert conditioning.apply(calibration, source[100:]) == pytest.approx(target[100:], abs=1e-3)
    assert calibration.rotation == pytest.approx(rotation, abs=1e-4)
    assert calibration.target_scale / calibration.source_scale == pytest.approx(2.5, rel=1e-4)


def test_mean_and_deviation_of_every_dimension_are_matched(source: Embedding) -> None:
    """Whatever the target's rows are: only their statistics count."""
    target = np.random.default_rng(2).normal(5, 0.5, source.shape).astype(np.float32)
    moved = conditioning.apply(conditioning.calibrate(source, target), source)
    assert moved.mean(axis=0) == pytest.approx(target.mean(axis=0), abs=1e-4)
    assert moved.std(axis=0) == pytest.approx(target.std(axis=0), rel=1e-4)
    shuffled = conditioning.calibrate(source, target[::-1])
    assert conditioning.apply(shuffled, source) == pytest.approx(moved, abs=1e-5)


def test_a_dimension_that_never_changes_is_moved_and_not_blown_up(source: Embedding) -> None:
    """There is no deviation to divide by."""
    source[:, 3] = 1.5
    moved = conditioning.apply(conditioning.calibrate(source, source * 2), source)
    assert moved == pytest.approx(source * 2, abs=1e-3)


def test_families_of_two_widths_are_mapped_by_procrustes_alone(source: Embedding) -> None:
    """A narrower space is a part of the wider one; a mean per dimension has no counterpart
    there.
    """
    wide = (
        np.pad(source, ((0, 0), (0, 4))) @ ortho_group.rvs(DIMENSIONS + 4, random_state=3)
    ).astype(np.float32)
    calibration = conditioning.calibrate(source, wide, method="procrustes")
    assert conditioning.apply(calibration, source) == pytest.approx(wide, abs=1e-3)
    with pytest.raises(ContractError, match=r"\(200, 12\) and \(200, 16\)"):
        conditioning.calibrate(source, wide)


@pytest.mark.parametrize("method", ["mean_std", "procrustes"])
def test_what_is_saved_is_what_is_loaded(source: Embedding, method: Method, tmp_path: Path) -> None:
    """To the bit; and the file beside it says which method it is."""
    calibration = conditioning.calibrate(source, source[::-1] * 3, method=method)
    conditioning.save(calibration, tmp_path / "a.safetensors")
    loaded = conditioning.load(tmp_path / "a.safetensors")
    assert (
        conditioning.apply(loaded, source).tobytes()
        == conditioning.apply(calibration, source).tobytes()
    )
    assert json.loads((tmp_path / "a.json").read_text("utf-8"))["method"] == method


def test_a_calibration_that_is_not_one_is_named(source: Embedding, tmp_path: Path) -> None:
    """Missing, damaged, and of other tensors than its description."""
    path = tmp_path / "a.safetensors"
    with pytest.raises(ContractError, match=r"there is no file .*a\.safetensors"):
        conditioning.load(path)
    conditioning.save(conditioning.calibrate(source, source * 2), path)
    description = (tmp_path / "a.json").read_text("utf-8")
    conditioning.save(conditioning.calibrate(source, source * 3), path)
    (tmp_path / "a.json").write_text(description, "utf-8")
    with pytest.raises(ContractError, match="is not the file that"):
        conditioning.load(path)
    path.write_bytes(b"no tensors")
    with pytest.raises(ContractError, match="can't be read"):
        conditioning.load(path)


@pytest.mark.parametrize(
    ("source", "target", "says"),
    [
        (np.zeros((1, 4)), np.zeros((1, 4)), "N of 2 or more"),
        (np.zeros((3, 4)), np.zeros((2, 4)), "do not fit together"),
        (np.full((3, 4), np.nan), np.zeros((3, 4)), "NaN"),
    ],
)
def test_embeddings_that_say_nothing_are_refused(
    source: Embedding, target: Embedding, says: str
) -> None:
    """Too few, not of the same prompts, not numbers."""
    with pytest.raises(ContractError, match=says):
        conditioning.calibrate(source, target)


def test_an_embedding_of_another_width_is_refused(source: Embedding) -> None:
    """Both widths are named."""
    calibration = conditioning.calibrate(source, source * 2)
    with pytest.raises(ContractError, match=r"has 5 dimensions; .* on 12"):
        conditioning.apply(calibration, np.zeros((3, 5), np.float32))


def test_features_are_what_they_say() -> None:
    """Closed forms, and a hash that tells two embeddings apart."""
    embedding = np.array([[3, 4], [0, 5]], np.float32)
    features = conditioning.features(embedding)
    assert (features.norm, features.mean) == (5.0, 3.0)
    assert features.std == pytest.approx(np.sqrt(3.5))
    assert features.sha256 != conditioning.features(embedding + np.float32(1e-6)).sha256
    assert str(features).startswith("norm 5, mean 3, std 1.871, sha256 ")

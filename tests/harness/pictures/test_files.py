"""Pictures as they are stored."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image as Pil

from editproof.harness.metrics.colour.delta_e00 import delta_e_map, lab
from editproof.harness.pictures import files as pictures
from editproof.harness.records.runs import blob_path

pytestmark = pytest.mark.smoke


def test_a_difference_has_the_colours_of_the_heat_map(tmp_path: Path) -> None:
    """Each pixel as if the heat map were stored in colours, at a third of the bytes or less."""
    rng = np.random.default_rng(7)
    expected = rng.random((96, 128, 3), np.float32)
    actual = np.clip(expected + 0.2 * rng.random(expected.shape, np.float32), 0, 1)
    actual[:40] = expected[:40]
    path = blob_path(tmp_path, pictures.store_difference(tmp_path, expected, actual))
    levels = np.round(255 * np.clip(delta_e_map(lab(expected), actual) / 20.0, 0, 1))
    heat = cv2.applyColorMap(levels.astype(np.uint8), cv2.COLORMAP_INFERNO)
    assert levels.min() == 0
    assert len(np.unique(levels)) > 50
    stored = np.asarray(Pil.open(path).convert("RGB"))
    assert np.array_equal(stored, heat[..., ::-1])
    in_colours = len(cv2.imencode(".png", heat)[1])
    assert path.stat().st_size < in_colours / 2

"""Golden hashes: what every vector draws, down to the 8-bit level.

Run this file as a program to write the hashes again, on purpose.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from editproof.vectors import VECTORS, Scene, Vector

GOLDEN = Path(__file__).with_name("golden.json")
SEED, SIZE = 5, 128
REMEDY = """{family} draws other pixels than before.
If its code was not changed, a library was: Pillow (text, resampling), NumPy, or the photographs of
scikit-image. Look at the scenes. If the change is meant, raise the vector's `version` and run
    python -m tests.vectors.test_golden"""


def digest(vector: Vector) -> str:
    """SHA-256 of all rungs, at 8 bits, so that the last bit of a float on another processor does
    not matter.
    """
    state = hashlib.sha256()
    for step in range(1, len(vector.ladder) + 1):
        scene = vector.render(SEED, SIZE, step=step)
        for plane in planes(scene):
            state.update(np.rint(plane * 255).astype(np.uint8).tobytes())
        state.update(repr(scene.truth).encode())
    return state.hexdigest()


def planes(scene: Scene) -> list[np.ndarray[tuple[int, ...], np.dtype[np.float32]]]:
    """Everything drawn in a scene, in a fixed order."""
    drawn = [scene.input, scene.clean, scene.clean_input, scene.overlay, scene.overlay_rgb]
    regions = [scene.edit, scene.ring, scene.keep, scene.seams]
    return [*drawn, *regions, *(mask for _, mask in sorted(scene.protect.items()))]


def entry(vector: Vector) -> dict[str, int | str]:
    return {"version": vector.version, "sha256": digest(vector)}


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector.family)
def test_golden(vector: Vector) -> None:
    """A vector draws what it drew when its version was set."""
    golden = json.loads(GOLDEN.read_text(encoding="utf-8"))
    assert golden.get(vector.family) == entry(vector), REMEDY.format(family=vector.family)


def test_no_stale_hash() -> None:
    """Every hash on file belongs to a vector."""
    assert set(json.loads(GOLDEN.read_text(encoding="utf-8"))) == {
        vector.family for vector in VECTORS
    }


def test_fresh_process() -> None:
    """Another process, with another hash seed, draws the same."""
    code = (
        f"import sys; sys.path[:0] = {sys.path!r}; import test_golden as t;"
        " print(t.digest(t.VECTORS[2]))"
    )
    here = Path(__file__).parent
    printed = subprocess.run(
        [sys.executable, "-c", code],
        cwd=here,
        check=True,
        capture_output=True,
        text=True,
        env={"PYTHONHASHSEED": "7"},
    ).stdout
    assert printed.strip() == digest(VECTORS[2])


if __name__ == "__main__":
    GOLDEN.write_text(
        json.dumps({v.family: entry(v) for v in VECTORS}, indent=2) + "\n", encoding="utf-8"
    )

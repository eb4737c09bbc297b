"""The registry of vectors."""

from __future__ import annotations

import subprocess
import sys

import pytest

from vectors import VECTORS, UnknownVectorError, get
from vectors.registry import index


def test_get() -> None:
    """Each vector is found by its family."""
    assert [get(vector.family) for vector in VECTORS] == list(VECTORS)


def test_unknown() -> None:
    """An unknown name raises, lists every vector and suggests the closest."""
    with pytest.raises(UnknownVectorError, match="Did you mean 'thin_text'") as caught:
        get("thintext")
    assert all(vector.family in str(caught.value) for vector in VECTORS)


def test_unlike_any() -> None:
    """A name that resembles none gets the list without a suggestion."""
    with pytest.raises(UnknownVectorError) as caught:
        get("zzzz")
    assert "Did you mean" not in str(caught.value)


def test_duplicate() -> None:
    """Two vectors of one name raise."""
    with pytest.raises(ValueError, match="two vectors are called 'logo'"):
        index((get("logo"), get("logo")))


def test_light_import() -> None:
    """Importing the package loads no library that is slow to start."""
    heavy = ("cv2", "matplotlib", "pandas", "scipy", "skimage", "torch")
    code = f"import sys, vectors; print([name for name in {heavy!r} if name in sys.modules])"
    command = [sys.executable, "-c", f"import sys; sys.path[:0] = {sys.path!r}; {code}"]
    assert subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip() == "[]"

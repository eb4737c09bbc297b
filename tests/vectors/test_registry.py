"""The registry of vectors."""

from __future__ import annotations

import importlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from editproof.vectors import VECTORS, UnknownVectorError, get_vector, plugins, registry
from editproof.vectors.plugins import PluginError, hash_source
from editproof.vectors.registry import index_vectors

pytestmark = pytest.mark.smoke


def test_get() -> None:
    """Each vector is found by its family."""
    assert [get_vector(vector.family) for vector in VECTORS] == list(VECTORS)


def test_unknown() -> None:
    """An unknown name raises, lists every vector and suggests the closest."""
    with pytest.raises(UnknownVectorError, match="Did you mean 'thin_text'") as caught:
        get_vector("thintext")
    assert all(vector.family in str(caught.value) for vector in VECTORS)


def test_unlike_any() -> None:
    """A name that resembles none gets the list without a suggestion."""
    with pytest.raises(UnknownVectorError) as caught:
        get_vector("zzzz")
    assert "Did you mean" not in str(caught.value)


def test_duplicate() -> None:
    """Two vectors of one name raise."""
    with pytest.raises(ValueError, match="two families are called 'logo'"):
        index_vectors((get_vector("logo"), get_vector("logo")))


def test_light_import() -> None:
    """Importing the package loads no library that is slow to start."""
    heavy = ("cv2", "matplotlib", "pandas", "scipy", "skimage", "torch")
    code = f"import sys, vectors; print([name for name in {heavy!r} if name in sys.modules])"
    command = [sys.executable, "-c", f"import sys; sys.path[:0] = {sys.path!r}; {code}"]
    assert (
        subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip() == "[]"
    )


@pytest.fixture
def offered(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Path]:
    """A module `posters` on the path, offered as `posters:VECTORS`; the test writes it."""
    point = SimpleNamespace(
        name="posters",
        value="posters:VECTORS",
        group=registry.ENTRY_POINTS,
        dist=SimpleNamespace(name="posters"),
        load=lambda: importlib.import_module("posters").VECTORS,
    )
    monkeypatch.setattr(
        plugins, "entry_points", lambda group: [point] if group == registry.ENTRY_POINTS else []
    )
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "posters", raising=False)
    registry.all_vectors.cache_clear()
    yield tmp_path / "posters.py"
    registry.all_vectors.cache_clear()
    sys.modules.pop("posters", None)


OWN = """
from dataclasses import replace
from editproof.vectors.families import logo

def draw(seed, size, scale, **params):
    return logo.draw(seed, size, scale, **params)

VECTORS = [replace(logo.VECTOR, family="poster", draw=draw)]
"""


def test_another_packages_vector(offered: Path) -> None:
    """It is found by its name like ours, and its own source is known, so that a change of it is not
    taken from a cache.
    """
    offered.write_text(OWN)
    vector = get_vector("poster")
    assert np.array_equal(
        vector.render(1, 64, step=1).input, get_vector("logo").render(1, 64, step=1).input
    )
    before = hash_source(vector.draw)
    assert before == hash_source(vector.draw)
    offered.write_text(offered.read_text() + "\n")
    assert hash_source(vector.draw) != before


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (
            "1 / 0",
            (
                r"posters offers posters:VECTORS under editproof\.vectors, but loading it raised"
                r" ZeroDivisionError"
            ),
        ),
        (
            "VECTORS = [1]",
            (
                r"posters offers posters:VECTORS under editproof\.vectors; it must be a Vector, or"
                r" several"
            ),
        ),
        ("from editproof.vectors.registry import VECTORS", "two families are called 'thin_text'"),
    ],
)
def test_a_bad_offer_names_its_package(offered: Path, source: str, message: str) -> None:
    """One line, and what to do."""
    offered.write_text(source)
    with pytest.raises(PluginError, match=message):
        registry.all_vectors()

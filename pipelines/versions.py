"""What determines the reference pipeline's output beside its settings: its code and the libraries it calls."""

from __future__ import annotations

import hashlib
from functools import cache
from importlib.metadata import version
from pathlib import Path

LIBRARIES = (
    "numpy",
    "onnxruntime",
    "opencv-python-headless",
    "pypatchmatch",
    "rapidocr",
    "scikit-image",
    "scipy",
)
"""Libraries whose release may change a pixel. The text detector's weights ship inside rapidocr's wheel."""


@cache
def code_hash() -> str:
    """Hash of this package's source."""
    digest = hashlib.sha256()
    root = Path(__file__).parent
    for path in sorted(root.rglob("*.py")):
        digest.update(path.relative_to(root).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:16]


@cache
def library_versions() -> str:
    """`name==version` of every library that matters."""
    return " ".join(f"{name}=={version(name)}" for name in LIBRARIES)

"""What determines the reference pipeline's output beside its settings: code and libraries."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import cache
from importlib.metadata import version
from pathlib import Path

from editproof.pipelines.contract import Param

LIBRARIES = (
    "diffusers",
    "lpips",
    "numpy",
    "onnxruntime",
    "opencv-python-headless",
    "pypatchmatch",
    "rapidocr",
    "scikit-image",
    "scipy",
    "spandrel",
    "torch",
)
"""Libraries whose release may change a pixel, or a decision. The text detector's weights ship
inside rapidocr's wheel.
"""


@cache
def code_hash() -> str:
    """Hash of this package's source and of the weights that ship with it."""
    digest = hashlib.sha256()
    root = Path(__file__).parent
    for path in sorted([*root.rglob("*.py"), *root.rglob("*.safetensors")]):
        digest.update(path.relative_to(root).as_posix().encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()[:16]


def file_hashes(settings: Mapping[str, Param]) -> str:
    """Of each setting that names a file, as `spandrel:<file>` or a path, its name and the hash of
    what the file holds.
    """
    paths = {
        name: Path(str(value).removeprefix("spandrel:")).expanduser()
        for name, value in settings.items()
        if value
    }
    hashes = {
        name: hashlib.sha256(path.read_bytes()).hexdigest()[:16]
        for name, path in paths.items()
        if path.is_file()
    }
    return " ".join(f"{name}:{digest}" for name, digest in hashes.items())


@cache
def library_versions() -> str:
    """`name==version` of every library that matters."""
    return " ".join(f"{name}=={version(name)}" for name in LIBRARIES)

"""Where LPIPS gets its backbone, without a download if possible. This module imports nothing
heavy.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import zipfile
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from editproof.harness.records.errors import UsageError

ALEXNET_URL = "https://download.pytorch.org/models/alexnet-owt-7be5be79.pth"
"""torchvision's ImageNet AlexNet. The name holds the first digits of the file's SHA-256."""

CONNECT_TIMEOUT_S = 5.0

_SAFETENSORS_NAME = "alexnet_features.safetensors"

OTHERS: Mapping[str, tuple[str, ...]] = {
    "vgg": ("vgg16-397923af.pth",),
    "squeeze": ("squeezenet1_1_features.safetensors", "squeezenet1_1-b8a52dc0.pth"),
}
"""Files of the other networks, as torchvision names them, and as safetensors where golden values
check them. They are used if present, and never downloaded.
"""


@dataclass(frozen=True, slots=True)
class LpipsWeights:
    """The backbone that was found."""

    variant: str
    """`alex`, or `st-alex` if only the shift-tolerant LPIPS is present."""
    path: Path
    sha256: str
    heads: Path
    """Weights of the linear heads; for `st-alex` the same file."""
    note: str
    """One line for the user if this is not the expected backbone; else empty."""
    others: Mapping[str, Path] = field(default_factory=dict)
    """`vgg`, `squeeze` -> its file, if present."""

    def get_other(self, variant: str) -> LpipsWeights | None:
        """The weights of another network; None: they are not present."""
        if variant not in self.others:
            return None
        path = self.others[variant]
        return LpipsWeights(
            variant, path, _sha256(path), _package_file("lpips", f"weights/v0.1/{variant}.pth"), ""
        )

    def digest(self, metrics: Collection[str]) -> str:
        """Hash of the weights that these metrics load."""
        used = [self.get_other(variant) for variant in self.others if f"lpips_{variant}" in metrics]
        return "+".join([self.sha256, *(weights.sha256 for weights in used if weights)])


NO_WEIGHTS = LpipsWeights("alex", Path(), "", Path(), "")
"""Stands in if LPIPS is not measured."""


def find_weights(setting: str, *, download: bool) -> LpipsWeights:
    """Find AlexNet in `setting` (a file or a folder), torch's hub cache, or torchvision's download;
    else take shift-tolerant LPIPS.

    `setting` is `lpips.weights` or EDITPROOF_LPIPS_WEIGHTS. Raises UsageError if it is given and
    holds no weights.
    """
    folder = Path(setting).expanduser()
    others = _find_others([folder, _hub_folder()] if setting else [_hub_folder()])
    if setting:
        return _make_alex(_find_in_setting(folder), others)
    cached = _hub_folder() / ALEXNET_URL.rsplit("/", 1)[1]
    if cached.is_file() or (download and _download(cached)):
        return _make_alex(cached, others)
    path = _package_file("stlpips_pytorch", "weights/vST0.0/alex_shift_tolerant.pth")
    note = (
        "LPIPS: no AlexNet weights here and no download, so shift-tolerant LPIPS is measured"
        " instead, as lpips[st-alex]. For lpips[alex], set EDITPROOF_LPIPS_WEIGHTS or lpips.weights"
        " to a file or folder with AlexNet's weights."
    )
    return LpipsWeights("st-alex", path, _sha256(path), path, note, others)


def _find_others(folders: list[Path]) -> Mapping[str, Path]:
    """Files of the other networks in these folders."""
    found = {}
    for variant, names in OTHERS.items():
        files = [folder / name for folder in folders for name in names if (folder / name).is_file()]
        if files:
            found[variant] = files[0]
    return found


def _find_in_setting(path: Path) -> Path:
    place = "lpips.weights / EDITPROOF_LPIPS_WEIGHTS"
    if path.is_dir():
        candidates = [path / _SAFETENSORS_NAME, path / ALEXNET_URL.rsplit("/", 1)[1]]
        for candidate in candidates:
            if candidate.is_file():
                return candidate
        names = " or ".join(candidate.name for candidate in candidates)
        raise UsageError(f"{place} is {path}, which holds no {names}")
    if not path.is_file():
        raise UsageError(f"{place} is {path}, which does not exist")
    if path.suffix not in {".safetensors", ".pth"}:
        raise UsageError(
            f"{place} is {path}; it must be a .safetensors or .pth file, or a folder with one"
        )
    if not _is_whole(path):
        raise UsageError(
            f"{place} is {path}, which is damaged, or no {path.suffix} file. Fetch it again"
        )
    return path


def _is_whole(path: Path) -> bool:
    """Whether the file is complete, without loading it: a .pth is a zip archive, and a .safetensors
    begins with its header.
    """
    if path.suffix == ".pth":
        return (
            zipfile.is_zipfile(path) or path.read_bytes()[:2] == b"\x80\x02"
        )  # torch before 1.6 wrote a pickle
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        try:
            return length < path.stat().st_size and isinstance(json.loads(file.read(length)), dict)
        except ValueError:
            return False


def _make_alex(path: Path, others: Mapping[str, Path]) -> LpipsWeights:
    return LpipsWeights(
        "alex", path, _sha256(path), _package_file("lpips", "weights/v0.1/alex.pth"), "", others
    )


def _hub_folder() -> Path:
    """torch.hub's checkpoint folder, found as torch does."""
    cache = os.environ.get("XDG_CACHE_HOME", "~/.cache")
    home = os.environ.get("TORCH_HOME", f"{cache}/torch")
    return Path(home).expanduser() / "hub" / "checkpoints"


def _download(target: Path) -> bool:
    """Download AlexNet (233 MB) into torch's hub cache. Returns False if the network does not
    deliver it.
    """
    import urllib.request  # slow to load, and seldom asked for

    partial = target.with_name(f".{target.name}.{os.getpid()}")
    digest = hashlib.sha256()
    try:
        with urllib.request.urlopen(ALEXNET_URL, timeout=CONNECT_TIMEOUT_S) as response:
            target.parent.mkdir(parents=True, exist_ok=True)
            with partial.open("wb") as file:
                while chunk := response.read(1 << 20):
                    digest.update(chunk)
                    file.write(chunk)
    except OSError:  # no network, no such host, no room: all mean that it cannot be had now
        partial.unlink(missing_ok=True)
        return False
    if not digest.hexdigest().startswith(target.stem.rsplit("-", 1)[1]):
        partial.unlink()
        return False
    partial.replace(target)
    return True


def _package_file(package: str, name: str) -> Path:
    """Find a file inside an installed package without importing it."""
    spec = importlib.util.find_spec(package)
    for folder in (spec.submodule_search_locations or []) if spec else []:
        path = Path(folder) / name
        if path.is_file():
            return path
    raise UsageError(
        f"the package {package} is not installed, or lacks {name}. Install editproof again"
    )


@cache
def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()

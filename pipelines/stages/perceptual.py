"""LPIPS of a result outside the mask, by the `lpips` package and AlexNet's weights from a file."""

from __future__ import annotations

import json
import os
import warnings
import zipfile
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from editproof.pipelines.contract import ContractError, Image
from editproof.pipelines.device import find_device, full_precision

Pixels = np.ndarray[Any, np.dtype[np.bool_]]
"""H×W: some of a picture's pixels."""

SETTING = "verify.lpips_weights"
VARIABLE = "EDITPROOF_LPIPS_WEIGHTS"

NAMES = ("alexnet_features.safetensors", "alexnet-owt-7be5be79.pth")
"""What AlexNet's file is called in a folder: its convolutions alone, or torchvision's download."""

LAYERS = {0: "slice1", 3: "slice2", 6: "slice3", 8: "slice4", 10: "slice5"}
"""Where the package keeps each of torchvision's convolutions, `features.<number>`."""

GOLDEN = 0.6993
"""LPIPS of the golden pair with torchvision's AlexNet; other weights give another number."""
GOLDEN_TOLERANCE = 0.002

TILE_PX = 512
"""Edge of the squares that are compared one by one, so that memory does not grow with the picture.
"""

LEAST_PX = 64
"""Smaller pieces are mirrored to this edge: AlexNet's last layers need something to see."""

REACH_PX = 3
"""This near to the hole an enlarged picture, made small again, has taken from it; those pixels do
not count.
"""


def find_weights(setting: str) -> Path:
    """AlexNet's file: `setting`, a file or a folder, or where that is empty, what
    EDITPROOF_LPIPS_WEIGHTS names.

    Loads nothing. Raises ContractError where there is none, or the file is of another kind.
    """
    name = setting or os.environ.get(VARIABLE, "")
    remedy = (
        f"set {SETTING} or the environment variable {VARIABLE} to a folder or file with AlexNet's"
        " weights"
    )
    if not name:
        raise ContractError(
            f"verify.max_lpips is set, and there are no weights to measure LPIPS with: {remedy}"
        )
    place, path = SETTING if setting else VARIABLE, Path(name).expanduser()
    if path.is_dir():
        path = next((path / known for known in NAMES if (path / known).is_file()), path / NAMES[0])
    if not path.is_file():
        raise ContractError(
            f"verify.max_lpips is set, and {place} leads to {path}, which is not there: {remedy}"
        )
    if not _may_hold_alexnet(path):
        raise ContractError(
            f"{place} leads to {path}, which holds no AlexNet as torchvision names it: {remedy}"
        )
    return path


def lpips_outside(large: Image, image: Image, hole: Pixels, weights: Path) -> float | None:
    """Mean LPIPS (Zhang et al. 2018, v0.1, AlexNet) of the result, made small again by area, with
    the input.

    Over pixels that are not near the hole, which is shown the same in both; None where there is
    none. Raises ContractError where the weights are not AlexNet's.
    """
    reach = np.ones((2 * REACH_PX + 1, 2 * REACH_PX + 1), np.uint8)
    near = cv2.dilate(hole.astype(np.uint8), reach).astype(bool)
    if near.all():
        return None
    network, scale, total = _load_network(weights), large.shape[0] // image.shape[0], 0.0
    for rows, columns in _tiles(near.shape):
        before, out = image[rows, columns], near[rows, columns]
        at = (
            slice(rows.start * scale, rows.stop * scale),
            slice(columns.start * scale, columns.stop * scale),
        )
        again = np.asarray(
            cv2.resize(large[at], before.shape[1::-1], interpolation=cv2.INTER_AREA), np.float32
        )
        again[out] = before[out]
        total += float(_distances(network, again, before)[~out].sum(dtype=np.float64))
    return total / int((~near).sum())


def _tiles(shape: tuple[int, ...]) -> Iterator[tuple[slice, slice]]:
    height, width = shape
    for top in range(0, height, TILE_PX):
        for left in range(0, width, TILE_PX):
            yield slice(top, min(top + TILE_PX, height)), slice(left, min(left + TILE_PX, width))


def _distances(network: Any, one: Image, other: Image) -> np.ndarray[Any, np.dtype[np.float32]]:
    """The distance at every pixel, H×W."""
    import torch

    height, width = one.shape[:2]
    edges = [(0, max(0, LEAST_PX - length)) for length in (height, width)]
    pictures = [
        torch.from_numpy(
            np.ascontiguousarray(
                np.pad(picture, [*edges, (0, 0)], mode="symmetric").transpose(2, 0, 1)
            )
        )
        for picture in (one, other)
    ]
    device = find_device()
    with torch.inference_mode(), full_precision():
        plane = network(pictures[0][None].to(device), pictures[1][None].to(device), normalize=True)[
            0, 0
        ]
    return np.asarray(plane[:height, :width].cpu().numpy(), np.float32)


@lru_cache(maxsize=1)
def _load_network(path: Path) -> Any:
    """The package's network with the weights of the file, proven by the golden pair. Raises
    ContractError.
    """
    from lpips import LPIPS

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the package calls torchvision in an old way
        network = LPIPS(net="alex", spatial=True, pnet_rand=True, verbose=False)
    try:
        state = _read_weights(path)
        renamed = {
            f"{part}.{number}.{kind}": state[f"features.{number}.{kind}"].float()
            for number, part in LAYERS.items()
            for kind in ("weight", "bias")
        }
        network.net.load_state_dict(renamed)
        network.to(find_device())
    except (KeyError, RuntimeError, ValueError, OSError) as error:
        raise ContractError(
            f"{path} holds no AlexNet as torchvision names it; look at {SETTING}: {error}"
        ) from error
    found = float(_distances(network, *golden_pair()).mean())
    if not abs(found - GOLDEN) <= GOLDEN_TOLERANCE:
        raise ContractError(
            f"{path} is not torchvision's trained AlexNet: LPIPS of a known pair is {found:.4f},"
            f" {GOLDEN:.4f} was expected. Fetch it again, or set {SETTING} to another file"
        )
    return network


def golden_pair() -> tuple[Image, Image]:
    """Two pictures whose LPIPS is known: oblique waves, and a checkerboard."""
    y, x = np.mgrid[:LEAST_PX, :LEAST_PX].astype(np.float32)
    waves = np.stack([0.5 + 0.4 * np.sin(x / 3 + y / (4 + shift)) for shift in range(3)], axis=2)
    board = np.repeat((((x // 8 + y // 8) % 2) * 0.6 + 0.2)[..., None], 3, axis=2)
    return waves.astype(np.float32), board.astype(np.float32)


def _may_hold_alexnet(path: Path) -> bool:
    """Whether the file may hold AlexNet, by its kind and, of a .safetensors, the names in its
    header.
    """
    if path.suffix == ".pth":
        return (
            zipfile.is_zipfile(path) or path.read_bytes()[:2] == b"\x80\x02"
        )  # torch before 1.6 wrote a pickle
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        try:
            header = json.loads(file.read(length)) if length < path.stat().st_size else None
        except ValueError:
            return False
    return isinstance(header, dict) and {f"features.{number}.weight" for number in LAYERS} <= set(
        header
    )


def _read_weights(path: Path) -> dict[str, Any]:
    if path.suffix == ".pth":
        import torch

        state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
        return state
    from safetensors.torch import load_file

    return load_file(path)

"""Convolutions with a third of the multiplications, for networks on a processor (Winograd 1980,
Lavin & Gray 2016).

A tile of the map and the kernel are evaluated as polynomials at a few points and multiplied there.
The tile of the result is interpolated. In float32 the values are as accurate as those of a direct
convolution.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from torch import Tensor

TILES = {3: 4, 5: 3}
"""Edge of a kernel -> edge of the tile of the result."""

POINTS = (0.0, 1.0, -1.0, 2.0, -0.5, -2.0)
"""Where polynomials are evaluated, besides infinity. Tile and kernel say how many are needed
(Barabasz et al. 2020).
"""

MIN_CHANNELS = 64
"""With fewer channels on either side, the transforms cost more than they save."""

MIN_PIXELS = 256
"""For smaller results, reading the transformed kernels takes longer than a direct convolution."""

CHUNK_TILES = 1024
"""Tiles computed at a time, which bounds the memory for any map."""

Matrix = npt.NDArray[np.float64]


class Kernels(NamedTuple):
    """A layer's kernels at the points, and the transforms to and from them."""

    tile: int
    edge: int
    """Edge of a tile of the input map: the result's tile and the windows' reach."""
    at_points: Tensor
    """Points²×in×out channels."""
    evaluate: Tensor
    """Points×edge, along either axis."""
    interpolate: Tensor
    """Tile×points, along either axis."""


def is_suitable(weight: Tensor, stride: int) -> bool:
    """Whether a layer, out×in×k×k, gains from it on its device. A GPU's library does the same by
    itself.
    """
    return (
        weight.device.type == "cpu"
        and stride == 1
        and weight.shape[2] in TILES
        and min(weight.shape[:2]) >= MIN_CHANNELS
    )


def transform_kernels(weight: Tensor) -> Kernels:
    """Transform the kernels of a layer, out×in×k×k."""
    import torch

    kernel = weight.shape[2]
    tile = TILES[kernel]
    there, of_kernel, back = _matrices(tile, kernel)
    wide = weight.double()
    rows = torch.from_numpy(of_kernel)
    at_points = torch.einsum("ak,oikl,bl->abio", rows, wide, rows).flatten(0, 1)
    evaluate, interpolate = (torch.from_numpy(one).float() for one in (there, back))
    return Kernels(tile, tile + kernel - 1, at_points.float().contiguous(), evaluate, interpolate)


def _matrices(tile: int, kernel: int) -> tuple[Matrix, Matrix, Matrix]:
    """The transforms of a tile and of a kernel to the points, and back to a tile of the result
    (Toom & Cook).
    """
    edge = tile + kernel - 1
    points = np.array(POINTS[: edge - 1])
    others = [np.delete(points, number) for number in range(edge - 1)]
    there = np.zeros((edge, edge))
    of_kernel, back = np.zeros((edge, kernel)), np.zeros((tile, edge))
    for number, point in enumerate(points):
        there[number, : edge - 1] = np.poly(others[number])[::-1]
        of_kernel[number] = point ** np.arange(kernel) / np.prod(point - others[number])
        back[:, number] = point ** np.arange(tile)
    there[-1] = np.poly(points)[::-1]
    of_kernel[-1, -1] = back[-1, -1] = 1
    # Both sides of the product are made about equally large; powers of two round nothing.
    balance = 2.0 ** np.round(
        np.log2(np.abs(of_kernel).sum(axis=1) / np.abs(there).sum(axis=1)) / 2
    )
    return there * balance[:, None], of_kernel / balance[:, None], back


def is_worthwhile(x: Tensor, kernels: Kernels, zeros: int) -> bool:
    """Whether maps, n×in×H×W, are large enough."""
    reach = kernels.edge - kernels.tile
    height, width = (length + 2 * zeros - reach for length in x.shape[2:])
    return len(x) * height * width >= MIN_PIXELS


def convolve(x: Tensor, kernels: Kernels, bias: Tensor, zeros: int) -> Tensor:
    """Convolve maps, n×in×H×W, that are padded with `zeros` zeros. Returns n×out×h×w, channels last
    in memory.
    """
    import torch
    from torch.nn.functional import pad

    tile, reach = kernels.tile, kernels.edge - kernels.tile
    height, width = (length + 2 * zeros - reach for length in x.shape[2:])
    rows, columns = -(-height // tile), -(-width // tile)
    below, right = (
        n * tile + reach - zeros - length
        for n, length in zip((rows, columns), x.shape[2:], strict=True)
    )
    padded = pad(x.permute(0, 2, 3, 1), (0, 0, zeros, right, zeros, below))
    step = max(CHUNK_TILES // (columns * len(x)), 1)
    strips = []
    for first in range(0, rows, step):
        last = min(first + step, rows)
        strips.append(
            _convolve_strip(
                padded[:, first * tile : last * tile + reach], kernels, last - first, columns
            )
        )
    whole = strips[0] if len(strips) == 1 else torch.cat(strips, dim=1)
    return whole[:, :height, :width].add(bias).permute(0, 3, 1, 2)


def _convolve_strip(part: Tensor, kernels: Kernels, rows: int, columns: int) -> Tensor:
    """Some rows of tiles of the result, n×h×w×out, from the padded maps below them, n×H×W×in."""
    tile, edge, count = kernels.tile, kernels.edge, len(part)
    tiles = part.unfold(1, edge, tile).unfold(2, edge, tile).permute(4, 5, 0, 1, 2, 3)
    points = _multiply_both_axes(kernels.evaluate, tiles.reshape(edge, -1))
    products = points.view(edge * edge, count * rows * columns, -1) @ kernels.at_points
    results = _multiply_both_axes(kernels.interpolate, products.view(edge, -1))
    parts = results.view(tile, tile, count, rows, columns, -1).permute(2, 3, 0, 4, 1, 5)
    return parts.reshape(count, rows * tile, columns * tile, -1)


def _multiply_both_axes(matrix: Tensor, values: Tensor) -> Tensor:
    """Multiply squares of n×n numbers, n×(n·rest), by the m×n matrix along both axes: m×m×rest."""
    m, n = matrix.shape
    return matrix @ (matrix @ values).view(m, n, -1)

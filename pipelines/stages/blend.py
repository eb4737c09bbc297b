"""Join the fill and the picture: hard, feathered along the soft mask, or by Poisson blending."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from scipy import sparse
from scipy.sparse.linalg import spsolve

from pipelines.contract import Image
from pipelines.edit import Edit, Step

_NEIGHBOURS = ((-1, 0), (1, 0), (0, -1), (0, 1))


def blend(edit: Edit) -> Step:
    """Put the fill into the picture by `blend.mode`; pixels whose mask is 0 stay bit-equal."""
    mode = edit.config.blend.mode
    hole = edit.mask > 0
    if mode == "hard":
        image = np.where(hole[..., None], edit.fill, edit.image)
    elif mode == "feather":
        alpha = edit.mask[..., None]
        image = np.where(hole[..., None], alpha * edit.fill + (1 - alpha) * edit.image, edit.image)
    else:
        image = poisson(edit.image, edit.fill, hole)
    return Step(replace(edit, image=image, blended=image), image, f"{mode} over {int(hole.sum())} px")


def poisson(image: Image, fill: Image, hole: np.ndarray[Any, np.dtype[np.bool_]]) -> Image:
    """The fill's gradients inside the hole, the picture's values on its rim (Pérez et al. 2003), solved exactly.

    Where the hole meets the image border there is no rim and the border's gradient is taken as zero.
    """
    if not hole.any() or hole.all():
        return np.where(hole[..., None], fill, image)
    height, width = hole.shape
    number = np.full(hole.shape, -1)
    ys, xs = np.nonzero(hole)
    number[ys, xs] = np.arange(len(ys))
    diagonal = np.zeros(len(ys))
    right = np.zeros((len(ys), 3))
    rows, columns = [], []
    for dy, dx in _NEIGHBOURS:
        ny, nx = ys + dy, xs + dx
        there = (ny >= 0) & (ny < height) & (nx >= 0) & (nx < width)
        here = np.nonzero(there)[0]
        ny, nx = ny[there], nx[there]
        diagonal[here] += 1
        right[here] += fill[ys[here], xs[here]].astype(np.float64) - fill[ny, nx]
        inner = hole[ny, nx]
        rows.append(here[inner])
        columns.append(number[ny[inner], nx[inner]])
        right[here[~inner]] += image[ny[~inner], nx[~inner]]
    row, column = np.concatenate(rows), np.concatenate(columns)
    laplacian = sparse.coo_matrix((-np.ones(len(row)), (row, column)), shape=(len(ys), len(ys)))
    solution = spsolve((laplacian + sparse.diags(diagonal)).tocsc(), right)
    blended = image.copy()
    blended[ys, xs] = np.clip(solution.reshape(-1, 3), 0, 1)
    return blended

"""Join the fill and the picture: hard, feathered along the soft mask, octave by octave, or by
Poisson blending.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import cv2
import numpy as np
from scipy import sparse
from scipy.sparse.linalg import spsolve

from editproof.pipelines.contract import Image, Mask
from editproof.pipelines.edit import Edit, Step

_NEIGHBOURS = ((-1, 0), (1, 0), (0, -1), (0, 1))


def blend(edit: Edit) -> Step:
    """Put the fill into the picture by `blend.mode`. Pixels whose mask is 0 stay bit-equal."""
    mode = edit.config.blend.mode
    hole = edit.mask > 0
    if mode == "hard":
        image = np.where(hole[..., None], edit.fill, edit.image)
    elif mode == "feather":
        alpha = edit.mask[..., None]
        image = np.where(hole[..., None], alpha * edit.fill + (1 - alpha) * edit.image, edit.image)
    elif mode == "laplacian":
        image = laplacian(edit.image, edit.fill, edit.mask)
    else:
        image = poisson(edit.image, edit.fill, hole)
    return Step(
        replace(edit, image=image, blended=image), image, f"{mode} over {int(hole.sum())} px"
    )


def laplacian(image: Image, fill: Image, mask: Mask, *, octaves: int = 4) -> Image:
    """Blend the fill over the picture by a soft mask, each octave over its own width (Burt &
    Adelson 1983).

    Nothing of what is under the mask's core takes part, so none of it comes back. Where fill and
    picture agree, the result is exactly that. Where the mask is 0, it is the picture.
    """
    hole = (mask > 0)[..., None]
    ground = np.where((mask == 1)[..., None], fill, image)
    fine, weight = fill - ground, mask
    mixed = ground.copy()
    sizes = []
    for _ in range(octaves):
        if min(weight.shape) < 2:
            break
        sizes.append(weight.shape[::-1])
        coarse = cv2.pyrDown(fine)
        detail = fine - cv2.pyrUp(coarse, dstsize=sizes[-1])
        mixed += _enlarge_level(weight[..., None] * detail, sizes[:-1])
        fine, weight = np.asarray(coarse, np.float32), np.asarray(cv2.pyrDown(weight), np.float32)
    mixed += _enlarge_level(weight[..., None] * fine, sizes)
    return np.where(hole, np.clip(mixed, 0, 1), image)


def _enlarge_level(level: Image, sizes: list[tuple[int, ...]]) -> Image:
    """A level of a pyramid at the size of its bottom."""
    for size in reversed(sizes):
        level = np.asarray(cv2.pyrUp(level, dstsize=size), np.float32)
    return level


def poisson(image: Image, fill: Image, hole: np.ndarray[Any, np.dtype[np.bool_]]) -> Image:
    """The fill's gradients inside the hole, the picture's values on its rim (Pérez et al. 2003),
    solved exactly.

    Where the hole meets the image border there is no rim and the border's gradient is taken as
    zero.
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

"""The interface of every inpainting model, and what all of them need."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import NamedTuple, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from editproof.pipelines.contract import ContractError, Image, Mask, check_image, check_plane

Hole = npt.NDArray[np.bool_]
"""H×W: what is to be filled."""

StepsCallback = Callable[[int, Image], None]
"""Is given the number of a denoising step, from 0, and the crop as it then is."""


class FillModel(Protocol):
    """Fills the hole in a crop. Only its pixels in the hole are used, so it may change any.

    A model is cheap to make: what it loads, it loads at its first fill.
    """

    @property
    def stochastic(self) -> bool:
        """Whether the seed matters."""

    @property
    def fingerprint(self) -> str:
        """Names everything beside the arguments that determines a fill: weights and settings."""

    @property
    def note(self) -> str:
        """What a person may want to know about the last fill; empty: nothing."""

    def __call__(
        self,
        image: Image,
        hole: Hole,
        soft: Mask,
        seed: int,
        *,
        prompt: str = "",
        steps_callback: StepsCallback | None = None,
    ) -> Image:
        """Give the crop back with its hole filled: H×W×3, float32, in [0, 1]; the same for the same
        seed.

        soft: the softened mask, 1 in its core. prompt: for models that take one. steps_callback: is
        given the denoising steps that `inpaint.keep_steps` names. Raises ContractError where the
        arguments are of the wrong shape, type or range, or all of the crop is hole.
        """


class Crop(NamedTuple):
    """What a model is given to fill."""

    image: Image
    hole: Hole
    soft: Mask
    """The mask with its soft edge."""
    seed: int


@runtime_checkable
class BatchFillModel(Protocol):
    """What a FillModel is, too, that takes several crops at once."""

    def fill_many(self, crops: Sequence[Crop], *, prompt: str = "") -> list[Image]:
        """Crops of one size, filled: to the bit as one by one on a processor, but for the last bits
        of a float on a GPU.

        Each crop's noise comes from its own seed, so neither its neighbours in the batch nor their
        order matter. Raises ContractError as a single fill does.
        """


def check_crop(image: Image, hole: Hole, soft: Mask) -> None:
    """Raise ContractError unless a crop can be filled."""
    check_image(image, "the crop")
    check_plane(soft, "the soft mask")
    if hole.dtype != np.bool_:
        raise ContractError(
            f"the hole is {hole.dtype}; it must be bool, True where the crop is to be filled"
        )
    for name, plane in (("hole", hole), ("soft mask", soft)):
        if plane.shape != image.shape[:2]:
            raise ContractError(
                f"the {name} has shape {plane.shape}; the crop's {image.shape[:2]} was expected"
            )
    if hole.all():
        raise ContractError("the whole crop is masked: there is nothing to fill it from")


def pad_to_multiple(plane: npt.NDArray[np.generic], multiple_px: int) -> npt.NDArray[np.generic]:
    """Grow an H×W or H×W×3 array to the right and below, mirrored, until both edges are multiples
    of `multiple_px`.
    """
    edges = [(0, -length % multiple_px) for length in plane.shape[:2]]
    return np.pad(plane, [*edges, *[(0, 0)] * (plane.ndim - 2)], mode="symmetric")


def hash_files(files: Iterable[Path]) -> str:
    """SHA-256 of files' names and contents, its first 16 hex digits."""
    digest = hashlib.sha256()
    for path in sorted(files):
        digest.update(path.name.encode() + b"\0")
        with path.open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()[:16]

"""`spandrel:<file>`: LaMa, and what other inpainting models spandrel knows."""

from __future__ import annotations

from functools import cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from editproof.pipelines.contract import Image, Mask
from editproof.pipelines.device import full_precision
from editproof.pipelines.models.fill import Hole, StepsCallback, check_crop, hash_files
from editproof.pipelines.network_file import read_network

if TYPE_CHECKING:
    from spandrel import MaskedImageModelDescriptor


class SpandrelFill:
    """A model file as a FillModel."""

    stochastic = False
    note = ""

    def __init__(self, path: Path) -> None:
        self.path = path

    @cached_property
    def fingerprint(self) -> str:
        """The file's hash."""
        return f"spandrel {hash_files([self.path])}"

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
        """Fill the hole in one pass; there are no prompts and no steps. spandrel pads to the sizes
        that the model needs.
        """
        check_crop(image, hole, soft)
        if not hole.any():
            return image.copy()
        import torch

        network = load_network(self.path)
        visible = np.where(hole[..., None], np.float32(0), image)  # no model may see what has to go
        with torch.inference_mode(), full_precision():
            filled = network(
                torch.from_numpy(np.ascontiguousarray(visible.transpose(2, 0, 1)))[None].to(
                    network.device
                ),
                torch.from_numpy(hole.astype(np.float32))[None, None].to(network.device),
            )
        return np.ascontiguousarray(
            np.clip(filled[0].float().cpu().numpy().transpose(1, 2, 0), 0, 1), np.float32
        )


@lru_cache(maxsize=2)
def load_network(path: Path) -> MaskedImageModelDescriptor[Any]:
    """An inpainting network of RGB pictures, where EDITPROOF_DEVICE says; from safetensors, or a
    .pth without code in it.

    Raises ContractError where the file is no such network.
    """
    from spandrel import MaskedImageModelDescriptor

    network: MaskedImageModelDescriptor[Any] = read_network(
        path,
        MaskedImageModelDescriptor,
        purpose="Inpainting",
        wanted="a model that inpaints RGB pictures",
    )
    return network

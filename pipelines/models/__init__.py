"""Inpainting models by name. What a model needs is imported when it is used, not before."""

from __future__ import annotations

from typing import TYPE_CHECKING

from editproof.pipelines.models.fill import FillModel
from editproof.pipelines.models.names import (
    CLASSICAL,
    DIFFUSERS,
    MICROFILL,
    check_model,
    diffusers_source,
    spandrel_file,
)

if TYPE_CHECKING:  # it imports the names
    from editproof.pipelines.config import InpaintConfig

__all__ = ["FillModel", "get_model"]


def get_model(name: str, config: InpaintConfig) -> FillModel:
    """The model of that name: pipelines/models/names.py. Raises ContractError where there is none,
    or its file is missing.
    """
    check_model(name)
    if name in CLASSICAL:
        from editproof.pipelines.models.classical import ClassicalFill

        return ClassicalFill(name, config)
    if name == MICROFILL or name.startswith(DIFFUSERS):
        from editproof.pipelines.models.diffusion import WEIGHTS, DiffusionFill

        return DiffusionFill(WEIGHTS if name == MICROFILL else diffusers_source(name), config)
    from editproof.pipelines.models.spandrel_fill import SpandrelFill

    return SpandrelFill(spandrel_file(name))

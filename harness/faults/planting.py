"""How a fault or a harmless change takes a stage's place.

Most run the stage and change what it hands on: the picture, the mask or the fill. Each function
here makes such a `Plant` from a function of that picture alone.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from editproof.harness.faults.effects import clip_to_float32
from editproof.pipelines.config import ReferenceConfig
from editproof.pipelines.contract import Image, Mask, Param
from editproof.pipelines.edit import Edit, Step

Stage = Callable[[Edit], Step]
Plant = Callable[[Stage, Edit, float], Step]
"""`plant(stage, edit, strength)` runs in place of `stage(edit)`."""

Spoil = Callable[[Image, Edit, float], Image]
"""`spoil(picture, edit, strength)` gives the stage's picture with the fault."""
SpoilMask = Callable[[Mask, Edit, float], Mask]


def spoil_image(spoil: Spoil) -> Plant:
    """Change the picture that the stage hands on."""

    def plant(stage: Stage, edit: Edit, strength: float) -> Step:
        step = stage(edit)
        image = spoil(step.edit.image, step.edit, strength)
        return replace(step, edit=replace(step.edit, image=image), artefact=image)

    return plant


def spoil_input(spoil: Spoil) -> Plant:
    """Change the picture that the pipeline decodes."""

    def plant(stage: Stage, edit: Edit, strength: float) -> Step:
        step = stage(edit)
        image = spoil(step.edit.image, step.edit, strength)
        request = replace(step.edit.request, image=image)
        return replace(
            step,
            edit=replace(step.edit, request=request, image=image, fill=image, blended=image),
            artefact=image,
        )

    return plant


def spoil_mask(spoil: SpoilMask) -> Plant:
    """Change the mask."""

    def plant(stage: Stage, edit: Edit, strength: float) -> Step:
        step = stage(edit)
        mask = np.asarray(spoil(step.edit.mask, edit, strength), np.float32)
        return replace(step, edit=replace(step.edit, mask=mask), artefact=mask)

    return plant


def spoil_fill(spoil: Spoil) -> Plant:
    """Change the fill inside the mask."""

    def plant(stage: Stage, edit: Edit, strength: float) -> Step:
        step = stage(edit)
        spoiled = spoil(step.edit.fill, step.edit, strength)
        fill = np.where((step.edit.mask > 0)[..., None], spoiled, step.edit.fill)
        return replace(step, edit=replace(step.edit, fill=fill), artefact=fill)

    return plant


def spoil_blend(spoil: Spoil) -> Plant:
    """Change the blended picture."""

    def plant(stage: Stage, edit: Edit, strength: float) -> Step:
        step = stage(edit)
        image = spoil(step.edit.image, edit, strength)
        return replace(step, edit=replace(step.edit, image=image, blended=image), artefact=image)

    return plant


def apply_everywhere(effect: Callable[[Image, float], Image]) -> Spoil:
    """Apply an effect to the whole picture."""
    return lambda image, _, strength: effect(image, strength)


def change_settings(change: Callable[[ReferenceConfig, float], dict[str, Param]]) -> Plant:
    """Run the stage with other settings."""

    def plant(stage: Stage, edit: Edit, strength: float) -> Step:
        other = edit.config.with_settings(change(edit.config, strength))
        step = stage(replace(edit, config=other))
        return replace(step, edit=replace(step.edit, config=edit.config))

    return plant


def plant_in_share(plant: Plant) -> Plant:
    """Plant the fault in a share of the pictures, always in the same ones."""

    def plant_by_hash(stage: Stage, edit: Edit, strength: float) -> Step:
        digest = hashlib.sha256(np.ascontiguousarray(edit.request.image).tobytes()).digest()
        is_chosen = int.from_bytes(digest[:4], "big") < strength * 2**32
        return plant(stage, edit, strength) if is_chosen else stage(edit)

    return plant_by_hash


def skip_stage(stage: Stage, edit: Edit, strength: float) -> Step:
    """Take back a share of what the stage did to the picture."""
    step = stage(edit)
    image = clip_to_float32(step.edit.image + np.float32(strength) * (edit.image - step.edit.image))
    return replace(step, edit=replace(step.edit, image=image), artefact=image)


def run_unchanged(stage: Stage, edit: Edit, _: float) -> Step:
    """Run the stage as it is."""
    return stage(edit)
